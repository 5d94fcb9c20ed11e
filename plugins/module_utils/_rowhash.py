# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""64 bits of a row, as an SQL expression, and the sum over them that stands for a table.

Each column is hashed to 64 bits under a seed of its own, the hashes are combined by XOR, and what comes of that is
hashed once more; nothing is allocated for the common types, which is why this takes less time than
``hash_record_extended`` of the bare row although it sees more:

* PostgreSQL's own hash functions serve equality, which is not sameness: they take numeric 1.0 for 1.00 and 1 for -1,
  -0.0 for 0.0, a month for thirty days, strings for each other that a collation takes for the same, and fold eight
  bytes of an integer or a timestamp into four, so that 0 and 4294967297 are one. A seed has eight bytes, and all of
  them count: an integer of eight bytes goes into its own seed, a timestamp's upper half into the seed for the rest;
  zero enters by its text, strings under the collation C, numbers of any precision by their text; what is left by its
  binary form, together, in one record;
* PostgreSQL's hash of a whole record adds up weighted columns, so that over many rows a value swapped between two of
  them would cancel out. A sum over XORs nearly does the same, hence the last hash: its seed takes all 64 bits, and no
  column's share can be told from what comes out.

Why two different tables have the same sum by chance only: for rows that differ in some column, the XORs differ but for
one case in 2^64, since each column's hash is as good as random and independent of the others'. The last hash makes of
different XORs numbers that have nothing to do with each other, so that sums over different sets of rows differ but for
about one case in 2^64 again. A sum counts a repeated row twice, where an XOR over rows would cancel it out. The count
of rows comes on top.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import require

# Types of PostgreSQL's own whose hash tells every two values apart, but for chance.
EXACT = frozenset(
    ["bool", "int2", "int4", "oid", "uuid", "char", "bytea", "date", "inet", "cidr", "macaddr", "macaddr8"]
)
# Strings: so does theirs, under a collation that doesn't take different ones for the same.
STRINGS = frozenset(["text", "varchar", "name"])
# Types whose hash doesn't, with their binary form, which is the value bit for bit in every database and version.
BINARY = {
    "int8": "int8send",
    "numeric": "numeric_send",
    "float4": "float4send",
    "float8": "float8send",
    "bpchar": "bpcharsend",
    "pg_lsn": "pg_lsn_send",
    "time": "time_send",
    "timetz": "timetz_send",
    "timestamp": "timestamp_send",
    "timestamptz": "timestamptz_send",
    "interval": "interval_send",
}

