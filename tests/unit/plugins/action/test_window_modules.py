# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible_collections.dfr.golive.plugins.action import window_modules
from ansible_collections.dfr.golive.plugins.action.window_modules import ActionModule

CHOSEN = {"golive_dns.provider": "nsupdate", "golive_applications.production.runtime": "docker"}


def answer(
    monkeypatch: pytest.MonkeyPatch,
    phases: list[str],
    missing: str = "",
    chosen: Mapping[str, str] = CHOSEN,
) -> tuple[dict[str, Any], list[str]]:
    """What the task returns, and which modules were assembled."""
    assembled: list[str] = []

    class Action(ActionModule):
        def __init__(self) -> None:
            self._loader = DataLoader()

        def validate_argument_spec(self, spec: Any) -> Any:
            assert set(spec) == {"phases", "chosen"}
            return None, {"phases": phases, "chosen": dict(chosen)}

        def _configure_module(self, name: str, _args: Any, _task_vars: Any) -> None:
            if name == missing:
                raise AnsibleError(f"The module {name} was not found in configured module paths")
            assembled.append(name)

    monkeypatch.setattr(window_modules.ActionBase, "run", lambda *_: {})
    return Action().run(task_vars={}), assembled


def test_what_the_window_calls_is_assembled(monkeypatch: pytest.MonkeyPatch) -> None:
    result, assembled = answer(monkeypatch, ["preflight", "freeze_legacy", "sync_data", "start_hypercare"])
    assert result["modules"] == assembled
    assert not result["changed"]
    assert "dfr.golive.sync_database" in assembled
    assert "dfr.golive.backup_take" not in assembled
    assert "dfr.golive.hypercare_watch" not in assembled
    assert result["msg"] == f"{len(assembled)} modules are assembled."


def test_a_module_that_is_not_installed_is_named_before_the_freeze(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _assembled = answer(monkeypatch, ["freeze_legacy", "switch_dns"], "community.general.nsupdate")
    assert result["failed"]
    assert "The freeze window needs the module community.general.nsupdate: " in result["msg"]
    assert result["remedy"] == "Install community.general on the controller, in the version galaxy.yml names."


def test_a_file_that_nobody_chose_is_a_refusal_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    result, assembled = answer(monkeypatch, ["switch_dns"], chosen={})
    assert result["failed"]
    assert "golive_dns.provider" in result["msg"]
    assert assembled == []
