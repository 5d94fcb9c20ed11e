# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _readiness
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, Verdict, failed, passed, unknown

PASS = {"name": "x.y", "verdict": "pass", "detail": "fine", "remedy": ""}


def collected() -> _readiness.Collected:
    """Answers of two ends that fit."""
    database = {
        "modules": {"base": "19.0.1.3", "dfr_registry": "19.0.1.0"},
        "known_modules": ["base", "dfr_registry", "crm"],
    }
    return _readiness.Collected(
        facts={
            "database": {"staging": copy.deepcopy(database), "production": copy.deepcopy(database)},
            "application": {"staging": {"version": "19.0"}, "production": {"version": "19.0-20251001"}},
            "host": {
                "ops": {"clock_offset": 0.5, "clock_error": 0.25},
                "production": {"clock_offset": 1.0, "clock_error": 0.25},
            },
        },
        reachable=["ops", "production"],
    )


def compare(seen: _readiness.Collected) -> dict[str, Gate]:
    _readiness.compare(seen, 2.0, "ops")
    return {gate.name: gate for gate in seen.gates}


def test_two_ends_that_fit() -> None:
    gates = compare(collected())
    assert {gate.verdict for gate in gates.values()} == {Verdict.PASS}
    assert set(gates) == {
        "odoo.series",
        "odoo.modules",
        "clock.production",
    }


@pytest.mark.parametrize(
    ("path", "value", "gate", "expected"),
    [
        ("application/production/version", "18.0", "odoo.series", "production's application 18.0"),
        ("database/production/known_modules", ["base"], "odoo.modules", "doesn't know 1 of staging's addons"),
        (
            "database/production/modules",
            {"base": "19.0.1.3", "dfr_registry": "19.0.0.9"},
            "odoo.modules",
            "dfr_registry 19.0.1.0 on staging, 19.0.0.9 on production",
        ),
        ("host/production/clock_offset", 9.0, "clock.production", "+8.5 s off that of ops"),
        ("host/production/clock_offset", -9.0, "clock.production", "-9.5 s off that of ops"),
    ],
)
def test_two_ends_that_do_not_fit(path: str, value: Any, gate: str, expected: str) -> None:
    seen = collected()
    kind, name, key = path.split("/")
    seen.facts[kind][name][key] = value
    found = compare(seen)[gate]
    assert found.verdict is Verdict.FAIL
    assert expected in found.detail
    assert found.remedy


@pytest.mark.parametrize(
    ("offset", "error", "verdict"),
    [
        (0.5, 2.0, Verdict.UNKNOWN),
        (4.0, 3.0, Verdict.UNKNOWN),
        (9.0, 3.0, Verdict.FAIL),
        (1.0, 1.0, Verdict.PASS),
        (3.5, 1.0, Verdict.FAIL),
    ],
)
def test_a_slow_answer_says_little_of_a_clock(offset: float, error: float, verdict: Verdict) -> None:
    seen = collected()
    seen.facts["host"]["production"] = {"clock_offset": 0.5 + offset, "clock_error": error}
    assert compare(seen)["clock.production"].verdict is verdict


@pytest.mark.parametrize(
    ("kind", "name", "gates"),
    [
        ("database", "staging", {"odoo.series", "odoo.modules"}),
        ("database", "production", {"odoo.series", "odoo.modules"}),
        ("application", "production", {"odoo.series"}),
        ("host", "production", {"clock.production"}),
    ],
)
def test_an_end_without_answer_makes_every_comparison_unknown(kind: str, name: str, gates: set[str]) -> None:
    seen = collected()
    seen.facts[kind][name] = {}
    found = compare(seen)
    assert {found[gate].verdict for gate in gates} == {Verdict.UNKNOWN}


def hosts(*results: dict[str, Any]) -> _readiness.Collected:
    seen = _readiness.Collected()
    _readiness.read_hosts(seen, {"results": list(results)}, ["ops", "legacy"])
    return seen


def test_hosts_that_answer() -> None:
    seen = hosts(
        {"item": "ops", "gates": [PASS], "facts": {"a": 1}}, {"item": "legacy", "gates": [PASS], "facts": {}}
    )
    assert seen.reachable == ["ops", "legacy"]
    assert seen.facts["host"]["ops"] == {"a": 1}
    assert [gate.name for gate in seen.gates] == ["host.ops", "x.y", "host.legacy", "x.y"]


