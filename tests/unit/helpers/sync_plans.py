# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan for the tests of the sync's parts."""

from __future__ import annotations

from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import Plan

SIDE = {
    "login_host": "db",
    "login_port": 5432,
    "login_user": "op",
    "login_password": "s3cret",
    "database": "prod",
    "maintenance_database": "postgres",
    "ssl_mode": "verify-full",
    "ca_cert": None,
    "connect_timeout": 10,
    "app_role": "odoo",
    "uuid": "u-prod",
}
FILES = {
    "path": "/files",
    "owner": "100:101",
    "host": "staging",
    "port": 22,
    "user": "reader",
    "key": "/k",
    "known_hosts": "/h",
}
REPLICATION = {
    "reach": {"host": "stg-db", "port": 5432, "ssl_mode": "verify-full", "ca_cert": "/ca.pem"},
    "drain_seconds": 60,
    "lag_bytes": 1000,
    "lag_seconds": 10,
    "wal_bytes": 5000,
    "verify": "touched",
}


def plan(**more: Any) -> Plan:
    params = {
        "run_id": "run-1",
        "method": "dump",
        "target": SIDE,
        "source": {**SIDE, "database": "stg", "uuid": "u-stg"},
        "filestore": FILES,
        "replication": REPLICATION,
        "identity_keys": ["database.uuid", "database.secret"],
        "exempt_roles": ["postgres"],
        "work_dir": "/work",
        "jobs": 2,
        "limit_seconds": 60,
    }
    return Plan.from_params({**params, **more})
