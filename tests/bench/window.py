# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The go-live on the lab country: its freeze window, a repeat that has nothing to do, and the ways back.

The freeze window comes from the report, tasks from the events that
ansible-runner hands out; a task that was skipped did nothing and isn't counted, an include is.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import ansible_runner
from figures import ARTIFACTS, ROOT, figure

INVENTORY = ROOT / "inventories/demo"
WINDOW_OPENS = "(2/9)"
WINDOW_CLOSES = "(8/9)"
NAMES = (
    "window.machine",
    "window.tasks",
    "prepare",
    "golive.wall",
    "rerun.noop",
    "rollback.before_access",
    "rollback.after_access",
)
WRITES = 10_000


@dataclass
class Played:
    """One playbook run: wall seconds, the recap's counts, and the tasks that ran, by play."""

    seconds: float
    changed: int
    tasks: dict[str, list[str]] = field(default_factory=dict)

    def tasks_in_window(self) -> list[str]:
        """From the journalled intention of the freeze to the last task that opens the door."""
        plays = [name for name in self.tasks if WINDOW_OPENS[:2] <= name[:2] <= WINDOW_CLOSES[:2]]
        names = [task for play in sorted(plays) for task in self.tasks[play]]
        first = next(i for i, name in enumerate(names) if "Journal the gates" in name)
        return names[first:]


def play(playbook: str, **extravars: Any) -> Played:
    tasks: dict[str, dict[str, str]] = {}
    skipped: set[str] = set()

    def handle(event: dict[str, Any]) -> bool:
        data = event.get("event_data", {})
        kind = event["event"]
        if kind == "playbook_on_task_start":
            tasks.setdefault(data["play"], {})[data["task_uuid"]] = data["task"]
        elif kind == "runner_on_skipped":
            skipped.add(data["task_uuid"])
        return False

    with tempfile.TemporaryDirectory() as private:
        begun = time.monotonic()
        result = ansible_runner.run(
            private_data_dir=private,
            project_dir=str(ROOT),
            playbook=playbook,
            inventory=str(INVENTORY),
            extravars=extravars,
            envvars={"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
            event_handler=handle,
            quiet=True,
        )
        seconds = time.monotonic() - begun
        if result.rc != 0:
            sys.stderr.write(result.stdout.read()[-4000:])
            raise SystemExit(f"{playbook} ended with {result.rc}")
        changed = sum((result.stats or {}).get("changed", {}).values())
    ran = {
        name: [task for uuid, task in by_uuid.items() if uuid not in skipped]
        for name, by_uuid in tasks.items()
    }
    return Played(seconds, changed, ran)


def fresh_lab() -> None:
    for action in ("destroy", "create"):
        subprocess.run(
            ["molecule", action, "--scenario-name", "default"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )


def latest_report() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ARTIFACTS / "demo/latest/report.json").read_text(encoding="utf-8"))
    return loaded


def measure(wanted: Callable[[str], bool], _sizes: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """On a fresh lab each: a go-live with its repeat, and a rollback before users were let in, and after."""
    if any(wanted(name) for name in NAMES[:5]):
        yield from live(wanted)
    if wanted("rollback.before_access"):
        fresh_lab()
        play("playbooks/prepare.yml")
        play("golive.yml", golive_until="switch_dns")
        rows = rows_of(latest_report())
        yield figure("rollback.before_access", play("playbooks/rollback.yml").seconds, rows=rows)
    if wanted("rollback.after_access"):
        yield after_access()


def after_access() -> dict[str, Any]:
    """Users are in and have written; outsiders count what of it isn't in staging afterwards."""
    fresh_lab()
    play("playbooks/prepare.yml")
    play("golive.yml")
    stories = ROOT / "tests/stories"
    subprocess.run([sys.executable, "users_write.py", str(WRITES)], cwd=stories, check=True)
    said = {"golive_reason": "measured", "golive_approver": "the bench"}
    seconds = play("playbooks/rollback.yml", **said).seconds
    judge = [sys.executable, "-m", "pytest", "-q", "judge_brought_back.py"]
    subprocess.run(judge, cwd=stories, check=True, stdout=sys.stderr)
    told = latest_report()["rollback"]
    return figure("rollback.after_access", seconds, rows=told["rows"], writes=told["writes"], lost=0)


def rows_of(report: dict[str, Any]) -> int:
    return sum(table["source_rows"] for table in report["sync"]["tables"])


def live(wanted: Callable[[str], bool]) -> Iterator[dict[str, Any]]:
    fresh_lab()
    prepared = play("playbooks/prepare.yml")
    played = play("golive.yml")
    report = latest_report()
    rows, spent = rows_of(report), report["freeze_window"]
    split = {phase["name"]: phase["seconds"] for phase in report["phases"]}
    in_window = played.tasks_in_window()
    again = play("golive.yml") if wanted("rerun.noop") else None
    found = [
        figure("window.machine", spent["seconds"] - spent["human_seconds"], rows=rows, phases=split),
        figure("window.tasks", len(in_window), "tasks", rows=rows, tasks=in_window),
        figure("prepare", prepared.seconds, rows=rows),
        figure("golive.wall", played.seconds, rows=rows),
    ]
    if again is not None:
        found.append(figure("rerun.noop", again.seconds, changed=again.changed))
    yield from (item for item in found if wanted(item["name"]))
