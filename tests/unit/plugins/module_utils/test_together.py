# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._together import together


def test_results_come_in_the_order_of_the_jobs_and_the_jobs_run_at_the_same_time() -> None:
    met = threading.Barrier(2, timeout=10)

    def job(name: str) -> str:
        met.wait()
        return name

    assert together(lambda: job("a"), lambda: job("b")) == ["a", "b"]


def test_the_first_failure_is_raised_once_all_have_ended() -> None:
    ended = []

    def fails(name: str) -> None:
        ended.append(name)
        raise ValueError(name)

    with pytest.raises(ValueError, match="a"):
        together(lambda: fails("a"), lambda: fails("b"), lambda: ended.append("c"))
    assert sorted(ended) == ["a", "b", "c"]
