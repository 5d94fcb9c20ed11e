# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""enable_users' modules: the door of the lab's proxy, two of staging's users, and the way in by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from datalab import connected, module, on_vm
from odoolab import CA, logins, verdicts

OPEN, CLOSED = "set $dfr_door open;", "set $dfr_door closed;"
PROXY, LEGACY, RESOLVER = "10.28.50.40", "10.28.50.11", "10.28.50.23"
DOOR_FILE = "/srv/dfr/proxy/door.conf"
LOGINS = ["enumerator198", "enumerator199"]


def door(state: str, content: str, *, check: bool = False, **other: Any) -> Any:
    args = {
        "state": state,
        "path": DOOR_FILE,
        "content": content,
        "runtime": "docker",
        "unit": "dfrlab-production-proxy",
        "fqdn": "dfr.demo.test",
        "address": PROXY,
        "ca_path": CA,
        "limit_seconds": 3,
    }
    return module("proxy_door", args | other, check=check)


@pytest.fixture
def closed() -> Iterator[None]:
    text = on_vm("production", f"cat {DOOR_FILE}")
    assert "closed" in text, "the lab's door is open; is another go-live under way?"
    yield
    door("closed", text)
    on_vm("production", f"cat > {DOOR_FILE}", stdin=text.encode())


def users(state: str, *, check: bool = False, **other: Any) -> Any:
    args = logins("staging") | {
        "state": state,
        "run_id": "odootest-run",
        "odoo_ca_path": CA,
        "odoo_timeout": 10,
        "fqdn": "dfr.demo.test",
        "address": LEGACY,  # where the name leads before the go-live
        "proxy_address": PROXY,
        "resolvers": [RESOLVER],
    }
    return module("odoo_users", args | other, check=check)


@pytest.fixture
def held() -> Iterator[list[int]]:
    """Two enumerators of staging held back as lock_config does."""
    with connected("staging", "dfr_staging") as data, connected("staging", "postgres") as store:
        ids = [int(r[0]) for r in data.execute("select id from res_users where login = any(%s)", (LOGINS,))]
        assert len(ids) == 2
        oid = store.execute("select oid::bigint from pg_database where datname = 'dfr_staging'").fetchone()
        assert oid is not None
        store.execute("create schema if not exists dfr_golive")
        store.execute(
            "create table if not exists dfr_golive.kept (kind text not null, name text not null,"
            " run_id text not null, state jsonb not null, kept_at timestamptz not null default now(),"
            " primary key (kind, name))"
        )
        waves = [{"name": "enumerators", "group": "dfr_registry.group_enumerator", "ids": ids}]
        store.execute(
            "insert into dfr_golive.kept (kind, name, run_id, state) values ('held_users', 'dfr_staging', 'x', %s)",
            (json.dumps({"oid": oid[0], "waves": waves}),),
        )
        data.execute("update res_users set active = false where id = any(%s)", (ids,))
        try:
            yield ids
        finally:
            data.execute("update res_users set active = true where id = any(%s)", (ids,))
            store.execute(
                "delete from dfr_golive.kept where kind in ('held_users', 'opening_door') and name = 'dfr_staging'"
                " or kind = 'welcomed_users' and name like 'dfr_staging/%'"
            )


def active() -> int:
    with connected("staging", "dfr_staging") as conn:
        row = conn.execute(
            "select count(*) from res_users where active and login = any(%s)", (LOGINS,)
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_the_door_opens_and_closes(closed: None) -> None:
    assert door("open", OPEN, check=True)["changed"] is True
    assert "closed" in on_vm("production", f"cat {DOOR_FILE}")
    assert door("open", OPEN)["changed"] is True
    assert door("open", OPEN)["changed"] is False
    assert door("closed", CLOSED)["changed"] is True
    assert door("closed", CLOSED)["changed"] is False


@pytest.mark.parametrize("content", ["this is no setting", "set $dfr_door open; return 502;", CLOSED])
def test_a_door_that_does_not_open_is_put_back(closed: None, content: str) -> None:
    before = on_vm("production", f"cat {DOOR_FILE}")
    result = door("open", content)
    assert result["failed"]
    assert "as before" in result["msg"]
    assert on_vm("production", f"cat {DOOR_FILE}") == before
    assert door("closed", before)["changed"] is False


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"unit": "no-such-container"}, "golive_proxy"),
        ({"path": "/srv/dfr/proxy/none.conf"}, "none.conf"),
        ({"fqdn": "other.demo.test"}, "certificate"),
        ({"ca_path": ""}, "certificate"),
    ],
)
def test_a_wrong_proxy_is_named(closed: None, other: dict[str, Any], says: str) -> None:
    result = door("open", OPEN, **other)
    assert result["failed"]
    assert says in result["msg"]


