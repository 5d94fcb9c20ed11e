# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind of reconciliation on a real server: healthy, broken, and the question itself broken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sandbox as sb
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin
from ansible_collections.dfr.golive.plugins.module_utils._reconciliation import Result, parse
from ansible_collections.dfr.golive.plugins.module_utils._reconciliation_probes import evaluate

SCHEMA = """
create table farmer (id int primary key, national_id text, name text, province text, status text);
create table plot (id int primary key, farmer_id int, area_ha float8, crop text);
create table ir_attachment (id int primary key, store_fname text, checksum text, file_size int);
insert into farmer select i, lpad(i::text, 9, '0'), 'Name ' || i, (array['North','South',null])[1 + i % 3],
                          (array['draft','valid'])[1 + i % 2] from generate_series(1, 600) i;
insert into plot select i, 1 + i % 600, i / 3.0, 'taro' from generate_series(1, 1500) i;
"""
PHOTO = b"a photo of a taro field"
DIGEST = hashlib.sha1(PHOTO).hexdigest()

TOTALS = {"name": "farmers", "kind": "totals", "table": "farmer", "by": ["province", "status"]}
AREA = {"name": "area", "kind": "totals", "table": "plot", "by": ["crop"], "sum": ["area_ha"]}
ORPHANS = {
    "name": "lost_plots",
    "kind": "orphans",
    "table": "plot",
    "column": "farmer_id",
    "parent": "farmer",
}
TWICE = {"name": "twice", "kind": "duplicates", "table": "farmer", "columns": ["national_id"]}
FILES = {"name": "photos", "kind": "attachments"}
OWN = {"name": "own", "kind": "query", "sql": "select count(*) from farmer where name = ''", "at_most": 0}


@pytest.fixture(scope="module")
def box() -> Iterator[sb.Server]:
    """One server with two databases is two sides."""
    server = sb.Server("dfrreconcile", "17", "dfrreconcile-net")
    sb.run("docker", "rm", "-f", "-v", server.name, check=False)
    sb.run("docker", "network", "rm", server.network, check=False)
    sb.make_network(server.network)
    try:
        server.start()
        for side in ("source", "target"):
            server.psql(f"create database {side} owner odoo")
        yield server
    finally:
        sb.run("docker", "rm", "-f", "-v", server.name, check=False)
        sb.run("docker", "network", "rm", server.network, check=False)


@pytest.fixture
def both(box: sb.Server, tmp_path: Path) -> Any:
    """Two equal databases, and the target's files; called with changes to the target and checks, it asks them."""
    files = tmp_path / "target"
    (files / DIGEST[:2]).mkdir(parents=True)
    (files / DIGEST[:2] / DIGEST).write_bytes(PHOTO)
    for side in ("source", "target"):
        box.psql("drop schema public cascade; create schema public", side, "odoo")
        box.psql(SCHEMA, side, "odoo")
        box.psql(
            f"insert into ir_attachment values (1, '{DIGEST[:2]}/{DIGEST}', '{DIGEST}', {len(PHOTO)})",
            side,
            "odoo",
        )

    def ask(check: dict[str, Any], change: str = "", *, target_only: bool = False, limit: int = 30) -> Result:
        if change:
            box.psql(change, "target", "odoo")
        login = PostgresLogin(box.address, 5432, "dfr_golive", "operator", "source", ssl_mode="disable")
        (result,) = evaluate(
            parse([{"title": "What people read", **check}]),
            None if target_only else login,
            login.to("target"),
            filestore=files,
            limit_seconds=limit,
        )
        json.dumps(result.as_dict())
        return result

    return ask


@pytest.mark.parametrize("check", [TOTALS, AREA, ORPHANS, TWICE, FILES, OWN], ids=lambda c: c["name"])
def test_what_is_sound_and_equal_passes(both: Any, check: dict[str, Any]) -> None:
    assert both(check).verdict.value == "pass"


