# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sync on the lab's two PostgreSQL servers, with a pair of databases of the test's own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import datalab
import psycopg
import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _digest
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin
from conftest import Server
from datalab import PRODUCTION_FILES, STAGING_FILES, Pair, connected, module, on_vm


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair("synctest_sync")
    made.make()
    try:
        yield made
    finally:
        made.drop()


@pytest.fixture
def synced(pair: Pair) -> Pair:
    pair.fence()
    done = module("sync_database", pair.args())
    assert done.get("state") == "swapped", done
    return pair


def verdicts(found: dict[str, Any]) -> dict[str, str]:
    return {gate["name"]: gate["verdict"] for gate in found["gates"]}


def assert_as_before(pair: Pair) -> None:
    assert pair.names() == {pair.name}
    assert pair.parameter("database.uuid") == pair.uuids["production"]
    with connected("production", pair.name) as conn:
        assert conn.execute("select count(*) from farmer").fetchone() == (0,)
    with connected("production", "postgres") as conn:
        assert conn.execute(
            "select rolcanlogin from pg_roles where rolname = %s", (datalab.APP,)
        ).fetchone() == (True,)
        assert conn.execute(
            "select count(*) from dfr_golive.kept where name = %s", (pair.name,)
        ).fetchone() == (0,)
    assert on_vm("production", f"ls {PRODUCTION_FILES} | grep -c '{pair.name}.before' || true").strip() == "0"
    assert on_vm("production", f"ls {datalab.WORK}").strip() == ""


def test_there_and_back(pair: Pair) -> None:
    pair.fence()
    with connected("production", pair.name) as conn:
        conn.execute(f"alter database {pair.name} set work_mem = '7MB'")
    gates = verdicts(module("sync_readiness", pair.args()))
    assert set(gates.values()) == {"pass"}
    assert len(gates) == 14

    rehearsed = module("sync_database", pair.args(), check=True)
    assert rehearsed["changed"]
    assert pair.names() == {pair.name}

    done = module("sync_database", pair.args())
    assert done["changed"], done
    assert done["files_brought"] == 20
    assert pair.names() == {pair.name, f"{pair.name}_before"}
    assert pair.parameter("database.uuid") == pair.uuids["production"]
    assert pair.parameter("database.secret") == "secret-of-production"
    assert pair.parameter("web.base.url") == "http://s"
    with connected("production", pair.name) as conn:
        assert conn.execute("show work_mem").fetchone() == ("7MB",)
        assert conn.execute(
            "select distinct tableowner from pg_tables where schemaname = 'public'"
        ).fetchall() == [(datalab.APP,)]
        with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
            psycopg.connect(
                host=datalab.address("production"),
                dbname=pair.name,
                user=datalab.APP,
                password="lab-synctest",
            )
    again = module("sync_database", pair.args())
    assert not again["changed"]

    evidence = module("sync_verify", pair.args())["evidence"]
    assert evidence["declared"] == {"ir_config_parameter": ["database.secret", "database.uuid"]}
    assert evidence["filestore"]["files"] == 20
    tables = {table["name"]: table for table in evidence["files"]["tables"]}
    assert tables["farmer"]["source_rows"] == tables["farmer"]["target_rows"] == 500
    assert "events_2025" in tables
    assert "extra.thing" in tables
    assert evidence["sources"][0]["rows"] == sum(table["target_rows"] for table in tables.values())

    pair.sql(
        "production",
        "delete from farmer where id = 3 and false; update farmer set name = 'after' where id = 3",
    )
    assert "evidence" in module("sync_verify", pair.args(recheck=True))

    undone = module("sync_undo", pair.args())
    assert undone["changed"]
    assert_as_before(pair)
    assert not module("sync_undo", pair.args())["changed"]


# --- gates: broken, and probe broken -----------------------------------------------------------------------------


def broken(pair: Pair, change: dict[str, Any], **deep: dict[str, Any]) -> dict[str, str]:
    args = {**pair.args(), **change}
    for part, values in deep.items():
        args[part] = {**args[part], **values}
    return verdicts(module("sync_readiness", args))


