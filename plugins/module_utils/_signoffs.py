# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sign-offs as plain files: who said go, when, and the digest that proves what was said."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    DriftError,
    GoliveError,
    one_line,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, passed

FIELDS = ("team", "decision", "name", "role", "date", "statement")


@dataclass(frozen=True)
class Signoff:
    """One team's decision. Who signed stays in the file; the journal gets the digest."""

    team: str
    decision: str
    role: str
    day: date
    digest: str

    def as_dict(self) -> dict[str, str]:
        return {
            "team": self.team,
            "decision": self.decision,
            "role": self.role,
            "date": self.day.isoformat(),
            "sha256": self.digest,
        }


def read(folder: Path, team: str) -> Signoff:
    """Read one team's file.

    Raises:
        GoliveError: the file is missing, unreadable or not a sign-off of that team.
    """
    path = folder / f"{team}.yml"
    shown = f"{folder.name}/{team}.yml"
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise GoliveError(
            f"The sign-off of {team} is missing: there is no {shown} in the inventory.",
            remedy=f"Ask {team} for its decision and write {shown}, or correct preflight_signoff_teams.",
        ) from None
    except OSError as exc:
        raise GoliveError(
            f"The sign-off {shown} can't be read: {one_line(exc.strerror or exc)}.",
            remedy="Check the file's permissions.",
        ) from exc
    remedy = f"Write {shown} as signoffs/README.md shows."
    yaml = require("yaml", "python3-yaml")
    try:
        content: Any = yaml.safe_load(raw)
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise GoliveError(f"The sign-off {shown} is not YAML.", remedy=remedy) from exc
    if not isinstance(content, dict):
        raise GoliveError(f"The sign-off {shown} holds no fields.", remedy=remedy)
    missing = [field for field in FIELDS if not str(content.get(field) or "").strip()]
    if missing:
        raise GoliveError(f"The sign-off {shown} lacks {', '.join(missing)}.", remedy=remedy)
    if content["team"] != team:
        raise GoliveError(f"The sign-off {shown} is one of the team {content['team']}.", remedy=remedy)
    # YAML 1.1 reads a bare `no` as false; `no-go` stays a text.
    decision = str(content["decision"])
    if decision not in ("go", "no-go"):
        raise GoliveError(
            f"The sign-off {shown} decides {decision!r}; it has to be go or no-go.", remedy=remedy
        )
    return Signoff(
        team, decision, str(content["role"]), day_of(content["date"], shown), hashlib.sha256(raw).hexdigest()
    )


def day_of(value: Any, shown: str) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise GoliveError(
            f"The sign-off {shown} has the date {value!r}.", remedy="Write it as 2026-11-20."
        ) from None


def judge(signoff: Signoff, today: date, valid_days: int) -> Gate:
    """Whether a decision opens the way today; 0 valid days means that it doesn't age."""
    name = f"signoff.{signoff.team}"
    shown = f"signoffs/{signoff.team}.yml"
    if signoff.decision != "go":
        raise GoliveError(
            f"{signoff.team} says no-go since {signoff.day} ({shown}).",
            remedy=f"Settle what {signoff.team} asks for, then renew its sign-off.",
        )
    age = (today - signoff.day).days
    if age < -1:
        raise GoliveError(
            f"The sign-off of {signoff.team} is dated {signoff.day}, {-age} days from now.",
            remedy=f"Correct the date in {shown}, or the clock of the controller.",
        )
    if valid_days and age > valid_days:
        raise GoliveError(
            f"The sign-off of {signoff.team} is {age} days old, {valid_days} are allowed.",
            remedy=f"Ask {signoff.team} to confirm and renew {shown}, or raise preflight_signoff_valid_days.",
        )
    return passed(name, f"{signoff.role} said go on {signoff.day} (sha256 {signoff.digest[:12]}…).")


def gates(
    folder: Path, teams: Sequence[str], today: date, valid_days: int
) -> tuple[list[Gate], list[Signoff]]:
    """One gate per team, and the sign-offs that could be read."""
    found: list[Signoff] = []

    def probe(team: str) -> Gate:
        signoff = read(folder, team)
        found.append(signoff)
        return judge(signoff, today, valid_days)

    return [ask(f"signoff.{team}", lambda team=team: probe(team)) for team in teams], found  # type: ignore[misc]


def confirm(folder: Path, teams: Sequence[str]) -> list[Signoff]:
    """On a later run: every team's go still stands. Age counts on the day of the decision only.

    Raises:
        DriftError: a sign-off is gone or was changed to no-go.
    """
    found = []
    for team in teams:
        try:
            signoff = read(folder, team)
        except GoliveError as exc:
            raise DriftError(exc.sentence, remedy=exc.remedy) from exc
        if signoff.decision != "go":
            raise DriftError(
                f"{team} has withdrawn its go (signoffs/{team}.yml says {signoff.decision}).",
                remedy=f"Settle it with {team}; playbooks/rollback.yml goes back.",
            )
        found.append(signoff)
    return found
