# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the task boundaries of a playbook run, and lets a fault happen at one of them; for the campaign alone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

PLAY = re.compile(r"\((UNDO )?\d/9\) ([^:]+):")
BEGINS = ("Journal the gates and what is about to be done", "Journal that the undo begins")
DOCUMENTATION = """
name: chaos_point
type: aggregate
short_description: Count task boundaries and plant a fault at one of them
description:
  - E(CHAOS_LOG) names the file that gets one line per boundary, and one that says what became of the fault.
  - E(CHAOS_AT) says where something happens, by number or as cases.yml names points;
    E(CHAOS_DO) is C(kill) or a command as a JSON list; E(CHAOS_DELAY) is how many seconds into the task.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """One boundary before each task, handlers included."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "chaos_point"

    def __init__(self, display: Any = None, options: Any = None) -> None:
        super().__init__(display=display, options=options)
        self.count = 0
        self.play = ""
        self.log = Path(os.environ["CHAOS_LOG"])
        self.at = os.environ.get("CHAOS_AT", "")
        self.seen: dict[str, int] = {}
        self.do = os.environ.get("CHAOS_DO", "")
        self.delay = float(os.environ.get("CHAOS_DELAY", "0"))

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self.play = play.get_name().strip()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._boundary(task.get_name().strip())

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._boundary(task.get_name().strip())

    def _boundary(self, task: str) -> None:
        self.count += 1
        self._write(number=self.count, time=round(time.time(), 2), play=self.play, task=task)
        if self.at not in (str(self.count), *self._names(task)):
            return
        self.at = ""
        if self.delay:
            threading.Timer(self.delay, self._happen).start()
        else:
            self._happen()

    def _write(self, **line: Any) -> None:
        with self.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    def _names(self, task: str) -> list[str]:
        """What cases.yml may call this boundary: the phase's gate, or how many it is after the journalled begin."""
        found = PLAY.match(self.play)
        if found is None:
            return []
        phase = f"{'undo.' if found[1] else ''}{found[2].strip().lower().replace(' ', '_')}"
        names = [] if phase in self.seen else [f"{phase}.gate"]
        if self.seen.setdefault(phase, -1) >= 0:
            names = (
                [f"{phase}+{self.seen[phase]}", phase]
                if not self.seen[phase]
                else [f"{phase}+{self.seen[phase]}"]
            )
            self.seen[phase] += 1
        elif task.split(" : ")[-1] in BEGINS:
            self.seen[phase] = 0
        return names

    def _happen(self) -> None:
        if self.do == "kill":
            self._write(fault="")
            # The whole group, as when a controller's container ends: workers and their ssh go too.
            os.killpg(os.getpgid(0), signal.SIGKILL)
        # What a callback raises is a mere warning to Ansible: the campaign reads it here instead.
        try:
            done = subprocess.run(
                json.loads(self.do), capture_output=True, text=True, timeout=300, check=False
            )
        except subprocess.TimeoutExpired as exc:
            self._write(fault=str(exc))
        else:
            self._write(fault=done.stderr[-500:] if done.returncode else "")
