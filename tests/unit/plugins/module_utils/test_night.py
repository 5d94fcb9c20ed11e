# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run that is opened knows of plan and rehearsals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _clock, _night, _rehearsals
from ansible_collections.dfr.golive.plugins.module_utils._chain import JournalDamageError
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES

PLAN = {"start": "2026-11-22T20:00:00+13:00", "end": "2026-11-23T00:00:00+13:00"}
NIGHT: dict[str, Any] = {"plan": PLAN, "holds": {}, "ttl": 60, "timezone": "Pacific/Tongatapu"}


def rehearse(folder: Path, **steps: float) -> None:
    book = _rehearsals.book(folder, "demo")
    run = f"demo-{len(_rehearsals.read(book)) + 1}"
    _rehearsals.keep(book, _rehearsals.Rehearsal(run, "sha256:0", True, steps))


def test_the_rehearsals_say_what_is_usual_and_set_the_clock(tmp_path: Path) -> None:
    for seconds in (60.0, 120.0, 60.0):
        rehearse(tmp_path, **dict.fromkeys(NAMES, seconds), rollback=5 * seconds)
    learned = _night.learned(tmp_path, "demo", NIGHT)
    assert learned.expected == dict.fromkeys(NAMES, 60.0)
    assert learned.clock["door"] == "2026-11-22T07:08:00.000000Z"
    assert learned.clock["last_safe"] == "2026-11-22T10:49:00.000000Z"
    assert learned.clock["timezone"] == "Pacific/Tongatapu"


def test_a_night_without_a_rehearsed_way_back_is_unknown(tmp_path: Path) -> None:
    rehearse(tmp_path, sync_data=9.0)
    assert _night.learned(tmp_path, "demo", NIGHT).clock["last_safe"] == _clock.UNKNOWN
    declared = {**NIGHT, "plan": {**PLAN, "rollback_minutes": 10}}
    assert _night.learned(tmp_path, "demo", declared).clock["last_safe"] == "2026-11-22T10:49:00.000000Z"


def test_without_a_night_there_is_no_clock(tmp_path: Path) -> None:
    assert _night.learned(tmp_path, "demo", {}) == _night.Learned()


def test_a_damaged_book_of_rehearsals_is_refused(tmp_path: Path) -> None:
    rehearse(tmp_path, sync_data=9.0)
    path = _rehearsals.book(tmp_path, "demo").path
    path.write_text(path.read_text(encoding="utf-8").replace("9.0", "1.0"), encoding="utf-8")
    with pytest.raises(JournalDamageError, match="was edited"):
        _night.learned(tmp_path, "demo", NIGHT)
