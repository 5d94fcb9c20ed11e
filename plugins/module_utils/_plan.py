# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a night: its steps, who answers for each, how long each takes, and until when one may turn back.

Times are seconds from the start of the window, so a plan can be read before the night is set. Two courses are computed
side by side: one with the median of the rehearsals, one with the worst of them.
"""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _phases, _strict
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._language import SOURCE, mark
from ansible_collections.dfr.golive.plugins.module_utils._plan_steps import (
    ACTION,
    AFTER,
    BEFORE,
    HOLD_BEFORE,
    LIVE,
    NIGHT_TELL,
    PHASE,
    ROLES,
    START,
    Step,
    phase_steps,
)

SHOWN = "golive_plan"
HOLD_MINUTES = 10
REHEARSALS_READ = 10
"""So many of the newest ones say how long a step takes."""
CLONE, ROLLBACK = "clone", "rollback"
"""Steps of a rehearsal that aren't phases."""

_FIELDS: Mapping[str, type] = {
    "start": str,
    "end": str,
    "owners": dict,
    "hold_minutes": int,
    "rollback_minutes": int,
    "steps": list,
}
_STEP_OPTIONAL: Mapping[str, type] = {"after": str, "before": str, "hours": int, "minutes": int}

NOT_REHEARSED = mark("Nothing has been rehearsed yet, so nobody knows how long a step takes: rehearse.")
NO_NIGHT = mark("The night isn't set: times count from the start of the window.")
NO_WAY_BACK = mark("Nobody has measured the way back, so there is no last safe moment: rehearse it.")
DECLARED_WAY_BACK = mark("The time of the way back is declared, not measured: rehearse it.")
TOO_LATE = mark(
    "In the worst case the door opens after the last safe moment: start earlier, or make the window longer."
)
TOO_LONG = mark("Even at the usual pace the door opens after the last safe moment: this window is too short.")


@dataclass(frozen=True)
class Declared:
    """What a country says of its night, see golive_plan.

    Attributes:
        start, end: of the window, UTC; None while it isn't set.
        owners: phase -> role.
        holds: phase -> how long people are thought to take at the hold point before it.
        rollback_seconds: what the way back is thought to take while no rehearsal tells; None for unknown.
        steps: the country's own.
    """

    start: datetime | None = None
    end: datetime | None = None
    owners: Mapping[str, str] = field(default_factory=dict)
    holds: Mapping[str, float] = field(default_factory=dict)
    rollback_seconds: float | None = None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Seconds:
    """How long something takes.

    Attributes:
        median, worst: seconds.
        rehearsals: how many say so; 0 where it is declared.
    """

    median: float
    worst: float
    rehearsals: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {"median": self.median, "worst": self.worst, "rehearsals": self.rehearsals}


@dataclass(frozen=True)
class Row:
    """One step in time; seconds from the start of the window, None where nobody knows.

    Attributes:
        starts, ends: at the usual pace.
        worst_ends: when every step takes as long as it ever did.
    """

    step: Step
    seconds: Seconds | None
    starts: float | None
    ends: float | None
    worst_ends: float | None


@dataclass(frozen=True)
class Timeline:
    """The plan of one night.

    Attributes:
        declared: see `Declared`.
        rows: in the order in which they begin.
        door: the row after which users can register farmers again.
        rollback: how long the way back takes; None for unknown.
        ttl: seconds for which resolvers keep the old answer.
        last_safe: seconds from the start until which one may turn back within the window; None for unknown.
        warnings: sentences, to be said in a language.
    """

    declared: Declared
    rows: tuple[Row, ...]
    door: Row
    rollback: Seconds | None
    ttl: int
    last_safe: float | None
    warnings: tuple[str, ...]

    @property
    def length(self) -> float | None:
        """Seconds of the window; None while it isn't set."""
        start, end = self.declared.start, self.declared.end
        return (end - start).total_seconds() if start and end else None

    def moment(self, offset: float | None) -> datetime | None:
        """When that is; None where the night isn't set or the offset isn't known."""
        if self.declared.start is None or offset is None:
            return None
        return self.declared.start + timedelta(seconds=offset)


def understood(content: Any, holds: Iterable[str] = ()) -> Declared:
    """What golive_plan says; an empty one is a plan without a night.

    Args:
        content: golive_plan.
        holds: the phases of golive_holds.

    Raises:
        GoliveError: it says something that can't be meant.
    """
    raw = _strict.shaped(_timed(content or {}), SHOWN, {}, _FIELDS)
    start, end = (
        _strict.moment(raw[name], SHOWN, name) if name in raw else None for name in ("start", "end")
    )
    if (start is None) != (end is None):
        raise _wrong("has one of start and end", "Give both, or neither while the night isn't set")
    if start and end and end <= start:
        raise _wrong("ends its window before it starts", "Correct start or end")
    owners = raw.get("owners", {})
    for phase, role in owners.items():
        _phases.phase_named(phase, f"{SHOWN}.owners")
        _role(role, f"{SHOWN}.owners.{phase}")
    for name in ("hold_minutes", "rollback_minutes"):
        if not 0 <= raw.get(name, 0) <= 24 * 60:
            raise _wrong(f"has {name} {raw[name]}", "Give minutes from 0 to 1440")
    rollback = raw.get("rollback_minutes")
    declared = Declared(
        start,
        end,
        owners,
        {phase: raw.get("hold_minutes", HOLD_MINUTES) * 60.0 for phase in holds if phase in HOLD_BEFORE},
        None if rollback is None else rollback * 60.0,
        _own_steps(raw.get("steps", [])),
    )
    night(declared)
    return declared


