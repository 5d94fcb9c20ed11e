# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What audiences are told at each moment of a go-live, in their language and in the country's time.

A country's own text comes before ours: ``<moment>.<audience>.<language>.txt``, then ``<moment>.<language>.txt``, each
with ``Subject: ...`` on its first line and the same places in braces.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.dfr.golive.plugins.module_utils import _strict
from ansible_collections.dfr.golive.plugins.module_utils._announce import (
    Audience,
    check_audiences,
    split_text,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._language import LANGUAGES, Language, mark

SHOWN = "golive_communication"
EVERYBODY = "everybody"
KINDS = (EVERYBODY, "officials", "administrators", "enumerators")
"""Whose words an audience reads."""
PLACES = ("registry", "url", "start", "end", "zone", "days", "note")
NEEDS_NIGHT, NEEDS_NOTE = ("week_before", "day_before"), ("delayed",)


@dataclass(frozen=True)
class Moment:
    """A message of the communication plan.

    Attributes:
        subject, body: in English, with places.
        more: kind of audience -> what it is told besides.
    """

    subject: str
    body: tuple[str, ...]
    more: Mapping[str, tuple[str, ...]]


_MOVE = mark(
    "From {start} to {end} ({zone}) the farmer registry moves to its new system. In that time nobody can register a"
    " farmer or change a record."
)
MOMENTS: Mapping[str, Moment] = {
    "week_before": Moment(
        mark("{registry}: the new farmer registry opens in a week"),
        (_MOVE, mark("After that you work at {url}.")),
        {
            "enumerators": (
                mark("Until then go on as usual. Send what is on your tablet before the move begins."),
            ),
            "administrators": (
                mark(
                    "See that every user of yours is known with the right mail address, and that tablets are emptied."
                ),
            ),
            "officials": (
                mark("You will be told when data entry is closed, and when the new registry is open."),
            ),
        },
    ),
    "day_before": Moment(
        mark("{registry}: data entry closes tomorrow"),
        (_MOVE,),
        {
            "enumerators": (
                mark("Send every record that is still on your tablet today."),
                mark("Have paper with you for the farmers who come while the registry is closed."),
            ),
            "administrators": (mark("Ask each enumerator today whether the tablet is empty."),),
            "officials": (mark("The three teams decide together before data entry is closed."),),
        },
    ),
    "freeze": Moment(
        mark("{registry}: data entry is closed now"),
        (
            mark("The old registry takes no new records any more; the move to the new one has begun."),
            mark("You will be told as soon as the new registry is open."),
        ),
        {"enumerators": (mark("Write farmers who come now on paper."),)},
    ),
    "live": Moment(
        mark("{registry}: the new farmer registry is open"),
        (
            mark("The new farmer registry is open at {url}."),
            mark("Work there from now on; the old registry takes no new records."),
        ),
        {
            "enumerators": (mark("Enter first what you wrote on paper, then send your tablet."),),
            "administrators": (
                mark("Help your users with their first login, and report anything unexpected."),
            ),
        },
    ),
    "delayed": Moment(
        mark("{registry}: the opening of the new registry is delayed"),
        (mark("The opening of the new farmer registry is delayed."), "{note}"),
        {},
    ),
    "rolled_back": Moment(
        mark("{registry}: the old registry is open again"),
        (
            mark(
                "The move to the new farmer registry was stopped. Nothing was lost: the old registry is open again."
            ),
            mark("Go on working there. You will be told of the next date."),
        ),
        {"enumerators": (mark("Enter first what you wrote on paper."),)},
    ),
    "hypercare_end": Moment(
        mark("{registry}: the close watch over the new registry ends"),
        (
            mark(
                "For {days} days the technical team has watched the new farmer registry closely. That ends today."
            ),
            mark("From now on report problems the usual way."),
        ),
        {},
    ),
}


@dataclass(frozen=True)
class Reader:
    """An audience and whose words it reads."""

    audience: Audience
    kind: str


@dataclass(frozen=True)
class Facts:
    """What the places of a text stand for.

    Attributes:
        start, end: of the night; None while it isn't set.
        note: what people say of a delay, text or text per language.
    """

    registry: str
    url: str
    zone: ZoneInfo
    days: int
    start: datetime | None = None
    end: datetime | None = None
    note: str | Mapping[str, str] = ""
    contact: str = ""


def readers(declared: Sequence[Mapping[str, Any]]) -> list[Reader]:
    """Who is told.

    Raises:
        GoliveError: somebody can't be told.
    """
    kinds = [str(one.get("kind") or _kind_called(one.get("name"))) for one in declared]
    for one, kind in zip(declared, kinds, strict=True):
        if kind not in KINDS:
            raise GoliveError(
                f"{SHOWN}: the audience {one.get('name')} is of the kind {kind!r}.",
                remedy=f"Use one of {', '.join(KINDS)}.",
            )
    audiences = [Audience.from_dict(one) for one in declared]
    check_audiences(audiences, LANGUAGES)
    return [Reader(audience, kind) for audience, kind in zip(audiences, kinds, strict=True)]


def _kind_called(name: Any) -> str:
    """An audience that is called as a kind is one."""
    return str(name) if name in KINDS else EVERYBODY


def moment_named(name: str) -> Moment:
    """
    Raises:
        GoliveError: there is no such moment.
    """
    if name not in MOMENTS:
        raise GoliveError(
            f"golive_message names the moment {name!r}, which doesn't exist.",
            remedy=f"Choose one of: {', '.join(MOMENTS)}.",
        )
    return MOMENTS[name]


def missing(name: str, facts: Facts) -> str:
    """What a message can't do without and hasn't got; empty when it can be written."""
    if name in NEEDS_NIGHT and facts.start is None:
        return "golive_plan sets no night (start and end)"
    if name in NEEDS_NOTE and not facts.note:
        return "golive_message_note, which says until when and what to do, isn't given"
    return ""


def text(name: str, reader: Reader, facts: Facts, folder: Path | None = None) -> str:
    """A message, subject first; what is missing stays a dash, for the dry run.

    Args:
        folder: the country's own texts.

    Raises:
        GoliveError: an own text can't be read, or has places that there aren't.
    """
    language = Language(reader.audience.language)
    values = _values(facts, language)
    own = _own(folder, name, reader.audience) if folder else ""
    if own:
        return own.format_map(values)
    moment = moment_named(name)
    parts = [language.say(part, **values) if part != "{note}" else values["note"] for part in moment.body]
    parts += [language.say(part, **values) for part in moment.more.get(reader.kind, ())]
    if facts.contact:
        parts.append(language.say("Contact: {contact}", contact=facts.contact))
    subject = language.say(moment.subject, **values)
    return "\n\n".join([f"Subject: {subject}", *parts]) + "\n"


def _values(facts: Facts, language: Language) -> dict[str, str]:
    def local(moment: datetime | None) -> str:
        if moment is None:
            return "-"
        there = moment.astimezone(facts.zone)
        return language.say("{date}, {time}", date=language.date(there), time=f"{there:%H:%M}")

    note = facts.note
    if isinstance(note, Mapping):
        note = note.get(language.code) or next(iter(note.values()), "")
    return {
        "registry": facts.registry,
        "url": facts.url,
        "start": local(facts.start),
        "end": local(facts.end),
        "zone": facts.zone.key,
        "days": str(facts.days),
        "note": note or "-",
    }


def _own(folder: Path, moment: str, audience: Audience) -> str:
    for name in (
        f"{moment}.{audience.name}.{audience.language}.txt",
        f"{moment}.{audience.language}.txt",
    ):
        try:
            raw = _strict.read(folder, name, limit=64 << 10)
        except _strict.MissingError:
            continue
        return _checked(raw, f"{folder.name}/{name}")
    return ""


def _checked(raw: bytes, shown: str) -> str:
    """
    Raises:
        GoliveError: it isn't a text with a subject and our places only.
    """
    try:
        found = raw.decode("utf-8")
        places = [place for _text, place, _spec, _how in string.Formatter().parse(found) if place is not None]
    except ValueError as exc:
        raise GoliveError(
            f"{shown} isn't UTF-8 text with places in braces.",
            remedy=f"Correct {shown}; write {{{{ for a brace.",
        ) from exc
    unknown = sorted({place for place in places if place not in PLACES})
    if unknown or re.search(r"\{[^{}]*[:!]", found):
        raise GoliveError(
            f"{shown} has the place {', '.join(unknown) or 'with a format'}, which doesn't exist.",
            remedy=f"Use {', '.join(f'{{{place}}}' for place in PLACES)}.",
        )
    try:
        split_text(found)
    except GoliveError as exc:
        raise GoliveError(f"{shown}: {exc.sentence}", remedy=f"Correct {shown}.") from exc
    return found
