# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._language import Language
from ansible_collections.dfr.golive.plugins.plugin_utils import _report_page
from ansible_collections.dfr.golive.plugins.plugin_utils._report_page import Telling
from sample_report import sample, stamp

ROLE = Path(__file__).resolve().parents[4] / "roles/golive"
TEMPLATE = ROLE / "templates/report.html.j2"


def text_of(page: str) -> str:
    """What is read, without tags and charts."""
    body = re.sub(r"<(style|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", " ", body)))


def telling(**changes: Any) -> Telling:
    return Telling({**sample(), **changes}, Language("en"))


def test_the_sample_is_a_report() -> None:
    jsonschema.validate(sample(), json.loads((ROLE / "files/report.schema.json").read_text(encoding="utf-8")))


def test_each_language_says_all_of_it() -> None:
    page = _report_page.page(sample(), ["fr"], "Pacific/Noumea", TEMPLATE)
    assert re.findall(r'<article id="(\w+)" lang="(\w+)"', page) == [("fr", "fr"), ("en", "en")]
    french, english = re.split(r'<article id="en"', page)
    assert french.count("<section") == english.split("annexes")[0].count("<section")
    for words in ("En service", "22 novembre 2026 à 21:00:00", "20 089", "Agriculteurs par province", "go"):
        assert words in text_of(french).replace("\u202f", " ").replace("\xa0", " "), words
    for words in (
        "Live",
        "22 November 2026, 21:00:00",
        "Pacific/Noumea",
        "Head of IT operations",
        "old_registry",
        "Farmers by province",
        "192.0.2.11",
        "192.0.2.40",
        "221 tables with 100,396 rows",
        "24 chained records",
        "Waived by the project lead",
    ):
        assert words in text_of(english), words


def test_ids_are_each_there_once_and_lead_somewhere() -> None:
    page = _report_page.page(sample(), ["en", "fr"], "UTC", TEMPLATE)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    named = {name for names in re.findall(r'aria-labelledby="([^"]+)"', page) for name in names.split()}
    assert named <= set(ids)
    assert {link.lstrip("#") for link in re.findall(r'href="([^"]+)"', page)} <= set(ids)


@pytest.mark.parametrize(
    ("outcome", "mode", "says"),
    [
        ("live", "rehearsal", "This was a rehearsal"),
        ("stopped", "live", "The setting web.base.url isn't"),
        ("rolled_back", "live", "Everything was put back"),
    ],
)
def test_what_it_came_to(outcome: str, mode: str, says: str) -> None:
    page = _report_page.page(sample(outcome=outcome, mode=mode), ["en"], "UTC", TEMPLATE)
    assert says in text_of(page)
    assert ("Rehearsal report" in page) == (mode == "rehearsal")


def test_a_rehearsal_never_says_that_the_registry_is_in_use() -> None:
    page = _report_page.page(sample(mode="rehearsal"), ["en"], "UTC", TEMPLATE)
    assert "The new registry is in use" not in page


def test_a_run_that_only_began() -> None:
    report = sample(tables=0, samples=0)
    for phase in report["phases"]:
        phase |= dict.fromkeys(("started", "finished", "seconds", "gate_seconds"))
        phase |= {"gates": [], "result": {}, "attempts": 0, "state": "pending"}
    window = dict.fromkeys(("opened", "closed", "seconds")) | {
        "idle_seconds": 0,
        "human_seconds": 0,
        "split": [],
    }
    report |= {
        "timeline": [],
        "steps": [],
        "latencies": [],
        "reconciliation": [],
        "signoffs": [],
        "in_progress": True,
    }
    report |= {"freeze_window": window, "sync": {"sources": [], "tables": [], "filestore": None}}
    page = text_of(_report_page.page(report, ["en"], "UTC", TEMPLATE))
    for words in ("Under way", "not opened", "No table has been", "No backup", "not switched", "No sign-off"):
        assert words in page, words


def test_what_a_phase_did_not_say_fails_no_report() -> None:
    report = sample()
    said = {"restored": {"x": 1}, "filestore": {"x": 1}, "servers": [{"x": 1}], "registration": {"x": 1}}
    for phase in report["phases"]:
        phase["result"] = said
    report["sync"] |= {"sources": [{"x": 1}], "filestore": {"x": 1}}
    report["signoffs"] = [{"x": 1}, "plain"]
    assert "What the backup proved" in _report_page.page(report, ["en"], "UTC", TEMPLATE)


def test_what_the_old_registry_held_is_shown_to_the_last_row() -> None:
    name, svg, entities = telling().accounts()[0]
    assert name == "old_registry"
    assert all(
        sum(counts[state] for state in _report_page.ACCOUNT) == counts["source"]
        for counts in entities.values()
    )
    assert svg.count('class="rejected"') == 2


def test_waits_are_told_apart_from_work() -> None:
    svg = telling().night()
    assert svg.count('class="idle"') == 1
    assert "waiting for people: 75.0 s" in svg
    assert svg.count('class="usual"') == 9
    assert svg.count('class="shade"') == 1


def test_days_between_two_sessions_are_cut_out_and_said() -> None:
    report = sample()
    for span in report["timeline"]:
        if span["kind"] == "idle":
            span.update(begin=stamp(-7200), end=stamp(-3600), seconds=3600.0)
    report["timeline"].insert(0, report["timeline"][1] | {"begin": stamp(-7300), "end": stamp(-7200)})
    report["timeline"].sort(key=lambda span: span["begin"])
    reading = Telling(report, Language("en"))
    assert reading.pauses == [(100.0, 3600.0)]
    assert reading.at(stamp(-7200)) == reading.at(stamp(-3600)) == 100.0
    assert reading.at(stamp(0)) == 3700.0


def test_a_long_wait_inside_the_window_is_never_cut_out() -> None:
    report = sample()
    for span in report["timeline"]:
        if span["kind"] == "idle":
            span["seconds"] = 5000.0
    assert Telling(report, Language("en")).pauses == []


def test_a_language_without_catalogue() -> None:
    with pytest.raises(GoliveError, match="no catalogue"):
        _report_page.page(sample(), ["xx"], "UTC", TEMPLATE)
