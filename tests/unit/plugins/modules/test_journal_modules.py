# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.dfr.golive.plugins.modules import journal, journal_info, run_open

GATE = {"name": "disk.production", "verdict": "pass", "detail": "80 GiB free", "remedy": ""}


class Modules:
    """The three modules of the journal, called as Ansible calls them."""

    def __init__(self, state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.state_dir = state_dir
        self._capsys = capsys

    def call(self, module: ModuleType, *, check: bool = False, **args: Any) -> dict[str, Any]:
        given = {"state_dir": str(self.state_dir), "country": "demo", "_ansible_check_mode": check, **args}
        with patch_module_args(given), pytest.raises(SystemExit):
            module.main()
        answer: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        return answer


@pytest.fixture
def modules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Modules:
    return Modules(tmp_path, capsys)


def test_a_run_through_the_modules(modules: Modules) -> None:
    opened = modules.call(run_open)
    assert opened["changed"]
    ids = {"run_id": opened["run"]["id"], "session": opened["run"]["session"], "phase": "preflight"}
    begun = modules.call(journal, event="begin", gates=[GATE], **ids)
    assert (begun["changed"], begun["seq"]) == (True, 2)
    done = modules.call(journal, event="finish", result={"hosts": 4}, **ids)
    assert done["seconds"] >= 0
    assert modules.call(journal, event="close", **{**ids, "phase": ""})["outcome"] == "stopped"
    info = modules.call(journal_info, inventory="inventories/demo")
    assert not info["changed"]
    assert info["journal"]["records"] == 4
    assert len(info["journal"]["head"]) == 64
    assert info["run"]["phases"][0]["result"] == {"hosts": 4}
    assert "stopped at freeze_legacy" in info["text"]


def test_check_mode_writes_nothing(modules: Modules) -> None:
    opened = modules.call(run_open, check=True)
    assert not opened["changed"]
    ids = {"run_id": opened["run"]["id"], "session": "", "phase": "preflight"}
    assert modules.call(journal, check=True, event="begin", gates=[GATE], **ids)["seq"] == 0
    closed = {**GATE, "verdict": "unknown"}
    assert (
        "1 of 1 gates are closed"
        in modules.call(journal, check=True, event="begin", gates=[closed], **ids)["msg"]
    )
    assert list(modules.state_dir.iterdir()) == []


def test_a_held_lock_names_its_holder(modules: Modules) -> None:
    modules.call(run_open, owner={"user": "ana", "host": "desk", "pid": 9})
    refused = modules.call(run_open, owner={"user": "ops", "host": "laptop", "pid": 7})
    assert refused["failed"]
    assert refused["kind"] == "LockHeldError"
    assert refused["holder"]["owner"]["host"] == "desk"
    assert "ana@desk (process 9)" in refused["msg"]
    assert "golive_takeover" in refused["remedy"]


def test_an_unknown_run(modules: Modules) -> None:
    modules.call(run_open)
    assert "The journal knows no run demo-x" in modules.call(journal_info, run_id="demo-x")["msg"]


def test_nothing_has_ever_run(modules: Modules) -> None:
    info = modules.call(journal_info)
    assert (info["run"], info["runs"], info["lock"]) == ({}, [], {})
    assert "nothing has ever run" in info["text"]


def test_who_looks_on_is_told_and_stops_nothing(
    modules: Modules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: warnings.append(text))
    opened = modules.call(run_open)
    ids = {"run_id": opened["run"]["id"], "session": opened["run"]["session"], "phase": "preflight"}
    observers = {"metrics_dir": str(tmp_path)}
    modules.call(journal, event="begin", gates=[GATE], observers=observers, **ids)
    metrics = tmp_path / "dfr_golive_demo.prom"
    assert 'phase="preflight",state="running"} 1' in metrics.read_text(encoding="utf-8")
    metrics.unlink()
    lost = {"metrics_dir": str(tmp_path / "none"), "events_url": "nowhere"}
    done = modules.call(journal, event="finish", observers=lost, **ids)
    assert done["event"] == "finish"
    assert len(warnings) == 2
