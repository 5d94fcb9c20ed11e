# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._hypercare_exit import Exit, gates
from ansible_collections.dfr.golive.plugins.module_utils._watch_status import Check, Sample

NOW = 2_000_000.0
MINUTES = 300.0
AGREED = Exit(days=2, hours=1, well_percent=90)


def look(folder: Path, ages: Iterable[float], verdict: str = "pass") -> None:
    """Samples so many seconds before now."""
    with (folder / "samples.jsonl").open("a") as out:
        for age in ages:
            sample = Sample(NOW - age, 1.0, (Check("app.health", verdict, f"it is {verdict}"),))
            out.write(json.dumps(sample.as_dict()) + "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "settings.json").write_text(json.dumps({"started": NOW - 3 * 86400}))
    return tmp_path


def verdicts(folder: Path, wanted: Exit = AGREED) -> dict[str, str]:
    return {gate.name: gate.verdict.value for gate in gates(folder, wanted, MINUTES, now=lambda: NOW)}


def detail(folder: Path, name: str, wanted: Exit = AGREED) -> str:
    return next(g.detail for g in gates(folder, wanted, MINUTES, now=lambda: NOW) if g.name == name)


def test_all_well(folder: Path) -> None:
    look(folder, range(3600, -1, -300))
    assert set(verdicts(folder).values()) == {"pass"}


def test_too_early(folder: Path) -> None:
    look(folder, range(3600, -1, -300))
    wanted = Exit(days=14, hours=1, well_percent=90)
    assert verdicts(folder, wanted)["hypercare.days"] == "fail"
    assert "watched for 3.0 of 14 days" in detail(folder, "hypercare.days", wanted)


def test_nobody_watched_is_not_known(tmp_path: Path) -> None:
    found = verdicts(tmp_path)
    assert (found["hypercare.days"], found["hypercare.well"]) == ("unknown", "fail")
    assert "looked last never" in detail(tmp_path, "hypercare.well")


def test_trouble_and_missing_looks_are_not_well(folder: Path) -> None:
    look(folder, range(3600, 1800, -300))
    look(folder, range(1800, -1, -300), "fail")
    assert verdicts(folder)["hypercare.well"] == "fail"
    assert "it is fail" in detail(folder, "hypercare.well")
    (folder / "samples.jsonl").unlink()
    look(folder, [0])
    assert verdicts(folder)["hypercare.well"] == "fail"


def test_a_watch_that_stopped_looking(folder: Path) -> None:
    look(folder, range(7200, 1000, -300))
    assert "looked last" in detail(folder, "hypercare.well")


def test_with_no_hours_the_last_look_decides(folder: Path) -> None:
    last = Exit(days=0, hours=0, well_percent=100)
    look(folder, [600], "fail")
    assert verdicts(folder, last)["hypercare.well"] == "fail"
    look(folder, [30])
    assert verdicts(folder, last)["hypercare.well"] == "pass"


def test_a_watch_whose_days_are_over(folder: Path) -> None:
    (folder / "settings.json").unlink()
    (folder / "status").mkdir()
    final = folder / "status" / "final.json"
    final.write_text(json.dumps({"begin": "1970-01-01T00:00:00+00:00"}))
    look(folder, range(90_000, 80_000, -300))
    assert set(verdicts(folder).values()) == {"pass"}
    final.write_text("{")
    assert verdicts(folder)["hypercare.days"] == "unknown"


def test_what_a_trigger_decided_and_still_lasts(folder: Path) -> None:
    look(folder, range(3600, -1, -300))
    decided = folder / "decided.json"
    decided.write_text('["production is down"]')
    assert "production is down" in detail(folder, "hypercare.decisions")
    decided.write_text("[]")
    assert verdicts(folder)["hypercare.decisions"] == "pass"
    decided.write_text("[")
    assert verdicts(folder)["hypercare.decisions"] == "unknown"
