# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _runtimes
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, Verdict

MINE = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


def result(image: str = MINE, started_from: str = "odoo:19", **other: Any) -> dict[str, Any]:
    """What docker_container_info says of production."""
    item = {"key": "production", "value": {"unit": "production-odoo"}}
    container = {"Image": image, "Config": {"Image": started_from}}
    return {"item": item, "exists": True, "container": container, **other}


def judge(*asked: dict[str, Any], **declared: str) -> Gate:
    (gate,) = _runtimes.images(declared or {"production": MINE}, asked)
    return gate


PARTS = {
    "production": {"vm": "production", "unit": "odoo", "runtime": "docker"},
    "proxy": {"vm": "production", "unit": "nginx", "runtime": "systemd"},
}
PROXY = {"item": {"key": "proxy"}, "status": {"LoadState": "loaded"}}


def ready(*asked: dict[str, Any], reachable: tuple[str, ...] = ("production",)) -> list[Verdict]:
    return [gate.verdict for gate in _runtimes.ready(PARTS, asked, reachable)]


def test_what_the_night_restarts_is_there() -> None:
    assert ready(result(), PROXY) == [Verdict.PASS, Verdict.PASS]


@pytest.mark.parametrize(
    ("asked", "verdicts"),
    [
        ([result(exists=False), PROXY], [Verdict.FAIL, Verdict.PASS]),
        ([result(), {**PROXY, "status": {"LoadState": "not-found"}}], [Verdict.PASS, Verdict.FAIL]),
        ([result(failed=True, msg="no requests"), PROXY], [Verdict.UNKNOWN, Verdict.PASS]),
        ([result(), {"item": {"key": "proxy"}, "unreachable": True}], [Verdict.PASS, Verdict.UNKNOWN]),
        ([result()], [Verdict.PASS, Verdict.UNKNOWN]),
        ([result(), {**PROXY, "status": {}}], [Verdict.PASS, Verdict.FAIL]),
    ],
)
def test_what_is_not_there_or_does_not_answer(asked: list[dict[str, Any]], verdicts: list[Verdict]) -> None:
    assert ready(*asked) == verdicts


def test_a_host_that_gave_no_answer_was_not_asked() -> None:
    assert ready(result(), PROXY, reachable=()) == [Verdict.UNKNOWN, Verdict.UNKNOWN]


def test_what_is_not_declared_is_not_asked() -> None:
    assert _runtimes.images({}, [result()]) == []


@pytest.mark.parametrize("seen", [result(), result(OTHER, f"registry.example/odoo@{MINE}")])
def test_the_signed_image_runs(seen: dict[str, Any]) -> None:
    gate = judge(seen)
    assert (gate.name, gate.verdict) == ("image.production", Verdict.PASS)


@pytest.mark.parametrize(
    ("asked", "verdict", "words"),
    [
        ([result(OTHER)], Verdict.FAIL, f"runs {OTHER}, declared and signed is {MINE}"),
        ([result(OTHER, f"odoo@{OTHER}")], Verdict.FAIL, "declared and signed"),
        ([result(exists=False, container=None)], Verdict.FAIL, "There is no container production-odoo"),
        ([], Verdict.FAIL, "no container of the inventory bears that name (there is none)"),
        ([result(failed=True, msg="no socket")], Verdict.UNKNOWN, "no socket"),
        ([{"item": {"key": "production"}, "unreachable": True, "msg": "gone"}], Verdict.UNKNOWN, "gone"),
        ([{"item": {"key": "production"}}], Verdict.UNKNOWN, "no answer"),
        ([{"item": {"key": "production", "value": {}}, "exists": True}], Verdict.UNKNOWN, "says nothing"),
    ],
)
def test_anything_else_is_shut(asked: list[dict[str, Any]], verdict: Verdict, words: str) -> None:
    gate = judge(*asked)
    assert gate.verdict is verdict
    assert words in gate.detail
    assert not gate.open


def test_a_name_that_nothing_bears_is_told_the_ones_there_are() -> None:
    gate = judge(result(), odoo=MINE)
    assert "bears that name (production)" in gate.detail
