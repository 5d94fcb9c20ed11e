# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Go or no-go: every signature, quorum, criterion and waiver of a country, judged together.

One rule for all of it: a file that can't be believed is never passed over. It closes its own gate, whatever the other
signatures say, until somebody has removed or renewed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from ansible_collections.dfr.golive.plugins.module_utils import _criteria, _manifest, _sshsig, _strict
from ansible_collections.dfr.golive.plugins.module_utils._criteria import ATTESTED, Criterion, Decision, Team
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._gates import (
    Gate,
    Verdict,
    ask,
    failed,
    passed,
    unknown,
)
from ansible_collections.dfr.golive.plugins.module_utils._manifest import Facts, Manifest, Waiver

OTHERS = frozenset({_criteria.FILE, _sshsig.ALLOWED, _sshsig.REVOKED, "README.md", "evidence", "holds"})
FILES_LIMIT = 200


@dataclass(frozen=True)
class Papers:
    """The folder ``signoffs``, read once: what is judged is what is kept as evidence.

    Attributes:
        keys: who may sign.
        files: name -> content of every manifest, waiver and signature.
        bad: gates of what could not be read, or doesn't belong there.
    """

    keys: _sshsig.Keys
    files: Mapping[str, bytes]
    bad: Sequence[Gate] = ()


def open_papers(folder: Path) -> Papers:
    """
    Raises:
        GoliveError: the folder or its list of keys can't be read.
    """
    allowed = _strict.read(folder, _sshsig.ALLOWED)
    try:
        revoked = _strict.read(folder, _sshsig.REVOKED)
    except _strict.MissingError:
        revoked = b""
    files: dict[str, bytes] = {}
    bad: list[Gate] = []
    names = sorted(path.name for path in folder.iterdir() if path.name not in OTHERS)
    if len(names) > FILES_LIMIT:
        raise GoliveError(
            f"{folder.name} holds {len(names)} files; {FILES_LIMIT} are too many.",
            remedy=f"Leave in {folder.name} what README.md there names.",
        )
    for name in names:

        def take(name: str = name) -> Gate:
            parts = name.removesuffix(".sig").split(".")
            if len(parts) != 3 or parts[2] != "json":
                raise GoliveError(
                    f"{folder.name}/{name} is no sign-off, no waiver and no signature.",
                    remedy=f"Remove {folder.name}/{name}, or name it as README.md there says.",
                )
            files[name] = _strict.read(folder, name, limit=_manifest.LIMIT_BYTES)
            return passed("", "")

        gate = ask(f"signed.{name}", take)
        if not gate.open:
            bad.append(gate)
    return Papers(_sshsig.Keys.read(allowed, revoked, folder.name), files, bad)


@dataclass(frozen=True)
class Question:
    """What is judged.

    Attributes:
        decision: teams and criteria.
        facts: what the go-live is now.
        papers: who signed what.
        now: the time that keys and signatures have to be valid at.
        not_before: when the last run ended; what was signed before was for that one.
        ages: whether expiry counts; not on a later run of a night that has begun.
    """

    decision: Decision
    facts: Facts
    papers: Papers
    now: datetime
    not_before: datetime | None = None
    ages: bool = True


@dataclass(frozen=True)
class Judged:
    """What came of it.

    Attributes:
        gates: signatures, teams, then criteria.
        signoffs: what the journal and the report keep of each signature.
        waivers: the same of each waiver.
    """

    gates: list[Gate] = field(default_factory=list)
    signoffs: list[dict[str, str]] = field(default_factory=list)
    waivers: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Proven:
    """A manifest or waiver with the signature that holds for it."""

    paper: Manifest | Waiver
    key: bytes
    digest: str
    signature: str


