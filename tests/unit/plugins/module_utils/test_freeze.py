# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gate and the proof, over a source that says what it is told to."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _freeze
from ansible_collections.dfr.golive.plugins.module_utils._canary import Canary
from ansible_collections.dfr.golive.plugins.module_utils._errors import DriftError, GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._freeze import Plan
from ansible_collections.dfr.golive.plugins.module_utils._gates import Verdict
from fake_dns import Clock

PARAMS: dict[str, Any] = {"name": "old", "kind": "mariadb", "odoo_url": None, "odoo_model": "res.partner"}
YES = Canary(True, "a write is accepted")
NO = Canary(False, "INSERT command denied")


class Source:
    """Each answer is a value, or an exception to raise."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {
            "plan": Plan(False, "1 account lose the right to write"),
            "problems": [],
            "check": {"sessions_ended": 2},
            "up": False,
            "write": YES,
            **answers,
        }

    def _answer(self, what: str) -> Any:
        answer = self.answers[what]
        if isinstance(answer, list) and what == "write":
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def plan(self) -> Plan:
        return self._answer("plan")  # type: ignore[no-any-return]

    def problems(self) -> list[GoliveError]:
        return self._answer("problems")  # type: ignore[no-any-return]

    def check(self) -> dict[str, Any]:
        return self._answer("check")  # type: ignore[no-any-return]

    def up(self) -> bool:
        return self._answer("up")  # type: ignore[no-any-return]

    def write(self) -> Canary:
        return self._answer("write")  # type: ignore[no-any-return]


def verdicts(source: Source) -> dict[str, Verdict]:
    return {gate.name: gate.verdict for gate in _freeze.readiness(PARAMS, source)}


def test_healthy() -> None:
    assert verdicts(Source()) == {"freeze.old.fence": Verdict.PASS, "freeze.old.write": Verdict.PASS}


def test_a_fence_that_can_not_be_raised_shows_everything_that_is_wrong() -> None:
    source = Source(
        plan=GoliveError("first", remedy="do"),
        problems=[GoliveError("first", remedy="do"), GoliveError("second", remedy="do that")],
    )
    assert verdicts(source) == {
        "freeze.old.fence": Verdict.FAIL,
        "freeze.old.fence.2": Verdict.FAIL,
        "freeze.old.write": Verdict.PASS,
    }


@pytest.mark.parametrize("problems", [[], ProbeError("gone")])
def test_a_probe_that_breaks_is_unknown(problems: Any) -> None:
    source = Source(plan=ProbeError("no answer"), problems=problems, up=ProbeError("no answer"))
    assert set(verdicts(source).values()) == {Verdict.UNKNOWN}


def test_a_canary_that_does_not_sing_closes_the_gate() -> None:
    assert verdicts(Source(write=NO))["freeze.old.write"] is Verdict.FAIL
    assert verdicts(Source(write=ProbeError("no table")))["freeze.old.write"] is Verdict.UNKNOWN


def test_an_interrupted_run_comes_again() -> None:
    source = Source(up=True, plan=Plan(True, "..."), write=NO)
    assert set(verdicts(source).values()) == {Verdict.PASS}


def test_two_sources_of_one_name() -> None:
    (gate,) = _freeze.readiness(PARAMS, Source(), taken=["old"])
    assert gate.verdict is Verdict.FAIL


def refused(source: Source, limit: float = 3) -> dict[str, Any]:
    clock = Clock()
    return _freeze.expect_refused(PARAMS, source, limit, clock, clock.sleep)


def test_refused_and_whole() -> None:
    evidence = refused(Source(write=NO))
    assert evidence == {
        "name": "old",
        "kind": "mariadb",
        "sessions_ended": 2,
        "refused": {"write": "INSERT command denied"},
    }


def test_an_accepted_write_is_a_drift() -> None:
    with pytest.raises(DriftError, match="still accepts a write"):
        refused(Source(write=YES))


@pytest.mark.parametrize("check", [DriftError("holes"), ProbeError("no answer")])
def test_a_fence_with_holes_is_found_before_the_canary(check: Exception) -> None:
    with pytest.raises(type(check)):
        refused(Source(check=check, write=NO))


def test_a_canary_without_an_answer_is_not_refused() -> None:
    with pytest.raises(ProbeError):
        refused(Source(write=ProbeError("wrong password")))


def test_a_stumbling_application_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [ProbeError("reset"), ProbeError("reset"), NO]

    def application() -> Canary:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    monkeypatch.setattr(_freeze, "canaries", lambda _params, _source: {"application": application})
    assert refused(Source())["refused"] == {"application": "INSERT command denied"}
    answers[:] = [ProbeError("reset")] * 20
    with pytest.raises(ProbeError):
        refused(Source())
    answers[:] = [ProbeError("reset"), YES]
    with pytest.raises(DriftError):
        refused(Source())


def accepted(source: Source, limit: float = 3) -> dict[str, Any]:
    clock = Clock()
    return _freeze.expect_accepted(PARAMS, source, limit, clock, clock.sleep)


def test_accepted_at_last() -> None:
    evidence = accepted(Source(write=[NO, ProbeError("starting"), YES]))
    assert evidence["accepted"] == {"write": "a write is accepted"}
    assert evidence["seconds"] == 2 * _freeze.POLL_SECONDS


@pytest.mark.parametrize("write", [NO, ProbeError("no answer")])
def test_never_accepted_says_so_after_the_limit(write: Any) -> None:
    with pytest.raises(GoliveError, match="doesn't accept writes again after 3 s"):
        accepted(Source(write=write))
