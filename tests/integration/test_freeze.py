# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fence on real servers: everything it takes comes back, wherever it was cut, and each gate has been seen closed.

The databases are the test's own, beside the lab's registry; only the last test freezes the lab itself.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from ansible_collections.dfr.golive.plugins.module_utils import (
    _fence_mariadb,
    _fence_postgres,
    _mariadb,
    _postgres,
)
from ansible_collections.dfr.golive.plugins.module_utils._canary import try_mariadb, try_postgres
from ansible_collections.dfr.golive.plugins.module_utils._errors import DriftError, GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._freeze import SOURCE_OPTIONS, SOURCES, readiness
from ansible_collections.dfr.golive.plugins.module_utils._mariadb import MariadbLogin
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin
from conftest import INVENTORY, ROOT, Server

RUN = "test-run"
REG = "fence_it"
APP = "fence_app"
OPERATOR = "fence_op"
PASSWORD = "fence-test"
EXEMPT = ("root@localhost", "mysql@localhost", "mariadb.sys@localhost", "dfr_golive@%")


def gates_of(kind: str, login: Any, **over: Any) -> dict[str, str]:
    """Gate -> verdict, as the phase would see them."""
    params = {
        **{name: option.get("default") for name, option in SOURCE_OPTIONS.items()},
        "name": "it",
        "kind": kind,
        "login_host": login.host,
        "login_port": login.port,
        "login_user": login.user,
        "login_password": login.password,
        "database": login.database,
        "ssl_mode": login.ssl_mode,
        "ca_cert": login.ca_cert,
        "app_user": APP,
        "app_password": PASSWORD,
        "canary_table": "farmers",
        "run_id": RUN,
        "exempt_accounts": list(EXEMPT),
        **over,
    }
    return {g.name: f"{g.verdict.value}: {g.detail}" for g in readiness(params, SOURCES[kind](params))}


def verdicts(gates: dict[str, str]) -> dict[str, str]:
    return {name: detail.split(":")[0] for name, detail in gates.items()}


HEALTHY = {"freeze.it.fence": "pass", "freeze.it.write": "pass"}


# --- MariaDB ----------------------------------------------------------------------------------------------------------

ACCOUNTS = {
    APP: "grant select, insert, update, delete, execute on fence_it.* to {u}",
    "fence_role": "grant fence_writers to {u}; set default role fence_writers for {u}",
    "fence_cols": "grant select, insert (name), update (name, phone) on fence_it.farmers to {u} with grant option",
    "fence_all": "grant all privileges on `fence\\_it`.* to {u} with grant option",
    "fence_wild": "grant insert, delete on `fence%`.* to {u}",
    "fence_table": "grant all privileges on fence_it.farmers to {u}",
    "fence_proc": "grant execute, alter routine on procedure fence_it.hello to {u}",
    "fence_odd`one'": "grant delete on fence_it.farmers to {u}",
    "fence_server": "grant all privileges on *.* to {u} with grant option",
    "fence_grants": "grant update on mysql.* to {u}",
    "fence_reader": "grant select, show view, lock tables on fence_it.* to {u}; grant process on *.* to {u}",
    "fence_other": "grant all privileges on fence_elsewhere.* to {u}",
}


def quoted(user: str) -> str:
    return f"{_mariadb.identifier(user)}@`%`"


@pytest.fixture
def registry(legacy_server: Server) -> Iterator[MariadbLogin]:
    """A registry in MariaDB with every sort of account; yields the operator's login."""
    users = [*ACCOUNTS, OPERATOR]
    operator = legacy_server.mariadb_login(OPERATOR, PASSWORD, REG)
    everything = f"grant all privileges on *.* to {quoted(OPERATOR)} with grant option;"
    clean = (
        "set sql_mode = ''; drop database if exists fence_it; drop database if exists fence_elsewhere;"
        "drop role if exists fence_writers, fence_more;"
        + "".join(f"drop user if exists {quoted(user)};" for user in users)
    )
    legacy_server.mariadb(clean)
    legacy_server.mariadb(
        "create database fence_it; create database fence_elsewhere; use fence_it;"
        "create table farmers"
        " (id int auto_increment primary key, name varchar(80) not null, phone varchar(20) not null);"
        "create procedure hello() select 1;"
        "create role fence_writers; create role fence_more;"
        "grant fence_more to fence_writers; grant insert on fence_it.* to fence_more;"
        + "".join(f"create user {quoted(user)} identified by '{PASSWORD}';" for user in users)
        + "".join(f"{grants.format(u=quoted(user))};" for user, grants in ACCOUNTS.items())
        + f"{everything} set names latin1; create definer = {quoted(APP)} event nightly on schedule every 1 day"
        " on completion preserve comment 'keep me' do delete from farmers where name = 'Ren\xe9';"
        "set names utf8mb4; create event `t\xe9` on schedule every 1 day do select '\xe9';"
        "create event paused on schedule every 1 day on completion preserve disable do select 1;"
    )
    with _mariadb.connect(operator) as conn:
        _mariadb.forget(conn, "fence.freeze", REG)
    yield operator
    legacy_server.mariadb(everything)
    with _mariadb.connect(operator) as conn:
        _mariadb.forget(conn, "fence.freeze", REG)
    legacy_server.mariadb(clean)


