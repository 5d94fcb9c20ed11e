# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.action import host_readiness
from ansible_collections.dfr.golive.plugins.action.host_readiness import ActionModule


def ask(
    monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any], moments: tuple[float, ...] = (100, 101)
) -> Any:
    """What comes of these answers, sent for and received at these moments; more may not be asked for."""
    left = iter(answers)

    class Action(ActionModule):
        def __init__(self) -> None:
            self._task = type("Task", (), {"args": {"name": "ops"}})()

        def _execute_module(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> Any:
            assert (module_name, module_args) == (host_readiness.MODULE, {"name": "ops"})
            return next(left)

    times = iter(moments)
    monkeypatch.setattr(host_readiness.ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(host_readiness.time, "time", lambda: next(times))
    return Action().run(None, {})


def answered(arrived: float, left: float) -> dict[str, Any]:
    return {"gates": [], "facts": {"arrived": arrived, "left": left}}


def test_the_clocks_are_held_against_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = ask(monkeypatch, answered(105.25, 105.75))["facts"]
    assert (facts["clock_offset"], facts["clock_error"]) == (5.0, 0.25)


def test_of_slow_answers_the_fastest_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, better, slowest = answered(104.0, 104.0), answered(112.0, 112.0), answered(125.0, 125.0)
    facts = ask(monkeypatch, slow, better, slowest, moments=(100, 108, 110, 114, 120, 130))["facts"]
    assert (facts["clock_offset"], facts["clock_error"]) == (0.0, 2.0)


def test_a_quick_answer_after_a_slow_one_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = ask(monkeypatch, answered(104, 104), answered(110.5, 110.5), moments=(100, 108, 110, 111))[
        "facts"
    ]
    assert (facts["clock_offset"], facts["clock_error"]) == (0.0, 0.5)


def test_a_machine_that_is_lost_between_two_questions_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"unreachable": True}
    assert ask(monkeypatch, answered(104, 104), gone, moments=(100, 108, 110, 111)) == gone


@pytest.mark.parametrize("answer", [{"failed": True, "msg": "no"}, {"unreachable": True}])
def test_a_machine_that_did_not_answer_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    assert ask(monkeypatch, answer) == answer
