# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""index.html over all countries and runs of a folder of reports: who is how far, and where to read more."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _pages, _phases
from ansible_collections.dfr.golive.plugins.module_utils._language import SOURCE, languages, mark
from ansible_collections.dfr.golive.plugins.module_utils._report import SCHEMA
from ansible_collections.dfr.golive.plugins.plugin_utils._report_page import OUTCOMES, PHASES, WORDS, mood

PAGES = ("report.html", "validation.html", "hypercare.html")
SIGNS = {"succeeded": "✓", "failed": "✗", "undone": "↺", "pending": "·", "skipped": "–"}
"""A phase's state in one character; its word is its label."""

MODES = {"live": mark("Go-live"), "rehearsal": mark("Rehearsal")}


@dataclass(frozen=True)
class Run:
    """What the index says of one run.

    Attributes:
        country, title, run_id, mode: its own.
        outcome: live, stopped, rolled_back, or open while it goes on.
        started: a stamp.
        window: seconds of the freeze window; None when it wasn't closed.
        phases: name to state.
        passed, asked: gates of its first phase.
        signoffs: how many teams say go.
        pages: those there are, as links from the index.
    """

    country: str
    title: str
    run_id: str
    mode: str
    outcome: str
    started: str
    window: float | None
    phases: Mapping[str, str]
    passed: int
    asked: int
    signoffs: int
    pages: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Run:
        """From a ``report.json``.

        Raises:
            ValueError, KeyError, TypeError, AttributeError, OSError: it is none that we know.
        """
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["schema"] != SCHEMA:
            raise ValueError(told["schema"])
        gates = [gate for phase in told["phases"][:1] for gate in phase["gates"]]
        folder = path.parent
        return cls(
            country=str(told["country"]),
            title=str(told.get("title") or told["country"]),
            run_id=str(told["run_id"]),
            mode=str(told["mode"]),
            outcome="open" if told.get("in_progress") else str(told["outcome"]),
            started=str(told["started"]),
            window=told["freeze_window"]["seconds"],
            phases={phase["name"]: str(phase["status"]) for phase in told["phases"]},
            passed=sum(gate["verdict"] in ("pass", "waived") for gate in gates),
            asked=len(gates),
            signoffs=sum(one.get("decision") == "go" for one in told["signoffs"] if isinstance(one, dict)),
            pages={
                name: f"{folder.parent.name}/{folder.name}/{name}"
                for name in PAGES
                if (folder / name).is_file()
            },
        )


def runs(artifacts: Path) -> tuple[list[Run], list[str]]:
    """Every run there is a report of, the newest first, and the files that tell of none."""
    found, odd = [], []
    for path in sorted(artifacts.glob("*/*/report.json")):
        if path.parent.is_symlink():
            continue
        try:
            found.append(Run.read(path))
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            odd.append(str(path.relative_to(artifacts)))
    return sorted(found, key=lambda run: (run.started, run.run_id), reverse=True), odd


class Telling(_pages.Reading):
    """The index in one language."""

    @property
    def heading(self) -> str:
        return self.say("Go-lives and rehearsals")

    def word(self, name: str) -> str:
        return self.say(WORDS[name]) if name in WORDS else name

    def outcome(self, run: Run) -> str:
        if run.mode != "live" and run.outcome == "live":
            return self.say("Went through")
        return self.say(OUTCOMES[run.outcome][0])

    def mode(self, run: Run) -> str:
        return self.say(MODES.get(run.mode, run.mode))

    def phase(self, name: str) -> str:
        return self.say(PHASES[name])

    def window(self, run: Run) -> str:
        return "–" if run.window is None else self.language.duration(run.window)

    def page(self, name: str) -> str:
        names = {
            "report.html": self.say("Report"),
            "validation.html": self.say("Validation report"),
            "hypercare.html": self.say("Hypercare status"),
        }
        return names[name]


def page(artifacts: Path, codes: Sequence[str], zone: str, template: Path) -> str:
    """``index.html`` of a folder of reports.

    Raises:
        GoliveError: a language without catalogue.
    """
    found, odd = runs(artifacts)
    newest: dict[str, list[Run]] = {}
    for run in found:
        newest.setdefault(run.country, []).append(run)
    known = languages(list(dict.fromkeys([*codes, SOURCE])))
    facts: dict[str, Any] = {
        "runs": found,
        "odd": odd,
        "countries": [
            (theirs[0], next((run for run in theirs if run.mode == "rehearsal"), None))
            for _country, theirs in sorted(newest.items())
        ],
        "phases": _phases.NAMES,
        "signs": SIGNS,
        "mood": mood,
    }
    return _pages.render(template, tellings=[Telling(one, _pages.zone(zone)) for one in known], **facts)
