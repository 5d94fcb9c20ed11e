# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a run is opened, how a phase begins in it, and how it ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import (
    _clock,
    _gates,
    _phases,
    _rehearsals,
    _triggers,
)
from ansible_collections.dfr.golive.plugins.module_utils._chain import Record, between, moment, stamp
from ansible_collections.dfr.golive.plugins.module_utils._decide import (
    ROLLBACK_PLAYBOOK,
    Decision,
    Request,
    decide,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._holder import Holder, LockHeldError
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal, Writer
from ansible_collections.dfr.golive.plugins.module_utils._run import (
    FINALIZE,
    Outcome,
    RunState,
    Status,
    compute,
    first_line,
    usual_seconds,
)

REASON_LIMIT = 4000
DRY = (
    "This is a dry run: what is done is verified; of what is to come, preflight is asked and the freeze gone through"
    " without setting it, and there it ends."
)
NO_DECISION = _clock.Decision()


def shortened(reason: str) -> str:
    """A reason as the journal keeps it."""
    text = reason.strip()
    return text if len(text) <= REASON_LIMIT else f"{text[: REASON_LIMIT - 1]}…"


def open_run(journal: Journal, request: Request) -> dict[str, Any]:
    """Open, continue or take back a run: take the lock and say where the country stands.

    Returns:
        ``changed``, ``run`` (what the playbooks work with) and ``summary`` (for people).

    Raises:
        GoliveError: refused, with the way out.
    """
    _phases.until(request.until)
    reading, holder = journal.read()
    runs = compute(reading.records, holder.session if holder else "")
    try:
        decision = decide(journal.country, runs, request)
    except GoliveError:
        # Who is at work comes first: what this one could do if nobody were may be what they are doing.
        _why_taken(journal, holder, request)
        raise
    if decision.kind in ("live", "nothing"):
        return _opened(journal, runs, decision, request, "", "", changed=False)
    if request.dry:
        _why_taken(journal, holder, request)
        run_id = decision.run.id if decision.run else _new_id(journal, runs)
        return _opened(journal, runs, decision, request, run_id, "", changed=False)
    with journal.writing() as writer:
        why = _why_taken(journal, writer.holder, request)
        before = writer.holder
        runs = compute(writer.records)
        decision = decide(journal.country, runs, request)
        if decision.kind in ("live", "nothing"):
            return _opened(journal, runs, decision, request, "", "", changed=False)
        run_id = decision.run.id if decision.run else _new_id(journal, runs)
        taken = writer.take(run_id, request.intent, request.owner, request.limit_seconds)
        notes = _journal_opening(writer, taken, before, why, request, decision)
    return _opened(journal, runs, decision, request, run_id, taken.session, changed=True, notes=notes)


def _journal_opening(
    writer: Writer, taken: Holder, before: Holder | None, why: str, request: Request, decision: Decision
) -> list[str]:
    """The opening's records; what else the operator should know."""
    notes = []
    opening = writer.append(
        taken.session,
        "open",
        mode=request.mode,
        intent=request.intent,
        kind=decision.kind,
        until=request.until,
        owner=request.owner.as_dict(),
        **_said(request),
    )
    if "clock_set_back" in opening:
        notes.append(
            f"The state host's clock was set back by {opening['clock_set_back']:.0f} s since the last record:"
            " what was journalled before it may carry times that are ahead."
        )
    if before is not None:
        writer.append(taken.session, "take_over", reason=why, previous=before.as_dict())
        notes.append(f"The lock was taken over from {before.owner.where}: {why}.")
    notes += report_torn(writer, taken.session)
    return notes


def _said(request: Request) -> dict[str, Any]:
    """Why, by whose leave and on which way it goes back, or why no longer; nothing when nobody said."""
    if not request.reason.strip():
        return {}
    return {
        "reason": shortened(request.reason),
        "approver": one_line(request.approver),
        "reverse": request.reverse,
    }


def report_torn(writer: Writer, session: str) -> list[str]:
    """Journal the half-written lines that were set aside; one sentence for each."""
    notes = []
    for torn in writer.unreported_torn():
        writer.append(session, "torn", **torn)
        notes.append(
            f"A half-written record ({torn['bytes']} bytes) was set aside as {torn['file']}:"
            " the event it was to tell of was never acknowledged."
        )
    return notes


def _why_taken(journal: Journal, holder: Holder | None, request: Request) -> str:
    """Why the lock may be taken; empty when it is free.

    Raises:
        LockHeldError: it may not.
    """
    if holder is None:
        return ""
    if request.owner.same_process(holder.owner):
        return "it was held by this very process"
    if request.gone_session and request.gone_session == holder.session:
        return "its process is gone"
    now = journal.clock()
    silent = holder.silent_seconds(now)
    if holder.stale(now):
        return f"no sign of life for {silent:.0f} s, it was due before {holder.renew_before}"
    if request.takeover.strip():
        return f"by decision: {one_line(request.takeover)}"
    raise LockHeldError(
        f"{journal.country} is being worked on by {holder.owner.where}: {holder.intent}, run {holder.run_id},"
        f" since {holder.since}, last sign of life {silent:.0f} s ago.",
        remedy=(
            "Wait for it to end; or, if you know that it is dead, take over with"
            f" -e golive_takeover='<reason>'; without a sign of life before {holder.renew_before}"
            " the lock can be taken anyway."
        ),
        holder=holder,
    )


def _new_id(journal: Journal, runs: list[RunState]) -> str:
    base = f"{journal.country}-{journal.clock():%Y%m%dT%H%M%SZ}"
    taken = {run.id for run in runs}
    number, run_id = 1, base
    while run_id in taken:
        number += 1
        run_id = f"{base}-{number}"
    return run_id


def _opened(
    journal: Journal,
    runs: list[RunState],
    decision: Decision,
    request: Request,
    run_id: str,
    session: str,
    *,
    changed: bool,
    notes: Iterable[str] = (),
) -> dict[str, Any]:
    run = decision.run
    live = decision.kind == "live"
    golive = request.intent == "golive"
    # What was kept to compare with is gone once the way back is closed.
    plan = _phases.until(request.until) if golive and not (run and run.finalized) else []
    if request.dry:
        early = {*_phases.until(_phases.WINDOW_OPENS), *(run.done if run else [])}
        plan = [name for name in plan if name in early]
        notes = [*notes, DRY] if golive and not live else notes
    learned = request.learned
    clock = learned.clock if not live else {}
    sentence = _sentence(journal.country, decision, run_id, plan, request.reverse)
    summary = " ".join([sentence, *notes, *_clock.sentences(clock)])
    return {
        "changed": changed,
        "run": {
            "id": run.id if run else run_id,
            "session": session,
            "mode": request.mode,
            "live": live,
            "started": run.started if run else "",
            "done": run.done if run and golive else [],
            "plan": plan,
            "undo": run.to_undo if run and request.intent == "rollback" else [],
            "earlier": [
                {"id": one.id, "mode": one.mode, "outcome": one.outcome.value, "finished": one.finished}
                for one in runs
                if one.id != (run.id if run else run_id)
            ]
            + [_rehearsals.as_run(one) for one in learned.rehearsals],
            "rehearsals": [asdict(one) for one in learned.rehearsals],
            "expected": {**learned.expected, **usual_seconds(runs)},
            "clock": dict(clock),
            "window_open_seconds": _window_open_seconds(run, stamp(journal.clock())),
        },
        "summary": summary,
    }


def _window_open_seconds(run: RunState | None, now: str) -> float | None:
    """How long people have been unable to register farmers; None where they can."""
    if run is None or run.window.opened is None or run.window.closed is not None:
        return None
    return between(run.window.opened, now)


def _sentence(country: str, decision: Decision, run_id: str, plan: list[str], reverse: str) -> str:
    run = decision.run
    if run is not None and run.finalized:
        closed = run.finalized["time"]
        return f"{country} is live (run {run.id}), and its way back was closed at {closed}; nothing to do."
    if decision.kind == "nothing":
        return f"There is nothing to roll back in {country}: nothing has been changed that isn't undone."
    if run is None:
        return f"Run {run_id} begins for {country}: {len(plan)} phases, from {plan[0]} to {plan[-1]}."
    if decision.kind == "live":
        return f"{country} is live since {run.finished} (run {run.id}); nothing to do, only verifying."
    if decision.kind == "finalize":
        return f"The way back of run {run.id} of {country} is about to be closed."
    if decision.kind == "undo":
        order = ", ".join(run.to_undo) or "nothing; only to be closed"
        if _phases.WINDOW_CLOSES in run.to_undo:
            order += f"; what users wrote comes back by {reverse}"
        return f"Run {run.id} of {country} is rolled back, in this order: {order}."
    return f"Run {run.id} of {country} goes on {_where_it_stopped(run)}."


def _where_it_stopped(run: RunState) -> str:
    at = run.reached
    done = f"{len(run.done)} of {len(run.phases)} phases are done and will only be verified"
    if at is None:
        return f"to be closed; {done}"
    if at.status is Status.INTERRUPTED:
        return f"at {at.name}, where its controller vanished (begun at {at.started}); {done}"
    if at.status is Status.FAILED:
        when = at.finished or at.started
        return f"at {at.name}, which failed at {when} ({first_line(at.reason)}); {done}"
    return f"at {at.name}; {done}"


def begin(
    writer: Writer,
    session: str,
    phase: str,
    raw_gates: list[Any],
    out_of_order: str = "",
    limit_seconds: int = 0,
    last_safe: str = "",
    decision: _clock.Decision = NO_DECISION,
    *,
    holds: bool = False,
) -> Record:
    """Journal the gates of a phase and the intention to change things.

    The lock is good for the phase's own limit from now on; while a phase is at work nobody else may think it dead.

    Raises:
        GoliveError: a gate isn't open, none was asked, an earlier phase isn't done, people haven't released its hold,
            or it is too late to turn back.
    """
    now = moment(writer.now())
    run_id = writer.prove(session).run_id
    refusal = check_begin(writer.records, run_id, phase, raw_gates, out_of_order)
    refusal = refusal or _clock.check(phase, last_safe, now, decision)
    if holds and not _released(_of_phase(writer.records, run_id, phase)):
        refusal = refusal or GoliveError(
            f"{phase} may not begin: golive_holds has it wait for people, and nobody has released it in this run.",
            remedy="Run golive.yml again, without --start-at-task and --step; it waits for them.",
        )
    gates = [gate.as_dict() for gate in _gates.from_dicts(raw_gates)]
    if refusal:
        brief = str(refusal.returned.get("brief", refusal.sentence))
        writer.append(session, "refused", phase, gates=gates, reason=shortened(brief))
        raise refusal
    details: dict[str, Any] = {"out_of_order": out_of_order} if out_of_order else {}
    details |= _clock.note(phase, last_safe, now, decision)
    return writer.append(session, "begin", phase, limit_seconds=limit_seconds, gates=gates, **details)


def check_begin(
    records: list[Record],
    run_id: str,
    phase: str,
    raw_gates: list[Any],
    out_of_order: str = "",
) -> GoliveError | None:
    """Why a phase may not begin; None when it may. Changes nothing.

    An empty ``run_id`` is a dry run: there the earlier phases can't be done.
    """
    _phases.phase_named(phase, "phase")
    gates = _gates.from_dicts(raw_gates)
    if not gates:
        return GoliveError(
            f"{phase} may not begin: no gate was asked, and silence isn't a pass.",
            remedy=f"This is a defect of the role {phase}: its gate must return at least one gate.",
        )
    closed = [gate for gate in gates if not gate.open]
    if closed:
        sentence = f"{phase} may not begin: {len(closed)} of {len(gates)} gates are closed"
        refusal = GoliveError(
            f"{sentence}.\n{_gates.table(gates)}\n",
            remedy="Nothing of this phase was changed; settle each closed gate, then run again.",
        )
        refusal.returned = {"brief": f"{sentence}: {', '.join(gate.name for gate in closed)}."}
        return refusal
    if not run_id:
        return None
    run = next((r for r in compute(records) if r.id == run_id), RunState(run_id, "live"))
    missing = [name for name in _phases.before(phase) if run.phase(name).status is not Status.SUCCEEDED]
    if missing and not out_of_order.strip():
        return GoliveError(
            f"{phase} may not begin: {', '.join(missing)} isn't done in this run.",
            remedy="Run golive.yml without --tags and --skip-tags;"
            " or give a reason in -e golive_out_of_order='<reason>', which is journalled.",
        )
    return None


def hold_begin(writer: Writer, session: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Journal that a phase waits for people before it begins; what they sign and since when.

    A hold that was released in this run stays released. One that was only asked for is asked for again, and what was
    signed for it then still counts: nothing has been done since.

    Raises:
        GoliveError: the phase may not begin whatever they say, so nobody is asked.
    """
    phase, run_id = asked["phase"], writer.prove(session).run_id
    refusal = check_begin(writer.records, run_id, phase, asked["gates"], asked["out_of_order"])
    if refusal:
        begin(writer, session, phase, asked["gates"], asked["out_of_order"])
    mine = _of_phase(writer.records, run_id, phase)
    released = _released(mine)
    if not released:
        mine.append(writer.append(session, "hold_begin", phase, limit_seconds=asked["limit_seconds"]))
    first = next(record for record in mine if record["event"] == "hold_begin")
    return {"released": released, "basis": first["hash"], "since": first["time"]}


def _of_phase(records: list[Record], run_id: str, phase: str) -> list[Record]:
    return [record for record in records if (record["run_id"], record["phase"]) == (run_id, phase)]


def _released(records: list[Record]) -> bool:
    return any(record["event"] == "hold_finish" for record in records)


def begin_undo(writer: Writer, session: str, phase: str, limit_seconds: int = 0) -> Record:
    """Journal that a phase is about to be undone.

    Raises:
        GoliveError: a later phase has to be undone first.
    """
    run_id = writer.prove(session).run_id
    run = next(run for run in compute(writer.records) if run.id == run_id)
    first = run.to_undo[: run.to_undo.index(phase)] if phase in run.to_undo else []
    if first:
        raise GoliveError(
            f"{phase} can't be undone yet: {', '.join(first)} came later and has to be undone first.",
            remedy=f"Run {ROLLBACK_PLAYBOOK} without --tags and --skip-tags.",
        )
    return writer.append(session, "undo_begin", phase, limit_seconds=limit_seconds)


def end_of(writer: Writer, session: str) -> Record:
    """Journal what the run has come to, and give the lock back."""
    holder = writer.prove(session)
    run = next(run for run in compute(writer.records, session) if run.id == holder.run_id)
    if holder.intent == "rollback" and (run.rollback_began or not run.all_done):
        outcome = Outcome.STOPPED if run.to_undo else Outcome.ROLLED_BACK
    else:
        outcome = Outcome.LIVE if run.all_done else Outcome.STOPPED
    record = writer.append(session, "close", outcome=outcome.value)
    writer.release(session)
    return record


def lose(writer: Writer, session: str, reason: str) -> Record:
    """Journal that the session lost a host, as the failure of what it was doing, and give the lock back."""
    run_id = writer.prove(session).run_id
    run = next(run for run in compute(writer.records, session) if run.id == run_id)
    busy = {Status.RUNNING: "fail", Status.UNDOING: "undo_fail"}
    for phase in run.phases:
        if phase.status in busy:
            writer.append(session, busy[phase.status], phase.name, reason=shortened(reason))
    writer.append(session, "note", reason=shortened(reason))
    return stop(writer, session)


def stop(writer: Writer, session: str) -> Record:
    """Journal that the run stops here, and give the lock back so that anybody can go on."""
    record = writer.append(session, "stop", outcome=Outcome.STOPPED.value)
    writer.release(session)
    return record


def journal_event(journal: Journal, asked: dict[str, Any]) -> dict[str, Any]:
    """Journal one event, as the module `journal` was asked to.

    Raises:
        GoliveError: refused, or not written.
    """
    event, session = asked["event"], asked["session"]
    if asked["phase"] or event not in ("note", "close", "lost", FINALIZE):
        _phases.phase_named(asked["phase"], "phase")
    outcome = ""
    decision: dict[str, Any] = {}
    hold: dict[str, Any] = {}
    with journal.writing() as writer:
        holder = writer.prove(session)
        if holder.run_id != asked["run_id"]:
            raise GoliveError(
                f"This session works on run {holder.run_id}, not on {asked['run_id'] or 'none'}."
            )
        report_torn(writer, session)
        if event == "begin":
            record = begin(
                writer,
                session,
                asked["phase"],
                asked["gates"],
                asked["out_of_order"],
                asked["limit_seconds"],
                asked.get("last_safe") or "",
                _clock.Decision.from_dict(asked.get("past_last_safe") or {}),
                holds=asked["phase"] in (asked.get("holds") or {}),
            )
        elif event == "hold_begin":
            hold = hold_begin(writer, session, asked)
            record = writer.records[-1]
        elif event == "undo_begin":
            record = begin_undo(writer, session, asked["phase"], asked["limit_seconds"])
        elif event == "close":
            record = end_of(writer, session)
            outcome = str(record["outcome"])
        elif event == "lost":
            record = lose(writer, session, asked["reason"])
        else:
            record = writer.append(session, event, asked["phase"], **_details(journal, holder, asked))
            if event == "fail":
                decision = decide_failure(writer, session, asked)
            if event in ("fail", "undo_fail"):
                record = stop(writer, session)
        return {
            "changed": True,
            "event": event,
            "phase": asked["phase"],
            "seq": record["seq"],
            "head": record["hash"],
            "seconds": _seconds(writer.records, holder.run_id, asked) if event == "finish" else 0.0,
            "outcome": outcome,
            "decision": decision,
            **hold,
        }


def decide_failure(writer: Writer, session: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What the country's triggers make of a failure, journalled with what it was based on; empty when they are silent.

    Something found changed on the way (a recheck) isn't a phase's failure: people look.
    """
    holder = writer.prove(session)
    if asked["recheck"] or holder.intent != "golive":
        return {}
    run = next(run for run in compute(writer.records, session) if run.id == holder.run_id)
    phase = run.phase(asked["phase"])
    begun = [r["time"] for r in writer.records if r["run_id"] == run.id and r["phase"] == phase.name]
    decision = _triggers.on_failure(
        _triggers.read(asked["triggers"]),
        phase.name,
        phase.attempts,
        between(begun[0], writer.now()),
        users_in=run.users_in,
    )
    if decision is None:
        return {}
    writer.append(session, "decision", phase.name, **decision.as_dict())
    return decision.as_dict()


def judge(journal: Journal, asked: dict[str, Any]) -> dict[str, Any]:
    """The same in check mode: nothing is written, but the gates of a begin are judged.

    Raises:
        GoliveError: a gate isn't open.
    """
    reading, _holder = journal.read()
    if asked["event"] == "begin":
        refusal = check_begin(reading.records, "", asked["phase"], asked["gates"])
        if refusal:
            raise refusal
    return {
        "changed": True,
        "event": asked["event"],
        "phase": asked["phase"],
        "seq": 0,
        "head": reading.head,
        "seconds": 0.0,
        "outcome": "",
        "decision": {},
    }


def _details(journal: Journal, holder: Holder, asked: dict[str, Any]) -> dict[str, Any]:
    """What a record of this event holds besides the usual."""
    event = asked["event"]
    if event == FINALIZE:
        return {
            "reason": shortened(asked["reason"]),
            "approver": one_line(asked["approver"]),
            "gates": [gate.as_dict() for gate in _gates.from_dicts(asked["gates"])],
            "result": asked["result"],
        }
    if event in ("fail", "undo_fail", "note"):
        details: dict[str, Any] = {"reason": shortened(asked["reason"])}
        if asked["task"]:
            details["task"] = asked["task"]
        if asked["recheck"]:
            details["recheck"] = True
        return details
    if event not in ("finish", "undo_finish", "hold_finish"):
        return {}
    result = dict(asked["result"])
    files = result.pop("files", None) or {}
    prefix = {"finish": "", "undo_finish": "undo-", "hold_finish": "hold-"}[event]
    return {
        "result": result,
        "files": [
            journal.keep_evidence(holder.run_id, asked["phase"], f"{prefix}{name}", value)
            for name, value in sorted(files.items())
        ],
    }


def _seconds(records: list[Record], run_id: str, asked: dict[str, Any]) -> float:
    run = next(run for run in compute(records) if run.id == run_id)
    return run.phase(asked["phase"]).seconds or 0.0
