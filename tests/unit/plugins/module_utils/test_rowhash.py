# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a row becomes 64 bits; what they tell apart is tested on servers, in tests/integration/test_replication.py."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _rowhash
from psycopg import sql


@pytest.mark.parametrize(
    ("kind", "expression"),
    [
        ("int4", '{}::pg_catalog."int4"'),
        ("char", '{}::pg_catalog."char"'),
        ("int8", 'pg_catalog.int8send({}::pg_catalog."int8")'),
        ("timestamptz", 'pg_catalog.timestamptz_send({}::pg_catalog."timestamptz")'),
        ("numeric", 'pg_catalog.numeric_send({}::pg_catalog."numeric")'),
        ("float8", 'pg_catalog.float8send({}::pg_catalog."float8")'),
        ("interval", 'pg_catalog.interval_send({}::pg_catalog."interval")'),
        ("varchar", '{}::pg_catalog.text collate "C"'),
        ("jsonb", "{}::pg_catalog.text"),
        ("json", "{}::pg_catalog.text"),
        ("_text", "{}::pg_catalog.text"),
        ("", "{}::pg_catalog.text"),  # a type of somebody's own
    ],
)
def test_column_expression(kind: str, expression: str) -> None:
    assert _rowhash.column_expression(kind) == expression


def hashed(algorithm: str, *kinds: str) -> str:
    columns = [(sql.Identifier(f"c{i}"), kind) for i, kind in enumerate(kinds, 1)]
    return str(_rowhash.row_hash(algorithm, columns).as_string(None))


def test_every_column_has_a_seed_and_a_null_of_its_own() -> None:
    said = hashed("record", "int4", "int4", "text")
    assert said == "pg_catalog.hashint4extended(0, {})".format(
        " # ".join(
            [
                'coalesce(pg_catalog.hashint4extended("c1"::pg_catalog.int4, 2), -1)',
                'coalesce(pg_catalog.hashint4extended("c2"::pg_catalog.int4, 4), -2)',
                'coalesce(pg_catalog.hashtextextended("c3"::pg_catalog.text collate "C", 6), -3)',
            ]
        )
    )


def test_no_column_is_left_out_and_what_equality_blurs_enters_by_its_binary_form() -> None:
    kinds = [*sorted(_rowhash.EXACT | _rowhash.STRINGS | set(_rowhash.BINARY)), "jsonb", "_text", ""]
    for algorithm, record in (("record", "hash_record_extended(row("), ("text", "hashtextextended(row(")):
        said = hashed(algorithm, *kinds)
        assert all(f'"c{i}"' in said for i in range(1, len(kinds) + 1))
        assert said.count(record) == 1
        for kind in ("timestamptz", "time", "timetz", "interval", "bpchar", "pg_lsn"):
            assert f"{kind}_send(" in said or f"{kind}send(" in said
        assert ("timestamp_send(" in said) == (algorithm == "text")  # date_bin came with PostgreSQL 14
    assert "hash_numeric" not in said


def test_a_table_without_columns_has_rows_too() -> None:
    assert "pg_catalog.hash_record_extended(row(), 0)" in hashed("record")


def test_a_boolean_is_one_of_three_constants_of_its_column() -> None:
    first, second = (hashed("record", *kinds) for kinds in (("bool",), ("int4", "bool")))
    numbers = [re.findall(r"then (-?\d+)", said) for said in (first, second)]
    assert all(len(set(found)) == 2 for found in numbers)
    assert not set(numbers[0]) & set(numbers[1])
    assert first.endswith("end, -1))")


def test_what_is_cut_off_a_timestamp_is_four_bytes() -> None:
    """The origin must be a multiple of 2^32 microseconds from 2000, where PostgreSQL counts from."""
    seconds = Decimal(_rowhash._STRIDE.split()[0])
    assert seconds * 1_000_000 == 1 << 32
    hour, minute, second = _rowhash._ORIGIN.split()[1].split(":")
    since_first = (int(hour) * 3600 + int(minute) * 60) * 1_000_000 + int(Decimal(second) * 1_000_000)
    first = -2_451_545 * 86_400 * 1_000_000  # 4714-11-24 BC, the first day that a timestamp can have
    assert (first + since_first) % (1 << 32) == 0
