# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _reverse, _reverse_watch, _watch
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._gates import failed, passed

WAY = {"host": "h", "port": 22, "user": "u", "key": "/k", "known_hosts": "/k.known_hosts"}
GATES = [
    {"name": "reverse.kept", "verdict": "pass", "detail": "9 tables", "remedy": ""},
    {"name": "reverse.follows", "verdict": "fail", "detail": "It is behind.", "remedy": "Look."},
]


def answering(monkeypatch: pytest.MonkeyPatch, code: int, out: str, err: str = "") -> list[list[str]]:
    asked: list[list[str]] = []

    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, code, out, err)

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_each_gate_is_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    (asked,) = (answering(monkeypatch, 0, json.dumps({"gates": GATES})),)
    checks = {check.name: (check.verdict, check.detail) for check in _reverse_watch.ask(WAY, 20)}
    assert checks == {
        "reverse.kept": ("pass", "9 tables"),
        "reverse.follows": ("fail", "It is behind. Look."),
    }
    assert asked[0][-1] == "u@h"


@pytest.mark.parametrize(
    "said", ["", "{}", "[{}]", '{"gates": [{"name": "a", "verdict": "fine", "detail": "", "remedy": ""}]}']
)
def test_what_is_no_answer_is_not_known(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    answering(monkeypatch, 0, said)
    with pytest.raises(ProbeError, match="can't be read"):
        _reverse_watch.ask(WAY, 20)


def test_a_host_that_does_not_answer_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, 255, "", "No route to host")
    with pytest.raises(ProbeError, match=r"\(255\): No route to host"):
        _reverse_watch.ask(WAY, 20)
    (check,) = _watch.judged("reverse", lambda: _reverse_watch.ask(WAY, 20))
    assert (check.name, check.verdict) == ("reverse", "unknown")


def test_the_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text("{}")
    monkeypatch.setattr(_reverse.Way, "from_params", classmethod(lambda _cls, raw: raw))
    monkeypatch.setattr(
        _reverse, "ready", lambda _way: [passed("reverse.kept", "x"), failed("b", "no", "do")]
    )
    out = io.StringIO()
    assert _reverse_watch.main([str(settings)], out) == 0
    assert [check.verdict for check in _reverse_watch.read(out.getvalue())] == ["pass", "fail"]

    def broken(_way: Any) -> Any:
        raise GoliveError("another run")

    monkeypatch.setattr(_reverse, "ready", broken)
    assert _reverse_watch.main([str(settings)], out) == 2
    assert _reverse_watch.main([str(tmp_path / "none")], out) == 2
    assert _reverse_watch.main([], out) == 2
    assert "another run" in capsys.readouterr().err
