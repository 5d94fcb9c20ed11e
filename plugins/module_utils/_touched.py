# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which rows were touched on either side, read from two slots and remembered as a table of keys.

Only ever appended to, then read once: two readers of slots don't wait for each other, and nothing is looked up.
"""
# ruff: noqa: S608 - identifiers are composed by psycopg.sql; f-strings put in our own constants and catalogue types

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _digest
from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    PostgresLogin,
    connect,
    prepare_kept,
    scalar,
)
from ansible_collections.dfr.golive.plugins.module_utils._replication import Memory, Pair
from ansible_collections.dfr.golive.plugins.module_utils._tables import Name, Tables
from ansible_collections.dfr.golive.plugins.module_utils._together import together
from ansible_collections.dfr.golive.plugins.module_utils._wal import (
    check_published,
    copy_escape,
    create_slot,
    current_position,
    drop_publication,
    drop_slot,
    lsn_text,
    publish,
    read_slots,
    touched_lines,
)

if TYPE_CHECKING:
    import psycopg


KEYS_PER_BATCH = 4000

STORE_DDL = """
create table if not exists dfr_golive.touched (
    pair text not null,
    side text not null,
    round int not null,
    relid int8 not null,
    key text not null
)
"""


def start_tracking(pair: Pair, tables: Tables) -> bool:
    """Make the slots that name touched rows, unless both are there and whole. Returns whether they are new."""
    whole = 0
    for login in (pair.source, pair.target):
        with connect(login, autocommit=True) as conn:
            slot = read_slots(conn, pair.tracking).get(pair.tracking)
            whole += slot is not None and not slot.lost
    if whole == 2:
        return False
    for login, relations in ((pair.source, tables.source), (pair.target, tables.target)):
        with connect(login, autocommit=True) as conn:
            drop_slot(conn, pair.tracking)
            drop_publication(conn, pair.tracking)
            publish(conn, pair.tracking, tuple(relations.values()), keys_only=True)
            create_slot(conn, pair.tracking, limit_seconds=min(600, pair.limit_seconds))
    with connect(pair.target_admin(), autocommit=True) as conn:
        prepare_store(conn)
        conn.execute("delete from dfr_golive.touched where pair = %s", (pair.name,))
    return True


def harvest(pair: Pair, tables: Tables, memory_round: int, *, advance: bool = True) -> dict[str, int]:
    """Read both slots to where their servers stand now and remember the keys.

    Args:
        pair: source and copy.
        tables: of both sides.
        memory_round: what the keys are marked with.
        advance: let the servers forget the log that was read.

    Raises:
        GoliveError: a slot is gone or has lost log: then nobody knows what was touched.
    """
    found: dict[str, int] = {}

    def one(side: str, login: PostgresLogin, relations: Mapping[Name, Relation]) -> None:
        with connect(login, autocommit=True) as admin:
            slot = read_slots(admin, pair.tracking).get(pair.tracking)
            if slot is None or slot.lost:
                raise GoliveError(
                    f"The slot {pair.tracking} on the {side} {'is gone' if slot is None else 'has lost log'}:"
                    " nobody knows which rows were touched.",
                    remedy="Run playbooks/prepare.yml again, or verify in full.",
                )
            check_published(admin, pair.tracking, tuple(relations.values()))
            upto = current_position(admin)
            found[side] = _remember(pair, side, login, relations, upto, memory_round)
            if advance:
                admin.execute(
                    "select pg_catalog.pg_replication_slot_advance(%s, %s::pg_lsn)",
                    (pair.tracking, lsn_text(upto)),
                )

    with connect(pair.target_admin()) as store:
        prepare_store(store)
    together(
        lambda: one("source", pair.source, tables.source), lambda: one("target", pair.target, tables.target)
    )
    return found


def mark_rewritten(pair: Pair, tables: Tables, memory: Memory) -> list[str]:
    """Mark the tables whose rows were written anew since the last proof as touched as a whole; returns their names.

    ``alter table ... alter column ... using`` changes every row, and the log says nothing of it that could be decoded.
    """
    files = tables.files()
    rewritten = [
        name
        for name, relation in tables.source.items()
        if memory.files.get(relation.label) != files[relation.label]
    ]
    if rewritten:
        with connect(pair.target_admin(), autocommit=True) as store:
            prepare_store(store)
            store.cursor().executemany(
                "insert into dfr_golive.touched (pair, side, round, relid, key) values (%s, 'source', %s, %s, '{}')",
                [(pair.name, memory.round, tables.source[name].oid) for name in rewritten],
            )
    return [tables.label(name) for name in rewritten]


def _remember(
    pair: Pair,
    side: str,
    login: PostgresLogin,
    relations: Mapping[Name, Relation],
    upto: int,
    memory_round: int,
) -> int:
    """Copy the keys of one slot into the store, in one transaction; twice does no harm."""
    prefix = "\t".join((copy_escape(pair.name), side, str(memory_round))) + "\t"
    with _digest.reading(login) as reader, connect(pair.target_admin()) as store:
        cursor = store.cursor()
        with cursor.copy("copy dfr_golive.touched (pair, side, round, relid, key) from stdin") as copy:
            for lines in touched_lines(
                reader, pair.tracking, pair.tracking, tuple(relations.values()), upto, prefix
            ):
                copy.write(lines)
        return cursor.rowcount


def prepare_store(conn: psycopg.Connection[Any]) -> None:
    if scalar(conn, "select to_regclass('dfr_golive.touched') is null"):
        prepare_kept(conn)
        conn.execute(STORE_DDL)


@dataclass(frozen=True)
class Touched:
    """What was touched, each row once.

    Attributes:
        keys: number of keys by table.
        whole: tables to be compared whole.
    """

    keys: Mapping[Name, int]
    whole: frozenset[Name]
    _store: psycopg.Connection[Any] = field(repr=False)

    def batches(self, wanted: Sequence[Relation]) -> Iterator[tuple[Name, list[str]]]:
        """The touched keys of these tables in batches: one array literal for each column of the key."""
        todo = [r for r in wanted if self.keys.get((r.schema, r.name))]
        if not todo:
            return
        widest = max(len(r.key) for r in todo)
        width = {(r.schema, r.name): len(r.key) for r in todo}
        columns = ", ".join(f"array_agg(key[{i}] order by n)::text" for i in range(1, widest + 1))
        with self._store.cursor(f"dfr_golive_{secrets.token_hex(4)}") as cursor:
            cursor.itersize = 1
            cursor.execute(
                f"select schema, name, {columns} from (select schema, name, key::text[] as key, n"
                " from dfr_golive_keys where key <> '{}'"
                " and (schema, name) in (select * from unnest(%s::text[], %s::text[]))) k"
                f" group by schema, name, (n - 1) / {KEYS_PER_BATCH} order by 1, 2".encode(),
                ([r.schema for r in todo], [r.name for r in todo]),
            )
            for schema, name, *arrays in cursor:
                yield (schema, name), arrays[: width[(schema, name)]]

    def holds(self, name: Name, key: tuple[str, ...]) -> bool:
        """Whether a row, or its whole table, is among them."""
        return bool(
            scalar(
                self._store,
                "select exists (select from dfr_golive_keys where schema = %s and name = %s"
                " and (key = %s::text[]::text or key = '{}'))",
                (*name, list(key)),
            )
        )


KEYS_SQL = """
create temporary table dfr_golive_keys on commit drop as
select schema, name, key, row_number() over (partition by schema, name) as n from (
    select distinct n.schema, n.name, t.key from dfr_golive.touched t
      left join (select * from unnest(%s::text[], %s::int8[], %s::text[], %s::text[]))
           n (side, relid, schema, name) using (side, relid)
     where t.pair = %s and t.round between %s and %s) d
