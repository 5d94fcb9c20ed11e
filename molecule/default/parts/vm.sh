#!/usr/bin/env bash
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# What runs on a virtual machine of the lab: sshd, cron, and on the legacy one its database; then the writer, if it has one.
# /dfrlab/host holds this machine's keys and settings, /dfrlab/parts these scripts.
set -euo pipefail

# After a restart the numbers in these files may belong to anybody.
rm -f /run/dfrlab-writer.pid /run/crond.pid /run/sshd.pid
install -d -m 0755 /run/sshd /etc/ssl/dfr /var/log/dfrlab
install -m 0644 /dfrlab/host/ca.pem /etc/ssl/dfr/ca.pem
install -m 0600 /dfrlab/host/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key
install -m 0644 /dfrlab/host/ssh_host_ed25519_key.pub /etc/ssh/ssh_host_ed25519_key.pub
install -d -m 0700 -o ops -g ops /home/ops/.ssh
install -m 0600 -o ops -g ops /dfrlab/host/authorized_keys /home/ops/.ssh/authorized_keys
cat > /etc/ssh/sshd_config.d/lab.conf <<'SSHD'
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
PermitRootLogin no
UseDNS no
MaxSessions 100
MaxStartups 100:30:200
SSHD

if [ -x /usr/sbin/mariadbd ]; then
  /dfrlab/parts/mariadb.sh
fi
cron
/usr/sbin/sshd
/dfrlab/parts/writer.sh start

stop() {
  /dfrlab/parts/writer.sh stop
  if [ -x /usr/sbin/mariadbd ]; then mariadb-admin shutdown || true; fi
  exit 0
}
trap stop TERM INT
while :; do sleep 3600 & wait $! || true; done
