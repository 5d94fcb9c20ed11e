# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of cases: cases.yml and the recorded task boundaries, made into a list."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).with_name("cases.yml")
PHASES = (
    "preflight", "freeze_legacy", "sync_data", "lock_config", "check_health", "backup_database", "switch_dns",
    "enable_users", "start_hypercare",
)  # fmt: skip


@dataclass(frozen=True)
class Boundary:
    """The instant before a task of an undisturbed run."""

    number: int
    play: str
    task: str

    @property
    def phase(self) -> str:
        found = re.search(r"(\d)/9\)", self.play)
        return PHASES[int(found.group(1)) - 1] if found else ""

    @property
    def text(self) -> str:
        return f"{self.phase or self.play.split(':')[0].lower()}: {self.task}"


@dataclass(frozen=True)
class Case:
    """One fault at one point, and how it must end.

    Attributes:
        name: unique; what CASES chooses by.
        playbook: golive or rollback: the run in which it happens.
        fault, arguments: see `faults`; kill is the controller's own death.
        at: where it happens, as the callback understands it; empty for a fault planted while nobody is at work, and for
            one that is there from the start.
        after: the phase after which the run was told to stop, then.
        point: where, for people.
        delay: seconds after the boundary.
        then: resume, rollback or nothing.
        end: live or rolled_back.
        says: words with which the run in which it happens must stop; empty when it may also get through.
        refused: words with which the next command must refuse before the fault is mended.
        tried: which command that is, golive or rollback; what the operator does then, unless said otherwise.
    """

    name: str
    playbook: str
    fault: str
    arguments: tuple[str, ...]
    at: str
    after: str
    point: str
    delay: float
    then: str
    end: str
    says: str = ""
    refused: str = ""
    tried: str = ""

    @property
    def until(self) -> str:
        """The phase at whose end the operator stops a run that may get through the fault and is to go back."""
        phase = re.split(r"\W", self.point)[0]
        stops = self.playbook == "golive" and self.then == "rollback" and bool(self.at) and not self.says
        return phase if stops and phase in PHASES else ""


Recorded = dict[str, list[Boundary]]


def _boundary_cases(row: dict[str, Any], recorded: Recorded) -> Iterable[Case]:
    until = PHASES.index(row["before"]) if "before" in row else len(PHASES)
    every = int(row.get("every", 1))
    for boundary in recorded.get(row["playbook"], [])[every - 1 :: every]:
        if boundary.phase and PHASES.index(boundary.phase) >= until:
            return
        middle = ".middle" if row.get("delay") else ""
        yield Case(
            name=f"kill.{row['playbook']}.{boundary.number:03d}{middle}.{row['then']}",
            playbook=row["playbook"],
            fault=row["fault"],
            arguments=(),
            at=str(boundary.number),
            after="",
            point=boundary.text,
            delay=float(row.get("delay", 0)),
            then=row["then"],
            end=row["end"],
        )


def _planted(row: dict[str, Any]) -> Case:
    fault, *arguments = str(row["fault"]).split()
    point = str(row["point"])
    after = point.removeprefix("after ") if point.startswith("after ") else ""
    beside = bool(after) or point == "from the start"
    return Case(
        name=row["case"],
        playbook="rollback" if point.startswith("undo.") else "golive",
        fault=fault,
        arguments=tuple(arguments),
        at="" if beside else point,
        after=after,
        point=point,
        delay=float(row.get("delay", 0)),
        then=row["then"],
        end=row["end"],
        says=str(row.get("says", "")),
        refused=str(row.get("refused", "")),
        tried=str(row.get("tried", "rollback" if row["then"] == "rollback" else "golive")),
    )


def cases(recorded: Recorded, *, fast: bool = False, path: Path = TABLE) -> list[Case]:
    """All cases in the table's order, the kills at recorded boundaries first; or a few telling ones."""
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    if fast:
        return [_planted(row) for row in table["fast"]]
    found = [case for row in table["boundaries"] for case in _boundary_cases(row, recorded)]
    for grid in table["grids"]:
        for of in grid["of"]:
            for point in grid["points"]:
                name = f"{grid['fault']}.{of.replace(' ', '-to-')}.{point}.{grid['then']}"
                row = {**grid, "case": name, "fault": f"{grid['fault']} {of}", "point": point}
                found.append(_planted(row))
    found += [_planted(row) for row in table["cases"]]
    names = [case.name for case in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"named twice: {', '.join(sorted(twice))}")
    return found


def chosen(all_cases: list[Case], pattern: str, sample: int, seed: int) -> list[Case]:
    """Those whose name matches; of these a random sample that the same seed reproduces. The order is the table's."""
    found = [case for case in all_cases if re.search(pattern, case.name)]
    if sample and sample < len(found):
        picked = set(random.Random(seed).sample([case.name for case in found], sample))
        found = [case for case in found if case.name in picked]
    return found
