# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._apart import Part
from ansible_collections.dfr.golive.plugins.module_utils._coherence import check_holds, check_mode
from ansible_collections.dfr.golive.plugins.module_utils._country import Country

LEASE = {"freeze_legacy_lease_seconds": {"type": "int", "default": 7200}}


@pytest.mark.parametrize(
    ("phase", "minutes", "lease", "wrong"),
    [
        ("lock_config", 61, 7200, True),
        ("lock_config", 60, 7200, False),
        ("lock_config", 61, 0, False),
        ("freeze_legacy", 600, 7200, False),
        ("start_hypercare", 600, 7200, False),
    ],
)
def test_a_hold_in_the_window_ends_before_the_lease_of_the_freeze(
    phase: str, minutes: int, lease: int, wrong: bool
) -> None:
    values = {"golive_holds": {phase: {"teams": ["fao"], "limit_minutes": minutes}}}
    asked = Country(values, frozenset(), {"freeze_legacy": {"main": LEASE}}, (), {})
    known = Country({**values, "freeze_legacy_lease_seconds": lease}, frozenset(), {}, (), {})
    assert [str(problem).split(",")[0] for problem in check_holds(known)] == (
        [f"golive_holds.{phase} waits {minutes} minutes"] if wrong else []
    )
    if lease:
        assert len(list(check_holds(asked))) == wrong


def mode(values: dict[str, Any], live: list[Part] | None = None) -> list[str]:
    known = Country(
        values,
        frozenset(),
        {},
        (),
        {"dfr_production": ["production"]},
        addresses={"production": "192.0.2.13"},
        live=live,
    )
    return [str(problem) for problem in check_mode(known)]


def test_an_inventory_is_live_or_rehearses_another_one() -> None:
    assert mode({"golive_mode": "live"}) == []
    assert mode({"golive_mode": "rehearsal"}) == []
    both = mode({"golive_mode": "live", "golive_rehearsal_of": "inventories/tonga"})
    assert "is live in an inventory that rehearses" in both[0]


def test_a_rehearsal_is_proven_to_be_apart() -> None:
    trial = {"golive_mode": "rehearsal", "golive_rehearsal_of": "inventories/tonga"}
    assert mode(trial, []) == []
    assert "nothing proves that it is apart" in mode(trial)[0]
    same = mode(trial, [Part("golive_proxy.address", "address", "192.0.2.13", 443)])
    assert "ansible_host of production is 192.0.2.13, which is golive_proxy.address of the live" in same[0]
