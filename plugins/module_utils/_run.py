# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a country stands: computed from its journal and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import Enum
from statistics import median
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _phases
from ansible_collections.dfr.golive.plugins.module_utils._chain import Record, between
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._holder import Holder

FINALIZE = "finalize"


class Status(str, Enum):
    """What the journal says of a phase."""

    PENDING = "pending"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDO_FAILED = "undo_failed"
    UNDONE = "undone"


class Outcome(str, Enum):
    """What the journal says of a run; *open* while no event has ended it."""

    OPEN = "open"
    STOPPED = "stopped"
    LIVE = "live"
    ROLLED_BACK = "rolled_back"


@dataclass
class PhaseState:
    """One phase of one run.

    Attributes:
        name: see `_phases`.
        status: see `Status`.
        attempts: how often it began or was refused.
        began: its apply may have changed something, so it has something to undo.
        started, finished: stamps of the last attempt, the first from its begin (after its gates).
        seconds: between the two.
        gate_seconds: before that: its gates, and on a resumed run what was verified again on the way to it.
        human_seconds: between its gates and its begin: what all its sessions waited for people at its hold.
        gates: the verdicts of the last attempt.
        result, files: what its finish journalled, and the evidence kept with it.
        reason, task: why it failed and in which task.
    """

    name: str
    status: Status = Status.PENDING
    attempts: int = 0
    began: bool = False
    started: str | None = None
    finished: str | None = None
    seconds: float | None = None
    gate_seconds: float | None = None
    human_seconds: float = 0.0
    gates: list[dict[str, str]] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    reason: str = ""
    task: str = ""


@dataclass
class Window:
    """The freeze window of a run.

    Attributes:
        opened: the first begin of `freeze_legacy`.
        closed, closed_by: the finish of `enable_users`, or the undo of `freeze_legacy` (rollback).
        seconds: between the two; None while it is open.
        idle_seconds: the part of it in which no session was at work.
        human_seconds: the part of it in which the run waited for people's approval.
        split: seconds by phase, its gates included; with the idle and the human ones they add up to all.
    """

    opened: str | None = None
    closed: str | None = None
    closed_by: str = ""
    seconds: float | None = None
    idle_seconds: float = 0.0
    human_seconds: float = 0.0
    split: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class RunState:
    """One run of a country.

    Attributes:
        id, mode: its name; live or rehearsal.
        outcome: see `Outcome`.
        started, finished: stamps; finished is None while it is open.
        session: the last one that worked on it.
        owner: on whose behalf.
        phases: all nine, in order.
        window: see `Window`.
        rollback_began: an undo has begun, so there is no way forward in this run.
        rollback: why it went back after users were let in, and what came back; empty otherwise.
        finalizing: its last session is closing the way back.
        finalized: when, by whom and why the way back was closed; empty while it is open.
        failure: the last failure: time, phase, reason, task, recheck.
        sessions: how many worked on it.
    """

    id: str
    mode: str
    outcome: Outcome = Outcome.OPEN
    started: str = ""
    finished: str | None = None
    session: str = ""
    owner: dict[str, Any] = field(default_factory=dict)
    phases: list[PhaseState] = field(default_factory=lambda: [PhaseState(name) for name in _phases.NAMES])
    window: Window = field(default_factory=Window)
    rollback_began: bool = False
    rollback: dict[str, Any] = field(default_factory=dict)
    finalizing: bool = False
    finalized: dict[str, Any] = field(default_factory=dict)
    failure: dict[str, Any] | None = None
    sessions: int = 0

    def phase(self, name: str) -> PhaseState:
        return self.phases[_phases.BY_NAME[name].number - 1]

    @property
    def done(self) -> list[str]:
        return [p.name for p in self.phases if p.status is Status.SUCCEEDED]

    @property
    def all_done(self) -> bool:
        return len(self.done) == len(self.phases)

    @property
    def to_undo(self) -> list[str]:
        """What began and isn't undone yet, the last one first."""
        return [p.name for p in reversed(self.phases) if p.began and p.status is not Status.UNDONE]

    @property
    def users_in(self) -> bool:
        """Users may have been let in: they may have written what a way back would lose."""
        return self.phase(_phases.WINDOW_CLOSES).began

    @property
    def way_back(self) -> str:
        """How what users wrote can come back: replication, pack or none; as prepared before the door opened."""
        return str(self.phase("sync_data").result.get("reverse", {}).get("mode", "none"))

    @property
    def reached(self) -> PhaseState | None:
        """The first phase that isn't done; None when all are."""
        return next((p for p in self.phases if p.status is not Status.SUCCEEDED), None)

    def as_dict(self) -> dict[str, Any]:
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def first_line(reason: str, limit: int = 160) -> str:
    """What fits into a line about a failure; the whole of it is in the journal and in the report."""
    return one_line(reason.strip().partition("\n")[0], limit)


