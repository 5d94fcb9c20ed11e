# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source and target of different major versions: equal data is never accused, other data is always named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sandbox as sb
from sandbox import Sandbox, Story
from test_replication import EVERYTHING, SCHEMA, TAMPERING

OPTIONS = "select attname, attoptions from pg_attribute where attrelid = 'farmer'::regclass and attoptions is not null"
PAIRS = [("13", "17"), ("15", "18"), ("17", "17")]


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: f"{pair[0]} to {pair[1]}")
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    made = sb.make("dfrmajor", *request.param)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_between_majors(box: Sandbox) -> None:
    story = Story(box, SCHEMA)
    story.on_source(EVERYTHING.replace("create type mood", "-- create type mood"), user="postgres")
    for name in ("everything", "wide", "log"):
        story.on_source(f"alter table {name} owner to odoo", user="postgres")
    story.on_source("alter table farmer alter column name set (n_distinct = 500)")
    story.prepared()
    assert story.on_target(OPTIONS) == "name|{n_distinct=500}"
    story.on_source(
        "update farmer set status = 'validated' where id % 3 = 0; insert into plot (farmer_id) values (7);"
        "delete from farmer_tag_rel where farmer_id < 50; update codes set title = 'new' where kind = 'k1';"
        "update farmer_tag_rel set tag = 'renamed' where farmer_id between 100 and 120;"
        "update everything set ts = ts + interval '1 s', jb = jb || '{\"c\": 0.10}' where id % 3 = 0;"
        "truncate log; insert into log values (now(), 'after')"
    )
    again = story("prove")
    assert again["kind"] == "touched"
    story.on_source(
        "update everything set f8 = f8 / 3, iv = iv * 1.1 where id % 5 = 0; update visits set note = 'x'"
    )
    story("cutover")
    assert story("verify", full=True)["kind"] == "full"
    for place, (change, _column) in enumerate(TAMPERING):
        story.on_target(f"update everything set {change} where id % 40 = {place} and id between 1 and 80")
    for options in ({}, {"full": True}):
        found = story.refused("verify", **options)["differences"]
        assert {item["key"] for item in found} == {f"id={i}" for i in range(1, 81) if i % 40 < len(TAMPERING)}
    story("reopen")
    story.end_of()


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        (("17", "15"), "A database of PostgreSQL 17 can't go into a server of PostgreSQL 15"),
        (("13", "15"), "pg_restore of this host is too new for PostgreSQL 15"),
    ],
    ids=["an older server", "a program that is too new"],
)
def test_what_can_not_follow_is_refused_before_anything_is_made(pair: tuple[str, str], why: str) -> None:
    refusing = sb.make("dfrrefuse", *pair)
    try:
        refusing.start()
        story = Story(refusing, "create table t (id int primary key)")
        assert why in story.refused("seed")["error"]
        for server, databases in ((refusing.source, "1"), (refusing.target, "0")):
            assert server.psql("select to_regnamespace('dfr_golive') is null") == "t"
            assert server.psql("select count(*) from pg_replication_slots") == "0"
            assert server.psql("select count(*) from pg_database where datname like 'story%'") == databases
        assert story.on_source("select count(*) from pg_publication") == "0"
    finally:
        refusing.stop()