def picture(server: Server) -> dict[str, Any]:
    """Every grant of every account and every event, as the server tells them."""
    holders = server.mariadb(
        "select User, Host, coalesce(json_value(Priv, '$.is_role'), '') from mysql.global_priv"
    )
    accounts = []
    for line in holders.splitlines():
        user, host, role = line.split("\t")
        name = "public" if user == "PUBLIC" else _mariadb.identifier(user)
        accounts.append(name if role else f"{name}@{_mariadb.identifier(host)}")
    told = server.mariadb("".join(f"select '---'; show grants for {account};" for account in accounts))
    # MariaDB keeps the columns of a grant in no order.
    found: dict[str, Any] = {
        account: sorted(
            sorted(line.replace("(", ", ").replace(")", ", ").split(", ")) for line in lines.splitlines()
        )
        for account, lines in zip(accounts, told.split("---\n")[1:], strict=True)
    }
    found["events"] = server.mariadb(
        "select event_name, definer, status, sql_mode, time_zone, character_set_client, collation_connection,"
        " starts, ends, on_completion, event_comment"
        " from information_schema.events where event_schema = 'fence_it' order by 1;"
        "select name, hex(body), hex(body_utf8) from mysql.event where db = 'fence_it' order by 1"
    ).splitlines()
    return found


def raised(login: MariadbLogin, **over: Any) -> _fence_mariadb.Outcome:
    with _mariadb.connect(login) as conn:
        return _fence_mariadb.raise_fence(conn, REG, **{"run_id": RUN, "exempt_accounts": EXEMPT, **over})


def lifted(login: MariadbLogin) -> _fence_mariadb.Outcome:
    with _mariadb.connect(login) as conn:
        return _fence_mariadb.lift_fence(conn, REG)


def checked(login: MariadbLogin) -> dict[str, Any]:
    with _mariadb.connect(login) as conn:
        return _fence_mariadb.check_fence(conn, REG, run_id=RUN, exempt_accounts=EXEMPT)


def test_mariadb_takes_every_right_to_write_and_gives_it_back(
    registry: MariadbLogin, legacy_server: Server
) -> None:
    before = picture(legacy_server)
    dry = raised(registry, rehearse=True)
    assert dry.changed
    assert picture(legacy_server) == before
    with _mariadb.connect(registry.as_user(APP, PASSWORD)) as writer:
        first = raised(registry)
        with pytest.raises(pymysql.err.MySQLError):
            _mariadb.rows(writer, "select 1")
    assert first.changed
    assert first.evidence["sessions_ended"] >= 1
    assert set(first.evidence["accounts"]) == {
        f"{user}@%" for user in ACCOUNTS if user not in ("fence_reader", "fence_other")
    }
    assert first.evidence["roles"] == ["fence_more"]
    for user in ACCOUNTS:
        if user in ("fence_proc", "fence_grants", "fence_wild", "fence_other", "fence_odd`one'"):
            continue  # these never could read the table
        canary = try_mariadb(registry.as_user(user, PASSWORD), "farmers")
        assert not canary.accepted, f"{user}: {canary.detail}"
        with _mariadb.connect(registry.as_user(user, PASSWORD)) as reader:
            count = (
                _mariadb.scalar(reader, "select count(*) from fence_it.farmers")
                if user != "fence_role"
                else 0
            )
            assert count == 0
    assert not raised(registry).changed
    assert checked(registry)["sessions_ended"] == first.evidence["sessions_ended"]
    assert lifted(registry).changed
    assert picture(legacy_server) == before
    assert try_mariadb(registry.as_user(APP, PASSWORD), "farmers").accepted
    assert not lifted(registry).changed


class CutError(Exception):
    """The controller is gone."""


