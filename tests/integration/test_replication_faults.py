# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong while a copy is made, follows or is proven: a clear stop, then the right end."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sandbox as sb
from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin, connect
from ansible_collections.dfr.golive.plugins.module_utils._replication import Pair, Reach
from sandbox import Sandbox, Story

SCHEMA = """
create table farmer (id serial primary key, name text, n int);
create table plot (id serial primary key, farmer_id int references farmer, area numeric);
create table visits (farmer_id int, note text);
insert into farmer (name, n) select md5(i::text), i from generate_series(1, {rows}) i;
insert into plot (farmer_id, area) select 1 + i % {rows}, i / 7.0 from generate_series(1, {rows}) i;
insert into visits select i, 'n' || i from generate_series(1, 500) i;
create index on farmer (name); create index on plot (farmer_id);
"""
TOUCH = (
    "update farmer set n = n + 1 where id % 7 = 0; delete from plot where id % 11 = 0;"
    "insert into plot (farmer_id) select 3 from generate_series(1, 50); insert into visits values (0, 'new');"
)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    made = sb.make("dfrfault", "17", "17", "--tmpfs", "/data:size=900m,mode=0700")
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def story(box: Sandbox) -> Iterator[Story]:
    made = Story(box, SCHEMA.format(rows=5_000))
    yield made
    made("reopen")
    made.end_of()


def to_the_right_end(story: Story) -> None:
    """The same calls again, as the next run would make them."""
    story("seed")
    story("prove")
    story.on_source(TOUCH)
    story("cutover")
    assert story("verify", full=True)["kind"] == "full"
    story("clear")
    story.gone()


DUMPING = (
    "select count(*) > 0 from pg_stat_activity where application_name like 'pg_dump%' and state = 'active'"
)
# So much that a copy takes long enough to be hit.
MORE = "insert into farmer (name, n) select repeat(md5(i::text), 4), i from generate_series(1, 400000) i"
FENCED = "select datacl::text not like '%=Tc/%' and datacl is not null from pg_database where datname = '{}'"
COPYING = "select count(*) > 0 from pg_stat_progress_copy"
TRACKED = "select count(*) > 0 from pg_replication_slots where slot_name like '%_touched'"


@pytest.mark.parametrize(
    ("call", "question", "target"),
    [
        ("seed", "select count(*) > 0 from pg_replication_slots", False),
        ("seed", COPYING, True),
        ("prove", TRACKED, True),
    ],
)
def test_the_host_between_is_killed_at_any_point(
    story: Story, call: str, question: str, target: bool
) -> None:
    if call == "prove":
        story("seed")
        # A slot waits for whoever writes: so few rows would be compared before the kill comes.
        writing = story.target_server.connect(story.copy)
        writing.execute("begin; select pg_current_xact_id()")
    else:
        story.on_source(MORE)
    process = story.begin(call)
    story.wait_until(question, target=target)
    story.kill_engine()
    process.wait(30)
    assert process.returncode != 0
    if call == "prove":
        writing.close()
    to_the_right_end(story)


# A table that comes slowly into the copy alone, beside two that are there at once; each is too big for the dump.
THREE_BIG = """
create function letters_are_read(n int) returns boolean language plpgsql immutable as $$ begin
    if current_database() like '%_incoming' then perform pg_catalog.pg_sleep(0.001); end if; return true;
end $$;
create table letter (id int primary key, body text, check (letters_are_read(id)));
create table map (id int primary key, body text);
alter table letter alter column body set storage external;
alter table map alter column body set storage external;
insert into letter select i, repeat(md5(i::text), 250) from generate_series(1, 2200) i;
insert into map select i, repeat(md5(i::text), 250) from generate_series(1, 3000) i;
insert into farmer (name, n) select repeat(md5(i::text), 4), i from generate_series(1, 150000) i;
create index on letter (left(body, 20));
create table reply (id int primary key, letter_id int references letter);
insert into reply select i, i from generate_series(1, 2200) i;
comment on constraint reply_letter_id_fkey on reply is 'which letter it answers';
create materialized view answered as select count(*) as n from letter join reply on letter_id = letter.id;
"""
TOUCH_BIG = (
    "update letter set body = 'short' where id % 9 = 0;"
    "delete from reply where id between 2191 and 2200; delete from letter where id between 2191 and 2200;"
    "insert into letter values (5001, 'late'); insert into reply values (5001, 5001);"
    "update map set body = 'drawn again' where id % 10 = 0; delete from map where id > 2990;"
)
BROUGHT = "from dfr_golive.kept where kind = 'replication' and name = '{}'"
ALL_BUT_LETTERS = (
    "select coalesce(bool_or(state->'there' ?& '{{map,farmer}}' and (state->>'small')::bool), false) "
)
BRINGING = "select count(*) > 0 from pg_stat_progress_copy where command = 'COPY FROM' and type = 'CALLBACK'"


