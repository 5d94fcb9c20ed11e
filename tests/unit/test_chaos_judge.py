# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The campaign's ledger finds a record that is lost, and one that is there twice; and a run's own words are found."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

CHAOS = Path(__file__).resolve().parents[1] / "chaos"
STAGING = ["1|seed|", "2|seed|", "7|W000000007|", "8|W000000008|"]
LEGACY = ["1|seed|", "5|L000000005|"]
LOADED = [*STAGING, "20|seed|L00000001", "21|L000000005|L00000005"]


@pytest.fixture
def chaos(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(CHAOS))
    return importlib.import_module


def seen(
    judge: Any, monkeypatch: pytest.MonkeyPatch, production: list[str], staging: list[str], legacy: list[str]
) -> None:
    rows = {"production": production, "staging": staging}
    written = {"staging": [7, 8], "legacy": [5]}
    monkeypatch.setattr(judge.outside, "acknowledged", lambda host: written[host])
    monkeypatch.setattr(judge.outside, "psql", lambda environment, _database, _query: rows[environment])
    monkeypatch.setattr(judge.outside, "mariadb", lambda _query: legacy)


@pytest.mark.parametrize(
    ("end", "production", "staging", "legacy", "lost", "duplicated"),
    [
        ("live", LOADED, LOADED, LEGACY, 0, 0),
        ("live", LOADED[:3] + LOADED[4:], LOADED, LEGACY, 1, 0),
        ("live", LOADED[:-1], LOADED, LEGACY, 1, 0),
        ("live", [*LOADED, "9|W000000008|"], LOADED, LEGACY, 0, 1),
        ("live", [*LOADED, "9|seed|"], LOADED, LEGACY, 0, 1),
        ("live", [*LOADED, "9|L000000005|"], [*LOADED, "9|L000000005|"], LEGACY, 0, 1),
        ("rolled_back", [], STAGING, LEGACY, 0, 0),
        ("rolled_back", [], STAGING[:-2], LEGACY, 2, 0),
        ("rolled_back", [], STAGING, LEGACY[:1], 1, 0),
        ("rolled_back", [], [*STAGING, "9|W000000007|"], LEGACY, 0, 1),
        ("rolled_back", [], STAGING, [*LEGACY, "6|L000000005|"], 0, 1),
    ],
)
def test_what_is_lost_and_what_is_there_twice(
    chaos: Any, monkeypatch: pytest.MonkeyPatch, end: str, production: list[str], staging: list[str],
    legacy: list[str], lost: int, duplicated: int,
) -> None:  # fmt: skip
    judge = chaos("judge")
    seen(judge, monkeypatch, production, staging, legacy)
    assert judge.ledger(end) == judge.Ledger(acknowledged=3, lost=lost, duplicated=duplicated)


def test_words_are_found_wherever_lines_break_and_only_in_a_run_that_stopped(chaos: Any) -> None:
    played = chaos("controller").Played
    text = "The freeze of x was\n  lifted at noon."
    assert played(2, 1.0, text, []).says("was lifted at")
    assert not played(0, 1.0, text, []).says("was lifted at")
    assert not played(2, 1.0, text, []).says("was edited")


def test_a_fault_that_did_not_happen_is_told(chaos: Any) -> None:
    played = chaos("controller").Played
    assert played(0, 1.0, "", [{"number": 1}]).planted == "its point was never reached"
    assert played(0, 1.0, "", [{"number": 1}, {"fault": "no such container"}]).planted == "no such container"
    assert played(0, 1.0, "", [{"fault": ""}]).planted == ""


def test_a_case_that_can_not_be_judged_is_neither_live_nor_back(chaos: Any) -> None:
    run, table = chaos("run"), chaos("table")
    case = table.Case("c", "golive", "kill", (), "1", "", "1", 0.0, "resume", "live")
    assert run._outcome(case, end="live", why="")["verdict"] == "pass"
    assert run._outcome(case, end="other", why="the lab doesn't come up")["verdict"] == "fail"
    assert run._outcome(case, end="rolled_back", why="")["verdict"] == "fail"
    lost = chaos("judge").Ledger(acknowledged=3, lost=1, duplicated=0)
    assert run._outcome(case, end="live", why="", ledger=lost)["verdict"] == "fail"
