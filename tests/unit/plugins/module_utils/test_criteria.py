# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The template of the criteria is one that a country can start from."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.dfr.golive.plugins.module_utils import _criteria, _criteria_probes
from ansible_collections.dfr.golive.plugins.module_utils._gates import Verdict

TEMPLATE = Path(__file__).resolve().parents[4] / "inventories" / "template" / "signoffs"


def test_the_template_is_understood_and_shows_every_probe() -> None:
    decision = _criteria.understood(_criteria.read(TEMPLATE))
    assert {one.probe for one in decision.criteria.values()} - {""} == set(_criteria.PROBES)
    assert decision.team_of("deputy-of-it") == "national_it"
    assert decision.team_of("stranger") == ""


def test_settings_of_the_template_are_complete() -> None:
    """Without evidence nothing passes but what needs none; what is missing is said, never a wrong setting."""
    decision = _criteria.understood(_criteria.read(TEMPLATE))
    gates = _criteria_probes.judge(_criteria_probes.World(TEMPLATE, decision, decision.start))
    assert {name for name, gate in gates.items() if gate.open} == {"low_traffic", "blackout"}
    assert {name for name, gate in gates.items() if gate.verdict is Verdict.FAIL} == {"secrets"}