def cut_short(story: Story) -> None:
    """A copy whose target died when all but one table was there; the registry goes on meanwhile."""
    process = story.begin("seed")
    story.wait_until("select to_regclass('dfr_golive.kept') is not null", target=True)
    story.wait_until((ALL_BUT_LETTERS + BROUGHT).format(story.name), target=True)
    story.target_server.kill()
    assert "error" in story.end(process)
    story.on_source(TOUCH_BIG)
    story.target_server.restart()


def test_tables_that_were_whole_are_kept_when_a_server_dies(story: Story) -> None:
    story.on_source(THREE_BIG)
    cut_short(story)
    story.on_source("insert into map values (5001, 'between')")
    seeded = story("seed")
    assert seeded["evidence"]["brought_again"] == ["letter"]
    # A server that was killed has lost its counts: what it counts now came after.
    assert story.on_target("select n_tup_ins from pg_stat_user_tables where relname = 'map'") == "1"
    assert story.on_target("select reloptions is null from pg_class where relname = 'letter'") == "t"
    comment = "select obj_description(oid) from pg_constraint where conname = 'reply_letter_id_fkey'"
    assert story.on_target(comment) == "which letter it answers"
    assert story.on_target("select n from answered") == story.on_source("select count(*) from reply")
    assert story.source_server.psql("select count(*) from pg_replication_slots") == "1"
    to_the_right_end(story)


class Clerk(threading.Thread):
    """Writes letters and answers them, each in a transaction of some moments; remembers what was acknowledged."""

    def __init__(self, story: Story, number: int) -> None:
        super().__init__(daemon=True)
        self._story, self._first = story, 100_000 * (1 + number)
        self.acknowledged: set[int] = set()
        self.refusal = ""

    def run(self) -> None:
        try:
            with self._story.source_server.connect(self._story.name) as conn:
                for letter in itertools.count(self._first):
                    with conn.transaction():
                        conn.execute("insert into letter values (%s, 'new')", (letter,))
                        conn.execute("update map set body = body || 'x' where id = %s", (1 + letter % 2000,))
                        time.sleep(0.02)
                        conn.execute("insert into reply values (%s, %s)", (letter, letter))
                        conn.execute("update letter set body = 'sent' where id = %s", (letter,))
                    self.acknowledged.add(letter)
        except psycopg.Error as exc:
            self.refusal = str(exc)


def test_no_acknowledged_letter_is_lost_when_the_copy_is_cut_short(story: Story) -> None:
    story.on_source(THREE_BIG)
    clerks = [Clerk(story, n) for n in range(3)]
    for clerk in clerks:
        clerk.start()
    cut_short(story)
    assert story("seed")["evidence"]["brought_again"] == ["letter"]
    story("prove")
    assert all(clerk.is_alive() for clerk in clerks)
    story("cutover")
    for clerk in clerks:
        clerk.join(10)
        assert clerk.refusal, "the writer was never refused"
    acknowledged = set().union(*(clerk.acknowledged for clerk in clerks))
    assert len(acknowledged) > 300
    brought = story.on_target(
        "select letter.id from letter join reply on letter_id = letter.id where body <> 'new'"
    )
    assert acknowledged - {int(line) for line in brought.splitlines()} == set()
    assert story("verify", full=True)["kind"] == "full"


@pytest.mark.parametrize("who", ["host", "source", "target"])
def test_the_rest_comes_whoever_dies_while_it_comes(story: Story, who: str) -> None:
    story.on_source(THREE_BIG)
    cut_short(story)
    process = story.begin("seed")
    story.wait_until(BRINGING, target=True)
    if who == "host":
        story.kill_engine()
        process.wait(30)
    else:
        server = getattr(story.sandbox, who)
        server.kill()
        assert "error" in story.end(process)
        server.restart()
    story.on_source(
        "insert into letter values (5003, 'later'); update letter set body = 'again' where id = 5001"
    )
    assert story("seed")["evidence"]["brought_again"] == ["letter"]
    to_the_right_end(story)


