# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.plugin_utils import _index_page
from sample_report import sample

TEMPLATE = Path(__file__).resolve().parents[4] / "roles/golive/templates/index.html.j2"


def put(folder: Path, country: str, run: str, started: str, **changes: Any) -> Path:
    made = folder / country / run
    made.mkdir(parents=True)
    report = {**sample(), "country": country, "title": country.title(), "run_id": run, "started": started}
    (made / "report.json").write_text(json.dumps({**report, **changes}), encoding="utf-8")
    (made / "report.html").touch()
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path, "tonga", "t-1", "2026-11-01T00:00:00.000000Z", mode="rehearsal", outcome="rolled_back")
    put(tmp_path, "tonga", "t-2", "2026-11-20T00:00:00.000000Z")
    put(tmp_path, "samoa", "s-1", "2026-11-10T00:00:00.000000Z", outcome="stopped")
    (tmp_path / "tonga/latest").symlink_to("t-2")
    return tmp_path


def test_every_run_once_the_newest_first(folder: Path) -> None:
    found, odd = _index_page.runs(folder)
    assert [run.run_id for run in found] == ["t-2", "s-1", "t-1"]
    assert odd == []
    assert found[0].pages == {"report.html": "tonga/t-2/report.html"}
    assert (found[0].passed, found[0].asked, found[0].signoffs) == (5, 5, 3)


def test_the_matrix_has_each_country_with_its_newest_run(folder: Path) -> None:
    page = _index_page.page(folder, ["en"], "Pacific/Tongatapu", TEMPLATE)
    matrix = page.split("<tbody>")[1].split("</tbody>")[0]
    assert matrix.count("<tr>") == 2
    assert matrix.index("Samoa") < matrix.index("Tonga")
    assert matrix.count('aria-label="done"') == 18
    assert "1 November 2026, 13:00:00, Rolled back" in matrix
    assert 'href="tonga/t-1/report.html"' in page


def test_what_is_no_report_is_said_and_stops_nothing(folder: Path) -> None:
    for name, text in {"torn": "{", "other": '{"schema": "x"}', "list": "[]", "empty": "{}"}.items():
        made = folder / "odd" / name
        made.mkdir(parents=True)
        (made / "report.json").write_text(text, encoding="utf-8")
    found, odd = _index_page.runs(folder)
    assert len(found) == 3
    assert len(odd) == 4
    assert "odd/torn/report.json is no report" in _index_page.page(folder, ["en"], "UTC", TEMPLATE)


def test_nothing_there_yet(tmp_path: Path) -> None:
    assert "0 runs" in _index_page.page(tmp_path, ["fr", "en"], "UTC", TEMPLATE)


def test_a_run_that_goes_on_is_not_called_stopped(tmp_path: Path) -> None:
    put(tmp_path, "tonga", "t-1", "2026-11-01T00:00:00.000000Z", in_progress=True, outcome="stopped")
    assert "Under way" in _index_page.page(tmp_path, ["en"], "UTC", TEMPLATE)
