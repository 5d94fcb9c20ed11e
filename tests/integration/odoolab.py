# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the Odoo tests share: logins of the lab, and a scratch copy of staging's settings and users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from datalab import SECRETS, connected, module, on_vm

CA = "/etc/ssl/dfr/ca.pem"
UUIDS = {
    "staging": "5d1f0a52-7c1e-4f0e-9a55-000000000001",
    "production": "5d1f0a52-7c1e-4f0e-9a55-000000000002",
}
SCRATCH = "odootest"
FOLDER = "/var/tmp/odootest"
CONFIG = f"{FOLDER}/odoo.conf"
CONFIG_TEXT = "; kept\n[options]\ndb_name = odootest\nadmin_passwd = admin\nlist_db = True\nworkers = 2\n"
WAVES = [
    {"name": "administrators", "group": "dfr_registry.group_administrator"},
    {"name": "supervisors", "group": "dfr_registry.group_supervisor"},
    {"name": "enumerators", "group": "dfr_registry.group_enumerator"},
]


def logins(environment: str, database: str = "", **other: Any) -> dict[str, Any]:
    """The two connection contracts, filled in for one environment as production's VM reaches it."""
    return {
        "login_host": f"{environment}-db",
        "login_user": "dfr_golive",
        "login_password": SECRETS[environment],
        "database": database or f"dfr_{environment}",
        "ca_cert": CA,
        "odoo_url": f"http://{environment}-odoo:8069",
        "odoo_database": database or f"dfr_{environment}",
        "odoo_login": "admin",
        "odoo_password": f"lab-{environment}-admin",
        "expected_uuid": UUIDS[environment],
        **other,
    }


def settings(**other: Any) -> dict[str, Any]:
    return {
        "base_url": "https://dfr.demo.test",
        "master_password": "lab-production-master",
        "workers": 2,
        "odoo_conf": {"limit_time_cpu": 60},
        "parameters": {"base.login_cooldown_after": "7"},
        "mail_servers": [{"name": "Production", "host": "mail", "password": "planted-smtp-secret"}],
        "waves": WAVES,
        "exempt_logins": ["smoke.enumerator"],
        **other,
    }


def settle(state: str, *, check: bool = False, wanted: Mapping[str, Any] | None = None, **other: Any) -> Any:
    """Run odoo_settings on the scratch copy, on production's VM."""
    args = logins("production", SCRATCH) | {
        "state": state,
        "run_id": "odootest-run",
        "app_role": "odoo",
        "fence_purpose": "odootest",
        "config_path": CONFIG,
        "config_owner": "100:101",
        "forbidden_addresses": ["http://staging-odoo:8069", "staging-db", "dfr_staging"],
        "settings": settings(**(wanted or {})),
    }
    return module("odoo_settings", args | other, check=check)


def verdicts(result: Mapping[str, Any]) -> dict[str, str]:
    return {gate["name"]: gate["verdict"] for gate in result["gates"]}


@contextmanager
def scratch() -> Iterator[psycopg.Connection[Any]]:
    """Staging's schema, settings and users in a database of the test's own, with production's identity."""
    drop()
    with connected("production", "postgres") as conn:
        conn.execute(f"create database {SCRATCH}")
    on_vm(
        "production",
        f"export PGSSLMODE=verify-full PGSSLROOTCERT={CA} PGUSER=dfr_golive\n"
        f"PGPASSWORD={SECRETS['staging']} pg_dump -h staging-db --no-owner --no-acl"
        " --exclude-table-data='dfr_*' --exclude-table-data=ir_attachment dfr_staging"
        f" | PGPASSWORD={SECRETS['production']} psql -qXv ON_ERROR_STOP=1 -o /dev/null -h production-db {SCRATCH}\n"
        f"mkdir -p {FOLDER}; printf '{CONFIG_TEXT}' > {CONFIG}; chown 0:101 {CONFIG}; chmod 0640 {CONFIG}",
    )
    try:
        with connected("production", SCRATCH) as conn:
            conn.execute(
                "update ir_config_parameter set value = %s where key = 'database.uuid'",
                (UUIDS["production"],),
            )
            yield conn
    finally:
        drop()


def drop() -> None:
    with connected("production", "postgres") as conn:
        conn.execute(f"drop database if exists {SCRATCH} with (force)")
        if conn.execute("select to_regclass('dfr_golive.kept')").fetchone() != (None,):
            conn.execute("delete from dfr_golive.kept where name = %s", (SCRATCH,))
    on_vm("production", f"rm -rf {FOLDER}")
