# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Training for the cutover: a role's own steps of the plan with planted incidents, decisions on them, and their score.

The same role, seed and plan make the same training. The order of the choices comes from the seed, so that the right one
is nowhere by habit; a decision names the choice by its letter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _pages, _strict
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._language import languages
from ansible_collections.dfr.golive.plugins.module_utils._plan import Row
from ansible_collections.dfr.golive.plugins.module_utils._plan_pages import Plan, Reading
from ansible_collections.dfr.golive.plugins.module_utils._plan_steps import ROLES
from ansible_collections.dfr.golive.plugins.module_utils._training_incidents import INCIDENTS, Incident

SCHEMA = "dfr.golive/training/1"
LETTERS = "abc"
RIGHT, WRONG, HARMFUL = "right", "wrong", "harmful"
POINTS = {RIGHT: 1, WRONG: 0, HARMFUL: 0}
PASS_PERCENT = 65.0
"""Two right decisions of three, and none that does harm."""


@dataclass(frozen=True)
class Task:
    """An incident at its place in the training.

    Attributes:
        order: what stands behind a, b and c: `RIGHT`, `WRONG` or `HARMFUL`.
    """

    incident: Incident
    order: tuple[str, ...]

    def text(self, letter: str) -> str:
        found: str = getattr(self.incident, self.order[LETTERS.index(letter)])
        return found

    @property
    def best(self) -> str:
        return LETTERS[self.order.index(RIGHT)]


@dataclass(frozen=True)
class Training:
    """What one role goes through.

    Attributes:
        tasks: step -> incident planted there, in the plan's order.
        digest: of role, seed, plan and tasks; decisions name it.
    """

    plan: Plan
    role: str
    seed: int
    tasks: Mapping[str, Task]
    digest: str


def training(plan: Plan, role: str, seed: int) -> Training:
    """
    Raises:
        GoliveError: there is no such role.
    """
    if role not in ROLES:
        raise GoliveError(
            f"golive_training_role names {role!r}, which is no role.",
            remedy=f"Use one of {', '.join(ROLES)}.",
        )
    steps = [row.step.name for row in plan.timeline.rows]
    mine = sorted((one for one in INCIDENTS if one.role == role), key=lambda one: steps.index(one.step))
    tasks = {one.step: Task(one, _order(one.name, seed)) for one in mine}
    facts = {
        "role": role,
        "seed": seed,
        "plan": plan.digest,
        "tasks": [[task.incident.name, task.order, asdict(task.incident)] for task in tasks.values()],
    }
    return Training(plan, role, seed, tasks, _strict.sha256(_strict.canonical(facts)))


def _order(name: str, seed: int) -> tuple[str, ...]:
    """The choices as this seed shuffles them."""
    return tuple(
        sorted(
            (RIGHT, WRONG, HARMFUL),
            key=lambda kind: hashlib.sha256(f"{seed}/{name}/{kind}".encode()).hexdigest(),
        )
    )


def blank(given: Training) -> str:
    """A file of decisions to fill in."""
    lines = [
        "---",
        "# Write the letter of your decision behind each incident, then run playbooks/training.yml with",
        "# -e golive_training_decisions=<this file>.",
        f"training: {given.digest}",
        "decisions:",
    ]
    return "\n".join([*lines, *(f"  {task.incident.name}: ''" for task in given.tasks.values())]) + "\n"


def decisions(given: Training, path: Path) -> dict[str, str]:
    """What a trainee has decided.

    Raises:
        GoliveError: the file can't be read, is for another training, or leaves an incident undecided.
    """
    shown = str(path)
    again = f"Fill in the file of decisions that playbooks/training.yml wrote, and give it as {shown}."
    raw = _strict.read(path.parent, path.name, limit=64 << 10)
    content = _strict.shaped(_strict.parse(raw, path.name), shown, {"training": str, "decisions": dict})
    if content["training"] != given.digest:
        raise GoliveError(
            f"{shown} belongs to another training: role, seed, plan or incidents differ.", remedy=again
        )
    names = [task.incident.name for task in given.tasks.values()]
    unknown = sorted(set(content["decisions"]) - set(names))
    if unknown:
        raise GoliveError(
            f"{shown} decides on {', '.join(unknown)}, which isn't in this training.", remedy=again
        )
    open_ = [name for name in names if content["decisions"].get(name) in (None, "")]
    if open_:
        raise GoliveError(f"{shown} leaves undecided: {', '.join(open_)}.", remedy=again)
    for name, letter in content["decisions"].items():
        if letter not in tuple(LETTERS):
            raise GoliveError(
                f"{shown} decides {str(letter)[:20]!r} on {name}.",
                remedy=f"Write one of {', '.join(LETTERS)}.",
            )
    return {name: content["decisions"][name] for name in names}


def score(given: Training, decided: Mapping[str, str]) -> dict[str, Any]:
    """The result of a training; the same decisions always have the same."""
    found: list[dict[str, Any]] = []
    for task in given.tasks.values():
        letter = decided[task.incident.name]
        kind = task.order[LETTERS.index(letter)]
        found.append(
            {
                "incident": task.incident.name,
                "step": task.incident.step,
                "decided": letter,
                "best": task.best,
                "kind": kind,
                "points": POINTS[kind],
            }
        )
    points, harmful = (
        sum(one["points"] for one in found),
        [o["incident"] for o in found if o["kind"] == HARMFUL],
    )
    percent = round(100.0 * points / len(found), 1)
    return {
        "schema": SCHEMA,
        "country": given.plan.country,
        "role": given.role,
        "seed": given.seed,
        "training": given.digest,
        "plan": given.plan.digest,
        "points": points,
        "maximum": len(found),
        "percent": percent,
        "harmful": harmful,
        "passed": percent >= PASS_PERCENT and not harmful,
        "decisions": found,
    }


def summary(given: Training, result: Mapping[str, Any] | None) -> str:
    """For a terminal."""
    head = f"Training {given.role}, seed {given.seed}: {len(given.tasks)} incidents"
    if result is None:
        return head
    verdict = "passed" if result["passed"] else "not passed"
    lines = [f"{head}, {result['points']} of {result['maximum']} decided right: {verdict}."]
    lines += [
        f"  {one['incident']:<18} decided {one['decided']}, best {one['best']}  {one['kind']}"
        for one in result["decisions"]
    ]
    return "\n".join(lines)


def page(given: Training, result: Mapping[str, Any] | None, codes: list[str], template: Path) -> str:
    """The training, or with a result what was decided and what would have been best; in all languages.

    Raises:
        GoliveError: a language without catalogue.
    """
    decided = {one["incident"]: one for one in result["decisions"]} if result else {}
    return _pages.render(
        template,
        plan=given.plan,
        training=given,
        role=given.role,
        result=result,
        decided=decided,
        letters=LETTERS,
        walk=walk(given),
        readings=[Reading(language, given.plan) for language in languages(codes)],
    )


def walk(given: Training) -> list[tuple[Row, Task | None]]:
    """The role's rows, and those at which something happens to it, in the plan's order."""
    return [
        (row, given.tasks.get(row.step.name))
        for row in given.plan.timeline.rows
        if given.role in row.step.parts or row.step.name in given.tasks
    ]


def files(
    given: Training, result: Mapping[str, Any] | None, codes: list[str], template: Path
) -> dict[str, str]:
    """Name to text: the training with its blank decisions, or the result."""
    name = f"{given.role}-{given.seed}"
    made = page(given, result, codes, template)
    if result is None:
        return {f"{name}.html": made, f"{name}.decisions.yml": blank(given)}
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    return {f"{name}.result.html": made, f"{name}.result.json": text}
