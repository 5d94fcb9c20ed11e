# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurements on the lab, written to artifacts/bench.json (schema dfr.golive/bench/1).

Everything is measured in one run on one machine. The freeze window comes from the report, tasks from the events that
ansible-runner hands out; a task that was skipped did nothing and isn't counted, an include is.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts"
INVENTORY = ROOT / "inventories/demo"
WINDOW_OPENS = "(2/9)"
WINDOW_CLOSES = "(8/9)"


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


def result(name: str, ours: float, unit: str, **more: Any) -> dict[str, Any]:
    rows = sum(table["source_rows"] for table in more.pop("tables", []))
    return {
        "name": name,
        "size_bytes": more.pop("size_bytes", None),
        "rows": rows or None,
        "ours": round(ours, 3),
        "peer": None,
        "peer_name": None,
        "ratio": None,
        "unit": unit,
        **more,
    }


def main() -> int:
    results = []
    fresh_lab()
    prepared = play("playbooks/prepare.yml")
    live = play("golive.yml")
    report = latest_report()
    window = report["freeze_window"]
    tables = report["sync"]["tables"]
    split = {phase["name"]: phase["seconds"] for phase in report["phases"]}
    results.append(
        result(
            "window.machine", window["seconds"] - window["human_seconds"], "s", tables=tables, phases=split
        )
    )
    in_window = live.tasks_in_window()
    results.append(result("window.tasks", len(in_window), "tasks", tables=tables, tasks=in_window))
    results.append(result("prepare", prepared.seconds, "s", tables=tables))
    results.append(result("golive.wall", live.seconds, "s", tables=tables))
    again = play("golive.yml")
    results.append(result("rerun.noop", again.seconds, "s", changed=again.changed))

    fresh_lab()
    play("playbooks/prepare.yml")
    play("golive.yml", golive_until="switch_dns")
    back = play("playbooks/rollback.yml")
    results.append(result("rollback.before_access", back.seconds, "s", tables=tables))

    bench = {
        "schema": "dfr.golive/bench/1",
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "results": results,
    }
    ARTIFACTS.mkdir(exist_ok=True)
    text = json.dumps(bench, indent=2)
    (ARTIFACTS / "bench.json").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
