# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proof that a copy equals its source, in time that depends on what changed and not on how much there is.

Two slots, one in each database, begin before a full comparison (`prove`). From then on every row that anybody touches
on either side, replication or not, is in one of them (`_wal` says why). So:

* every row that neither slot names is what it was when the full comparison found it equal;
* every row that a slot names is compared again, by its key, on both sides (`compare_touched`).

The full comparison needs no standstill and no common instant. The source's snapshot is opened first; once the copy has
applied everything up to it, the copy's snapshot is opened. A row that differs between the two snapshots was changed
after the first, hence is named by the source's slot. Sums can be subtracted: a table's sum less the sum of its touched
rows, each side within its own snapshot, is equal on both sides exactly when the untouched rows are.

What can't be told row by row (a truncated table, a table whose rows nothing identifies) is compared whole again when it
was touched. Repeating `prove` compares what was touched since the last time and forgets it, so that what is left for
the freeze window is what changed since the last proof.
"""
# ruff: noqa: S608 - identifiers are composed by psycopg.sql; f-strings put in our own constants and catalogue types

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _digest
from ansible_collections.dfr.golive.plugins.module_utils._catalogue import (
    Relation,
    read_relations,
    shared,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    GoliveError,
    ProbeError,
    one_line,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    PostgresLogin,
    connect,
    driver,
    prepare_kept,
    scalar,
)
from ansible_collections.dfr.golive.plugins.module_utils._replication import (
    Memory,
    Pair,
    check_sequences,
    demand,
    wait_applied,
)
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
PAGES_PER_PIECE = 8192
NAMED = 10_000
ROWS_PER_BUCKET = 256
# Keys of these types say nothing about a person; others are shown as a digest, with the row's place.
HARMLESS = frozenset(["int2", "int4", "int8", "oid", "uuid"])

# Only ever appended to, then read once: two readers of slots don't wait for each other, and nothing is looked up.
STORE_DDL = """
create table if not exists dfr_golive.touched (
    pair text not null,
    side text not null,
    round int not null,
    relid int8 not null,
    key text not null
)
"""

Name = tuple[str, str]


# --- which rows were touched, as a table -------------------------------------------------------------------------


@dataclass(frozen=True)
class Tables:
    """The tables of both sides, side by side, by schema and name."""

    source: Mapping[Name, Relation]
    target: Mapping[Name, Relation]

    @classmethod
    def read(cls, pair: Pair) -> Tables:
        with connect(pair.source) as conn:
            left = read_relations(conn)
        with connect(pair.target) as conn:
            right = read_relations(conn)
        both = shared(left, right)
        return cls({(s.schema, s.name): s for s, _t in both}, {(t.schema, t.name): t for _s, t in both})

    def label(self, name: Name) -> str:
        return self.source[name].label


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
    _together(
        lambda: one("source", pair.source, tables.source), lambda: one("target", pair.target, tables.target)
    )
    return found


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


# --- sums and digests of one side --------------------------------------------------------------------------------


def _keys_from(relation: Relation) -> Any:
    """``unnest`` of as many array parameters as the key has columns, with ordinal n."""
    sql = require("psycopg.sql", "python3-psycopg")
    columns = relation.key_columns()
    arrays = sql.SQL(", ").join(sql.SQL(f"%s::{c.type_name}[]") for c in columns)
    names = sql.SQL(", ").join(sql.Identifier(f"k{i}") for i in range(1, len(columns) + 1))
    return sql.SQL("unnest({}) with ordinality k ({}, n)").format(arrays, names)


def _key_join(relation: Relation) -> Any:
    sql = require("psycopg.sql", "python3-psycopg")
    return sql.SQL(" and ").join(
        sql.SQL("t.{} = k.{}").format(sql.Identifier(name), sql.Identifier(f"k{i}"))
        for i, name in enumerate(relation.key, 1)
    )


def _two_hashes(algorithm: str) -> str:
    return {
        "record": "pg_catalog.hash_record_extended(row(b), {0}) as h0,"
        " pg_catalog.hash_record_extended(row(b), {1}) as h1",
        "text": "pg_catalog.hashtextextended(b, {0}) as h0, pg_catalog.hashtextextended(b, {1}) as h1",
    }[algorithm].format(*_digest.SEEDS)


def rows_query(relation: Relation, algorithm: str, select: str, *, hashed: bool = False) -> Any:
    """A statement over the rows of given keys: n, and b, the row's bytes or hash; NULL where there is no such row."""
    sql = require("psycopg.sql", "python3-psycopg")
    return sql.SQL(
        select + " from (select k.n, case when t.ctid is not null then {bytes} end as b"
        " from {keys} left join only {table} t on {join} offset 0) r"
    ).format(
        bytes=relation.hash_of(algorithm) if hashed else relation.bytes_of(algorithm),
        keys=_keys_from(relation),
        table=relation.identifier(),
        join=_key_join(relation),
    )


