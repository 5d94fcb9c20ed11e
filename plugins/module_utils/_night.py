# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run that is opened learns from plan and rehearsals: usual seconds, and the clock of the night."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _clock, _phases, _plan, _rehearsals
from ansible_collections.dfr.golive.plugins.module_utils._chain import stamp


@dataclass(frozen=True)
class Learned:
    """What plan and rehearsals say of a live run; empty for any other.

    Attributes:
        rehearsals: every rehearsal of the country, the oldest first.
        expected: median seconds by phase; only those that are known.
        clock: stamps of the planned night, see `clock`; empty where no night is set.
    """

    rehearsals: tuple[_rehearsals.Rehearsal, ...] = ()
    expected: Mapping[str, float] = field(default_factory=dict)
    clock: Mapping[str, str] = field(default_factory=dict)


def learned(state_dir: str | Path, country: str, night: Mapping[str, Any]) -> Learned:
    """What a live run begins with.

    Args:
        night: ``plan``, ``holds``, ``ttl`` and ``timezone``, as `run_open` takes them.

    Raises:
        GoliveError: the plan can't be meant, or the journal of the rehearsals isn't what was written.
    """
    rehearsals = tuple(_rehearsals.read(_rehearsals.book(state_dir, country)))
    return Learned(rehearsals, expected(rehearsals), clock([asdict(one) for one in rehearsals], night))


def expected(rehearsals: Iterable[_rehearsals.Rehearsal]) -> dict[str, float]:
    """Median seconds of each phase, its gates included; only those that were rehearsed."""
    seconds = _plan.measured(asdict(one) for one in rehearsals)
    return {name: seconds[name].median for name in _phases.NAMES if name in seconds}


def clock(rehearsals: Iterable[Mapping[str, Any]], night: Mapping[str, Any]) -> dict[str, str]:
    """``door``, ``end`` and ``last_safe`` (stamps; see `_clock.UNKNOWN`) and ``timezone``; see `learned`."""
    declared = _plan.understood(night.get("plan"), night.get("holds") or ())
    if declared.end is None:
        return {}
    timeline = _plan.timeline(declared, _plan.measured(rehearsals), int(night.get("ttl") or 0), 0)

    def at(offset: float | None) -> str:
        found: datetime | None = timeline.moment(offset)
        return stamp(found) if found else ""

    return {
        "door": at(timeline.door.ends),
        "end": stamp(declared.end),
        "last_safe": at(timeline.last_safe) or _clock.UNKNOWN,
        "timezone": str(night.get("timezone") or "UTC"),
    }