class Cut:
    """A connection that breaks just before its n-th statement that changes something."""

    CHANGES = ("revoke", "grant", "alter", "kill", "insert", "delete", "create", "update")

    def __init__(self, conn: Any, after: int) -> None:
        self._conn = conn
        self._left = after

    def cursor(self) -> Any:
        cursor = self._conn.cursor()
        execute = cursor.execute

        def cut(statement: str | bytes, params: Any = None) -> Any:
            text = statement if isinstance(statement, str) else statement.decode("latin1")
            if text.split()[0] in self.CHANGES:
                if self._left == 0:
                    raise CutError
                self._left -= 1
            return execute(statement, params)

        cursor.execute = cut
        return cursor


def cut_everywhere(login: MariadbLogin, work: Callable[[Any], Any]) -> Iterator[int]:
    """Run ``work`` cut before its first, second, ... statement, until it runs through."""
    for after in itertools.count():
        try:
            with _mariadb.connect(login) as conn:
                work(Cut(conn, after))
        except CutError:
            yield after
        else:
            assert after > 10, "there was hardly anything to cut"
            return


def test_mariadb_raise_can_be_cut_anywhere(registry: MariadbLogin, legacy_server: Server) -> None:
    before = picture(legacy_server)

    def work(conn: Any) -> Any:
        return _fence_mariadb.raise_fence(conn, REG, run_id=RUN, exempt_accounts=EXEMPT)

    for after in cut_everywhere(registry, work):
        if after % 2:  # go on, then back; or straight back
            raised(registry)
            checked(registry)
        lifted(registry)
        assert picture(legacy_server) == before, f"cut before statement {after}"


def test_mariadb_lift_can_be_cut_anywhere(registry: MariadbLogin, legacy_server: Server) -> None:
    before = picture(legacy_server)

    def work(conn: Any) -> Any:
        return _fence_mariadb.lift_fence(conn, REG)

    raised(registry)
    for after in cut_everywhere(registry, work):
        if after % 2:
            raised(registry)
            checked(registry)
        else:
            lifted(registry)
            assert picture(legacy_server) == before, f"cut before statement {after}"
            raised(registry)
    assert picture(legacy_server) == before


def test_mariadb_hole_is_found_and_what_was_granted_meanwhile_is_not_lost(
    registry: MariadbLogin, legacy_server: Server
) -> None:
    raised(registry)
    legacy_server.mariadb(f"grant insert on fence_it.farmers to {quoted('fence_reader')}")
    with pytest.raises(DriftError, match="fence_reader@% holds INSERT"):
        checked(registry)
    assert raised(registry).changed
    checked(registry)
    lifted(registry)
    assert "GRANT INSERT ON `fence_it`.`farmers`" in legacy_server.mariadb(
        f"show grants for {quoted('fence_reader')}"
    )


def test_mariadb_fence_of_another_run_is_left_alone(registry: MariadbLogin) -> None:
    raised(registry, run_id="another")
    with pytest.raises(GoliveError, match="another run"):
        raised(registry)
    with pytest.raises(GoliveError, match="another run"):
        checked(registry)
    assert verdicts(gates_of("mariadb", registry))["freeze.it.fence"] == "fail"


def test_mariadb_accounts_and_events_dropped_meanwhile_are_named(
    registry: MariadbLogin, legacy_server: Server
) -> None:
    raised(registry)
    legacy_server.mariadb(f"drop user {quoted('fence_cols')}; drop event fence_it.nightly")
    assert lifted(registry).evidence["no_longer_there"] == ["fence_cols@%", "event nightly"]
    users = legacy_server.mariadb("select User from mysql.global_priv").split()
    assert "fence_cols" not in users


def test_mariadb_sessions_end_only_when_what_they_began_is_rolled_back(
    registry: MariadbLogin, legacy_server: Server
) -> None:
    legacy_server.mariadb(
        "use fence_it; insert into farmers (name, phone) select seq, 'x' from seq_1_to_20000"
    )
    with _mariadb.connect(registry.as_user(APP, PASSWORD)) as writer:
        _mariadb.run(writer, "start transaction")
        _mariadb.run(writer, "update fence_it.farmers set phone = 'y'")
        raised(registry)
        assert legacy_server.mariadb("select count(*) from fence_it.farmers where phone = 'y'").strip() == "0"
        assert legacy_server.mariadb("select count(*) from information_schema.innodb_trx").strip() == "0"


def test_mariadb_gates_healthy(registry: MariadbLogin) -> None:
    assert verdicts(gates_of("mariadb", registry)) == HEALTHY