# What becomes of a zero, which floating point has two of: its text is hashed instead.
_FLOAT = (
    "pg_catalog.hashfloat{bytes}extended({{{{c}}}}::pg_catalog.float{bytes}, case when {{{{c}}}} = 0"
    ' then pg_catalog.hashtextextended({{{{c}}}}::pg_catalog.text collate "C", {{seed}})'
    " else {{seed}}::pg_catalog.int8 end)"
)
_HASHED = {
    "bool": "case when {{c}} then {yes} when not {{c}} then {no} end",
    "int2": "pg_catalog.hashint2extended({{c}}::pg_catalog.int2, {seed})",
    "int4": "pg_catalog.hashint4extended({{c}}::pg_catalog.int4, {seed})",
    "int8": "pg_catalog.hashint8extended({{c}}::pg_catalog.int8, {{c}}::pg_catalog.int8 # {seed}::pg_catalog.int8)",
    "oid": "pg_catalog.hashoidextended({{c}}::pg_catalog.oid, {seed})",
    "uuid": "pg_catalog.uuid_hash_extended({{c}}::pg_catalog.uuid, {seed})",
    "float4": _FLOAT.format(bytes=4),
    "float8": _FLOAT.format(bytes=8),
    "date": "case when pg_catalog.isfinite({{c}}::pg_catalog.date)"
    " then pg_catalog.hashint4extended(pg_catalog.date_mi({{c}}::pg_catalog.date, '2000-01-01'), {seed})"
    ' else pg_catalog.hashtextextended({{c}}::pg_catalog.text collate "C", {seed}) end',
}
# The upper half of a timestamp's microseconds since 2000: its lower half cut off. Counted from the first multiple of
# 2^32 that a timestamp can be, since servers differ in how they round what lies before the origin; what is too far from
# it to be counted, and what is infinite, enters by its text.
_STRIDE, _ORIGIN, _END = "4294.967296 s", "4714-11-24 00:53:22.37568 BC", "280000-01-01"
# The same for servers from PostgreSQL 14 on.
_HASHED_SINCE_14 = _HASHED | {
    "timestamp": f"case when {{{{c}}}}::pg_catalog.timestamp between '{_ORIGIN}' and '{_END}'"
    " then pg_catalog.timestamp_hash_extended({{c}}::pg_catalog.timestamp, pg_catalog.timestamp_hash_extended("
    f"pg_catalog.date_bin('{_STRIDE}', {{{{c}}}}::pg_catalog.timestamp, '{_ORIGIN}'), {{seed}}))"
    ' else pg_catalog.hashtextextended({{c}}::pg_catalog.text collate "C", {seed}) end',
}
_TEXT = 'pg_catalog.hashtextextended({{c}}::pg_catalog.text collate "C", {seed})'
# What goes into the one record, since no function takes it and a seed on every version.
_RECORD = (EXACT | set(BINARY)) - {"numeric"}


def column_expression(type_name: str) -> str:
    """How a column of this type enters a record: a template with one place for the column.

    The casts take a domain to its base type: in binary form a record names its columns' types by number, and a domain
    has another number in each database. Enums, arrays, JSON and types of somebody's own enter by their text: their
    binary form may differ between two databases that hold the same.
    """
    if type_name in EXACT:
        return f'{{}}::pg_catalog."{type_name}"'
    if type_name in BINARY:
        return f'pg_catalog.{BINARY[type_name]}({{}}::pg_catalog."{type_name}")'
    return '{}::pg_catalog.text collate "C"' if type_name in STRINGS else "{}::pg_catalog.text"


def row_hash(algorithm: str, columns: Sequence[tuple[Any, str]]) -> Any:
    """64 bits of a row.

    Args:
        algorithm: ``record`` where every server has hash_record_extended, else ``text``.
        columns: an identifier and the built-in base type of each ('' for other types), in the order of their names.
    """
    sql = require("psycopg.sql", "python3-psycopg")
    functions = _HASHED_SINCE_14 if algorithm == "record" else _HASHED
    parts, rest = [], []
    for number, (column, kind) in enumerate(columns, 1):
        if kind in _RECORD and kind not in functions:
            rest.append(sql.SQL(column_expression(kind)).format(column))
            continue
        hashed = functions.get(kind, _TEXT).format(
            seed=2 * number, yes=_constant(number, "yes"), no=_constant(number, "no")
        )
        parts.append(sql.SQL(f"coalesce({hashed}, {-number})").format(c=column))
    if rest or not parts:
        form = {
            "record": "pg_catalog.hash_record_extended(row({}), 0)",
            "text": 'pg_catalog.hashtextextended(row({})::pg_catalog.text collate "C", 0)',
        }[algorithm]
        parts.append(sql.SQL(form).format(sql.SQL(", ").join(rest)))
    return sql.SQL("pg_catalog.hashint4extended(0, {})").format(sql.SQL(" # ").join(parts))


def totals(hashed: Any) -> Any:
    """What is asked of a table: how many rows it has, and the sum of their hashes, a numeric that can't overflow."""
    sql = require("psycopg.sql", "python3-psycopg")
    return sql.SQL("count(*), coalesce(sum({}), 0)").format(hashed)


def _constant(number: int, value: str) -> int:
    """64 bits that stand for a value of the column of this number."""
    digest = hashlib.sha256(f"{number} {value}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
