# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hold points: a phase waits for people's signed word before it begins.

What they sign names the run and ``basis``, the journal's hash at the moment the run asked. The chain before it holds
everything that was done and found until then, so a word given for another run, or for other figures, is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _criteria, _sshsig, _strict
from ansible_collections.dfr.golive.plugins.module_utils._criteria import Decision, Team
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._manifest import GO, NO_GO, SKEW

SCHEMA = "dfr.golive/hold/1"
SPACE = "hold@dfr.golive"
FOLDER = "holds"
FILES_LIMIT = 50
LIMIT_BYTES = 64 << 10
POINTS: Mapping[str, str] = {
    "freeze_legacy": "go or no-go before the freeze",
    "lock_config": "validation of the data that came over",
    "switch_dns": "confirmation that the name may be changed",
    "start_hypercare": "release of the announcement",
}
"""Phase -> what people say before it begins."""


@dataclass(frozen=True)
class Hold:
    """What a country declares for one hold point.

    Attributes:
        phase: it waits before this one begins.
        teams: each of them has to say go, with its quorum.
        limit: how long a run waits.
    """

    phase: str
    teams: tuple[str, ...]
    limit: timedelta


def declared(raw: Mapping[str, Any]) -> dict[str, Hold]:
    """What ``golive_holds`` says, by phase.

    Raises:
        GoliveError: it can't be meant.
    """
    found = {}
    for phase, value in raw.items():
        where = f"golive_holds.{phase}"
        if phase not in POINTS:
            raise GoliveError(f"{where} is no hold point.", remedy=f"Hold before one of {', '.join(POINTS)}.")
        shape = _strict.shaped(value, where, {"teams": list, "limit_minutes": int})
        teams, minutes = shape["teams"], shape["limit_minutes"]
        if not teams or any(not isinstance(team, str) for team in teams) or len(set(teams)) != len(teams):
            raise GoliveError(
                f"{where} names no teams, or one twice.", remedy=f"Name each team once in {where}."
            )
        if not 1 <= minutes <= 1440:
            raise GoliveError(
                f"{where} waits {minutes} minutes.", remedy=f"Give {where}.limit_minutes from 1 to 1440."
            )
        found[phase] = Hold(phase, tuple(teams), timedelta(minutes=minutes))
    return found


@dataclass(frozen=True)
class Word:
    """One person's word at a hold, as it is signed.

    Attributes:
        basis: hash of the journal's record with which the run asked.
        decision: go or no-go, the latter with a reason.
    """

    country: str
    run_id: str
    phase: str
    basis: str
    team: str
    signer: str
    decision: str
    reason: str
    signed: datetime

    @property
    def name(self) -> str:
        return f"{self.phase}.{self.signer}.json"

    def raw(self) -> bytes:
        return _strict.canonical({**asdict(self), "schema": SCHEMA, "signed": _strict.stamp(self.signed)})


def read_word(raw: bytes, shown: str) -> Word:
    """
    Raises:
        GoliveError: it isn't a word as the signing command writes it.
    """
    again = f"Make {shown} again with roles/preflight/files/signoff.py hold."
    names = ("schema", *(name for name in Word.__dataclass_fields__ if name != "reason"))
    content = _strict.shaped(_strict.parse(raw, shown), shown, dict.fromkeys(names, str), {"reason": str})
    if content["schema"] != SCHEMA or _strict.canonical(content) != raw:
        raise GoliveError(f"{shown} isn't written as the signing command writes it.", remedy=again)
    if content["decision"] not in (GO, NO_GO):
        raise GoliveError(f"{shown} decides {content['decision']!r}; it has to be go or no-go.", remedy=again)
    if content["decision"] == NO_GO and not content.get("reason", "").strip():
        raise GoliveError(f"{shown} says no-go without a reason.", remedy=again)
    plain = {name: content.get(name, "") for name in Word.__dataclass_fields__}
    return Word(**{**plain, "signed": _strict.moment(content["signed"], shown, "signed")})