def weak(server: Server, grants: str) -> MariadbLogin:
    """The operator with nothing but these grants."""
    user = quoted(OPERATOR)
    server.mariadb(f"revoke all privileges, grant option from {user}; {grants.format(u=user)};")
    return server.mariadb_login(OPERATOR, PASSWORD, REG)


ENOUGH = (
    "grant all privileges on fence_it.* to {u} with grant option; grant all privileges on dfr_golive.* to {u};"
    " grant select on mysql.* to {u}; grant process, connection admin, set user on *.* to {u}"
)
WIDE = [f"{user}@%" for user in ("fence_server", "fence_grants", "fence_wild", "fence_all")]


def test_mariadb_a_modest_operator_is_enough_for_the_schema(
    registry: MariadbLogin, legacy_server: Server
) -> None:
    """What the README asks for, when the accounts it couldn't fence are exempt."""
    before = picture(legacy_server)
    operator = weak(legacy_server, ENOUGH)
    exempt = [*EXEMPT, *WIDE]
    own = picture(legacy_server)
    assert verdicts(gates_of("mariadb", operator, exempt_accounts=exempt)) == HEALTHY
    with _mariadb.connect(operator) as conn:
        _fence_mariadb.raise_fence(conn, REG, run_id=RUN, exempt_accounts=exempt)
        assert not try_mariadb(operator.as_user(APP, PASSWORD), "farmers").accepted
        _fence_mariadb.lift_fence(conn, REG)
    assert picture(legacy_server) == own
    assert {k: v for k, v in own.items() if OPERATOR not in k} == {
        k: v for k, v in before.items() if OPERATOR not in k
    }


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (lambda server: weak(server, ENOUGH), "may not revoke"),
        (lambda server: weak(server, ENOUGH.replace("connection admin, ", "")), "lacks CONNECTION ADMIN"),
        (lambda server: weak(server, ENOUGH.replace(", set user", "")), "lacks SET USER"),
        (lambda server: server.mariadb("xa start 'fence-xa'; insert into fence_it.farmers (name, phone)"
                                       " values ('a', 'b'); xa end 'fence-xa'; xa prepare 'fence-xa'"), "fence-xa"),
        (lambda server: server.mariadb(f"grant proxy on {quoted(OPERATOR)} to {quoted('fence_reader')}"),
         "may act as fence_op"),
        (lambda server: server.mariadb("create definer = root@localhost procedure fence_elsewhere.way_round()"
                                       " insert into fence_it.farmers (name, phone) values ('a', 'b')"), "way_round"),
    ],
)  # fmt: skip
def test_mariadb_gate_sees_what_is_broken(
    registry: MariadbLogin, legacy_server: Server, plant: Callable[[Server], Any], said: str
) -> None:
    plant(legacy_server)
    try:
        gates = gates_of("mariadb", registry)
        closed = [detail for detail in gates.values() if not detail.startswith("pass")]
        assert any(detail.startswith("fail") and said in detail for detail in closed), gates
        with pytest.raises(GoliveError):
            raised(registry)
        assert try_mariadb(registry.as_user(APP, PASSWORD), "farmers").accepted, "it was touched all the same"
    finally:
        legacy_server.mariadb("xa rollback 'fence-xa'") if said == "fence-xa" else None


@pytest.mark.parametrize(
    ("broken", "gate"),
    [
        (lambda login: ({"login": replace(login, password="wrong")}), "fence"),
        (lambda login: ({"login": replace(login, port=login.port + 40000 % 65536)}), "fence"),
        (lambda login: ({"login": replace(login, ca_cert=None)}), "fence"),
        (lambda _login: {"app_password": "wrong"}, "write"),
        (lambda _login: {"canary_table": "no_such_table"}, "write"),
        (lambda _login: {"app_user": "nobody_at_all"}, "write"),
    ],
)
def test_mariadb_gate_sees_that_its_probe_is_broken(
    registry: MariadbLogin, broken: Callable[[MariadbLogin], dict[str, Any]], gate: str
) -> None:
    over = broken(registry)
    gates = verdicts(gates_of("mariadb", over.pop("login", registry), **over))
    assert gates[f"freeze.it.{gate}"] == "unknown", gates


def test_mariadb_an_operator_that_can_not_see_the_accounts_is_unknown(
    registry: MariadbLogin, legacy_server: Server
) -> None:
    operator = weak(legacy_server, ENOUGH.replace("grant select on mysql.* to {u};", ""))
    assert verdicts(gates_of("mariadb", operator))["freeze.it.fence"] == "unknown"
    assert registry == operator


