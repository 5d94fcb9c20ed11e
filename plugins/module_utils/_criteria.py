# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a country decides by: its teams and their quorum, its go/no-go criteria, the night it decides about.

All of it is one file, ``signoffs/criteria.yml`` of the inventory, read the same way by those who sign and by the run:
no template, no precedence, no variable from the command line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.dfr.golive.plugins.module_utils import _phases, _strict
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._sshsig import PERSON

FILE = "criteria.yml"
SHOWN = f"signoffs/{FILE}"
AUTOMATIC, ATTESTED = "automatic", "attested"
PROBES = (
    "backup_verified",
    "blackout",
    "change_approved",
    "gates",
    "low_traffic",
    "migrations_reviewed",
    "open_bugs",
    "reconciliation",
    "rehearsed",
    "roster",
    "secrets_in_vault",
    "training",
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_CUTOVER = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class Team:
    """A team that decides.

    Attributes:
        name, title: for files and for people.
        signers: the persons of allowed_signers who may sign for it.
        quorum: how many of them have to.
    """

    name: str
    title: str
    signers: tuple[str, ...]
    quorum: int


@dataclass(frozen=True)
class Criterion:
    """One condition of a go.

    Attributes:
        name, title, team: what it is called, what it says, and who owns it.
        kind: `AUTOMATIC` (a probe decides) or `ATTESTED` (the team's signature does).
        probe, settings: which probe, and its threshold.
        digest: of its definition.
    """

    name: str
    title: str
    team: str
    kind: str
    probe: str
    settings: Mapping[str, Any]
    digest: str


@dataclass(frozen=True)
class Decision:
    """What the teams decide about.

    Attributes:
        cutover: name of this attempt; a signature for one is none for another.
        start, end: of the window of the night.
        zone: the country's time zone.
        valid_days: how long a signature stands at the most.
        validation_report: file in the folder signoffs; empty for none.
        images: name -> digest of the container images the country runs.
    """

    cutover: str
    start: datetime
    end: datetime
    zone: ZoneInfo
    teams: Mapping[str, Team]
    criteria: Mapping[str, Criterion]
    valid_days: int = 30
    validation_report: str = ""
    images: Mapping[str, str] = field(default_factory=dict)

    def plan(self) -> dict[str, Any]:
        """The plan all teams sign: phases, night, teams, criteria."""
        return {
            "phases": list(_phases.NAMES),
            "cutover": self.cutover,
            "start": _strict.stamp(self.start),
            "end": _strict.stamp(self.end),
            "teams": {
                team.name: {"quorum": team.quorum, "signers": sorted(team.signers)}
                for team in self.teams.values()
            },
            "criteria": {criterion.name: criterion.digest for criterion in self.criteria.values()},
        }

    def owned(self, team: str) -> dict[str, str]:
        """Criteria of a team, each with the digest of its definition."""
        return {one.name: one.digest for one in self.criteria.values() if one.team == team}

    def team_of(self, person: str) -> str:
        return next((team.name for team in self.teams.values() if person in team.signers), "")


def read(folder: Path) -> Any:
    """The content of ``criteria.yml``, for `understood`.

    Raises:
        GoliveError: it isn't there, or no YAML.
    """
    return _strict.parse(_strict.read(folder, FILE), SHOWN)


def understood(content: Any) -> Decision:
    """What the teams decide about.

    Raises:
        GoliveError: it says something that can't be meant.
    """
    raw = _strict.shaped(
        content,
        SHOWN,
        {"cutover": str, "start": str, "end": str, "timezone": str, "teams": dict, "criteria": list},
        {"valid_days": int, "validation_report": str, "images": dict},
    )
    if not _CUTOVER.match(raw["cutover"]):
        raise _wrong(f"names the cutover {raw['cutover']!r}", "Use lower-case letters, digits and hyphens")
    start, end = (_strict.moment(raw[name], SHOWN, name) for name in ("start", "end"))
    if end <= start:
        raise _wrong("ends its night before it starts", "Give start and end of the window")
    try:
        zone = ZoneInfo(raw["timezone"])
    except (OSError, ValueError) as exc:
        raise _wrong(f"has the timezone {raw['timezone']!r}", "Write it as Pacific/Tongatapu") from exc
    teams = _teams(raw["teams"])
    criteria = _all_criteria(raw["criteria"], teams)
    days = raw.get("valid_days", 30)
    if not 1 <= days <= 90:
        raise _wrong(f"lets a signature stand {days} days", "Give valid_days from 1 to 90")
    images = raw.get("images", {})
    for name, digest in images.items():
        if not isinstance(digest, str) or not _DIGEST.match(digest):
            raise _wrong(f"has the image {name} without its digest", "Write it as sha256: and 64 digits")
    report = raw.get("validation_report", "")
    return Decision(raw["cutover"], start, end, zone, teams, criteria, days, report, images)


def _wrong(what: str, remedy: str) -> GoliveError:
    return GoliveError(f"{SHOWN} {what}.", remedy=f"{remedy} in {SHOWN}.")


def _teams(raw: Mapping[str, Any]) -> dict[str, Team]:
    teams: dict[str, Team] = {}
    team_of: dict[str, str] = {}
    if not raw:
        raise _wrong("names no team", "Name at least one")
    for name, value in raw.items():
        where = f"{SHOWN}: the team {name}"
        if not _NAME.match(name):
            raise _wrong(f"has a team called {name!r}", "Use lower-case letters, digits and _")
        shape = _strict.shaped(value, where, {"title": str, "signers": list}, {"quorum": int})
        signers, quorum = shape["signers"], shape.get("quorum", 1)
        for person in signers:
            if not isinstance(person, str) or not PERSON.match(person):
                raise _wrong(f"lets {person!r} sign for {name}", "Name a person as in allowed_signers")
            other = team_of.setdefault(person, name)
            if other != name:
                raise _wrong(
                    f"lets {person} sign for both {other} and {name}", "Keep each person in one team"
                )
        if len(set(signers)) != len(signers):
            raise _wrong(f"names a signer of {name} twice", "Name each once")
        if not 1 <= quorum <= len(signers):
            raise _wrong(
                f"asks for {quorum} signatures of {name}, which has {len(signers)} signers",
                "Give a quorum of at least one and at most all signers",
            )
        teams[name] = Team(name, shape["title"], tuple(signers), quorum)
    return teams


def _all_criteria(raw: list[Any], teams: Mapping[str, Team]) -> dict[str, Criterion]:
    criteria: dict[str, Criterion] = {}
    if not raw:
        raise _wrong("has no criterion", "Give at least one")
    for number, value in enumerate(raw, start=1):
        criterion = _criterion(value, f"{SHOWN}: criterion {number}", teams)
        if criterion.name in criteria:
            raise _wrong(f"has the criterion {criterion.name} twice", "Keep one")
        criteria[criterion.name] = criterion
    return criteria


def _criterion(value: Any, where: str, teams: Mapping[str, Team]) -> Criterion:
    shape = _strict.shaped(
        value,
        where,
        {"name": str, "title": str, "team": str, "kind": str},
        {"probe": str, "settings": dict},
    )
    name, kind, probe = shape["name"], shape["kind"], shape.get("probe", "")
    if not _NAME.match(name):
        raise _wrong(f"has a criterion called {name!r}", "Use lower-case letters, digits and _")
    if shape["team"] not in teams:
        raise _wrong(
            f"gives the criterion {name} to {shape['team']}, which is no team", "Name one of its teams"
        )
    if kind not in (AUTOMATIC, ATTESTED):
        raise _wrong(f"has the criterion {name} of kind {kind!r}", "Use automatic or attested")
    if kind == AUTOMATIC and probe not in PROBES:
        raise _wrong(
            f"has the automatic criterion {name} with the probe {probe!r}", f"Use one of {', '.join(PROBES)}"
        )
    if kind == ATTESTED and (probe or shape.get("settings")):
        raise _wrong(
            f"has a probe for the attested criterion {name}", "Make it automatic, or remove the probe"
        )
    digest = _strict.sha256(_strict.canonical(shape))
    return Criterion(name, shape["title"], shape["team"], kind, probe, shape.get("settings", {}), digest)
