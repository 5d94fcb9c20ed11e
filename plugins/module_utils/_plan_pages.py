# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan as people and their calendars read it: JSON, text, HTML in the country's languages, iCalendar, runbooks.

The calendar is made by the library icalendar: time zones, folding of lines and escaping are its business.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ansible_collections.dfr.golive.plugins.module_utils import _pages
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._language import Language, languages, mark
from ansible_collections.dfr.golive.plugins.module_utils._plan import Row, Timeline
from ansible_collections.dfr.golive.plugins.module_utils._plan_steps import (
    ACTION,
    HOLD,
    LIVE,
    PHASE,
    ROLES,
    START,
    TELL,
    TURNED_BACK,
    Step,
)

SCHEMA = "dfr.golive/plan/1"
KINDS = {PHASE: mark("phase"), HOLD: mark("hold point"), TELL: mark("message"), ACTION: mark("people")}
DECIDERS = ("national_it", "fao", "contractor")
"""Who decides whether to turn back."""
LAST_SAFE = mark("Last safe moment to turn back")
WINDOW_ENDS = mark("The window ends")
MILESTONE = "milestone"
"""Kind of a row that is a moment and nobody's step."""


@dataclass(frozen=True)
class Plan:
    """A timeline with what it belongs to.

    Attributes:
        country, title: short code, and the name for people.
        digest: of the plan that the teams sign and that a rehearsal proves.
        zone: the country's.
        timeline: see `Timeline`.
        rehearsals: run ids of those that the times come from.
    """

    country: str
    title: str
    digest: str
    zone: ZoneInfo
    timeline: Timeline
    rehearsals: tuple[str, ...] = ()


def zone_named(name: str) -> ZoneInfo:
    """
    Raises:
        GoliveError: there is no such time zone here.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise GoliveError(
            f"The controller knows no time zone {name!r}.",
            remedy="Write golive_timezone as the tz database does, for example Pacific/Tongatapu; or install tzdata.",
        ) from exc


def as_dict(plan: Plan) -> dict[str, Any]:
    """``plan.json``: moments in the country's time, offsets in seconds from the start of the window."""
    timeline = plan.timeline

    def at(offset: float | None) -> str | None:
        moment = timeline.moment(offset)
        return None if moment is None else moment.astimezone(plan.zone).isoformat(timespec="seconds")

    end = timeline.declared.end
    return {
        "schema": SCHEMA,
        "country": plan.country,
        "title": plan.title,
        "digest": plan.digest,
        "timezone": plan.zone.key,
        "start": at(0.0),
        "end": None if end is None else end.astimezone(plan.zone).isoformat(timespec="seconds"),
        "door": {"opens": at(timeline.door.ends), "worst": at(timeline.door.worst_ends)},
        "last_safe_moment": at(timeline.last_safe),
        "rollback": timeline.rollback.as_dict() if timeline.rollback else None,
        "ttl_seconds": timeline.ttl,
        "rehearsals": list(plan.rehearsals),
        "warnings": list(timeline.warnings),
        "steps": [
            {
                "name": row.step.name,
                "kind": row.step.kind,
                "title": row.step.title,
                "owner": row.step.owner,
                "roles": sorted({row.step.owner, *row.step.parts}),
                "needs": list(row.step.needs),
                "seconds": row.seconds.as_dict() if row.seconds else None,
                "offset": row.starts,
                "starts": at(row.starts),
                "ends": at(row.ends),
                "worst_ends": at(row.worst_ends),
            }
            for row in timeline.rows
        ],
    }


def as_json(plan: Plan) -> str:
    return json.dumps(as_dict(plan), indent=2, ensure_ascii=False) + "\n"


