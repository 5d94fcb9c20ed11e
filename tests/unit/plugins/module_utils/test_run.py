# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES
from ansible_collections.dfr.golive.plugins.module_utils._run import (
    Outcome,
    RunState,
    Status,
    compute,
    describe,
)


def records(*steps: str) -> list[dict[str, Any]]:
    """Records from a shorthand: ``<second> <session> <event> [<phase>] [key=value ...]``."""
    made = []
    for step in steps:
        second, session, event, *rest = step.split()
        details = dict(part.split("=") for part in rest if "=" in part)
        phase = next((part for part in rest if "=" not in part), "")
        run_id = details.pop("run", "demo-1")
        if event == "begin":
            details["gates"] = [{"name": "g", "verdict": "pass", "detail": "d", "remedy": ""}]  # type: ignore[assignment]
        made.append(
            {
                "time": f"2026-11-22T00:{int(second) // 60:02d}:{int(second) % 60:02d}.000000Z",
                "session": session,
                "event": event,
                "phase": phase,
                "run_id": run_id,
                **details,
            }
        )
    return made


def state(*steps: str, live: str = "") -> RunState:
    return compute(records(*steps), live)[-1]


def through(last: str, session: str = "a", start: int = 0) -> list[str]:
    """Begin and finish of all phases up to one, a second each."""
    steps = []
    for number, name in enumerate(NAMES[: NAMES.index(last) + 1]):
        steps += [
            f"{start + 2 * number} {session} begin {name}",
            f"{start + 2 * number + 1} {session} finish {name}",
        ]
    return steps


def test_no_record_no_run() -> None:
    assert compute([]) == []
    assert describe([], None) is None
    with pytest.raises(GoliveError, match="knows no run x"):
        describe([], None, "x")


@pytest.mark.parametrize(
    ("steps", "status", "attempts", "seconds"),
    [
        ([], Status.PENDING, 0, None),
        (["1 a begin preflight"], Status.INTERRUPTED, 1, None),
        (["1 a begin preflight", "2 b open"], Status.INTERRUPTED, 1, None),
        (["1 a begin preflight", "4 a finish preflight"], Status.SUCCEEDED, 1, 3),
        (["1 a begin preflight", "4 a fail preflight reason=no"], Status.FAILED, 1, 3),
        (["1 a refused preflight", "1 a fail preflight reason=no"], Status.FAILED, 1, 0),
        (["1 a fail preflight reason=no"], Status.FAILED, 1, 0),
        (["1 a fail preflight", "2 b open", "3 b fail preflight"], Status.FAILED, 2, 0),
        (
            ["1 a begin preflight", "2 a fail preflight", "3 b begin preflight", "5 b finish preflight"],
            Status.SUCCEEDED,
            2,
            2,
        ),
        (
            ["1 a begin preflight", "2 b open", "3 b begin preflight", "9 b finish preflight"],
            Status.SUCCEEDED,
            2,
            6,
        ),
        (
            ["1 a begin preflight", "2 a finish preflight", "3 b fail preflight recheck=1"],
            Status.SUCCEEDED,
            1,
            1,
        ),
        (["1 a begin preflight", "2 b undo_begin preflight"], Status.UNDO_FAILED, 1, None),
        (
            ["1 a begin preflight", "2 b undo_begin preflight", "3 b undo_fail preflight"],
            Status.UNDO_FAILED,
            1,
            None,
        ),
        (
            ["1 a begin preflight", "2 b undo_begin preflight", "3 b undo_finish preflight"],
            Status.UNDONE,
            1,
            None,
        ),
    ],
)
def test_a_phase(steps: list[str], status: Status, attempts: int, seconds: float | None) -> None:
    phase = state("0 a open", *steps).phase("preflight")
    assert (phase.status, phase.attempts, phase.seconds) == (status, attempts, seconds)


def test_running_and_undoing_while_the_session_lives() -> None:
    assert state("0 a open", "1 a begin preflight", live="a").phase("preflight").status is Status.RUNNING
    run = state("0 a open", "1 a begin preflight", "2 b open", "3 b undo_begin preflight", live="b")
    assert run.phase("preflight").status is Status.UNDOING


@pytest.mark.parametrize(
    ("steps", "outcome", "finished"),
    [
        ([], Outcome.OPEN, None),
        (["1 a stop outcome=stopped"], Outcome.STOPPED, "2026-11-22T00:00:01.000000Z"),
        (["1 a stop outcome=stopped", "2 b open"], Outcome.OPEN, None),
        (["1 a close outcome=live"], Outcome.LIVE, "2026-11-22T00:00:01.000000Z"),
        (["1 a close outcome=rolled_back"], Outcome.ROLLED_BACK, "2026-11-22T00:00:01.000000Z"),
    ],
)
def test_a_run(steps: list[str], outcome: Outcome, finished: str | None) -> None:
    run = state("0 a open", *steps)
    assert (run.outcome, run.finished) == (outcome, finished)


def test_several_runs() -> None:
    runs = compute(
        records("0 a open run=demo-1", "1 a close outcome=rolled_back", "2 b open run=demo-2 mode=rehearsal")
    )
    assert [(r.id, r.mode, r.outcome) for r in runs] == [
        ("demo-1", "live", Outcome.ROLLED_BACK),
        ("demo-2", "rehearsal", Outcome.OPEN),
    ]
    found = describe(records("0 a open run=demo-1", "2 b open run=demo-2"), None, "demo-1")
    assert found is not None
    assert found.id == "demo-1"


