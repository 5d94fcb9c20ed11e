# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Digests of whole tables, computed inside the database, and their comparison.

A table's digest is the row count and the sum, modulo 2^64, of 64 bits of each row (`_rowhash` says what these see). A
sum doesn't depend on the order in which rows are read, so both sides may scan as they like and a table may be cut in
pieces. The columns are listed by name, so that two tables whose columns were added in another order still compare.
"""

from __future__ import annotations

import hashlib
import itertools
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
    scalar,
)
from ansible_collections.dfr.golive.plugins.module_utils._rowhash import row_hash, totals

if TYPE_CHECKING:
    import psycopg

WORD = 1 << 64

# Tables are cut into pieces of so many 8 KiB pages, so that one big table keeps all connections busy.
PAGES_PER_PIECE = 8192

# Text forms depend on these; both sides must speak alike.
SESSION = {
    "search_path": "pg_catalog",
    "row_security": "off",  # a policy that hides rows must be an error, never a smaller table
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmlbinary": "base64",
    # A side that has finished its part waits for the other one.
    "idle_in_transaction_session_timeout": "0",
    # Several connections read at the same time already; and compiling an expression takes longer than most tables.
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}

LARGE_OBJECTS = "(large objects)"


@dataclass(frozen=True)
class Table:
    """One table with rows of its own.

    Attributes:
        schema, name: as in the catalogue.
        columns: (name, SQL type) of every column, in the order of the names.
        pages: size in pages, to cut it into pieces.
    """

    schema: str
    name: str
    columns: tuple[tuple[str, str], ...]
    pages: int = 0

    @property
    def label(self) -> str:
        return label(self.schema, self.name)


def label(schema: str, name: str) -> str:
    """How people know a table: without its schema when that is ``public``."""
    return name if schema == "public" else f"{schema}.{name}"


@dataclass(frozen=True)
class Layout:
    """The tables of a database, and what is left out of a comparison with the reason why."""

    tables: tuple[Table, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    large_objects: int = 0


@dataclass(frozen=True)
class Digest:
    """What a table holds: rows, and 64 bits that depend on every value of them."""

    rows: int
    summed: int
    columns: tuple[str, ...]

    @property
    def hex(self) -> str:
        return f"{self.summed % WORD:016x}"

    def plus(self, rows: int, summed: int) -> Digest:
        """With another piece of the same table added."""
        return Digest(self.rows + rows, self.summed + summed, self.columns)


@dataclass(frozen=True)
class Comparison:
    """One table on both sides."""

    name: str
    source_rows: int
    target_rows: int
    source_digest: str
    target_digest: str
    verdict: str  # equal, declared, different, columns, missing (in the target), extra (in the target)

    @property
    def good(self) -> bool:
        return self.verdict in ("equal", "declared")

    def as_dict(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def sentence(self) -> str:
        return (
            f"{self.name} is {self.verdict}: {self.source_rows} rows {self.source_digest or '-'} in the source,"
            f" {self.target_rows} rows {self.target_digest or '-'} in the target"
        )


def compare(source: Mapping[str, Digest], target: Mapping[str, Digest]) -> list[Comparison]:
    """Every table of either side, by name."""
    found = []
    for name in sorted(set(source) | set(target)):
        left, right = source.get(name), target.get(name)
        if left is None or right is None:
            verdict = "extra" if left is None else "missing"
        elif left.columns != right.columns:
            verdict = "columns"
        else:
            verdict = "equal" if (left.rows, left.hex) == (right.rows, right.hex) else "different"
        found.append(
            Comparison(
                name,
                left.rows if left else 0,
                right.rows if right else 0,
                left.hex if left else "",
                right.hex if right else "",
                verdict,
            )
        )
    return found


def refuse_differences(comparisons: Iterable[Comparison], source: str, target: str) -> None:
    """Raise when a table differs, naming the tables with rows and digests of both sides."""
    found = list(comparisons)
    if not found:
        raise ProbeError(f"Nothing was compared between {source} and {target}: no table was found in either.")
    bad = [item for item in found if not item.good]
    if not bad:
        return
    shown = "; ".join(item.sentence() for item in bad[:10])
    more = f"; and {len(bad) - 10} more" if len(bad) > 10 else ""
    raise GoliveError(
        f"{len(bad)} of {len(found)} tables differ between {source} and {target}: {shown}{more}.",
        remedy="Nobody may write to either side; run the rollback and start the phase again, or find who wrote.",
    )


def algorithm_for(*server_versions: int) -> str:
    """How all these servers can hash a record: ``record`` from PostgreSQL 14 on, else by its ``text``."""
    return "record" if min(server_versions) >= 140000 else "text"


# The domains' base types are resolved; an array or enum stays what it is and is compared as text.
LAYOUT_SQL = """
with recursive base (oid, root) as (
    select oid, oid from pg_catalog.pg_type where typtype <> 'd'
    union all
    select d.oid, b.root from pg_catalog.pg_type d join base b on d.typbasetype = b.oid where d.typtype = 'd'
)
select n.nspname, c.relname, c.relkind::text,
       exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass
               and d.objid = c.oid and d.deptype = 'e') as of_extension,
       pg_catalog.pg_relation_size(c.oid) / current_setting('block_size')::int as pages,
       a.attname,
       case when t.typnamespace = 'pg_catalog'::regnamespace then t.typname::text else '' end as type
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  left join base b on b.oid = a.atttypid
  left join pg_catalog.pg_type t on t.oid = b.root
 where c.relkind in ('r', 'm', 'f')
   and n.nspname not in ('pg_catalog', 'information_schema')
   and n.nspname not like 'pg\\_toast%%' and n.nspname not like 'pg\\_temp%%'
   and c.relpersistence <> 't'
 order by n.nspname, c.relname, a.attname
