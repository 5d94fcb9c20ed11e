# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""64 bits of a row, as an SQL expression, and the two sums over them that stand for a table.

Each column is hashed to 64 bits under a seed of its own and the hashes are combined by XOR; nothing is allocated for
the common types, which is why this takes no longer than ``hash_record_extended`` of the bare row although it sees more:

* PostgreSQL's own hash functions serve equality, which is not sameness: they take numeric 1.0 for 1.00 and 1 for -1,
  -0.0 for 0.0, a month for thirty days, strings for each other that a collation takes for the same, and fold eight
  bytes of an integer or a timestamp into four, so that 0 and 4294967297 are one. An integer of eight bytes enters a
  second time by its upper half, zero by its text, strings under the collation C, numbers of any precision by their
  text; timestamps and their like enter by their binary form, together, in one record;
* PostgreSQL's hash of a whole record adds up weighted columns, so that over many rows a value swapped between two of
  them would cancel out. Here a sum over XORs nearly does the same, hence the second sum: over a hash of the hash.

Why two different tables have the same two sums by chance only: for rows that differ in some column, the hashes differ
but for one case in 2^64, since each column's hash is as good as random and independent of the others'. The second hash
mixes all 64 bits, so that sums of different sets of hashes differ but for about one case in 2^64 again. A sum counts a
repeated row twice, where an XOR over rows would cancel it out. The count of rows comes on top.
"""

from __future__ import annotations

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

_HASHED = {
    "bool": "pg_catalog.hashint4extended({{c}}::pg_catalog.bool::pg_catalog.int4, {seed})",
    "int2": "pg_catalog.hashint2extended({{c}}::pg_catalog.int2, {seed})",
    "int4": "pg_catalog.hashint4extended({{c}}::pg_catalog.int4, {seed})",
    "int8": "pg_catalog.hashint8extended({{c}}::pg_catalog.int8, {seed})"
    " # pg_catalog.hashint4extended(({{c}}::pg_catalog.int8 >> 32)::pg_catalog.int4, {other})",
    "oid": "pg_catalog.hashoidextended({{c}}::pg_catalog.oid, {seed})",
    "uuid": "pg_catalog.uuid_hash_extended({{c}}::pg_catalog.uuid, {seed})",
    "float4": "pg_catalog.hashfloat4extended({{c}}::pg_catalog.float4, {seed})"
    " # case when {{c}} = 0 then pg_catalog.hashtext({{c}}::pg_catalog.text) else 0 end",
    "float8": "pg_catalog.hashfloat8extended({{c}}::pg_catalog.float8, {seed})"
    " # case when {{c}} = 0 then pg_catalog.hashtext({{c}}::pg_catalog.text) else 0 end",
}
_TEXT = 'pg_catalog.hashtextextended({{c}}::pg_catalog.text collate "C", {seed})'
# What goes into the one record, since no function takes it and a seed on every version.
_RECORD = (EXACT | set(BINARY)) - set(_HASHED) - {"numeric"}

# Two sums over ``h``, a row's hash; the second over a hash of it, half by half.
SUMS = (
    "coalesce(sum(h), 0)",
    (
        "coalesce(sum(pg_catalog.hashint4extended((h >> 32)::pg_catalog.int4, 7046029254386353131)"
        " # pg_catalog.hashint4extended(((h << 32) >> 32)::pg_catalog.int4, 2862933555777941757)), 0)"
    ),
)


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
    parts, rest = [], []
    for number, (column, kind) in enumerate(columns, 1):
        if kind in _RECORD:
            rest.append(sql.SQL(column_expression(kind)).format(column))
            continue
        hashed = _HASHED.get(kind, _TEXT).format(seed=2 * number, other=2 * number + 1)
        parts.append(sql.SQL(f"coalesce({hashed}, {-number})").format(c=column))
    if rest or not parts:
        form = {
            "record": "pg_catalog.hash_record_extended(row({}), 0)",
            "text": 'pg_catalog.hashtextextended(row({})::pg_catalog.text collate "C", 0)',
        }[algorithm]
        parts.append(sql.SQL(form).format(sql.SQL(", ").join(rest)))
    return sql.SQL(" # ").join(parts)