def compute(records: Iterable[Record], live_session: str = "") -> list[RunState]:
    """All runs of a journal, the oldest first.

    Args:
        records: verified.
        live_session: the session that holds the lock; what others left running was interrupted.
    """
    grouped: dict[str, list[Record]] = {}
    for record in records:
        grouped.setdefault(record["run_id"], []).append(record)
    return [_compute_run(mine, live_session) for mine in grouped.values()]


def _compute_run(records: list[Record], live_session: str) -> RunState:
    first = records[0]
    run = RunState(
        id=first["run_id"], mode=str(first.get("mode", "live")), started=min(r["time"] for r in records)
    )
    before = held = phase = ""
    waited = 0.0
    for record in records:
        event, time = record["event"], record["time"]
        if record["session"] != run.session:
            _interrupt(run)
            run.sessions += 1
            run.session, before = record["session"], time
            held, waited = "", 0.0
        if held:
            waited += between(held, time)
            run.phase(phase).human_seconds = round(run.phase(phase).human_seconds + between(held, time), 3)
        held, phase = (time, record["phase"]) if event == "hold_begin" else ("", "")
        _apply(run, record, before, waited)
        if event not in ("hold_begin", "hold_finish"):
            before, waited = time, 0.0
    if run.outcome is Outcome.OPEN and run.session != live_session:
        _interrupt(run)
    run.window = _window(records)
    return run


def _interrupt(run: RunState) -> None:
    for phase in run.phases:
        if phase.status is Status.RUNNING:
            phase.status = Status.INTERRUPTED
        elif phase.status is Status.UNDOING:
            phase.status = Status.UNDO_FAILED
            phase.reason = "the controller vanished during the undo"


def _apply(run: RunState, record: Record, before: str, waited: float) -> None:
    """One record's effect on its run.

    Args:
        before: when its session journalled last, holds aside.
        waited: seconds since then at a hold.
    """
    event, time = record["event"], record["time"]
    if event == "finalize":
        told = {key: record.get(key) for key in ("reason", "approver", "result")}
        run.finalized = {**told, "time": time}
    elif run.finalizing and event != "open":
        return  # the country stays live, whatever becomes of it
    elif record.get("intent") == FINALIZE:
        run.finalizing = True
    elif event == "open":
        run.finalizing = False
        run.outcome, run.finished = Outcome.OPEN, None
        if record.get("reason"):
            run.rollback |= {key: record[key] for key in ("reason", "approver", "reverse") if key in record}
        run.owner = record.get("owner", {})
    elif event in ("stop", "close"):
        run.outcome, run.finished = Outcome(record.get("outcome", Outcome.STOPPED.value)), time
    elif record["phase"] in _phases.BY_NAME:
        _apply_to_phase(run, run.phase(record["phase"]), record, before, waited)