"""


def read_layout(conn: psycopg.Connection[Any]) -> Layout:
    """The tables that hold rows: ordinary ones, and the leaves of partitioned ones, unlogged or not.

    Raises:
        GoliveError: a foreign table, whose rows live elsewhere and can be neither moved nor proven here.
    """
    tables: dict[tuple[str, str], list[tuple[str, str]]] = {}
    pages: dict[tuple[str, str], int] = {}
    left_out: dict[str, str] = {}
    foreign = []
    for schema, name, kind, of_extension, size, column, type_name in conn.execute(
        LAYOUT_SQL.encode(), ()
    ).fetchall():
        if of_extension:
            left_out[label(schema, name)] = "belongs to an extension"
        elif kind == "m":
            left_out[label(schema, name)] = "materialized view, refreshed from its query"
        elif kind == "f":
            foreign.append(label(schema, name))
        else:
            columns = tables.setdefault((schema, name), [])
            pages[(schema, name)] = size
            if column is not None:
                columns.append((column, type_name))
    if foreign:
        raise GoliveError(
            f"The database {conn.info.dbname} has foreign tables, whose rows live elsewhere:"
            f" {', '.join(sorted(set(foreign)))}.",
            remedy="Drop them, or bring their rows into ordinary tables.",
        )
    return Layout(
        tuple(Table(s, n, tuple(columns), pages[(s, n)]) for (s, n), columns in tables.items()),
        left_out,
        scalar(conn, "select count(*) from pg_catalog.pg_largeobject_metadata"),
    )


def table_query(table: Table, algorithm: str, piece: tuple[int, int | None] | None = None) -> Any:
    """The statement that reads a table, or the pages of a piece of it, once."""
    sql = require("psycopg.sql", "python3-psycopg")
    where = sql.SQL("")
    if piece is not None:
        first, end = piece
        where = sql.SQL(" where ctid >= {}::tid").format(sql.Literal(f"({first},0)"))
        if end is not None:
            where += sql.SQL(" and ctid < {}::tid").format(sql.Literal(f"({end},0)"))
    return sql.SQL("select {totals} from only {table}{where}").format(
        totals=totals(row_hash(algorithm, [(sql.Identifier(name), kind) for name, kind in table.columns])),
        table=sql.Identifier(table.schema, table.name),
        where=where,
    )


def large_objects_query(algorithm: str) -> Any:
    sql = require("psycopg.sql", "python3-psycopg")
    columns = [(sql.SQL("oid"), "oid"), (sql.SQL("sha256(lo_get(oid))"), "bytea")]
    return sql.SQL("select {} from pg_catalog.pg_largeobject_metadata").format(
        totals(row_hash(algorithm, columns))
    )


def pieces(table: Table, algorithm: str, share: float = 0) -> list[tuple[int, int | None] | None]:
    """Page ranges of a big table; the last one is open, so that no row can fall behind the end.

    Args:
        table: with its size.
        algorithm: how its rows are hashed.
        share: pages that one connection may well read alone. A scan of a whole table goes round in a few buffers,
            which stay in the processor's cache; a range of pages goes through all that the server has.
    """
    if algorithm != "record" or table.pages <= max(share, PAGES_PER_PIECE):
        return [None]  # before PostgreSQL 14 a range of pages would be a scan of all
    starts = list(range(0, table.pages, PAGES_PER_PIECE))
    return [*itertools.pairwise(starts), (starts[-1], None)]


def worthwhile(pages: int, jobs: int) -> int:
    """How many of so many connections pay for themselves when there are so many pages to read."""
    return min(jobs, 1 + pages // PAGES_PER_PIECE)


def fair_share(pages: int, jobs: int) -> float:
    """What one of these connections may read alone of so many pages without keeping the others waiting for long."""
    return pages if jobs < 2 else 1.2 * pages / jobs


@contextmanager
def reading(login: PostgresLogin, *, snapshot: str | None = None, limit_seconds: int = 3600) -> Iterator[Any]:
    """A read-only repeatable-read transaction in the session settings that make text forms comparable.

    Args:
        login: which database.
        snapshot: an exported snapshot to see the database through; its own when None.
        limit_seconds: the server gives up a statement after so long.

    Raises:
        ProbeError: whatever the database refuses while we read.
    """
    psycopg = driver()
    try:
        with connect(login) as conn:
            conn.execute("set transaction isolation level repeatable read, read only")
            if snapshot is not None:
                sql = require("psycopg.sql", "python3-psycopg")
                conn.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot)))
            settings = {**SESSION, "statement_timeout": f"{limit_seconds}s"}
            conn.execute(
                "select pg_catalog.set_config(name, value, true) from unnest(%s::text[], %s::text[]) s (name, value)",
                (list(settings), list(settings.values())),
            )
            yield conn
    except psycopg.Error as exc:
        raise ProbeError(f"Reading {login.where} failed: {one_line(exc)}.") from exc


def export_snapshot(conn: psycopg.Connection[Any]) -> str:
    """Let other connections see exactly what this transaction sees, for as long as it is open."""
    return str(scalar(conn, "select pg_catalog.pg_export_snapshot()"))


def digest_tables(
    login: PostgresLogin,
    *,
    algorithm: str = "record",
    jobs: int = 2,
    snapshot: str | None = None,
    limit_seconds: int = 3600,
) -> dict[str, Digest]:
    """Digest every table of a database over ``jobs`` connections that share one snapshot.

    Raises:
        ProbeError: the database didn't answer, or a statement failed (the table is named).
        GoliveError: a foreign table.
    """
    with reading(login, snapshot=snapshot, limit_seconds=limit_seconds) as leader:
        shared = snapshot or export_snapshot(leader)
        layout = read_layout(leader)
        work: queue.SimpleQueue[tuple[str, tuple[str, ...], Any]] = queue.SimpleQueue()
        share = fair_share(sum(table.pages for table in layout.tables), jobs)
        for table in sorted(layout.tables, key=lambda item: -item.pages):
            names = tuple(name for name, _kind in table.columns)
            for piece in pieces(table, algorithm, share):
                work.put((table.label, names, table_query(table, algorithm, piece)))
        if layout.large_objects:
            work.put((LARGE_OBJECTS, ("oid", "data"), large_objects_query(algorithm)))
        found: dict[str, Digest] = {}
        errors: list[Exception] = []
        guard = threading.Lock()

        def drain(conn: psycopg.Connection[Any]) -> None:
            while not errors:
                try:
                    name, columns, query = work.get_nowait()
                except queue.Empty:
                    return
                try:
                    rows, summed = one_row(conn, query)
                except driver().Error as exc:
                    raise ProbeError(
                        f"The table {name} of {login.where} can't be read: {one_line(exc)}."
                    ) from exc
                with guard:
                    found[name] = found.get(name, Digest(0, 0, columns)).plus(rows, int(summed))

        def help_out() -> None:
            try:
                with reading(login, snapshot=shared, limit_seconds=limit_seconds) as conn:
                    drain(conn)
            except Exception as exc:  # noqa: BLE001  handed to the caller's thread below
                errors.append(exc)

        helpers = [threading.Thread(target=help_out, daemon=True) for _helper in range(max(1, jobs) - 1)]
        for helper in helpers:
            helper.start()
        try:
            drain(leader)
        except Exception as exc:  # noqa: BLE001  raised below, when the helpers are done
            errors.append(exc)
        for helper in helpers:
            helper.join()
        if errors:
            raise errors[0]
    return found


def one_row(conn: psycopg.Connection[Any], query: Any) -> tuple[Any, ...]:
    rows = conn.execute(query).fetchall()
    if len(rows) != 1:
        raise ProbeError(f"Expected one row, got {len(rows)}, from {conn.info.dbname}.")
    return tuple(rows[0])


def digest_rows(conn: psycopg.Connection[Any], table: Table, key: str, algorithm: str) -> dict[str, str]:
    """The digest of each row of a (small) table by its key, to name what differs. Never the values."""
    sql = require("psycopg.sql", "python3-psycopg")
    query = sql.SQL("select {key}::text, {totals} from only {table} group by 1").format(
        key=sql.Identifier(key),
        totals=totals(row_hash(algorithm, [(sql.Identifier(name), kind) for name, kind in table.columns])),
        table=sql.Identifier(table.schema, table.name),
    )
    return {str(name): f"{int(summed) % WORD:016x}" for name, _rows, summed in conn.execute(query).fetchall()}


# --- sequences ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SequenceState:
    """Where a sequence stands, and the greatest key among the integer columns it feeds."""

    schema: str
    relation: str
    last_value: int
    is_called: bool
    increment: int
    greatest_key: int | None

    @property
    def name(self) -> str:
        return label(self.schema, self.relation)

    @property
    def next_value(self) -> int:
        return self.last_value + self.increment if self.is_called else self.last_value

    @property
    def safe(self) -> bool:
        """The next value can't meet an existing key (a descending sequence is taken at its word)."""
        return self.greatest_key is None or self.increment < 0 or self.next_value > self.greatest_key


