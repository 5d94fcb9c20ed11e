# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples of the hypercare watch, and the statuses computed from them.

Nothing here imports Ansible.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError, one_line

SCHEMA = "dfr.golive/hypercare-status/1"
VERDICTS = ("pass", "fail", "unknown")


@dataclass(frozen=True)
class Check:
    """One thing looked at once.

    Attributes:
        name: short and stable.
        verdict: ``pass``, ``fail`` or ``unknown``.
        detail: one sentence.
        value, unit: a figure, where there is one.
    """

    name: str
    verdict: str
    detail: str
    value: float | None = None
    unit: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "verdict": self.verdict,
            "detail": self.detail,
            "value": self.value,
            "unit": self.unit,
        }


@dataclass(frozen=True)
class Sample:
    """Everything looked at once.

    Attributes:
        at: seconds since 1970.
        seconds: how long it took.
        checks: never empty.
    """

    at: float
    seconds: float
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> str:
        """``pass`` only when every check passed; ``unknown`` when none failed but some can't be told."""
        found = {check.verdict for check in self.checks}
        if "fail" in found:
            return "fail"
        return "pass" if found == {"pass"} else "unknown"

    def as_dict(self) -> dict[str, Any]:
        return {
            "at": datetime.fromtimestamp(self.at, UTC).isoformat(timespec="seconds"),
            "t": self.at,
            "seconds": self.seconds,
            "verdict": self.verdict,
            "checks": [check.as_dict() for check in self.checks],
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Sample:
        checks = tuple(Check(**item) for item in raw["checks"])
        if any(check.verdict not in VERDICTS for check in checks):
            raise ValueError("unknown verdict")
        return cls(float(raw["t"]), float(raw["seconds"]), checks)


def read_samples(path: Path) -> list[Sample]:
    """All samples, in the order they were written. Half a line, left by a run that was killed, is left out.

    Raises:
        ProbeError: the file is there and can't be read.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise ProbeError(f"The samples in {path} can't be read: {one_line(exc)}.") from exc
    samples = []
    for line in lines:
        try:
            samples.append(Sample.from_dict(json.loads(line)))
        except (ValueError, KeyError, TypeError):
            continue
    return samples


def due_days(started: float, now: float, zone: ZoneInfo, hour: int) -> Iterator[tuple[date, float, float]]:
    """The country's days that are over and whose status is due, each with its first and last second.

    A day's status is due from ``hour`` o'clock of the next day on. The first day begins with the watch.
    """
    day = datetime.fromtimestamp(started, zone).date()
    while True:
        following = day + timedelta(days=1)
        if now < _moment(following, hour, zone):
            return
        yield day, max(started, _moment(day, 0, zone)), _moment(following, 0, zone)
        day = following


def _moment(day: date, hour: int, zone: ZoneInfo) -> float:
    return datetime.combine(day, time_of_day(hour), zone).timestamp()


def status_of(
    samples: Sequence[Sample], *, country: str, name: str, begin: float, end: float, interval: float
) -> dict[str, Any]:
    """What the samples of a span say; no sample is a gap, not health."""
    span = [sample for sample in samples if begin <= sample.at < end]
    expected = max(1, math.floor((end - begin) / interval))
    counts = {verdict: sum(sample.verdict == verdict for sample in span) for verdict in VERDICTS}
    return {
        "schema": SCHEMA,
        "country": country,
        "name": name,
        "begin": _stamp(begin),
        "end": _stamp(end),
        "samples": {"expected": expected, "taken": len(span), **counts},
        "well_percent": round(100 * counts["pass"] / len(span), 2) if span else None,
        "checks": _by_check(span),
        "troubles": _troubles(span),
    }


def _by_check(span: Sequence[Sample]) -> dict[str, dict[str, Any]]:
    seen: dict[str, list[Check]] = {}
    for sample in span:
        for check in sample.checks:
            seen.setdefault(check.name, []).append(check)
    return {name: _figures(checks) for name, checks in seen.items()}


def _figures(checks: Sequence[Check]) -> dict[str, Any]:
    values = sorted(check.value for check in checks if check.value is not None)
    figures: dict[str, Any] = {
        verdict: sum(check.verdict == verdict for check in checks) for verdict in VERDICTS
    }
    if values:
        figures |= {
            "least": values[0],
            "median": values[len(values) // 2],
            "p95": values[max(0, math.ceil(0.95 * len(values)) - 1)],
            "most": values[-1],
            "unit": next((check.unit for check in checks if check.unit), ""),
        }
    return figures


def _troubles(span: Sequence[Sample]) -> list[dict[str, Any]]:
    """Runs of samples in a row that aren't a pass, each as one trouble."""
    troubles: list[dict[str, Any]] = []
    current: dict[str, Any] | None = None
    for sample in span:
        bad = [check for check in sample.checks if check.verdict != "pass"]
        if not bad:
            current = None
            continue
        if current is None:
            current = {
                "begin": _stamp(sample.at),
                "end": "",
                "samples": 0,
                "checks": [],
                "detail": bad[0].detail,
            }
            troubles.append(current)
        current["end"] = _stamp(sample.at)
        current["samples"] += 1
        current["checks"] = sorted({*current["checks"], *(check.name for check in bad)})
    return troubles


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def status_text(status: Mapping[str, Any], title: str, zone: ZoneInfo) -> str:
    """The same for people, as a mail: a subject line, an empty line, the text. Times are the country's."""

    def local(stamp: str) -> str:
        return datetime.fromisoformat(stamp).astimezone(zone).strftime("%Y-%m-%d %H:%M")

    samples, troubles, final = status["samples"], status["troubles"], status["name"] == "final"
    word = (
        "no samples" if not samples["taken"] else "all well" if not troubles else f"{len(troubles)} troubles"
    )
    what = "final status" if final else f"status of {status['name']}"
    taken = (
        f"Samples: {samples['taken']} of {samples['expected']} expected; {samples['pass']} well,"
        f" {samples['fail']} not well, {samples['unknown']} not known."
    )
    lines = [
        f"Subject: {title}: hypercare, {what}: {word}",
        "",
        f"{title}, hypercare from {local(status['begin'])} to {local(status['end'])} ({zone.key}).",
        "",
        taken,
    ]
    if status["well_percent"] is not None:
        lines.append(f"Well in {status['well_percent']:g} % of the samples.")
    if samples["taken"] < samples["expected"] - 1:
        lines.append(f"Missing: {samples['expected'] - samples['taken']} samples. Did the watch's host run?")
    lines += ["", "Checks (well / not well / not known):"]
    for name, figures in status["checks"].items():
        line = f"  {name}: {figures['pass']} / {figures['fail']} / {figures['unknown']}"
        if "median" in figures:
            unit = figures["unit"]
            line += f"; median {figures['median']:g}, {figures['least']:g} to {figures['most']:g} {unit}"
        lines.append(line.rstrip())
    lines += ["", "Troubles:" if troubles else "Troubles: none."]
    lines += [
        f"  {local(t['begin'])} to {local(t['end'])}, {', '.join(t['checks'])}: {t['detail']}"
        for t in troubles
    ]
    if final:
        lines += ["", "The agreed days are over. The watch has stopped itself; its samples are kept."]
    return "\n".join(lines) + "\n"
