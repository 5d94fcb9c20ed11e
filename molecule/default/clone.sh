#!/usr/bin/env bash
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# clone.sh: staging and the old registry of the lab into the rehearsal's lab, as a country would restore a backup: dumps
# and files. Only reads in the lab. What the registry starts by itself, and the servers it sends mail through, are off in
# the clone.
set -euo pipefail

from=dfrlab-staging to=dfrtrial-staging database=dfr_staging
sql() { docker exec -i -u postgres "$to-db" psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --dbname="$1"; }

docker exec dfrlab-legacy mariadb-dump --single-transaction --databases old_registry \
  | docker exec -i dfrtrial-legacy mariadb

docker stop --time 10 "$to-odoo" >/dev/null
sql postgres <<SQL
drop database if exists $database with (force);
create database $database owner odoo template template0;
SQL
docker exec -u postgres "$from-db" pg_dump --format=custom --compress=0 --no-publications \
  --no-subscriptions "$database" \
  | docker exec -i -u postgres "$to-db" pg_restore --dbname="$database" --exit-on-error
sql "$database" <<'SQL'
update ir_cron set active = false;
update ir_mail_server set active = false;
do $$ begin
  if to_regclass('fetchmail_server') is not null then execute 'update fetchmail_server set active = false'; end if;
end $$;
SQL
docker exec "${from}" tar -C /srv/dfr/odoo/data/filestore -cf - "$database" \
  | docker exec -i "${to}" tar -C /srv/dfr/odoo/data/filestore -xf -
docker start "$to-odoo" >/dev/null
