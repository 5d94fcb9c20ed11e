# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rehearsals of a country came to: which plan, whether it passed, the seconds of each step.

A rehearsal has hosts, a journal and a lock of its own. What remains of it lies on the live state host, in a journal
beside the country's: `<country>-rehearsals`. It is chained as every journal is: nobody can add a rehearsal that wasn't,
or make an old one young.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _criteria, _phases, _strict
from ansible_collections.dfr.golive.plugins.module_utils._chain import moment
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, failed, passed
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal

EVENT = "rehearsed"
SUFFIX = "-rehearsals"
CLONE, ROLLBACK = "clone", "rollback"
STEPS: tuple[str, ...] = (CLONE, *_phases.NAMES, ROLLBACK)
"""What a rehearsal may time: the clone, each phase with its gates, and the way back."""


@dataclass(frozen=True)
class Rehearsal:
    """One rehearsal.

    Attributes:
        run_id: of the rehearsal, in its own journal.
        plan: digest of the plan that was rehearsed, as `plan_digest` gives it.
        passed: every phase succeeded, or what was begun was rolled back as planned.
        steps: seconds of machine time by step, those that were done only; names as in `STEPS`.
        reason: why it did not pass; empty when it did.
        finished: stamp of the record, set by the journal.
    """

    run_id: str
    plan: str
    passed: bool
    steps: Mapping[str, float]
    reason: str = ""
    finished: str = ""


def plan_digest(folder: Path) -> str:
    """The digest of a country's plan, as its teams sign it.

    Args:
        folder: ``signoffs`` of the live inventory. Without criteria in it the plan is the phases alone.

    Raises:
        GoliveError: the criteria are there and can't be understood.
    """
    try:
        content = _criteria.read(folder)
    except _strict.MissingError:
        return _strict.sha256(_strict.canonical({"phases": list(_phases.NAMES)}))
    return _strict.sha256(_strict.canonical(_criteria.understood(content).plan()))


def book(state_dir: str | Path, country: str) -> Journal:
    """The journal that keeps a country's rehearsals."""
    return Journal(state_dir, f"{country}{SUFFIX}")


def keep(journal: Journal, rehearsal: Rehearsal) -> bool:
    """Journal what a rehearsal came to, once; whether anything was written.

    Args:
        journal: as `book` gives it.

    Raises:
        GoliveError: it names an unknown step, it was kept already with another result, or it can't be written.
    """
    more = sorted(set(rehearsal.steps) - set(STEPS))
    if more:
        raise GoliveError(
            f"The rehearsal {rehearsal.run_id} times {', '.join(more)}, which is no step of the plan."
        )
    before = [one for one in read(journal) if one.run_id == rehearsal.run_id]
    # A later session of the same run, such as its way back, doesn't know what the clone took.
    known = {step: seconds for one in before for step, seconds in one.steps.items()}
    wanted = _without_time(replace(rehearsal, steps={**known, **rehearsal.steps}))
    if before and _without_time(before[-1]) == wanted:
        return False
    if journal.tell(rehearsal.run_id, EVENT, mode="rehearsal", rehearsal=wanted) is None:
        raise GoliveError(
            f"Somebody is writing to {journal.folder}, so the rehearsal {rehearsal.run_id} was not kept.",
            remedy="Run playbooks/rehearse.yml again when they have finished.",
        )
    return True


def of_run(run: Mapping[str, Any], plan: str, clone_seconds: float = 0) -> Rehearsal:
    """What a run of a rehearsal came to.

    Args:
        run: as `_run.RunState.as_dict` gives it.
        plan: digest of the plan that was rehearsed.
        clone_seconds: what making the clone took, 0 when nobody measured it.

    Raises:
        GoliveError: it was no rehearsal.
    """
    if run.get("mode") != "rehearsal":
        raise GoliveError(
            f"The run {run.get('id') or 'without a name'} is no rehearsal, so nothing is kept of it."
        )
    steps = {
        phase["name"]: round(phase["seconds"] + (phase["gate_seconds"] or 0), 3)
        for phase in run["phases"]
        if phase["status"] in ("succeeded", "undone") and phase["seconds"] is not None
    }
    if clone_seconds:
        steps[CLONE] = round(float(clone_seconds), 3)
    back = [part["seconds"] for part in run["window"]["split"] if part["name"] == "rollback"]
    if back:
        steps[ROLLBACK] = back[0]
    failure = run.get("failure") or {}
    passed_it = run["outcome"] == "live" or (run["outcome"] == "rolled_back" and not failure)
    if passed_it:
        reason = ""
    elif failure:
        reason = one_line(f"{failure['phase']} stopped: {failure['reason']}")
    else:
        reason = f"It was {run['outcome']} before the last phase."
    return Rehearsal(str(run["id"]), plan, passed_it, steps, reason)


def _without_time(rehearsal: Rehearsal) -> dict[str, Any]:
    content = asdict(rehearsal)
    del content["finished"]
    return content


def read(journal: Journal) -> list[Rehearsal]:
    """All rehearsals, the oldest first; of each run what was said last.

    Raises:
        GoliveError: the journal isn't what was written.
    """
    reading, _holder = journal.read()
    found: dict[str, Rehearsal] = {}
    for record in reading.records:
        if record["event"] == EVENT:
            found.pop(record["run_id"], None)
            found[record["run_id"]] = Rehearsal(**record["rehearsal"], finished=record["time"])
    return list(found.values())


def as_run(rehearsal: Rehearsal) -> dict[str, str]:
    """A rehearsal among the earlier runs of its country."""
    outcome = "stopped" if not rehearsal.passed else "rolled_back" if ROLLBACK in rehearsal.steps else "live"
    return {
        "id": rehearsal.run_id,
        "mode": "rehearsal",
        "outcome": outcome,
        "finished": rehearsal.finished,
    }


def armed(rehearsals: Sequence[Rehearsal], plan: str, days: int, now: datetime) -> Gate:
    """Whether a country may go live: the last rehearsal of this very plan passed, not too long ago.

    Args:
        rehearsals: as `read` gives them.
        plan: digest of what is about to run.
        days: how old it may be.
    """
    name, again = "rehearsal", "Rehearse with playbooks/rehearse.yml until it passes."
    mine = [one for one in rehearsals if one.plan == plan]
    if not mine:
        return failed(
            name,
            f"None of {len(rehearsals)} known rehearsals was of the plan that is about to run ({plan[:19]}).",
            again,
        )
    last = mine[-1]
    if not last.passed:
        return failed(
            name, f"The last rehearsal of this plan, {last.run_id}, did not pass: {last.reason}", again
        )
    age = now - moment(last.finished)
    if age > timedelta(days=days):
        return failed(
            name,
            f"This plan was last rehearsed {age.days} days ago ({last.run_id}); {days} are allowed.",
            again,
        )
    return passed(name, f"This plan was rehearsed at {last.finished} ({last.run_id}).")
