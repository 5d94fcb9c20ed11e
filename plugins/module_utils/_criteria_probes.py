# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Automatic criteria: each probe reads what a country has, and compares it with the criterion's threshold.

A file that is missing, unreadable or not what it should be is *unknown* or a clear no, never a pass. The formats are
described in ``roles/preflight/README.md``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _strict, _validation
from ansible_collections.dfr.golive.plugins.module_utils._criteria import (
    AUTOMATIC,
    SHOWN,
    Criterion,
    Decision,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._gates import (
    Gate,
    Verdict,
    ask,
    failed,
    passed,
    unknown,
)
from ansible_collections.dfr.golive.plugins.module_utils._vaulted import plain_secrets

_URL_SECONDS = 10


@dataclass(frozen=True)
class World:
    """What probes look at.

    Attributes:
        folder: signoffs of the inventory; evidence lies in it.
        decision: what is decided about.
        now: the time.
        gates: what preflight has found out already.
        runs: earlier runs as the journal has them, each with mode, outcome and finished.
    """

    folder: Path
    decision: Decision
    now: datetime
    gates: Sequence[Gate] = ()
    runs: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Asked:
    """One criterion and what it is asked of."""

    criterion: Criterion
    world: World

    @property
    def name(self) -> str:
        return f"criterion.{self.criterion.name}"

    def settings(
        self, needed: Mapping[str, type], optional: Mapping[str, type] | None = None
    ) -> dict[str, Any]:
        where = f"{SHOWN}: the settings of {self.criterion.name}"
        return _strict.shaped(dict(self.criterion.settings), where, needed, optional)

    def content(self, file: str) -> Any:
        return _strict.parse(_strict.read(self.world.folder, file), f"signoffs/{file}")

    def answer(self, good: bool, detail: str, remedy: str) -> Gate:
        return passed(self.name, detail) if good else failed(self.name, detail, remedy)

    def fresh(self, text: Any, days: int, file: str, field: str) -> datetime:
        """The time a file tells of itself; too old is a clear no."""
        when = _strict.moment(text, f"signoffs/{file}", field)
        age = self.world.now - when
        if age > timedelta(days=days):
            raise GoliveError(
                f"signoffs/{file} is of {when:%Y-%m-%d}, {age.days} days old; {days} are allowed.",
                remedy=f"Put a new one at signoffs/{file}.",
            )
        if age < timedelta(minutes=-5):
            raise GoliveError(
                f"signoffs/{file} is of {when:%Y-%m-%d %H:%M} UTC, which is in the future.",
                remedy=f"Correct {field} in signoffs/{file}, or the clock of the controller.",
            )
        return when


def judge(world: World) -> dict[str, Gate]:
    """Every automatic criterion, by its name."""
    gates = {}
    for criterion in world.decision.criteria.values():
        if criterion.kind == AUTOMATIC:
            asked = Asked(criterion, world)
            gates[criterion.name] = ask(asked.name, lambda asked=asked: PROBES[asked.criterion.probe](asked))  # type: ignore[misc]
    return gates


def _open_bugs(asked: Asked) -> Gate:
    """A tracker's export: {"exported": time, "issues": [{"id", "severity", "state"}]}."""
    options = asked.settings(
        {"maximum": int}, {"file": str, "url": str, "severities": list, "max_age_days": int}
    )
    if bool(options.get("file")) == bool(options.get("url")):
        raise GoliveError(
            f"{SHOWN} gives {asked.criterion.name} not exactly one of file and url.",
            remedy=f"Name the tracker's export by one of them in {SHOWN}.",
        )
    file = options.get("file") or options["url"]
    content = asked.content(file) if options.get("file") else _fetched(file)
    shown = f"signoffs/{file}" if options.get("file") else file
    export = _strict.shaped(content, shown, {"exported": str, "issues": list})
    asked.fresh(export["exported"], options.get("max_age_days", 2), file, "exported")
    severities = options.get("severities", ["critical"])
    found = []
    for number, issue in enumerate(export["issues"], start=1):
        one = _strict.shaped(issue, f"{shown}: issue {number}", {"id": str, "severity": str, "state": str})
        if one["state"] not in ("open", "closed"):
            raise GoliveError(
                f"{shown}: issue {one['id']} is in the state {one['state']!r}.",
                remedy=f"Export open or closed to {shown}.",
            )
        if one["state"] == "open" and one["severity"] in severities:
            found.append(one["id"])
    more = f" ({', '.join(found[:5])})" if found else ""
    return asked.answer(
        len(found) <= options["maximum"],
        f"{len(found)} open {' or '.join(severities)} of {len(export['issues'])} issues{more};"
        f" {options['maximum']} are allowed.",
        f"Close them, export the tracker again to {shown}, or have {asked.criterion.team} sign a waiver.",
    )


def _fetched(url: str) -> Any:
    if not url.startswith("https://"):
        raise GoliveError(f"{SHOWN} names {url}, which isn't https.", remedy=f"Use an https URL in {SHOWN}.")
    # Here, for those who prove a go-live years later have no Ansible.
    from ansible.module_utils.urls import open_url

    try:
        with open_url(url, timeout=_URL_SECONDS, follow_redirects="none") as answer:
            raw = answer.read(_strict.LIMIT_BYTES + 1)
    except Exception as exc:
        raise ProbeError(
            f"{url} gave no answer: {one_line(exc, 120)}.", remedy="Export to a file instead."
        ) from exc
    if len(raw) > _strict.LIMIT_BYTES:
        raise ProbeError(f"{url} answered with too much.", remedy="Ask it for the open issues only.")
    return _strict.parse(raw, f"{url}.json")


@dataclass(frozen=True)
class Validated:
    """What a validation report came to, as `_validation` writes it.

    Attributes:
        country: whose; empty for a move between two databases without a country.
        outcome: valid, invalid, incomplete or withdrawn.
        at: when both sides were compared; empty when they weren't.
        compared, apart: how many tables and checks, and the names of those that don't agree.
    """

    country: str
    outcome: str
    at: str
    compared: int
    apart: tuple[str, ...]


def read_validation(content: Any, shown: str) -> Validated:
    """
    Raises:
        GoliveError: it is no validation report.
    """
    try:
        known = content["schema"] == _validation.SCHEMA
        answers = [(str(one.get("name") or one["table"]), str(one["verdict"])) for one in _both(content)]
        country, outcome = str(content["country"]), str(content["outcome"])
        at = str(content["compared"]["at"])
    except (KeyError, TypeError, AttributeError):
        known = False
    if not known:
        raise GoliveError(
            f"{shown} is no validation report.",
            remedy=f"Put the validation.json of the migration at {shown}.",
        )
    apart = tuple(name for name, verdict in answers if verdict not in _validation.GOOD)
    return Validated(country, outcome, at, len(answers), apart)


def _both(content: Any) -> list[Any]:
    return [*content["tables"], *content["reconciliation"]]


def _reconciliation(asked: Asked) -> Gate:
    """The validation report of the migration, as the last rehearsal or move wrote it."""
    options = asked.settings({"file": str}, {"max_age_days": int})
    shown = f"signoffs/{options['file']}"
    found = read_validation(asked.content(options["file"]), shown)
    country = asked.world.folder.resolve().parent.name
    if found.country not in ("", country):
        raise GoliveError(f"{shown} is of {found.country}.", remedy=f"Put the one of {country} at {shown}.")
    again = f"Correct the migration, compare again and put the new validation.json at {shown}."
    if found.outcome == "incomplete":
        return unknown(asked.name, f"{shown} says that not everything has been compared.", again)
    asked.fresh(found.at, options.get("max_age_days", 7), options["file"], "compared.at")
    more = f"; not {', '.join(found.apart[:5])}" if found.apart else ""
    return asked.answer(
        found.outcome == "valid" and not found.apart,
        f"The migration is {found.outcome}: {found.compared - len(found.apart)} of {found.compared}"
        f" comparisons agree{more}.",
        again,
    )


def _training(asked: Asked) -> Gate:
    """Per role, how many were trained of how many: CSV with role,trained,required, or a list of the same in JSON."""
    options = asked.settings({"file": str, "minimum_percent": int}, {"roles": list})
    shown = f"signoffs/{options['file']}"
    rows = _rows(asked, options["file"])
    percents: dict[str, float] = {}
    for number, row in enumerate(rows, start=1):
        try:
            trained, required = int(row["trained"]), int(row["required"])
            role = str(row["role"])
        except (KeyError, TypeError, ValueError):
            raise GoliveError(
                f"{shown}: row {number} isn't role, trained, required.", remedy=f"Correct {shown}."
            ) from None
        if role in percents or required < 1 or trained < 0:
            raise GoliveError(
                f"{shown}: row {number} repeats the role {role}, or its numbers can't be.",
                remedy=f"Correct {shown}.",
            )
        percents[role] = 100.0 * trained / required
    missing = [str(role) for role in options.get("roles", []) if role not in percents]
    if missing or not percents:
        return unknown(
            asked.name, f"{shown} says nothing of {', '.join(missing) or 'any role'}.", f"Add it to {shown}."
        )
    low = {role: percent for role, percent in percents.items() if percent < options["minimum_percent"]}
    said = ", ".join(f"{role} {percent:.0f} %" for role, percent in (low or percents).items())
    return asked.answer(
        not low,
        f"Trained: {said}; {options['minimum_percent']} % are needed.",
        f"Train the rest and bring {shown} up to date.",
    )


def _rows(asked: Asked, file: str) -> Sequence[Mapping[str, Any]]:
    if file.endswith(".csv"):
        try:
            text = _strict.read(asked.world.folder, file).decode("utf-8-sig")
            return list(csv.DictReader(io.StringIO(text), strict=True))
        except (UnicodeDecodeError, csv.Error) as exc:
            raise GoliveError(
                f"signoffs/{file} isn't CSV in UTF-8.", remedy=f"Save signoffs/{file} again."
            ) from exc
    content = asked.content(file)
    if not isinstance(content, list):
        raise GoliveError(f"signoffs/{file} is no list.", remedy=f"Correct signoffs/{file}.")
    return content


def _gates(asked: Asked) -> Gate:
    """What preflight found itself: every gate whose name begins with one of these words."""
    options = asked.settings({"names": list})
    seen = []
    for name in options["names"]:
        mine = [gate for gate in asked.world.gates if gate.name == name or gate.name.startswith(f"{name}.")]
        if not mine:
            return unknown(
                asked.name, f"Preflight asked nothing called {name}.", f"Correct names in {SHOWN}."
            )
        seen += mine
    shut = [gate for gate in seen if not gate.open]
    if any(gate.verdict is Verdict.UNKNOWN for gate in shut):
        return unknown(
            asked.name, f"{len(shut)} of {len(seen)} checks gave no answer.", "Settle those checks above."
        )
    names = ", ".join(gate.name for gate in shut[:5])
    return asked.answer(
        not shut,
        f"{len(seen) - len(shut)} of {len(seen)} checks pass{f'; not {names}' if shut else ''}.",
        "Settle those checks above.",
    )


def _backup_verified(asked: Asked) -> Gate:
    """The last restored backup: {"restored": time, "verdict": "pass"}."""
    options = asked.settings({"file": str, "max_age_days": int})
    shown = f"signoffs/{options['file']}"
    content = _strict.shaped(
        asked.content(options["file"]), shown, {"restored": str, "verdict": str}, {"detail": str}
    )
    when = asked.fresh(content["restored"], options["max_age_days"], options["file"], "restored")
    return asked.answer(
        content["verdict"] == "pass",
        f"The backup restored on {when:%Y-%m-%d} came to {content['verdict']}.",
        f"Restore a backup, compare it, and put the outcome at {shown}.",
    )


def _change_approved(asked: Asked) -> Gate:
    """The change request: {"change": id, "state": "approved", "approved": time, "until": time}."""
    options = asked.settings({"file": str})
    shown = f"signoffs/{options['file']}"
    content = _strict.shaped(
        asked.content(options["file"]), shown, {"change": str, "state": str, "approved": str, "until": str}
    )
    approved = _strict.moment(content["approved"], shown, "approved")
    until = _strict.moment(content["until"], shown, "until")
    good = (
        content["state"] == "approved"
        and approved <= asked.world.now <= until
        and until >= asked.world.decision.end
    )
    return asked.answer(
        good,
        f"The change {content['change']} is {content['state']}, from {approved:%Y-%m-%d %H:%M} to"
        f" {until:%Y-%m-%d %H:%M} UTC.",
        f"Have the change approved until the end of the night and put it at {shown}.",
    )


def _migrations_reviewed(asked: Asked) -> Gate:
    """Each database migration: {"migrations": [{"name", "reviewed": bool}]}."""
    options = asked.settings({"file": str})
    shown = f"signoffs/{options['file']}"
    content = _strict.shaped(asked.content(options["file"]), shown, {"migrations": list})
    migrations = [
        _strict.shaped(one, f"{shown}: migration {number}", {"name": str, "reviewed": bool}, {"by": str})
        for number, one in enumerate(content["migrations"], start=1)
    ]
    left = [one["name"] for one in migrations if not one["reviewed"]]
    return asked.answer(
        not left,
        f"{len(migrations) - len(left)} of {len(migrations)} database migrations are reviewed"
        f"{': not ' + ', '.join(left[:5]) if left else ''}.",
        f"Review them and say so in {shown}.",
    )


def _secrets_in_vault(asked: Asked) -> Gate:
    """Every secret value of the inventory comes from ansible-vault, the environment or another lookup."""
    options = asked.settings({}, {"except": list})
    plain, looked = plain_secrets(asked.world.folder.parent)
    left = [name for name in plain if name not in options.get("except", [])]
    return asked.answer(
        not left,
        f"{len(left)} of {looked} secret values lie open in the inventory{': ' + ', '.join(left[:3]) if left else ''}.",
        "Encrypt them with ansible-vault encrypt_string, or take them from the environment.",
    )


def _roster(asked: Asked) -> Gate:
    """Who is on call: {"shifts": [{"duty", "start", "end"}]}; each duty covers the night, and the hours after it."""
    options = asked.settings({"file": str, "duties": list}, {"hours_after": int})
    shown = f"signoffs/{options['file']}"
    content = _strict.shaped(asked.content(options["file"]), shown, {"shifts": list})
    shifts: dict[str, list[tuple[datetime, datetime]]] = {}
    for number, shift in enumerate(content["shifts"], start=1):
        where = f"{shown}: shift {number}"
        one = _strict.shaped(shift, where, {"duty": str, "start": str, "end": str}, {"who": str})
        start, end = (_strict.moment(one[name], where, name) for name in ("start", "end"))
        shifts.setdefault(one["duty"], []).append((start, end))
    night = asked.world.decision
    end = night.end + timedelta(hours=options.get("hours_after", 0))
    gaps = [
        f"{duty} from {gap:%Y-%m-%d %H:%M} UTC"
        for duty in options["duties"]
        if (gap := _gap(shifts.get(duty, []), night.start, end))
    ]
    return asked.answer(
        not gaps,
        f"Nobody is on call as {', '.join(gaps)}."
        if gaps
        else f"{len(options['duties'])} duties are staffed until {end:%Y-%m-%d %H:%M} UTC.",
        f"Staff it and bring {shown} up to date.",
    )


def _gap(shifts: Sequence[tuple[datetime, datetime]], start: datetime, end: datetime) -> datetime | None:
    """The first moment nobody covers."""
    covered = start
    for begin, finish in sorted(shifts):
        if begin <= covered:
            covered = max(covered, finish)
    return covered if covered < end else None


def _low_traffic(asked: Asked) -> Gate:
    """The night begins and ends between two hours of the country's day."""
    options = asked.settings({"from": str, "to": str})
    try:
        early, late = time.fromisoformat(options["from"]), time.fromisoformat(options["to"])
    except ValueError as exc:
        raise GoliveError(
            f"{SHOWN} has no hours for {asked.criterion.name}.", remedy=f"Write them as '20:00' in {SHOWN}."
        ) from exc
    night = asked.world.decision
    start, end = night.start.astimezone(night.zone), night.end.astimezone(night.zone)
    quiet = datetime.combine(start.date(), early, night.zone)
    if quiet > start:
        quiet -= timedelta(days=1)
    until = datetime.combine(quiet.date(), late, night.zone)
    if until <= quiet:
        until += timedelta(days=1)
    return asked.answer(
        end <= until,
        f"The night from {start:%Y-%m-%d %H:%M} to {end:%H:%M} ({night.zone.key}); traffic is low from"
        f" {options['from']} to {options['to']}.",
        f"Move start and end of the night in {SHOWN}.",
    )


def _blackout(asked: Asked) -> Gate:
    """No day of the night, nor today, is one of these dates."""
    options = asked.settings({"dates": list})
    try:
        dates = {date.fromisoformat(str(day)) for day in options["dates"]}
    except ValueError as exc:
        raise GoliveError(
            f"{SHOWN} has a blackout date that isn't one.", remedy=f"Write it as 2026-12-25 in {SHOWN}."
        ) from exc
    night = asked.world.decision
    days = {moment.astimezone(night.zone).date() for moment in (night.start, night.end, asked.world.now)}
    hit = sorted(days & dates)
    return asked.answer(
        not hit,
        f"{', '.join(map(str, hit))} is a blackout date."
        if hit
        else f"No blackout date among {', '.join(map(str, sorted(days)))}.",
        f"Move the night in {SHOWN}.",
    )


def _rehearsed(asked: Asked) -> Gate:
    """A rehearsal that was rolled back as planned, within so many days, as the journal has it."""
    options = asked.settings({"days": int})
    ends = [
        datetime.fromisoformat(str(run["finished"])).astimezone(UTC)
        for run in asked.world.runs
        if run.get("mode") == "rehearsal" and run.get("outcome") == "rolled_back" and run.get("finished")
    ]
    if not ends:
        return unknown(
            asked.name,
            "The journal knows of no rehearsal that was rolled back.",
            "Rehearse, roll-back included.",
        )
    age = asked.world.now - max(ends)
    return asked.answer(
        age <= timedelta(days=options["days"]),
        f"The roll-back was rehearsed {age.days} days ago; {options['days']} are allowed.",
        "Rehearse again, roll-back included.",
    )


PROBES: dict[str, Callable[[Asked], Gate]] = {
    "backup_verified": _backup_verified,
    "blackout": _blackout,
    "change_approved": _change_approved,
    "gates": _gates,
    "low_traffic": _low_traffic,
    "migrations_reviewed": _migrations_reviewed,
    "open_bugs": _open_bugs,
    "reconciliation": _reconciliation,
    "rehearsed": _rehearsed,
    "roster": _roster,
    "secrets_in_vault": _secrets_in_vault,
    "training": _training,
}
