# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.action import run_open
from ansible_collections.dfr.golive.plugins.action.run_open import ActionModule
from ansible_collections.dfr.golive.plugins.module_utils._holder import Holder, Owner
from ansible_collections.dfr.golive.plugins.module_utils._processes import Processes

ME = Owner(user="ops", host="laptop", pid=8, started="80", boot_id="b", pid_namespace="p")
GONE = Owner(user="ops", host="laptop", pid=7, started="70", boot_id="b", pid_namespace="p")
STAMP = "2026-11-22T00:30:00.000000Z"


class FakeProcesses(Processes):
    busy: list[list[int]]

    def __init__(self) -> None:
        super().__init__()

    def owner(self, user: str) -> Owner:
        return ME

    def gone(self, owner: Owner) -> bool:
        return owner == GONE

    def orphans(self, owner: Owner) -> list[int]:
        return self.busy.pop(0) if self.busy else []


def held(owner: Owner) -> dict[str, Any]:
    holder = Holder("the-session", "demo-1", "golive", owner, STAMP, STAMP, 900, STAMP)
    return {"failed": True, "msg": "held", "holder": holder.as_dict()}


def ask(monkeypatch: pytest.MonkeyPatch, first: dict[str, Any], busy: list[list[int]], wait: int = 1) -> Any:
    """The answer of the action, and the arguments the module was called with."""
    asked: list[dict[str, Any]] = []

    class Action(ActionModule):
        def __init__(self) -> None:
            self._task = type(
                "Task", (), {"args": {"country": "demo", "wait_seconds": wait}, "async_val": 0}
            )()

        def _execute_module(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> Any:
            asked.append(module_args)
            return first if len(asked) == 1 else {"changed": True, "run": {}}

    monkeypatch.setattr(run_open.ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(run_open._processes, "Processes", FakeProcesses)
    monkeypatch.setattr(run_open.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(FakeProcesses, "busy", busy, raising=False)
    return Action().run(None, {}), asked


def test_the_owner_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, asked = ask(monkeypatch, {"changed": True}, [])
    assert answer == {"changed": True}
    assert asked[0]["owner"]["pid"] == 8
    assert len(asked) == 1


def test_a_holder_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, asked = ask(monkeypatch, held(GONE), [[99], [99]])
    assert answer["changed"]
    assert asked[1]["gone_session"] == "the-session"


@pytest.mark.parametrize(
    "owner",
    [
        Owner(user="ops", host="laptop", pid=9, started="90", boot_id="b", pid_namespace="p"),
        Owner(user="ana", host="desk", pid=7, started="70", boot_id="c", pid_namespace="p"),
        Owner(),
    ],
)
def test_a_holder_that_is_not_known_to_be_gone(monkeypatch: pytest.MonkeyPatch, owner: Owner) -> None:
    answer, asked = ask(monkeypatch, held(owner), [])
    assert answer["failed"]
    assert len(asked) == 1


def test_a_task_that_outlives_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, asked = ask(monkeypatch, held(GONE), [[99]] * 3, wait=0)
    assert answer["failed"]
    assert "a task it started is still at work (process 99)" in answer["msg"]
    assert len(asked) == 1
