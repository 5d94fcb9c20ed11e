# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of given keys, compared key by key on both sides inside the databases; what differs is named by column."""
# ruff: noqa: S608 - identifiers are composed by psycopg.sql; f-strings put in our own constants and catalogue types

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation
from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError, require
from ansible_collections.dfr.golive.plugins.module_utils._verdict import Difference

if TYPE_CHECKING:
    import psycopg


# Keys of these types say nothing about a person; others are shown as a digest, with the row's place.
HARMLESS = frozenset(["int2", "int4", "int8", "oid", "uuid"])
NAMED = 10_000
SEEDS = (0, 7046029254386353131)


class Sides:
    """A reading connection to each side, and how they hash."""

    def __init__(
        self, source: psycopg.Connection[Any], target: psycopg.Connection[Any], algorithm: str, salt: str
    ) -> None:
        self.source, self.target, self.algorithm, self.salt = source, target, algorithm, salt


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


def two_hashes(algorithm: str) -> str:
    return {
        "record": "pg_catalog.hash_record_extended(row(b), {0}) as h0,"
        " pg_catalog.hash_record_extended(row(b), {1}) as h1",
        "text": "pg_catalog.hashtextextended(b, {0}) as h0, pg_catalog.hashtextextended(b, {1}) as h1",
    }[algorithm].format(*SEEDS)


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
    query = rows_query(relation, algorithm, BATCH_SELECT.format(hashes=two_hashes(algorithm)))
    rows, digest = one(conn, query + closed(), keys)
    return int(rows), str(digest)


def closed(more: str = "") -> Any:
    return require("psycopg.sql", "python3-psycopg").SQL(f") s{more}")


def batch_sum(
    conn: psycopg.Connection[Any], relation: Relation, algorithm: str, keys: list[str]
) -> list[int]:
    """Count and sum, exactly as `_digest` sums whole tables, of the rows of these keys."""
    query = rows_query(
        relation, algorithm, "select count(b), coalesce(sum(b), 0) from (select b", hashed=True
    )
    return [int(value) for value in one(conn, query + closed(), keys)]


def one(conn: psycopg.Connection[Any], query: Any, params: Sequence[Any] | None = None) -> tuple[Any, ...]:
    rows = conn.execute(query, params).fetchall()
    if len(rows) != 1:
        raise ProbeError(f"Expected one row, got {len(rows)}, from {conn.info.dbname}.")
    return tuple(rows[0])


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
                    f" from (select n, b, {two_hashes(sides.algorithm)}",
                )
                + closed(" group by n"),
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
