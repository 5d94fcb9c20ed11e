# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The go-live's sync by replication, on two servers of the tests' own: the way there, the way back, planted faults."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sandbox as sb
from sandbox import Sandbox

NUMBERS = itertools.count(1)
SCHEMA = """
create table ir_config_parameter (id serial primary key, key text unique not null, value text not null);
create table ir_attachment (id serial primary key, name text, store_fname text, file_size int);
create table ir_module_module (id serial primary key, name text, state text, latest_version text);
create table farmer (id serial primary key, code text not null unique, name text);
create table visits (farmer_id int, note text);
insert into ir_module_module (name, state, latest_version) values ('dfr_registry', 'installed', '1.0');
"""


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    made = sb.make("dfrgolivesync")
    try:
        made.start()
        sb.run("docker", "exec", made.vm, "mkdir", "-p", "/files")
        yield made
    finally:
        made.stop()


class Country:
    """A staging and a production database, and the calls of a go-live on them."""

    def __init__(self, box: Sandbox) -> None:
        self.box, self.number = box, next(NUMBERS)
        self.staging, self.production = f"stg{self.number}", f"prod{self.number}"
        for server, database in ((box.source, self.staging), (box.target, self.production)):
            server.psql(f"create database {database} owner odoo")
            server.psql(SCHEMA, database, "odoo")
            server.psql(
                "insert into ir_config_parameter (key, value) values"
                f" ('database.uuid', '{database}'), ('database.secret', 'of {database}'), ('web.base.url', 'http://s')",
                database,
                "odoo",
            )
        self.on_staging(
            "insert into farmer (code, name) select 'F' || i, 'Name ' || i from generate_series(1, 3000) i"
        )
        self.on_staging("insert into visits select i, 'note' from generate_series(1, 50) i")
        sb.run("docker", "exec", box.vm, "mkdir", f"/files/{self.production}")

    verify = "touched"

    def side(self, server: sb.Server, database: str) -> dict[str, Any]:
        return {
            "login_host": server.name,
            "login_port": 5432,
            "login_user": "dfr_golive",
            "login_password": "operator",
            "database": database,
            "maintenance_database": "postgres",
            "ssl_mode": "disable",
            "ca_cert": None,
            "connect_timeout": 5,
            "app_role": "odoo",
            "uuid": database,
        }

    def params(self) -> dict[str, Any]:
        return {
            "run_id": "the-night",
            "method": "replication",
            "source": self.side(self.box.source, self.staging),
            "target": self.side(self.box.target, self.production),
            "filestore": {
                "path": "/files",
                "owner": "0:0",
                "host": "nowhere",
                "port": 22,
                "user": "nobody",
                "key": "/nowhere",
                "known_hosts": "/nowhere",
            },
            "replication": {
                "reach": {
                    "host": f"{self.box.source.name}-link",
                    "port": 5432,
                    "ssl_mode": "disable",
                    "ca_cert": None,
                },
                "drain_seconds": 5,
                "lag_bytes": 64 << 20,
                "lag_seconds": 60,
                "wal_bytes": 1 << 30,
                "verify": self.verify,
            },
            "identity_keys": ["database.uuid", "database.secret"],
            "exempt_roles": ["postgres"],
            "work_dir": sb.WORK,
            "jobs": 2,
            "limit_seconds": 120,
        }

    def said(self, call: str, **options: Any) -> dict[str, Any]:
        done = subprocess.run(
            ["docker", "exec", "-i", self.box.vm, "python3", "/checkout/tests/integration/sync_driver.py"],
            input=json.dumps({"call": call, "params": self.params(), "options": options}),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if done.returncode == 9:
            return {"died": True}
        assert done.returncode == 0, done.stderr[-3000:]
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def __call__(self, call: str, **options: Any) -> Any:
        said = self.said(call, **options)
        assert "error" not in said, said["error"]
        return said["result"]

    def refused(self, call: str, **options: Any) -> str:
        said = self.said(call, **options)
        assert "error" in said, said
        return str(said["error"])

    def shut(self, **options: Any) -> dict[str, str]:
        """The gates that don't let through; the one of the files needs a host that these tests don't have."""
        found = self("gates", **options)
        return {
            name: detail
            for name, (verdict, detail) in found.items()
            if verdict != "pass" and name != "filestore.staging"
        }

    def on_staging(self, statements: str, user: str = "odoo") -> str:
        return self.box.source.psql(statements, self.staging, user)

    def on_production(self, statements: str) -> str:
        return self.box.target.psql(statements, self.production, "postgres")

    def on_copy(self, statements: str) -> str:
        return self.box.target.psql(statements, f"{self.production}_incoming", "odoo")

    def names(self) -> set[str]:
        found = self.box.target.psql(
            f"select datname from pg_database where datname like '{self.production}%'"
        )
        return set(found.split())

    def untouched(self) -> None:
        """Production is itself, and open to its application."""
        assert self.on_production("select value from ir_config_parameter where key = 'database.secret'") == (
            f"of {self.production}"
        )
        assert self.on_production("select count(*) from farmer") == "0"
        self.box.target.connect(self.production).close()

    def gone(self) -> None:
        """No orphan: neither slot nor publication nor subscription nor anything kept."""
        assert self("remains") == []
        for server in (self.box.source, self.box.target):
            kept = server.psql(
                "select kind from dfr_golive.kept where kind like 'replication%' or kind like 'sync%'"
            )
            assert kept == ""

    def end_of(self) -> None:
        self("undo")
        self("lift")
        self("discard")
        self.gone()
        self.untouched()
        assert self.names() == {self.production}
        self.box.target.psql(f"drop database {self.production}")
        self.box.source.psql(f"drop database {self.staging} with (force)")


@pytest.fixture
def country(box: Sandbox) -> Iterator[Country]:
    made = Country(box)
    yield made
    made.end_of()


class Writer:
    """Registers farmers in staging until it is refused, and remembers what was acknowledged."""

    def __init__(self, country: Country) -> None:
        self.country, self.acknowledged = country, 0
        self.thread = threading.Thread(target=self._write)
        self.thread.start()

    def _write(self) -> None:
        connection = self.country.box.source.connect(self.country.staging)
        try:
            for i in itertools.count():
                connection.execute("insert into farmer (code, name) values (%s, 'new')", (f"W{i}",))
                self.acknowledged = i + 1
                connection.execute("update farmer set name = name || '.' where id = %s", (1 + i % 3000,))
                time.sleep(0.01)
        except psycopg.Error:
            return


def test_there_with_a_writer_that_writes_until_it_is_refused(country: Country) -> None:
    assert "there is no copy" in country.shut(fenced=False)["copy.production"]
    first = country("seed")
    assert (first["stage"], first["proof"]["kind"]) == ("proven", "full")
    assert first["evidence"]["keyless"] == ["visits"]
    writer = Writer(country)
    again = country("seed")
    assert (again["why_again"], again["proof"]["kind"]) == ("", "touched")
    assert country.shut(fenced=False) == {}
    country("fence")
    writer.thread.join(20)
    assert writer.acknowledged > 0

    # Identity taken, names not yet: the same call again goes on from there.
    assert country.said("die_before_the_swap") == {"died": True}
    assert country.shut(fenced=True) == {}
    done = country("synchronise")
    assert done["state"] == "swapped"
    kept = (
        f"select count(*) from farmer where code like 'W%' and substr(code, 2)::int < {writer.acknowledged}"
    )
    assert country.on_production(kept) == str(writer.acknowledged)
    secret = "select value from ir_config_parameter where key = 'database.secret'"
    assert country.on_production(secret) == f"of {country.production}"

    # Dead in the middle of the settling: the repeat has the proof, and leaves nothing behind.
    assert country.said("die_while_settling") == {"died": True}
    evidence = country("verify")
    tables = {table["name"]: table for table in evidence["files"]["tables"]}
    assert {name for name, table in tables.items() if table["verdict"] != "equal"} == {"ir_config_parameter"}
    assert evidence["declared"] == {"ir_config_parameter": ["database.secret", "database.uuid"]}
    rows = int(country.on_staging("select count(*) from farmer", "postgres"))
    assert tables["farmer"]["source_rows"] == tables["farmer"]["target_rows"] == rows
    assert country("remains") == []
    assert country("verify")["settled"] == evidence["settled"]
    assert country("undo")["copy_kept"] is False


def test_back_before_it_was_settled_keeps_the_copy_for_another_night(country: Country) -> None:
    country("seed")
    country("fence")
    country("synchronise")
    undone = country("undo")
    assert undone["copy_kept"] is True
    country.untouched()
    country("lift")
    country.on_staging("insert into farmer (code, name) values ('later', 'later')")
    assert country("seed")["proof"]["kind"] == "touched"
    assert country.on_copy("select count(*) from farmer where code = 'later'") == "1"
    assert (
        country.on_copy("select value from ir_config_parameter where key = 'database.uuid'")
        == country.staging
    )
    assert country.shut(fenced=False) == {}


def test_a_row_too_many_in_the_copy_stops_the_night_and_loses_nothing(country: Country) -> None:
    country("seed")
    country.on_copy("insert into farmer (code, name) values ('extra', 'somebody')")
    country("fence")
    said = country.refused("synchronise")
    assert "farmer id=3001 is extra" in said
    assert "somebody" not in said
    assert "rollback.yml" in said
    assert country.names() == {country.production, f"{country.production}_incoming"}
    country("undo")
    country.untouched()
    country("lift")
    assert "farmer id=3001 is extra" in country.refused("seed")
    assert country("seed", again=True)["why_again"] == "asked for"
    assert country.shut(fenced=False) == {}


def test_every_row_is_compared_when_that_is_asked_for(country: Country) -> None:
    country("seed")
    country.on_copy("insert into farmer (code, name) values ('extra', 'somebody')")
    country.verify = "full"
    country("fence")
    said = country.refused("synchronise")
    assert "farmer id=3001 is extra" in said
    assert "somebody" not in said
    copy = f"{country.production}_incoming"
    country.box.target.psql("delete from farmer where code = 'extra'", copy, "postgres")
    country("synchronise")
    compared = country("verify")["compared"]
    assert compared["kind"] == "full"
    assert re.fullmatch(r"[0-9A-F]+/[0-9A-F]+", compared["position"])


def test_definitions_that_changed_are_named_with_the_module(country: Country) -> None:
    country("seed")
    country.on_staging("alter table farmer add column phone text")
    country.on_staging("update ir_module_module set latest_version = '2.0'")
    assert "module dfr_registry was changed" in country.shut(fenced=False)["definitions.staging"]
    country("fence")
    assert "column public.farmer.phone is new" in country.refused("synchronise")
    country("undo")
    country("lift")
    again = country("seed")
    assert "module dfr_registry was changed" in again["why_again"]


def test_right_before_the_freeze_a_copy_is_proven_again_but_none_is_made(country: Country) -> None:
    assert "it must be proven" in country.refused("seed", make=False)
    assert country.names() == {country.production}
    country("seed")
    country.on_staging("update farmer set name = name || '!' where id <= 7")
    proof = country("seed", make=False)["proof"]
    assert (proof["kind"], proof["rows"]) == ("touched", 7)
    country.on_staging("alter table farmer add column phone text")
    said = country.refused("seed", make=False)
    assert "is of no use any more: definitions changed since: column public.farmer.phone is new" in said
    assert "prepare.yml" in said
    assert country.names() == {country.production, f"{country.production}_incoming"}


def test_a_disabled_subscription_and_a_lost_slot(country: Country) -> None:
    country("seed")
    label = country.box.target.psql("select subname from pg_subscription")
    country.box.target.psql(
        f"alter subscription {label} disable", f"{country.production}_incoming", "postgres"
    )
    assert "is disabled" in country.shut(fenced=False)["copy.production"]
    country("seed")
    assert country.shut(fenced=False) == {}

    # Past its limit the watch drops the slots; the gate says why, an undo leaves no orphan, a seed begins again.
    assert country("watch", limit_bytes=1 << 40) == []
    assert "it was dropped" in country("watch", limit_bytes=0)[0]
    shut = country.shut(fenced=False)
    assert "the watch dropped its slot on staging's server" in shut["copy.production"]
    assert "are gone" in shut["wal.staging"]
    assert country("undo")["copy_kept"] is False
    country.gone()


def test_what_cannot_be_followed_is_refused_before_anything_is_made(country: Country) -> None:
    country.on_staging("create unlogged table scratch (a int)")
    assert "what can't be followed: unlogged tables: scratch" in country.refused("seed")
    country.box.target.psql(
        "revoke pg_create_subscription from dfr_golive; alter system set log_statement = 'ddl'"
    )
    country.box.target.psql("select pg_reload_conf()")
    said = country.refused("seed")
    country.box.target.psql("grant pg_create_subscription to dfr_golive; alter system reset log_statement")
    country.box.target.psql("select pg_reload_conf()")
    assert "no member of pg_create_subscription" in said
    assert "password would be among them" in said
    assert country.names() == {country.production}


def test_the_password_is_in_no_log(box: Sandbox) -> None:
    assert "operator" not in box.target.log().replace("dfr_golive_operator", "")
