# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every moment has a text for every audience, in its language and in the country's time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _messages
from ansible_collections.dfr.golive.plugins.module_utils._announce import split_text
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._messages import KINDS, MOMENTS, Facts

FACTS = Facts(
    "Kingdom of Tonga",
    "https://dfr.tonga.example/",
    ZoneInfo("Pacific/Tongatapu"),
    14,
    datetime.fromisoformat("2026-11-22T07:00:00+00:00"),
    datetime.fromisoformat("2026-11-22T15:00:00+00:00"),
    "The registry opens at noon.",
    "help@tonga.example",
)


def audience(
    name: str = "people", kind: str = "everybody", language: str = "en", **more: Any
) -> dict[str, Any]:
    return {"name": name, "kind": kind, "language": language, "to": [f"{name}@tonga.example"], **more}


def reader(**more: Any) -> _messages.Reader:
    return _messages.readers([audience(**more)])[0]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_message_can_be_sent_as_it_is(moment: str, kind: str, language: str) -> None:
    subject, body = split_text(_messages.text(moment, reader(kind=kind, language=language), FACTS))
    assert subject.startswith("Kingdom of Tonga")
    assert "{" not in subject + body
    assert "-" not in body.split()
    assert body.rstrip().endswith("help@tonga.example")


def test_the_languages_differ_and_the_time_is_the_country_s() -> None:
    english, french = (_messages.text("day_before", reader(language=code), FACTS) for code in ("en", "fr"))
    assert "From 22 November 2026, 20:00 to 23 November 2026, 04:00 (Pacific/Tongatapu)" in english
    assert "22 novembre 2026 à 20:00" in french
    assert english.splitlines()[0] != french.splitlines()[0]


def test_an_enumerator_reads_what_an_official_does_not() -> None:
    mine, theirs = (
        _messages.text("freeze", reader(kind=kind), FACTS) for kind in ("enumerators", "officials")
    )
    assert "on paper" in mine
    assert "on paper" not in theirs


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_message_lacks_is_told(moment: str) -> None:
    bare = Facts("x", "y", ZoneInfo("UTC"), 14)
    lacking = _messages.missing(moment, bare)
    assert bool(lacking) == (moment in ("week_before", "day_before", "delayed"))
    assert _messages.missing(moment, FACTS) == ""


def test_a_note_may_be_given_per_language() -> None:
    facts = Facts("x", "y", ZoneInfo("UTC"), 14, note={"en": "At noon.", "fr": "À midi."})
    assert "À midi." in _messages.text("delayed", reader(language="fr"), facts)


def test_a_country_s_own_text_comes_first_and_one_for_an_audience_before_it(tmp_path: Path) -> None:
    (tmp_path / "freeze.en.txt").write_text("Subject: Closed\n\n{registry} is closed.", encoding="utf-8")
    (tmp_path / "freeze.chiefs.en.txt").write_text("Subject: Closed\n\nFor chiefs.", encoding="utf-8")
    assert "Kingdom of Tonga is closed." in _messages.text("freeze", reader(), FACTS, tmp_path)
    assert "For chiefs." in _messages.text("freeze", reader(name="chiefs"), FACTS, tmp_path)
    assert "Closed" not in _messages.text("freeze", reader(language="fr"), FACTS, tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Subject: x\n\n{password}", "place password"),
        (b"Subject: x\n\n{registry.__class__}", "registry.__class__"),
        (b"Subject: x\n\n{registry!r}", "place"),
        (b"Subject: x\n\n{registry:>99999999}", "place"),
        (b"Subject: x\n\n{0}", "place 0"),
        (b"Subject: x\n\n{}", "place"),
        (b"Subject: x\n\n{registry", "places in braces"),
        (b"Subject: x", "Subject"),
        (b"no subject\n\ntext", "Subject"),
        (b"\xff\xfe", "UTF-8"),
        (b"x" * 70000, "longer than"),
    ],
)
def test_an_own_text_that_can_not_be_meant_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "freeze.en.txt").write_bytes(content)
    with pytest.raises(GoliveError, match=said) as refused:
        _messages.text("freeze", reader(), FACTS, tmp_path)
    assert "freeze.en.txt" in str(refused.value)
    assert refused.value.remedy


def test_an_own_text_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "freeze.en.txt").symlink_to("/etc/hostname")
    with pytest.raises(GoliveError, match="symbolic link"):
        _messages.text("freeze", reader(), FACTS, tmp_path)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ([], "empty"),
        ([audience(kind="chiefs")], "of the kind 'chiefs'"),
        ([audience(language="tlh")], "'tlh'"),
        ([audience(to=[])], "no address"),
        ([audience(to=["nobody"])], "isn't a mail address"),
        ([audience(name="a b")], "'a b'"),
        ([audience(), audience()], "there twice"),
    ],
)
def test_an_audience_that_can_not_be_told_is_refused(declared: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(GoliveError, match=said) as refused:
        _messages.readers(declared)
    assert refused.value.remedy


def test_an_audience_called_as_a_kind_is_one() -> None:
    named = [
        {"name": name, "language": "en", "to": ["a@tonga.example"]} for name in ("enumerators", "chiefs")
    ]
    assert [one.kind for one in _messages.readers(named)] == ["enumerators", "everybody"]


def test_a_moment_that_is_none_is_refused() -> None:
    with pytest.raises(GoliveError, match="'lunch'") as refused:
        _messages.moment_named("lunch")
    assert "day_before" in refused.value.remedy
