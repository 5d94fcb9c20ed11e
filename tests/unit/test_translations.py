# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything people read is there in every language, and what is shipped is what the translators wrote."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
import translations
from babel.messages.catalog import Message

FILES = sorted(translations.FOLDER.glob("*.po"))


def places(text: str) -> set[str]:
    return {name for _text, name, _spec, _how in string.Formatter().parse(text) if name is not None}


def texts(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def sources(message: Message) -> list[str]:
    return [message.id] if isinstance(message.id, str) else list(message.id)


def test_there_is_french_and_something_to_say() -> None:
    assert "fr" in [path.stem for path in FILES]
    assert len(translations.wanted()) > 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_is_missing_unsure_or_left_over(path: Path) -> None:
    catalogue, wanted = translations.read(path), translations.wanted()
    keys = {(message.context, str(message.id)) for message in catalogue if message.id}
    needed = {(message.context, str(message.id)) for message in wanted if message.id}
    assert not needed - keys, "run `make translations`, then translate what is new"
    assert not keys - needed, "run `make translations`"
    assert not catalogue.obsolete
    for message in catalogue:
        if message.id:
            assert all(texts(message)), f"{path.name}: {message.id!r} isn't translated"
            assert not message.fuzzy, f"{path.name}: {message.id!r} is unsure"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_translation_has_the_places_of_its_source(path: Path) -> None:
    for message in translations.read(path):
        if not message.id:
            continue
        known = set[str]().union(*map(places, sources(message)))
        for text in texts(message):
            # A plural form may leave the number out: "one row".
            assert known - {"number"} <= places(text) <= known, f"{path.name}: {message.id!r}"


def test_what_is_shipped_is_what_was_translated() -> None:
    assert translations.COMPILED.read_text(encoding="utf-8") == translations.compiled(), (
        "run `make translations`"
    )


def test_a_language_that_cldr_lacks_can_be_added(tmp_path: Path) -> None:
    """Bislama, for one."""
    path = tmp_path / "bi.po"
    path.write_text(
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Plural-Forms: nplurals=1; plural=0;\\n"\n\nmsgid "yes"\nmsgstr "yes ia"\n',
        encoding="utf-8",
    )
    translations.update(path)
    catalogue = translations.read(path)
    assert catalogue.num_plurals == 1
    assert catalogue["yes"].string == "yes ia"
    assert catalogue["no"].string == ""