BROKEN = [
    (TOTALS, "delete from farmer where id = 7", "1 of 6 groups differ"),
    (TOTALS, "update farmer set status = 'valid' where id = 2", "2 of 6 groups differ"),
    (TOTALS, "update farmer set province = 'East' where id = 2", "2 of 7 groups differ"),
    (AREA, "update plot set area_ha = area_ha + 0.0000001 where id = 3", "1 of 1 groups differ"),
    (ORPHANS, "delete from farmer where id = 5", "3 found (records 4, 604, 1204)"),
    (TWICE, "update farmer set national_id = '00 0000.012' where id = 9", "1 found (records 9, 12)"),
    (FILES, f"update ir_attachment set checksum = '{'0' * 40}'", "1 found"),
    (
        FILES,
        f"insert into ir_attachment values (2, 'aa/aa{'1' * 38}', 'aa{'1' * 38}', 9)",
        "1 found (records aa1",
    ),
    (OWN, "update farmer set name = '' where id in (1, 2)", "2 found, at most 0 allowed"),
    ({**OWN, "at_most": None}, "update farmer set name = '' where id = 1", "not equal: 0 in the source, 1"),
]


@pytest.mark.parametrize(("check", "change", "said"), BROKEN)
def test_what_is_not_is_found_and_named(both: Any, check: dict[str, Any], change: str, said: str) -> None:
    result = both(check, change)
    assert result.verdict.value == "fail"
    assert said in result.detail


def test_so_many_may_be_allowed(both: Any) -> None:
    change = "update farmer set national_id = '1' where id in (1, 2)"
    assert both({**TWICE, "at_most": 1}, change).verdict.value == "pass"


UNKNOWN = [
    ({**TOTALS, "table": "gone"}, "", 'relation "public.gone" does not exist'),
    ({**TOTALS, "by": ["gone"]}, "", 'column "gone" does not exist'),
    ({**TOTALS, "by": ["name"]}, "", "more than 500 different values"),
    ({**TOTALS, "sum": ["name"]}, "", "SQLSTATE 22P02"),
    ({**ORPHANS, "parent": "gone"}, "", "does not exist"),
    ({**TWICE, "columns": ["gone"]}, "", "does not exist"),
    (FILES, "drop table ir_attachment", "does not exist"),
    (FILES, "update ir_attachment set store_fname = '../etc/passwd'", "filestore by content"),
    ({**OWN, "sql": "select name from farmer limit 1"}, "", "one row with one number"),
    ({**OWN, "sql": "select id from farmer where id < 0"}, "", "one row with one number"),
    ({**OWN, "sql": "select true"}, "", "one row with one number"),
    ({**OWN, "sql": "select pg_sleep(5)"}, "", "limit in seconds has passed"),
    ({**OWN, "sql": "with x as (delete from farmer returning 1) select count(*) from x"}, "", "read-only"),
    (
        TOTALS,
        "revoke usage on schema public from public, dfr_golive; alter table farmer rename to elsewhere",
        "",
    ),
]


@pytest.mark.parametrize(("check", "change", "said"), UNKNOWN)
def test_a_question_without_an_answer_is_unknown(
    both: Any, check: dict[str, Any], change: str, said: str
) -> None:
    result = both(check, change, limit=1)
    assert result.verdict.value == "unknown"
    assert said in result.detail
    assert "Name " not in result.detail


def test_the_result_holds_figures_and_no_record(both: Any) -> None:
    farmers = both(TOTALS).as_dict()
    assert {"group": [None, "draft"], "verdict": "equal"}.items() <= farmers["rows"][-2].items()
    assert sum(row["target"]["count"] for row in farmers["rows"]) == 600
    named = both({**TWICE, "key": "name"}, "update farmer set national_id = '1' where id in (1, 2)").as_dict()
    assert named["target"]["keys"]
    assert "Name" not in json.dumps(named)


def test_one_side_alone_is_judged_by_what_it_can_tell(both: Any) -> None:
    assert both(TOTALS, target_only=True).verdict.value == "pass"
    assert both(ORPHANS, "delete from farmer where id = 5", target_only=True).verdict.value == "fail"


def test_everything_is_asked_through_one_snapshot_and_nothing_is_left_open(both: Any, box: sb.Server) -> None:
    both(TOTALS)
    assert box.psql("select count(*) from pg_stat_activity where usename = 'dfr_golive'") == "0"
