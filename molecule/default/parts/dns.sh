#!/usr/bin/env bash
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# A BIND: primary, secondary or resolver, after the settings in /dfrlab/host/named.conf.
set -euo pipefail

install -d -m 0775 -o bind -g bind /var/cache/bind /var/lib/bind /run/named
install -m 0640 -o root -g bind /dfrlab/host/named.conf /etc/bind/named.conf
install -m 0644 /dfrlab/parts/dns/root.zone /var/lib/bind/root.zone
if [ -e /dfrlab/host/zone ] && [ ! -e /var/lib/bind/zone ]; then
  install -m 0664 -o bind -g bind /dfrlab/host/zone /var/lib/bind/zone
fi
exec named -f -g -u bind -c /etc/bind/named.conf
