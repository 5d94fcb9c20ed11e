# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _digest
from ansible_collections.dfr.golive.plugins.module_utils._digest import Digest, SequenceState, Table
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError


def digest(rows: int = 3, summed: int = 7, columns: tuple[str, ...] = ("a", "b")) -> Digest:
    return Digest(rows, summed, columns)


def test_a_digest_is_64_bits_of_hex_whatever_the_sign() -> None:
    assert digest(summed=-1).hex == "f" * 16
    assert digest(summed=(1 << 64) + 1).hex == "0" * 15 + "1"


def test_pieces_of_a_table_add_up_in_any_order() -> None:
    whole = digest(0, 0).plus(2, 10).plus(1, -3)
    assert whole == digest(0, 0).plus(1, -3).plus(2, 10) == digest()


@pytest.mark.parametrize(
    ("source", "target", "verdict"),
    [
        (digest(), digest(), "equal"),
        (digest(), digest(rows=4), "different"),
        (digest(), digest(summed=8), "different"),
        (digest(), digest(columns=("a", "c")), "columns"),
        (digest(), None, "missing"),
        (None, digest(), "extra"),
    ],
)
def test_compare(source: Digest | None, target: Digest | None, verdict: str) -> None:
    left = {} if source is None else {"t": source}
    right = {} if target is None else {"t": target}
    (found,) = _digest.compare(left, right)
    assert found.verdict == verdict
    assert found.good == (verdict == "equal")


def test_a_difference_is_refused_with_rows_and_digests_of_both_sides() -> None:
    found = _digest.compare({"t": digest(), "u": digest()}, {"t": digest(rows=2), "u": digest()})
    with pytest.raises(GoliveError) as caught:
        _digest.refuse_differences(found, "here", "there")
    sentence = caught.value.sentence
    assert "1 of 2 tables differ between here and there" in sentence
    assert "3 rows" in sentence
    assert "2 rows" in sentence
    assert digest().hex in sentence
    assert "u is" not in sentence


def test_comparing_nothing_is_no_proof() -> None:
    with pytest.raises(ProbeError, match="Nothing was compared"):
        _digest.refuse_differences([], "here", "there")


@pytest.mark.parametrize(
    ("pages", "algorithm", "expected"),
    [
        (10, "record", [None]),
        (8192, "record", [None]),
        (20000, "record", [(0, 8192), (8192, 16384), (16384, None)]),
        (20000, "text", [None]),
    ],
)
def test_pieces_cover_every_page_once(pages: int, algorithm: str, expected: list[Any]) -> None:
    assert _digest.pieces(Table("public", "t", (), pages), algorithm) == expected


def test_a_table_is_cut_only_where_one_connection_would_keep_the_others_waiting() -> None:
    share = _digest.fair_share(40000, 2)
    assert _digest.pieces(Table("public", "t", (), 20000), "record", share) == [None]
    assert len(_digest.pieces(Table("public", "t", (), 30000), "record", share)) == 4
    alone = _digest.fair_share(40000, 1)
    assert _digest.pieces(Table("public", "t", (), 40000), "record", alone) == [None]


@pytest.mark.parametrize(("pages", "connections"), [(0, 1), (8191, 1), (8192, 2), (40000, 4)])
def test_a_connection_is_made_where_it_has_enough_to_read(pages: int, connections: int) -> None:
    assert _digest.worthwhile(pages, 4) == connections


@pytest.mark.parametrize(
    ("versions", "algorithm"), [((170000, 140001), "record"), ((130012, 170000), "text")]
)
def test_both_sides_hash_alike(versions: tuple[int, ...], algorithm: str) -> None:
    assert _digest.algorithm_for(*versions) == algorithm


def sequence(
    last: int = 10, *, called: bool = True, greatest: int | None = 10, increment: int = 1
) -> SequenceState:
    return SequenceState("public", "t_id_seq", last, called, increment, greatest)


@pytest.mark.parametrize(
    ("state", "safe"),
    [
        (sequence(), True),
        (sequence(9), False),
        (sequence(9, greatest=None), True),
        (sequence(10, called=False), False),
        (sequence(11, called=False), True),
        (sequence(-5, increment=-1), True),
        (sequence(1, called=False, greatest=0), True),
    ],
)
def test_a_sequence_is_safe_when_its_next_value_is_free(state: SequenceState, safe: bool) -> None:
    assert state.safe is safe


@pytest.mark.parametrize(
    ("source", "target", "wrong"),
    [
        (sequence(), sequence(), ""),
        (sequence(12), sequence(11), "stands at 11 instead of 12"),
        (sequence(11), sequence(11, called=False), "stands at"),
        (sequence(9), sequence(10), ""),  # raised above an existing key
        (sequence(9), sequence(9), "but key 10 exists"),
    ],
)
def test_compare_sequences(source: SequenceState, target: SequenceState, wrong: str) -> None:
    found = _digest.compare_sequences({"s": source}, {"s": target})
    assert bool(found) == bool(wrong)
    assert wrong in "".join(found)


def test_compare_sequences_names_what_is_on_one_side_only() -> None:
    found = _digest.compare_sequences({"a": sequence()}, {"b": sequence()})
    assert found == ["a is missing in the target", "b is only in the target"]


def test_compare_structure() -> None:
    source = {"index i": "1", "view v": "2", "trigger t": "3"}
    target = {"index i": "1", "view v": "other", "function f()": "4"}
    assert _digest.compare_structure(source, target, same_major=True) == [
        "function f() is only in the target",
        "trigger t is missing in the target",
        "view v is defined differently",
    ]
    assert len(_digest.compare_structure(source, target, same_major=False)) == 2


def test_names_people_know() -> None:
    assert _digest.label("public", "farmer") == "farmer"
    assert _digest.label("extra", "farmer") == "extra.farmer"