BATCH_SELECT = (
    "select count(b), encode(sha256(convert_to(coalesce(string_agg(n || ' ' || coalesce(h0 || ' ' || h1, '-'), ','"
    " order by n, h0, h1), ''), 'UTF8')), 'hex') from (select n, b, {hashes}"
)


def batch_digest(
    conn: psycopg.Connection[Any], relation: Relation, algorithm: str, keys: list[str]
) -> tuple[int, str]:
    """Rows found, and a digest over which key has which row."""
    query = rows_query(relation, algorithm, BATCH_SELECT.format(hashes=_two_hashes(algorithm)))
    rows, digest = one(conn, query + _close(), keys)
    return int(rows), str(digest)


def _close(more: str = "") -> Any:
    return require("psycopg.sql", "python3-psycopg").SQL(f") s{more}")


def batch_sum(
    conn: psycopg.Connection[Any], relation: Relation, algorithm: str, keys: list[str]
) -> list[int]:
    """Count and the two sums, exactly as `_digest` sums whole tables, of the rows of these keys."""
    query = rows_query(
        relation, algorithm, f"select count(h), {', '.join(_digest.SUMS)} from (select b as h", hashed=True
    )
    return [int(value) for value in one(conn, query + _close(), keys)]


def one(conn: psycopg.Connection[Any], query: Any, params: Sequence[Any] | None = None) -> tuple[Any, ...]:
    rows = conn.execute(query, params).fetchall()
    if len(rows) != 1:
        raise ProbeError(f"Expected one row, got {len(rows)}, from {conn.info.dbname}.")
    return tuple(rows[0])


def full_sums(
    login: PostgresLogin,
    relations: Iterable[Relation],
    algorithm: str,
    *,
    snapshot: str,
    jobs: int,
    limit_seconds: int,
) -> dict[Name, list[int]]:
    """Count and two sums of whole tables, through one snapshot, over ``jobs`` connections; big tables in pieces.

    Raises:
        ProbeError: a table can't be read.
    """
    work: queue.SimpleQueue[tuple[Relation, Any]] = queue.SimpleQueue()
    todo = sorted(relations, key=lambda r: -r.bytes)
    with _digest.reading(login, snapshot=snapshot, limit_seconds=limit_seconds) as conn:
        pages = dict(
            conn.execute(
                "select c.oid::int8, pg_relation_size(c.oid) / current_setting('block_size')::int"
                " from pg_catalog.pg_class c where c.oid = any(%s)",
                ([r.oid for r in todo],),
            ).fetchall()
        )
    for relation in todo:
        table = _digest.Table(
            relation.schema,
            relation.name,
            tuple((c.name, c.kind) for c in relation.columns),
            pages=int(pages[relation.oid]),
        )
        for piece in _digest.pieces(table, algorithm):
            work.put((relation, _digest.table_query(table, algorithm, piece)))
    found: dict[Name, list[int]] = {(r.schema, r.name): [0, 0, 0] for r in todo}
    guard = threading.Lock()

    def help_out() -> None:
        with _digest.reading(login, snapshot=snapshot, limit_seconds=limit_seconds) as conn:
            while True:
                try:
                    relation, query = work.get_nowait()
                except queue.Empty:
                    return
                try:
                    values = one(conn, query)
                except driver().Error as exc:
                    raise ProbeError(
                        f"The table {relation.label} of {login.where} can't be read: {one_line(exc)}."
                    ) from exc
                with guard:
                    total = found[(relation.schema, relation.name)]
                    for i, value in enumerate(values):
                        total[i] = (total[i] + int(value)) % (_digest.WORD if i else 1 << 63)

    _together(*[help_out] * max(1, jobs))
    return found