@pytest.mark.parametrize("cut", [False, True])
def test_an_undo_while_the_rest_comes_leaves_no_slot(story: Story, cut: bool) -> None:
    story.on_source(THREE_BIG)
    cut_short(story)
    process = story.begin("seed")
    story.wait_until(BRINGING, target=True)
    assert (
        story.source_server.psql("select count(*) from pg_replication_slots where slot_name ~ '^pg_'") == "1"
    )
    story.kill_engine()
    process.wait(30)
    assert any("_sync_" in left for left in story("remains"))
    if cut:
        story.sandbox.cut()
    try:
        story("discard")
    finally:
        if cut:
            story.sandbox.mend()
    story.gone()
    assert story.source_server.psql("select count(*) from pg_replication_slots") == "0"
    to_the_right_end(story)


def test_a_copy_that_was_cut_short_begins_again_when_definitions_changed(story: Story) -> None:
    story.on_source(THREE_BIG)
    cut_short(story)
    story.on_source("alter table map add column scale int")
    assert "brought_again" not in story("seed")["evidence"]
    to_the_right_end(story)


def test_a_big_copy_takes_updates_without_telling_its_indexes(story: Story) -> None:
    story.on_source(MORE)
    story.prepared()
    story.on_source("update farmer set n = n + 1 where id % 100 = 0")
    story("cutover")
    assert story.on_target("select reloptions is null from pg_class where relname = 'farmer'") == "t"
    updated, hot = story.on_target(
        "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'farmer'"
    ).split("|")
    assert int(updated) == 4050
    assert int(hot) > 0.95 * int(updated)


def test_a_killed_cutover_is_finished_by_the_next(story: Story) -> None:
    story.prepared()
    story.on_source(TOUCH)
    process = story.begin("cutover")
    story.wait_until(FENCED.format(story.name))
    story.kill_engine()
    process.wait(30)
    with pytest.raises(psycopg.OperationalError):
        story.source_server.connect(story.name).close()
    story("cutover")
    assert story("verify", full=True)["kind"] == "full"


@pytest.mark.parametrize(
    ("side", "call"), [("source", "seed"), ("target", "seed"), ("source", "follow"), ("target", "follow")]
)
def test_a_server_is_killed(story: Story, side: str, call: str) -> None:
    server = getattr(story.sandbox, side)
    process = None
    if call == "seed":
        story.on_source(MORE)
        process = story.begin(call)
        story.wait_until(COPYING, target=side == "target")
    else:
        story.prepared()
        story.on_source(TOUCH)
    server.kill()
    try:
        assert process is None or "error" in story.end(process)
    finally:
        server.restart()
    to_the_right_end(story)


def test_a_target_that_dies_behind_the_fence_leaves_the_source_open(story: Story) -> None:
    story.prepared()
    story.on_source(TOUCH)
    held = story.target_server.connect(story.copy)
    held.execute("begin; alter sequence plot_id_seq cache 1")
    process = story.begin("cutover")
    story.wait_until(FENCED.format(story.name))
    story.target_server.kill()
    try:
        error = story.end(process)["error"]
        assert "The fence was lifted" in error
        story.source_server.connect(story.name).close()
    finally:
        story.target_server.restart()
    to_the_right_end(story)


def test_what_nobody_foresaw_behind_the_fence_leaves_the_source_open(story: Story) -> None:
    story.prepared()
    story.on_source(TOUCH)
    story.on_target("revoke all on sequence plot_id_seq from odoo")
    process = story.begin("cutover")
    _out, error = process.communicate(timeout=60)
    assert "permission denied for sequence plot_id_seq" in error
    story.source_server.connect(story.name).close()
    story.on_target("grant all on sequence plot_id_seq to odoo")
    to_the_right_end(story)


