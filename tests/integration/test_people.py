# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan, messages and training as their playbooks make them; no lab, a mail server of our own."""

from __future__ import annotations

import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _rehearsals
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).resolve().parents[2]
NIGHT = {"start": "2026-11-22T20:00:00+13:00", "end": "2026-11-23T00:00:00+13:00"}


class Sink(socketserver.StreamRequestHandler):
    """Takes every mail, and keeps the lines of each."""

    mails: list[str] = []  # noqa: RUF012  one box for all connections

    def handle(self) -> None:
        self.wfile.write(b"220 sink\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.mails.append(text.decode())
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")


@pytest.fixture
def sink() -> Iterator[int]:
    Sink.mails.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


def play(folder: Path, name: str, **variables: Any) -> str:
    """A playbook on the demo country, its state host being this machine; what it said."""
    given = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
        "golive_state_dir": str(folder / "state"),
        "golive_artifacts_dir": str(folder / "artifacts"),
        "golive_ca_path": "",
        **variables,
    }
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", f"playbooks/{name}.yml", "-e", json.dumps(given)],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout + done.stderr


def test_the_plan_is_written_from_the_rehearsals_once(tmp_path: Path) -> None:
    steps = {**dict.fromkeys(NAMES, 60.0), "rollback": 300.0}
    _rehearsals.keep(
        _rehearsals.book(tmp_path / "state", "demo"), _rehearsals.Rehearsal("r1", "sha256:0", True, steps)
    )
    said = play(tmp_path, "plan", golive_plan=NIGHT)
    assert "Last safe moment to turn back: 22 November 2026, 23:54." in said
    folder = tmp_path / "artifacts" / "demo" / "plan"
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert plan["rehearsals"] == ["r1"]
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert {"plan.html", "plan.ics", "runbook-enumerator.html"} <= set(before)
    play(tmp_path, "plan", golive_plan=NIGHT)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert "changed=1" in play(tmp_path, "plan")
    assert not (folder / "plan.ics").exists(), "a calendar of a night that is no longer set"


def test_a_plan_that_can_not_be_meant_is_refused_before_anything(tmp_path: Path) -> None:
    said = " ".join(
        play(tmp_path, "plan", golive_plan={**NIGHT, "owners": {"sync_data": "minister"}}).split()
    )
    assert "golive_plan.owners.sync_data names 'minister', which is no role. Use national_it" in said
    assert not (tmp_path / "artifacts").exists()


def test_people_are_told_once_and_only_what_is_so(tmp_path: Path, sink: int) -> None:
    mail = {
        "host": "127.0.0.1",
        "port": sink,
        "sender": "golive@demo.test",
        "user": "",
        "password": "",
        "tls": "never",
    }
    given = {"golive_plan": NIGHT, "golive_mail": mail}
    assert "mail: not sent" in play(tmp_path, "communicate", **given)
    assert (tmp_path / "artifacts" / "demo" / "plan" / "messages.html").exists()
    assert not Sink.mails
    for _again in range(2):
        assert "mail: sent" in play(tmp_path, "communicate", **given, golive_message="day_before")
        assert len(Sink.mails) == 3
    assert any("Lab country : la saisie ferme demain" in text or "=?utf-8?" in text for text in Sink.mails)
    refused = " ".join(play(tmp_path, "communicate", **given, golive_message="live").split())
    assert "live isn't sent: no go-live has begun." in refused
    assert len(Sink.mails) == 3


def test_a_training_is_written_filled_in_and_scored(tmp_path: Path) -> None:
    said = play(tmp_path, "training", golive_training_role="fao")
    path = tmp_path / "artifacts" / "demo" / "training" / "fao-1.decisions.yml"
    assert str(path) in said
    path.write_text(path.read_text(encoding="utf-8").replace("''", "a"), encoding="utf-8")
    said = play(tmp_path, "training", golive_training_role="fao", golive_training_decisions=str(path))
    result = json.loads(path.with_name("fao-1.result.json").read_text(encoding="utf-8"))
    assert f"{result['points']} of 3 decided right" in said
