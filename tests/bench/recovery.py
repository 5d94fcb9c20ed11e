# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a controller's death costs: a night killed and gone on with, against one that nobody disturbed. And how long it
takes to prove a long journal, with which each of them begins.

Each night begins from the same picture of the prepared lab.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from figures import ROOT, figure
from window import fresh_lab

sys.path[:0] = [str(ROOT / "tests/chaos"), str(ROOT / ".collections")]

import snapshot  # noqa: E402
import table  # noqa: E402
from ansible_collections.dfr.golive.plugins.module_utils import _chain  # noqa: E402
from controller import GOLIVE, Controller, Played, wait_until_ready  # noqa: E402

NAMES = ("resume.after_kill", "journal.verify")
POINTS = ("sync_data+1", "lock_config+1", "backup_database+1")
RECORDS = 10_000


def measure(wanted: Callable[[str], bool], _sizes: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    if wanted("journal.verify"):
        yield figure("journal.verify", [verify_seconds() for _ in range(3)], records=RECORDS)
    if wanted("resume.after_kill"):
        yield resume()


def verify_seconds() -> float:
    previous, lines = _chain.GENESIS, []
    record = {"time": "2026-11-22T00:30:00.000000Z", "run_id": "demo-1", "session": "s", "country": "demo"}
    record |= {"event": "note", "phase": "", "reason": "x" * 200}
    for seq in range(1, RECORDS + 1):
        lines.append(_chain.seal({**record, "seq": seq, "prev": previous}))
        previous = lines[-1][-66:-2]
    raw = ("\n".join(lines) + "\n").encode()
    begun = time.perf_counter()
    read = _chain.verify(raw, "demo", "journal")
    seconds = time.perf_counter() - begun
    assert read.head == previous
    return seconds


def resume() -> dict[str, Any]:
    """The seconds that a kill adds, for each of several points; what was cut short is part of them."""
    fresh_lab()
    lab = snapshot.Lab()
    wait_until_ready()
    _good(Controller("bench").play("playbooks/prepare.yml"))
    lab.take("bench")
    # One before the others and one after them: a night differs from the next by a second or two.
    undisturbed = [_night(lab, "")]
    nights = {point: _night(lab, point) for point in POINTS}
    undisturbed.append(_night(lab, ""))
    lab.drop("bench")
    whole = statistics.mean(undisturbed)
    added = {point: round(seconds - whole, 1) for point, seconds in nights.items()}
    return figure(
        "resume.after_kill",
        list(added.values()),
        undisturbed=[round(night, 1) for night in undisturbed],
        points=added,
    )


def _night(lab: snapshot.Lab, point: str) -> float:
    """Wall seconds of the playbooks of one night, killed at a point unless that is empty."""
    lab.restore("bench")
    wait_until_ready()
    controller = Controller("bench")
    if not point:
        return _good(controller.play(GOLIVE)).seconds
    case = table.Case("bench", "golive", "kill", (), point, "", point, 0.0, "resume", "live")
    killed = controller.play(GOLIVE, case)
    if killed.code != -9:
        raise SystemExit(f"The controller wasn't killed at {point}, but ended with {killed.code}")
    return killed.seconds + _good(controller.play(GOLIVE)).seconds


def _good(played: Played) -> Played:
    if played.code:
        raise SystemExit(f"A run ended with {played.code}: {played.text[-3000:]}")
    return played
