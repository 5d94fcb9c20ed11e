# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy that follows its source, and the proof that it is equal: on two servers of the tests' own."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator

import psycopg
import pytest
import sandbox as sb
from sandbox import Sandbox, Story

SCHEMA = r"""
create type mood as enum ('glad', 'sad');
create domain code as varchar(20) check (value <> '');
create table farmer (
    id serial primary key, code code not null unique, name varchar, national_id text, born date,
    status varchar default 'draft', mood mood, tags text[], extra jsonb, write_date timestamp default now()
);
create table plot (
    id bigserial primary key, farmer_id int not null references farmer, area numeric(10,4), lat float8,
    photo bytea
);
create table farmer_tag_rel (
    farmer_id int not null references farmer, tag text not null, primary key (farmer_id, tag)
);
create table visits (farmer_id int, note text, seen timestamptz);
create table codes (kind text not null, value text not null, title text, unique (kind, value));
create materialized view by_status as select status, count(*) as n from farmer group by 1;
create table parted (id int not null, region text not null, n int, primary key (id, region)) partition by list (region);
create table parted_north partition of parted for values in ('north');
create table parted_south partition of parted for values in ('south');
insert into farmer (code, name, national_id, born, mood, tags, extra)
    select 'F' || i, 'Name ' || i, 'N' || i * 7919, date '1950-01-01' + i, (array['glad','sad'])[1 + i % 2]::mood,
           array['a', i::text], jsonb_build_object('n', i) from generate_series(1, 3000) i;
insert into plot (farmer_id, area, lat, photo)
    select 1 + i % 3000, i / 3.0, i / 7.0, decode(md5(i::text), 'hex') from generate_series(1, 6000) i;
insert into farmer_tag_rel select i, 'tag' || i % 5 from generate_series(1, 500) i;
insert into visits select i, 'note ' || i, now() from generate_series(1, 300) i;
insert into codes select 'k' || i % 3, 'v' || i, 't' from generate_series(1, 300) i;
insert into parted select i, (array['north','south'])[1 + i % 2], i from generate_series(1, 200) i;
refresh materialized view by_status;
"""


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    made = sb.make("dfrsync")
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def story(box: Sandbox) -> Iterator[Story]:
    made = Story(box, SCHEMA)
    yield made
    made.end_of()


def test_a_whole_sync_and_nothing_left_behind(story: Story) -> None:
    seeded = story("seed")
    assert seeded["changed"]
    assert seeded["evidence"]["keyless"] == ["visits"]
    assert set(seeded["evidence"]["identities"]) == {
        "codes: using index codes_kind_value_key",
        "visits: full",
    }
    assert not story("seed")["changed"]
    proof = story("prove")
    assert proof["kind"] == "full"
    assert proof["left_for_the_window"] == []
    story.on_source(
        "update farmer set status = 'validated' where id % 3 = 0; insert into plot (farmer_id) values (7);"
        "delete from farmer_tag_rel where farmer_id < 50; update codes set title = 'new' where kind = 'k1';"
        "update parted set region = 'north' where region = 'south' and id < 20; insert into visits values (1, 'x');"
    )
    drained = story("drain")
    assert drained["refreshed"] == ["by_status"]
    proof = story("verify")
    assert proof["compared"]["farmer"] == 1000
    assert proof["whole"] == {"visits": 301}
    assert story("verify", full=True)["tables"] == 7
    assert story.on_target("select n from by_status where status = 'validated'") == "1000"
    assert story.on_target("select nextval('plot_id_seq')") == "6002"
    story("clear")
    story.gone()
    for ask in (story.on_source, story.on_target):
        assert (
            ask(
                "select string_agg(relname || relreplident::text, ' ' order by relname) from pg_class"
                " where relname in ('visits', 'codes')"
            )
            == "codesd visitsd"
        )


