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

# 15.20 keeps an option of its own.
OPTIONS = (
    "select attname, o from pg_attribute, unnest(attoptions) o"
    " where attrelid = 'farmer'::regclass and o not like 'pg_attver=%'"
)
PAIRS = [
    ("13", "13"),
    ("13", "15"),
    ("13", "17"),
    ("15", "13"),
    ("15", "15"),
    ("15", "18"),
    ("17", "13"),
    ("17", "15"),
    ("17", "17"),
]


def started(prefix: str, majors: tuple[str, str]) -> Iterator[Sandbox]:
    made = sb.make(prefix, *majors)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module", params=PAIRS, ids="{0[0]} to {0[1]}".format)
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    yield from started("dfrmajor", request.param)


def test_between_majors(box: Sandbox) -> None:
    story = Story(box, SCHEMA)
    story.on_source(EVERYTHING.replace("create type mood", "-- create type mood"), user="postgres")
    for name in ("everything", "wide", "log"):
        story.on_source(f"alter table {name} owner to odoo", user="postgres")
    story.on_source("alter table farmer alter column name set (n_distinct = 500)")
    story.prepared()
    assert story.on_target(OPTIONS) == "name|n_distinct=500"
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


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    yield from started("dfrpair", request.param)


def assert_nothing_is_left(story: Story) -> None:
    for server, databases in ((story.source_server, "1"), (story.target_server, "0")):
        assert server.psql("select count(*) from pg_replication_slots") == "0"
        assert (
            server.psql(f"select count(*) from pg_database where datname like '{story.name}%'") == databases
        )
    assert story.on_source("select count(*) from pg_publication") == "0"


@pytest.mark.parametrize("pair", [("18", "17")], indirect=True, ids=["a program that is too old"])
def test_what_can_not_follow_is_refused_before_anything_is_made(pair: Sandbox) -> None:
    story = Story(pair, "create table t (id int primary key)")
    assert "The programs of this host are too old for PostgreSQL 18" in story.refused("seed")["error"]
    assert_nothing_is_left(story)
    for server in (pair.source, pair.target):
        assert server.psql("select to_regnamespace('dfr_golive') is null") == "t"


@pytest.mark.parametrize("pair", [("15", "13")], indirect=True, ids=["15 to 13"])
@pytest.mark.parametrize(
    ("unknown", "mended", "why"),
    [
        (
            "create view seen with (security_invoker = true) as select 1 as n",
            "drop view seen",
            'unrecognized parameter "security_invoker"',
        ),
        (
            "create unique index once on t (n) nulls not distinct",
            "drop index once",
            'syntax error at or near "NULLS"',
        ),
    ],
    ids=["among the definitions", "among the indexes"],
)
def test_what_an_older_server_does_not_know_stops_the_copy(
    pair: Sandbox, unknown: str, mended: str, why: str
) -> None:
    story = Story(pair, "create table t (id int primary key, n int unique); insert into t values (1, 1)")
    story.on_source(unknown)
    for _again in range(2):
        assert why in story.refused("seed")["error"]
    story("discard")
    assert_nothing_is_left(story)
    story.on_source(mended)
    story.prepared()
    story.end_of()


@pytest.mark.parametrize(
    "pair",
    [("13", "13"), ("13", "15"), ("15", "18"), ("17", "13")],
    indirect=True,
    ids="{0[0]} to {0[1]}".format,
)
def test_a_dump_goes_in_and_out(pair: Sandbox) -> None:
    story = Story(pair, SCHEMA)
    story.target_server.psql(f"create database {story.copy} owner odoo")
    story("dump_and_restore")
    for question in (
        "select count(*), sum(id) from farmer",
        "select count(*) from pg_constraint where contype <> 'n' and connamespace::regnamespace::text = 'public'",
        "table by_status",
    ):
        assert story.on_target(question + " order by 1") == story.on_source(question + " order by 1")
    # What really fails is not taken for what is allowed to.
    assert "COPY failed for table" in story.refused("dump_and_restore", sections=["data"])["error"]