# The columns a sequence feeds: the one that owns it, and those whose default draws from it.
SEQUENCES_SQL = """
select n.nspname, c.relname, s.seqincrement, tn.nspname, tc.relname, a.attname
  from pg_catalog.pg_sequence s
  join pg_catalog.pg_class c on c.oid = s.seqrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join (
        select objid as seq, refobjid as tab, refobjsubid as col
          from pg_catalog.pg_depend
         where classid = 'pg_catalog.pg_class'::regclass and refclassid = 'pg_catalog.pg_class'::regclass
           and deptype in ('a', 'i') and refobjsubid > 0
        union
        select d.refobjid, f.adrelid, f.adnum
          from pg_catalog.pg_depend d
          join pg_catalog.pg_attrdef f on f.oid = d.objid
         where d.classid = 'pg_catalog.pg_attrdef'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
       ) feeds on feeds.seq = c.oid
  left join (pg_catalog.pg_class tc join pg_catalog.pg_namespace tn on tn.oid = tc.relnamespace)
         on tc.oid = feeds.tab and tc.relkind in ('r', 'p')
  left join pg_catalog.pg_attribute a on a.attrelid = tc.oid and a.attnum = feeds.col
        and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
 where c.relpersistence <> 't'
 order by 1, 2, 4, 5, 6
"""


