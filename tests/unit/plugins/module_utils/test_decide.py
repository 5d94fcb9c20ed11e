# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._report import way
from ansible_collections.dfr.golive.plugins.module_utils._run import Outcome, RunState, compute
from night import GOLIVE, PASS, ROLLBACK, Night

SAID = {"reason": "p95 is 20 s", "approver": "the minister"}
BACK = replace(ROLLBACK, reverse="replication", **SAID)
FINALIZE = replace(GOLIVE, intent="finalize", **SAID)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


@pytest.fixture
def live(night: Night) -> Night:
    night.reverse = "replication"
    night.open()
    night.through("start_hypercare")
    night.event("close")
    return night


def state(night: Night) -> RunState:
    return compute(night.records)[-1]


def test_no_rollback_once_users_may_be_in(night: Night) -> None:
    night.open()
    night.through("switch_dns")
    night.event("begin", "enable_users")
    night.event("fail", "enable_users")
    with pytest.raises(GoliveError, match="enable_users began at") as caught:
        night.open(ROLLBACK)
    assert "run golive.yml again" in caught.value.remedy


def test_no_rollback_of_a_live_country_without_a_way_back(night: Night) -> None:
    night.open()
    night.through("start_hypercare")
    night.event("close")
    with pytest.raises(GoliveError, match="golive_reverse is none"):
        night.open(BACK)
    assert way(state(night), "") == []


@pytest.mark.parametrize("lacking", ["reason", "approver"])
def test_people_say_why_and_who_before_a_live_country_goes_back(live: Night, lacking: str) -> None:
    with pytest.raises(GoliveError, match=f"needs golive_{lacking}"):
        live.open(replace(BACK, **{lacking: " "}))
    assert state(live).outcome is Outcome.LIVE
    assert "golive_approver" in way(state(live), "")[0]


@pytest.mark.parametrize(
    ("prepared", "asked", "may"),
    [
        ("replication", "replication", True),
        ("replication", "pack", True),
        ("pack", "pack", True),
        ("pack", "replication", False),
        ("replication", "none", False),
    ],
)
def test_the_way_back_is_the_one_that_was_prepared(
    night: Night, prepared: str, asked: str, may: bool
) -> None:
    night.reverse = prepared
    night.open()
    night.through("start_hypercare")
    night.event("close")
    request = replace(BACK, reverse=asked)
    if may:
        assert night.open(request)["run"]["undo"][0] == "start_hypercare"
    else:
        with pytest.raises(GoliveError, match=f"was prepared as {prepared}"):
            night.open(request)


def test_what_came_back_is_in_the_journal_with_reason_and_approver(live: Night) -> None:
    assert "comes back by replication" in live.open(BACK)["summary"]
    live.event("undo_begin", "start_hypercare")
    live.event("undo_finish", "start_hypercare")
    live.event("undo_begin", "enable_users")
    live.event("undo_fail", "enable_users", reason="staging's server died")
    # Once it has begun, the same command goes on without being told why again.
    live.open(replace(BACK, reason="", approver=""))
    live.event("undo_begin", "enable_users")
    live.event("undo_finish", "enable_users", result={"writes": 7, "verdict": "equal"})
    told = state(live).rollback
    assert told.items() >= {"writes": 7, "verdict": "equal", "reverse": "replication", **SAID}.items()
    live.open(ROLLBACK)
    live.undo()
    assert live.event("close")["outcome"] == "rolled_back"


def test_a_way_back_that_is_refused_at_once_leaves_the_country_live(live: Night) -> None:
    live.open(BACK)
    live.event("note", reason="Somebody emptied dfr_plot (TRUNCATE).")
    assert live.event("close")["outcome"] == "live"
    assert state(live).outcome is Outcome.LIVE
    with pytest.raises(GoliveError, match="needs golive_reason and golive_approver"):
        live.open(replace(BACK, reason="", approver=""))


def test_closing_the_way_back(live: Night) -> None:
    before = state(live)
    with pytest.raises(GoliveError, match="is for ever and needs golive_reason and golive_approver"):
        live.open(replace(FINALIZE, reason="", approver=""))
    opened = live.open(FINALIZE)
    assert opened["run"]["undo"] == opened["run"]["plan"] == []
    live.event("finalize", result={"dropped": ["slot a"]}, **SAID)
    assert live.event("close")["outcome"] == "live"
    after = state(live)
    assert (after.outcome, after.finished) == (Outcome.LIVE, before.finished)
    assert after.finalized.items() >= SAID.items()
    assert live.records[-2]["gates"] == [PASS]

    again = live.open(FINALIZE)
    assert not again["changed"]
    assert again["run"]["session"] == ""
    assert "its way back was closed" in again["summary"]
    assert live.open()["run"]["plan"] == []
    with pytest.raises(GoliveError, match="the minister closed the way back at"):
        live.open(BACK)


def test_an_interrupted_closing_leaves_the_country_live(live: Night) -> None:
    live.open(FINALIZE)
    assert state(live).outcome is Outcome.LIVE
    assert not state(live).finalized
    assert live.open(FINALIZE)["changed"]
    live.event("lost", reason="gone")
    assert state(live).outcome is Outcome.LIVE


def test_nothing_to_close(night: Night) -> None:
    with pytest.raises(GoliveError, match="isn't live"):
        night.open(FINALIZE)
    night.open()
    night.through("switch_dns")
    night.event("close")
    with pytest.raises(GoliveError, match="isn't live"):
        night.open(FINALIZE)
