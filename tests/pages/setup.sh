#!/usr/bin/env bash
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# What only the pages' tests need: a browser and what drives it. Does only what is left to do.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

wanted=$(sha256sum <"$here/requirements.txt")
noted=$VIRTUAL_ENV/.requirements-pages
if [ "$(cat "$noted" 2>/dev/null)" != "$wanted" ]; then
  pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  echo "$wanted" >"$noted"
fi

command -v chromium >/dev/null || command -v google-chrome >/dev/null && exit 0
# shellcheck source=/dev/null
if [ "$(. /etc/os-release && echo "$ID")" = debian ] && [ "$(id -u)" = 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
else
  # Ubuntu's package is a snap, which a browser for tests can't be.
  playwright install chromium
fi
