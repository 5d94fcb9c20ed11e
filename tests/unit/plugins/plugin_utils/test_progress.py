# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES
from ansible_collections.dfr.golive.plugins.plugin_utils._progress import Course, Narrator, stage_of

JOURNAL = "dfr.golive.journal"
FREEZE = "(2/9) FREEZE LEGACY: no new record"
USERS = "(8/9) ENABLE USERS: the door opens"


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def narrator(clock: Clock) -> Narrator:
    return Narrator(clock, lambda: 0.0, 100)


def said(lines: list[Any]) -> str:
    return "\n".join(line.text for line in lines)


def opened(narrator: Narrator, **run: Any) -> None:
    narrator.ok("dfr.golive.run_open", "ops", {"run": {"plan": ["freeze_legacy", "enable_users"], **run}})


@pytest.mark.parametrize(
    ("play", "phase", "heading"),
    [
        ("(2/9) FREEZE LEGACY: no new record", "freeze_legacy", "(2/9) FREEZE LEGACY"),
        ("(UNDO 2/9) FREEZE LEGACY: lift the fence", "", "(UNDO 2/9) FREEZE LEGACY"),
        ("PREPARE (1/6): read the country", "", "PREPARE (1/6)"),
        ("OPEN THE RUN: read the country, take the lock", "", "OPEN THE RUN"),
    ],
)
def test_our_plays_are_recognised(play: str, phase: str, heading: str) -> None:
    stage = stage_of(play)
    assert stage is not None
    assert (stage.phase, stage.heading) == (phase, heading)


def test_another_play_is_left_as_it_is(narrator: Narrator) -> None:
    assert stage_of("Install nginx") is None
    narrator.play("Install nginx")
    narrator.task("Copy")
    assert "\nInstall nginx\n" in said(narrator.ok("copy", "a", {}))


def test_a_play_without_a_step_says_nothing(narrator: Narrator) -> None:
    narrator.play(FREEZE)
    assert narrator.ok("ansible.builtin.set_fact", "a", {}) == []
    narrator.play(USERS)
    narrator.task("Open the door")
    text = said(narrator.ok("x", "a", {"changed": True}))
    assert "ENABLE USERS" in text
    assert "FREEZE" not in text


def test_a_step_takes_one_line_with_its_seconds(narrator: Narrator, clock: Clock) -> None:
    narrator.play(FREEZE)
    narrator.task("Raise the fence")
    narrator.host("ops")
    clock.at += 1.5
    line = narrator.ok("x", "legacy", {"changed": True})[-1]
    assert line.kind == "changed"
    assert line.text.startswith("  changed  Raise the fence ")
    assert line.text.endswith(" 1.5 s")
    assert len(line.text) == 100


def test_hosts_are_named_where_there_are_several(narrator: Narrator) -> None:
    narrator.task("Look")
    for host in ("a", "b"):
        narrator.host(host)
    assert "Look [b]" in said(narrator.ok("x", "b", {}))


def test_gates_are_counted_and_the_others_shown(narrator: Narrator) -> None:
    gates = [
        {"name": "wal_level", "verdict": "pass", "detail": "logical"},
        {"name": "slots", "verdict": "fail", "detail": "none is free; " + "raise max_replication_slots " * 5},
        {"name": "lag", "verdict": "unknown", "detail": ""},
    ]
    narrator.task("May we")
    lines = narrator.ok("x", "a", {"results": [{"gates": gates[:1]}, {"gates": gates[1:]}]})
    text = said(lines)
    assert "May we: 1 of 3 pass" in text
    assert "wal_level" not in text
    assert {line.kind for line in lines[-2:]} == {"error"}
    assert "fail     slots  none is free" in text
    assert "unknown  lag" in text
    assert all(len(line.text) <= 100 for line in lines)


def test_the_clocks_of_a_phase(narrator: Narrator, clock: Clock) -> None:
    opened(narrator, expected={"freeze_legacy": 3.0, "enable_users": 4.0}, done=[])
    narrator.course.done = frozenset(
        {"sync_data", "lock_config", "check_health", "backup_database", "switch_dns"}
    )
    narrator.play(FREEZE)
    narrator.task("Raise the fence")
    assert "usually 3.0 s" in said(narrator.ok("x", "a", {}))
    narrator.ok(JOURNAL, "a", {"event": "begin", "phase": "freeze_legacy"})
    clock.at += 2
    narrator.task("Let the canary sing")
    assert "freeze window 2.0 s; door opens at about" in narrator.waiting()
    text = said(narrator.ok(JOURNAL, "a", {"event": "finish", "phase": "freeze_legacy"}))
    assert "freeze_legacy done in 2.0 s (usually 3.0 s); freeze window 2.0 s; door opens at about" in text
    narrator.play(USERS)
    clock.at += 5
    text = said(narrator.ok(JOURNAL, "a", {"event": "finish", "phase": "enable_users"}))
    assert text.endswith("the door is open; the freeze window was 7.0 s")
    assert "freeze window" not in narrator.waiting()