"""


@contextmanager
def touched(pair: Pair, tables: Tables, first: int, last: int) -> Iterator[Touched]:
    """What the store holds of some rounds, as a table of its own for as long as the context is open.

    Raises:
        GoliveError: it holds rows of a table that is no longer there: somebody made it anew.
    """
    names = [
        (side, r.oid, r.schema, r.name)
        for side, relations in (("source", tables.source), ("target", tables.target))
        for r in relations.values()
    ]
    with connect(pair.target_admin()) as conn:
        conn.execute("set local work_mem = '64MB'")
        columns = [list(column) for column in zip(*names, strict=True)]
        conn.execute(KEYS_SQL, (*columns, pair.name, first, last))
        rows = conn.execute(
            "select schema, name, count(*) filter (where key <> '{}'), bool_or(key = '{}')"
            " from dfr_golive_keys group by 1, 2"
        ).fetchall()
        if any(schema is None for schema, *_rest in rows):
            raise GoliveError(
                "Rows were touched in a table that isn't there any more: it was dropped or made anew.",
                remedy="Run playbooks/prepare.yml again, it makes a new copy.",
            )
        yield Touched(
            {(s, n): int(count) for s, n, count, _w in rows if count},
            frozenset((s, n) for s, n, _c, whole in rows if whole),
            conn,
        )
