# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""lock_config's module on a scratch copy of staging: gates, apply, drift, undo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from datalab import on_vm
from odoolab import CONFIG, CONFIG_TEXT, SCRATCH, scratch, settle, verdicts

Conn = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def whole() -> Iterator[Conn]:
    with scratch() as conn:
        yield conn


@pytest.fixture
def data(whole: Conn) -> Iterator[Conn]:
    """The scratch copy; whatever a test changes in it is put back by the module's own undo."""
    before = picture(whole)
    yield whole
    settle("restored")
    assert picture(whole) == before


def picture(conn: Conn) -> Any:
    """All that the module may touch."""
    queries = (
        "select key, value from ir_config_parameter order by key",
        "select to_jsonb(m) from ir_mail_server m order by id",
        "select login, active, password from res_users order by login",
        "select id, state from mail_mail order by id",
        "select id, active from ir_cron order by id",
    )
    rows = [conn.execute(query).fetchall() for query in queries]
    return rows, on_vm("production", f"stat -c '%a %u:%g' {CONFIG}; cat {CONFIG}")


def kept(conn: Conn) -> list[str]:
    dsn = conn.info
    with psycopg.connect(
        host=dsn.host, hostaddr=dsn.hostaddr, user=dsn.user, password=dsn.password, dbname="postgres"
    ) as other:
        return [
            str(r[0]) for r in other.execute("select kind from dfr_golive.kept where name = %s", (SCRATCH,))
        ]


def test_healthy_gates(data: Conn) -> None:
    result = settle("lockable")
    assert set(verdicts(result).values()) == {"pass"}, result["gates"]
    assert len(result["gates"]) == 8
    assert result["changed"] is False


def test_settings_are_locked_read_back_and_restored(data: Conn) -> None:
    dry = settle("locked", check=True)
    assert dry["changed"] is True
    before = picture(data)

    result = settle("locked")
    assert result["changed"] is True
    assert set(dry["changes"]) == set(result["changes"])
    assert "planted-smtp-secret" not in json.dumps(result)
    assert "lab-production-master" not in json.dumps(result)
    now = dict(data.execute("select key, value from ir_config_parameter").fetchall())
    was = dict(before[0][0])
    assert now["web.base.url"] == "https://dfr.demo.test"
    assert now["web.base.url.freeze"] == "True"
    assert now["base.login_cooldown_after"] == "7"
    assert now["database.uuid"] == was["database.uuid"]
    assert now["database.secret"] == was["database.secret"]
    servers = data.execute("select name, smtp_host, active, smtp_pass from ir_mail_server").fetchall()
    assert servers == [("Production", "mail", True, "planted-smtp-secret")]
    active = {row[0] for row in data.execute("select login from res_users where active")}
    assert active == {"admin", "smoke.enumerator"}
    assert data.execute("select count(*) from mail_mail where state = 'outgoing'").fetchone() == (0,)
    text = on_vm("production", f"cat {CONFIG}")
    assert text.startswith("; kept\n[options]\ndb_name = odootest\nadmin_passwd = $pbkdf2-sha512$600000$")
    assert "lab-production-master" not in text
    assert "list_db = False\n" in text
    assert "dbfilter = ^odootest$\n" in text
    assert on_vm("production", f"stat -c '%a %u:%g' {CONFIG}") == "440 0:101\n"
    assert on_vm("production", f"stat -c '%a %u:%g' {CONFIG}.before-golive") == "600 0:0\n"
    assert sorted(kept(data)) == ["held_users", "lock_config", "lock_config_fingerprint"]

    locked = picture(data)
    assert settle("locked")["changed"] is False
    assert picture(data) == locked
    first = settle("undrifted")["evidence"]["fingerprint"]
    assert len(first) == 64
    assert settle("undrifted")["evidence"]["fingerprint"] == first

    assert settle("restored", check=True)["changed"] is True
    assert picture(data) == locked
    assert settle("restored")["changed"] is True
    assert picture(data) == before
    assert kept(data) == []
    assert on_vm("production", f"ls -A {CONFIG.rsplit('/', 1)[0]}") == "odoo.conf\n"
    assert settle("restored")["changed"] is False


DRIFTS = {
    "parameter web.base.url (changed)": "update ir_config_parameter set value = 'x' where key = 'web.base.url'",
    "parameter web.base.url.freeze (changed)": "delete from ir_config_parameter where key = 'web.base.url.freeze'",
    "parameter database.is_neutralized (changed)": (
        "insert into ir_config_parameter (key, value) values ('database.is_neutralized', 'true')"
    ),
    "smtp_host (changed)": "update ir_mail_server set smtp_host = 'elsewhere'",
    "smtp_pass (changed)": "update ir_mail_server set smtp_pass = 'other'",
}


