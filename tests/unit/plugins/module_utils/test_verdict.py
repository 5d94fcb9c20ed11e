# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._verdict import Difference, Verdict


def changed(number: int) -> Difference:
    return Difference(
        "farmer", f"id={number}", "changed", {"name": ("aa", "bb")}, "(0,1)", "(0,2)", (str(number),)
    )


def test_equal_tables_are_not_accused() -> None:
    Verdict(compared={"farmer": 3}).refuse("here", "there")


def test_a_difference_is_named_by_key_and_column_and_tables_have_verdicts() -> None:
    verdict = Verdict(compared={"farmer": 20, "plot": 5}, differences=[changed(n) for n in range(12)])
    with pytest.raises(GoliveError, match="12 rows differ between here and there") as caught:
        verdict.refuse("here", "there")
    assert "farmer id=0 is changed in name" in str(caught.value)
    assert "and 2 more" in str(caught.value)
    assert caught.value.returned["verdicts"] == {"farmer": "different", "plot": "equal"}
    assert len(caught.value.returned["differences"]) == 12


def test_a_difference_that_could_not_be_named_is_refused_all_the_same() -> None:
    with pytest.raises(GoliveError, match="0 or more rows differ"):
        Verdict(whole={"visits": 2}, more=["visits"]).refuse("here", "there")


def test_no_value_leaves_the_process() -> None:
    said = json.dumps(Difference("farmer", "national_id=#ab", "missing", raw=("NID-4711",)).as_dict())
    assert "4711" not in said
