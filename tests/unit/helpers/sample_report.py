# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report of a run as it might have been, of any size: for the pages, their tests and their bench."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._phases import PHASES
from ansible_collections.dfr.golive.plugins.module_utils._report import watch_of
from ansible_collections.dfr.golive.plugins.module_utils._watch_status import Check, Sample

BEGAN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SECONDS = (12.0, 9.0, 95.0, 30.0, 21.0, 64.0, 18.0, 48.0, 25.0)
RESULTS: dict[str, dict[str, Any]] = {
    "check_health": {"registration": {"seconds": 0.0636}},
    "backup_database": {
        "bytes": 50_091_362,
        "filestore": {"files": 2268, "verdict": "equal"},
        "manifest_sha256": "1bf07298c6a332583f1e47a346c060fafebbb2819cf57f5583c23d74a6fd247b",
        "path": "/srv/dfr/backup/dfr_production-20261122T062921Z",
        "restored": {"rows": 100_396, "tables": 221, "verdict": "equal"},
        "seconds": {"restore": 2.533},
        "taken": "2026-11-22T10:04:21+00:00",
    },
    "switch_dns": {
        "name": "dfr.example.",
        "seconds": 4.2,
        "servers": [
            {
                "agreed": True,
                "answer": "192.0.2.40 (ttl 300 s)",
                "before": "192.0.2.11 (ttl 300 s)",
                "role": role,
                "server": f"192.0.2.{number}",
                "ttl": 300,
            }
            for number, role in enumerate(("primary", "secondary", "resolver", "resolver"), start=21)
        ],
    },
}
LOADED = {
    "farmers": {"source": 20_089, "loaded": 412, "unchanged": 19_640, "rejected": 25, "excluded": 12},
    "plots": {"source": 41_230, "loaded": 804, "unchanged": 40_390, "rejected": 36, "excluded": 0},
}


def stamp(seconds: float) -> str:
    """A moment so many seconds after the run began."""
    return f"{BEGAN + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%fZ}"


