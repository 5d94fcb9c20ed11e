# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that was told to stop after a phase stands exactly there."""

from __future__ import annotations

import os
import time

import outside

LAST = outside.PHASES.index(os.environ["STORY_LAST_PHASE"])


def reached(phase: str) -> bool:
    return outside.PHASES.index(phase) <= LAST


def test_the_report_stands_there() -> None:
    report = outside.report()
    done = [phase["name"] for phase in report["phases"] if phase["status"] == "succeeded"]
    assert done == list(outside.PHASES[: LAST + 1])
    assert report["outcome"] == ("live" if reached("start_hypercare") else "stopped")


def test_no_phase_was_done_twice() -> None:
    assert {phase["attempts"] for phase in outside.report()["phases"] if phase["status"] == "succeeded"} == {
        1
    }


def test_the_fence_is_up_from_the_freeze_on() -> None:
    before = len(outside.acknowledged("legacy"))
    if reached("freeze_legacy"):
        time.sleep(3)
        assert len(outside.acknowledged("legacy")) == before
    else:
        outside.eventually(
            lambda: len(outside.acknowledged("legacy")) > before, "legacy acknowledges a new record"
        )


def test_the_rows_are_there_from_the_sync_on() -> None:
    rows = int(outside.psql("production", "dfr_production", "select count(*) from dfr_farmer")[0])
    assert (rows > 0) == reached("sync_data")


def test_the_name_points_to_production_from_the_switch_on() -> None:
    expected = outside.PROXY if reached("switch_dns") else outside.LEGACY
    assert {tuple(outside.addresses(server)) for server in outside.NAME_SERVERS} == {(expected,)}


def test_the_door_is_open_from_enable_users_on() -> None:
    status, _text = outside.Browser(outside.PROXY).request("GET", "/web/login")
    assert (status == 200) == reached("enable_users")
    assert (status == 503) != reached("enable_users")
