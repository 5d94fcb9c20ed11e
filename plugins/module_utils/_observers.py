# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who looks on from outside: metrics and events after each record. Never a dependency of the run: what fails warns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _communication, _events, _metrics
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal
from ansible_collections.dfr.golive.plugins.module_utils._run import compute

OBSERVER_OPTIONS: dict[str, Any] = {
    "observers": {
        "type": "dict",
        "options": {
            "metrics_dir": {"type": "path"},
            "events_url": {"type": "str"},
            "events_secret": {"type": "str", "no_log": True},
            "ca_path": {"type": "path"},
        },
    }
}


def tell(journal: Journal, observers: dict[str, Any] | None, warn: Callable[[str], None]) -> None:
    """Let the observers know what has just been journalled.

    Args:
        observers: see `OBSERVER_OPTIONS`; None or empty entries for nobody.
        warn: takes the sentence about an observer that couldn't be told.
    """
    observers = observers or {}
    if observers.get("metrics_dir"):
        try:
            reading, holder = journal.read()
            runs = compute(reading.records, holder.session if holder else "")
            _metrics.publish(observers["metrics_dir"], journal.country, runs, reading.records)
        except (OSError, GoliveError) as exc:
            warn(f"The metrics weren't written (golive_observers.metrics_dir): {one_line(exc)}.")
    if observers.get("events_url"):
        try:
            receiver = _events.Receiver.from_dict(
                {
                    "url": observers["events_url"],
                    "secret": observers.get("events_secret"),
                    "ca_path": observers.get("ca_path"),
                }
            )
            _events.deliver_apart(journal, receiver)
        except (OSError, GoliveError) as exc:
            warn(f"The event wasn't sent (golive_observers.events_url): {one_line(exc)}.")
    try:
        _communication.tell_apart(journal)
    except (OSError, GoliveError) as exc:
        warn(f"The audiences weren't told (golive_communication): {one_line(exc)}.")
