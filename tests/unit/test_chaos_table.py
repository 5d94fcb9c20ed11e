# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of the fault campaign says only what can be played, and the same seed says the same."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest

CHAOS = Path(__file__).resolve().parents[1] / "chaos"


def loaded(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"chaos_{name}", CHAOS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


table, faults = loaded("table"), loaded("faults")
BEGIN = "dfr.golive.golive : Journal the gates and what is about to be done"
RECORDED = {
    "golive": [
        table.Boundary(3 * number + step, f"({number}/9) {phase.upper()}: does", task)
        for number, phase in enumerate(table.PHASES, start=1)
        for step, task in enumerate(["Gate", BEGIN, "Work"], start=1)
    ],
    "rollback": [table.Boundary(1, "(UNDO 9/9) START HYPERCARE: stop watching", "Undo")],
}


@pytest.mark.parametrize("fast", [False, True])
def test_every_case_can_be_played(fast: bool) -> None:
    cases = table.cases(RECORDED, fast=fast)
    assert len(cases) >= (2 if fast else 300)
    for case in cases:
        assert case.then in ("resume", "rollback", "nothing"), case
        assert case.end in ("live", "rolled_back"), case
        assert (case.then == "rollback") == (case.end == "rolled_back"), case
        assert not (case.at and case.after), case
        phase = (case.after or case.at).removeprefix("undo.").partition("+")[0].partition(".")[0]
        assert phase in table.PHASES or phase.isdecimal() or case.point == "from the start", case
        assert case.tried in ("", "golive", "rollback"), case
        if case.playbook == "golive" and case.then == "rollback" and case.at and not case.says:
            # A run that gets through the fault must not let the users in: nobody has approved their way back.
            assert case.until in table.PHASES[: table.PHASES.index("enable_users")], case
        else:
            assert case.until == "", case
        if case.fault != "kill":
            for verb in faults.FAULTS[case.fault]:
                inspect.signature(verb).bind(*case.arguments)


def test_a_kill_at_every_boundary_of_both_playbooks() -> None:
    names = [case.name for case in table.cases(RECORDED)]
    assert sum(name.startswith("kill.golive") and name.endswith("resume") for name in names) >= 27
    assert "kill.rollback.001.rollback" in names


def test_the_way_back_is_only_tried_before_users_are_in() -> None:
    for case in table.cases(RECORDED):
        if case.fault == "kill" and case.playbook == "golive" and case.then == "rollback":
            assert not case.point.startswith(("enable_users", "start_hypercare")), case


def test_the_same_seed_is_the_same_sample() -> None:
    cases = table.cases(RECORDED)
    first = table.chosen(cases, "", 40, 7)
    assert len(first) == 40
    assert first == table.chosen(cases, "", 40, 7)
    assert first != table.chosen(cases, "", 40, 8)
    assert {case.fault for case in table.chosen(cases, "^journal", 0, 0)} >= {
        "journal_torn",
        "journal_edited",
    }