def test_mariadb_a_canary_refused_before_the_freeze_closes_the_gate(
    registry: MariadbLogin, legacy_server: Server
) -> None:
    legacy_server.mariadb(f"revoke insert, update, delete on fence_it.* from {quoted(APP)}")
    assert verdicts(gates_of("mariadb", registry))["freeze.it.write"] == "fail"


# --- PostgreSQL -------------------------------------------------------------------------------------------------------

ROLES = (
    "fence_app",
    "fence_member",
    "fence_reader",
    "fence_chain",
    "fence_end",
    "fence_super",
    "fence_stranger",
)


def roles() -> str:
    """The roles as every test finds them; the first one owns the databases."""
    return "".join(
        f"create role {role} login password '{PASSWORD}';"
        for role in ROLES
        if role not in (APP, "fence_super")
    ) + "".join(
        f"grant {role} to dfr_golive with admin true, inherit true, set true;"
        for role in ROLES
        if role not in ("fence_super", "fence_stranger")
    )


@pytest.fixture(scope="module")
def databases(staging_server: Server) -> Iterator[None]:
    """Made once: a database takes seconds to make and to drop."""
    clean = (
        "drop database if exists fence_it with (force); drop database if exists fence_it_before with (force);"
        "drop database if exists fence_also with (force);"
        + "".join(f"drop role if exists {role};" for role in reversed(ROLES))
    )
    staging_server.psql(clean)
    staging_server.psql(f"create role {APP} login password '{PASSWORD}';")
    staging_server.psql(f"create database fence_also owner {APP};")
    yield
    staging_server.psql(clean)


# The store of before-states is only there once a fence was up.
FORGET = (
    "do $$ begin if to_regclass('dfr_golive.kept') is not null then"
    " delete from dfr_golive.kept where name like 'fence%'; end if; end $$;"
)
KEPT = (
    "select case when to_regclass('dfr_golive.kept') is null then '0' else"
    " (xpath('//kept/text()', query_to_xml('select count(*) as kept from dfr_golive.kept"
    " where name like ''fence_it%''', false, true, '')))[1]::text end"
)


@pytest.fixture
def cluster(databases: None, staging_server: Server, country: dict[str, Any]) -> Iterator[PostgresLogin]:
    """A database in PostgreSQL with every sort of role; yields the operator's login to it."""
    operator = country["golive_databases"]["staging"]
    if not staging_server.psql(f"select 1 from pg_database where datname = '{REG}'"):
        staging_server.psql(f"create database fence_it owner {APP};")
        staging_server.psql("create table farmers (id serial primary key, name text)", REG)
        staging_server.psql(f"alter table farmers owner to {APP}", REG)
    staging_server.psql(
        "do $$ declare r text; begin"
        " for r in select rolname from pg_roles where rolname like 'fence%' and rolname <> 'fence_app' loop"
        # First what the owner granted, and with it what was granted on: a grantor can't go before its grants.
        " execute format('revoke all on database fence_it, fence_also from %I cascade', r); end loop;"
        " for r in select rolname from pg_roles where rolname like 'fence%' and rolname <> 'fence_app' loop"
        " execute format('drop owned by %I cascade; drop role %I', r, r); end loop;"
        f" end $$; {FORGET}"
        f"alter role {APP} login; revoke all on database fence_it, fence_also from public, dfr_golive cascade;"
        f"grant all on database fence_it, fence_also to {APP};"
        "grant connect, temporary on database fence_it, fence_also to public;"
        + roles()
        + f"grant {APP} to fence_member;"
        "revoke connect on database fence_it from public; grant connect on database fence_it to fence_reader;"
        "grant connect on database fence_it to fence_chain with grant option; set role fence_chain;"
        "grant connect on database fence_it to fence_end, public; reset role;"
    )
    yield staging_server.postgres_login(operator["user"], operator["password"], REG)
    staging_server.psql(FORGET)


def access(server: Server) -> str:
    return server.psql(
        "select d.datname, pg_get_userbyid(a.grantor), a.grantee::regrole, a.privilege_type, a.is_grantable"
        " from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a"
        " where d.datname like 'fence%' order by 1, 2, 3, 4;"
        "select rolname, rolcanlogin from pg_roles where rolname like 'fence%' order by 1;" + KEPT
    )


@contextmanager
def maintenance(login: PostgresLogin) -> Iterator[Any]:
    with _postgres.connect(login.to("postgres"), autocommit=True) as conn:
        yield conn


def pg_raised(login: PostgresLogin, **over: Any) -> _fence_postgres.Outcome:
    with maintenance(login) as conn:
        return _fence_postgres.raise_fence(conn, REG, **{"run_id": RUN, "app_role": APP, **over})


