# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A night of go-live, told to a journal by events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _open
from ansible_collections.dfr.golive.plugins.module_utils._decide import Request
from ansible_collections.dfr.golive.plugins.module_utils._holder import Owner
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES

ME = Owner(user="ops", host="laptop", pid=7, started="70", boot_id="b", pid_namespace="p")
OTHER = Owner(user="ana", host="desk", pid=9, started="90", boot_id="c", pid_namespace="q")
GOLIVE = Request(mode="live", intent="golive", until="", takeover="", limit_seconds=900, owner=ME)
ROLLBACK = replace(GOLIVE, intent="rollback")
PASS = {"name": "disk.production", "verdict": "pass", "detail": "80 GiB free", "remedy": ""}
FAIL = {"name": "dns.ttl", "verdict": "fail", "detail": "3600 s", "remedy": "lower it"}
UNKNOWN = {"name": "time.skew", "verdict": "unknown", "detail": "no answer", "remedy": "look"}


class Night:
    """The clock moves a second with each look at it."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)
        self.journal = Journal(folder, "demo", self.clock)
        self.run: dict[str, Any] = {}
        self.reverse = "none"

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def open(self, request: Request = GOLIVE) -> dict[str, Any]:
        opened = _open.open_run(self.journal, request)
        self.run = opened["run"]
        return opened

    def event(self, event: str, phase: str = "", **more: Any) -> dict[str, Any]:
        asked = {
            "event": event,
            "phase": phase,
            "run_id": self.run["id"],
            "session": self.run["session"],
            "gates": [PASS],
            "result": {},
            "reason": "",
            "task": "",
            "recheck": False,
            "out_of_order": "",
            "limit_seconds": 0,
            "triggers": [],
            "approver": "",
            **more,
        }
        return _open.journal_event(self.journal, asked)

    def through(self, last: str) -> None:
        for name in NAMES[: NAMES.index(last) + 1]:
            if name not in self.run["done"]:
                self.event("begin", name)
                way_back = {"reverse": {"mode": self.reverse}} if name == "sync_data" else {}
                self.event("finish", name, result=way_back)

    def undo(self) -> None:
        for name in self.run["undo"]:
            self.event("undo_begin", name)
            self.event("undo_finish", name)

    @property
    def records(self) -> list[dict[str, Any]]:
        return self.journal.read()[0].records

    @property
    def events(self) -> list[str]:
        return [r["event"] for r in self.records]
