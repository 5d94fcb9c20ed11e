# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people read in files, in their language: sentences by gettext, numbers and dates as the language writes them.

English is what the source says; every other language is one file ``_languages/<code>.po``, compiled by
``make translations`` into `_translations`, a Python file because that is all a module takes along to a managed host.

Separators and the names of months are entries of the catalogue rather than CLDR's (Babel): CLDR has no Bislama, Samoan
or Cook Islands Māori, and a library on every managed host is much for a handful of words.

Nothing here imports Ansible.
"""

from __future__ import annotations

import base64
import functools
import gettext
import io
from collections.abc import Callable
from datetime import date, datetime, tzinfo
from decimal import Decimal

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._translations import COMPILED

SOURCE = "en"
LANGUAGES = tuple(sorted({SOURCE, *COMPILED}))
"""Codes of the languages there is a catalogue for."""


def mark(text: str) -> str:
    """The text itself, noted for translation where it is chosen before the language is known."""
    return text


@functools.cache
def _catalogue(code: str) -> gettext.NullTranslations:
    if code == SOURCE:
        return gettext.NullTranslations()
    return gettext.GNUTranslations(io.BytesIO(base64.b64decode(COMPILED[code])))


class Language:
    """One language that files are written in.

    Attributes:
        code: as in ``golive_languages``; also right for the ``lang`` attribute of HTML.
    """

    def __init__(self, code: str) -> None:
        """
        Raises:
            GoliveError: there is no catalogue for it.
        """
        if code not in LANGUAGES:
            raise GoliveError(
                f"There is no catalogue for the language {code!r}; there is {', '.join(LANGUAGES)}.",
                remedy="Correct golive_languages, or add plugins/module_utils/_languages/<code>.po.",
            )
        self.code = code
        self._words = _catalogue(code)

    def say(self, text: str, /, **values: object) -> str:
        """A sentence: ``say("{rows} rows differ", rows=3)``.

        Args:
            text: the English source, a literal or something that went through `mark`.
            values: for the places in it; numbers and moments are written as the language does.
        """
        return self._fill(self._words.gettext(text), values)

    def say_many(self, one: str, many: str, number: int, /, **values: object) -> str:
        """A sentence that depends on a number, which it has as ``{number}``."""
        return self._fill(self._words.ngettext(one, many, number), {**values, "number": number})

    def number(self, value: float | Decimal, digits: int = 0) -> str:
        """12,345.6 in English, with so many digits after the point."""
        point = self._word("decimal point", ".")
        thousands = self._word("thousands separator", ",")
        return f"{value:,.{digits}f}".translate({ord(","): thousands, ord("."): point})

    def date(self, day: date) -> str:
        """22 November 2026."""
        number = str(day.day) if day.day > 1 else self._word("first day of a month", "1")
        return self._word("date", "{day} {month} {year}").format(
            day=number, month=self._months()[day.month - 1], year=day.year
        )

    def moment(self, moment: datetime, zone: tzinfo | None = None) -> str:
        """22 November 2026, 04:06:22 and the name of the zone, which is the moment's own unless another is given."""
        local = moment.astimezone(zone) if zone else moment
        name = getattr(local.tzinfo, "key", None) or local.tzname() or ""
        return self.say("{date}, {time} {zone}", date=self.date(local), time=f"{local:%H:%M:%S}", zone=name)

    def time(self, moment: datetime) -> str:
        """22 November 2026, 04:06:22, where the zone has been said before."""
        return self.say("{date}, {time}", date=self.date(moment), time=f"{moment:%H:%M:%S}")

    def duration(self, seconds: float) -> str:
        """Seconds as people say them."""
        if seconds < 120:
            return self.say("{seconds} s", seconds=self.number(seconds, 1))
        minutes, rest = divmod(round(seconds), 60)
        if minutes < 120:
            return self.say("{minutes} min {seconds} s", minutes=minutes, seconds=f"{rest:02d}")
        return self.say("{hours} h {minutes} min", hours=minutes // 60, minutes=f"{minutes % 60:02d}")

    def listing(self, items: list[str]) -> str:
        """a, b and c."""
        if len(items) < 2:
            return "".join(items)
        return self.say("{first} and {last}", first=", ".join(items[:-1]), last=items[-1])

    def _fill(self, text: str, values: dict[str, object]) -> str:
        return text.format_map({name: self._shown(value) for name, value in values.items()})

    def _shown(self, value: object) -> str:
        if isinstance(value, bool):
            return self.say("yes") if value else self.say("no")
        if isinstance(value, int):
            return self.number(value)
        if isinstance(value, float | Decimal):
            return self.number(value, 1)
        if isinstance(value, datetime):
            return self.moment(value)
        return self.date(value) if isinstance(value, date) else str(value)

    @property
    def _word(self) -> Callable[[str, str], str]:
        """What is no sentence: the context it is looked up by, and the English for it."""
        return self._words.pgettext

    def _months(self) -> list[str]:
        return [
            self.say("January"),
            self.say("February"),
            self.say("March"),
            self.say("April"),
            self._word("month", "May"),
            self.say("June"),
            self.say("July"),
            self.say("August"),
            self.say("September"),
            self.say("October"),
            self.say("November"),
            self.say("December"),
        ]


ENGLISH = Language(SOURCE)
"""For what is said in English only: on the operator's terminal, in the status."""


def languages(codes: list[str]) -> list[Language]:
    """Those declared, in their order, each once.

    Raises:
        GoliveError: one has no catalogue, or none is declared.
    """
    if not codes:
        raise GoliveError("No language is declared.", remedy="Give at least one in golive_languages.")
    return [Language(code) for code in dict.fromkeys(codes)]
