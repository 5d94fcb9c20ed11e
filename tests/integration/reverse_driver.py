# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one call of the way back where a module would run; reads and writes JSON. Run by `test_reverse`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _bring_back, _replay, _reverse
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._fence_postgres import lift_fence, raise_fence
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin, connect
from ansible_collections.dfr.golive.plugins.module_utils._reverse import Way


def side(server: str, database: str, uuid: str) -> dict[str, Any]:
    return {
        "login_host": server,
        "login_port": 5432,
        "login_user": "dfr_golive",
        "login_password": "operator",
        "database": database,
        "maintenance_database": "postgres",
        "ssl_mode": "disable",
        "ca_cert": None,
        "connect_timeout": 10,
        "app_role": "odoo",
        "uuid": uuid,
    }


def way(asked: dict[str, Any]) -> Way:
    database = asked["database"]
    return Way.from_params(
        {
            "run_id": asked.get("run_id", "run"),
            "country": "sandbox",
            "mode": asked["mode"],
            "production": side(asked["production"], database, "uuid-production"),
            "staging": side(asked["staging"], database, "uuid-staging"),
            "reach": {
                "host": f"{asked['production']}-link",
                "port": 5432,
                "ssl_mode": "disable",
                "ca_cert": None,
            },
            "excluded_tables": [],
            "exempt_roles": ["postgres"],
            "fence_purpose": "sync",
            "pack_dir": "/var/lib/dfr-golive/packs",
            "filestore": {
                "path": "/var/lib/dfr-golive/filestore",
                "staging_owner": "0:0",
                "host": "nowhere",
                "port": 22,
                "user": "nobody",
                "key": "/nowhere",
                "known_hosts": "/nowhere",
            },
            "limit_seconds": asked.get("limit_seconds", 30),
        }
    )


def freeze(where: Way) -> dict[str, Any]:
    for each, purpose in ((where.staging, "freeze"), (where.production, "sync")):
        with connect(each.maintenance(), autocommit=True) as admin:
            raise_fence(admin, each.name, run_id=where.run_id, app_role="odoo", purpose=purpose)
    return {}


def open_door(where: Way) -> dict[str, Any]:
    with connect(where.production.maintenance(), autocommit=True) as admin:
        return {"changed": lift_fence(admin, where.production.name, purpose="sync").changed}


def thaw(where: Way) -> dict[str, Any]:
    with connect(where.staging.maintenance(), autocommit=True) as admin:
        return {"changed": lift_fence(admin, where.staging.name).changed}


def replay(where: Way, folder: str, digest: str) -> dict[str, Any]:
    login = PostgresLogin.from_params(side(where.staging.login.host, where.staging.name, where.staging.uuid))
    return _replay.replay(login, Path(folder), digest)


CALLS = {
    "preparable": _reverse.preparable,
    "prepare": _reverse.prepare,
    "ready": _reverse.ready,
    "ask": _bring_back.refuse_unreadable,
    "bring_back": _bring_back.bring_back,
    "drop": _reverse.drop,
    "freeze": freeze,
    "open_door": open_door,
    "thaw": thaw,
    "replay": replay,
}


def main() -> None:
    asked = json.load(sys.stdin)
    started = time.monotonic()
    said: dict[str, Any]
    try:
        found = CALLS[asked["call"]](way(asked), **asked.get("options", {}))
        if isinstance(found, list):
            found = [gate.as_dict() for gate in found if isinstance(gate, Gate)]
        said = {"result": found}
    except GoliveError as exc:
        said = {"error": str(exc), "kind": type(exc).__name__}
    said["seconds"] = round(time.monotonic() - started, 3)
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