def _together(*jobs: Callable[[], Any]) -> None:
    """Run the jobs at the same time; raise the first failure once all have ended."""
    errors: list[Exception] = []

    def guarded(job: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            try:
                job()
            except Exception as exc:  # noqa: BLE001 - handed to the caller below
                errors.append(exc)

        return run

    threads = [threading.Thread(target=guarded(job), daemon=True) for job in jobs[1:]]
    for thread in threads:
        thread.start()
    guarded(jobs[0])()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


# --- differences -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """One row that isn't the same. Holds no value, only digests under a salt of this call.

    Attributes:
        table: its label.
        key: the key's columns with their values where these say nothing about a person, else their digest.
        verdict: changed, missing (in the target), extra (in the target) or repeated.
        columns: those that differ, each with the digests of both sides.
        source_place, target_place: where the row lies (ctid), for whoever may look at it.
        raw: the key's values; never leaves this process.
    """

    table: str
    key: str
    verdict: str
    columns: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    source_place: str = ""
    target_place: str = ""
    raw: tuple[str, ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """For people and journals: without the key's values where these might say who somebody is."""
        shown = {name: value for name, value in self.__dict__.items() if name != "raw"}
        return {**shown, "columns": {name: list(pair) for name, pair in self.columns.items()}}

    def sentence(self) -> str:
        inner = f" in {', '.join(self.columns)}" if self.columns else ""
        return f"{self.table} {self.key} is {self.verdict}{inner}"


@dataclass
class Verdict:
    """What a comparison found.

    Attributes:
        compared: rows compared by key, by table label.
        whole: tables compared whole.
        differences: the named ones; ``more`` counts tables where naming stopped.
    """

    compared: dict[str, int] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    more: list[str] = field(default_factory=list)

    def refuse(self, source: str, target: str) -> None:
        """
        Raises:
            GoliveError: something differs; keys and columns are named, and returned as ``differences``.
        """
        if not self.differences and not self.more:
            return
        shown = "; ".join(item.sentence() for item in self.differences[:10])
        total = len(self.differences)
        error = GoliveError(
            f"{total}{' or more' if self.more else ''} rows differ between {source} and {target}: {shown}"
            f"{f'; and {total - 10} more' if total > 10 else ''}.",
            remedy="Find out who wrote to the copy, or why its rows weren't applied; then run playbooks/prepare.yml"
            " again.",
        )
        error.returned = {
            "differences": [item.as_dict() for item in self.differences],
            "verdicts": {
                name: "different" if any(d.table == name for d in self.differences) else "equal"
                for name in {*self.compared, *self.whole, *(d.table for d in self.differences)}
            },
        }
        raise error


class Sides:
    """A reading connection to each side, and how they hash."""

    def __init__(
        self, source: psycopg.Connection[Any], target: psycopg.Connection[Any], algorithm: str, salt: str
    ) -> None:
        self.source, self.target, self.algorithm, self.salt = source, target, algorithm, salt


def name_rows(
    sides: Sides, left: Relation, right: Relation, keys: list[str], limit: int = NAMED
) -> list[Difference]:
    """Compare the rows of these keys one by one and name what differs.

    Args:
        sides: connections and hashing.
        left: the table on the source.
        right: the table on the target.
        keys: one array literal for each column of the key.
        limit: name at most so many.
    """
    hashes = [
        {
            int(n): digests
            for n, digests in conn.execute(
                rows_query(
                    relation,
                    sides.algorithm,
                    "select n, array_agg(h0 || ' ' || h1 order by h0, h1) filter (where b is not null)"
                    f" from (select n, b, {_two_hashes(sides.algorithm)}",
                )
                + _close(" group by n"),
                keys,
            ).fetchall()
        }
        for conn, relation in ((sides.source, left), (sides.target, right))
    ]
    odd = sorted(n for n in hashes[0] if hashes[0][n] != hashes[1].get(n))[:limit]
    if not odd:
        return []
    rows: list[dict[int, list[tuple[str, list[str]]]]] = []
    shown: dict[int, tuple[str, tuple[str, ...]]] = {}
    for conn, relation in ((sides.source, left), (sides.target, right)):
        found: dict[int, list[tuple[str, list[str]]]] = {}
        for n, raw, key, place, digests in conn.execute(
            _columns_query(relation, sides), [*keys, odd]
        ).fetchall():
            shown.setdefault(int(n), (str(key), tuple(raw)))
            if place is not None:
                found.setdefault(int(n), []).append((str(place), list(digests)))
        rows.append(found)
    names = [c.name for c in left.columns]
    return [_difference(left.label, shown[n], names, rows[0].get(n, []), rows[1].get(n, [])) for n in odd]


def _difference(
    table: str,
    key: tuple[str, tuple[str, ...]],
    names: list[str],
    ours: list[tuple[str, list[str]]],
    theirs: list[tuple[str, list[str]]],
) -> Difference:
    columns: dict[str, tuple[str, str]] = {}
    if not theirs:
        verdict = "missing"
    elif not ours:
        verdict = "extra"
    elif len(ours) != len(theirs):
        verdict = "repeated"
    else:
        verdict = "changed"
        columns = {name: (a, b) for name, a, b in zip(names, ours[0][1], theirs[0][1], strict=True) if a != b}
    return Difference(
        table,
        key[0],
        verdict,
        columns,
        ours[0][0] if ours else "",
        theirs[0][0] if theirs else "",
        key[1],
    )


def _columns_query(relation: Relation, sides: Sides) -> Any:
    sql = require("psycopg.sql", "python3-psycopg")
    digests = sql.SQL(", ").join(
        sql.SQL("left(encode(sha256(convert_to({salt} || ({bytes})::text, 'UTF8')), 'hex'), 16)").format(
            salt=sql.Literal(sides.salt), bytes=relation.bytes_of(sides.algorithm, [column])
        )
        for column in relation.columns
    )
    return sql.SQL(
        "select k.n, array[{raw}], {key}, t.ctid::text, case when t.ctid is not null then array[{digests}] end"
        " from {keys} left join only {table} t on {join} where k.n = any(%s) order by 1, 5"
    ).format(
        raw=sql.SQL(", ").join(sql.SQL(f"k.k{i}::text") for i in range(1, len(relation.key) + 1)),
        key=_shown_key(relation, "k", [f"k{i}" for i in range(1, len(relation.key) + 1)], sides.salt),
        digests=digests,
        keys=_keys_from(relation),
        table=relation.identifier(),
        join=_key_join(relation),
    )


def _shown_key(relation: Relation, alias: str, names: Sequence[str], salt: str) -> Any:
    """``id=5``, or a digest where the key itself may say who somebody is."""
    sql = require("psycopg.sql", "python3-psycopg")
    parts = []
    for column, name in zip(relation.key_columns(), names, strict=True):
        value = sql.SQL("{}.{}::text").format(sql.Identifier(alias), sql.Identifier(name))
        if column.kind not in HARMLESS:
            value = sql.SQL("'#' || left(encode(sha256(convert_to({} || {}, 'UTF8')), 'hex'), 12)").format(
                sql.Literal(salt), value
            )
        parts.append(sql.SQL("{} || {}").format(sql.Literal(f"{column.name}="), value))
    return sql.SQL(" || ' ' || ").join(parts)


# --- comparing what was touched ----------------------------------------------------------------------------------


def common_algorithm(*conns: psycopg.Connection[Any]) -> str:
    return _digest.algorithm_for(*(conn.info.server_version for conn in conns))


def compare_touched(
    pair: Pair,
    tables: Tables,
    seen: Touched,
    *,
    snapshots: tuple[str | None, str | None] = (None, None),
    skip_whole: bool = False,
) -> Verdict:
    """Compare every touched row on both sides.

    Args:
        pair: source and copy.
        tables: of both sides.
        seen: what was touched.
        snapshots: to see source and target through; their present when None.
        skip_whole: leave out the tables that must be compared whole.
    """
    verdict = Verdict()
    keyed = [relation for name, relation in sorted(tables.source.items()) if name not in seen.whole]
    verdict.compared = {
        r.label: seen.keys[(r.schema, r.name)] for r in keyed if (r.schema, r.name) in seen.keys
    }
    with (
        _digest.reading(pair.source, snapshot=snapshots[0], limit_seconds=pair.limit_seconds) as source,
        _digest.reading(pair.target, snapshot=snapshots[1], limit_seconds=pair.limit_seconds) as target,
        ThreadPoolExecutor(max_workers=1) as pool,
    ):
        sides = Sides(source, target, common_algorithm(source, target), secrets.token_hex(16))
        for name, keys in seen.batches(keyed):
            left, right = tables.source[name], tables.target[name]
            ours = pool.submit(batch_digest, source, left, sides.algorithm, keys)
            theirs = batch_digest(target, right, sides.algorithm, keys)
            if ours.result() != theirs:
                verdict.differences += name_rows(sides, left, right, keys)
    if seen.whole and not skip_whole:
        compare_whole(pair, tables, sorted(seen.whole), verdict, snapshots)
    return verdict


def compare_whole(
    pair: Pair,
    tables: Tables,
    names: Sequence[Name],
    verdict: Verdict,
    snapshots: tuple[str | None, str | None] = (None, None),
) -> None:
    """Compare whole tables on both sides at the same time; where the sums differ, find and name the rows."""
    with ExitStack() as stack:
        opened = []
        for login, snapshot in ((pair.source, snapshots[0]), (pair.target, snapshots[1])):
            conn = stack.enter_context(
                _digest.reading(login, snapshot=snapshot, limit_seconds=pair.limit_seconds)
            )
            opened.append((conn, snapshot or _digest.export_snapshot(conn)))
        (source, left), (target, right) = opened
        algorithm = common_algorithm(source, target)
        sums = both_sums(pair, tables, names, algorithm, (left, right))
        sides = Sides(source, target, algorithm, secrets.token_hex(16))
        for name in names:
            verdict.whole[tables.label(name)] = sums[1][name][0]
            if sums[0][name] != sums[1][name]:
                locate(sides, tables.source[name], tables.target[name], verdict)


def both_sums(
    pair: Pair, tables: Tables, names: Sequence[Name], algorithm: str, snapshots: tuple[str, str]
) -> tuple[dict[Name, list[int]], dict[Name, list[int]]]:
    sums: list[dict[Name, list[int]]] = [{}, {}]

    def side(number: int, login: PostgresLogin, relations: Mapping[Name, Relation]) -> None:
        sums[number] = full_sums(
            login,
            [relations[name] for name in names],
            algorithm,
            snapshot=snapshots[number],
            jobs=max(1, pair.jobs // 2),
            limit_seconds=pair.limit_seconds,
        )

    _together(lambda: side(0, pair.source, tables.source), lambda: side(1, pair.target, tables.target))
    return sums[0], sums[1]


# --- finding differing rows in a whole table ---------------------------------------------------------------------


def locate(sides: Sides, left: Relation, right: Relation, verdict: Verdict, limit: int = NAMED) -> None:
    """Find the rows that differ: sums by bucket of the key on both sides, then the rows of the odd buckets."""
    found = 0
    buckets = _buckets(max(left.rows, right.rows, 1))
    sums = []
    for conn, relation in ((sides.source, left), (sides.target, right)):
        sums.append(
            {
                int(bucket): (int(count), int(a), int(b))
                for bucket, count, a, b in conn.execute(
                    _bucket_query(relation, sides.algorithm, buckets)
                ).fetchall()
            }
        )
    odd = sorted(b for b in {*sums[0], *sums[1]} if sums[0].get(b) != sums[1].get(b))
    if left.keyless:
        found = _locate_keyless(sides, left, right, odd, buckets, verdict, limit)
    else:
        for start in range(0, len(odd), 64):
            keys = _odd_keys(sides, left, right, odd[start : start + 64], buckets, limit - found)
            for chunk in range(0, len(keys), 500):
                part = keys[chunk : chunk + 500]
                literals = [_array(column) for column in zip(*part, strict=True)]
                named = name_rows(sides, left, right, literals, limit)
                verdict.differences += named
                found += len(named)
            if found >= limit:
                break
    if found >= limit or not found:
        verdict.more.append(left.label)


def _buckets(rows: int) -> int:
    count = 1
    while count < rows / ROWS_PER_BUCKET and count < 1 << 16:
        count *= 2
    return count


def _bucket_of(relation: Relation, algorithm: str, buckets: int) -> Any:
    sql = require("psycopg.sql", "python3-psycopg")
    hashed = relation.hash_of(algorithm, relation.key_columns() or None)
    return hashed + sql.SQL(f" & {buckets - 1}")


def _bucket_query(relation: Relation, algorithm: str, buckets: int) -> Any:
    sql = require("psycopg.sql", "python3-psycopg")
    return sql.SQL(
        "select bucket, count(*), {sums} from (select {bucket} as bucket, {hash} as h from only {table} t offset 0) s"
        " group by 1"
    ).format(
        sums=sql.SQL(", ".join(f"mod({part}, {_digest.WORD})" for part in _digest.SUMS)),
        bucket=_bucket_of(relation, algorithm, buckets),
        hash=relation.hash_of(algorithm),
        table=relation.identifier(),
    )


def _rows_of_buckets(
    conn: psycopg.Connection[Any], relation: Relation, sides: Sides, odd: list[int], buckets: int
) -> Iterator[tuple[Any, ...]]:
    """Bucket, key as text, both hashes and place of every row in these buckets; streamed."""
    sql = require("psycopg.sql", "python3-psycopg")
    key = sql.SQL("array[{}]::text[]").format(
        sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier("t", name)) for name in relation.key)
    )
    query = sql.SQL(
        "select bucket, key, h0 || ' ' || h1, place from (select bucket, key, place, {hashes} from"
        " (select {bucket} as bucket, {key} as key, t.ctid::text as place, {bytes} as b from only {table} t offset 0) x"
        " where bucket = any({odd})) y"
    ).format(
        hashes=sql.SQL(_two_hashes(sides.algorithm)),
        bucket=_bucket_of(relation, sides.algorithm, buckets),
        key=key if relation.key else sql.SQL("null::text[]"),
        bytes=relation.bytes_of(sides.algorithm),
        table=relation.identifier(),
        odd=sql.Literal(odd),
    )
    with conn.cursor(f"dfr_golive_{secrets.token_hex(4)}") as cursor:
        cursor.itersize = 2000
        cursor.execute(query)
        yield from cursor


