# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _changes
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError

BEGIN = b"B" + struct.pack(">QqI", 100, 0, 7)


def relation(identity: bytes = b"f") -> bytes:
    columns = b"".join(b"\x01" + name + b"\0" + struct.pack(">Ii", 25, -1) for name in (b"id", b"name"))
    return b"R" + struct.pack(">I", 9) + b"public\0farmer\0" + identity + struct.pack(">h", 2) + columns


def row(*values: str | None) -> bytes:
    parts = [b"n" if v is None else b"t" + struct.pack(">i", len(v.encode())) + v.encode() for v in values]
    return struct.pack(">h", len(values)) + b"".join(parts)


def test_each_kind_of_write_is_read_with_what_was_before() -> None:
    oid = struct.pack(">I", 9)
    unchanged = struct.pack(">h", 2) + b"t" + struct.pack(">i", 1) + b"1" + b"u"
    found = list(
        _changes.decode(
            [
                BEGIN,
                relation(),
                b"I" + oid + b"N" + row("1", "Ana"),
                b"U" + oid + b"O" + row("1", "Ana") + b"N" + unchanged,
                b"D" + oid + b"O" + row("1", None),
                b"C",
            ]
        )
    )
    assert [(c.op, c.before, c.after) for c in found] == [
        ("insert", None, {"id": "1", "name": "Ana"}),
        ("update", {"id": "1", "name": "Ana"}, {"id": "1", "name": "Ana"}),
        ("delete", {"id": "1", "name": None}, None),
    ]
    assert {(c.position, c.xid, c.table) for c in found} == {(100, 7, "farmer")}


def test_a_truncated_table_and_a_missing_row_before_are_refused() -> None:
    with pytest.raises(GoliveError, match=r"emptied public\.farmer"):
        list(_changes.decode([BEGIN, relation(), b"T" + struct.pack(">IBI", 1, 0, 9)]))
    with pytest.raises(GoliveError, match="doesn't hold what the rows"):
        list(_changes.decode([BEGIN, relation(b"d"), b"U" + struct.pack(">I", 9) + b"N" + row("1", "x")]))


def test_an_unknown_message_is_never_skipped() -> None:
    with pytest.raises(ProbeError, match="unknown kind"):
        list(_changes.decode([b"Z"]))
    with pytest.raises(ProbeError, match="never described"):
        list(_changes.decode([BEGIN, b"I" + struct.pack(">I", 9) + b"N" + row("1", "x")]))