def _timed(content: Any) -> Any:
    """YAML reads a time without quotes as one."""
    if not isinstance(content, dict):
        return content
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in content.items()
    }


def night(declared: Declared) -> list[Step]:
    """The steps of the night, each after what it waits for.

    Raises:
        GoliveError: a step waits for one that isn't there, or for itself.
    """
    steps = [*phase_steps(declared.owners, declared.holds), *NIGHT_TELL]
    return _ordered([*steps, *(step for step in declared.steps if not step.anchor)])


def _wrong(what: str, remedy: str) -> GoliveError:
    return GoliveError(f"{SHOWN} {what}.", remedy=f"{remedy} in {SHOWN}.")


def _role(role: Any, where: str) -> str:
    if role not in ROLES:
        raise GoliveError(f"{where} names {role!r}, which is no role.", remedy=f"Use {', '.join(ROLES)}.")
    return str(role)


def _own_steps(raw: list[Any]) -> tuple[Step, ...]:
    standard = {step.name for step in (*BEFORE, *NIGHT_TELL, *AFTER)} | {
        *_phases.NAMES,
        *HOLD_BEFORE.values(),
    }
    steps: dict[str, Step] = {}
    for number, value in enumerate(raw, start=1):
        step = _own_step(value, f"{SHOWN}: step {number}")
        if step.name in standard or step.name in steps:
            raise _wrong(f"has the step {step.name} twice", "Call each step by a name of its own")
        steps[step.name] = step
    return tuple(steps.values())


def _own_step(value: Any, where: str) -> Step:
    texts = {name: value.get(name) for name in ("title", "text")} if isinstance(value, dict) else {}
    plain = {k: v for k, v in value.items() if k not in texts} if isinstance(value, dict) else value
    shape = _strict.shaped(plain, where, {"name": str, "owner": str}, _STEP_OPTIONAL)
    name, owner = shape["name"], _role(shape["owner"], f"{where}: owner")
    title = _text(texts["title"], f"{where}: title")
    parts = {owner: (_text(texts["text"], f"{where}: text"),)} if texts["text"] else {}
    placed = [key for key in ("after", "before", "hours") if key in shape]
    if not placed or ("hours" in shape and len(placed) > 1):
        raise GoliveError(
            f"{where} ({name}) doesn't say when it is.",
            remedy="Give it after and/or before (steps), or hours from the start of the window, negative for before.",
        )
    minutes = shape.get("minutes", 0)
    if minutes < 0:
        raise GoliveError(f"{where} ({name}) takes {minutes} minutes.", remedy="Give minutes from 0.")
    return Step(
        name,
        ACTION,
        title,
        owner,
        parts,
        needs=(shape["after"],) if "after" in shape else (),
        anchor=START if "hours" in shape else "",
        hours=float(shape.get("hours", 0)),
        seconds=minutes * 60.0,
        before=shape.get("before", ""),
    )


def _text(value: Any, where: str) -> Mapping[str, str]:
    """A country's own text, per language."""
    if isinstance(value, str) and value.strip():
        return {SOURCE: value}
    if isinstance(value, dict) and value and all(isinstance(v, str) and v.strip() for v in value.values()):
        return value
    raise GoliveError(f"{where} is no text.", remedy="Write a text, or one per language: {en: ..., fr: ...}.")


