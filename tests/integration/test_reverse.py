# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back once users are in: on two servers of the tests' own, production and the frozen old one."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import sandbox as sb
from sandbox import Sandbox

SCHEMA = r"""
create table ir_config_parameter (id serial primary key, key text, value text);
create table res_users (id serial primary key, login text, active bool default true, note text, password text);
create table mail_mail (id serial primary key, state text);
create table ir_model_data (id serial primary key, module text, name text, model text, res_id int);
create table ir_attachment (id serial primary key, store_fname text);
create table dfr_farmer (
    id serial primary key, name text not null, born date, area numeric(10,4), extra jsonb, photo bytea, ok bool,
    parent int references dfr_farmer, create_uid int references res_users, write_uid int references res_users
);
create table dfr_tag_rel (
    farmer_id int not null references dfr_farmer, tag text not null, primary key (farmer_id, tag)
);
create table visits (farmer_id int, note text);
insert into res_users (login, password) values ('root', null), ('admin', 'staging''s own'), ('enumerator', 'hers');
insert into mail_mail (state) values ('outgoing'), ('cancel');
insert into dfr_farmer (name, born, area, extra, photo, ok, create_uid, write_uid)
    select 'Farmer ' || i, date '1960-01-01' + i, i / 3.0, jsonb_build_object('n', i), decode(md5(i::text), 'hex'),
           i % 2 = 0, 2, 2 from generate_series(1, 500) i;
update dfr_farmer set extra = jsonb_build_object('long', repeat(md5(id::text), 400)) where id = 7;
insert into ir_model_data (module, name, model, res_id) values ('legacy', 'farmer_1', 'dfr.farmer', 1);
insert into visits select i, 'seen' from generate_series(1, 20) i;
"""
WRITES = r"""
insert into dfr_farmer (name, parent, create_uid, write_uid)
    select 'New ' || i, 1, 3, 3 from generate_series(1, 50) i;
update dfr_farmer set name = 'Renamed', write_uid = 3 where id <= 10;
update dfr_farmer set name = '=1+1' where id = 7;
update dfr_farmer set born = '2001-02-03', ok = not ok where id = 501;
delete from dfr_farmer where id = 550;
insert into dfr_tag_rel values (1, 'kava'), (502, 'a	tab and a \ and "quotes"');
update dfr_tag_rel set tag = 'taro' where farmer_id = 1;
insert into visits values (1, 'again'); delete from visits where farmer_id = 2;
update ir_config_parameter set value = 'https://production' where key = 'web.base.url';
"""
DIGEST = "select md5(string_agg(t::text, ',' order by t::text)) from {} t"
TABLES = ("dfr_farmer", "dfr_tag_rel", "visits", "res_users")
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    made = sb.make("dfrback")
    try:
        made.start()
        yield made
    finally:
        made.stop()