def test_gates_that_say_no(pair: Pair) -> None:
    assert broken(pair, {})["fence.staging"] == "fail"
    pair.fence()
    assert broken(pair, {"run_id": "another-run"})["fence.staging"] == "fail"
    assert broken(pair, {}, source={"uuid": "x"})["database.staging"] == "fail"
    assert broken(pair, {}, target={"uuid": "x"})["database.production"] == "fail"
    assert broken(pair, {}, filestore={"owner": "odoo"})["filestore.staging"] == "fail"
    with connected("production", "postgres") as conn:
        conn.execute(f"create database {pair.name}_incoming")
        assert broken(pair, {})["names.production"] == "fail"
        conn.execute(f"alter database {pair.name}_incoming rename to {pair.name}_before")
        assert broken(pair, {})["names.production"] == "fail"
        conn.execute(f"drop database {pair.name}_before")
    pair.sql(
        "staging", "alter table farmer enable row level security; alter table farmer force row level security"
    )
    assert broken(pair, {})["tables.staging"] == "fail"
    pair.sql("staging", "alter table farmer no force row level security")
    pair.sql("staging", "update ir_attachment set store_fname = '../../etc/passwd' where id = 1")
    assert broken(pair, {})["filestore.staging"] == "fail"


def test_a_setting_that_only_a_superuser_may_carry(pair: Pair, production_server: Server) -> None:
    """Without the gate it would fail inside the freeze window."""
    setting = "log_min_duration_statement"
    pair.fence()
    production_server.psql(
        f"alter database {pair.name} set {setting} = 250;"
        f"alter role {datalab.APP} in database {pair.name} set statement_timeout = '9s'"
    )
    refused = gate_of(pair, "settings.production")
    assert refused["verdict"] == "fail"
    assert f"The setting {setting} of {pair.name} can't be taken over" in refused["detail"]
    assert f"The setting {setting}" in module("sync_database", pair.args())["msg"]
    assert pair.names() == {pair.name, f"{pair.name}_incoming"}
    production_server.psql(refused["remedy"].removeprefix("As a superuser there: "))
    try:
        assert broken(pair, {})["settings.production"] == "pass"
        assert module("sync_database", pair.args())["state"] == "swapped"
    finally:
        production_server.psql(f"revoke set on parameter {setting} from dfr_golive")
    found = production_server.psql(
        "select coalesce(setrole::regrole::text, ''), setconfig from pg_db_role_setting s"
        f" join pg_database d on d.oid = s.setdatabase where d.datname = '{pair.name}' order by 1"
    )
    assert found.split() == [f"-|{{{setting}=250ms}}", f"{datalab.APP}|{{statement_timeout=9s}}"]


def gate_of(pair: Pair, name: str, **change: Any) -> dict[str, Any]:
    gates: list[dict[str, Any]] = module("sync_readiness", {**pair.args(), **change})["gates"]
    return next(gate for gate in gates if gate["name"] == name)


