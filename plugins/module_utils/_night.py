# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run that is opened learns from plan and rehearsals: usual seconds, and the clock of the night."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _clock, _phases, _plan, _rehearsals
from ansible_collections.dfr.golive.plugins.module_utils._journal import stamp


def learned(state_dir: str | Path, country: str, night: Mapping[str, Any]) -> dict[str, Any]:
    """``expected`` (median seconds by phase) and ``clock``, which is empty where no night is set.

    Args:
        night: ``plan``, ``holds``, ``ttl`` and ``timezone``, as `run_open` takes them.

    Raises:
        GoliveError: the plan can't be meant, or the journal of the rehearsals isn't what was written.
    """
    rehearsals = [asdict(one) for one in _rehearsals.read(_rehearsals.book(state_dir, country))]
    seconds = _plan.measured(rehearsals)
    return {
        "expected": {name: seconds[name].median for name in _phases.NAMES if name in seconds},
        "clock": clock(rehearsals, night),
    }


def clock(rehearsals: Iterable[Mapping[str, Any]], night: Mapping[str, Any]) -> dict[str, Any]:
    """Stamps of the planned night; see `learned`."""
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
