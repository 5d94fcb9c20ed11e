# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people and programs read of a run: status, report.json and report.html, all from the same data."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import (
    _night,
    _pages,
    _phases,
    _rehearsals,
    _timeline,
)
from ansible_collections.dfr.golive.plugins.module_utils._chain import moment
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._holder import Holder
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal
from ansible_collections.dfr.golive.plugins.module_utils._language import ENGLISH
from ansible_collections.dfr.golive.plugins.module_utils._run import (
    Outcome,
    RunState,
    Status,
    compute,
    describe,
    first_line,
    usual_seconds,
)
from ansible_collections.dfr.golive.plugins.module_utils._watch_status import (
    Sample,
    read_samples,
    status_of,
)

SCHEMA = "dfr.golive/report/1"
RECONCILED_BY = ("enable_users", "sync_data")
"""The phases that reconcile, the one that counts first."""
QUIET_SECONDS = 60
EVIDENCE = (
    "sync_data/tables",
    "sync_data/differences",
    "sync_data/reconciliation",
    "check_health/latencies",
    "enable_users/reconciliation",
)
"""What of a run's evidence the reports show, each phase's `STEPS` besides."""
STEPS = "steps"
"""Evidence of every phase: the tasks it was made of, as the controller saw them."""
_REPORTED = {
    Status.SUCCEEDED.value: "succeeded",
    Status.UNDONE.value: "undone",
    Status.PENDING.value: "pending",
}
_MARKS = {
    Status.PENDING.value: " ",
    Status.RUNNING.value: ">",
    Status.INTERRUPTED.value: "?",
    Status.SUCCEEDED.value: "+",
    Status.FAILED.value: "x",
    Status.UNDOING.value: "<",
    Status.UNDO_FAILED.value: "x",
    Status.UNDONE.value: "-",
}


def when(text: str | None) -> str:
    """A stamp as people read it."""
    return f"{moment(text):%Y-%m-%d %H:%M:%S} UTC" if text else ""


def inform(
    journal: Journal, run_id: str, wanted: list[str], inventory: str, *, for_report: bool = False
) -> dict[str, Any]:
    """Everything that status and report are made of, proven.

    Args:
        journal: of the country.
        run_id: the run to tell of; the last one when empty.
        wanted: evidence to return, each as ``phase/name``.
        inventory: for the commands in the text.
        for_report: return what the reports show as well.

    Raises:
        GoliveError: the journal or its evidence is damaged, or there is no such run.
    """
    reading, holder = journal.read()
    runs = compute(reading.records, holder.session if holder else "")
    run = describe(reading.records, holder, run_id)
    kept = [(phase.name, file) for phase in run.phases for file in phase.files] if run else []
    proven = {f"{phase}/{file['name']}": journal.evidence(file) for phase, file in kept}
    if for_report:
        wanted = [*wanted, *EVIDENCE, *(f"{name}/{STEPS}" for name in _phases.NAMES)]
    text = status_text(journal.country, run, holder, journal.clock(), inventory)
    if reading.torn:
        text += f"\nThe journal ends in a half-written record ({len(reading.torn)} bytes): a run was cut off."
    return {
        "country": journal.country,
        "journal": {
            "path": str(journal.path),
            "records": len(reading.records),
            "head": reading.head,
            "torn_bytes": len(reading.torn),
        },
        "lock": holder.as_dict() if holder else {},
        "runs": [
            {
                "id": each.id,
                "mode": each.mode,
                "outcome": each.outcome.value,
                "started": each.started,
                "finished": each.finished,
            }
            for each in runs
        ],
        "run": run.as_dict() if run else {},
        "timeline": _timeline.as_dicts(
            record for record in reading.records if run and record["run_id"] == run.id
        ),
        "usual": _usual(journal, run, runs) if run else {},
        "evidence": {name: proven[name] for name in wanted if name in proven},
        "evidence_proven": len(proven),
        "watch": _watched(journal) if for_report and run and run.outcome is Outcome.LIVE else {},
        "text": text,
    }


def _usual(journal: Journal, run: RunState, runs: Iterable[RunState]) -> dict[str, float]:
    """What was known when the run began: the seconds of earlier runs, else those of the rehearsals."""
    book = _rehearsals.book(journal.folder.parent, journal.country)
    known = [one for one in _rehearsals.read(book) if one.finished < run.started]
    earlier = usual_seconds(each for each in runs if each.id != run.id and each.started < run.started)
    return {**_night.expected(known), **earlier}


