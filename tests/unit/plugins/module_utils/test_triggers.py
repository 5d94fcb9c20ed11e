# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _triggers
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._watch_status import Check, Sample

BACK = {"name": "back", "when": "phase_fails", "action": "roll_back"}


def looks(*verdicts: str, name: str = "app.health", figures: tuple[float, ...] = ()) -> list[Sample]:
    return [
        Sample(float(at), 0.1, (Check(name, verdict, "...", figures[at] if figures else None),))
        for at, verdict in enumerate(verdicts)
    ]


def decided(raw: dict[str, Any], samples: list[Sample]) -> list[_triggers.Decision]:
    return _triggers.on_samples(_triggers.read([{"name": "it", "action": "notify", **raw}]), samples)


@pytest.mark.parametrize(
    "raw",
    [
        {"when": "phase_fails", "action": "hold"},
        {**BACK, "action": "panic"},
        {**BACK, "when": "tuesday"},
        {"name": "x", "when": "check_fails", "action": "hold", "check": "app.health"},
        {"name": "x", "when": "error_rate", "action": "hold", "above": 0.1},
    ],
)
def test_a_trigger_that_says_too_little_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(GoliveError, match="golive_triggers"):
        _triggers.read([raw])


def test_two_of_one_name() -> None:
    with pytest.raises(GoliveError, match="one name"):
        _triggers.read([BACK, BACK])


def test_the_first_trigger_that_is_met_decides() -> None:
    triggers = _triggers.read(
        [
            {**BACK, "phases": ["switch_dns"]},
            {"name": "ask", "when": "phase_fails", "action": "hold", "attempts": 2},
            {"name": "late", "when": "phase_fails", "action": "roll_back", "seconds": 600},
        ]
    )

    def action(phase: str, attempts: int, seconds: float, *, users_in: bool = False) -> str:
        found = _triggers.on_failure(triggers, phase, attempts, seconds, users_in=users_in)
        return f"{found.trigger} {found.action}" if found else "nothing"

    assert action("switch_dns", 1, 3) == "back roll_back"
    assert action("sync_data", 1, 3) == "nothing"
    assert action("sync_data", 2, 3) == "ask hold"
    assert action("sync_data", 1, 601) == "late roll_back"
    assert action("switch_dns", 1, 3, users_in=True) == "back hold"


def test_a_decision_tells_what_it_is_based_on() -> None:
    found = _triggers.on_failure(_triggers.read([BACK]), "lock_config", 1, 12.34, users_in=False)
    assert found is not None
    assert found.values == {"phase": "lock_config", "attempts": 1, "seconds": 12.3, "users_in": False}


@pytest.mark.parametrize(
    ("verdicts", "met"),
    [
        (("pass", "fail", "fail", "fail"), True),
        (("fail", "unknown", "fail"), True),
        (("fail", "pass", "fail"), False),
        (("fail", "fail"), False),
    ],
)
def test_a_check_that_fails_in_a_row(verdicts: tuple[str, ...], met: bool) -> None:
    raw = {"when": "check_fails", "check": "app.health", "times": 3}
    assert bool(decided(raw, looks(*verdicts))) is met


def test_a_check_that_is_not_made_is_not_a_pass() -> None:
    raw = {"when": "check_fails", "check": "app.health", "times": 2}
    assert decided(raw, looks("pass", "pass", name="dns"))[0].values["verdicts"] == ["absent", "absent"]


def test_a_figure_that_is_too_high_needs_enough_looks() -> None:
    raw = {"when": "check_above", "check": "app.health", "above": 2.0, "samples": 4}
    assert decided(raw, looks(*["pass"] * 4, figures=(1, 1, 1, 3)))[0].values["p95"] == 3
    assert decided(raw, looks(*["pass"] * 4, figures=(3, 1, 2, 1)))[0].values["samples"] == 4
    assert not decided(raw, looks(*["pass"] * 4, figures=(2, 1, 2, 1)))
    assert not decided(raw, looks(*["pass"] * 3, figures=(3, 3, 3)))


def test_the_share_of_checks_that_do_not_pass() -> None:
    raw = {"when": "error_rate", "above": 0.25, "samples": 4}
    assert decided(raw, looks("pass", "fail", "unknown", "pass"))[0].values["rate"] == 0.5
    assert not decided(raw, looks("pass", "fail", "pass", "pass"))
    assert not decided(raw, looks("fail", "fail", "fail"))