@pytest.mark.parametrize(
    ("result", "verdict", "expected"),
    [
        (
            {"item": "legacy", "unreachable": True, "msg": "No route"},
            Verdict.FAIL,
            "is unreachable: No route",
        ),
        (
            {"item": "legacy", "failed": True, "msg": "sudo wants"},
            Verdict.UNKNOWN,
            "could not be asked: sudo wants",
        ),
        ({"item": "legacy", "skipped": True}, Verdict.UNKNOWN, "could not be asked"),
        ({}, Verdict.UNKNOWN, "could not be asked"),
    ],
)
def test_a_host_without_answer_is_one_line_that_names_it(
    result: dict[str, Any], verdict: Verdict, expected: str
) -> None:
    seen = hosts({"item": "ops", "gates": [PASS]}, result)
    assert seen.reachable == ["ops"]
    gate = seen.gates[-1]
    assert (gate.name, gate.verdict) == ("host.legacy", verdict)
    assert expected in gate.detail
    assert "legacy" in gate.remedy


@pytest.mark.parametrize("registered", [None, {}, {"results": []}, "text", {"results": "text"}])
def test_no_result_at_all_is_no_pass(registered: Any) -> None:
    seen = _readiness.Collected()
    _readiness.read_hosts(seen, registered, ["ops"])
    assert [gate.verdict for gate in seen.gates] == [Verdict.UNKNOWN]


def probes(*results: dict[str, Any], reachable: tuple[str, ...] = ("vm",)) -> _readiness.Collected:
    seen = _readiness.Collected(reachable=list(reachable))
    _readiness.read_probes(seen, "database", {"results": list(results)}, {"staging": "vm"}, "database")
    return seen


def test_a_probe_that_answers() -> None:
    seen = probes({"item": "staging", "gates": [PASS], "facts": {"bytes": 1}})
    assert [gate.name for gate in seen.gates] == ["x.y"]
    assert seen.facts == {"database": {"staging": {"bytes": 1}}}


def test_a_probe_without_a_loop() -> None:
    seen = _readiness.Collected(reachable=["ops"])
    _readiness.read_probes(seen, "edge", {"gates": [PASS], "facts": {}}, {"edge": "ops"}, "edge")
    assert [gate.name for gate in seen.gates] == ["x.y"]


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"item": "staging", "failed": True, "msg": "boom"},
        {"item": "staging", "unreachable": True},
        {"item": "staging", "skipped": True},
        {"item": "staging", "gates": []},
        {"item": "other", "gates": [PASS]},
    ],
)
def test_a_probe_without_answer_is_unknown(result: dict[str, Any]) -> None:
    (gate,) = probes(result).gates
    assert (gate.name, gate.verdict) == ("database.staging", Verdict.UNKNOWN)


def test_a_probe_behind_a_silent_host_was_not_asked() -> None:
    (gate,) = probes({"item": "staging", "gates": [PASS]}, reachable=()).gates
    assert gate.verdict is Verdict.UNKNOWN
    assert gate.remedy == "Settle host.vm first."


def test_something_that_is_no_gate_is_refused() -> None:
    with pytest.raises(GoliveError):
        probes({"item": "staging", "gates": [{"name": "x", "verdict": "maybe", "detail": ""}]})


@pytest.mark.parametrize(
    ("tasks", "verdicts"),
    [
        ([{"gates": [PASS]}], [Verdict.PASS]),
        ([{"results": [{"gates": [PASS]}, {"gates": [PASS]}]}], [Verdict.PASS, Verdict.PASS]),
        ([{"gates": [PASS]}, {"failed": True, "msg": "boom"}], [Verdict.PASS, Verdict.UNKNOWN]),
        ([{"unreachable": True, "msg": "gone"}], [Verdict.UNKNOWN]),
        ([{"skipped": True}], [Verdict.UNKNOWN]),
        ([{"gates": []}], [Verdict.UNKNOWN]),
        ([{}], [Verdict.UNKNOWN]),
        ([], [Verdict.UNKNOWN]),
    ],
)
def test_the_gates_of_later_phases(tasks: list[Any], verdicts: list[Verdict]) -> None:
    seen = _readiness.Collected()
    _readiness.read_rooms(seen, {"switch_dns": tasks})
    assert [gate.verdict for gate in seen.gates] == verdicts


def test_a_name_asked_twice_keeps_its_worst_verdict() -> None:
    gates = [passed("a", "1"), failed("b", "2", "r"), unknown("a", "3"), passed("b", "4"), passed("c", "5")]
    assert [(gate.name, gate.detail) for gate in _readiness.once(gates)] == [
        ("a", "3"),
        ("b", "2"),
        ("c", "5"),
    ]


def test_no_gate_at_all_is_refused() -> None:
    with pytest.raises(GoliveError):
        _readiness.require_gates([])


def test_summary() -> None:
    assert _readiness.summary([passed("a", "")]) == "All 1 checks pass."
    assert _readiness.summary([passed("a", ""), unknown("b", "")]) == "1 of 2 checks do not pass: b."
