# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Past the last safe moment a phase of the window begins only by decision, with name and reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _clock
from ansible_collections.dfr.golive.plugins.module_utils._clock import Decision
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES

SAFE = "2026-11-22T10:43:00.000000Z"
BEFORE = datetime(2026, 11, 22, 10, 43, tzinfo=UTC)
AFTER = datetime(2026, 11, 22, 10, 43, 1, tzinfo=UTC)
NONE = Decision()
TAKEN = Decision("go_on", "head-of-it", "the last step takes a minute")
WINDOW = NAMES[1:8]


@pytest.mark.parametrize("phase", NAMES)
def test_before_the_last_safe_moment_every_phase_begins(phase: str) -> None:
    assert _clock.check(phase, SAFE, BEFORE, NONE) is None
    assert _clock.note(phase, SAFE, BEFORE, NONE) == {}


@pytest.mark.parametrize("phase", NAMES)
def test_without_a_night_every_phase_begins(phase: str) -> None:
    assert _clock.check(phase, "", AFTER, NONE) is None
    assert _clock.note(phase, "", AFTER, NONE) == {}


@pytest.mark.parametrize("phase", WINDOW)
def test_past_it_a_phase_of_the_window_asks_for_a_decision(phase: str) -> None:
    refusal = _clock.check(phase, SAFE, AFTER, NONE)
    assert refusal is not None
    assert "was 2026-11-22 10:43 UTC." in refusal.sentence
    for words in (
        "rollback.yml",
        "golive_past_last_safe_moment=go_on",
        "golive_approver",
        "golive_reason",
    ):
        assert words in refusal.remedy


@pytest.mark.parametrize("phase", [name for name in NAMES if name not in WINDOW])
def test_what_is_before_the_fence_or_behind_the_open_door_is_never_held(phase: str) -> None:
    assert _clock.check(phase, SAFE, AFTER, NONE) is None
    assert _clock.note(phase, SAFE, AFTER, TAKEN) == {}


def test_a_decision_with_name_and_reason_lets_it_begin_and_is_journalled() -> None:
    assert _clock.check("switch_dns", SAFE, AFTER, TAKEN) is None
    assert _clock.note("switch_dns", SAFE, AFTER, TAKEN) == {
        "past_last_safe_moment": {
            "last_safe": SAFE,
            "decided_by": "head-of-it",
            "because": "the last step takes a minute",
        }
    }


@pytest.mark.parametrize(
    ("raw", "lacking"),
    [
        ({"choice": "go_on"}, "golive_approver and golive_reason"),
        ({"choice": "go_on", "by": "head-of-it"}, "golive_reason"),
        ({"choice": "go_on", "because": "nearly done"}, "golive_approver"),
        ({"choice": "go_on", "by": "  ", "because": "nearly done"}, "golive_approver"),
    ],
)
def test_a_decision_without_name_or_reason_is_none(raw: dict[str, str], lacking: str) -> None:
    refusal = _clock.check("sync_data", SAFE, AFTER, Decision.from_dict(raw))
    assert refusal is not None
    assert f"lacks {lacking}." in refusal.sentence


@pytest.mark.parametrize("choice", ["", "yes", "GO_ON"])
def test_anything_else_is_no_decision(choice: str) -> None:
    assert _clock.check("sync_data", SAFE, AFTER, Decision(choice, "head-of-it", "why")) is not None


def test_a_night_whose_way_back_nobody_measured_never_freezes() -> None:
    refusal = _clock.check("freeze_legacy", _clock.UNKNOWN, BEFORE, TAKEN)
    assert refusal is not None
    assert "Rehearse" in refusal.remedy
    assert _clock.check("preflight", _clock.UNKNOWN, BEFORE, NONE) is None


def test_people_read_the_clock_in_the_country_s_time() -> None:
    clock = {"door": SAFE, "end": SAFE, "last_safe": SAFE, "timezone": "Pacific/Tongatapu"}
    (sentence,) = _clock.sentences(clock)
    assert sentence.count("2026-11-22 23:43") == 2
    (unknown,) = _clock.sentences({**clock, "door": "", "last_safe": _clock.UNKNOWN})
    assert unknown.startswith("Nobody knows")
    assert _clock.sentences({}) == []


def test_a_host_that_does_not_know_the_zone_says_utc() -> None:
    clock = {"door": SAFE, "end": SAFE, "last_safe": SAFE, "timezone": "Pacific/Nowhere"}
    assert "2026-11-22 10:43 UTC" in _clock.sentences(clock)[0]
