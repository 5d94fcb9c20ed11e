# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""May hypercare end? What was agreed to hold before the way back is closed, asked of what the watch has seen."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ansible_collections.dfr.golive.plugins.module_utils import _kept
from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed
from ansible_collections.dfr.golive.plugins.module_utils._watch_status import Sample, read_samples, status_of

LATER = "Mend what is named and wait; the way back stays open meanwhile."


@dataclass(frozen=True)
class Exit:
    """The exit criteria.

    Attributes:
        days: how long the watch must have looked, in days since it began.
        hours: the last hours that must have been well; with 0 only the last look counts.
        well_percent: how much of the looks that were due then must have been well; a look that is missing isn't.
    """

    days: float
    hours: float
    well_percent: float


def gates(folder: Path, wanted: Exit, interval: float, *, now: Callable[[], float] = time.time) -> list[Gate]:
    """One answer for each criterion. Changes nothing.

    Args:
        folder: of the watch.
        wanted: what was agreed.
        interval: seconds between two looks.
        now: seconds since 1970.
    """
    return [
        ask("hypercare.days", lambda: _gate_days(folder, wanted, now())),
        ask("hypercare.well", lambda: _gate_well(folder, wanted, interval, now())),
        ask("hypercare.decisions", lambda: _gate_decisions(folder)),
    ]


def has_ended(folder: Path) -> bool:
    """Whether the watch's agreed days are over: it has written its final status and looks no more."""
    return _final(folder).exists()


def _final(folder: Path) -> Path:
    return folder / "status" / "final.json"


def _gate_days(folder: Path, wanted: Exit, now: float) -> Gate:
    lasted = (now - _begun(folder)) / 86400
    detail = f"production has been watched for {lasted:.1f} of {wanted.days:g} days"
    if lasted < wanted.days:
        return failed("hypercare.days", f"{detail}.", "Wait, or agree on fewer (start_hypercare_exit_days).")
    return passed("hypercare.days", detail)


def _begun(folder: Path) -> float:
    """When the watch began; from its settings while it looks, from its final status afterwards."""
    known = _kept.recall(folder / "settings.json")
    if known is not None:
        return float(known["started"])
    final = _final(folder)
    try:
        return datetime.fromisoformat(json.loads(final.read_text(encoding="utf-8"))["begin"]).timestamp()
    except FileNotFoundError as exc:
        raise ProbeError(
            f"There is no watch in {folder}: nobody has looked at production.",
            remedy="Run the phase start_hypercare again.",
        ) from exc
    except (OSError, ValueError, KeyError) as exc:
        raise ProbeError(f"The final status {final} can't be read: {one_line(exc)}.") from exc


def _gate_well(folder: Path, wanted: Exit, interval: float, now: float) -> Gate:
    name = "hypercare.well"
    samples = read_samples(folder / "samples.jsonl")
    until = samples[-1].at if samples and has_ended(folder) else now
    if not samples or until - samples[-1].at > 3 * interval:
        seen = "never" if not samples else f"{(until - samples[-1].at) / 60:.0f} minutes ago"
        return failed(name, f"The watch looked last {seen}, and looks every {interval / 60:g}.", LATER)
    if wanted.hours <= 0:
        return _judge_last(name, samples)
    status = status_of(
        samples, country="", name="exit", begin=until - wanted.hours * 3600, end=until + 1, interval=interval
    )
    due = status["samples"]["expected"]
    well = 100 * status["samples"]["pass"] / max(due, status["samples"]["taken"])
    detail = f"{well:.2f} % of {due} looks in the last {wanted.hours:g} hours found all well"
    if well < wanted.well_percent:
        troubles = "; ".join(t["detail"] for t in status["troubles"][-3:])
        return failed(name, f"{detail}, {wanted.well_percent:g} % were agreed. {troubles}".strip(), LATER)
    return passed(name, detail)


def _judge_last(name: str, samples: Sequence[Sample]) -> Gate:
    bad = [check for check in samples[-1].checks if check.verdict != "pass"]
    if bad:
        return failed(name, " ".join(f"{check.name}: {check.detail}" for check in bad), LATER)
    return passed(name, "the last look found all well")


def _gate_decisions(folder: Path) -> Gate:
    """What a trigger has decided and what still lasts is an open question to people."""
    name, path = "hypercare.decisions", folder / "decided.json"
    try:
        lasting = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    except (OSError, ValueError) as exc:
        raise ProbeError(f"What the triggers decided can't be read: {one_line(exc)}.") from exc
    if lasting:
        return failed(name, f"The triggers {', '.join(lasting)} are still met.", LATER)
    return passed(name, "no trigger is met")
