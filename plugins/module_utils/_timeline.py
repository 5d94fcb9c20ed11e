# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run spent its time on, span by span, every attempt and every pause included: computed from its journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._chain import Record, between

ENDS = {
    "begin": "gates",
    "hold_begin": "gates",
    "refused": "refused",
    "finish": "work",
    "fail": "failed",
    "undo_begin": "undo",
    "undo_finish": "undo",
    "undo_fail": "failed",
}
"""Event -> the kind of the span that it ends."""


@dataclass(frozen=True)
class Span:
    """A stretch of a run.

    Attributes:
        kind: ``gates``, ``work``, ``undo``; ``refused`` and ``failed`` where it ended so; ``human`` while a phase held
            for people's word, ``idle`` while no session was at work, which is people's time too.
        phase: empty for ``idle``.
        begin, end: stamps.
        seconds: between the two.
    """

    kind: str
    phase: str
    begin: str
    end: str
    seconds: float


def spans(records: Iterable[Record]) -> list[Span]:
    """The spans of one run, in order and without a gap inside a session.

    Args:
        records: of the run, verified.
    """
    found: list[Span] = []
    mark = session = held = ""
    for record in records:
        time = record["time"]
        if record["session"] != session:
            if mark:
                found.append(_span("idle", "", mark, time))
            mark, session = time, record["session"]
        elif held:
            found.append(_span("human", held, mark, time))
            mark = time
        held = record["phase"] if record["event"] == "hold_begin" else ""
        kind = ENDS.get(record["event"])
        if kind is not None:
            found.append(_span(kind, record["phase"], mark, time))
            mark = time
        elif record["event"] in ("stop", "close"):
            mark = time
    return found


def _span(kind: str, phase: str, begin: str, end: str) -> Span:
    return Span(kind, phase, begin, end, round(between(begin, end), 3))


def as_dicts(records: Iterable[Record]) -> list[dict[str, Any]]:
    """`spans`, as they travel."""
    return [asdict(span) for span in spans(records)]
