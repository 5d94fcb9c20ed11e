# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a request to open a run comes to: may it go on, back, or close its way back? Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.dfr.golive.plugins.module_utils import _phases
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._holder import Owner
from ansible_collections.dfr.golive.plugins.module_utils._night import Learned
from ansible_collections.dfr.golive.plugins.module_utils._run import (
    FINALIZE,
    Outcome,
    RunState,
    Status,
)

ROLLBACK_PLAYBOOK = "playbooks/rollback.yml"
NOTHING_LEARNED = Learned()
SAY_WHY = "Give -e golive_reason='<why>' -e golive_approver='<who has approved it>'; both are journalled."


@dataclass(frozen=True)
class Request:
    """Who wants to open a run, and what for.

    Attributes:
        mode: live or rehearsal.
        intent: golive, rollback or finalize.
        until: phase to stop after; empty for all.
        takeover: reason for taking the lock from whoever holds it; empty for not doing so.
        limit_seconds: how long the session may be silent between two records before its lock may be taken.
        owner: the asking process on the controller.
        gone_session: the session whose process the controller has proven to be gone; empty for none.
        dry: check mode; nothing is taken and nothing is written.
        reason: why it goes back after users were let in, or why the way back is closed.
        approver: who has approved it.
        reverse: the way back that the inventory chooses.
        learned: what plan and rehearsals say of a live run.
    """

    mode: str
    intent: str
    until: str
    takeover: str
    limit_seconds: int
    owner: Owner
    gone_session: str = ""
    dry: bool = False
    reason: str = ""
    approver: str = ""
    reverse: str = "none"
    learned: Learned = NOTHING_LEARNED

    def lacking(self) -> list[str]:
        """What has to be said before something is done that only people may decide."""
        said = {"golive_reason": self.reason, "golive_approver": self.approver}
        return [name for name, value in said.items() if not value.strip()]


@dataclass(frozen=True)
class Decision:
    """What opening comes to.

    Attributes:
        run: the run that goes on; None for a new one (golive) or nothing to do (rollback).
        kind: begin, continue, undo, live, finalize, nothing.
    """

    run: RunState | None
    kind: str


def decide(country: str, runs: list[RunState], request: Request) -> Decision:
    """What a request comes to in this state.

    Raises:
        GoliveError: it can't be done, with the way out.
    """
    _phases.until(request.until)
    last = runs[-1] if runs else None
    if last is not None and last.mode != request.mode:
        if last.outcome in (Outcome.OPEN, Outcome.STOPPED):
            raise GoliveError(
                f"Run {last.id} of {country} is a {last.mode} run and isn't finished, but golive_mode is"
                f" {request.mode}.",
                remedy=f"Finish it or roll it back with golive_mode {last.mode} first.",
            )
        last = next((run for run in reversed(runs) if run.mode == request.mode), None)
    if request.intent == "rollback":
        return _decide_rollback(country, last, request)
    if request.intent == FINALIZE:
        return _decide_finalize(country, last, request)
    if last is None or last.outcome is Outcome.ROLLED_BACK:
        return Decision(None, "begin")
    if last.outcome is Outcome.LIVE:
        return Decision(last, "live")
    if last.rollback_began:
        raise GoliveError(
            f"A rollback of run {last.id} of {country} has begun and isn't finished"
            f" ({', '.join(last.to_undo) or 'closing'} still to undo), so this run can't go forward.",
            remedy=f"Finish it with {ROLLBACK_PLAYBOOK}; the next golive.yml is a new run.",
        )
    return Decision(last, "continue")


def _decide_rollback(country: str, last: RunState | None, request: Request) -> Decision:
    if last is None or last.outcome is Outcome.ROLLED_BACK:
        return Decision(None, "nothing")
    if last.users_in:
        _demand_way_back(country, last, request)
    if not last.to_undo and not last.rollback_began:
        return Decision(None, "nothing")
    return Decision(last, "undo")


def _demand_way_back(country: str, run: RunState, request: Request) -> None:
    """
    Raises:
        GoliveError: users may have been let in, and what they wrote would be lost, or nobody said why to go back.
    """
    if run.finalized:
        raise GoliveError(
            f"{country} can't be rolled back: {run.finalized['approver']} closed the way back at"
            f" {run.finalized['time']} ({run.finalized['reason']}).",
            remedy="Go forward: mend what is wrong in production.",
        )
    phase = run.phase(_phases.WINDOW_CLOSES)
    if phase.status is Status.UNDONE:
        return
    since = (
        f"{phase.name} began at {phase.started} in run {run.id}, so users may have been let into production"
    )
    if run.way_back == "none":
        raise GoliveError(
            f"{country} can't be rolled back: {since} and may have registered farmers there,"
            " which going back would lose, since no way back was prepared (golive_reverse is none).",
            remedy="Go forward: mend what is wrong in production"
            + ("." if run.outcome is Outcome.LIVE else ", then run golive.yml again."),
        )
    if request.reverse not in (run.way_back, "pack"):
        raise GoliveError(
            f"golive_reverse is {request.reverse}, but the way back of run {run.id} was prepared as {run.way_back}.",
            remedy=f"Give -e golive_reverse={run.way_back}.",
        )
    if run.rollback_began and run.rollback.get("reason"):
        return
    lacking = request.lacking()
    if lacking:
        raise GoliveError(
            f"{country}: {since}. Going back closes production for them and brings what they wrote back by"
            f" {request.reverse}; that needs {' and '.join(lacking)}.",
            remedy=SAY_WHY,
        )


def _decide_finalize(country: str, last: RunState | None, request: Request) -> Decision:
    if last is None or last.outcome is not Outcome.LIVE:
        raise GoliveError(
            f"{country} isn't live, so there is no way back to close.",
            remedy="Run golive.yml to its end, or playbooks/rollback.yml.",
        )
    if last.finalized:
        return Decision(last, "nothing")
    lacking = request.lacking()
    if lacking:
        raise GoliveError(
            f"Closing the way back of {country} is for ever and needs {' and '.join(lacking)}.",
            remedy=SAY_WHY,
        )
    return Decision(last, "finalize")
