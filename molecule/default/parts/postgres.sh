#!/usr/bin/env bash
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PostgreSQL with TLS from the lab's CA and the roles a country has; works in the official image too.
set -euo pipefail

data=/var/lib/postgresql/data
bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -1)
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/var/lib/postgresql "$@"; }

install -d -m 0700 -o postgres -g postgres "$data" /var/lib/postgresql/tls
install -d -m 2775 -o postgres -g postgres /var/run/postgresql
for name in cert.pem key.pem ca.pem; do
  install -m 0600 -o postgres -g postgres "/dfrlab/host/$name" "/var/lib/postgresql/tls/$name"
done

if [ ! -s "$data/PG_VERSION" ]; then
  as_postgres "$bin/initdb" --pgdata="$data" --encoding=UTF8 --locale=C.UTF-8 --auth-local=peer \
    --auth-host=scram-sha-256 --no-sync >/dev/null
  cat >> "$data/postgresql.conf" <<'CONF'
listen_addresses = '*'
ssl = on
ssl_cert_file = '/var/lib/postgresql/tls/cert.pem'
ssl_key_file = '/var/lib/postgresql/tls/key.pem'
ssl_ca_file = '/var/lib/postgresql/tls/ca.pem'
password_encryption = scram-sha-256
wal_level = logical
max_replication_slots = 20
max_wal_senders = 20
max_slot_wal_keep_size = 2GB
max_connections = 200
shared_buffers = 256MB
maintenance_work_mem = 128MB
checkpoint_timeout = 15min
max_wal_size = 2GB
wal_compression = lz4
CONF
  printf '%s\n' 'local all postgres peer' 'hostssl all all all scram-sha-256' \
    'hostssl replication all all scram-sha-256' > "$data/pg_hba.conf"
  as_postgres "$bin/pg_ctl" --pgdata="$data" --silent --wait --options='-c listen_addresses= -c fsync=off' start >/dev/null
  as_postgres psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --file=- postgres \
    < <(cat /dfrlab/host/settings.sql /dfrlab/parts/seed/roles.sql)
  as_postgres "$bin/pg_ctl" --pgdata="$data" --silent --wait stop >/dev/null
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/var/lib/postgresql "$bin/postgres" -D "$data"