def _odd_keys(
    sides: Sides, left: Relation, right: Relation, odd: list[int], buckets: int, limit: int
) -> list[tuple[str, ...]]:
    """Keys whose rows differ, among those of at most 64 buckets."""
    seen: dict[tuple[str, ...], list[list[str]]] = {}
    for number, (conn, relation) in enumerate(((sides.source, left), (sides.target, right))):
        for _bucket, key, hashed, _place in _rows_of_buckets(conn, relation, sides, odd, buckets):
            seen.setdefault(tuple(key), [[], []])[number].append(hashed)
    return [key for key, (a, b) in sorted(seen.items()) if sorted(a) != sorted(b)][: max(0, limit)]


def _locate_keyless(
    sides: Sides,
    left: Relation,
    right: Relation,
    odd: list[int],
    buckets: int,
    verdict: Verdict,
    limit: int,
) -> int:
    """Rows that nothing identifies: named by their digest and their place."""
    found = 0
    for start in range(0, len(odd), 64):
        seen: dict[str, list[list[str]]] = {}
        for number, (conn, relation) in enumerate(((sides.source, left), (sides.target, right))):
            for _b, _key, hashed, place in _rows_of_buckets(
                conn, relation, sides, odd[start : start + 64], buckets
            ):
                seen.setdefault(hashed, [[], []])[number].append(place)
        for hashed, (a, b) in sorted(seen.items()):
            if len(a) == len(b):
                continue
            kind = "missing" if not b else "extra" if not a else "repeated"
            digest = f"{int(hashed.split()[0]) % _digest.WORD:016x}"
            verdict.differences.append(
                Difference(left.label, f"row #{digest}", kind, {}, a[0] if a else "", b[0] if b else "")
            )
            found += 1
            if found >= limit:
                return found
    return found