def _watched(journal: Journal) -> dict[str, Any]:
    """What the hypercare watch has seen so far; empty before its first look.

    Raises:
        ProbeError: its samples are there and can't be read.
    """
    folder = journal.folder / "watch"
    samples = read_samples(folder / "samples.jsonl")
    days = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("status/2*.json"))]
    return watch_of(samples, journal.country, days, journal.clock().timestamp()) if samples else {}


def watch_of(
    samples: Sequence[Sample], country: str, days: Sequence[dict[str, Any]], now: float
) -> dict[str, Any]:
    """The samples of a watch put together.

    Args:
        samples: at least one, in order.
        country: its code.
        days: the statuses that the watch has written.
        now: seconds since 1970.
    """
    status = partial(status_of, samples, country=country, end=now, interval=_interval(samples))
    since = moment(days[-1]["end"]).timestamp() if days else samples[0].at
    series: dict[str, dict[str, Any]] = {}
    for sample in samples:
        for check in sample.checks:
            one = series.setdefault(check.name, {"unit": check.unit, "at": [], "values": [], "bad": []})
            if check.verdict != "pass":
                one["bad"].append(round(sample.at))
            if check.value is not None:
                one["at"].append(round(sample.at))
                one["values"].append(round(check.value, 4))
    return {
        "days": list(days),
        "since": status(name="since", begin=since),
        "whole": status(name="whole", begin=samples[0].at),
        "series": series,
    }


def _interval(samples: Sequence[Sample]) -> float:
    """Seconds between two looks, as it mostly was."""
    steps = [after.at - before.at for before, after in pairwise(samples)]
    return max(1.0, median(steps)) if steps else 300.0


def build(info: dict[str, Any], title: str = "") -> dict[str, Any]:
    """The report of one run.

    Args:
        info: what `journal_info` returned.
        title: the country's name for people.

    Raises:
        GoliveError: there is no run to report on.
    """
    run = info["run"]
    if not run:
        raise GoliveError(f"Nothing has ever run for {info['country']}, so there is nothing to report.")
    by_name = {phase["name"]: phase for phase in run["phases"]}
    sync = by_name["sync_data"]["result"]
    window = run["window"]
    return {
        "schema": SCHEMA,
        "country": info["country"],
        "title": title or info["country"],
        "run_id": run["id"],
        "mode": run["mode"],
        "outcome": "stopped" if run["outcome"] == Outcome.OPEN.value else run["outcome"],
        "in_progress": run["outcome"] == Outcome.OPEN.value,
        "started": run["started"],
        "finished": run["finished"],
        "owner": {key: run["owner"].get(key, "") for key in ("user", "host")},
        "sessions": run["sessions"],
        "failure": run["failure"] if run["outcome"] != Outcome.LIVE.value else None,
        "freeze_window": window,
        "phases": [
            {**_phase(by_name[phase.name], phase), "usual_seconds": info["usual"].get(phase.name)}
            for phase in _phases.PHASES
        ],
        "timeline": info["timeline"],
        "steps": [
            {"phase": name, **step}
            for name in _phases.NAMES
            for step in info["evidence"].get(f"{name}/{STEPS}", [])
        ],
        "latencies": info["evidence"].get("check_health/latencies", []),
        "sync": {
            "sources": [
                *_old_registries(by_name["freeze_legacy"]["result"].get("loaded", {})),
                *sync.get("sources", []),
            ],
            "tables": info["evidence"].get("sync_data/tables", []),
            "filestore": sync.get("filestore"),
        },
        "reconciliation": next(
            filter(None, (info["evidence"].get(f"{name}/reconciliation") for name in RECONCILED_BY)), []
        ),
        "rollback": run["rollback"],
        "finalized": run["finalized"],
        "signoffs": by_name["preflight"]["result"].get("signoffs", []),
        "waivers": by_name["preflight"]["result"].get("waivers", []),
        "journal": {key: info["journal"][key] for key in ("records", "head", "path")},
    }