def judge(question: Question, automatic: Mapping[str, Gate]) -> Judged:
    """Judge it all.

    Args:
        automatic: verdicts of the automatic criteria, by name.
    """
    proven, gates = _prove_all(question)
    waivers = {one.paper.criterion: one for one in proven if isinstance(one.paper, Waiver)}
    gates = [*question.papers.bad, *gates]
    vouched: dict[str, list[Manifest]] = {}
    for team in question.decision.teams.values():
        mine = [
            (one, one.paper)
            for one in proven
            if isinstance(one.paper, Manifest) and one.paper.team == team.name
        ]
        gate = _team(team, mine)
        gates.append(gate)
        if gate.open:
            vouched[team.name] = [paper for _one, paper in mine]
    for criterion in question.decision.criteria.values():
        gate = (
            _attested(criterion, vouched.get(criterion.team))
            if criterion.kind == ATTESTED
            else automatic[criterion.name]
        )
        gates.append(_waived(gate, waivers.get(criterion.name)))
    signoffs = [_signoff(one, one.paper) for one in proven if isinstance(one.paper, Manifest)]
    return Judged(
        gates, signoffs, [_waiver(one, one.paper) for one in proven if isinstance(one.paper, Waiver)]
    )


def _prove_all(question: Question) -> tuple[list[Proven], list[Gate]]:
    """Every file in the folder, its signature asked of OpenSSH, several at a time."""
    files = question.papers.files
    names = sorted({name.removesuffix(".sig") for name in files})

    def one(name: str) -> tuple[Proven | None, Gate]:
        found: list[Proven] = []

        def probe() -> Gate:
            found.append(_prove(question, name))
            return passed(f"signed.{name}", "")

        gate = ask(f"signed.{name}", probe)
        return (found[0] if found else None), gate

    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(one, names))
    return [proven for proven, _gate in answers if proven], [
        gate for _proven, gate in answers if not gate.open
    ]


def _prove(question: Question, name: str) -> Proven:
    files, shown = question.papers.files, f"signoffs/{name}"
    first, second, _ending = name.split(".")
    for needed in (name, f"{name}.sig"):
        if needed not in files:
            raise GoliveError(
                f"signoffs/{needed} is missing, though {f'{name}.sig' if needed == name else name} is there.",
                remedy=f"Put signoffs/{needed} there, or remove what is left of it.",
            )
    signature = _sshsig.read_signature(files[f"{name}.sig"], f"{shown}.sig")
    paper: Manifest | Waiver
    if first == "waiver":
        paper, person, space = _read_waiver(question, name, second)
    else:
        paper, person, space = _read_manifest(question, name, first, second)
    times = (paper.signed, question.now) if question.ages else (paper.signed,)
    question.papers.keys.verify(files[name], signature, person, space, times, f"{shown}.sig")
    if question.ages:
        days = question.decision.valid_days
        _manifest.check_times(paper.signed, paper.expires, question.now, days, question.not_before, shown)
    if isinstance(paper, Manifest):
        _unchanged(paper, question.facts, shown)
    return Proven(paper, signature.key, _strict.sha256(files[name]), _strict.sha256(files[f"{name}.sig"]))


def _read_manifest(question: Question, name: str, team: str, person: str) -> tuple[Manifest, str, str]:
    shown = f"signoffs/{name}"
    found = question.decision.teams.get(team)
    if found is None:
        raise GoliveError(
            f"{shown} is of {team}, which is no team in {_criteria.SHOWN}.",
            remedy=f"Remove {shown}, or add the team.",
        )
    if person not in found.signers:
        raise GoliveError(
            f"{shown} is of {person}, who may not sign for {team}.",
            remedy=f"Have one of {', '.join(found.signers)} sign, and remove {shown}.",
        )
    manifest = _manifest.read_manifest(question.papers.files[name], shown)
    if (manifest.team, manifest.signer) != (team, person):
        raise GoliveError(
            f"{shown} was signed as {manifest.signer} for {manifest.team}.",
            remedy=f"Name it {manifest.name}; nobody signs for another.",
        )
    return manifest, person, _sshsig.SIGNOFF