def test_what_is_done_and_what_is_to_undo() -> None:
    run = state("0 a open", *through("sync_data"), "9 a begin lock_config", "9 a fail lock_config")
    assert run.done == ["preflight", "freeze_legacy", "sync_data"]
    assert run.to_undo == ["lock_config", "sync_data", "freeze_legacy", "preflight"]
    assert run.reached is not None
    assert run.reached.name == "lock_config"
    assert not run.users_in
    assert not run.all_done
    refused = state("0 a open", *through("sync_data"), "9 a refused lock_config", "9 a fail lock_config")
    assert refused.to_undo == ["sync_data", "freeze_legacy", "preflight"]


def test_all_done() -> None:
    run = state("0 a open", *through("start_hypercare"))
    assert run.all_done
    assert run.reached is None
    assert run.users_in
    assert run.outcome is Outcome.OPEN


def test_the_window_and_its_split() -> None:
    window = state("0 a open", *through("start_hypercare")).window
    assert (window.opened, window.closed) == ("2026-11-22T00:00:02.000000Z", "2026-11-22T00:00:15.000000Z")
    assert (window.seconds, window.idle_seconds, window.human_seconds, window.closed_by) == (
        13,
        0,
        0,
        "enable_users",
    )
    assert [part["name"] for part in window.split] == list(NAMES[1:8])
    assert [part["seconds"] for part in window.split] == [1, 2, 2, 2, 2, 2, 2]


@pytest.mark.parametrize(
    "stopped",
    [
        ["5 a begin sync_data", "8 a fail sync_data", "8 a stop outcome=stopped"],
        ["5 a begin sync_data"],
        ["7 a refused sync_data", "7 a fail sync_data", "7 a stop outcome=stopped"],
    ],
)
def test_the_window_over_two_sessions_adds_up(stopped: list[str]) -> None:
    window = state(
        "0 a open",
        *through("freeze_legacy"),
        *stopped,
        "20 b open",
        "21 b begin sync_data",
        "25 b finish sync_data",
        *through("enable_users", "b", 30)[6:],
    ).window
    assert window.opened == "2026-11-22T00:00:02.000000Z"
    assert window.idle_seconds >= 12
    assert sum(part["seconds"] for part in window.split) + window.idle_seconds == window.seconds


def test_a_clock_that_was_ahead_until_the_first_stop_spoils_no_figure() -> None:
    run = state(
        "600 a open",
        "601 a refused preflight",
        "602 a fail preflight reason=clock",
        "603 a stop outcome=stopped",
        "10 b open",
        *through("start_hypercare", "b", 20),
        "60 b close outcome=live",
    )
    assert (run.window.opened, run.window.seconds) == ("2026-11-22T00:00:22.000000Z", 13)
    assert run.window.idle_seconds == 0
    assert (run.started, run.finished) == ("2026-11-22T00:00:10.000000Z", "2026-11-22T00:01:00.000000Z")


def test_people_are_counted_apart_from_the_machine() -> None:
    run = state(
        "0 a open",
        *through("sync_data"),
        "8 a hold_begin lock_config",
        "68 a hold_finish lock_config",
        "70 a begin lock_config",
        "71 a finish lock_config",
        *through("enable_users", "a", 80)[8:],
    )
    window, phase = run.window, run.phase("lock_config")
    assert (window.human_seconds, window.idle_seconds, phase.human_seconds) == (60, 0, 60)
    assert (phase.gate_seconds, phase.seconds) == (5, 1)
    assert sum(part["seconds"] for part in window.split) + window.human_seconds == window.seconds
    assert next(part["seconds"] for part in window.split if part["name"] == "lock_config") == 6


def test_a_hold_that_was_refused_counts_as_people_and_one_that_was_left_alone_as_nobody() -> None:
    run = state(
        "0 a open",
        *through("sync_data"),
        "8 a hold_begin lock_config",
        "28 a fail lock_config",
        "28 a stop outcome=stopped",
        "40 b open",
        "41 b hold_begin lock_config",
        "60 c open",
        "61 c hold_begin lock_config",
        "64 c hold_finish lock_config",
        "65 c begin lock_config",
    )
    assert run.phase("lock_config").human_seconds == 20 + 3
    assert (run.window.human_seconds, run.window.idle_seconds) == (23, 12 + 19)
    assert run.phase("lock_config").gate_seconds == 2


def test_the_window_of_a_rollback() -> None:
    run = state(
        "0 a open",
        *through("freeze_legacy"),
        "10 b open",
        "11 b undo_begin freeze_legacy",
        "14 b undo_finish freeze_legacy",
        "15 b undo_begin preflight",
    )
    assert (run.window.closed_by, run.window.seconds, run.window.idle_seconds) == ("rollback", 12, 7)
    assert run.window.split[-1] == {"name": "rollback", "seconds": 4}
    assert run.rollback_began
    assert run.to_undo == ["preflight"]


def test_a_window_that_is_open() -> None:
    assert state("0 a open").window.opened is None
    window = state("0 a open", *through("sync_data")).window
    assert (window.closed, window.seconds) == (None, None)


def test_the_last_failure() -> None:
    run = state(
        "0 a open",
        *through("preflight"),
        "3 a fail preflight reason=drift recheck=1",
        "4 a stop outcome=stopped",
    )
    assert run.failure is not None
    assert (run.failure["reason"], run.failure["recheck"]) == ("drift", True)
    assert run.done == ["preflight"]


def test_as_dict_is_plain() -> None:
    plain = state("0 a open", *through("sync_data")).as_dict()
    assert plain["outcome"] == "open"
    assert type(plain["outcome"]) is str
    assert plain["phases"][0]["status"] == "succeeded"
    assert type(plain["phases"][0]["status"]) is str


def test_the_seconds_of_the_gates() -> None:
    run = state(
        "0 a open", "7 a begin preflight", "8 a finish preflight", "50 b open", "53 b refused freeze_legacy"
    )
    assert (run.phase("preflight").gate_seconds, run.phase("freeze_legacy").gate_seconds) == (7, 3)