def _old_registries(loaded: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Where the rows of each legacy source went; ``seconds`` are those of the window."""
    return [
        {
            "name": name,
            "kind": "legacy",
            "rows": sum(found["source"] for found in entities.values()),
            "rejected": sum(found["rejected"] for found in entities.values()),
            "seconds": round(sum(found.get("load", {}).get("seconds", 0) for found in entities.values()), 3),
            "entities": entities,
        }
        for name, entities in loaded.items()
    ]


def _phase(state: dict[str, Any], phase: _phases.Phase) -> dict[str, Any]:
    return {
        "number": phase.number,
        "name": phase.name,
        "title": phase.title,
        "status": _REPORTED.get(state["status"], "failed"),
        "state": state["status"],
        "started": state["started"],
        "finished": state["finished"],
        "seconds": state["seconds"],
        "gate_seconds": state["gate_seconds"],
        "human_seconds": state["human_seconds"],
        "attempts": state["attempts"],
        "gates": state["gates"],
        "result": state["result"],
        "reason": state["reason"],
        "task": state["task"],
    }


def write(report: dict[str, Any], pages: Mapping[str, str], artifacts: Path) -> tuple[Path, bool]:
    """Write report.json and the pages that go with it, and point ``latest`` at their folder.

    Returns:
        The folder, and whether anything changed.

    Raises:
        GoliveError: the folder can't be written.
    """
    country = artifacts / report["country"]
    folder = country / report["run_id"]
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    changed = _pages.write(folder, {"report.json": text, **pages})
    latest = country / "latest"
    if not latest.is_symlink() or latest.readlink() != Path(report["run_id"]):
        draft = country / f".latest.{os.getpid()}"
        draft.unlink(missing_ok=True)
        draft.symlink_to(report["run_id"])
        draft.replace(latest)
        changed = True
    return folder, changed


def status_text(
    country: str, run: RunState | None, holder: Holder | None, now: datetime, inventory: str = ""
) -> str:
    """Where a country stands, for people."""
    if run is None:
        return "\n".join(
            [f"{country}: nothing has ever run here.", *_lock_lines(holder, now), *way(None, inventory)]
        )
    lines = [_headline(country, run)]
    lines.append(
        f"Started {when(run.started)} by {run.owner.get('user', '?')}@{run.owner.get('host', '?')}"
        + (f", {run.sessions} sessions" if run.sessions > 1 else "")
        + (f"; a {run.mode}" if run.mode != "live" else "")
        + "."
    )
    lines += [_phase_line(number, phase) for number, phase in enumerate(run.phases, start=1)]
    lines += _window_lines(run, now)
    if run.failure and run.outcome is not Outcome.LIVE:
        failure = run.failure
        undo = "the undo of " if failure["undo"] else ""
        lines.append(
            f"Last failure: {undo}{failure['phase']}, {when(failure['time'])}: {first_line(failure['reason'], 400)}"
        )
    lines += _lock_lines(holder, now)
    if holder is None:
        lines += way(run, inventory)
    return "\n".join(lines)


def _headline(country: str, run: RunState) -> str:
    done = f"{len(run.done)} of {len(run.phases)} phases done"
    if run.outcome is Outcome.LIVE:
        closed = f", its way back closed {when(run.finalized['time'])}" if run.finalized else ""
        return f"{country} is live since {when(run.finished)} (run {run.id}){closed}."
    if run.outcome is Outcome.ROLLED_BACK:
        return f"{country}: run {run.id} was rolled back, finished {when(run.finished)}."
    if run.rollback_began:
        left = ", ".join(run.to_undo) or "only to be closed"
        return f"{country}: run {run.id} is being rolled back; left: {left}."
    at = run.reached
    where = f"at {at.name} ({at.status.value.replace('_', ' ')})" if at else "before it was closed"
    if run.outcome is Outcome.STOPPED:
        return f"{country}: run {run.id} stopped {where}; {done}."
    if at is not None and at.status is Status.RUNNING:
        return f"{country}: run {run.id} is working on {at.name}; {done}."
    return f"{country}: run {run.id} is open {where}; {done}."


def _phase_line(number: int, phase: Any) -> str:
    tail = "" if phase.seconds is None else ENGLISH.duration(phase.seconds)
    if phase.attempts > 1:
        tail += f"  attempt {phase.attempts}"
    if phase.reason and phase.status in (Status.FAILED, Status.UNDO_FAILED):
        tail += f"  {first_line(phase.reason, 120)}"
    status = phase.status.value
    return f"  [{_MARKS[status]}] {number} {phase.name:<16} {status.replace('_', ' '):<12} {tail}".rstrip()


def _window_lines(run: RunState, now: datetime) -> list[str]:
    window = run.window
    if window.opened is None:
        return ["Freeze window: not opened."]
    if window.closed is None:
        open_for = (now - moment(window.opened)).total_seconds()
        return [f"Freeze window: OPEN since {when(window.opened)}, {ENGLISH.duration(open_for)}."]
    by = "the users are in" if window.closed_by == _phases.WINDOW_CLOSES else "rolled back"
    return [f"Freeze window: {ENGLISH.duration(window.seconds or 0)}, closed {when(window.closed)} ({by})."]


def _lock_lines(holder: Holder | None, now: datetime) -> list[str]:
    if holder is None:
        return ["Lock: free."]
    silent = holder.silent_seconds(now)
    held = f"Lock: held by {holder.owner.where} for {holder.intent} since {when(holder.since)}"
    lines = [f"{held}, last sign of life {ENGLISH.duration(silent)} ago."]
    if silent > QUIET_SECONDS:
        lines.append(
            "          If that run is gone: start again from the same controller, which notices it;"
            " from another one with -e golive_takeover='<reason>'."
        )
    return lines


def way(run: RunState | None, inventory: str) -> list[str]:
    """The commands that lead on and back from here."""
    tail = f" -i {inventory}" if inventory else ""
    on, back = f"ansible-playbook golive.yml{tail}", f"ansible-playbook playbooks/rollback.yml{tail}"
    if run is None or run.outcome is Outcome.ROLLED_BACK:
        return [f"Start:    {on}"]
    if run.outcome is Outcome.LIVE and (run.finalized or run.way_back == "none"):
        return []
    why = "-e golive_reason='<why>' -e golive_approver='<who>'"
    after = f"{back} {why}   (what users wrote comes back by {run.way_back})"
    if run.outcome is Outcome.LIVE:
        return [f"Go back:  {after}"]
    if run.rollback_began:
        return [f"Go on:    {back}"]
    if run.users_in:
        if run.way_back != "none":
            return [f"Go on:    {on}", f"Go back:  {after}"]
        return [
            f"Go on:    {on}",
            "Go back:  no longer possible: users may have been let in and may have registered farmers.",
        ]
    if not run.to_undo:
        return [f"Go on:    {on}", "Go back:  nothing was changed, there is nothing to undo."]
    return [f"Go on:    {on}", f"Go back:  {back}"]


def stats(report: dict[str, Any]) -> dict[str, Any]:
    """What the next job of a workflow may want to know."""
    window, journal = report["freeze_window"], report["journal"]
    return {
        "country": report["country"],
        "run_id": report["run_id"],
        "outcome": report["outcome"],
        "done": [phase["name"] for phase in report["phases"] if phase["status"] == "succeeded"],
        "window_open": bool(window["opened"]) and not window["closed"],
        "window_seconds": window["seconds"] if window["closed"] else None,
        "journal_records": journal["records"],
        "journal_head": journal["head"],
    }


def closing_text(report: dict[str, Any]) -> str:
    """What a run came to, in a few lines."""
    window = report["freeze_window"]
    done = [phase["name"] for phase in report["phases"] if phase["status"] == "succeeded"]
    run, country = f"run {report['run_id']}", report["country"]
    outcome = {
        "live": f"{country} is live: all {len(done)} phases of {run} are done.",
        "rolled_back": f"{country} is rolled back: {run} is undone.",
        "stopped": f"{country}: {run} stops here; done: {', '.join(done) or 'nothing'}.",
    }[report["outcome"]]
    lines = [outcome]
    if "writes" in report["rollback"]:
        lines.append(_brought_text(report["rollback"]))
    opened = when(window["opened"])
    if window["closed"]:
        lines.append(
            f"Freeze window: {ENGLISH.duration(window['seconds'])}, {opened} to {when(window['closed'])}."
        )
        lines += [f"  {part['name']:<16} {part['seconds']:8.1f} s" for part in window["split"]]
        if window["idle_seconds"]:
            lines.append(f"  {'nobody at work':<16} {window['idle_seconds']:8.1f} s")
        if window["human_seconds"]:
            lines.append(f"  {'people':<16} {window['human_seconds']:8.1f} s")
    elif window["opened"]:
        lines.append(f"The freeze window is OPEN since {opened}: nobody can register a farmer.")
    return "\n".join(lines)


def _brought_text(rollback: dict[str, Any]) -> str:
    """What came back of what users wrote, in one sentence."""
    came = f"{rollback['writes']} writes to {rollback['rows']} rows since the switch"
    pack = f"the pack is {rollback['pack']['folder']} on production's host"
    if rollback["mode"] == "pack":
        return f"{came} are in a pack, none in the old system: {pack}."
    return f"{came} came back by {rollback['mode']}, compared row by row: {rollback['verdict']}; {pack}."
