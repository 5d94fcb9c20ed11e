# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator's controller, and the lab that it waits for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faults
import table

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "artifacts/chaos"
RUN_LIMIT = 900
GOLIVE, ROLLBACK = "golive.yml", "playbooks/rollback.yml"
# Whether the lab is fast is asked elsewhere; here a busy machine must not look like a fault.
PATIENCE: dict[str, Any] = {
    "preflight_max_skew_seconds": 60,
    "check_health_api_p95_seconds": 60,
    "check_health_page_seconds": 60,
    "check_health_timeout_seconds": 60,
    "start_hypercare_api_seconds": 60,
    "start_hypercare_page_seconds": 60,
    "start_hypercare_probe_seconds": 90,
}


@dataclass
class Played:
    """One playbook run."""

    code: int
    seconds: float
    text: str
    events: list[dict[str, Any]]

    def says(self, words: str) -> bool:
        """Whether it stopped with these words, wherever its lines were broken."""
        return self.code != 0 and words in " ".join(self.text.split())

    @property
    def planted(self) -> str:
        """Empty when the fault happened in it; otherwise why not."""
        found = [event["fault"] for event in self.events if "fault" in event]
        return str(found[0]) if found else "its point was never reached"


class Controller:
    """Starts playbooks as an operator does, with a controller's own ssh connections for each case."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.log = WORK / "logs" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        self.sockets = tempfile.mkdtemp(prefix="dfr-")
        self.boundaries = Path(self.sockets) / "boundaries.jsonl"

    def play(self, playbook: str, case: table.Case | None = None, **extra: Any) -> Played:
        """Run a playbook to its end, whatever that is; with a case, its fault happens on the way."""
        self.boundaries.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).with_name("callback")),
            "ANSIBLE_CALLBACKS_ENABLED": "chaos_point",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": self.sockets,
            "ANSIBLE_FORCE_COLOR": "0",
            "CHAOS_LOG": str(self.boundaries),
        }
        if case is not None:
            do = (
                "kill"
                if case.fault == "kill"
                else json.dumps([sys.executable, faults.__file__, "plant", case.fault, *case.arguments])
            )
            environment |= {"CHAOS_AT": case.at, "CHAOS_DO": do, "CHAOS_DELAY": str(case.delay)}
        extra_vars = json.dumps(PATIENCE | extra)
        command = [str(Path(sys.executable).with_name("ansible-playbook")), playbook, "-e", extra_vars]
        begun = time.monotonic()
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"\n=== {playbook} {extra or ''}\n")
            log.flush()
            offset = log.tell()
            job = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
            try:
                code = job.wait(timeout=RUN_LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(job.pid, 9)
                job.wait()
                code = 124
        seconds = time.monotonic() - begun
        lines = self.boundaries.read_text(encoding="utf-8").splitlines() if self.boundaries.exists() else []
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(offset)
            return Played(code, seconds, log.read(), [json.loads(line) for line in lines])


def wait_until_ready(*, frozen: bool = False, limit: float = 300) -> None:
    """Both applications answer and both writers write; where the sources are frozen, production's application."""
    end = time.monotonic() + limit
    questions = [lambda: _answers("10.28.52.32"), lambda: faults.on("ops", "pgrep -x sshd")]
    if not frozen:
        questions += [lambda: _answers("10.28.51.32"), lambda: _writes("staging"), lambda: _writes("legacy")]
    for question in questions:
        while True:
            try:
                question()
                break
            except (OSError, RuntimeError) as exc:
                if time.monotonic() > end:
                    raise RuntimeError(f"The lab doesn't come up: {exc}") from exc
                time.sleep(0.3)


def _answers(address: str) -> None:
    urllib.request.urlopen(f"http://{address}:8069/web/health", timeout=5).close()


def _writes(host: str) -> None:
    last = faults.on(host, "tail -n 1 /var/log/dfrlab/writer.log", check=False)
    if " acknowledged " not in last:
        raise OSError(f"the writer on {host} says: {last.strip()}")
