# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import paper_country
import pytest
import yaml
from ansible_collections.dfr.golive.plugins.module_utils import _rehearsals
from ansible_collections.dfr.golive.plugins.module_utils._chain import JournalDamageError, stamp
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Verdict
from ansible_collections.dfr.golive.plugins.module_utils._holder import Owner
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal
from ansible_collections.dfr.golive.plugins.module_utils._rehearsals import Rehearsal

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
PLAN, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
STEPS = {"clone": 21.5, "preflight": 8.1, "freeze_legacy": 2.0}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state", "demo-rehearsals", lambda: NOW)


def rehearsal(run_id: str = "demo-r1", plan: str = PLAN, passed: bool = True) -> Rehearsal:
    return Rehearsal(run_id, plan, passed, STEPS, "" if passed else "sync_data stopped: no rows.")


def aged(days: float, plan: str = PLAN, passed: bool = True) -> Rehearsal:
    one = rehearsal(f"demo-{days}", plan, passed)
    return Rehearsal(one.run_id, plan, passed, STEPS, one.reason, stamp(NOW - timedelta(days=days)))


def test_nothing_was_ever_rehearsed(journal: Journal) -> None:
    assert _rehearsals.read(journal) == []


def test_what_was_kept_is_read_with_its_time(journal: Journal) -> None:
    assert _rehearsals.keep(journal, rehearsal("demo-r1"))
    assert _rehearsals.keep(journal, rehearsal("demo-r2", OTHER, passed=False))
    first, second = _rehearsals.read(journal)
    assert (first.run_id, first.plan, first.passed, first.steps) == ("demo-r1", PLAN, True, STEPS)
    assert (second.passed, second.reason) == (False, "sync_data stopped: no rows.")
    assert first.finished == stamp(NOW)


def test_a_rehearsal_is_kept_once(journal: Journal) -> None:
    assert _rehearsals.keep(journal, rehearsal())
    assert not _rehearsals.keep(journal, rehearsal())
    assert len(journal.read()[0].records) == 1


def test_what_was_said_last_of_a_run_counts(journal: Journal) -> None:
    _rehearsals.keep(journal, rehearsal(passed=False))
    _rehearsals.keep(journal, rehearsal(passed=True))
    assert [one.passed for one in _rehearsals.read(journal)] == [True]


def test_an_unknown_step_is_refused(journal: Journal) -> None:
    with pytest.raises(GoliveError, match="times lunch, which is no step"):
        _rehearsals.keep(journal, Rehearsal("demo-r1", PLAN, True, {"lunch": 3600.0}))
    assert _rehearsals.read(journal) == []


def test_a_record_made_up_afterwards_is_missed(journal: Journal) -> None:
    _rehearsals.keep(journal, rehearsal(passed=False))
    text = journal.path.read_text(encoding="ascii")
    journal.path.write_text(text.replace('"passed":false', '"passed":true'), encoding="ascii")
    with pytest.raises(JournalDamageError):
        _rehearsals.read(journal)


def test_nothing_is_kept_while_somebody_else_writes(journal: Journal) -> None:
    with journal.writing() as writer:
        writer.take("demo-r0", "golive", Owner(user="ops", host="laptop"), 900)
    with pytest.raises(GoliveError, match="was not kept"):
        _rehearsals.keep(journal, rehearsal())


def test_the_book_lies_beside_the_country(tmp_path: Path) -> None:
    assert _rehearsals.book(tmp_path, "demo").folder == tmp_path / "demo-rehearsals"


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ([], "None of 0 known rehearsals"),
        ([aged(1, OTHER)], "None of 1 known rehearsals was of the plan"),
        ([aged(1, passed=False)], "did not pass: sync_data stopped"),
        ([aged(2), aged(1, passed=False)], "did not pass"),
        ([aged(15)], "15 days ago"),
    ],
)
def test_a_country_is_not_armed(known: list[Rehearsal], said: str) -> None:
    gate = _rehearsals.armed(known, PLAN, 14, NOW)
    assert gate.verdict is Verdict.FAIL
    assert said in gate.detail
    assert "rehearse.yml" in gate.remedy