@dataclass(frozen=True)
class Asked:
    """What a run waits for.

    Attributes:
        folder: ``signoffs`` of the inventory.
        since: when the run first asked; nobody can have answered before.
        started: when this session began to wait; the limit counts from here.
    """

    folder: Path
    country: str
    run_id: str
    hold: Hold
    basis: str
    since: datetime
    started: datetime

    @property
    def words(self) -> Path:
        """Where the signed words arrive; a folder per run, so that no other run's lie there."""
        return self.folder / FOLDER / self.run_id

    def command(self) -> str:
        """What each of them types."""
        return (
            f"python3 roles/preflight/files/signoff.py hold --inventory {self.folder.parent} --run {self.run_id}"
            f" --phase {self.hold.phase} --basis {self.basis} --as <you> --key <your key>"
        )


@dataclass(frozen=True)
class Standing:
    """Where a hold stands.

    Attributes:
        approvals: each word that counts, for the journal.
        missing: one clause per team that has not its quorum yet.
        refusals: one sentence per no-go.
        doubts: one sentence per file that can't be believed; it isn't counted.
        papers: every file that counts, as it was read, for a later proof.
    """

    approvals: list[dict[str, str]]
    missing: list[str]
    refusals: list[str]
    doubts: list[str]
    papers: dict[str, str]

    @property
    def released(self) -> bool:
        return not self.missing and not self.refusals


def look(asked: Asked, now: datetime) -> Standing:
    """Who has said what until now.

    Raises:
        GoliveError: the criteria or the keys can't be read, or a team is unknown.
    """
    decision = _criteria.understood(_criteria.read(asked.folder))
    where = f"{FOLDER}/{asked.run_id}"

    def fetch(name: str) -> bytes:
        return _strict.read(asked.folder, f"{where}/{name}", limit=LIMIT_BYTES)

    return judge(asked, decision, _keys(asked.folder), _names(asked.words, asked.hold.phase), fetch, now)


def judge(
    asked: Asked,
    decision: Decision,
    keys: _sshsig.Keys,
    names: Iterable[str],
    fetch: Callable[[str], bytes],
    now: datetime,
) -> Standing:
    """What these words come to.

    Args:
        names: of the words, without their signatures.
        fetch: reads a word or signature.

    Raises:
        GoliveError: a team is unknown.
    """
    teams = _teams(asked.hold, decision)
    approvals: list[dict[str, str]] = []
    refusals, doubts = [], []
    papers: dict[str, str] = {}
    for name in names:
        try:
            word, signature, files = _prove(asked, name, teams, keys, fetch, now)
        except _strict.MissingError:
            continue  # half of it is on its way
        except GoliveError as exc:
            doubts.append(str(exc))
            continue
        if word.decision == NO_GO:
            refusals.append(f"{word.signer} says no-go for {teams[word.team].title}: {word.reason}")
        papers.update(files)
        approvals.append(
            {
                "team": word.team,
                "signer": word.signer,
                "decision": word.decision,
                "signed": _strict.stamp(word.signed),
                "key": _sshsig.fingerprint(signature.key),
            }
        )
    missing = [text for team in teams.values() if (text := _missing(team, approvals))]
    return Standing(approvals, missing, refusals, doubts, papers)


def _teams(hold: Hold, decision: Decision) -> dict[str, Team]:
    unknown = [name for name in hold.teams if name not in decision.teams]
    if unknown:
        raise GoliveError(
            f"golive_holds.{hold.phase} waits for {', '.join(unknown)}, which {_criteria.SHOWN} doesn't name.",
            remedy=f"Name teams of {_criteria.SHOWN}: {', '.join(decision.teams)}.",
        )
    return {name: decision.teams[name] for name in hold.teams}


def _keys(folder: Path) -> _sshsig.Keys:
    try:
        revoked = _strict.read(folder, _sshsig.REVOKED)
    except _strict.MissingError:
        revoked = b""
    return _sshsig.Keys.read(_strict.read(folder, _sshsig.ALLOWED), revoked, folder.name)