def pg_lifted(login: PostgresLogin, **over: Any) -> _fence_postgres.Outcome:
    with maintenance(login) as conn:
        return _fence_postgres.lift_fence(conn, REG, **over)


def pg_checked(login: PostgresLogin) -> dict[str, Any]:
    with maintenance(login) as conn:
        return _fence_postgres.check_fence(conn, REG, run_id=RUN, app_role=APP)


def session(server: Server, role: str, database: str = REG) -> psycopg.Connection[Any]:
    login = server.postgres_login(role, PASSWORD, database)
    return psycopg.connect(
        host=login.host, port=login.port, user=role, password=PASSWORD, dbname=database,
        sslmode="verify-ca", sslrootcert=login.ca_cert, autocommit=True,
    )  # fmt: skip


def gone(conn: psycopg.Connection[Any]) -> bool:
    with suppress(psycopg.Error):
        conn.execute("select 1")
        return False
    return True


def test_postgres_shuts_everybody_out_and_lets_them_back_in(
    cluster: PostgresLogin, staging_server: Server
) -> None:
    before = access(staging_server)
    assert pg_raised(cluster, rehearse=True).changed
    assert access(staging_server) == before
    inside = [
        session(staging_server, role) for role in ("fence_app", "fence_member", "fence_reader", "fence_end")
    ]
    elsewhere = session(staging_server, "fence_app", "postgres")
    first = pg_raised(cluster)
    assert first.evidence["roles"] == ["fence_app", "fence_member"]
    assert first.evidence["sessions_ended"] == 5
    assert all(gone(conn) for conn in [*inside, elsewhere])
    for role in ("fence_app", "fence_member", "fence_reader", "fence_end", "fence_stranger"):
        canary = try_postgres(cluster.as_role(role, PASSWORD))
        assert not canary.accepted, f"{role}: {canary.detail}"
    with _postgres.connect(cluster) as conn:
        assert _postgres.scalar(conn, "select count(*) from farmers") == 0
    assert not pg_raised(cluster).changed
    assert pg_checked(cluster)["sessions_ended"] == 5
    assert pg_lifted(cluster).changed
    assert access(staging_server) == before
    assert try_postgres(cluster.as_role(APP, PASSWORD)).accepted
    assert not pg_lifted(cluster).changed


def test_postgres_wrong_password_is_no_refusal_even_behind_the_fence(cluster: PostgresLogin) -> None:
    pg_raised(cluster)
    with pytest.raises(ProbeError, match="28P01"):
        try_postgres(cluster.as_role(APP, "wrong"))


def test_postgres_fence_stays_with_the_database_when_names_are_swapped(
    cluster: PostgresLogin, staging_server: Server
) -> None:
    before = access(staging_server)
    pg_raised(cluster, purpose="sync")
    with maintenance(cluster) as conn:
        conn.execute("alter database fence_it rename to fence_it_before")
        conn.execute("create database fence_it owner fence_app")
        pg_lifted(cluster, purpose="sync")
        conn.execute("drop database fence_it")
        conn.execute("alter database fence_it_before rename to fence_it")
    assert access(staging_server) == before


def test_postgres_two_fences_come_down_in_any_order(cluster: PostgresLogin, staging_server: Server) -> None:
    before = access(staging_server)
    for order in (("freeze", "sync"), ("sync", "freeze")):
        pg_raised(cluster, purpose="freeze")
        with maintenance(cluster) as conn:
            _fence_postgres.raise_fence(conn, "fence_also", run_id=RUN, app_role=APP, purpose="sync")
            for purpose in order:
                _fence_postgres.lift_fence(
                    conn, REG if purpose == "freeze" else "fence_also", purpose=purpose
                )
        assert access(staging_server) == before


def test_postgres_is_all_or_nothing(cluster: PostgresLogin, staging_server: Server) -> None:
    """A member the operator may not alter is met after the first REVOKE."""
    staging_server.psql("grant fence_app to fence_stranger;")
    before = access(staging_server)
    with pytest.raises(GoliveError, match="may not alter the role fence_stranger"):
        pg_raised(cluster)
    assert access(staging_server) == before
    assert verdicts(gates_of("postgresql", cluster))["freeze.it.fence"] == "fail"


def test_postgres_hole_is_found_and_what_was_granted_meanwhile_is_not_lost(
    cluster: PostgresLogin, staging_server: Server
) -> None:
    pg_raised(cluster)
    staging_server.psql("grant connect on database fence_it to fence_stranger;")
    with pytest.raises(DriftError, match="role fence_stranger may connect"):
        pg_checked(cluster)
    assert pg_raised(cluster).changed
    pg_checked(cluster)
    pg_lifted(cluster)
    assert "fence_stranger|CONNECT" in access(staging_server)