def test_any_drift_is_named(data: Conn) -> None:
    settle("locked")
    for name, change in DRIFTS.items():
        with data.transaction(), data.cursor() as cursor:
            cursor.execute("create table drifted as table ir_config_parameter")
            cursor.execute("create table drifted_mail as table ir_mail_server")
        data.execute(change)
        result = settle("undrifted")
        assert result["failed"], name
        assert name in result["msg"]
        assert result["kind"] == "DriftError"
        data.execute("truncate ir_config_parameter")
        data.execute("insert into ir_config_parameter select * from drifted")
        data.execute(
            "update ir_mail_server m set smtp_host = d.smtp_host, smtp_pass = d.smtp_pass"
            " from drifted_mail d where d.id = m.id"
        )
        data.execute("drop table drifted, drifted_mail")
    assert not settle("undrifted").get("failed")
    on_vm("production", f"echo 'log_level = debug' >> {CONFIG}; chmod 0644 {CONFIG}")
    message = settle("undrifted")["msg"]
    assert "odoo.conf log_level (new)" in message
    assert "odoo.conf (mode) (changed)" in message


def test_a_half_done_try_keeps_the_first_before_state(data: Conn) -> None:
    before = picture(data)
    settle("locked")
    data.execute("update ir_config_parameter set value = 'half' where key = 'web.base.url'")
    on_vm("production", f"rm {CONFIG}.before-golive; printf '{CONFIG_TEXT}' > {CONFIG}.before-golive")
    assert settle("lockable")["gates"][2]["detail"].startswith("an earlier try")
    assert set(verdicts(settle("lockable")).values()) == {"pass"}
    settle("locked")
    assert not settle("undrifted").get("failed")
    settle("restored")
    assert picture(data) == before


def test_another_database_of_that_name_is_left_alone(data: Conn) -> None:
    """After a swap behind our back only odoo.conf goes back."""
    settle("locked")
    info = data.info
    with psycopg.connect(
        host=info.host, hostaddr=info.hostaddr, user=info.user, password=info.password, dbname="postgres"
    ) as other:
        other.execute(
            "update dfr_golive.kept set state = jsonb_set(state, '{oid}', '1') where name = %s", (SCRATCH,)
        )
    locked = picture(data)[0]
    assert "another database" in settle("locked")["msg"]
    assert verdicts(settle("lockable"))["before.state"] == "fail"
    with psycopg.connect(
        host=info.host, hostaddr=info.hostaddr, user=info.user, password=info.password, dbname="postgres"
    ) as other:
        other.execute(
            "update dfr_golive.kept set state = jsonb_set(state, '{oid}', to_jsonb(d.oid::bigint))"
            " from pg_database d where d.datname = name and name = %s",
            (SCRATCH,),
        )
    assert picture(data)[0] == locked


NEUTRAL = "insert into ir_config_parameter (key, value) values ('database.is_neutralized', 'true')"
REPORT = "insert into ir_config_parameter (key, value) values ('report.url', 'http://staging-odoo:8069')"
FAULTS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("database.identity", "fail", "", {"expected_uuid": "00000000-0000-4000-8000-000000000000"}),
    ("database.identity", "unknown", "", {"database": "postgres"}),
    ("data.not_neutralised", "fail", NEUTRAL, {}),
    ("data.addresses", "fail", REPORT, {}),
    ("data.accounts", "fail", "update res_users set active = false where login = 'smoke.enumerator'", {}),
    ("data.waves", "fail", "", {"wanted": {"waves": [{"name": "x", "group": "dfr_registry.group_none"}]}}),
    ("data.waves", "fail", "", {"wanted": {"waves": [{"name": "x", "group": "base.group_portal"}]}}),
    ("variables", "fail", "", {"wanted": {"master_password": "short"}}),
    ("variables", "fail", "", {"wanted": {"mail_servers": []}}),
    ("variables", "fail", "", {"wanted": {"odoo_conf": {"list_db": True}}}),
    ("config.file", "fail", "", {"config_path": "/var/tmp/odootest/none.conf"}),
    ("config.file", "unknown", "", {"config_path": "/usr/bin/env"}),
    ("database.synced", "fail", "", {"synced_marker": "odootest_before"}),
    ("database.synced", "unknown", "", {"synced_marker": "postgres", "login_password": "wrong"}),
]


@pytest.mark.parametrize(("gate", "verdict", "change", "other"), FAULTS)
def test_planted_faults(whole: Conn, gate: str, verdict: str, change: str, other: dict[str, Any]) -> None:
    undo = {
        NEUTRAL: "delete from ir_config_parameter where key = 'database.is_neutralized'",
        REPORT: "delete from ir_config_parameter where key = 'report.url'",
    }.get(change, "update res_users set active = true where login = 'smoke.enumerator'")
    try:
        if change:
            whole.execute(change)
        result = settle("lockable", **other)
    finally:
        whole.execute(undo)
    assert verdicts(result)[gate] == verdict, result["gates"]
    assert next(g for g in result["gates"] if g["name"] == gate)["remedy"]