class Country:
    """Production and frozen staging with the same rows, as they are right after the swap."""

    def __init__(self, box: Sandbox, mode: str) -> None:
        self.box, self.mode, self.database = box, mode, f"registry{next(NUMBERS)}"
        for server, uuid in ((box.source, "uuid-production"), (box.target, "uuid-staging")):
            server.psql(f"create database {self.database} owner odoo")
            server.psql(SCHEMA, self.database, "odoo")
            server.psql(
                f"insert into ir_config_parameter (key, value) values ('database.uuid', '{uuid}'),"
                f" ('web.base.url', 'https://{uuid}')",
                self.database,
                "odoo",
            )

    def said(self, call: str, mode: str = "", limit_seconds: int = 30, **options: Any) -> dict[str, Any]:
        asked = {
            "call": call,
            "mode": mode or self.mode,
            "database": self.database,
            "run_id": self.database,
            "production": self.box.source.name,
            "staging": self.box.target.name,
            "limit_seconds": limit_seconds,
            "options": options,
        }
        done = subprocess.run(
            [
                *("docker", "exec", "-i", self.box.vm, "python3"),
                "/checkout/tests/integration/reverse_driver.py",
            ],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def __call__(self, call: str, **options: Any) -> Any:
        said = self.said(call, **options)
        assert "error" not in said, said["error"]
        return said["result"]

    def refused(self, call: str, **options: Any) -> str:
        said = self.said(call, **options)
        assert "error" in said, said
        return str(said["error"])

    def live(self) -> Country:
        """Door open: the way back is prepared, users write."""
        self("freeze")
        assert self("prepare")["changed"]
        self("open_door")
        return self

    def write(self, statements: str = WRITES) -> None:
        self.box.source.psql(statements, self.database, "odoo")

    def production(self, query: str) -> str:
        return self.box.source.psql(query, self.database)

    def staging(self, query: str) -> str:
        return self.box.target.psql(query, self.database)

    def same(self) -> list[str]:
        """The tables that are equal on both sides, judged without our code."""
        return [
            table
            for table in TABLES
            if self.production(DIGEST.format(table)) == self.staging(DIGEST.format(table))
        ]

    def end(self) -> None:
        self("drop")
        for server in (self.box.source, self.box.target):
            server.psql(
                "update dfr_golive.kept set state = state where false; alter role odoo login;"
                f"delete from dfr_golive.kept where name = '{self.database}';"
            )
            server.psql(f"drop database {self.database} with (force)")


@pytest.fixture
def country(box: Sandbox, request: pytest.FixtureRequest) -> Iterator[Country]:
    made = Country(box, getattr(request, "param", "replication"))
    yield made
    made.end()


def gates(country: Country, call: str, **options: Any) -> dict[str, tuple[str, str]]:
    return {g["name"]: (g["verdict"], g["detail"]) for g in country(call, **options)}


def test_every_write_comes_back_by_replication(country: Country) -> None:
    assert {v for v, _d in gates(country, "preparable").values()} == {"pass"}
    country.live()
    assert not country("prepare")["changed"]
    assert {v for v, _d in gates(country, "ready").values()} == {"pass"}
    country.write()
    brought = country("bring_back")
    evidence = brought["evidence"]
    assert evidence["verdict"] == "equal"
    assert evidence["writes"] == 50 + 10 + 1 + 1 + 1 + 2 + 1 + 2
    assert country.same() == list(TABLES)
    assert (
        country.staging("select value from ir_config_parameter where key = 'web.base.url'")
        == "https://uuid-staging"
    )
    assert country.staging("select nextval('dfr_farmer_id_seq')") == "551"
    again = country("bring_back")
    assert not again["changed"]
    assert again["evidence"] == evidence
    assert country("drop")["dropped"]
    assert not country("drop")["changed"]
    left = "select count(*) from pg_replication_slots where database = '{}'"
    assert country.box.source.psql(left.format(country.database)) == "0"
    assert country.production("select count(*) from pg_publication") == "0"
    assert (
        country.production(
            "select count(*) from pg_class where relreplident = 'f' and relkind = 'r' and oid > 16384"
        )
        == "0"
    )


def test_what_lock_config_changed_stays_in_production(country: Country) -> None:
    country.live()
    kept = {"queued_mail": [1], "operator": {"id": 2, "password": "staging's own"}}
    country.box.source.psql(
        "insert into dfr_golive.kept (kind, name, run_id, state) values"
        f" ('lock_config', '{country.database}', '{country.database}', $${json.dumps(kept)}$$)"
    )
    country.write("update res_users set password = 'production''s' where id = 2")
    country.write("update mail_mail set state = 'cancel' where id = 1")
    country.write("update res_users set password = 'her new one' where id = 3")
    assert country("bring_back")["evidence"]["verdict"] == "equal"
    assert country.staging("select password from res_users order by id") == "staging's own\nher new one"
    assert country.staging("select state from mail_mail order by id") == "outgoing\ncancel"


def test_a_truncate_is_said_before_production_is_closed(country: Country) -> None:
    country.live()
    country.write()
    assert country("ask") is None
    country.write("truncate dfr_tag_rel")
    assert "Somebody emptied public.dfr_tag_rel" in country.refused("ask")
    assert country.production("select rolcanlogin from pg_roles where rolname = 'odoo'") == "t"


def test_a_disabled_subscription_and_a_lost_slot_are_said_before_anything_happens(country: Country) -> None:
    country.live()
    country.write("insert into dfr_farmer (name) values ('Late')")
    name = country.staging("select subname from pg_subscription limit 1")
    country.staging(f"alter subscription {name} disable")
    assert "is disabled" in country.refused("bring_back")
    assert country.production("select rolcanlogin from pg_roles where rolname = 'odoo'") == "t"
    country.staging(f"alter subscription {name} enable")
    assert country("bring_back")["evidence"]["verdict"] == "equal"


def test_a_slot_that_is_gone_closes_the_way(country: Country) -> None:
    country.live()
    country.production(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name like '%touched'"
        f" and database = '{country.database}'"
    )
    assert gates(country, "ready")["reverse.kept"][0] == "fail"
    assert "is gone" in country.refused("bring_back")


def test_somebody_who_wrote_to_staging_is_found(country: Country) -> None:
    country.live()
    country.write()
    end = time.monotonic() + 30
    while country.staging("select name from dfr_farmer where id = 3") != "Renamed":
        assert time.monotonic() < end
        time.sleep(0.1)
    country.staging("update dfr_farmer set name = 'Other' where id = 3")
    assert "dfr_farmer id=3 is changed in name" in country.refused("bring_back")


@pytest.mark.parametrize("country", ["pack"], indirect=True)
def test_a_pack_is_replayed_once_and_only_once(country: Country) -> None:
    country.live()
    country.write()
    pack = country("bring_back")["evidence"]["pack"]
    folder, digest = pack["folder"], pack["digest"]
    country("thaw")
    shown = sb.run("docker", "exec", country.box.vm, "cat", f"{folder}/tables/dfr_farmer.csv")
    assert "enumerator,insert,501,," in shown
    assert "legacy.farmer_1" in shown
    assert "'=1+1" in shown
    modes = sb.run("docker", "exec", country.box.vm, "find", folder, "-type", "f", "-not", "-perm", "600")
    assert modes == ""
    applied = country("replay", folder=folder, digest=digest)
    assert applied["changed"]
    assert country.same() == list(TABLES)
    assert not country("replay", folder=folder, digest=digest)["changed"]
    country.staging("update dfr_farmer set name = 'Somebody else' where id = 501")
    assert "neither what they were" in country.refused("replay", folder=folder, digest=digest)
    sb.run("docker", "exec", country.box.vm, "sed", "-i", "s/Renamed/Forged/", f"{folder}/changes.jsonl")
    assert "were changed" in country.refused("replay", folder=folder, digest=digest)
    assert "is not the one" in country.refused("replay", folder=folder, digest="0" * 64)