def test_postgres_fence_of_another_run_is_left_alone(cluster: PostgresLogin) -> None:
    pg_raised(cluster, run_id="another")
    with pytest.raises(GoliveError, match="another run"):
        pg_raised(cluster)
    assert verdicts(gates_of("postgresql", cluster))["freeze.it.fence"] == "fail"


def test_postgres_dropped_meanwhile_is_named(cluster: PostgresLogin, staging_server: Server) -> None:
    pg_raised(cluster)
    staging_server.psql("drop role fence_reader")
    assert pg_lifted(cluster).evidence["no_longer_there"] == ["role fence_reader"]
    pg_raised(cluster)
    with maintenance(cluster) as conn:
        conn.execute("drop database fence_it")
    assert any("database with oid" in what for what in pg_lifted(cluster).evidence["no_longer_there"])
    assert try_postgres(cluster.to("fence_also").as_role(APP, PASSWORD)).accepted


def test_postgres_waits_for_somebody_who_keeps_coming(cluster: PostgresLogin, staging_server: Server) -> None:
    """Logins that were under way when the fence went up."""
    stop = threading.Event()
    inside: list[Any] = []

    def knock() -> None:
        while not stop.is_set():
            with suppress(psycopg.Error):
                inside.append(session(staging_server, APP))

    people = [threading.Thread(target=knock) for _ in range(4)]
    for person in people:
        person.start()
    try:
        time.sleep(0.3)
        pg_raised(cluster)
        pg_checked(cluster)
    finally:
        stop.set()
        for person in people:
            person.join()
    pg_checked(cluster)
    assert inside
    assert all(gone(conn) for conn in inside)


def test_postgres_gates_healthy(cluster: PostgresLogin) -> None:
    gates = gates_of("postgresql", cluster)
    assert verdicts(gates) == HEALTHY
    assert "fence_also" in gates["freeze.it.fence"], "the other database of that role isn't named"


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        ("create role fence_super login superuser", "fence_super"),
        ("revoke admin option for fence_app from dfr_golive", "may not alter the role fence_app"),
        ("revoke pg_signal_backend from dfr_golive", "pg_signal_backend"),
    ],
)
def test_postgres_gate_sees_what_is_broken(
    cluster: PostgresLogin, staging_server: Server, plant: str, said: str
) -> None:
    before = access(staging_server)
    staging_server.psql(plant)
    try:
        gates = gates_of("postgresql", cluster)
        assert gates["freeze.it.fence"].startswith("fail")
        assert said in gates["freeze.it.fence"]
        with pytest.raises(GoliveError, match=said):
            pg_raised(cluster)
        if "fence_super" not in plant:
            assert access(staging_server) == before
    finally:
        staging_server.psql(
            "grant pg_signal_backend to dfr_golive; grant fence_app to dfr_golive with admin true;"
            "drop role if exists fence_super"
        )


def test_postgres_gate_sees_a_subscription(cluster: PostgresLogin, staging_server: Server) -> None:
    staging_server.psql(
        "create subscription fence_sub connection 'host=127.0.0.1 port=1' publication p with (connect = false)",
        REG,
    )
    try:
        assert verdicts(gates_of("postgresql", cluster))["freeze.it.fence"] == "pass"
        staging_server.psql("alter subscription fence_sub enable", REG)
        gates = gates_of("postgresql", cluster)
        assert gates["freeze.it.fence"].startswith("fail")
        assert "fence_sub" in gates["freeze.it.fence"]
    finally:
        staging_server.psql(
            "alter subscription fence_sub disable; alter subscription fence_sub set (slot_name = none);"
            "drop subscription fence_sub",
            REG,
        )


def test_postgres_prepared_transactions_are_seen(cluster: PostgresLogin, staging_server: Server) -> None:
    if staging_server.psql("show max_prepared_transactions").strip() == "0":
        with maintenance(cluster) as conn:
            assert _postgres.scalar(conn, "select count(*) from pg_prepared_xacts") == 0
        return
    staging_server.psql(
        "begin; insert into farmers (name) values ('a'); prepare transaction 'fence-prepared'", REG
    )
    try:
        gates = gates_of("postgresql", cluster)
        assert gates["freeze.it.fence"].startswith("fail")
        assert "fence-prepared" in gates["freeze.it.fence"]
        with pytest.raises(GoliveError, match="fence-prepared"):
            pg_raised(cluster)
    finally:
        staging_server.psql("rollback prepared 'fence-prepared'", REG)