def read_sequences(conn: psycopg.Connection[Any]) -> dict[str, SequenceState]:
    """Every sequence with its state, in a few statements however many there are."""
    sql = require("psycopg.sql", "python3-psycopg")
    feeds: dict[tuple[str, str, int], list[tuple[str, str, str]]] = {}
    for schema, name, increment, t_schema, t_name, column in conn.execute(SEQUENCES_SQL.encode()).fetchall():
        fed = feeds.setdefault((schema, name, increment), [])
        if column is not None:
            fed.append((t_schema, t_name, column))
    found: dict[str, SequenceState] = {}
    todo = list(feeds.items())
    for start in range(0, len(todo), 100):
        selects = []
        for (schema, name, increment), fed in todo[start : start + 100]:
            greatest = [
                sql.SQL("(select max({}) from {})").format(sql.Identifier(c), sql.Identifier(s, t))
                for s, t, c in fed
            ]
            selects.append(
                sql.SQL("select {}, {}, last_value, is_called, {}::int8, {}::int8 from {}").format(
                    sql.Literal(schema),
                    sql.Literal(name),
                    sql.Literal(increment),
                    sql.SQL("greatest({})").format(sql.SQL(", ").join(greatest))
                    if greatest
                    else sql.SQL("null"),
                    sql.Identifier(schema, name),
                )
            )
        for row in conn.execute(sql.SQL(" union all ").join(selects)).fetchall():
            state = SequenceState(*row)
            found[state.name] = state
    return found


