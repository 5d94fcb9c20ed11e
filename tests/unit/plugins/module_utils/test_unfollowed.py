# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _unfollowed
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from relations import relation


class Source:
    """A database that answers each question with what it is given, and with nothing where nothing is."""

    info = SimpleNamespace(dbname="stg", user="op", server_version=170000)

    def __init__(self, objects: list[int], **answers: list[str]) -> None:
        self._answers = {
            _unfollowed.ALWAYS_SQL: answers.get("always", []),
            _unfollowed.HIDDEN_SQL: answers.get("hidden", []),
            _unfollowed.STRANGERS_SQL: answers.get("strangers", []),
        }
        self._objects = objects
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, question: bytes | str, _given: Any = None) -> Source:
        text = question.decode() if isinstance(question, bytes) else question
        found: list[Any] = self._objects if "largeobject" in text else list(self._answers[text])
        self._rows = [(value,) for value in found]
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows


def asked(source: Source, *relations: Any) -> None:
    _unfollowed.refuse_unfollowed(source, relations)  # type: ignore[arg-type]


def test_ordinary_tables_can_be_followed() -> None:
    asked(Source([0]), relation("a"), relation("b", key=()))


@pytest.mark.parametrize(
    ("source", "said", "remedy"),
    [
        (Source([0]), "unlogged tables: scratch", "set logged"),
        (Source([3]), "3 large objects", "lo_unlink"),
        (Source([0], always=["public.a.twice"]), "fire in the copy too: public.a.twice", "enable trigger"),
        (
            Source([0], hidden=["public.a"]),
            "rows that op may not see: public.a",
            "no force row level security",
        ),
        (
            Source([0], strangers=["bi"]),
            "tables of other owners: theirs",
            "GRANT bi TO op WITH INHERIT TRUE;",
        ),
    ],
)
def test_each_obstacle_is_named_with_its_remedy(source: Source, said: str, remedy: str) -> None:
    unlogged = [relation("scratch", persistence="u")] if "scratch" in said else []
    with pytest.raises(GoliveError) as refused:
        asked(source, relation("a"), relation("theirs", owner="bi"), *unlogged)
    assert refused.value.sentence.startswith("stg has what can't be followed: ")
    assert said in refused.value.sentence
    assert remedy in refused.value.remedy
    assert "sync_data_method: dump" in refused.value.remedy


def test_all_obstacles_are_named_at_once() -> None:
    source = Source([1], always=["public.a.twice"], hidden=["public.a"])
    with pytest.raises(GoliveError) as refused:
        asked(source, relation("scratch", persistence="u"))
    assert refused.value.sentence.count(";") == 3


def test_no_answer_is_not_nothing() -> None:
    with pytest.raises(ProbeError):
        asked(Source([]), relation("a"))