def _apply_to_phase(run: RunState, phase: PhaseState, record: Record, before: str, waited: float) -> None:
    event, time = record["event"], record["time"]
    if event in ("begin", "refused"):
        phase.attempts += 1
        phase.started, phase.finished, phase.seconds = time, None, None
        phase.gate_seconds = round(between(before, time) - waited, 3)
        phase.gates = record.get("gates", [])
        phase.reason = phase.task = ""
        phase.status = Status.RUNNING if event == "begin" else Status.FAILED
        phase.began = phase.began or event == "begin"
    elif event == "finish":
        phase.status = Status.SUCCEEDED
        _end(phase, time)
        phase.result, phase.files = record.get("result", {}), record.get("files", [])
    elif event in ("fail", "undo_fail"):
        run.failure = {
            "time": time,
            "phase": phase.name,
            "reason": record.get("reason", ""),
            "task": record.get("task", ""),
            "recheck": bool(record.get("recheck")),
            "undo": event == "undo_fail",
        }
        if record.get("recheck"):
            return
        phase.reason, phase.task = record.get("reason", ""), record.get("task", "")
        if event == "undo_fail":
            phase.status = Status.UNDO_FAILED
            return
        refused = phase.status is Status.FAILED and phase.finished is None
        if phase.status is not Status.RUNNING and not refused:  # its gates broke before it could begin
            phase.attempts += 1
            phase.started = time
        phase.status = Status.FAILED
        _end(phase, time)
    elif event == "undo_begin":
        run.rollback_began = True
        phase.status = Status.UNDOING
    elif event == "undo_finish":
        phase.status = Status.UNDONE
        if phase.name == _phases.WINDOW_CLOSES and record.get("result"):
            run.rollback = {**run.rollback, **record["result"], "brought_back": time}


def _end(phase: PhaseState, time: str) -> None:
    phase.finished = time
    phase.seconds = between(phase.started, time) if phase.started else None


def _window(records: list[Record]) -> Window:
    window = Window()
    split = dict.fromkeys(_phases.WINDOW, 0.0)
    mark = session = ""
    held = False
    for record in records:
        event, phase, time = record["event"], record["phase"], record["time"]
        if window.opened is None:
            if event == "begin" and phase == _phases.WINDOW_OPENS:
                window.opened = mark = time
        elif window.closed is None:
            if record["session"] != session:
                window.idle_seconds += between(mark, time)
                mark = time
            elif held:
                window.human_seconds += between(mark, time)
                mark = time
            if phase in split and event in ("begin", "refused", "hold_begin", "finish", "fail"):
                split[phase] += between(mark, time)
                mark = time
            if event == "finish" and phase == _phases.WINDOW_CLOSES:
                window.closed, window.closed_by = time, phase
            elif event == "undo_finish" and phase == _phases.WINDOW_OPENS:
                window.closed, window.closed_by = time, "rollback"
                split["rollback"] = between(mark, time)
        session, held = record["session"], event == "hold_begin"
    window.idle_seconds = round(window.idle_seconds, 3)
    window.human_seconds = round(window.human_seconds, 3)
    if window.opened:
        window.split = [{"name": name, "seconds": round(seconds, 3)} for name, seconds in split.items()]
        window.seconds = between(window.opened, window.closed) if window.closed else None
    return window


def usual_seconds(runs: Iterable[RunState]) -> dict[str, float]:
    """How long each phase takes in this country, gates included: the median of those that went well at once."""
    took: dict[str, list[float]] = {}
    for run in runs:
        for phase in run.phases:
            if phase.status is Status.SUCCEEDED and phase.attempts == 1 and phase.seconds is not None:
                took.setdefault(phase.name, []).append(phase.seconds + (phase.gate_seconds or 0.0))
    return {name: round(median(seconds), 3) for name, seconds in took.items()}


def describe(reading_records: list[Record], holder: Holder | None, run_id: str = "") -> RunState | None:
    """One run: the named one, or the last.

    Raises:
        GoliveError: there is no run of that name.
    """
    runs = compute(reading_records, holder.session if holder else "")
    if run_id:
        found = next((run for run in runs if run.id == run_id), None)
        if found is None:
            raise GoliveError(
                f"The journal knows no run {run_id}.",
                remedy="Its runs are: " + (", ".join(run.id for run in runs) or "none") + ".",
            )
        return found
    return runs[-1] if runs else None
