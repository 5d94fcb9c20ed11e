# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of big tables, from server to server through a pipe of two ``psql``."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation
from ansible_collections.dfr.golive.plugins.module_utils._errors import require
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import Crew
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin, connect
from ansible_collections.dfr.golive.plugins.module_utils._replication import Pair

if TYPE_CHECKING:
    import psycopg

# Below this a table comes with the dump: two processes for each would cost more than its rows.
BIG_BYTES = 16 << 20
PAGES_PER_PIECE = 8192
# How full the copy's pages are made, in percent.
FILLED = 90
# Types whose binary form is the same in every database and version. Others (composites, enums in arrays, names of
# objects, types of extensions) carry numbers of their own database and go as text.
SAFE = frozenset(
    [
        *[
            "bool",
            "int2",
            "int4",
            "int8",
            "float4",
            "float8",
            "numeric",
            "text",
            "varchar",
            "bpchar",
            "name",
            "char",
        ],
        *["bytea", "date", "time", "timetz", "timestamp", "timestamptz", "interval", "uuid", "inet", "cidr"],
        *["macaddr", "macaddr8", "json", "jsonb", "bit", "varbit", "point", "box", "tsvector"],
    ]
)
SPEAK = {
    "datestyle": "ISO,YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "3",
    "timezone": "UTC",
    "search_path": "",
    "row_security": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}


@dataclass(frozen=True)
class Piece:
    """A big table, or a range of its pages; the last range is open."""

    relation: Relation
    first: int | None = None
    end: int | None = None

    @property
    def form(self) -> str:
        kinds = [c.kind.removeprefix("_") for c in self.relation.columns]
        return "binary" if all(kind in SAFE for kind in kinds) else "text"


def cut(conn: psycopg.Connection[Any], relations: Sequence[Relation], jobs: int) -> list[Piece]:
    """The big tables, biggest first; in pieces where one alone would keep the others waiting.

    Two copies into the same table get in each other's way, and before PostgreSQL 14 a range of pages is a scan of all.
    """
    big = sorted((r for r in relations if r.bytes >= BIG_BYTES), key=lambda r: -r.bytes)
    share = 1.5 * sum(r.pages for r in big) / max(1, jobs)
    found = []
    for relation in big:
        count = relation.pages
        if jobs < 2 or conn.info.server_version < 140000 or count <= max(share, PAGES_PER_PIECE):
            found.append(Piece(relation))
            continue
        starts = list(range(0, count, max(PAGES_PER_PIECE, count // (2 * jobs))))
        found += [Piece(relation, first, end) for first, end in itertools.pairwise(starts)]
        found.append(Piece(relation, starts[-1]))
    return found


def tables_without_fillfactor(
    source: psycopg.Connection[Any], relations: Sequence[Relation]
) -> list[tuple[str, str]]:
    """Schema and name of those tables whose definition doesn't say how full their pages shall be."""
    told = {
        (row[0], row[1])
        for row in source.execute(
            "select n.nspname::text, c.relname::text from pg_catalog.pg_class c"
            " join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
            " where exists (select from unnest(c.reloptions) o where o like 'fillfactor=%')"
        ).fetchall()
    }
    return [(r.schema, r.name) for r in relations if (r.schema, r.name) not in told]


def leave_room(pair: Pair, tables: Iterable[Sequence[str]]) -> None:
    """Let rows that come into these tables leave room on each page, until `forget_room`.

    A row that is updated in the copy then stays on its page and no index has to be told (a heap-only tuple). In full
    tables each update writes to a page of every index, which one depends on the size of the registry, and after a
    checkpoint the log takes the whole of each: that is what the drain of the night would wait for.
    """
    sql = require("psycopg.sql", "python3-psycopg")
    _alter(pair, tables, sql.SQL("set (fillfactor = {})").format(sql.Literal(FILLED)))


def forget_room(pair: Pair, tables: Iterable[Sequence[str]]) -> None:
    """Give the tables the definitions back that they have in the source."""
    sql = require("psycopg.sql", "python3-psycopg")
    _alter(pair, tables, sql.SQL("reset (fillfactor)"))


def _alter(pair: Pair, tables: Iterable[Sequence[str]], clause: Any) -> None:
    sql = require("psycopg.sql", "python3-psycopg")
    with connect(pair.target, autocommit=True) as conn:
        for table in tables:
            conn.execute(sql.SQL("alter table only {} {}").format(sql.Identifier(*table), clause))


def stream_piece(crew: Crew, pair: Pair, piece: Piece, snapshot: str, encoding: str) -> None:
    """Copy rows from the source's server to the target's.

    Raises:
        GoliveError: either side failed; the target then has nothing of this piece.
    """
    sql = require("psycopg.sql", "python3-psycopg")
    with connect(pair.target) as conn:  # identifiers are quoted by the library, which wants a connection
        insertable = [
            row[0]
            for row in conn.execute(
                "select attname from pg_catalog.pg_attribute where attrelid = format('%%I.%%I', %s::text, %s::text)"
                "::regclass and attnum > 0 and not attisdropped and attgenerated = '' order by attnum",
                (piece.relation.schema, piece.relation.name),
            ).fetchall()
        ]
        columns = sql.SQL(", ").join(sql.Identifier(name) for name in insertable)
        table = piece.relation.identifier()
        form = sql.SQL(f"(format {piece.form})")
        out = sql.SQL("copy {} ({}) to stdout {}").format(table, columns, form)
        if piece.first is not None:
            where = sql.SQL(" where ctid >= {}::pg_catalog.tid").format(sql.Literal(f"({piece.first},0)"))
            if piece.end is not None:
                where += sql.SQL(" and ctid < {}::pg_catalog.tid").format(sql.Literal(f"({piece.end},0)"))
            out = sql.SQL("copy (select {} from only {}{}) to stdout {}").format(columns, table, where, form)
        into = sql.SQL("copy {} ({}) from stdin {}").format(table, columns, form)
        begin = sql.SQL(
            "begin isolation level repeatable read, read only; set transaction snapshot {}"
        ).format(sql.Literal(snapshot))
        statements = [statement.as_string(conn) for statement in (begin, out, into)]
    psql = ["psql", "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
    crew.pipe(
        [*psql, f"--command={statements[0]}", f"--command={statements[1]}"],
        [*psql, f"--command={statements[2]}"],
        what=f"Copying {piece.relation.label}",
        env_first=_environment(pair.source, encoding),
        env_second=_environment(pair.target, encoding, ("synchronous_commit", "off")),
    )


def _environment(login: PostgresLogin, encoding: str, *more: tuple[str, str]) -> dict[str, str]:
    options = " ".join(f"-c {name}={value}" for name, value in (*SPEAK.items(), *more))
    return {**login.libpq_environment(), "PGCLIENTENCODING": encoding, "PGOPTIONS": options}