@pytest.mark.parametrize("known", [[aged(14)], [aged(3, passed=False), aged(2)], [aged(2), aged(1, OTHER)]])
def test_a_country_is_armed(known: list[Rehearsal]) -> None:
    assert _rehearsals.armed(known, PLAN, 14, NOW).verdict is Verdict.PASS


def test_the_plan_is_what_the_teams_sign(tmp_path: Path) -> None:
    folder = tmp_path / "signoffs"
    folder.mkdir()
    bare = _rehearsals.plan_digest(folder)
    (folder / "criteria.yml").write_text(yaml.safe_dump(paper_country.CRITERIA), encoding="utf-8")
    signed = _rehearsals.plan_digest(folder)
    later = {**paper_country.CRITERIA, "end": "2026-11-23T05:00:00+13:00"}
    (folder / "criteria.yml").write_text(yaml.safe_dump(later), encoding="utf-8")
    assert len({bare, signed, _rehearsals.plan_digest(folder)}) == 3


def test_criteria_that_cannot_be_understood_are_no_plan(tmp_path: Path) -> None:
    (tmp_path / "criteria.yml").write_text("cutover: [", encoding="utf-8")
    with pytest.raises(GoliveError):
        _rehearsals.plan_digest(tmp_path)


def a_run(outcome: str = "live", **more: object) -> dict[str, object]:
    phases = [
        {"name": "preflight", "status": "succeeded", "seconds": 1.0, "gate_seconds": 6.5},
        {"name": "freeze_legacy", "status": "succeeded", "seconds": 2.0, "gate_seconds": None},
        {"name": "sync_data", "status": "failed", "seconds": 3.0, "gate_seconds": 1.0},
        {"name": "lock_config", "status": "pending", "seconds": None, "gate_seconds": None},
    ]
    empty = {
        "id": "demo-r1",
        "mode": "rehearsal",
        "outcome": outcome,
        "phases": phases,
        "window": {"split": []},
    }
    return {**empty, **more}


def test_what_a_run_came_to() -> None:
    kept = _rehearsals.of_run(a_run(), PLAN, clone_seconds=21.5)
    assert (kept.passed, kept.reason, kept.plan) == (True, "", PLAN)
    assert kept.steps == {"preflight": 7.5, "freeze_legacy": 2.0, "clone": 21.5}


def test_a_run_that_stopped_did_not_pass() -> None:
    failure = {"phase": "sync_data", "reason": "no rows"}
    assert _rehearsals.of_run(a_run("stopped", failure=failure), PLAN).reason == "sync_data stopped: no rows"
    assert _rehearsals.of_run(a_run("stopped"), PLAN).reason == "It was stopped before the last phase."


def test_a_way_back_that_was_rehearsed_passes_and_one_that_was_needed_does_not() -> None:
    window = {"split": [{"name": "sync_data", "seconds": 5.0}, {"name": "rollback", "seconds": 9.5}]}
    back = _rehearsals.of_run(a_run("rolled_back", window=window), PLAN)
    assert (back.passed, back.steps["rollback"]) == (True, 9.5)
    assert _rehearsals.as_run(back)["outcome"] == "rolled_back"
    needed = a_run("rolled_back", window=window, failure={"phase": "sync_data", "reason": "no rows"})
    assert not _rehearsals.of_run(needed, PLAN).passed


def test_a_live_run_is_never_kept_as_a_rehearsal() -> None:
    with pytest.raises(GoliveError, match="is no rehearsal"):
        _rehearsals.of_run(a_run(mode="live"), PLAN)


def test_a_later_session_of_a_run_forgets_no_step_of_an_earlier_one(tmp_path: Path) -> None:
    book = _rehearsals.book(tmp_path, "demo")
    gone_live = _rehearsals.Rehearsal("demo-r-1", "sha256:0", True, {"clone": 30.0, "sync_data": 9.0})
    assert _rehearsals.keep(book, gone_live)
    back = _rehearsals.Rehearsal("demo-r-1", "sha256:0", True, {"sync_data": 9.0, "rollback": 5.0})
    assert _rehearsals.keep(book, back)
    assert not _rehearsals.keep(book, back)
    assert _rehearsals.read(book)[-1].steps == {"clone": 30.0, "sync_data": 9.0, "rollback": 5.0}
