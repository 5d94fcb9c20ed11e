#!/usr/bin/env bash
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Starts the legacy database on its virtual machine; at the first start makes the old registry and its accounts.
set -euo pipefail

data=/var/lib/mysql
install -d -m 0755 -o mysql -g mysql /run/mysqld "$data" /var/log/mysql
install -d -m 0750 -o mysql -g mysql /etc/mysql/tls
for name in ca.pem cert.pem key.pem; do
  install -m 0640 -o root -g mysql "/dfrlab/host/$name" "/etc/mysql/tls/$name"
done
cat > /etc/mysql/mariadb.conf.d/99-lab.cnf <<'CNF'
[mariadbd]
bind-address = 0.0.0.0
skip-name-resolve
require-secure-transport = ON
ssl-ca = /etc/mysql/tls/ca.pem
ssl-cert = /etc/mysql/tls/cert.pem
ssl-key = /etc/mysql/tls/key.pem
max-connections = 100
innodb-buffer-pool-size = 128M
CNF

first=
if [ ! -d "$data/mysql" ]; then
  first=yes
  mariadb-install-db --user=mysql --datadir="$data" --skip-test-db --auth-root-authentication-method=socket >/dev/null
fi
mariadbd-safe --user=mysql --syslog-tag=lab >/dev/null 2>&1 &
for _ in $(seq 150); do
  mariadb-admin --silent ping >/dev/null 2>&1 && break
  sleep 0.2
done
if [ -n "$first" ]; then
  # The accounts come last: whoever can log in finds a complete registry.
  { cat /dfrlab/host/settings.sql /dfrlab/parts/seed/legacy.sql; } | mariadb
fi
