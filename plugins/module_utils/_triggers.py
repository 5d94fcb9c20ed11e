# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rollback criteria a country declares (`golive_triggers`), and what they decide.

A decision names its trigger and the values it is based on; whoever takes it journals it. Nothing here imports Ansible.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._watch_status import Check, Sample

ACTIONS = ("roll_back", "hold", "notify")
NEEDS = {
    "phase_fails": (),
    "check_fails": ("check", "times"),
    "check_above": ("check", "above", "samples"),
    "error_rate": ("above", "samples"),
}


@dataclass(frozen=True)
class Trigger:
    """One criterion.

    Attributes:
        name: what people call it; in every decision.
        when: phase_fails (during the go-live); check_fails, check_above, error_rate (by the watch, after it).
        action: roll_back, hold or notify.
        phases: for phase_fails; all when empty.
        attempts, seconds: for phase_fails: as many attempts, or so long after its first begin.
        check: name of a check of the watch.
        times: for check_fails: so often in a row.
        above: for check_above the 95th percentile of its figure, for error_rate the share of checks that don't pass.
        samples: over how many looks of the watch.
    """

    name: str
    when: str
    action: str
    phases: tuple[str, ...] = ()
    attempts: int = 0
    seconds: int = 0
    check: str = ""
    times: int = 0
    above: float = 0.0
    samples: int = 0

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Trigger:
        """As a country declares it.

        Raises:
            GoliveError: it says too little.
        """
        given = {key: value for key, value in raw.items() if value is not None}
        lacking = [key for key in ("name", "when", "action") if key not in given]
        lacking += [key for key in NEEDS.get(str(given.get("when")), ()) if key not in given]
        if lacking or given["when"] not in NEEDS or given["action"] not in ACTIONS:
            raise GoliveError(
                f"The trigger {given.get('name', given)} in golive_triggers"
                + (
                    f" lacks {', '.join(lacking)}."
                    if lacking
                    else " has a when or an action that there isn't."
                ),
                remedy=f"when is one of {', '.join(NEEDS)}; action is one of {', '.join(ACTIONS)}.",
            )
        given["phases"] = tuple(given.get("phases", ()))
        return cls(**given)


@dataclass(frozen=True)
class Decision:
    """What a trigger decided, and on what.

    Attributes:
        trigger, action: of which one.
        because: one sentence.
        values: the figures, as they were.
    """

    trigger: str
    action: str
    because: str
    values: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {
            "trigger": self.trigger,
            "action": self.action,
            "because": self.because,
            "values": self.values,
        }


def read(raw: Sequence[Mapping[str, Any]]) -> list[Trigger]:
    """All of a country's, in its order.

    Raises:
        GoliveError: one says too little, or two have one name.
    """
    found = [Trigger.from_dict(item) for item in raw]
    names = [trigger.name for trigger in found]
    if len(set(names)) < len(names):
        raise GoliveError("Two triggers in golive_triggers have one name.", remedy="Name each differently.")
    return found


def on_failure(
    triggers: Sequence[Trigger], phase: str, attempts: int, seconds: float, *, users_in: bool
) -> Decision | None:
    """What a phase's failure comes to; the first trigger that it meets decides.

    Args:
        triggers: the country's.
        phase: which one failed.
        attempts: how often it has been tried in this run.
        seconds: since it first began.
        users_in: users may have been let in, so nothing goes back by itself any more.
    """
    for trigger in triggers:
        if trigger.when != "phase_fails" or (trigger.phases and phase not in trigger.phases):
            continue
        tried = attempts >= trigger.attempts if trigger.attempts or not trigger.seconds else False
        late = bool(trigger.seconds) and seconds > trigger.seconds
        if not (tried or late):
            continue
        action, also = trigger.action, ""
        if action == "roll_back" and users_in:
            action, also = "hold", "; users may be in, so people decide about the way back"
        because = f"{phase} failed {attempts} times within {seconds:.0f} s{also}"
        values = {"phase": phase, "attempts": attempts, "seconds": round(seconds, 1), "users_in": users_in}
        return Decision(trigger.name, action, because, values)
    return None


def on_samples(triggers: Sequence[Trigger], samples: Sequence[Sample]) -> list[Decision]:
    """What the watch's looks come to. A trigger that isn't sure, for want of looks or figures, decides nothing."""
    found = []
    for trigger in triggers:
        met = _JUDGES[trigger.when](trigger, samples) if trigger.when in _JUDGES else None
        if met is not None:
            because, values = met
            found.append(Decision(trigger.name, trigger.action, because, values))
    return found


Met = tuple[str, dict[str, Any]]


def _named(sample: Sample, name: str) -> list[Check]:
    return [check for check in sample.checks if check.name == name]


def _check_fails(trigger: Trigger, samples: Sequence[Sample]) -> Met | None:
    """A check that wasn't made, or said *unknown*, isn't a pass."""
    last = samples[-trigger.times :]
    verdicts = [[check.verdict for check in _named(sample, trigger.check)] or ["absent"] for sample in last]
    if len(last) < trigger.times or any("pass" in found for found in verdicts):
        return None
    return f"{trigger.check} did not pass {trigger.times} times in a row", {
        "check": trigger.check,
        "verdicts": [found[0] for found in verdicts],
    }


def _check_above(trigger: Trigger, samples: Sequence[Sample]) -> Met | None:
    figures = sorted(
        check.value
        for sample in samples[-trigger.samples :]
        for check in _named(sample, trigger.check)
        if check.value is not None
    )
    if len(figures) < trigger.samples:
        return None
    p95 = figures[math.ceil(0.95 * len(figures)) - 1]
    if p95 <= trigger.above:
        return None
    return f"{trigger.check}: p95 of {len(figures)} looks is {p95:g}, more than {trigger.above:g}", {
        "check": trigger.check,
        "p95": p95,
        "above": trigger.above,
        "samples": len(figures),
    }


def _error_rate(trigger: Trigger, samples: Sequence[Sample]) -> Met | None:
    last = samples[-trigger.samples :]
    verdicts = [check.verdict for sample in last for check in sample.checks]
    if len(last) < trigger.samples or not verdicts:
        return None
    wrong = sum(verdict != "pass" for verdict in verdicts)
    rate = wrong / len(verdicts)
    if rate <= trigger.above:
        return None
    return f"{wrong} of {len(verdicts)} checks did not pass in the last {trigger.samples} looks", {
        "rate": round(rate, 4),
        "above": trigger.above,
        "checks": len(verdicts),
        "wrong": wrong,
    }


_JUDGES = {"check_fails": _check_fails, "check_above": _check_above, "error_rate": _error_rate}