def _read_waiver(question: Question, name: str, criterion: str) -> tuple[Waiver, str, str]:
    shown = f"signoffs/{name}"
    waiver = _manifest.read_waiver(question.papers.files[name], shown)
    found = question.decision.criteria.get(criterion)
    if found is None or waiver.criterion != criterion:
        raise GoliveError(
            f"{shown} waives {waiver.criterion}, which {_criteria.SHOWN} doesn't have under that name.",
            remedy=f"Remove {shown}.",
        )
    team = question.decision.teams[found.team]
    if waiver.owner not in team.signers:
        raise GoliveError(
            f"{shown} is owned by {waiver.owner}, who doesn't sign for {team.name}, the owner of {criterion}.",
            remedy=f"Have one of {', '.join(team.signers)} sign {shown}.",
        )
    facts = question.facts
    if (waiver.country, waiver.cutover, waiver.definition) != (facts.country, facts.cutover, found.digest):
        raise GoliveError(
            f"{shown} is for {waiver.country}, cutover {waiver.cutover}, or for {criterion} as it was before.",
            remedy=f"Decide anew and sign {shown} again.",
        )
    return waiver, waiver.owner, _sshsig.WAIVER


def _unchanged(manifest: Manifest, facts: Facts, shown: str) -> None:
    apart = _manifest.differences(manifest, facts)
    if apart:
        more = f", and {len(apart) - 4} more" if len(apart) > 4 else ""
        raise GoliveError(
            f"{shown} no longer holds, for what was signed has changed: {'; '.join(apart[:4])}{more}.",
            remedy=f"Take the change back, or have {manifest.signer} review it and sign {shown} again.",
        )


def _team(team: Team, mine: Sequence[tuple[Proven, Manifest]]) -> Gate:
    name = f"signoff.{team.name}"
    for _one, paper in mine:
        if paper.decision == _manifest.NO_GO:
            return failed(
                name,
                f"{paper.signer} says no-go for {team.title}: {paper.reason} (signoffs/{paper.name}).",
                f"Settle it; {paper.signer} then signs signoffs/{paper.name} again.",
            )
    keys = {one.key for one, _paper in mine}
    if len(keys) < team.quorum:
        signed = {paper.signer for _one, paper in mine}
        missing = [person for person in team.signers if person not in signed]
        return failed(
            name,
            f"{team.title} has {len(keys)} of {team.quorum} signatures; missing {' or '.join(missing)}.",
            f"They sign with roles/preflight/files/signoff.py; the file is signoffs/{team.name}.<signer>.json.",
        )
    said = ", ".join(f"{paper.signer} ({_sshsig.fingerprint(one.key)[:19]}…)" for one, paper in mine)
    return passed(name, f"{team.title} says go: {said}.")


def _attested(criterion: Criterion, signed: Sequence[Manifest] | None) -> Gate:
    name = f"criterion.{criterion.name}"
    if signed is None:
        return unknown(
            name,
            f"{criterion.title}: {criterion.team} has not said go, so nobody vouches for it.",
            f"Have {criterion.team} sign signoffs/{criterion.team}.<signer>.json.",
        )
    against = [paper for paper in signed if criterion.name in paper.withheld]
    if against:
        return failed(
            name,
            f"{criterion.title}: {against[0].signer} doesn't vouch for it (signoffs/{against[0].name}).",
            f"Settle it, or have {criterion.team} waive it in signoffs/waiver.{criterion.name}.json.",
        )
    return passed(name, f"{criterion.title}: {criterion.team} vouches for it.")


def _waived(gate: Gate, waiver: Proven | None) -> Gate:
    """A waiver answers a clear no; a question without an answer stays one."""
    if waiver is None or gate.verdict is not Verdict.FAIL or not isinstance(waiver.paper, Waiver):
        return gate
    paper = waiver.paper
    return replace(
        gate,
        verdict=Verdict.WAIVED,
        detail=f"{gate.detail} Waived by {paper.owner} until {_strict.stamp(paper.expires)}: {paper.reason}.",
        remedy="",
    )


def _signoff(one: Proven, paper: Manifest) -> dict[str, str]:
    return {
        "team": paper.team,
        "signer": paper.signer,
        "decision": paper.decision,
        "signed": _strict.stamp(paper.signed),
        "expires": _strict.stamp(paper.expires),
        "key": _sshsig.fingerprint(one.key),
        "manifest": one.digest,
        "signature": one.signature,
    }


def _waiver(one: Proven, paper: Waiver) -> dict[str, str]:
    return {
        "criterion": paper.criterion,
        "owner": paper.owner,
        "reason": paper.reason,
        "expires": _strict.stamp(paper.expires),
        "key": _sshsig.fingerprint(one.key),
        "manifest": one.digest,
        "signature": one.signature,
    }
