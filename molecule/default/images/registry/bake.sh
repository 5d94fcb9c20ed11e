#!/usr/bin/env bash
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs while the image is built: installs the registry once and keeps it as two dumps and a filestore.
set -euo pipefail

work=/var/tmp/bake
bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -1)
install -d -o postgres -g postgres "$work/db"
install -d -o odoo -g odoo "$work/odoo"
install -d -m 0755 /usr/share/dfrlab

as() { local who=$1; shift; setpriv --reuid="$who" --regid="$who" --init-groups env HOME="$work" "$@"; }

as postgres "$bin/initdb" --pgdata="$work/db" --auth=trust --encoding=UTF8 --locale=C.UTF-8 >/dev/null
as postgres "$bin/pg_ctl" --pgdata="$work/db" --silent --wait --log="$work/db/log" \
  --options="-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c listen_addresses= -k /tmp" start
as postgres "$bin/createuser" -h /tmp --createdb odoo
as odoo "$bin/createdb" -h /tmp bake

run_odoo() {
  as odoo odoo "$@" --database=bake --db_host=/tmp --db_user=odoo --data-dir="$work/odoo" \
    --addons-path=/mnt/extra-addons --no-http --log-level=warn
}
dump() { as odoo "$bin/pg_dump" -h /tmp --no-owner --no-privileges bake | gzip -6 > "/usr/share/dfrlab/$1.sql.gz"; }

run_odoo server --init=dfr_registry --load-language=fr_FR --stop-after-init
# The pages' scripts and styles are compiled here, once, and not at a country's first click.
run_odoo shell <<'PY'
env['ir.qweb']._pregenerate_assets_bundles()
env.cr.commit()
PY
dump production
run_odoo shell < /bake/staging.py
dump staging
tar -C "$work/odoo/filestore/bake" -czf /usr/share/dfrlab/filestore.tar.gz .
as postgres "$bin/pg_ctl" --pgdata="$work/db" --mode=immediate --silent stop
