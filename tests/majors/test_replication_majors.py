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
    story.prepared()
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


def test_a_target_on_which_the_operator_may_not_subscribe_is_refused_before_anything_is_copied() -> None:
    older = sb.make("dfrolder", "17", "15")
    try:
        older.start()
        story = Story(older, "create table t (id int primary key)")
        refused = story.refused("seed")["error"]
        assert "may not make a subscription" in refused
        assert "Before PostgreSQL 16 only a superuser may" in refused
        assert older.target.psql("select count(*) from pg_database where datname like 'story%'") == "0"
    finally:
        older.stop()
