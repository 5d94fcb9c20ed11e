# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _images
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, Verdict

MINE = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


def result(image: str = MINE, started_from: str = "odoo:19", **other: Any) -> dict[str, Any]:
    """What docker_container_info says of production."""
    item = {"key": "production", "value": {"unit": "production-odoo"}}
    container = {"Image": image, "Config": {"Image": started_from}}
    return {"item": item, "exists": True, "container": container, **other}


def judge(*asked: dict[str, Any], **declared: str) -> Gate:
    (gate,) = _images.check(declared or {"production": MINE}, asked)
    return gate


def test_what_is_not_declared_is_not_asked() -> None:
    assert _images.check({}, [result()]) == []


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
