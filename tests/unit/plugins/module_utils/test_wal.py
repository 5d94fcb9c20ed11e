# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking messages of the write-ahead log apart, without a database."""

from __future__ import annotations

import struct

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _wal
from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Column, Relation
from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError


def relation(*key: str, identity: str = "d", oid: int = 42) -> Relation:
    columns = (
        Column("a", 3, "int4", "pg_catalog.int4"),
        Column("id", 1, "int4", "pg_catalog.int4"),
        Column("tag", 2, "text", "pg_catalog.text"),
    )
    return Relation("public", "t", oid, columns, key, identity, "", "odoo", "p", 10, 8192)


def row(*values: str | None) -> bytes:
    parts = [struct.pack(">h", len(values))]
    parts += [
        b"n" if value is None else b"t" + struct.pack(">i", len(value.encode())) + value.encode()
        for value in values
    ]
    return b"".join(parts)


def test_positions_are_read_back_as_numbers() -> None:
    assert _wal.to_lsn("16/B374D848") == 0x16B374D848
    assert _wal.lsn_text(0x16B374D848) == "16/B374D848"


def test_a_row_is_read_with_its_end() -> None:
    message = b"xx" + row("1", None, "é") + b"rest"
    values, end = _wal.read_row(message, 2)
    assert values == ["1", None, "é"]
    assert message[end:] == b"rest"


def test_a_value_of_an_unknown_kind_is_no_guess() -> None:
    with pytest.raises(ProbeError, match="unknown kind"):
        _wal.read_row(struct.pack(">h", 1) + b"z", 0)


def test_an_update_of_the_key_gives_both_keys() -> None:
    message = b"U" + struct.pack(">I", 42) + b"K" + row("1", "old") + b"N" + row("2", "new")
    assert _wal.both_keys(message, {42: (1, 2)}) == [(42, ["1", "old"]), (42, ["2", "new"])]


def test_a_key_that_was_not_sent_again_is_the_old_one() -> None:
    unchanged = struct.pack(">h", 1) + b"u"
    message = b"U" + struct.pack(">I", 42) + b"K" + row("1") + b"N" + unchanged
    assert _wal.both_keys(message, {42: (1,)}) == [(42, ["1"]), (42, ["1"])]


def test_a_key_that_cannot_be_told_means_the_whole_table() -> None:
    message = b"U" + struct.pack(">I", 42) + b"O" + row(None) + b"N" + row("2")
    assert _wal.both_keys(message, {42: (1,)}) == [(42, []), (42, ["2"])]


@pytest.mark.parametrize(
    ("made", "lists", "expected"),
    [
        (relation("id"), True, (1,)),
        (relation("id", "tag"), True, (1, 2)),
        (relation("id", "tag"), False, (1, 2)),
        (relation("a"), True, (1,)),
        (relation("a"), False, (3,)),
        (relation("a", identity="f"), True, (3,)),
    ],
)
def test_where_the_key_stands_in_a_message(made: Relation, lists: bool, expected: tuple[int, ...]) -> None:
    assert _wal.positions(made, column_lists=lists) == expected


def test_what_copy_and_arrays_would_misread_is_escaped() -> None:
    assert _wal.copy_escape("a\tb\\c\nd\re") == "a\\tb\\\\c\\nd\\re"
    assert _wal.array_literal(['a"b', "c\\d", ""]) == '{"a\\"b","c\\\\d",""}'


def test_the_query_knows_every_table_by_its_shape() -> None:
    query = _wal.touched_query(
        [relation("id", oid=1), relation("id", "tag", oid=2), relation(oid=3)], column_lists=True
    )
    assert query.count("%s") == 4
    assert "array[3]" in query
    assert "array[1]" in query
    assert "array[2]" in query
