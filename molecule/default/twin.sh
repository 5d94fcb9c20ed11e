#!/usr/bin/env bash
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# twin.sh: the lab country once more, made anew: the same inventory with containers and addresses of its own, in
# artifacts/twin. A story is told on it with STORY_HOME=artifacts/twin in the environment.
set -euo pipefail
cd "$(dirname "$0")/../.."

inventory=artifacts/twin/inventories/demo
ansible-playbook molecule/default/destroy.yml -e @molecule/default/vars/twin.yml
mkdir -p "$inventory" artifacts/twin/artifacts
for part in hosts.yml group_vars legacy signoffs; do
  rm -rf "${inventory:?}/$part"
  cp -R "inventories/demo/$part" "$inventory/$part"
done
find "$inventory/hosts.yml" "$inventory/group_vars" -type f \
  -exec sed -i 's/\bdfrlab-/dfrtwin-/g; s/\b10\.28\./10.30./g' {} +
ansible-playbook molecule/default/create.yml -e @molecule/default/vars/twin.yml \
  -e "@$inventory/group_vars/all/applications.yml" -e "@$inventory/group_vars/all/edge.yml"