def _array(values: Iterable[str]) -> str:
    return "{" + ",".join('"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"' for v in values) + "}"


# --- the proof before the freeze ---------------------------------------------------------------------------------


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


def prove(pair: Pair, *, again: bool = False) -> dict[str, Any]:
    """Compare the copy with its source while both live; afterwards only what is touched needs to be compared.

    Args:
        pair: source and copy; the copy follows.
        again: compare everything even if an earlier proof stands.

    Raises:
        GoliveError: a row differs that nobody has touched; it is named.
    """
    memory = demand(pair, "following")
    tables = Tables.read(pair)
    fresh = start_tracking(pair, tables) or again or memory.stage != "proven"
    memory.round += 1
    _save(pair, memory, "following" if fresh else memory.stage)
    if not fresh:
        harvest(pair, tables, memory.round - 1)
    with ExitStack() as stack:
        source = stack.enter_context(_digest.reading(pair.source, limit_seconds=pair.limit_seconds))
        left = _digest.export_snapshot(source)
        with connect(pair.source, autocommit=True) as conn:
            position = current_position(conn)
        waited = wait_applied(pair, position, pair.limit_seconds)
        target = stack.enter_context(_digest.reading(pair.target, limit_seconds=pair.limit_seconds))
        right = _digest.export_snapshot(target)
        if fresh:
            evidence = _prove_all(pair, tables, memory, (source, target), (left, right))
        else:
            evidence = _prove_touched(pair, tables, memory, (left, right))
    evidence["waited"] = waited
    memory.evidence["proof"] = evidence
    _save(pair, memory, "proven")
    return {"changed": True, **evidence}