def test_users_come_in_and_are_held_again(closed: None, held: list[int]) -> None:
    gates = users("enableable")
    assert set(verdicts(gates).values()) == {"pass"}, gates["gates"]
    assert users("enabled", check=True)["waves"][0]["enabled"] == 2
    assert active() == 0
    result = users("enabled")
    assert result["changed"] is True
    assert result["waves"][0]["ids"] == held
    assert active() == 2
    assert users("enabled")["changed"] is False
    assert users("held", check=True)["changed"] is True
    assert active() == 2
    assert users("held")["waves"][0]["held"] == 2
    assert active() == 0
    assert users("held")["changed"] is False


def test_initial_passwords(closed: None, held: list[int]) -> None:
    given = {login: f"planted-{login}" for login in LOGINS}
    with connected("staging", "dfr_staging") as conn:
        before = conn.execute("select id, password from res_users where id = any(%s)", (held,)).fetchall()
        try:
            gaps = users("enableable", passwords="initial", initial_passwords={LOGINS[0]: "x"})
            assert verdicts(gaps)["users.passwords"] == "fail"
            result = users("enabled", passwords="initial", initial_passwords=given)
            assert "waves" in result, result
            assert result["waves"][0]["welcomed"] == 2
            assert "planted-" not in str(result)
            assert users("enabled", passwords="initial", initial_passwords=given)["changed"] is False
            canary = module(
                "odoo_health",
                logins("staging")
                | {
                    "scope": "quick",
                    "smoke_login": LOGINS[1],
                    "smoke_password": given[LOGINS[1]],
                    "registration": {"model": "dfr.farmer"},
                },
            )
            assert canary["evidence"] == {"checks": 2}
        finally:
            for number, password in before:
                conn.execute("update res_users set password = %s where id = %s", (password, number))


@pytest.mark.parametrize(
    ("other", "gate", "verdict"),
    [
        ({"address": PROXY}, "name.leads_here", "fail"),
        ({"resolvers": ["10.28.50.199"]}, "name.leads_here", "unknown"),
        ({"proxy_address": "10.28.50.199", "odoo_timeout": 1}, "door.closed", "unknown"),
        ({"odoo_ca_path": ""}, "door.closed", "fail"),
        ({"expected_uuid": "00000000-0000-4000-8000-000000000000"}, "users.held", "fail"),
        ({"login_password": "wrong"}, "users.held", "unknown"),
    ],
)
def test_planted_faults(
    closed: None, held: list[int], other: dict[str, Any], gate: str, verdict: str
) -> None:
    result = users("enableable", **other)
    assert verdicts(result)[gate] == verdict, result["gates"]


def test_nobody_held_back_is_no_reason_to_open() -> None:
    assert verdicts(users("enableable"))["users.held"] == "fail"
    assert users("held")["changed"] is False


def test_an_open_door_before_its_time(closed: None, held: list[int]) -> None:
    door("open", OPEN)
    assert verdicts(users("enableable"))["door.closed"] == "fail"
    users("enabled")
    assert verdicts(users("enableable"))["door.closed"] == "pass", "this run opened it, then was interrupted"
    assert verdicts(users("enableable", run_id="another"))["door.closed"] == "fail"


def test_walking_in_stops_where_the_name_leads_elsewhere_or_the_door_is_closed(closed: None) -> None:
    args = {key: value for key, value in logins("staging").items() if key.startswith("odoo_")} | {
        "fqdn": "dfr.demo.test",
        "address": PROXY,
        "resolvers": [RESOLVER],
        "odoo_ca_path": CA,
        "smoke_login": "smoke.enumerator",
        "smoke_password": "lab-smoke-enumerator",
        "limit_seconds": 1,
    }
    elsewhere = module("odoo_canary", args, vm="ops")
    assert elsewhere["failed"]
    assert f"leads dfr.demo.test to {LEGACY}" in elsewhere["msg"]
    silent = module("odoo_canary", args | {"resolvers": ["10.28.50.199"]}, vm="ops")
    assert "no usable answer" in silent["msg"]
    nobody = module("odoo_canary", args | {"address": LEGACY}, vm="ops")
    assert nobody["failed"]