def compare_sequences(source: Mapping[str, SequenceState], target: Mapping[str, SequenceState]) -> list[str]:
    """What is wrong with the target's sequences, one clause each; empty when all is right.

    They must stand exactly where the source's stand. Where the source itself would give out a key that exists, the
    target must have been raised above it.
    """
    wrong = []
    for name in sorted(set(source) | set(target)):
        left, right = source.get(name), target.get(name)
        if left is None or right is None:
            wrong.append(f"{name} is {'only in the target' if left is None else 'missing in the target'}")
        elif not right.safe:
            wrong.append(f"{name} gives {right.next_value} next, but key {right.greatest_key} exists")
        elif left.safe and (left.last_value, left.is_called) != (right.last_value, right.is_called):
            wrong.append(f"{name} stands at {right.last_value} instead of {left.last_value}")
    return wrong


# --- structure ---------------------------------------------------------------------------------------------------

STRUCTURE_SQL = """
select 'index', n.nspname || '.' || c.relname,
       pg_catalog.pg_get_indexdef(i.indexrelid) || case when i.indisvalid then '' else ' INVALID' end
  from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
union all
select 'constraint', n.nspname || '.' || c.relname || '.' || k.conname,
       pg_catalog.pg_get_constraintdef(k.oid)
  from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
union all
select 'trigger', n.nspname || '.' || c.relname || '.' || t.tgname, pg_catalog.pg_get_triggerdef(t.oid)
  from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where not t.tgisinternal
union all
select 'view', n.nspname || '.' || c.relname, pg_catalog.pg_get_viewdef(c.oid)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
union all
select 'function', n.nspname || '.' || p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')',
       coalesce(p.prosrc, '')
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where n.nspname not in ('pg_catalog', 'information_schema')
union all
select 'extension', e.extname, '' from pg_catalog.pg_extension e
"""


def read_structure(conn: psycopg.Connection[Any]) -> dict[str, str]:
    """Indexes, constraints, triggers, views, functions and extensions: name to digest of the definition."""
    return {
        f"{kind} {name}": hashlib.sha256(definition.encode()).hexdigest()
        for kind, name, definition in conn.execute(STRUCTURE_SQL.encode()).fetchall()
    }


def compare_structure(source: Mapping[str, str], target: Mapping[str, str], *, same_major: bool) -> list[str]:
    """What is wrong with the target's structure. Majors word definitions differently: then names alone count."""
    wrong = []
    for name in sorted(set(source) | set(target)):
        if name not in target:
            wrong.append(f"{name} is missing in the target")
        elif name not in source:
            wrong.append(f"{name} is only in the target")
        elif same_major and source[name] != target[name]:
            wrong.append(f"{name} is defined differently")
    return wrong
