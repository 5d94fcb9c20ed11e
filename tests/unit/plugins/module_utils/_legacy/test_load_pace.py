# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_pace import CALL_SECONDS, FIRST, Pace


@pytest.mark.parametrize(
    ("rows", "seconds", "then"),
    [
        (1000, 0.25, 2000),  # fast: twice as many, not all at once
        (1000, 0.0, 2000),
        (1000, CALL_SECONDS, 1000),
        (1000, 4.0, 500),
        (1000, 100.0, 20),
        (2, 300.0, 1),
        (1500, 2.4, 1250),
        (400, 0.1, 1000),  # the rest of a table says nothing
        (400, 8.0, 100),  # unless it was slow
    ],
)
def test_the_next_call_fits_what_the_last_one_took(rows: int, seconds: float, then: int) -> None:
    pace = Pace(4000)
    pace.learn(rows, seconds)
    assert pace.rows == then


def test_it_never_takes_more_than_it_may() -> None:
    pace = Pace(4000)
    assert pace.rows == FIRST
    for _call in range(5):
        pace.learn(pace.rows, 0.01)
    assert pace.rows == 4000
    assert Pace(8).rows == 8


def test_it_finds_back_after_a_slow_call() -> None:
    pace = Pace(4000)
    pace.learn(1000, 1000.0)
    assert pace.rows == 2
    while pace.rows < 4000:
        before = pace.rows
        pace.learn(pace.rows, pace.rows / 4000)
        assert pace.rows == min(4000, 2 * before)