def _save(pair: Pair, memory: Memory, stage: str) -> None:
    memory.stage = stage
    with connect(pair.target_admin(), autocommit=True) as conn:
        memory.save(conn, pair)


def _prove_all(
    pair: Pair,
    tables: Tables,
    memory: Memory,
    conns: tuple[psycopg.Connection[Any], psycopg.Connection[Any]],
    snapshots: tuple[str, str],
) -> dict[str, Any]:
    algorithm = common_algorithm(*conns)
    names = sorted(tables.source)
    sums = both_sums(pair, tables, names, algorithm, snapshots)
    # Read after both snapshots: whatever differs between them is in here.
    harvest(pair, tables, memory.round)
    verdict = Verdict()
    odd = [name for name in names if sums[0][name] != sums[1][name]]
    moving: list[str] = []
    with touched(pair, tables, 0, memory.round) as seen:
        for name in odd:
            if name in seen.whole:
                moving.append(tables.label(name))
                continue
            rest = _less_touched(
                pair, tables, seen, name, algorithm, snapshots, (sums[0][name], sums[1][name])
            )
            if rest[0] != rest[1]:
                sides = Sides(*conns, algorithm, secrets.token_hex(16))
                locate(sides, tables.source[name], tables.target[name], verdict)
        verdict.differences = _untouched(tables, verdict.differences, seen)
    verdict.refuse(pair.source.database, pair.target.database)
    return {
        "kind": "full",
        "tables": len(names),
        "rows": sum(total[0] for total in sums[1].values()),
        "settled_by_touched": [tables.label(name) for name in odd if tables.label(name) not in moving],
        "left_for_the_window": moving,
    }


