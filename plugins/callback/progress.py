# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: stdout
short_description: What people on the call of a go-live read
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Says in which phase the run is, what it waits for, how long that usually takes in this country, how long the freeze
    window has been open and when the door is expected to open.
  - One line for each finished step, gates as a table. A failure is one sentence, then the state that was left and the
    commands that lead on and back.
  - Where there is a terminal, its last line shows what is being waited for. Where there is none, a line is added every
    O(quiet_seconds).
  - With C(-v) Ansible's own output takes its place.
  - Notes when each task began and ended, for the report of the run.
options:
  quiet_seconds:
    description: Without a terminal, how long a step may be silent before a line says what it waits for, in seconds.
    type: int
    default: 30
    env:
      - name: DFR_GOLIVE_PROGRESS_QUIET_SECONDS
    ini:
      - section: callback_progress
        key: quiet_seconds
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

import os
import shutil
import sys
import threading
from typing import Any

from ansible import constants
from ansible.plugins.callback.default import CallbackModule as Default
from ansible_collections.dfr.golive.plugins.plugin_utils._progress import QUIET_ACTIONS, Line, Narrator
from ansible_collections.dfr.golive.plugins.plugin_utils._steps import STEPS

COLOURS = {
    "heading": "bright blue",
    "ok": constants.COLOR_OK,
    "changed": constants.COLOR_CHANGED,
    "error": constants.COLOR_ERROR,
    "soft": "cyan",
}
ERASE = b"\r\x1b[2K"


# Of what a failed command said.
COMMAND_LINES = 20


class CallbackModule(Default):  # type: ignore[misc]
    """Ansible's default output with ``-v``; ours without."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "dfr.golive.progress"

    def __init__(self) -> None:
        super().__init__()
        self._terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        columns = shutil.get_terminal_size((110, 24)).columns if self._terminal else 110
        self._narrator = Narrator(width=min(columns - 1, 140) if self._terminal else 110)
        self._ended = threading.Event()
        self._said = threading.Event()

    @property
    def _ours(self) -> bool:
        return not self._display.verbosity

    # --- saying ---------------------------------------------------------------------------------------------------

    def _say(self, lines: list[Line]) -> None:
        if lines:
            self._said.set()
            if self._terminal:
                os.write(sys.stdout.fileno(), ERASE)
        for line in lines:
            self._display.display(line.text, color=COLOURS.get(line.kind))

    def _watch(self) -> None:
        """Says what is being waited for: on the terminal's last line, or now and then in a line of its own."""
        pause = 1.0 if self._terminal else float(self.get_option("quiet_seconds"))
        while not self._ended.wait(pause):
            waiting = self._narrator.waiting()
            if not waiting:
                continue
            if self._terminal:
                columns = shutil.get_terminal_size((110, 24)).columns
                # Not through Python's buffer: its lock must not be held while Ansible forks.
                os.write(sys.stdout.fileno(), ERASE + f"  ... {waiting}"[: columns - 1].encode())
            elif not self._said.is_set():
                os.write(sys.stdout.fileno(), f"  ...      {waiting}\n".encode())
            self._said.clear()

    # --- what Ansible tells ---------------------------------------------------------------------------------------

    def v2_playbook_on_start(self, playbook: Any) -> None:
        super().v2_playbook_on_start(playbook)
        if self._ours:
            threading.Thread(target=self._watch, daemon=True, name="progress").start()

    def v2_playbook_on_play_start(self, play: Any) -> None:
        STEPS.clear()
        if not self._ours:
            super().v2_playbook_on_play_start(play)
            return
        self._play = play
        self._narrator.play(play.get_name().strip())

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        if not self._ours:
            super().v2_playbook_on_task_start(task, is_conditional)
        elif task.action not in QUIET_ACTIONS:
            self._narrator.task(_title(task))

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        if not self._ours:
            super().v2_playbook_on_handler_task_start(task)
        else:
            self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        if task.action not in QUIET_ACTIONS:
            STEPS.begin(task._uuid, host.get_name())  # noqa: SLF001
        if not self._ours:
            super().v2_runner_on_start(host, task)
            return
        self._narrator.host(host.get_name())

    def v2_runner_on_ok(self, result: Any) -> None:
        _note(result, "changed" if _told(result).get("changed") else "ok")
        if not self._ours:
            super().v2_runner_on_ok(result)
            return
        self._say(self._narrator.ok(_task(result).action, _where(result), _told(result)))
        self._handle_warnings(_told(result))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        _note(result, "failed")
        if not self._ours:
            super().v2_runner_on_failed(result, ignore_errors)
            return
        self._say(self._narrator.failed(_task(result).action, _where(result), _reason(_told(result))))

    def v2_runner_on_unreachable(self, result: Any) -> None:
        _note(result, "failed")
        if not self._ours:
            super().v2_runner_on_unreachable(result)
            return
        self._say(self._narrator.unreachable(_where(result), _reason(_told(result))))

    def v2_runner_on_skipped(self, result: Any) -> None:
        if not self._ours:
            super().v2_runner_on_skipped(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        if not self._ours:
            super().v2_runner_item_on_ok(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        if not self._ours:
            super().v2_runner_item_on_failed(result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        if not self._ours:
            super().v2_runner_item_on_skipped(result)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        if not self._ours:
            super().v2_playbook_on_include(included_file)

    def v2_runner_retry(self, result: Any) -> None:
        if not self._ours:
            super().v2_runner_retry(result)
            return
        told = _told(result)
        self._narrator.retry(int(told.get("attempts", 0)), int(told.get("retries", 0)))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._ended.set()
        if self._ours:
            self._say([Line("")])
        super().v2_playbook_on_stats(stats)


# ansible-core 2.19 gave the parts of a result public names; 2.16 has only the private ones.
def _task(result: Any) -> Any:
    return getattr(result, "task", None) or result._task  # noqa: SLF001


def _told(result: Any) -> dict[str, Any]:
    told: dict[str, Any] = result.result if hasattr(result, "result") else result._result  # noqa: SLF001
    return told


def _host(result: Any) -> Any:
    return getattr(result, "host", None) or result._host  # noqa: SLF001


def _note(result: Any, status: str) -> None:
    """Note a step for the report."""
    task, host = _task(result), _host(result).get_name()
    STEPS.end(task._uuid, host, name=_title(task), where=_where(result), status=status)  # noqa: SLF001


def _title(task: Any) -> str:
    """A task's name without its role's."""
    return str(task.get_name().rpartition(" : ")[2].strip())


def _where(result: Any) -> str:
    """The host a task acted on."""
    return str(_task(result).delegate_to or _host(result).get_name())


def _reason(result: dict[str, Any]) -> str:
    """The sentence that matters in a failed result; those of the failed items where it is a loop's."""
    items = [item for item in result.get("results") or [] if isinstance(item, dict) and item.get("failed")]
    if items:
        return "\n".join(_reason(item) for item in items)
    reason = result.get("msg") or result.get("censored") or ""
    if not reason or str(reason).startswith("MODULE FAILURE"):
        output = result.get("module_stderr", "")
    elif result.get("cmd"):
        # A command's own reason is a number; what it said last is the sentence.
        said = str(result.get("stderr") or result.get("stdout") or "").strip().splitlines()
        output = "\n".join(said[-COMMAND_LINES:])
    else:
        output = ""
    return "\n".join(str(part) for part in (reason, output) if part)
