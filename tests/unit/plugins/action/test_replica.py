# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.action import replica


def played(
    monkeypatch: pytest.MonkeyPatch, answers: list[dict[str, Any]], *, check: bool = False, **args: Any
) -> tuple[dict[str, Any], list[tuple[str, bool]], list[str]]:
    """The result, which modules were run (and whether in the background), and what was shown."""
    asked: list[tuple[str, bool]] = []
    shown: list[str] = []

    class Action(replica.ActionModule):
        def __init__(self) -> None:
            task = {"args": {"name": "registry", **args}, "async_val": 0, "check_mode": check}
            self._task = type("Task", (), task)()

        def get_shell_option(self, _name: str, default: str) -> str:
            return default

        def _execute_module(
            self, module_name: str, module_args: dict[str, Any], task_vars: Any, wrap_async: bool
        ) -> dict[str, Any]:
            asked.append((module_name.rpartition(".")[2], wrap_async))
            assert bool(self._task.async_val) == wrap_async
            assert module_name != replica.INFO or set(module_args) == {"name"}
            return answers.pop(0)

    monkeypatch.setattr(replica.ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(replica.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(replica.Display, "display", lambda _self, line: shown.append(line))
    return Action().run(None, {}), asked, shown


RUNNING = {"started": True, "finished": False}


def test_the_copy_is_made_in_the_background_and_each_step_is_shown_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result, asked, shown = played(
        monkeypatch,
        [
            {"ansible_job_id": "j1"},
            RUNNING,
            {"progress": {"sentence": "copy, 5 rows"}},
            RUNNING,
            {"progress": {"sentence": "copy, 5 rows"}},
            RUNNING,
            {"progress": {}},
            {"started": True, "finished": True, "changed": True, "stage": "proven", "ansible_job_id": "j1"},
            {},
        ],
        show_seconds=1,
    )
    assert result == {"changed": True, "stage": "proven"}
    assert shown == ["registry: copy, 5 rows"]
    assert asked[0] == ("replica", True)
    assert [name for name, background in asked if not background].count("replica_info") == 3


def test_a_background_that_fails_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = {"started": True, "finished": True, "failed": True, "msg": "no space"}
    result, _asked, _shown = played(monkeypatch, [{"ansible_job_id": "j1"}, failed, {}])
    assert result == {"failed": True, "msg": "no space"}


def test_what_does_not_start_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    result, asked, _shown = played(monkeypatch, [{"failed": True, "msg": "no python"}])
    assert result["msg"] == "no python"
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("check", "args"), [(True, {}), (False, {"state": "absent"}), (False, {"show_seconds": 0})]
)
def test_without_anything_to_show_the_module_is_simply_run(
    monkeypatch: pytest.MonkeyPatch, check: bool, args: dict[str, Any]
) -> None:
    result, asked, _shown = played(monkeypatch, [{"changed": False}], check=check, **args)
    assert result == {"changed": False}
    assert asked == [("replica", False)]
