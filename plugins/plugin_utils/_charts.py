# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small charts as inline SVG, for pages that open offline, on a phone and on paper.

Lengths along the horizontal axis are shares of the width there is, so that a chart grows with its page while its text
keeps its size. What a chart shows stands in its title and description for those who can't see it, and colours come from
classes that the page's style knows; no colour is the only thing that tells two kinds apart.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

ROW = 42
"""Pixels for one row of a Gantt: its label, and its bars below."""
LABEL = 16
AXIS = 24
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 172800, 604800)
"""What the marks of a time axis may lie apart, in seconds."""
MARKS = 5


@dataclass(frozen=True)
class Bar:
    """A span of time in a Gantt.

    Attributes:
        begin, end: seconds since the chart's zero.
        kind: the class that gives it its looks.
        title: what it is, for whoever points at it.
    """

    begin: float
    end: float
    kind: str
    title: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a Gantt: its label, what is said at the right, its bars and the small marks under them."""

    label: str
    note: str = ""
    bars: Sequence[Bar] = ()
    ticks: Sequence[Bar] = ()


@dataclass(frozen=True)
class Chart:
    """What every chart has: a name of its own in the page, a title and what it shows in words."""

    name: str
    title: str
    description: str

    def svg(self, height: float, body: Iterable[str]) -> str:
        """The chart around its body."""
        name, inner = escape(self.name), "".join(body)
        return (
            f'<svg class="chart" role="img" width="100%" height="{_px(height)}" aria-labelledby="{name}-t {name}-d">'
            f'<title id="{name}-t">{escape(self.title)}</title><desc id="{name}-d">{escape(self.description)}</desc>'
            f"{inner}</svg>"
        )


def clock(seconds: float) -> str:
    """Seconds on an axis: 0:30, 12:00, 3:05:00."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def marks(length: float, most: int = MARKS) -> list[float]:
    """Where a time axis of this length is marked: at round seconds, at most so many times."""
    step = next((step for step in STEPS if length / step <= most), None)
    if step is None:
        step = STEPS[-1] * math.ceil(length / STEPS[-1] / most)
    return [step * index for index in range(1 + int(length // step))]


def gantt(chart: Chart, rows: Sequence[Row], length: float, shade: tuple[float, float] | None = None) -> str:
    """Rows of bars over time.

    Args:
        length: of the axis in seconds.
        shade: a span that is shaded behind all rows.
    """
    length = max(length, 1e-3)
    bottom = ROW * len(rows)
    body = []
    if shade is not None:
        body.append(_rect(shade[0], shade[1], length, 0, bottom, "shade"))
    for mark in marks(length):
        body.append(_line(mark / length, 0, bottom, "grid"))
        anchor = ' text-anchor="end"' if mark / length > 0.9 else ""
        body.append(
            f'<text class="axis" x="{_share(mark, length)}"{anchor} y="{bottom + 15}">{clock(mark)}</text>'
        )
    for index, row in enumerate(rows):
        top = ROW * index
        body.append(f'<text x="0" y="{top + 12}">{escape(row.label)}</text>')
        if row.note:
            body.append(
                f'<text class="note" x="100%" text-anchor="end" y="{top + 12}">{escape(row.note)}</text>'
            )
        body += [_bar(each, length, top + LABEL, 14) for each in row.bars]
        body += _ticks(row.ticks, length, top + LABEL + 16)
    return chart.svg(bottom + AXIS, body)


def _bar(part: Bar, length: float, top: float, height: float) -> str:
    title = f"<title>{escape(part.title)}</title>" if part.title else ""
    return _rect(part.begin, part.end, length, top, height, part.kind, title)


def _ticks(ticks: Sequence[Bar], length: float, top: float) -> list[str]:
    """Many small spans as one path for each kind: a rectangle for each of thousands would make the page heavy."""
    paths: dict[str, list[str]] = {}
    for tick in ticks:
        begin, end = 1000 * tick.begin / length, 1000 * tick.end / length
        # A gap at the right keeps two neighbours apart.
        width = max(0.8, end - begin - 0.8)
        paths.setdefault(tick.kind, []).append(f"M{begin:.1f} 0h{width:.1f}v1h-{width:.1f}z")
    return [
        f'<svg x="0" y="{_px(top)}" width="100%" height="5" viewBox="0 0 1000 1" preserveAspectRatio="none">'
        f'<path class="{kind}" d="{"".join(path)}"/></svg>'
        for kind, path in paths.items()
    ]


@dataclass(frozen=True)
class Share:
    """One line of a bar chart: its label, its parts as class and value, and the words for its whole."""

    label: str
    parts: Sequence[tuple[str, float]]
    note: str = ""


def shares(chart: Chart, lines: Sequence[Share], most: float | None = None) -> str:
    """Horizontal bars of one scale, each of one or several parts; ``most`` is what fills the width."""
    full = max(most or max((sum(value for _kind, value in line.parts) for line in lines), default=0), 1e-9)
    body = []
    for index, line in enumerate(lines):
        top, begin = 34 * index, 0.0
        body.append(f'<text x="0" y="{top + 12}">{escape(line.label)}</text>')
        body.append(
            f'<text class="note" x="100%" text-anchor="end" y="{top + 12}">{escape(line.note)}</text>'
        )
        for kind, value in line.parts:
            if value > 0:
                body.append(_rect(begin, begin + value, full, top + 17, 10, kind, least=0.002))
                begin += value
    return chart.svg(34 * len(lines), body)


def percentile(ranked: Sequence[float], percent: float) -> float:
    """Nearest rank, of sorted values of which there is at least one."""
    return ranked[max(0, math.ceil(percent / 100 * len(ranked)) - 1)]


def spread(chart: Chart, values: Sequence[float], limit: float | None = None, bins: int = 40) -> str:
    """How values are spread: a histogram of so many columns, with the limit as a line.

    The axis ends at the limit or at the slowest 1 %, whichever is more: one outlier must not press all others together;
    what lies beyond is in the last column.
    """
    ranked = sorted(values)
    end = max(percentile(ranked, 99), limit or 0.0) * 1.04 or 1.0
    edges = [end * index / bins for index in range(bins + 1)]
    below = [bisect.bisect_right(ranked, edge) for edge in edges]
    below[-1] = len(ranked)
    below[0] = 0
    counts = [after - before for before, after in itertools.pairwise(below)]
    highest = max(counts)
    body = [_line(0.0, 96, 96, "grid", across=True)]
    for index, count in enumerate(counts):
        if count:
            height = max(2.0, 90 * count / highest)
            body.append(_rect(index + 0.08, index + 0.92, bins, 96 - height, height, "value"))
    for share in (0.0, 0.5, 1.0):
        anchor = {0.0: "start", 0.5: "middle", 1.0: "end"}[share]
        body.append(
            f'<text class="axis" x="{100 * share:g}%" text-anchor="{anchor}" y="111">{milliseconds(end * share)}</text>'
        )
    if limit is not None:
        body.append(_line(limit / end, 2, 96, "limit"))
    return chart.svg(116, body)


@dataclass(frozen=True)
class Trace:
    """Values over time: ``at`` and ``values`` belong together, ``at`` grows."""

    at: Sequence[float]
    values: Sequence[float]
    bad: Sequence[float] = field(default=())
    """Moments at which something wasn't well."""


def trace(chart: Chart, told: Trace, limit: float | None = None, columns: int = 240) -> str:
    """A value over time: in each column the middle one as a line and from the least to the most as an area."""
    begin, end = told.at[0], max(told.at[-1], told.at[0] + 1e-6)
    groups: dict[int, list[float]] = {}
    for moment, value in zip(told.at, told.values, strict=True):
        groups.setdefault(min(columns - 1, int((moment - begin) / (end - begin) * columns)), []).append(value)
    top = max(*told.values, limit or 0.0) * 1.06 or 1.0
    upper, lower, middle = [], [], []
    for column, found in sorted(groups.items()):
        ranked = sorted(found)
        x = 1000 * (column + 0.5) / columns
        upper.append(f"{x:.1f} {_depth(ranked[-1], top)}")
        lower.append(f"{x:.1f} {_depth(ranked[0], top)}")
        middle.append(f"{x:.1f} {_depth(percentile(ranked, 50), top)}")
    body = [
        '<svg x="0" y="4" width="100%" height="92" viewBox="0 0 1000 100" preserveAspectRatio="none">',
        f'<path class="area" d="M{"L".join([*upper, *reversed(lower)])}z"/>',
        f'<path class="trace" d="M{"L".join(middle)}"/>',
        f'<path class="limit" d="M0 {_depth(limit, top)}H1000"/>' if limit is not None else "",
        "".join(
            f'<path class="bad" d="M{1000 * (moment - begin) / (end - begin):.1f} 0v100"/>'
            for moment in told.bad
        ),
        "</svg>",
        f'<text class="axis" x="0" y="14">{milliseconds(top)}</text>',
        _line(0.0, 96, 96, "grid", across=True),
    ]
    return chart.svg(100, body)


def milliseconds(seconds: float) -> str:
    """A latency on an axis."""
    return f"{1000 * seconds:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"


def _depth(value: float, top: float) -> str:
    return f"{100 - 100 * value / top:.1f}"


def _rect(
    begin: float,
    end: float,
    length: float,
    top: float,
    height: float,
    kind: str,
    inner: str = "",
    least: float = 0.003,
) -> str:
    # What lasted less than can be seen is still shown.
    wide = max(end - begin, least * length)
    place = f'x="{_share(min(begin, length - wide), length)}" width="{_share(wide, length)}"'
    size = f'y="{_px(top)}" height="{_px(height)}"'
    return f'<rect class="{kind}" {place} {size}{f">{inner}</rect>" if inner else "/>"}'


def _line(share: float, top: float, bottom: float, kind: str, *, across: bool = False) -> str:
    x, end = f"{100 * share:.2f}%", "100%" if across else f"{100 * share:.2f}%"
    return f'<line class="{kind}" x1="{x}" x2="{end}" y1="{_px(top)}" y2="{_px(bottom)}"/>'


def _share(value: float, whole: float) -> str:
    return f"{100 * value / whole:.2f}%"


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
