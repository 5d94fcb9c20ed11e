# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._reverse import ENVIRONMENT, Way, preparable, ready

SIDE: dict[str, Any] = {
    "login_host": "nowhere.invalid",
    "login_port": 5432,
    "login_user": "dfr_golive",
    "login_password": "secret",
    "database": "registry",
    "maintenance_database": "postgres",
    "ssl_mode": "disable",
    "ca_cert": None,
    "connect_timeout": 1,
    "app_role": "odoo",
    "uuid": "u",
}


def way(mode: str) -> Way:
    return Way.from_params(
        {
            "run_id": "run",
            "country": "demo",
            "mode": mode,
            "production": SIDE,
            "staging": {**SIDE, "database": "staging"},
            "reach": {"host": "h", "port": 5432, "ssl_mode": "disable", "ca_cert": None},
            "excluded_tables": ["own.table"],
            "exempt_roles": [],
            "fence_purpose": "sync",
            "pack_dir": "/packs",
            "filestore": {
                "path": "/files",
                "staging_owner": "1:1",
                "host": "h",
                "port": 22,
                "user": "u",
                "key": "/k",
                "known_hosts": "/k.known_hosts",
            },
            "limit_seconds": 1,
        }
    )


def test_none_is_a_choice_that_is_said() -> None:
    for gates in (preparable(way("none")), ready(way("none"))):
        assert [(gate.name, gate.open) for gate in gates] == [("reverse.chosen", True)]


def test_what_starts_empty_has_nothing_that_could_follow() -> None:
    (gate,) = preparable(way("replication"), empty=True)
    assert not gate.open
    assert "starts empty" in gate.detail


@pytest.mark.parametrize("mode", ["replication", "pack"])
def test_servers_that_do_not_answer_are_not_known(mode: str) -> None:
    pytest.importorskip("psycopg")
    verdicts = {gate.verdict.value for gate in (*preparable(way(mode)), *ready(way(mode)))}
    assert verdicts == {"unknown"}


def test_environment_and_excluded_tables_stay() -> None:
    assert way("pack").excluded == frozenset(ENVIRONMENT) | {"own.table"}
