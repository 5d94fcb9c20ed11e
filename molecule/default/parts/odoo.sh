#!/usr/bin/env bash
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Odoo behind its settings file; at the very first start fills its database from the baked dump. Works in the official image too.
set -euo pipefail

root=/srv/dfr/odoo
install -d -m 0755 /etc/ssl/dfr
install -m 0644 /dfrlab/host/ca.pem /etc/ssl/dfr/ca.pem
install -d -m 0755 -o odoo -g odoo "$root" "$root/data" "$root/data/filestore" "$root/data/sessions"
install -d -m 0750 -o root -g odoo "$root/etc"
if [ ! -e "$root/etc/odoo.conf" ]; then
  install -m 0640 -o root -g odoo /dfrlab/host/odoo.conf "$root/etc/odoo.conf"
fi

as_odoo() {
  setpriv --reuid=odoo --regid=odoo --init-groups env HOME="$root/data" PGSSLROOTCERT=/etc/ssl/dfr/ca.pem "$@"
}
if [ ! -e "$root/data/.seeded" ]; then
  for _ in $(seq 150); do
    pg_isready --quiet --host="$LAB_DATABASE_HOST" && break
    sleep 0.2
  done
  install -m 0600 -o odoo -g odoo /dfrlab/host/seed.json /run/seed.json
  as_odoo python3 /dfrlab/parts/seed/registry.py /run/seed.json
  rm /run/seed.json
  touch "$root/data/.seeded"
fi
exec setpriv --reuid=odoo --regid=odoo --init-groups env HOME="$root/data" PGSSLROOTCERT=/etc/ssl/dfr/ca.pem \
  odoo server --config="$root/etc/odoo.conf"