def _less_touched(
    pair: Pair,
    tables: Tables,
    seen: Touched,
    name: Name,
    algorithm: str,
    snapshots: tuple[str, str],
    sums: tuple[list[int], list[int]],
) -> list[list[int]]:
    """Both sides' sums without the touched rows, each within its own snapshot."""
    rest = [list(sums[0]), list(sums[1])]
    for number, (login, relation) in enumerate(
        ((pair.source, tables.source[name]), (pair.target, tables.target[name]))
    ):
        with _digest.reading(login, snapshot=snapshots[number], limit_seconds=pair.limit_seconds) as conn:
            for _name, keys in seen.batches([tables.source[name]]):
                for i, value in enumerate(batch_sum(conn, relation, algorithm, keys)):
                    rest[number][i] = (rest[number][i] - value) % (_digest.WORD if i else 1 << 63)
    return rest


def _untouched(tables: Tables, found: list[Difference], seen: Touched) -> list[Difference]:
    """Differences less those whose row was touched: these are compared again later."""
    names = {relation.label: name for name, relation in tables.source.items()}
    return [item for item in found if not seen.holds(names[item.table], item.raw)]


def _prove_touched(pair: Pair, tables: Tables, memory: Memory, snapshots: tuple[str, str]) -> dict[str, Any]:
    """Compare what was touched before this round; what is equal is forgotten, what moved meanwhile stays."""
    last = memory.round - 1
    with touched(pair, tables, 0, last) as seen:
        verdict = compare_touched(pair, tables, seen, snapshots=snapshots, skip_whole=True)
    harvest(pair, tables, memory.round)
    with touched(pair, tables, 0, memory.round) as seen:
        whole = seen.whole
    with touched(pair, tables, memory.round, memory.round) as seen:
        verdict.differences = _untouched(tables, verdict.differences, seen)
    verdict.refuse(pair.source.database, pair.target.database)
    with connect(pair.target_admin(), autocommit=True) as store:
        store.execute(
            "delete from dfr_golive.touched where pair = %s and round <= %s and key <> '{}'",
            (pair.name, last),
        )
    return {
        "kind": "touched",
        "tables": len(verdict.compared),
        "rows": sum(verdict.compared.values()),
        "settled_by_touched": [],
        "left_for_the_window": sorted(tables.label(name) for name in whole),
    }


# --- the proof in the window -------------------------------------------------------------------------------------


def verify(pair: Pair, *, full: bool = False) -> dict[str, Any]:
    """Prove that the copy equals its frozen source: what was touched since the proof, or everything.

    Raises:
        GoliveError: a row differs; keys and columns are named.
    """
    memory = demand(pair, "following" if full else "proven")
    tables = Tables.read(pair)
    verdict = Verdict()
    if full:
        compare_whole(pair, tables, sorted(tables.source), verdict)
        kind = "full"
    else:
        harvest(pair, tables, memory.round, advance=False)
        with touched(pair, tables, 0, memory.round) as seen:
            verdict = compare_touched(pair, tables, seen)
        kind = "touched"
    verdict.refuse(pair.source.database, pair.target.database)
    sequences = check_sequences(pair)
    return {
        "kind": kind,
        "sequences": sequences,
        "tables": len(verdict.compared) + len(verdict.whole),
        "rows": sum(verdict.compared.values()) + sum(verdict.whole.values()),
        "compared": verdict.compared,
        "whole": verdict.whole,
    }
