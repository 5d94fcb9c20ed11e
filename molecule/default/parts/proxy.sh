#!/usr/bin/env bash
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# nginx in front of production. Its door, page and certificate lie in /srv/dfr/proxy, which the virtual machine shares.
set -euo pipefail

root=/srv/dfr/proxy
install -d -m 0755 "$root" "$root/tls" "$root/www"
if [ ! -e "$root/door.conf" ]; then
  install -m 0644 /dfrlab/host/cert.pem "$root/tls/cert.pem"
  install -m 0600 /dfrlab/host/key.pem "$root/tls/key.pem"
  install -m 0644 /dfrlab/parts/proxy/closed.html "$root/www/closed.html"
  install -m 0644 /dfrlab/parts/proxy/door.conf "$root/door.conf"
fi
exec nginx -c /dfrlab/parts/proxy/nginx.conf -g 'daemon off;'