def test_a_window_that_an_earlier_session_opened_goes_on(narrator: Narrator) -> None:
    opened(narrator, window_open_seconds=60.0)
    narrator.play(USERS)
    narrator.task("Open the door")
    assert "freeze window 60.0 s" in narrator.waiting()


def test_no_moment_is_projected_without_earlier_runs() -> None:
    course = Course(expected={"freeze_legacy": 3.0})
    assert course.left("freeze_legacy", 1.0) is None
    course = Course(expected={"switch_dns": 2.0, "enable_users": 4.0})
    assert course.left("switch_dns", 0.5) == 5.5
    assert course.left("switch_dns", 9.0) == 4.0
    assert Course(expected=course.expected, plan=("preflight",)).left("switch_dns", 0.0) is None


def test_what_is_waited_for(narrator: Narrator, clock: Clock) -> None:
    assert narrator.waiting() == ""
    narrator.task("Wait for the resolvers")
    narrator.retry(3, 60)
    clock.at += 12
    assert narrator.waiting() == "Wait for the resolvers, 12.0 s; look 3 of 60"


def test_a_failure_keeps_names_whole(narrator: Narrator) -> None:
    narrator.play(FREEZE)
    narrator.task("Raise the fence")
    name = "golive_legacy." + "x" * 120
    lines = narrator.failed("dfr.golive.fence", "legacy", f"Set the variable {name} first.")
    assert [line.kind for line in lines[-2:]] == ["error", "error"]
    assert name in said(lines)


def test_a_failure_without_a_reason_says_where_to_look(narrator: Narrator) -> None:
    narrator.task("Raise the fence")
    assert "run again with -v" in said(narrator.failed("x", "a", " "))


def test_the_sentence_that_stops_the_run_stands_alone(narrator: Narrator) -> None:
    lines = narrator.failed(
        "ansible.builtin.fail", "a", "freeze_legacy stopped: no.\n\nGo back:  rollback.yml"
    )
    assert "FAILED" not in said(lines)
    assert "Go back:  rollback.yml" in said(lines)


def test_an_unreachable_host(narrator: Narrator) -> None:
    narrator.task("Look")
    assert "UNREACHABLE Look" in said(narrator.unreachable("legacy", "no route to host"))


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        ("one\ntwo", ["one", "two"]),
        (["one", 2], ["one", "2"]),
        ({"copied": 3, "why": "", "seconds": {}}, ["copied: 3"]),
    ],
)
def test_what_a_playbook_says(narrator: Narrator, message: Any, lines: list[str]) -> None:
    said_lines = narrator.ok("ansible.builtin.debug", "a", {"msg": message})
    assert [line.text.strip() for line in said_lines] == lines


NIGHT = {
    "door": "1970-01-01T00:05:00.000000Z",
    "last_safe": "1970-01-01T01:00:00.000000Z",
    "timezone": "Pacific/Kiritimati",
}


def projected(narrator: Narrator, seconds: float, clock: dict[str, Any]) -> str:
    done = NAMES[2:7]
    opened(narrator, expected={"freeze_legacy": 10.0, "enable_users": seconds - 10.0}, done=done, clock=clock)
    narrator.play(FREEZE)
    narrator.task("Raise the fence")
    return narrator.waiting()


@pytest.mark.parametrize(
    ("seconds", "said_of_it"),
    [(300.0, "as planned"), (600.0, "5 min 00 s later"), (100.0, "3 min 20 s earlier")],
)
def test_the_projected_end_is_held_against_the_plan(
    narrator: Narrator, seconds: float, said_of_it: str
) -> None:
    at = NIGHT | {"timezone": "UTC"}
    assert f"(planned 00:05, {said_of_it})" in projected(narrator, seconds, at)


def test_times_are_the_country_s(narrator: Narrator) -> None:
    text = projected(narrator, 300.0, NIGHT)
    zone = datetime.fromtimestamp(300, ZoneInfo("Pacific/Kiritimati"))
    assert f"door opens at about {zone:%H:%M:%S} (planned {zone:%H:%M}" in text
    assert "turn back by" in text


def test_past_the_last_safe_moment_that_is_said(clock: Clock) -> None:
    narrator = Narrator(clock, lambda: 4000.0, 100)
    assert "the last safe moment to turn back was 01:00" in projected(
        narrator, 1.0, NIGHT | {"timezone": "UTC"}
    )


def test_without_a_night_nothing_is_held_against_it(narrator: Narrator) -> None:
    text = projected(narrator, 20.0, {})
    assert "planned" not in text
    assert "turn back" not in text
