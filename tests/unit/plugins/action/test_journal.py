# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wait at a hold, with a clock of its own: nobody comes, somebody comes, somebody refuses, the journal breaks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.action import journal
from ansible_collections.dfr.golive.plugins.action.journal import ActionModule
from ansible_collections.dfr.golive.plugins.module_utils._holds import Standing

HOLD = {
    "country": "tonga",
    "run_id": "tonga-1",
    "event": "hold_begin",
    "phase": "lock_config",
    "gates": [{"name": "one"}],
    "holds": {"lock_config": {"teams": ["fao"], "limit_minutes": 30}},
    "signoffs": "/inventory/signoffs",
}
SINCE = "2026-11-22T06:00:00.000000Z"
NOBODY = Standing([], ["FAO has 0 of 1: project-lead"], [], [], {})
EVERYBODY = Standing([{"signer": "project-lead"}], [], [], [], {"a.json": "signed"})
REFUSED = Standing([], ["FAO has 0 of 1: project-lead"], ["project-lead says no-go for FAO: No"], [], {})


class Clock(datetime):
    current = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return cls.current

    @classmethod
    def sleep(cls, seconds: float) -> None:
        cls.current += timedelta(seconds=seconds)


class Call:
    """One task; ``look`` says what lies in the folder at each time, ``answers`` what the module says to an event."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, look: Callable[[], Standing], **answers: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        self.shown: list[str] = []
        known = {"hold_begin": {"released": False, "basis": "3f", "since": SINCE}, **answers}
        outer = self

        class Action(ActionModule):
            def __init__(self, task: dict[str, Any], check: bool) -> None:
                self._task = type("Task", (), {"args": task, "check_mode": check})()

            def _execute_module(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> Any:
                outer.asked.append(module_args)
                return known.get(module_args["event"], {"changed": True})

        monkeypatch.setattr(journal.ActionBase, "run", lambda *_: {})
        monkeypatch.setattr(journal._holds, "look", lambda _asked, _now: look())
        monkeypatch.setattr(Clock, "current", Clock.current)
        monkeypatch.setattr(journal, "datetime", Clock)
        monkeypatch.setattr(journal.time, "sleep", Clock.sleep)
        monkeypatch.setattr(journal.time, "monotonic", lambda: Clock.current.timestamp())
        monkeypatch.setattr(
            journal,
            "Display",
            lambda: type("Shown", (), {"display": lambda _self, text: outer.shown.append(text)})(),
        )
        self._action = Action

    def run(self, task: dict[str, Any], check: bool = False) -> dict[str, Any]:
        return self._action(task, check).run(None, {})

    @property
    def events(self) -> list[str]:
        return [one["event"] for one in self.asked]


def test_no_other_event_waits_and_check_mode_does_not_either(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch, lambda: NOBODY)
    call.run({**HOLD, "event": "begin"})
    call.run({**HOLD, "event": "finish"})
    call.run(HOLD, check=True)
    assert call.events == ["begin", "finish", "hold_begin"]
    assert call.asked[0]["holds"] == HOLD["holds"]


def test_they_come_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch, lambda: EVERYBODY if Clock.current.minute >= 3 else NOBODY)
    assert call.run(HOLD) == {"changed": True}
    assert call.events == ["hold_begin", "hold_finish"]
    assert call.asked[0]["limit_seconds"] == 30 * 60 + 300
    assert call.asked[1]["result"] == {
        "approvals": [{"signer": "project-lead"}],
        "files": {"lock_config": {"a.json": "signed"}},
    }
    assert (
        "signoff.py hold --inventory /inventory --run tonga-1 --phase lock_config --basis 3f" in call.shown[0]
    )
    assert [text.split(":")[1].split(",")[0].strip() for text in call.shown[1:]] == [
        "waiting for 0 min",
        "waiting for 1 min",
        "waiting for 2 min",
    ]


def test_nobody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch, lambda: NOBODY)
    answer = call.run(HOLD)
    assert answer["failed"]
    assert "after 30 minutes" in answer["msg"]
    assert "project-lead" in answer["msg"]
    assert call.events == ["hold_begin"]


def test_somebody_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch, lambda: REFUSED)
    answer = call.run(HOLD)
    assert "no-go for FAO" in answer["msg"]
    assert call.events == ["hold_begin"]


def test_what_was_released_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch, lambda: NOBODY, hold_begin={"released": True})
    assert call.run(HOLD) == {"released": True}
    assert call.events == ["hold_begin"]


@pytest.mark.parametrize("event", ["hold_begin", "hold_finish"])
@pytest.mark.parametrize("broken", [{"failed": True, "msg": "lost"}, {"unreachable": True, "msg": "gone"}])
def test_a_journal_that_does_not_take_it_lets_nothing_begin(
    monkeypatch: pytest.MonkeyPatch, event: str, broken: dict[str, Any]
) -> None:
    call = Call(monkeypatch, lambda: EVERYBODY, **{event: broken})
    assert call.run(HOLD) == broken


def test_a_hold_that_cannot_be_meant_lets_nothing_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch, lambda: EVERYBODY)
    answer = call.run({**HOLD, "holds": {"lunch": {}}})
    assert "no hold point" in answer["msg"]
    assert call.asked == []