def sample(
    *, tables: int = 40, steps: int = 90, samples: int = 60, mode: str = "live", outcome: str = "live"
) -> dict[str, Any]:
    """A report with so many tables, steps and timed answers; the same for the same sizes."""
    some = random.Random(7)
    reached = len(PHASES) if outcome == "live" else 4
    phases, timeline, taken, at = [], [], [], 0.0
    for phase, seconds in zip(PHASES, SECONDS, strict=True):
        begun = phase.number <= reached
        failed = outcome == "stopped" and phase.number == reached
        gates = seconds / 6
        begin, work, end = at, at + gates, at + gates + seconds
        if begun:
            kind = "failed" if failed else "work"
            timeline.append(_span("gates", phase.name, begin, work))
            timeline.append(_span(kind, phase.name, work, end))
            share = (end - begin) / (steps // reached)
            taken += [
                {
                    "phase": phase.name,
                    "name": f"Do the thing number {number} and look at it",
                    "host": some.choice(("staging", "production", "old-registry", "ops")),
                    "started": stamp(begin + number * share),
                    "seconds": round(share * some.uniform(0.4, 0.95), 3),
                    "status": "changed" if number % 3 else "ok",
                }
                for number in range(steps // reached)
            ]
            at = end
            if phase.name == "backup_database":  # people look before the name is switched
                timeline.append(_span("idle", "", at, at + 75.0))
                at += 75.0
        state = "pending" if not begun else "failed" if failed else "succeeded"
        phases.append(
            {
                "number": phase.number,
                "name": phase.name,
                "title": phase.title,
                "status": state,
                "state": state,
                "started": stamp(work) if begun else None,
                "finished": stamp(end) if begun else None,
                "seconds": seconds if begun else None,
                "gate_seconds": round(gates, 3) if begun else None,
                "usual_seconds": round((seconds + gates) * some.uniform(0.8, 1.2), 3),
                "attempts": int(begun),
                "gates": _gates(phase.number) if begun else [],
                "result": RESULTS.get(phase.name, {}) if begun else {},
                "reason": "",
                "task": "",
            }
        )
    opened = next(
        span["begin"] for span in timeline if span["phase"] == "freeze_legacy" and span["kind"] == "work"
    )
    closed = phases[7]["finished"]
    return {
        "schema": "dfr.golive/report/1",
        "country": "demo",
        "title": "Kingdom of Example & Isles",
        "run_id": "demo-20261122T100000Z",
        "mode": mode,
        "outcome": outcome,
        "in_progress": False,
        "started": stamp(0),
        "finished": stamp(at),
        "owner": {"user": "ops", "host": "controller"},
        "sessions": 2,
        "failure": None
        if outcome == "live"
        else {
            "time": stamp(at),
            "phase": PHASES[reached - 1].name,
            "reason": "The setting web.base.url isn't what the country declared. Correct it and run again.",
            "task": "Prove the settings",
            "recheck": False,
            "undo": False,
        },
        "freeze_window": {
            "opened": opened,
            "closed": closed,
            "closed_by": "enable_users" if closed else "",
            "seconds": 420.0 if closed else None,
            "idle_seconds": 75.0,
            "human_seconds": 0.0,
            "split": [{"name": phase.name, "seconds": SECONDS[phase.number - 1]} for phase in PHASES[1:8]],
        },
        "phases": phases,
        "timeline": timeline,
        "steps": taken,
        "latencies": [
            {
                "kind": "search",
                "name": "dfr.farmer",
                "limit": 0.5,
                "values": [round(some.lognormvariate(-2.5, 0.35), 4) for _ in range(samples)],
            },
            {
                "kind": "page",
                "name": "/web/login",
                "limit": 3.0,
                "values": [round(some.lognormvariate(-3.0, 0.3), 4) for _ in range(max(5, samples // 20))],
            },
        ],
        "sync": {
            "sources": [
                {
                    "name": "old_registry",
                    "kind": "legacy",
                    "rows": 61_319,
                    "rejected": 61,
                    "seconds": 11.2,
                    "entities": LOADED,
                },
                {"name": "dfr_staging", "kind": "postgresql", "rows": 100_388, "rejected": 0, "seconds": 2.2},
            ],
            "tables": [_table(number, some) for number in range(tables)],
            "filestore": {"bytes": 43_539_988, "corrupt": 0, "files": 2268, "missing": 0, "verdict": "equal"},
        },
        "reconciliation": [
            {
                "name": "farmers",
                "title": {"en": "Farmers by province", "fr": "Agriculteurs par province"},
                "labels": {},
                "source": {"number": "20089"},
                "target": {"number": "20089"},
                "verdict": "pass",
            }
        ],
        "signoffs": [
            {
                "team": team,
                "role": role,
                "date": "2026-11-20",
                "decision": "go",
                "sha256": "c1c6fec8869adc1c" * 4,
            }
            for team, role in (
                ("national_it", "Head of IT operations"),
                ("fao", "Project lead"),
                ("contractor", "Delivery lead"),
            )
        ],
        "waivers": [],
        "journal": {
            "records": 24,
            "head": "77eb5af5309636d470d226a9574a76a300700eb5d8ed99ea159a2531a345c4ac",
            "path": "/var/lib/dfr-golive/demo/journal.jsonl",
        },
    }


def _span(kind: str, phase: str, begin: float, end: float) -> dict[str, Any]:
    return {
        "kind": kind,
        "phase": phase,
        "begin": stamp(begin),
        "end": stamp(end),
        "seconds": round(end - begin, 3),
    }


def _gates(number: int) -> list[dict[str, str]]:
    gates = [
        {"name": f"gate.{index}", "verdict": "pass", "detail": "Seen as it has to be, 3 of 3.", "remedy": ""}
        for index in range(4 + number)
    ]
    if number == 1:
        gates[2] |= {
            "verdict": "waived",
            "detail": "The link is slow. Waived by the project lead until Monday: a second line comes.",
        }
    return gates


def _table(number: int, some: random.Random) -> dict[str, Any]:
    rows, digest = int(30_000 / (1 + number)), f"{some.getrandbits(128):032x}"
    return {
        "name": f"dfr_table_{number:03d}",
        "source_rows": rows,
        "target_rows": rows,
        "source_digest": digest,
        "target_digest": digest,
        "verdict": "equal",
    }


def watched(*, days: int = 3, looks: int = 288) -> dict[str, Any]:
    """What the hypercare watch has seen in so many days, with one trouble in the second."""
    some = random.Random(11)
    begin, step = BEGAN.timestamp(), 86_400 / looks
    samples = []
    for number in range(days * looks):
        bad = looks + 40 <= number < looks + 44
        checks = (
            Check("app.health", "pass", "pass"),
            Check("page./web/login", "pass", "fast", round(some.lognormvariate(-3, 0.3), 4), "s"),
            Check(
                "api.search",
                "fail" if bad else "pass",
                "p95 0.9 s, limit 0.5 s",
                round(some.lognormvariate(-2, 0.3), 4),
                "s",
            ),
            Check("dns", "pass", "as it has to be"),
        )
        samples.append(Sample(begin + number * step, 1.0, checks))
    return watch_of(samples, "demo", [], begin + days * 86_400)
