# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _timeline


def record(second: int, event: str, phase: str = "", session: str = "a") -> dict[str, Any]:
    return {
        "time": f"2026-11-22T00:00:{second:02d}.000000Z",
        "event": event,
        "phase": phase,
        "session": session,
    }


def told(*records: dict[str, Any]) -> list[tuple[str, str, float]]:
    return [(span.kind, span.phase, span.seconds) for span in _timeline.spans(records)]


def test_nothing_happened() -> None:
    assert told() == []
    assert told(record(0, "open")) == []


def test_gates_and_work_follow_each_other_without_a_gap() -> None:
    assert told(
        record(0, "open"),
        record(3, "begin", "preflight"),
        record(5, "finish", "preflight"),
        record(6, "begin", "freeze_legacy"),
        record(10, "fail", "freeze_legacy"),
        record(11, "stop"),
    ) == [
        ("gates", "preflight", 3.0),
        ("work", "preflight", 2.0),
        ("gates", "freeze_legacy", 1.0),
        ("failed", "freeze_legacy", 4.0),
    ]


def test_between_two_sessions_people_have_the_time() -> None:
    assert told(
        record(0, "open"),
        record(2, "begin", "preflight"),
        record(3, "finish", "preflight"),
        record(4, "close"),
        record(30, "open", session="b"),
        record(31, "refused", "freeze_legacy", "b"),
        record(32, "undo_begin", "preflight", "b"),
        record(35, "undo_finish", "preflight", "b"),
    )[2:] == [
        ("idle", "", 26.0),
        ("refused", "freeze_legacy", 1.0),
        ("undo", "preflight", 1.0),
        ("undo", "preflight", 3.0),
    ]


def test_a_session_that_vanished_leaves_its_time_to_people() -> None:
    found = _timeline.as_dicts(
        [record(0, "open"), record(1, "begin", "preflight"), record(9, "open", session="b")]
    )
    assert found[-1] == {
        "kind": "idle",
        "phase": "",
        "begin": "2026-11-22T00:00:01.000000Z",
        "end": "2026-11-22T00:00:09.000000Z",
        "seconds": 8.0,
    }


def test_a_phase_that_holds_waits_for_people() -> None:
    assert told(
        record(0, "open"),
        record(2, "hold_begin", "switch_dns"),
        record(30, "hold_finish", "switch_dns"),
        record(31, "begin", "switch_dns"),
        record(33, "finish", "switch_dns"),
    ) == [
        ("gates", "switch_dns", 2.0),
        ("human", "switch_dns", 28.0),
        ("gates", "switch_dns", 1.0),
        ("work", "switch_dns", 2.0),
    ]
