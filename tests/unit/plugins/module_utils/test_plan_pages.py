# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people, machines and calendars read of a plan."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import icalendar
import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _plan, _plan_pages
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES
from ansible_collections.dfr.golive.plugins.module_utils._plan_steps import ROLES

TEMPLATES = Path(__file__).resolve().parents[4] / "roles" / "golive" / "templates"
DIGEST = "sha256:" + "ab" * 32
NIGHT = {"start": "2026-11-22T22:00:00+13:00", "end": "2026-11-23T02:00:00+13:00"}
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def plan(zone: str = "Pacific/Tongatapu", rehearsed: bool = True, **declared: Any) -> _plan_pages.Plan:
    steps = {**dict.fromkeys(NAMES, 600.0), "rollback": 1200.0}
    rehearsals = [{"run_id": "r1", "passed": True, "steps": steps}] if rehearsed else []
    timeline = _plan.timeline(_plan.understood(declared), _plan.measured(rehearsals), 300, 14)
    return _plan_pages.Plan(
        "tonga",
        "Kingdom of <Tonga>",
        DIGEST,
        _plan_pages.zone_named(zone),
        timeline,
        ("r1",) if rehearsed else (),
    )


def test_the_json_says_moments_in_the_country_s_time() -> None:
    found = json.loads(_plan_pages.as_json(plan(**NIGHT)))
    assert found["digest"] == DIGEST
    assert found["start"] == "2026-11-22T22:00:00+13:00"
    assert found["door"]["opens"] == "2026-11-22T23:20:00+13:00"
    assert found["last_safe_moment"] == "2026-11-23T01:35:00+13:00"
    steps = {step["name"]: step for step in found["steps"]}
    assert steps["sync_data"]["seconds"] == {"median": 600.0, "worst": 600.0, "rehearsals": 1}
    assert steps["tell_week"]["starts"] == "2026-11-15T22:00:00+13:00"
    assert steps["freeze_legacy"]["roles"] == ["administrator", "contractor", "enumerator"]


def test_the_same_plan_makes_the_same_files() -> None:
    first, second = (_plan_pages.files(plan(**NIGHT), ["en", "fr"], TEMPLATES) for _time in range(2))
    assert first == second
    assert set(first) == {"plan.json", "plan.html", *(f"runbook-{role}.html" for role in ROLES)}


def test_the_text_has_the_last_safe_moment_where_it_falls() -> None:
    lines = _plan_pages.text(plan(**NIGHT)).splitlines()
    marked = next(n for n, line in enumerate(lines) if "-- Last safe moment" in line)
    assert lines[marked].split()[0] == "01:35"
    assert "first_login" in "".join(lines[marked:])
    assert "enable_users" in "".join(lines[:marked])
    assert "23 November 2026" in lines[:marked]


@pytest.mark.parametrize(
    ("zone", "door"),
    [
        ("Pacific/Tongatapu", "23:20"),
        ("Pacific/Kiritimati", "00:20"),
        ("Pacific/Pago_Pago", "23:20"),
        ("Asia/Kathmandu", "16:05"),
    ],
)
def test_each_country_reads_its_own_clock(zone: str, door: str) -> None:
    lines = _plan_pages.text(plan(zone, **NIGHT)).splitlines()
    assert next(line for line in lines if line.startswith("The door opens")).split(", ")[1] == door


def test_without_a_night_and_without_a_rehearsal_the_plan_says_so() -> None:
    text = _plan_pages.text(plan(rehearsed=False))
    assert "T-7d  tell_week" in text
    assert "not rehearsed" in text
    assert _plan.NOT_REHEARSED in text
    assert "Last safe moment to turn back: not known." in text


def test_the_page_has_every_step_in_every_language_and_escapes() -> None:
    page = _plan_pages.page(plan(**NIGHT), ["en", "fr"], TEMPLATES / "plan.html.j2")
    assert "Kingdom of &lt;Tonga&gt;" in page
    assert "<Tonga>" not in page
    for words in ("The name points to production", "Le nom mène à la production", "Dernier moment sûr"):
        assert words in page


def test_a_country_s_own_words_are_never_taken_for_a_template() -> None:
    own = {"name": "call", "title": "Call {everybody}", "owner": "fao", "after": "sync_data", "text": "{now}"}
    made = _plan_pages.files(plan(**NIGHT, steps=[own]), ["en"], TEMPLATES)
    assert "Call {everybody}" in made["plan.html"]
    assert "{now}" in made["runbook-fao.html"]


@pytest.mark.parametrize("role", ROLES)
def test_a_runbook_has_that_role_s_steps_and_no_other(role: str) -> None:
    given = plan(**NIGHT)
    page = _plan_pages.runbooks(given, ["en"], TEMPLATES / "runbook.html.j2")[role]
    sections = re.findall(r'<section class="step">.*?<h3>(.*?)</h3>', page, re.DOTALL)
    reading = _plan_pages.Reading(_plan_pages.Language("en"), given)
    mine = [row.step for row in given.timeline.rows if role in row.step.parts]
    assert [text.replace("&#39;", "'") for text in sections] == [reading.own(step.title) for step in mine]
    assert mine
    assert len(mine) < len(given.timeline.rows)


def test_only_those_who_decide_read_the_last_safe_moment() -> None:
    pages = _plan_pages.runbooks(plan(**NIGHT), ["en"], TEMPLATES / "runbook.html.j2")
    told = {role for role, page in pages.items() if "Last safe moment" in page}
    assert told == set(_plan_pages.DECIDERS)


def test_the_calendar_is_read_by_another_program_in_the_country_s_time() -> None:
    read = icalendar.Calendar.from_ical(_plan_pages.calendar(plan(**NIGHT), "fr", NOW))
    events = {str(event["uid"]): event for event in read.walk("VEVENT")}
    assert len(events) == len(read.walk("VEVENT"))
    freeze = events["freeze_legacy.tonga@golive.dfr"]
    assert freeze["dtstart"].dt.isoformat() == "2026-11-22T22:10:00+13:00"
    assert freeze["dtstart"].params["TZID"] == "Pacific/Tongatapu"
    assert events["last_safe_moment.tonga@golive.dfr"]["summary"].startswith("Dernier moment sûr")
    assert read.walk("VTIMEZONE")


def test_there_is_no_calendar_without_a_night() -> None:
    with pytest.raises(GoliveError, match="without a night") as refused:
        _plan_pages.calendar(plan(), "en", NOW)
    assert "golive_plan" in refused.value.remedy


@pytest.mark.parametrize(
    "library", [None, SimpleNamespace(Calendar=object)], ids=["missing", "before version 6"]
)
def test_a_library_that_makes_no_calendar_is_named(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "icalendar", library)
    with pytest.raises(GoliveError, match="icalendar, version 6 or newer") as refused:
        _plan_pages.calendar(plan(**NIGHT), "en", NOW)
    assert "pip install" in refused.value.remedy


@pytest.mark.parametrize("name", ["Pacific/Atlantis", "", "../etc/passwd"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(GoliveError, match="no time zone") as refused:
        _plan_pages.zone_named(name)
    assert "golive_timezone" in refused.value.remedy