@pytest.mark.parametrize(
    ("broken", "gate"),
    [
        (lambda login: {"login": replace(login, password="wrong")}, "fence"),
        (lambda login: {"login": replace(login, port=1)}, "fence"),
        (lambda login: {"login": replace(login, ca_cert=None)}, "fence"),
        (lambda _login: {"app_password": "wrong"}, "write"),
        (lambda _login: {"app_user": "nobody_at_all"}, "write"),
    ],
)
def test_postgres_gate_sees_that_its_probe_is_broken(
    cluster: PostgresLogin, broken: Callable[[PostgresLogin], dict[str, Any]], gate: str
) -> None:
    over = broken(cluster)
    gates = verdicts(gates_of("postgresql", over.pop("login", cluster), **over))
    assert gates[f"freeze.it.{gate}"] == "unknown", gates


def test_postgres_a_canary_refused_before_the_freeze_closes_the_gate(
    cluster: PostgresLogin, staging_server: Server
) -> None:
    staging_server.psql("alter role fence_app nologin")
    assert verdicts(gates_of("postgresql", cluster))["freeze.it.write"] == "fail"


# --- the lab itself ---------------------------------------------------------------------------------------------------

PLAY = """
- hosts: golive_state
  gather_facts: false
  vars:
    golive_run: {id: test-freeze, session: test, done: [], plan: [freeze_legacy]}
  tasks:
    - ansible.builtin.include_role: {name: dfr.golive.freeze_legacy, tasks_from: "{{ item }}.yml"}
      loop: "{{ verbs }}"
    - ansible.builtin.debug: {var: __freeze_legacy_gate.results}
      when: "'gate' in verbs"
"""


def play(folder: Path, *verbs: str) -> str:
    book = folder / "play.yml"
    book.write_text(PLAY, encoding="utf-8")
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-i",
            str(INVENTORY),
            str(book),
            "-e",
            json.dumps({"verbs": verbs}),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(host: str) -> list[tuple[str, str]]:
    """What the lab's writer noted: outcome and id or reason."""
    done = subprocess.run(
        ["docker", "exec", f"dfrlab-{host}", "cat", "/var/log/dfrlab/writer.log"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        (line.split(" ", 2)[1], line.split(" ", 2)[2])
        for line in done.stdout.splitlines()
        if line.count(" ") > 1
    ]


def acknowledged(host: str) -> list[int]:
    return [int(number) for outcome, number in written(host) if outcome == "acknowledged"]


def until(what: str, true: Callable[[], bool], limit: float = 120) -> None:
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline, f"waited {limit:g} s for {what}"
        time.sleep(0.5)


@pytest.fixture
def thawed(tmp_path: Path) -> Iterator[Path]:
    for host in ("legacy", "staging"):
        subprocess.run(["docker", "exec", f"dfrlab-{host}", "/dfrlab/parts/writer.sh", "start"], check=True)
    yield tmp_path
    play(tmp_path, "undo")


def test_the_lab_freezes_loses_nothing_and_thaws(
    thawed: Path, legacy_server: Server, staging_server: Server, country: dict[str, Any]
) -> None:
    for host in ("legacy", "staging"):
        begun = len(acknowledged(host))
        until(f"the writer on {host}", lambda host=host, begun=begun: len(acknowledged(host)) > begun + 3)  # type: ignore[misc]
    play(thawed, "gate", "apply", "verify")
    frozen = {host: acknowledged(host) for host in ("legacy", "staging")}
    time.sleep(3)
    for host in ("legacy", "staging"):
        assert acknowledged(host) == frozen[host], f"{host} accepted a record behind the fence"
        assert written(host)[-1][0] in ("refused", "error")
    there = legacy_server.mariadb("select reg_no from old_registry.farmers").split()
    assert set(frozen["legacy"]) <= {int(number) for number in there}
    database = country["golive_databases"]["staging"]["database"]
    there = staging_server.psql("select id from dfr_farmer", database).split()
    assert set(frozen["staging"]) <= {int(number) for number in there}
    # A run that was interrupted comes again: gate and apply find its own fence.
    assert "changed=0" in play(thawed, "gate", "apply", "verify")
    play(thawed, "undo")
    for host in ("legacy", "staging"):
        until(f"a record on {host}", lambda host=host: len(acknowledged(host)) > len(frozen[host]))  # type: ignore[misc]
    assert "changed=0" in play(thawed, "undo")