class Reading:
    """The plan in one language; what the templates ask."""

    def __init__(self, language: Language, plan: Plan) -> None:
        self.language, self.plan, self.code = language, plan, language.code
        self.say = language.say

    def own(self, text: str | Mapping[str, str]) -> str:
        """A sentence of ours, or a country's in this language, else in the first it has."""
        if isinstance(text, str):
            return self.say(text)
        return text.get(self.code) or next(iter(text.values()))

    def role(self, name: str) -> str:
        return self.say(ROLES[name])

    def kind(self, row: Row) -> str:
        return self.say(KINDS[row.step.kind])

    def local(self, offset: float | None) -> datetime | None:
        moment = self.plan.timeline.moment(offset)
        return None if moment is None else moment.astimezone(self.plan.zone)

    def day(self, row: Row) -> str:
        """The heading that a row stands under."""
        local = self.local(row.starts)
        if local is not None:
            return self.language.date(local)
        if row.step.anchor == START:
            return self.say("Before the night")
        return self.say("After the night") if row.step.anchor == LIVE else self.say("The night")

    def clock(self, offset: float | None) -> str:
        """The time of day; with the day counted from the start where the night isn't set."""
        local = self.local(offset)
        if local is not None:
            return f"{local:%H:%M}"
        return "" if offset is None else offset_text(offset)

    def when(self, offset: float | None) -> str:
        """Day and time."""
        local = self.local(offset)
        if local is None:
            return self.clock(offset) or self.say("not known")
        return self.say("{date}, {time}", date=self.language.date(local), time=f"{local:%H:%M}")

    def took(self, row: Row) -> str:
        """How long it usually takes, and at worst."""
        if row.seconds is None:
            return self.say("not rehearsed") if row.step.kind == PHASE else ""
        if row.step.kind == TELL:
            return ""
        usual, worst = (
            self.language.duration(seconds) for seconds in (row.seconds.median, row.seconds.worst)
        )
        return usual if usual == worst else self.say("{usual}, at worst {worst}", usual=usual, worst=worst)

    def needs(self, row: Row) -> str:
        by_name = {one.step.name: one.step for one in self.plan.timeline.rows}
        return "; ".join(self.own(by_name[name].title) for name in row.step.needs)

    def rows(self) -> list[Row]:
        """The plan's rows with the milestones of the night where they fall."""
        timeline = self.plan.timeline
        rows = list(timeline.rows)
        for name, title, offset in (
            ("last_safe_moment", LAST_SAFE, timeline.last_safe),
            ("window_ends", WINDOW_ENDS, timeline.length),
        ):
            if offset is not None:
                place = next((n for n, row in enumerate(rows) if _later(row, offset)), len(rows))
                rows.insert(place, Row(Step(name, MILESTONE, title, ""), None, offset, offset, offset))
        return rows

    def days(self) -> Iterator[tuple[str, list[Row]]]:
        """Rows under their headings."""
        for heading, rows in groupby(self.rows(), self.day):
            yield heading, list(rows)

    def course(self, row: Row) -> tuple[float, float] | None:
        """Left and width of a night's row, in percent of the course to the last of them; None where nobody knows."""
        ends = [one.worst_ends for one in self.plan.timeline.rows if not one.step.anchor]
        known = [end for end in ends if end is not None]
        if (
            row.step.anchor
            or row.starts is None
            or row.ends is None
            or len(known) < len(ends)
            or not max(known)
        ):
            return None
        whole = max(known)
        return round(100 * row.starts / whole, 2), round(100 * (row.ends - row.starts) / whole, 2)

    def mine(self, role: str) -> list[tuple[Row, list[str]]]:
        """A role's own rows, each with what it does there."""
        return [
            (row, [self.own(text) for text in row.step.parts[role]])
            for row in self.plan.timeline.rows
            if role in row.step.parts
        ]

    def turned_back(self, role: str) -> list[str]:
        return [self.say(text) for text in TURNED_BACK.get(role, ())]


def _later(row: Row, offset: float) -> bool:
    """What follows the night is later even where nobody knows when it is."""
    return row.step.anchor == LIVE if row.starts is None else row.starts > offset