def test_every_kind_of_touch_is_seen_and_a_quiet_copy_is_never_accused(story: Story) -> None:
    story.on_source(
        "create table odd (a text not null, b varchar not null, c uuid not null, n int, primary key (a, b, c))"
    )
    keys = [
        r"E'tab\there'",
        r"E'new\nline'",
        r"E'back\\slash'",
        "'quote\"s'",
        "'com,ma'",
        "'{br}ace'",
        "''",
        "'NULL'",
        "'é中'",
    ]
    for i, key in enumerate(keys):
        story.on_source(f"insert into odd values ({key}, {keys[-1 - i]}, gen_random_uuid(), {i})")
    story.prepared()
    story.on_source(
        "update odd set n = n + 1; update farmer set name = name where id <= 10;"
        "update farmer_tag_rel set tag = 'renamed' where farmer_id = 400;"
        "insert into farmer (code) values ('gone'); delete from farmer where code = 'gone';"
        "begin; update farmer set name = 'never' where id = 1; rollback;"
        "update visits set note = 'changed' where farmer_id < 5; truncate codes;"
        "insert into codes values ('k', 'v', 'after the truncate')"
    )
    story("drain")
    proof = story("verify")
    assert proof["compared"] == {"odd": len(keys), "farmer": 11, "farmer_tag_rel": 2}
    assert proof["whole"] == {"visits": 300, "codes": 1}
    # A change of a definition that leaves it as it was writes all rows anew; nothing of that can be decoded.
    story.on_source("alter table odd alter column n type int using n + 0")
    assert story("verify")["whole"] == {"visits": 300, "codes": 1, "odd": len(keys)}
    story.on_source("alter table odd alter column n type int using n + 1")
    found = story.refused("verify")["differences"]
    assert {(item["table"], item["verdict"], *item["columns"]) for item in found} == {("odd", "changed", "n")}
    assert len(found) == len(keys)