def test_a_server_that_cannot_go_on_is_an_answer_that_did_not_come(box: Sandbox) -> None:
    login = PostgresLogin(box.target.address, 5432, "dfr_golive", "operator", "postgres", ssl_mode="disable")
    with pytest.raises(ProbeError, match="couldn't go on for dfr_golive@"), connect(login) as conn:
        conn.execute("select pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(ProbeError, match="is full"), connect(login) as conn:
        conn.execute("do $$ begin raise 'the disk is full' using errcode = 'disk_full'; end $$")
    with pytest.raises(psycopg.errors.UndefinedTable), connect(login) as conn:
        conn.execute("table of_nobody")


def test_the_network_between_the_servers_is_cut(story: Story) -> None:
    story.prepared()
    story.sandbox.cut()
    try:
        story.on_source(TOUCH)
        refused = story.refused("cutover", drain_seconds=3)
        assert "hasn't applied all" in refused["error"]
        assert "Nothing was fenced" in refused["error"]
        story.source_server.connect(story.name).execute("insert into visits values (1, 'after the stop')")
    finally:
        story.sandbox.mend()
    to_the_right_end(story)


def test_a_target_that_cannot_reach_the_source_is_known_before_any_row_is_copied(story: Story) -> None:
    story.sandbox.cut()
    try:
        assert "can't follow" in story.refused("seed")["error"]
        assert story.on_target("select count(*) from farmer").strip() == "0"
    finally:
        story.sandbox.mend()
    to_the_right_end(story)


def test_the_disk_of_the_target_is_full(story: Story) -> None:
    story.prepared()
    story.target_server.bash("head -c 2G /dev/zero > /data/filler; true", check=False)
    story.on_source("insert into farmer (name, n) select md5(i::text), i from generate_series(1, 60000) i")
    refused = story.refused("cutover", drain_seconds=4)
    assert refused["error"]
    story.source_server.connect(story.name).close()
    story.target_server.bash("rm /data/filler")
    if "accepting" not in story.target_server.bash("pg_isready", check=False):
        story.target_server.restart()
    to_the_right_end(story)


@pytest.mark.parametrize("how", ["dropped", "outrun"])
def test_a_slot_is_lost_on_the_source(story: Story, how: str) -> None:
    story.prepared()
    story.sandbox.cut()
    try:
        if how == "dropped":
            story.source_server.psql(
                "select pg_terminate_backend(active_pid) from pg_replication_slots where active;"
                "select pg_sleep(0.5); select pg_drop_replication_slot(slot_name) from pg_replication_slots"
            )
        else:
            story.source_server.psql(
                "alter system set max_slot_wal_keep_size = '16MB'; select pg_reload_conf();"
                "select pg_terminate_backend(active_pid) from pg_replication_slots where active"
            )
            for _ in range(6):
                story.on_source("insert into visits select i, md5(i::text) from generate_series(1, 100000) i")
                story.source_server.psql("select pg_switch_wal(); checkpoint")
    finally:
        story.sandbox.mend()
        story.source_server.psql("alter system reset max_slot_wal_keep_size; select pg_reload_conf()")
    refused = story.refused("cutover")
    assert "can't follow any more" in refused["error"]
    story.source_server.connect(story.name).close()
    to_the_right_end(story)


CHANGED_DEFINITIONS = {
    "update ir_module_module set latest_version = '19.0.2.0'": "module dfr_registry was changed",
    "alter table farmer add column village text": "column public.farmer.village is new",
    "update farmer set village = 'x' where id < 9": "",
    "create table extra (id int primary key)": "table public.extra is new",
    "alter table plot alter column area type numeric(30,10)": "column public.plot.area was changed",
    "create index on plot (area)": "index public.plot_area_idx is new",
}


def test_definitions_that_change_in_the_middle_stop_the_run_by_name(story: Story) -> None:
    story.on_source(
        "create table ir_module_module (id serial primary key, name text, state text, latest_version text);"
        "insert into ir_module_module (name, state, latest_version) values ('dfr_registry', 'installed', '19.0.1.0')"
    )
    story.prepared()
    story.on_source("begin; drop table visits; create table visits (farmer_id int, note text); commit")
    assert "aren't in the publication" in story.refused("cutover")["error"]
    story.on_source(";".join(CHANGED_DEFINITIONS))
    refused = story.refused("cutover")
    for named in CHANGED_DEFINITIONS.values():
        assert named in refused["error"]
    story.source_server.connect(story.name).close()


EXTENSION = """
cat > $(pg_config --sharedir 2>/dev/null || ls -d /usr/share/postgresql/*)/extension/dfrwords.control <<'C'
default_version = '1'
relocatable = true
trusted = true
C
cat > $(pg_config --sharedir 2>/dev/null || ls -d /usr/share/postgresql/*)/extension/dfrwords--1.sql <<'S'
create table words (word text, own boolean default true);
insert into words values ('comes with it', false);
select pg_extension_config_dump('words', 'where own');
grant all on words to public;
S
"""


def test_what_cannot_be_followed_is_refused_or_compared(story: Story) -> None:
    story.on_source("create unlogged table scratch (id int primary key)")
    assert "scratch" in story.refused("seed")["error"]
    story.on_source("drop table scratch; select lo_create(4711)")
    assert "1 large objects" in story.refused("seed")["error"]
    story.on_source("select lo_unlink(4711)")
    for owner, force in (("postgres", "no force"), ("odoo", "force")):
        story.source_server.psql(
            f"create table guarded (id int primary key); alter table guarded owner to {owner};"
            f" alter table guarded enable row level security, {force} row level security;"
            " grant select on guarded to odoo",
            story.name,
        )
        error = story.refused("seed")["error"]
        assert "tables with rows that dfr_golive may not see: public.guarded" in error
        assert ("tables of other owners: guarded" in error) is (owner == "postgres")
        story.source_server.psql("drop table guarded", story.name)
    story.on_source(
        "create function twice() returns trigger language plpgsql as 'begin new.n := new.n + 1;"
        " return new; end'; create trigger double before update on farmer for each row execute function twice();"
        " alter table farmer enable always trigger double"
    )
    error = story.refused("seed")["error"]
    assert "triggers that would fire in the copy too: public.farmer.double" in error
    assert "alter table <table> enable trigger <name>" in error
    story.on_source("drop function twice() cascade")
    for server in (story.source_server, story.target_server):
        server.bash(EXTENSION)
    story.source_server.psql("create extension dfrwords; insert into words values ('ours')", story.name)
    story.prepared()
    assert story.on_target("select word from words where own", "postgres") == "ours"
    story.source_server.psql("insert into words values ('late')", story.name)
    story.on_source("select lo_create(4712)")
    assert "1 large objects" in story.refused("cutover")["error"]
    story.on_source("select lo_unlink(4712)")
    refused = story.refused("cutover")["error"]
    assert "words of the extension dfrwords has 2 rows" in refused
    assert "The fence was lifted" in refused
    story.target_server.psql("insert into words values ('late')", story.copy)
    story("cutover")
    story("discard")
    story.gone()


def test_somebody_elses_database_is_never_dropped(story: Story) -> None:
    story.target_server.psql(f"create database {story.copy} owner odoo")
    assert "no run of ours made" in story.refused("seed")["error"]
    assert story.target_server.psql(f"select count(*) from pg_database where datname = '{story.copy}'") == "1"


@pytest.mark.parametrize("down", ["source", "target"])
def test_an_undo_with_a_server_down_names_what_is_left_and_finishes_later(story: Story, down: str) -> None:
    story.prepared()
    server = getattr(story.sandbox, down)
    other = story.target_server if down == "source" else story.source_server
    server.kill()
    try:
        refused = story.refused("discard")
        left = "the slots and publications" if down == "source" else "the subscription"
        assert f"{left} dfr_golive_{story.name}_" in refused["error"]
        assert all(f" on {server.name}:5432 in " in item for item in refused["pending"])
        assert any(
            f" on the {'target' if down == 'source' else 'source'}" in item for item in refused["dropped"]
        )
        assert other.psql("select count(*) from pg_replication_slots") == "0"
    finally:
        server.restart()
    assert story("discard")["changed"]
    story.gone()
    assert not story("discard")["changed"]


def test_two_at_a_time_on_one_copy_are_refused(story: Story) -> None:
    label = Pair(
        story.name,
        PostgresLogin(story.source_server.name, 5432, "", "", story.name),
        PostgresLogin(story.target_server.name, 5432, "", "", story.copy),
        "odoo",
        Reach("", 5432, "disable"),
        Path(),
    ).label
    with story.target_server.connect("postgres", "dfr_golive", "operator") as other:
        other.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (label,))
        refused = story.refused("seed")
        assert f"Another process is at work on the copy of {story.name}" in refused["error"]
        assert f"session {other.info.backend_pid} from " in refused["error"]
    story("seed")
