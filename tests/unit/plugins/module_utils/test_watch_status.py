# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statuses are computed from samples, and say what is missing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _watch_status as status
from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._watch_status import Check, Sample

TONGA = ZoneInfo("Pacific/Tongatapu")


def at(text: str, zone: ZoneInfo = TONGA) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def sample(moment: float, verdict: str = "pass", value: float | None = 0.2, detail: str = "well") -> Sample:
    return Sample(moment, 0.5, (Check("page", verdict, detail, value, "s"), Check("dns", "pass", "right")))


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        (["pass", "pass"], "pass"),
        (["pass", "unknown"], "unknown"),
        (["unknown", "fail"], "fail"),
        ([], "unknown"),
    ],
)
def test_a_sample_passes_only_when_all_pass(verdicts: list[str], whole: str) -> None:
    assert Sample(0, 0, tuple(Check("x", v, "") for v in verdicts)).verdict == whole


def test_samples_come_back_as_written_and_torn_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    assert status.read_samples(path) == []
    first, second = sample(100.0), sample(200.0, "fail")
    lines = [json.dumps(first.as_dict()), '{"t": 150.0, "sec', "", "[]", json.dumps(second.as_dict())]
    path.write_text("\n".join(lines) + "\n")
    assert status.read_samples(path) == [first, second]


def test_samples_that_cannot_be_read_are_no_absence(tmp_path: Path) -> None:
    (tmp_path / "samples.jsonl").mkdir()
    with pytest.raises(ProbeError, match="can't be read"):
        status.read_samples(tmp_path / "samples.jsonl")


def test_days_are_the_country_s_and_due_in_the_morning_after() -> None:
    started = at("2026-03-01T22:30")
    assert list(status.due_days(started, at("2026-03-02T06:59"), TONGA, 7)) == []
    days = list(status.due_days(started, at("2026-03-03T07:00"), TONGA, 7))
    assert days == [
        (date(2026, 3, 1), started, at("2026-03-02T00:00")),
        (date(2026, 3, 2), at("2026-03-02T00:00"), at("2026-03-03T00:00")),
    ]


def test_a_day_with_a_clock_change_has_its_own_length() -> None:
    zone = ZoneInfo("Europe/Paris")
    ((_, begin, end),) = list(
        status.due_days(at("2026-03-29T00:00", zone), at("2026-03-30T07:00", zone), zone, 7)
    )
    assert (end - begin) / 3600 == 23


def test_status() -> None:
    begin = at("2026-03-02T00:00")
    samples = [
        sample(begin - 1, "fail"),
        sample(begin, value=0.1),
        sample(begin + 300, "fail", 4.0, "slow"),
        sample(begin + 600, "unknown", None, "silent"),
        sample(begin + 900, value=0.3),
        sample(begin + 1200, "fail", 5.0, "slow again"),
        sample(begin + 86400, "fail"),
    ]
    seen = status.status_of(
        samples, country="demo", name="2026-03-02", begin=begin, end=begin + 86400, interval=300
    )
    assert seen["schema"] == "dfr.golive/hypercare-status/1"
    assert seen["samples"] == {"expected": 288, "taken": 5, "pass": 2, "fail": 2, "unknown": 1}
    assert seen["well_percent"] == 40.0
    assert seen["checks"]["page"] == {
        "pass": 2,
        "fail": 2,
        "unknown": 1,
        "least": 0.1,
        "median": 4.0,
        "p95": 5.0,
        "most": 5.0,
        "unit": "s",
    }
    assert seen["checks"]["dns"] == {"pass": 5, "fail": 0, "unknown": 0}
    assert [(t["samples"], t["checks"], t["detail"]) for t in seen["troubles"]] == [
        (2, ["page"], "slow"),
        (1, ["page"], "slow again"),
    ]
    text = status.status_text(seen, "Pays d’essai", TONGA)
    assert text.startswith("Subject: Pays d’essai: hypercare, status of 2026-03-02: 2 troubles\n\n")
    assert "5 of 288 expected; 2 well, 2 not well, 1 not known" in text
    assert "Missing: 283 samples" in text
    assert "2026-03-02 00:05 to 2026-03-02 00:10, page: slow" in text


def test_no_samples_is_a_gap_and_not_health() -> None:
    seen = status.status_of([], country="demo", name="2026-03-02", begin=0, end=86400, interval=300)
    assert seen["well_percent"] is None
    text = status.status_text(seen, "Demo", ZoneInfo("UTC"))
    assert "no samples" in text.splitlines()[0]
    assert "all well" not in text
    assert "Did the watch's host run?" in text


def test_the_final_status_says_that_it_is_the_last() -> None:
    samples = [sample(moment) for moment in range(0, 3000, 300)]
    seen = status.status_of(samples, country="demo", name="final", begin=0, end=3000, interval=300)
    text = status.status_text(seen, "Demo", ZoneInfo("UTC"))
    assert "final status: all well" in text.splitlines()[0]
    assert "Missing" not in text
    assert "The watch has stopped itself" in text
    assert datetime.fromisoformat(seen["end"]) == datetime.fromtimestamp(3000, UTC)
