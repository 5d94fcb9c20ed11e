# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._leftovers import Clearing
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin

SOURCE = PostgresLogin("source.example.org", 5433, "dfr_golive", "secret", "registry")


def gone() -> list[str]:
    raise ProbeError("Can't connect.", remedy="Check the host.")


def test_a_server_that_does_not_answer_keeps_nothing_of_the_other() -> None:
    clearing = Clearing()
    assert not clearing.attempt("the slots a and b", SOURCE, gone)
    assert clearing.attempt("the slot c", SOURCE.to("postgres"), lambda: ["slot c on the target"])
    assert clearing.dropped == ["slot c on the target"]
    with pytest.raises(
        GoliveError, match=r"Still there: the slots a and b on source\.example\.org:5433"
    ) as caught:
        clearing.refuse_pending()
    assert caught.value.returned["dropped"] == ["slot c on the target"]
    assert len(caught.value.returned["pending"]) == 1
    assert "Repeat the same call" in caught.value.remedy
    assert "secret" not in str(caught.value)


def test_nothing_pending_is_no_failure() -> None:
    clearing = Clearing()
    clearing.attempt("the slot", SOURCE, list)
    clearing.refuse_pending()


def test_a_defect_of_ours_is_not_taken_for_a_server_that_is_down() -> None:
    with pytest.raises(ZeroDivisionError):
        Clearing().attempt("the slot", SOURCE, lambda: [str(1 // 0)])
