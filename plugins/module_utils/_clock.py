# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clock of a live night: when the plan opens the door, and until when the run may go on without being asked.

Both are computed once, when a run is opened; each phase of the freeze window is held against the second when it begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _pages, _phases
from ansible_collections.dfr.golive.plugins.module_utils._chain import moment
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError

UNKNOWN = "unknown"
"""Stands for the last safe moment where a night is set and nobody has measured the way back."""
GO_ON = "go_on"


@dataclass(frozen=True)
class Decision:
    """What the teams have decided about going on past the last safe moment.

    Attributes:
        choice: `GO_ON`, or empty for none.
        by: who answers for it, by function.
        because: why.
    """

    choice: str = ""
    by: str = ""
    because: str = ""

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Decision:
        return cls(*(str(raw.get(name) or "").strip() for name in ("choice", "by", "because")))


def sentences(clock: Mapping[str, Any]) -> list[str]:
    """The clock for people, in the country's time; nothing where no night is set."""
    if not clock:
        return []
    zone = _pages.zone(clock["timezone"])

    def local(stamp: str) -> str:
        return moment(stamp).astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")

    door = f"By the plan the door opens at {local(clock['door'])}" if clock["door"] else ""
    if clock["last_safe"] == UNKNOWN:
        safe = "nobody knows until when one may turn back: the way back was never rehearsed"
    else:
        safe = f"the last safe moment to turn back is {local(clock['last_safe'])}"
    return [f"{door}; {safe}." if door else f"{safe[0].upper()}{safe[1:]}."]


def check(phase: str, last_safe: str, now: datetime, decision: Decision) -> GoliveError | None:
    """Why a phase may not begin at this time; None when it may.

    Args:
        last_safe: a stamp, `UNKNOWN`, or empty where no night is set.
    """
    if not last_safe or phase not in _phases.WINDOW:
        return None
    if last_safe == UNKNOWN:
        return GoliveError(
            f"{phase} may not begin: golive_plan sets the night, but nobody knows how long the way back takes.",
            remedy="Rehearse, the way back included; or give rollback_minutes in golive_plan.",
        )
    if now <= moment(last_safe):
        return None
    if decision.choice == GO_ON and decision.by and decision.because:
        return None
    if decision.choice == GO_ON:
        missing = " and ".join(
            name
            for name, value in (
                ("golive_approver", decision.by),
                ("golive_reason", decision.because),
            )
            if not value
        )
        return GoliveError(
            f"{phase} may not begin: the decision to go on past the last safe moment lacks {missing}.",
            remedy="Give who answers for it, by function, and why; both are journalled.",
        )
    return GoliveError(
        f"{phase} may not begin: the last safe moment to turn back within the window was"
        f" {moment(last_safe):%Y-%m-%d %H:%M} UTC.",
        remedy=(
            "Decide together: turn back now with playbooks/rollback.yml, or go on with"
            f" -e golive_past_last_safe_moment={GO_ON} -e golive_approver='<function>'"
            " -e golive_reason='<reason>'."
        ),
    )


def note(phase: str, last_safe: str, now: datetime, decision: Decision) -> dict[str, Any]:
    """What the begin of a phase says about it in the journal: nothing before the last safe moment."""
    if not last_safe or phase not in _phases.WINDOW or now <= moment(last_safe):
        return {}
    return {
        "past_last_safe_moment": {
            "last_safe": last_safe,
            "decided_by": decision.by,
            "because": decision.because,
        }
    }