def counted(rehearsals: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rehearsals that say how long a step takes: the newest of those that passed, the oldest first."""
    return [one for one in rehearsals if one["passed"]][-REHEARSALS_READ:]


def measured(rehearsals: Iterable[Mapping[str, Any]]) -> dict[str, Seconds]:
    """How long each step takes, from what the newest rehearsals took.

    Args:
        rehearsals: the oldest first, each with ``passed`` and ``steps`` (seconds by step).
    """
    took: dict[str, list[float]] = {}
    for rehearsal in counted(rehearsals):
        for step, seconds in rehearsal["steps"].items():
            took.setdefault(step, []).append(float(seconds))
    return {
        step: Seconds(round(median(seconds), 1), round(max(seconds), 1), len(seconds))
        for step, seconds in took.items()
    }


def timeline(declared: Declared, seconds: Mapping[str, Seconds], ttl: int, hypercare_days: int) -> Timeline:
    """The plan of a night.

    Args:
        declared: see `understood`.
        seconds: see `measured`.
        ttl: of the switched name, seconds.
        hypercare_days: how long the registry is watched closely.
    """
    rows = _scheduled(night(declared), seconds)
    by_name = {row.step.name: row for row in rows}
    live = by_name[_phases.NAMES[-1]]
    for step in (*BEFORE, *(one for one in declared.steps if one.anchor)):
        rows.append(_fixed(step, step.hours * 3600.0))
    for step in AFTER:
        hours = hypercare_days * 24.0 if step.moment == "hypercare_end" else step.hours
        rows.append(_fixed(step, None if live.ends is None else live.ends + hours * 3600.0))
    back = seconds.get(ROLLBACK)
    if back is None and declared.rollback_seconds is not None:
        back = Seconds(declared.rollback_seconds, declared.rollback_seconds)
    last_safe = None
    if back and declared.start and declared.end:
        last_safe = (declared.end - declared.start).total_seconds() - back.worst - ttl
    door = by_name[_phases.WINDOW_CLOSES]
    warnings = _warnings(declared, seconds, back, last_safe, door)
    return Timeline(declared, _in_order(rows), door, back, ttl, last_safe, warnings)


def _warnings(
    declared: Declared,
    seconds: Mapping[str, Seconds],
    back: Seconds | None,
    last_safe: float | None,
    door: Row,
) -> tuple[str, ...]:
    said = []
    if not seconds:
        said.append(NOT_REHEARSED)
    if declared.start is None:
        said.append(NO_NIGHT)
    if back is None:
        said.append(NO_WAY_BACK)
    elif not back.rehearsals:
        said.append(DECLARED_WAY_BACK)
    if last_safe is not None and door.ends is not None and door.worst_ends is not None:
        if door.ends > last_safe:
            said.append(TOO_LONG)
        elif door.worst_ends > last_safe:
            said.append(TOO_LATE)
    return tuple(said)


def _in_order(rows: list[Row]) -> tuple[Row, ...]:
    """The days before by their time, the night as its steps follow from each other, then what comes after it."""
    before = sorted((row for row in rows if row.step.anchor == START), key=lambda row: row.starts or 0.0)
    night = [row for row in rows if not row.step.anchor]
    return (*before, *night, *(row for row in rows if row.step.anchor == LIVE))


def _ordered(steps: list[Step]) -> list[Step]:
    """Each after what it waits for, otherwise as they stand.

    Raises:
        GoliveError: see `night`.
    """
    names = {step.name for step in steps}
    waits = {step.name: set(step.needs) for step in steps}
    for step in steps:
        for other in (*step.needs, step.before):
            if other and other not in names:
                raise _wrong(
                    f"lets the step {step.name} wait for or precede {other!r}, which is no step of the night",
                    f"Use one of {', '.join(sorted(names - {step.name}))}",
                )
        if step.before:
            waits[step.before].add(step.name)
    sorter = graphlib.TopologicalSorter(waits)
    try:
        sorter.prepare()
    except graphlib.CycleError as exc:
        raise _wrong(
            f"has steps that wait for each other: {', '.join(exc.args[1])}", "Correct after or before"
        ) from exc
    by_name = {step.name: replace(step, needs=tuple(sorted(waits[step.name]))) for step in steps}
    place = {step.name: number for number, step in enumerate(steps)}
    ordered: list[Step] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=place.__getitem__)
        ordered += [by_name[name] for name in ready]
        sorter.done(*ready)
    return ordered


def _scheduled(steps: list[Step], seconds: Mapping[str, Seconds]) -> list[Row]:
    rows: dict[str, Row] = {}
    for step in steps:
        takes = _takes(step, seconds)
        waits = [rows[name] for name in step.needs]
        starts = _latest([row.ends for row in waits])
        worst_starts = _latest([row.worst_ends for row in waits])
        rows[step.name] = Row(
            step,
            takes,
            starts,
            None if starts is None or takes is None else starts + takes.median,
            None if worst_starts is None or takes is None else worst_starts + takes.worst,
        )
    return list(rows.values())


def _latest(ends: list[float | None]) -> float | None:
    """The last of them; 0 where nothing is waited for, None where one isn't known."""
    known = [end for end in ends if end is not None]
    return max(known, default=0.0) if len(known) == len(ends) else None


def _takes(step: Step, seconds: Mapping[str, Seconds]) -> Seconds | None:
    if step.kind == PHASE:
        return seconds.get(step.name)
    return Seconds(step.seconds or 0.0, step.seconds or 0.0)


def _fixed(step: Step, starts: float | None) -> Row:
    """A step outside the night."""
    takes = None if step.seconds is None else Seconds(step.seconds, step.seconds)
    end = None if starts is None else starts + (takes.median if takes else 0.0)
    return Row(step, takes, starts, end, end)
