# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from ansible_collections.dfr.golive.plugins.plugin_utils import _charts
from ansible_collections.dfr.golive.plugins.plugin_utils._charts import Bar, Chart, Row, Share, Trace
from defusedxml import ElementTree

CHART = Chart("c", "A <title>", 'Said & "told"')


def parsed(svg: str) -> list[dict[str, str]]:
    """Every element: its tag, attributes and text; the SVG has to be well-formed."""
    return [
        {"tag": node.tag, "text": node.text or "", **node.attrib}
        for node in ElementTree.fromstring(svg).iter()
    ]


def rects(svg: str, kind: str) -> list[tuple[float, float]]:
    """Begin and width of each rectangle of a kind, in percent."""
    return [
        (float(node["x"].rstrip("%")), float(node["width"].rstrip("%")))
        for node in parsed(svg)
        if node["tag"] == "rect" and node["class"] == kind
    ]


def test_who_cannot_see_it_is_told() -> None:
    nodes = parsed(_charts.shares(CHART, [Share("a", [("value", 1.0)])]))
    assert nodes[0]["role"] == "img"
    assert nodes[0]["aria-labelledby"] == "c-t c-d"
    assert [node["text"] for node in nodes if node.get("id") in ("c-t", "c-d")] == [
        "A <title>",
        'Said & "told"',
    ]


def test_a_gantt_places_its_bars() -> None:
    svg = _charts.gantt(
        CHART, [Row("one", "30.0 s", [Bar(10, 40, "work", "a < b")]), Row("two")], 100, shade=(10, 60)
    )
    assert rects(svg, "work") == [(10.0, 30.0)]
    assert rects(svg, "shade") == [(10.0, 50.0)]
    assert "a &lt; b" in svg
    assert {"one", "two", "30.0 s", "0:00", "1:00"} <= {node["text"] for node in parsed(svg)}


def test_what_lasted_no_time_can_be_seen_and_nothing_leaves_the_chart() -> None:
    svg = _charts.gantt(CHART, [Row("one", "", [Bar(0, 0, "work"), Bar(100, 100, "work")])], 100)
    for begin, width in rects(svg, "work"):
        assert width > 0
        assert 0 <= begin <= begin + width <= 100.01


def test_a_run_of_no_length() -> None:
    assert rects(_charts.gantt(CHART, [Row("one", "", [Bar(0, 0, "work")])], 0), "work")


def test_thousands_of_ticks_are_one_path_each_kind() -> None:
    ticks = [Bar(at, at + 0.5, "step ok" if at % 2 else "step failed") for at in range(2000)]
    svg = _charts.gantt(CHART, [Row("one", "", [], ticks)], 2000)
    assert [node["class"] for node in parsed(svg) if node["tag"] == "path"] == ["step failed", "step ok"]
    assert len(svg) < 100_000


@pytest.mark.parametrize(
    ("length", "found"),
    [(0.5, [0]), (4, [0, 1, 2, 3, 4]), (90, [0, 30, 60, 90]), (7200, [0, 1800, 3600, 5400, 7200])],
)
def test_marks_are_round_and_few(length: float, found: list[float]) -> None:
    assert _charts.marks(length) == found


@pytest.mark.parametrize("length", [1e6, 1e8])
def test_marks_of_a_long_time(length: float) -> None:
    assert 1 < len(_charts.marks(length)) <= _charts.MARKS + 1


@pytest.mark.parametrize(("seconds", "says"), [(0, "0:00"), (61, "1:01"), (59.6, "1:00"), (3661, "1:01:01")])
def test_clock(seconds: float, says: str) -> None:
    assert _charts.clock(seconds) == says


def test_parts_stand_behind_each_other() -> None:
    svg = _charts.shares(
        CHART, [Share("a", [("loaded", 30), ("rejected", 10)]), Share("b", [("loaded", 80)])]
    )
    assert rects(svg, "loaded") == [(0.0, 37.5), (0.0, 100.0)]
    assert rects(svg, "rejected") == [(37.5, 12.5)]


def test_one_of_a_million_can_be_seen() -> None:
    svg = _charts.shares(CHART, [Share("a", [("loaded", 999_999), ("rejected", 1)])])
    assert rects(svg, "rejected")[0][1] >= 0.2


def test_nothing_to_show() -> None:
    assert rects(_charts.shares(CHART, []), "value") == []


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 2), (75, 3), (100, 4)])
def test_percentile(percent: float, value: float) -> None:
    assert _charts.percentile([1, 2, 3, 4], percent) == value


def test_every_value_is_in_the_histogram_and_an_outlier_presses_nobody() -> None:
    svg = _charts.spread(CHART, [0.1] * 500 + [0.2] * 499 + [60.0], limit=0.5)
    columns = rects(svg, "value")
    assert len(columns) == 3
    assert columns[0][0] > 10
    assert "520 ms" in svg
    assert sum('class="limit"' in line for line in re.findall("<line[^>]*>", svg)) == 1


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [5.0]])
def test_a_histogram_of_little(values: list[float]) -> None:
    assert len(rects(_charts.spread(CHART, values), "value")) == 1


def test_a_trace_has_as_many_points_as_columns() -> None:
    told = Trace(range(100_000), [0.1 + (at % 10) / 100 for at in range(100_000)], bad=[50_000])
    svg = _charts.trace(CHART, told, limit=0.5)
    paths = {node["class"]: node["d"] for node in parsed(svg) if node["tag"] == "path"}
    assert paths["trace"].count("L") == 239
    assert paths["bad"].startswith("M500.0 ")
    assert len(svg) < 20_000


def test_a_trace_of_one_moment() -> None:
    assert "trace" in _charts.trace(CHART, Trace([5.0], [0.1]))
