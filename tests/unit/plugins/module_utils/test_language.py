# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _language
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._language import Language, languages

EN, FR = Language("en"), Language("fr")
NARROW = "\u202f"


def test_the_source_is_english_and_needs_no_catalogue() -> None:
    assert "en" in _language.LANGUAGES
    assert EN.say("{first} and {last}", first="a", last="b") == "a and b"
    assert FR.say("{first} and {last}", first="a", last="b") == "a et b"


def test_what_no_catalogue_knows_stays_english() -> None:
    assert FR.say("Never said anywhere") == "Never said anywhere"


@pytest.mark.parametrize(
    ("language", "value", "digits", "shown"),
    [
        (EN, 1234567, 0, "1,234,567"),
        (EN, 1234.56, 1, "1,234.6"),
        (EN, -5, 0, "-5"),
        (FR, 1234567, 0, f"1{NARROW}234{NARROW}567"),
        (FR, 1234.56, 1, f"1{NARROW}234,6"),
        (FR, 0, 0, "0"),
    ],
)
def test_numbers(language: Language, value: float, digits: int, shown: str) -> None:
    assert language.number(value, digits) == shown


def test_values_in_a_sentence_are_written_as_the_language_does() -> None:
    text = "{first} and {last}"
    assert FR.say(text, first=12345, last=True) == f"12{NARROW}345 et oui"
    assert EN.say(text, first=0.5, last=False) == "0.5 and no"
    assert FR.say(text, first=date(2026, 8, 1), last="12345") == "1er août 2026 et 12345"


def test_days_and_moments() -> None:
    moment = datetime(2026, 11, 22, 4, 6, 22, tzinfo=UTC)
    assert EN.date(moment) == "22 November 2026"
    assert FR.date(moment) == "22 novembre 2026"
    assert EN.date(date(2026, 5, 1)) == "1 May 2026"
    assert EN.moment(moment) == "22 November 2026, 04:06:22 UTC"
    there = FR.moment(moment, ZoneInfo("Pacific/Tongatapu"))
    assert there == "22 novembre 2026 à 17:06:22 Pacific/Tongatapu"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(1.26, "1,3 s"), (119.9, "119,9 s"), (120, "2 min 00 s"), (3725, "62 min 05 s"), (7265, "2 h 01 min")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert FR.duration(seconds) == shown


def test_lists() -> None:
    assert EN.listing(["a", "b", "c"]) == "a, b and c"
    assert FR.listing(["a", "b"]) == "a et b"
    assert FR.listing(["a"]) == "a"
    assert FR.listing([]) == ""


def test_a_language_without_catalogue_is_refused() -> None:
    with pytest.raises(GoliveError, match=r"no catalogue for the language 'xx'; there is .*en, fr"):
        Language("xx")
    with pytest.raises(GoliveError, match="No language is declared"):
        languages([])


def test_declared_languages_keep_their_order() -> None:
    assert [language.code for language in languages(["fr", "en", "fr"])] == ["fr", "en"]
