# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.action import host_readiness
from ansible_collections.dfr.golive.plugins.action.host_readiness import ActionModule


def ask(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> Any:
    class Action(ActionModule):
        def __init__(self) -> None:
            self._task = type("Task", (), {"args": {"name": "ops"}})()

        def _execute_module(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> Any:
            assert (module_name, module_args) == (host_readiness.MODULE, {"name": "ops"})
            return answer

    moments = iter([100.0, 101.0])
    monkeypatch.setattr(host_readiness.ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(host_readiness.time, "time", lambda: next(moments))
    return Action().run(None, {})


def test_the_clocks_are_held_against_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = ask(monkeypatch, {"gates": [], "facts": {"arrived": 105.25, "left": 105.75}})["facts"]
    assert (facts["clock_offset"], facts["clock_error"]) == (5.0, 0.25)


@pytest.mark.parametrize("answer", [{"failed": True, "msg": "no"}, {"unreachable": True}])
def test_a_machine_that_did_not_answer_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    assert ask(monkeypatch, answer) == answer
