# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Years later: a go-live's signatures proven from its journal and evidence alone, by Python and ssh-keygen."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import (
    _chain,
    _criteria,
    _go_no_go,
    _holds,
    _journal,
    _manifest,
    _sshsig,
    _strict,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, Verdict, from_dicts
from ansible_collections.dfr.golive.plugins.module_utils._papers import SCHEMA
from ansible_collections.dfr.golive.plugins.module_utils._run import compute


@dataclass(frozen=True)
class Proof:
    """One run, proven.

    Attributes:
        run_id, outcome: which one, and how it ended.
        kept: what its preflight kept.
        judged: what comes of its signatures when they are asked again.
    """

    run_id: str
    outcome: str
    kept: dict[str, Any]
    judged: _go_no_go.Judged


def prove(folder: Path) -> list[Proof]:
    """Prove every run of a journal that was begun by signatures.

    Args:
        folder: of the country as exported from the state host: journal.jsonl and evidence/.

    Raises:
        GoliveError: the journal, its evidence or a signature isn't what it was, or there is none.
    """
    country = folder.resolve().name
    raw = _strict.read(folder, "journal.jsonl", limit=1 << 30)
    reading = _chain.verify(raw, country, f"{country}/journal.jsonl")
    journal = _journal.Journal(str(folder.resolve().parent), country)
    proofs = []
    for run in compute(reading.records):
        preflight = run.phase("preflight")
        files = [file for file in preflight.files if file["name"] == "signoffs"]
        if files:
            kept = journal.evidence(files[0])
            judged = again(kept, f"{run.id}/signoffs.json")
            _agree(judged, preflight.result, run.id)
            for record in reading.records:
                if record["run_id"] == run.id and record["event"] == "hold_finish":
                    _hold_again(journal, kept, reading.records, record)
            proofs.append(Proof(run.id, run.outcome.value, kept, judged))
    if not proofs:
        raise GoliveError(
            f"The journal of {country} holds no run that began by signatures.",
            remedy="Export the folder of the country whole, evidence included.",
        )
    return proofs


def again(kept: dict[str, Any], shown: str) -> _go_no_go.Judged:
    """Ask every signature again, as of the time it was asked first.

    Raises:
        GoliveError: one doesn't hold, or what was kept isn't ours.
    """
    if kept.get("schema") != SCHEMA:
        raise GoliveError(f"{shown} is of the schema {kept.get('schema')!r}.", remedy=f"Use {SCHEMA}.")
    facts = _manifest.Facts.from_dict(json.loads(kept["facts"]))
    now = _strict.moment(kept["time"], shown, "time")
    before = _strict.moment(kept["not_before"], shown, "not_before") if kept["not_before"] else None
    files = dict(kept["files"])
    allowed = files.pop(_sshsig.ALLOWED).encode("ascii")
    revoked = bytes.fromhex(files.pop(_sshsig.REVOKED))
    if facts.configuration.get(f"signoffs/{_sshsig.ALLOWED}") != _strict.sha256(allowed):
        raise GoliveError(f"{shown} holds other keys than were signed.", remedy="Restore the evidence.")
    decision = _criteria.understood(json.loads(kept["decision"]))
    if _strict.sha256(_strict.canonical(decision.plan())) != facts.plan:
        raise GoliveError(f"{shown} holds another plan than was signed.", remedy="Restore the evidence.")
    keys = _sshsig.Keys.read(allowed, revoked, "signoffs")
    papers = _go_no_go.Papers(keys, {name: content.encode("utf-8") for name, content in files.items()})
    automatic = _verdicts(kept, decision, shown)
    judged = _go_no_go.judge(_go_no_go.Question(decision, facts, papers, now, before), automatic)
    shut = [gate for gate in judged.gates if not gate.open]
    if shut:
        raise GoliveError(f"{shown}: {shut[0].detail}", remedy="Restore the evidence from a backup.")
    return judged


def _hold_again(
    journal: _journal.Journal, kept: dict[str, Any], records: list[_chain.Record], done: _chain.Record
) -> None:
    """The words that released a hold, asked again as of that time, with the keys of the preflight.

    Raises:
        GoliveError: one doesn't hold, or the journal names others.
    """
    run_id, phase = done["run_id"], done["phase"]
    first = next(
        record
        for record in records
        if (record["run_id"], record["phase"], record["event"]) == (run_id, phase, "hold_begin")
    )
    decision = _criteria.understood(json.loads(kept["decision"]))
    since = _chain.moment(first["time"])
    hold = _holds.Hold(phase, tuple(decision.teams), timedelta())
    asked = _holds.Asked(Path("signoffs"), done["country"], run_id, hold, first["hash"], since, since)
    papers = {name: text.encode("ascii") for name, text in journal.evidence(done["files"][0]).items()}
    keys = _sshsig.Keys.read(
        kept["files"][_sshsig.ALLOWED].encode("ascii"),
        bytes.fromhex(kept["files"][_sshsig.REVOKED]),
        "signoffs",
    )
    names = [name for name in papers if name.endswith(".json")]
    standing = _holds.judge(asked, decision, keys, names, papers.__getitem__, _chain.moment(done["time"]))
    if standing.doubts or standing.approvals != done["result"]["approvals"]:
        raise GoliveError(
            f"The hold of {run_id} before {phase} was released by other words than its evidence holds."
            f" {' '.join(standing.doubts)}".strip(),
            remedy="Restore journal and evidence from a backup.",
        )


def _verdicts(kept: dict[str, Any], decision: _criteria.Decision, shown: str) -> dict[str, Gate]:
    """The automatic criteria as they were found; what was waived has to be waived again."""
    found = {gate.name: gate for gate in from_dicts(kept["gates"])}
    verdicts = {}
    for one in decision.criteria.values():
        if one.kind == _criteria.AUTOMATIC:
            gate = found.get(f"criterion.{one.name}")
            if gate is None:
                raise GoliveError(f"{shown} has no verdict for {one.name}.", remedy="Restore the evidence.")
            waived = gate.verdict is Verdict.WAIVED
            verdicts[one.name] = replace(gate, verdict=Verdict.FAIL) if waived else gate
    return verdicts


def _agree(judged: _go_no_go.Judged, result: dict[str, Any], run_id: str) -> None:
    if judged.signoffs != result.get("signoffs") or judged.waivers != result.get("waivers"):
        raise GoliveError(
            f"The journal of {run_id} names other signatures than its evidence holds.",
            remedy="Restore journal and evidence from a backup.",
        )