def offset_text(offset: float) -> str:
    """T+0:12 (hours and minutes), or T-7d for whole days before."""
    sign, rest = ("-", -offset) if offset < 0 else ("+", offset)
    if rest and rest % 86400 == 0:
        return f"T{sign}{int(rest // 86400)}d"
    minutes = int(rest // 60)
    return f"T{sign}{minutes // 60}:{minutes % 60:02d}"


def text(plan: Plan) -> str:
    """The plan for a terminal."""
    reading, timeline = Reading(Language("en"), plan), plan.timeline
    lines = [f"{plan.title}: plan {plan.digest.removeprefix('sha256:')[:16]}, times of {plan.zone.key}"]
    widest = max(len(row.step.name) for row in timeline.rows)
    for heading, rows in reading.days():
        lines.append(heading)
        for row in rows:
            name = f"-- {row.step.title} --" if row.step.kind == MILESTONE else f"{row.step.name:<{widest}}"
            line = f"  {reading.clock(row.starts):>7}  {name}  {row.step.owner:<13}  {reading.took(row)}"
            lines.append(line.rstrip())
    lines.append(
        f"The door opens: {reading.when(timeline.door.ends)}, at worst {reading.when(timeline.door.worst_ends)}."
    )
    lines.append(f"{LAST_SAFE}: {reading.when(timeline.last_safe)}.")
    lines += list(timeline.warnings)
    return "\n".join(lines)


def page(plan: Plan, codes: Sequence[str], template: Path) -> str:
    """``plan.html``, all languages in one file.

    Raises:
        GoliveError: a language without catalogue.
    """
    readings = [Reading(language, plan) for language in languages(list(codes))]
    return _pages.render(template, plan=plan, readings=readings, digest=plan.digest)


def runbooks(plan: Plan, codes: Sequence[str], template: Path) -> dict[str, str]:
    """Role -> page: only what that role does, in all languages.

    Raises:
        GoliveError: a language without catalogue.
    """
    readings = [Reading(language, plan) for language in languages(list(codes))]
    return {
        role: _pages.render(template, plan=plan, readings=readings, role=role, decides=role in DECIDERS)
        for role in ROLES
    }


def calendar(plan: Plan, code: str, now: datetime) -> str:
    """``plan.ics``: an appointment for each step whose time is known.

    Raises:
        GoliveError: the night isn't set, or the library is missing or too old.
    """
    ical = _icalendar()
    timeline, reading = plan.timeline, Reading(Language(code), plan)
    if timeline.declared.start is None:
        raise GoliveError(
            "There is no calendar without a night.", remedy="Give start and end in golive_plan."
        )
    made = ical.Calendar()
    made.add("prodid", "-//dfr.golive//plan//")
    made.add("version", "2.0")
    made.add("x-wr-calname", plan.title)
    rows = [row for row in timeline.rows if row.starts is not None]
    for row in rows:
        ends = row.ends if row.ends is not None else row.starts
        event = _event(ical, plan, row.step.name, now, row.starts or 0.0, ends or 0.0)
        event.add("summary", f"{reading.role(row.step.owner)}: {reading.own(row.step.title)}")
        event.add("description", _described(reading, row.step))
        made.add_component(event)
    if timeline.last_safe is not None:
        event = _event(ical, plan, "last_safe_moment", now, timeline.last_safe, timeline.last_safe)
        event.add("summary", reading.say(LAST_SAFE))
        made.add_component(event)
    made.add_missing_timezones()
    shown: bytes = made.to_ical()
    return shown.decode()


def _icalendar() -> ModuleType:
    """
    Raises:
        GoliveError: it is missing, or older than the version that adds time zones by itself.
    """
    try:
        library = importlib.import_module("icalendar")
        library.Calendar.add_missing_timezones  # noqa: B018
    except (ImportError, AttributeError) as exc:
        raise GoliveError(
            "The plan's calendar needs the Python library icalendar, version 6 or newer, on the controller.",
            remedy="Install it there: pip install 'icalendar>=6'.",
        ) from exc
    return library


def _event(ical: Any, plan: Plan, name: str, now: datetime, starts: float, ends: float) -> Any:
    event = ical.Event()
    event.add("uid", f"{name}.{plan.country}@golive.dfr")
    event.add("dtstamp", now)
    start = plan.timeline.moment(starts)
    end = plan.timeline.moment(max(ends, starts))
    event.add("dtstart", _whole(start, plan.zone))
    event.add("dtend", _whole(end, plan.zone))
    event.add("sequence", int(now.timestamp()) // 60)
    return event


def _whole(moment: datetime | None, zone: ZoneInfo) -> datetime:
    """To the second, in the country's zone."""
    if moment is None:
        raise GoliveError(
            "There is no calendar without a night.", remedy="Give start and end in golive_plan."
        )
    return moment.astimezone(zone).replace(microsecond=0)


def _described(reading: Reading, step: Step) -> str:
    lines = []
    for role, texts in step.parts.items():
        lines.append(reading.say("{title}:", title=reading.role(role)))
        lines += [f"- {reading.own(text)}" for text in texts]
    return "\n".join(lines)


def files(plan: Plan, codes: Sequence[str], templates: Path) -> dict[str, str]:
    """Name to text of every file that says only what the plan says.

    Raises:
        GoliveError: a language without catalogue.
    """
    made = {"plan.json": as_json(plan), "plan.html": page(plan, codes, templates / "plan.html.j2")}
    for role, text_ in runbooks(plan, codes, templates / "runbook.html.j2").items():
        made[f"runbook-{role}.html"] = text_
    return made