def play(story: Story, tag: str, *, good: bool = True) -> str:
    """playbooks/sync.yml as an operator runs it, on the host between the two servers; what it said."""
    login = {"login_user": "dfr_golive", "login_password": "operator", "ssl_mode": "disable"}
    inventory = {
        "sync": {
            "hosts": {
                story.sandbox.vm: {
                    "ansible_connection": "community.docker.docker",
                    "ansible_python_interpreter": "/usr/bin/python3",
                    "sync_name": story.name,
                    "sync_source": {"login_host": story.source_server.name, "database": story.name, **login},
                    "sync_target": {"login_host": story.target_server.name, "database": story.copy, **login},
                    "sync_owner": "odoo",
                    "sync_app_role": "odoo",
                    "sync_reach": {"host": f"{story.source_server.name}-link", "ssl_mode": "disable"},
                    "sync_show_seconds": 1,
                }
            }
        }
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(inventory, file)
        file.flush()
        playbook = ("ansible-playbook", str(sb.ROOT / "playbooks/sync.yml"), "-i", file.name, "--tags", tag)
        said = sb.run(*playbook, check=good)
    assert good or "failed=1" in said, said
    return said


def test_the_playbook_copies_shows_how_far_it_is_and_cuts_over(story: Story) -> None:
    story.on_source("insert into farmer (code) select 'M' || i from generate_series(1, 300000) i")
    said = play(story, "copy")
    assert f"{story.name}: " in said
    assert " s so far" in said
    assert "changed=0" in play(story, "copy")
    story.on_source("update farmer set status = 'validated' where id <= 40")
    said = play(story, "cutover")
    assert "'farmer': 40" in said
    assert story.on_target("select count(*) from farmer where status = 'validated'", "postgres") == "40"
    story.gone()


def test_the_playbook_stops_at_a_difference_and_its_undo_leaves_nothing_once(story: Story) -> None:
    story.prepared()
    story.on_target("update farmer set name = 'other' where id = 77")
    said = " ".join(play(story, "cutover", good=False).split())
    assert "farmer id=77" in said
    assert "The fence was lifted, nothing is lost." in said
    story.on_source("update farmer set status = 'still writing' where id = 1")
    assert "changed=1 " in play(story, "undo")
    story.gone()
    copies = f"select count(*) from pg_database where datname = '{story.copy}'"
    assert story.target_server.psql(copies) == "0"
    assert story.on_source("select count(*) from pg_publication") == "0"
    assert "changed=0 " in play(story, "undo")


STRAY_WRITES = {
    "update farmer set name = 'other' where id = 77": ("farmer", "id=77", "changed", ["name"]),
    "delete from plot where id = 55": ("plot", "id=55", "missing", []),
    "insert into plot (id, farmer_id) values (999999, 1)": ("plot", "id=999999", "extra", []),
    "update plot set area = area + 0.0001 where id = 9": ("plot", "id=9", "changed", ["area"]),
    "update visits set note = 'x' where farmer_id = 3": ("visits", "row #", "missing", []),
    "update codes set title = null where value = 'v7'": ("codes", "kind=#", "changed", ["title"]),
    "truncate farmer_tag_rel": ("farmer_tag_rel", "farmer_id=1 tag=#", "missing", []),
}


def test_writes_on_the_copy_that_replication_did_not_make_are_named(story: Story) -> None:
    story.prepared()
    story.on_target(";".join(STRAY_WRITES))
    story("drain")
    for options in ({}, {"full": True}):
        said = story.refused("verify", **options)
        found = said["differences"]
        for table, key, verdict, columns in STRAY_WRITES.values():
            assert any(
                item["table"] == table
                and item["key"].startswith(key)
                and item["verdict"] == verdict
                and sorted(item["columns"]) == columns
                for item in found
            ), (table, key)
        assert (
            len(found) == len(STRAY_WRITES) + 500
        )  # both images of the changed visit, every row of the truncated table
        assert "other" not in str(said)
        assert "v7" not in str(said)


EVERYTHING = r"""
create collation nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create type mood as enum ('glad', 'sad');
create table everything (
    id int primary key, t text, v varchar(50), c char(8), i2 smallint, i8 bigint, n numeric, f4 real, f8 float8,
    b boolean, d date, ts timestamp, tz timestamptz, ti time, tiz timetz, iv interval, j json, jb jsonb, ba bytea,
    u uuid, ip inet, a int[], ta text[], m mood, x text collate nocase, r int4range, p point, bits varbit, mo money
);
insert into everything select i, 'text ' || i, 'v' || i, 'c' || i % 100, i % 100, i,
    i / 8.0, i / 3.0, case when i % 40 = 12 then 0 else i / 7.0 end, i % 2 = 0, date '2000-01-01' + i,
    timestamp '2020-01-01' + i * interval '1.000001 s', timestamptz '2020-01-01 00:00+00' +
    i * interval '1 hour', time '10:00' + i * interval '1 s', timetz '10:00+02', interval '1 month' * (i % 5),
    '{"a": 1, "b": 2}', jsonb_build_object('a', i, 'b', 1.0), decode(md5(i::text), 'hex'), md5(i::text)::uuid,
    '10.0.0.1'::inet + i, array[i, i + 1], array['x', null, ''], 'glad', 'Same', int4range(i, i + 5), point(i, i),
    i::bit(12)::varbit, i::money from generate_series(1, 4000) i;
create table wide (id int primary key, body text);
insert into wide select i, (select string_agg(md5((g * i)::text), '') from generate_series(1, 40000) g)
    from generate_series(1, 6) i;
create table log (at timestamp, what text);
insert into log select timestamp '2020-01-01' + i * interval '1 s', 'event ' || i % 50 from generate_series(1, 2000) i;
"""

# What is done to the rows whose number modulo 40 is the place in this list, and the column that must be named.
TAMPERING = [
    ("t = overlay(t placing 'X' from 2 for 1)", "t"),
    ("t = null", "t"),
    ("t = ''", "t"),
    ("t = t || ' '", "t"),
    ("v = upper(v)", "v"),
    ("c = 'C' || substr(c, 2)", "c"),
    ("i2 = -i2 - 1", "i2"),
    ("i8 = ((i8 # 1) << 32) | ((i8 # 1) # i8)", "i8"),
    ("n = n + 0.0000000001", "n"),
    ("n = (n::text || '0')::numeric", "n"),
    ("f4 = f4 + 0.0001::real * greatest(1, f4)", "f4"),
    ("f8 = f8 * (1 + 2.3e-16::float8)", "f8"),
    ("f8 = '-0'::float8", "f8"),
    ("b = case when id % 80 < 40 then null else not b end", "b"),
    ("d = case when id % 80 < 40 then 'infinity' else d + 1 end", "d"),
    # The second flips a bit in both halves of its eight bytes: PostgreSQL's own hash sees none of it.
    (
        (
            "ts = case when id % 80 < 40 then ts + interval '1 us' else timestamp '2000-01-01' + interval '1 us'"
            " * ((extract(epoch from ts - timestamp '2000-01-01') * 1000000)::int8 # 4294967297) end"
        ),
        "ts",
    ),
    ("tz = tz + interval '1 hour'", "tz"),
    ("ti = ti + interval '1 microsecond'", "ti"),
    ("tiz = timetz '09:00+01'", "tiz"),
    ("iv = iv + interval '30 days' - interval '1 month'", "iv"),
    ("iv = iv + interval '24 hours' - interval '1 day'", "iv"),
    ('j = \'{"b": 2, "a": 1}\'', "j"),
    ("jb = jb || '{\"b\": 1.00}'", "jb"),
    ("jb = jb - 'b'", "jb"),
    ("ba = set_byte(ba, 3, (get_byte(ba, 3) + 1) % 256)", "ba"),
    ("u = gen_random_uuid()", "u"),
    ("ip = ip + 1", "ip"),
    ("a = array[a[2], a[1]]", "a"),
    ("a = array[a[1], null]", "a"),
    ("ta = array['x', '', null]", "ta"),
    ("ta = array['x', 'NULL', '']", "ta"),
    ("m = 'sad'", "m"),
    ("x = 'SAME'", "x"),
    ("r = int4range(lower(r), upper(r), '[]')", "r"),
    ("p = point(p[1] + 1, p[0])", "p"),
    ("bits = bits || b'0'", "bits"),
    ("mo = mo + 0.01::money", "mo"),
]


def test_a_thousand_differences_of_every_kind_are_found_and_named(box: Sandbox) -> None:
    story = Story(box)
    story.on_source(EVERYTHING, user="postgres")
    for name in ("everything", "wide", "log"):
        story.on_source(f"alter table {name} owner to odoo", user="postgres")
    story.on_source(f"alter database {story.name} set timezone to 'Pacific/Tongatapu'", user="postgres")
    story.prepared()
    story.on_target(f"alter database {story.copy} set timezone to 'Africa/Lagos'", user="postgres")
    story.on_target(f"alter database {story.copy} set extra_float_digits to -5", user="postgres")
    story("drain")
    # Nothing is made up: another time zone, another text form of floats, touched rows that stay what they are.
    story.on_target(
        "update everything set t = t where id % 40 = 39; set timezone = 'UTC';"
        'update everything set tz = tz::text::timestamptz, jb = \'{"b": 1.0, "a": 5}\' where id = 5;'
        "update everything set jb = jsonb_build_object('a', 5, 'b', 1.0) where id = 5"
    )
    assert story("verify")["compared"]["everything"] == 101
    assert story("verify", full=True)["rows"] == 6006

    wanted: dict[tuple[str, str], tuple[str, str]] = {}
    statements = []
    for place, (change, column) in enumerate(TAMPERING):
        statements.append(f"update everything set {change} where id % 40 = {place} and id between 1 and 960;")
        wanted |= {("everything", f"id={i}"): ("changed", column) for i in range(1, 961) if i % 40 == place}
    for i in range(37, 960, 40):  # swapped between two rows: the sums of a column stay what they are
        statements.append(
            f"update everything e set t = o.t from everything o where e.id in ({i}, {i + 1000})"
            f" and o.id = {i} + {i} + 1000 - e.id;"
        )
        wanted |= {("everything", f"id={k}"): ("changed", "t") for k in (i, i + 1000)}
    statements.append("delete from everything where id % 40 = 38 and id < 960;")
    wanted |= {("everything", f"id={i}"): ("missing", "") for i in range(1, 960) if i % 40 == 38}
    statements.append("insert into everything (id) select generate_series(10001, 10030);")
    wanted |= {("everything", f"id={i}"): ("extra", "") for i in range(10001, 10031)}
    statements.append(
        "update wide set body = overlay(body placing '~' from 1200000 for 1) where id in (2, 5);"
    )
    wanted |= {("wide", f"id={i}"): ("changed", "body") for i in (2, 5)}
    story.on_target("".join(statements))
    story.on_target(
        "insert into log select at, what from log where what = 'event 7';"
        "delete from log where what = 'event 8'"
    )
    assert len(wanted) + 80 > 1000

    for options in ({}, {"full": True}):
        found = story.refused("verify", **options)["differences"]
        named = {
            (item["table"], item["key"]): (item["verdict"], " ".join(item["columns"]))
            for item in found
            if item["table"] != "log"
        }
        assert set(named) == set(wanted)
        wrong = {key: (named[key], wanted[key]) for key in wanted if named[key] != wanted[key]}
        assert not wrong, list(wrong.items())[:10]
        assert (
            sorted(item["verdict"] for item in found if item["table"] == "log")
            == ["missing"] * 40 + ["repeated"] * 40
        )
    story.end_of()


class Teller(threading.Thread):
    """TPC-B against the source until it is refused; remembers what was acknowledged."""

    def __init__(self, story: Story, number: int) -> None:
        super().__init__(daemon=True)
        self._story, self._number = story, number
        self.acknowledged: set[str] = set()
        self.refusal = ""

    def run(self) -> None:
        try:
            with self._story.source_server.connect(self._story.name) as conn:
                for i in range(10_000_000):
                    mark = f"{self._number}-{i}"
                    account, teller, amount = 1 + (i * 7919) % 100_000, 1 + i % 10, (i * 31) % 9999 - 5000
                    with conn.transaction():
                        conn.execute(
                            "update pgbench_accounts set abalance = abalance + %s where aid = %s",
                            (amount, account),
                        )
                        conn.execute(
                            "update pgbench_tellers set tbalance = tbalance + %s where tid = %s",
                            (amount, teller),
                        )
                        conn.execute(
                            "update pgbench_branches set bbalance = bbalance + %s where bid = 1", (amount,)
                        )
                        conn.execute(
                            "insert into pgbench_history (tid, bid, aid, delta, mtime, filler)"
                            " values (%s, 1, %s, %s, now(), %s)",
                            (teller, account, amount, mark),
                        )
                    self.acknowledged.add(mark)
        except psycopg.Error as exc:
            self.refusal = str(exc)


def test_no_acknowledged_transaction_of_a_busy_writer_is_lost(box: Sandbox) -> None:
    story = Story(box)
    story.source_server.bash(
        f"$(ls -d /usr/lib/postgresql/*/bin/pgbench) -q -i -s 1 -U odoo {story.name} 2>&1"
    )
    tellers = [Teller(story, n) for n in range(3)]
    for teller in tellers:
        teller.start()
    assert story("seed")["evidence"]["keyless"] == ["pgbench_history"]
    proof = story("prove")
    assert proof["left_for_the_window"] == ["pgbench_history"]
    again = story("prove")
    assert again["kind"] == "touched"
    assert all(teller.is_alive() for teller in tellers)
    done = story("cutover")
    for teller in tellers:
        teller.join(10)
        assert teller.refusal, "the writer was never refused"
    acknowledged = set().union(*(teller.acknowledged for teller in tellers))
    assert len(acknowledged) > 300
    brought = {
        row.strip() for row in story.on_target("select filler from pgbench_history", "postgres").splitlines()
    }
    assert acknowledged - brought == set()
    assert len(brought - acknowledged) <= len(tellers)  # committed, but the answer never arrived
    sums = story.on_target(
        "select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history),"
        " (select sum(tbalance) from pgbench_tellers) = (select sum(delta) from pgbench_history),"
        " (select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history),"
        " (select count(*) = count(distinct filler) from pgbench_history)"
    )
    assert sums == "t|t|t|t"
    assert done["proof"]["whole"].keys() == {"pgbench_history"}
    assert story("verify", full=True)["kind"] == "full"
    story("reopen")
    story.end_of()
