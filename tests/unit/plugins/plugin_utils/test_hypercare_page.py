# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._report import watch_of
from ansible_collections.dfr.golive.plugins.module_utils._watch_status import Check, Sample, status_of
from ansible_collections.dfr.golive.plugins.plugin_utils import _hypercare_page
from sample_report import watched

TEMPLATE = Path(__file__).resolve().parents[4] / "roles/golive/templates/hypercare.html.j2"
BEGIN = 1_795_305_600.0


def look(number: int, verdict: str = "pass", seconds: float = 0.1) -> Sample:
    return Sample(BEGIN + 300 * number, 1.0, (Check("api.search", verdict, "slow <b>", seconds, "s"),))


def told(samples: list[Sample], now: float, days: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return _hypercare_page.build(watch_of(samples, "demo", days or [], now), "demo", "", "r")


def page(status: dict[str, Any]) -> str:
    return _hypercare_page.page(status, ["fr"], "UTC", TEMPLATE)


def test_all_well() -> None:
    status = told([look(number) for number in range(12)], BEGIN + 3600)
    assert status["outcome"] == "well"
    assert status["whole"]["samples"]["expected"] == 12
    assert "Tout va bien" in page(status)


def test_a_look_that_failed_is_a_trouble() -> None:
    status = told([look(number, "fail" if number == 5 else "pass") for number in range(12)], BEGIN + 3600)
    assert status["outcome"] == "troubles"
    assert status["series"]["api.search"]["bad"] == [round(BEGIN + 1500)]
    html = page(status)
    assert "With troubles" in html
    assert "slow &lt;b&gt;" in html


def test_a_watch_that_stopped_is_never_all_well() -> None:
    assert told([look(number) for number in range(12)], BEGIN + 7200)["outcome"] == "gaps"


def test_days_that_are_over_and_what_came_since() -> None:
    samples = [look(number) for number in range(300)]
    end = BEGIN + 86_400
    day = status_of(samples, country="demo", name="2026-11-22", begin=BEGIN, end=end, interval=300)
    status = told(samples, end + 3600, [day])
    assert status["since"]["samples"]["taken"] == 12
    html = page(status)
    assert "22 November 2026" in html
    assert "since then" in html


def test_one_look_makes_no_picture() -> None:
    status = told([look(0)], BEGIN + 10)
    assert "too few looks" in page(status)


def test_many_days_stay_small() -> None:
    html = page(_hypercare_page.build(watched(days=14), "demo", "Demo", "r"))
    assert html.count("<svg class") == 4
    assert len(html) < 200_000
