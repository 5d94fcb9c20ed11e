# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dfr.golive.plugins.plugin_utils import _steps
from ansible_collections.dfr.golive.plugins.plugin_utils._steps import Steps, with_steps


class Clock:
    now = 1_795_305_600.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def steps(clock: Clock) -> Steps:
    return Steps(clock)


def test_a_step_is_timed_on_each_host(steps: Steps, clock: Clock) -> None:
    steps.begin("1", "a")
    clock.now += 1
    steps.begin("1", "b")
    clock.now += 2
    for host in ("a", "b"):
        steps.end("1", host, name="Ask", where=f"at {host}", status="ok")
    assert [(step["host"], step["seconds"]) for step in steps.taken] == [("at a", 3.0), ("at b", 2.0)]
    assert steps.taken[0] == {
        "name": "Ask",
        "host": "at a",
        "started": "2026-11-22T00:00:00.000000Z",
        "seconds": 3.0,
        "status": "ok",
    }


def test_what_never_began_is_no_step(steps: Steps) -> None:
    steps.end("1", "a", name="Skipped", where="a", status="ok")
    assert steps.taken == []


def test_a_play_begins_anew(steps: Steps) -> None:
    steps.begin("1", "a")
    steps.begin("2", "a")
    steps.end("1", "a", name="x" * 500, where="a", status="ok")
    assert len(steps.taken[0]["name"]) == _steps.LONGEST_NAME
    steps.clear()
    steps.end("2", "a", name="Late", where="a", status="ok")
    assert steps.taken == []


def test_a_clock_that_goes_back_gives_no_negative_time(steps: Steps, clock: Clock) -> None:
    steps.begin("1", "a")
    clock.now -= 60
    steps.end("1", "a", name="Ask", where="a", status="ok")
    assert steps.taken[0]["seconds"] == 0.0


def test_there_is_an_end_to_it(steps: Steps) -> None:
    for number in range(_steps.MOST + 10):
        steps.begin(str(number), "a")
        steps.end(str(number), "a", name="Ask", where="a", status="ok")
    assert len(steps.taken) == _steps.MOST


def test_only_a_phase_that_ends_well_keeps_them() -> None:
    taken = [{"name": "Ask"}]
    asked = {"event": "finish", "phase": "preflight", "result": {"checks": 3, "files": {"x": 1}}}
    assert with_steps(asked, taken)["result"] == {"checks": 3, "files": {"x": 1, "steps": taken}}
    assert with_steps({"event": "finish"}, taken)["result"] == {"files": {"steps": taken}}
    assert asked["result"] == {"checks": 3, "files": {"x": 1}}
    for other in ({"event": "begin"}, {"event": "fail", "result": {}}):
        assert with_steps(other, taken) is other
    assert with_steps(asked, []) is asked