def test_a_session_that_only_a_superuser_may_end(pair: Pair, production_server: Server) -> None:
    """Somebody watches production as postgres; its database can't be renamed meanwhile."""
    pair.fence()
    watching = subprocess.Popen(
        [
            *("docker", "exec", "-i", production_server.container, "su", "postgres", "-c"),
            f"PGAPPNAME=watch psql -XAt -d {pair.name}",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdin is not None
    assert watching.stdout is not None
    try:
        watching.stdin.write("select 'there';\n")
        watching.stdin.flush()
        assert watching.stdout.readline() == "there\n"
        refused = gate_of(pair, "sessions.production")
        assert refused["verdict"] == "fail"
        assert f"(postgres, watch, in {pair.name})" in refused["detail"]
        said = module("sync_database", pair.args())["msg"]
        assert "somebody is still connected, nothing was renamed" in said
        assert f"(postgres, watch, in {pair.name})" in said
        assert pair.names() == {pair.name, f"{pair.name}_incoming"}
    finally:
        watching.stdin.close()
        watching.wait(10)
    assert gate_of(pair, "sessions.production")["verdict"] == "pass"
    assert module("sync_database", pair.args())["state"] == "swapped"


def test_who_follows_production_would_stay_behind(pair: Pair, production_server: Server) -> None:
    production_server.psql("select pg_create_logical_replication_slot('reports', 'pgoutput')", pair.name)
    try:
        refused = gate_of(pair, "slots.production", expect_fence=False)
        assert (refused["verdict"], refused["detail"].split()[0]) == ("fail", "reports")
    finally:
        production_server.psql("select pg_drop_replication_slot('reports')")
    assert gate_of(pair, "slots.production", expect_fence=False)["verdict"] == "pass"


def test_production_s_own_fence_is_tried_before_the_freeze(pair: Pair, production_server: Server) -> None:
    assert gate_of(pair, "fence.production", expect_fence=False)["verdict"] == "pass"
    production_server.psql(
        "create subscription feed connection 'host=nowhere.test' publication p with (connect = false, slot_name = 'x');"
        "alter subscription feed enable",
        pair.name,
    )
    try:
        refused = gate_of(pair, "fence.production", expect_fence=False)
        assert refused["verdict"] == "fail"
        assert f"Enabled subscriptions write into {pair.name}: feed" in refused["detail"]
    finally:
        production_server.psql(
            "alter subscription feed disable; alter subscription feed set (slot_name = none); drop subscription feed",
            pair.name,
        )


READER = "synctest_reader"


@pytest.fixture
def reader(pair: Pair, production_server: Server) -> Iterator[str]:
    """A role for reports, which production's database knows and staging's doesn't."""
    production_server.psql(f"drop role if exists {READER}; create role {READER} login")
    production_server.psql(
        f"grant usage on schema extra to {READER} with grant option; grant select on farmer, no_key to {READER};"
        f"grant select (area), update (area) on plot to {READER}; grant usage on sequence free_number to {READER};"
        f"alter default privileges for role {datalab.APP} in schema public grant select on tables to {READER};"
        f"create table only_here (a int); grant select on only_here to {READER};"
        "grant select on empty_one to public",
        pair.name,
    )
    yield READER
    for name in sorted(pair.names()):
        production_server.psql(f"drop owned by {READER}", name)
    production_server.psql(f"drop role {READER}")


def test_who_may_read_production_may_still(pair: Pair, reader: str, production_server: Server) -> None:
    pair.fence()
    done = module("sync_database", pair.args())
    assert done["state"] == "swapped"
    assert done["privileges"] == {"granted": 7, "without": ["public.only_here"]}
    asked = (
        f"select has_schema_privilege('{reader}', 'extra', 'usage with grant option'),"
        f" has_table_privilege('{reader}', 'farmer', 'select'), has_table_privilege('{reader}', 'farmer', 'update'),"
        f" has_table_privilege('{reader}', 'plot', 'select'),"
        f" has_column_privilege('{reader}', 'plot', 'area', 'update'),"
        f" has_sequence_privilege('{reader}', 'free_number', 'usage'),"
        f" has_table_privilege('{reader}', 'later', 'select'),"
        f" has_table_privilege('{reader}', 'empty_one', 'select')"
    )
    with connected("production", pair.name) as conn:
        conn.execute(f"set role {datalab.APP}; create table later (a int); reset role")
        assert conn.execute(asked).fetchone() == (True, True, False, False, True, True, True, True)


def test_privileges_that_the_operator_may_not_give(
    pair: Pair, reader: str, production_server: Server
) -> None:
    production_server.psql(
        f"alter default privileges for role postgres grant select on tables to {reader}", pair.name
    )
    gate = gate_of(pair, "definitions.production", expect_fence=False)
    assert gate["verdict"] == "fail"
    assert f"What {reader} may do with" in gate["detail"]
    pair.fence()
    assert f"What {reader} may do with" in module("sync_database", pair.args())["msg"]
    assert pair.names() == {pair.name, f"{pair.name}_incoming"}


def test_definitions_are_tried_before_the_freeze(pair: Pair, staging_server: Server) -> None:
    def asked(**change: Any) -> dict[str, Any]:
        gate = gate_of(pair, "definitions.production", expect_fence=False, **change)
        assert not any("_trial_" in name for name in pair.names())
        return gate

    left = f"{pair.name}_trial_0badcafe"
    with connected("production", "postgres") as conn:
        conn.execute(f"create database {left}")
        conn.execute(
            "select pg_advisory_lock_shared(hashtextextended(%s, 0))", (left.removesuffix("0badcafe"),)
        )
        # Somebody is at work in it.
        assert gate_of(pair, "definitions.production", expect_fence=False)["verdict"] == "pass"
        assert left in pair.names()
    assert asked()["verdict"] == "pass"
    staging_server.psql(
        "create function noted() returns event_trigger language plpgsql as 'begin end';"
        "create event trigger noticed on ddl_command_end execute function noted()",
        pair.name,
    )
    refused = asked()
    assert refused["verdict"] == "fail"
    assert 'permission denied to create event trigger "noticed"' in refused["detail"]
    assert "Drop from staging" in refused["remedy"]
    assert asked(work_dir="/nowhere")["verdict"] == "unknown"
    staging_server.psql("drop event trigger noticed", pair.name)
    assert asked()["verdict"] == "pass"


def test_gates_that_get_no_answer(pair: Pair) -> None:
    pair.fence()
    found = broken(pair, {}, source={"login_password": "wrong"})
    assert {found[name] for name in ("database.staging", "fence.staging", "tables.staging")} == {"unknown"}
    assert found["names.production"] == "pass"
    found = broken(pair, {}, target={"login_port": 1})
    assert {found[name] for name in ("database.production", "names.production", "rights.production")} == {
        "unknown"
    }
    assert broken(pair, {}, filestore={"key": "/nowhere"})["filestore.staging"] == "unknown"
    assert broken(pair, {}, filestore={"known_hosts": "/dev/null"})["filestore.staging"] == "unknown"
    assert broken(pair, {"work_dir": "/nowhere"})["disk.production"] == "unknown"


def test_apply_refuses_another_database(pair: Pair) -> None:
    pair.fence()
    pair.uuids["production"] = "somebody-else"
    refused = module("sync_database", pair.args())
    assert refused["failed"]
    assert "golive_databases.production.uuid" in refused["msg"]
    assert pair.names() == {pair.name}


# --- differences -------------------------------------------------------------------------------------------------

PLANTED = {
    "a changed byte": "update farmer set name = name || '.' where id = 7",
    "a missing row": "delete from plot where id = 7",
    "an extra row": "insert into no_key values (9, 'new')",
    "another duplicate": "update no_key set a = 1 where ctid = (select min(ctid) from no_key where a = 2)",
    "values swapped between rows": (
        "update farmer set name = case id when 7 then (select name from farmer where id = 8)"
        " else (select name from farmer where id = 7) end where id in (7, 8)"
    ),
    "integers swapped between rows": "update plot set farmer_id = 15 - farmer_id where id in (7, 8)",
    "compensating changes": "update plot set area = area + case id when 7 then 1 else -1 end where id in (7, 8)",
    "null instead of empty": "update farmer set name = null where id = 7",
    "another scale": "update farmer set area = area::numeric(20, 5) where id = 7",
    "a negative zero": "update farmer set lat = '-0' where id = 1000",
    "a microsecond": "update farmer set seen = seen + interval '1 microsecond' where id = 7",
    "nesting in jsonb": """update farmer set props = '[[1], 2]' where id = 1000""",
    "white space in json": """update farmer set note = '{"k":  7}' where id = 7""",
    "an array's shape": "update farmer set tags = '{{x,1000}}' where id = 1000",
    "a byte of bytea": "update farmer set raw = set_byte(raw, 0, (get_byte(raw, 0) + 1) % 256) where id = 7",
    "a partition's row": "update events set what = 'other' where at = '2026-01-05'",
    "an unlogged table's row": "update scratch set a = 3 where a = 2",
    "another schema": "update extra.thing set label = 'x' where id = 1",
    "a table's columns": "alter table empty_one rename column a to b",
    "a table too many": "create table stray (a int)",
    "a table too few": "drop table empty_one",
}


def login(server: str, database: str) -> PostgresLogin:
    return PostgresLogin(
        datalab.address(server),
        5432,
        "dfr_golive",
        datalab.SECRETS[server],
        database,
        ssl_mode="verify-ca",
        ca_cert=str(datalab.INVENTORY / ".lab/ca.pem"),
    )


@pytest.fixture(scope="module")
def twins() -> Iterator[Pair]:
    """The same rows on both servers, without a sync."""
    made = Pair("synctest_twins")
    made.make(files=0)
    with connected("production", made.name) as conn:
        conn.execute(f"set role {datalab.APP}")
        conn.execute(datalab.ROWS.replace("%(rows)s", "500").replace("%%", "%"))
    for server in ("staging", "production"):
        made.sql(
            server,
            "insert into farmer (id, code, props, tags, lat) values (1000, 'Z', '[[1, 2]]', '{x,1000}', 0)",
        )
        made.sql(server, "update ir_config_parameter set value = 'same' where key like 'database.%'")
    try:
        yield made
    finally:
        made.drop()


def differences(pair: Pair, algorithm: str) -> list[_digest.Comparison]:
    sides = [
        _digest.digest_tables(login(server, pair.name), algorithm=algorithm, jobs=2)
        for server in ("staging", "production")
    ]
    return [item for item in _digest.compare(*sides) if not item.good]


@pytest.mark.parametrize("algorithm", ["record", "text"])
def test_identical_data_shows_no_difference(twins: Pair, algorithm: str) -> None:
    assert differences(twins, algorithm) == []


def test_physical_order_and_column_order_do_not_matter(twins: Pair) -> None:
    twins.sql("production", "update farmer set name = name; update farmer set name = name where id < 100")
    twins.sql("production", "alter table plot add column z int; alter table plot drop column z")
    twins.sql(
        "production",
        "drop table scratch; create unlogged table scratch (a int); insert into scratch values (2), (1)",
    )
    assert differences(twins, "record") == []


@pytest.mark.parametrize("planted", sorted(PLANTED))
def test_every_difference_is_found(twins: Pair, planted: str) -> None:
    with connected("production", twins.name, autocommit=False) as conn:
        conn.execute(f"set role {datalab.APP}")
        conn.execute(PLANTED[planted])
        # Seen through the planting transaction itself, which is then rolled back: the twins stay twins.
        found = _digest.compare(digest_through(conn), _digest.digest_tables(login("staging", twins.name)))
        conn.rollback()
    assert [item for item in found if not item.good], planted
    with pytest.raises(GoliveError, match="tables differ"):
        _digest.refuse_differences(found, "staging", "production")


def digest_through(conn: psycopg.Connection[Any]) -> dict[str, _digest.Digest]:
    for name, value in _digest.SESSION.items():
        conn.execute("select set_config(%s, %s, true)", (name, value))
    found = {}
    for table in _digest.read_layout(conn).tables:
        rows, summed = _digest.one_row(conn, _digest.table_query(table, "record"))
        names = tuple(name for name, _kind in table.columns)
        found[table.label] = _digest.Digest(rows, int(summed), names)
    return found


def test_verify_fails_on_a_difference_and_names_it(synced: Pair) -> None:
    synced.sql("production", "update farmer set name = 'planted' where id = 7")
    refused = module("sync_verify", synced.args())
    assert refused["failed"]
    assert "farmer is different: 500 rows" in refused["msg"]
    assert "planted" not in refused["msg"]
    synced.sql("production", "update farmer set name = 'name ' || md5('7') where id = 7")
    synced.sql("production", "update ir_config_parameter set value = 'http://p' where key = 'web.base.url'")
    refused = module("sync_verify", synced.args())
    assert "web.base.url" in refused["msg"]
    synced.sql("production", "update ir_config_parameter set value = 'http://s' where key = 'web.base.url'")
    synced.sql("production", "select setval('farmer_id_seq', 3)")
    assert "farmer_id_seq gives 4 next, but key 500 exists" in module("sync_verify", synced.args())["msg"]
    synced.sql("production", "select setval('farmer_id_seq', 500); drop index farmer_name")
    assert "farmer_name is missing" in module("sync_verify", synced.args())["msg"]
    synced.sql("production", "create index farmer_name on farmer (name)")
    on_vm("production", f"echo x > $(find {PRODUCTION_FILES}/{synced.name} -type f | head -1)")
    assert "1 corrupt" in module("sync_verify", synced.args())["msg"]


def test_a_sequence_below_its_keys_is_raised(pair: Pair) -> None:
    pair.sql("staging", "select setval('plot_id_seq', 5)")
    pair.fence()
    assert module("sync_database", pair.args())["raised"] == ["plot_id_seq"]
    assert module("sync_verify", pair.args())["evidence"]["sequences"]["raised"] == ["plot_id_seq"]


# --- files -------------------------------------------------------------------------------------------------------


def test_seed_brings_proves_and_heals(pair: Pair) -> None:
    first = module("filestore_seed", pair.args())
    assert (first["brought"], first["filestore"]["hashed"]) == (20, 20)
    again = module("filestore_seed", pair.args())
    assert (again["changed"], again["filestore"]["hashed"]) == (False, 0)
    on_vm("production", f"echo x > $(find {PRODUCTION_FILES}/{pair.name}.incoming -type f | head -1)")
    healed = module("filestore_seed", pair.args())
    assert (healed["brought"], healed["filestore"]["hashed"]) == (1, 1)
    owners = on_vm(
        "production", f"find {PRODUCTION_FILES}/{pair.name}.incoming -printf '%U:%G %m\\n' | sort -u"
    )
    assert owners.split() == ["100:101", "640", "100:101", "750"]
    on_vm("staging", f"rm $(find {STAGING_FILES}/{pair.name} -type f | head -1)")
    on_vm("production", f"rm -r {PRODUCTION_FILES}/{pair.name}.incoming")
    refused = module("filestore_seed", pair.args())
    assert "1 files are missing" in refused["msg"]
    pair.fence()
    refused = module("sync_database", pair.args())
    assert "1 files are missing" in refused["msg"]
    module("sync_undo", pair.args())
    assert_as_before(pair)


def test_the_key_opens_nothing_but_reading() -> None:
    ssh = (
        "ssh -F none -i /root/.ssh/dfr_golive_filestore -o BatchMode=yes -o HostKeyAlias=dfr-golive-filestore"
    )
    ssh += " -o UserKnownHostsFile=/root/.ssh/dfr_golive_filestore.known_hosts"
    tries = {
        "a shell": f"{ssh} dfr-filestore@10.28.50.12 id",
        "writing": f"touch /tmp/x; rsync -e '{ssh}' /tmp/x dfr-filestore@10.28.50.12:x",
        "elsewhere": f"rsync -e '{ssh}' dfr-filestore@10.28.50.12:/../../../../../etc/shadow /tmp/",
        "a tunnel": f"{ssh} -o ExitOnForwardFailure=yes -N -W 127.0.0.1:22 dfr-filestore@10.28.50.12 </dev/null",
    }
    for what, command in tries.items():
        done = subprocess.run(
            ["docker", "exec", "dfrlab-production", "bash", "-c", command], capture_output=True, check=False
        )
        assert done.returncode != 0, what


# --- crashes -----------------------------------------------------------------------------------------------------


def test_a_copy_in_the_making_is_made_again(pair: Pair) -> None:
    pair.fence()
    with connected("production", "postgres") as conn:
        conn.execute(
            "insert into dfr_golive.kept (kind, name, run_id, state) values ('sync.incoming', %s, %s, '{}')",
            (pair.name, pair.run_id),
        )
        conn.execute(f"create database {pair.name}_incoming")
    on_vm("production", f"mkdir {datalab.WORK}/dfr-golive-sync-dead")
    assert verdicts(module("sync_readiness", pair.args()))["names.production"] == "pass"
    assert module("sync_database", pair.args())["state"] == "swapped"
    assert "evidence" in module("sync_verify", pair.args())
    module("sync_undo", pair.args())
    assert_as_before(pair)


def test_a_crash_between_the_databases_and_the_files(synced: Pair) -> None:
    back = f"cd {PRODUCTION_FILES}; mv {synced.name} {synced.name}.incoming; mv {synced.name}.before {synced.name}"
    on_vm("production", back)
    drifted = module("sync_verify", synced.args())
    assert "isn't swapped as its database is" in drifted["msg"]
    again = module("sync_database", synced.args())
    assert again["changed"]
    assert "evidence" in module("sync_verify", synced.args())
    # and on the way back: the databases are back, the files aren't
    with connected("production", "postgres") as conn:
        conn.execute(f"alter database {synced.name} rename to {synced.name}_incoming")
        conn.execute(f"alter database {synced.name}_before rename to {synced.name}")
        conn.execute(
            "update dfr_golive.kept set kind = 'sync.incoming' where kind = 'sync' and name = %s",
            (synced.name,),
        )
    assert module("sync_undo", synced.args())["changed"]
    assert_as_before(synced)


def kill_apply(pair: Pair, after: float) -> None:
    """kill -9 the module and what it started, some time after it began to work."""
    play = subprocess.Popen(
        [
            "python",
            "-c",
            f"import datalab; p = datalab.Pair({pair.name!r}); datalab.module('sync_database', p.args())",
        ],
        cwd=datalab.ROOT / "tests/integration",
        env={**os.environ, "ANSIBLE_PIPELINING": "false", "PYTHONPATH": str(datalab.ROOT / ".collections")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    limit = time.monotonic() + 30
    while time.monotonic() < limit and not any("incoming" in name for name in pair.names()):
        time.sleep(0.05)
    time.sleep(after)
    # The brackets keep the pattern from matching the shell that looks for it.
    pattern = f"[A]nsiballZ_sync_database|[d]bname={pair.name}_incoming|[d]fr-golive-sync-"
    killed = on_vm("production", f"pgrep -f '{pattern}' || true").split()
    on_vm("production", f"kill -9 {' '.join(killed)} || true" if killed else "true")
    assert killed or after > 0
    play.wait(60)


@pytest.mark.parametrize(("after", "then"), [(0.0, "undo"), (0.4, "again"), (0.8, "undo")])
def test_kill_9_leaves_a_state_that_a_repeat_recognises(pair: Pair, after: float, then: str) -> None:
    pair.fence()
    kill_apply(pair, after)
    assert pair.parameter("database.uuid") == pair.uuids["production"]
    if then == "again":
        assert "state" in module("sync_database", pair.args())
        assert "evidence" in module("sync_verify", pair.args())
    module("sync_undo", pair.args())
    assert_as_before(pair)


def test_another_run_s_swap_is_not_undone(synced: Pair) -> None:
    for name in ("sync_undo", "sync_database"):
        refused = module(name, synced.args(run_id="another-run"))
        assert "another run (test-run)" in refused["msg"]
    assert synced.names() == {synced.name, f"{synced.name}_before"}


def test_method_none_only_checks_who_production_is(pair: Pair) -> None:
    args = pair.args(method="none")
    assert verdicts(module("sync_readiness", args)) == {"database.production": "pass"}
    assert not module("sync_database", args)["changed"]
    assert module("sync_verify", args)["evidence"]["sources"] == []
    assert not module("sync_undo", args)["changed"]
    args["target"]["uuid"] = "x"
    assert module("sync_database", args)["failed"]


def test_no_password_at_any_verbosity(pair: Pair) -> None:
    secret = datalab.SECRETS["production"]
    found = str(module("sync_readiness", pair.args()))
    assert secret not in found.replace("VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "")