def _names(folder: Path, phase: str) -> Iterator[str]:
    """The words for this phase that lie in the folder, at the most as many as anybody would write."""
    if not folder.is_dir():
        return
    names = sorted(path.name for path in folder.iterdir())
    if len(names) > FILES_LIMIT:
        raise GoliveError(
            f"{folder} holds {len(names)} files; {FILES_LIMIT} are too many.", remedy=f"Clear {folder}."
        )
    yield from (name for name in names if name.startswith(f"{phase}.") and name.endswith(".json"))


def _prove(
    asked: Asked,
    name: str,
    teams: Mapping[str, Team],
    keys: _sshsig.Keys,
    fetch: Callable[[str], bytes],
    now: datetime,
) -> tuple[Word, _sshsig.Signature, dict[str, str]]:
    shown = f"signoffs/{FOLDER}/{asked.run_id}/{name}"
    raw, sealed = fetch(name), fetch(f"{name}.sig")
    word = read_word(raw, shown)
    again = f"Have it signed again with the command that the run shows, as {shown}."
    for field in ("country", "run_id", "basis"):
        if getattr(word, field) != getattr(asked, field):
            raise GoliveError(
                f"{shown} was signed for another {field}: {getattr(word, field)[:80]}.", remedy=again
            )
    if word.phase != asked.hold.phase or word.name != name:
        raise GoliveError(f"{shown} was signed by {word.signer} for {word.phase}.", remedy=again)
    team = teams.get(word.team)
    if team is None or word.signer not in team.signers:
        raise GoliveError(
            f"{shown} is of {word.signer}, who doesn't sign for {word.team} here.", remedy=again
        )
    if not asked.since - SKEW <= word.signed <= now + SKEW:
        raise GoliveError(
            f"{shown} was signed at {_strict.stamp(word.signed)}, outside of the time this run has been waiting.",
            remedy=f"Correct the clock where it was signed. {again}",
        )
    signature = _sshsig.read_signature(sealed, f"{shown}.sig")
    keys.verify(raw, signature, word.signer, SPACE, (word.signed, now), f"{shown}.sig")
    files = {name: raw.decode("ascii"), f"{name}.sig": sealed.decode("ascii", "replace")}
    return word, signature, files


def _missing(team: Team, approvals: list[dict[str, str]]) -> str:
    """Who has still to say go; empty when the quorum is there. One key counts once."""
    mine = [one for one in approvals if one["team"] == team.name and one["decision"] == GO]
    if len({one["key"] for one in mine}) >= team.quorum:
        return ""
    left = [person for person in team.signers if person not in {one["signer"] for one in mine}]
    return f"{team.title} has {len(mine)} of {team.quorum}: {' or '.join(left)}"


def waiting(asked: Asked, standing: Standing, now: datetime) -> str:
    """What people on the call read while the run waits."""
    minutes = int((now - asked.since).total_seconds() // 60)
    left = max(0, int((asked.started + asked.hold.limit - now).total_seconds() // 60))
    lines = [
        f"HOLD before {asked.hold.phase} ({POINTS[asked.hold.phase]}): waiting for {minutes} min, {left} min left.",
        *(f"  missing: {text}" for text in standing.missing),
        *(f"  not believed: {text}" for text in standing.doubts),
    ]
    return "\n".join(lines)


def over(asked: Asked, standing: Standing, now: datetime) -> GoliveError | None:
    """Why the run no longer waits, when it doesn't and has not been released."""
    phase = asked.hold.phase
    if standing.refusals:
        return GoliveError(
            f"{phase} may not begin: {'; '.join(standing.refusals)}",
            remedy="Settle it, have the person sign again, and run again; or go back.",
        )
    if standing.missing and now >= asked.started + asked.hold.limit:
        minutes = int(asked.hold.limit.total_seconds() // 60)
        doubts = f" Not believed: {' '.join(standing.doubts)}" if standing.doubts else ""
        return GoliveError(
            f"{phase} may not begin: after {minutes} minutes of waiting there is still missing:"
            f" {'; '.join(standing.missing)}.{doubts}",
            remedy="Nothing of this phase was changed; have them sign, then run again.",
        )
    return None
