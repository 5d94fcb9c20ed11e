# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A training is the same for the same role, seed and plan, and scored the same for the same decisions."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.dfr.golive.plugins.action import training as action
from ansible_collections.dfr.golive.plugins.module_utils import _plan, _plan_pages, _training
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES
from ansible_collections.dfr.golive.plugins.module_utils._plan_steps import ROLES
from ansible_collections.dfr.golive.plugins.module_utils._training import HARMFUL, RIGHT, WRONG
from ansible_collections.dfr.golive.plugins.module_utils._training_incidents import INCIDENTS

TEMPLATE = Path(__file__).resolve().parents[4] / "roles" / "golive" / "templates" / "training.html.j2"
STEPS = {**dict.fromkeys(NAMES, 60.0), "rollback": 60.0}


def plan(digest: str = "sha256:" + "ab" * 32) -> _plan_pages.Plan:
    declared = _plan.understood({"start": "2026-11-22T20:00:00+13:00", "end": "2026-11-23T00:00:00+13:00"})
    timeline = _plan.timeline(declared, _plan.measured([{"passed": True, "steps": STEPS}]), 60, 14)
    return _plan_pages.Plan("tonga", "Tonga", digest, _plan_pages.zone_named("Pacific/Tongatapu"), timeline)


def given(role: str = "contractor", seed: int = 1) -> _training.Training:
    return _training.training(plan(), role, seed)


def all_of(training: _training.Training, kind: str) -> dict[str, str]:
    return {task.incident.name: _training.LETTERS[task.order.index(kind)] for task in training.tasks.values()}


def filled(folder: Path, training: _training.Training, /, **more: Any) -> Path:
    path = folder / "mine.yml"
    content = {"training": training.digest, "decisions": all_of(training, RIGHT), **more}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_incidents_at_steps_of_the_plan(role: str) -> None:
    training = given(role)
    assert len(training.tasks) == 3
    walked = [task.incident.name for _row, task in _training.walk(training) if task]
    assert walked == [task.incident.name for task in training.tasks.values()]


def test_incidents_have_names_of_their_own_and_one_step_each() -> None:
    assert max(Counter(one.name for one in INCIDENTS).values()) == 1
    assert max(Counter((one.role, one.step) for one in INCIDENTS).values()) == 1


def test_the_same_seed_makes_the_same_training_and_another_another() -> None:
    assert given() == given()
    assert given().digest != given(seed=2).digest
    assert given().digest != _training.training(plan("sha256:" + "cd" * 32), "contractor", 1).digest


def test_the_right_choice_is_nowhere_by_habit() -> None:
    letters = Counter(task.best for seed in range(60) for task in given(seed=seed).tasks.values())
    assert set(letters) == set(_training.LETTERS)
    assert min(letters.values()) > 30


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize(
    ("kind", "percent", "passed"), [(RIGHT, 100.0, True), (WRONG, 0.0, False), (HARMFUL, 0.0, False)]
)
def test_a_score_follows_from_the_decisions(
    role: str, seed: int, kind: str, percent: float, passed: bool
) -> None:
    training = given(role, seed)
    result = _training.score(training, all_of(training, kind))
    assert (result["percent"], result["passed"]) == (percent, passed)
    assert len(result["harmful"]) == (3 if kind == HARMFUL else 0)
    assert result == _training.score(training, all_of(training, kind))


@pytest.mark.parametrize(("kind", "passed"), [(WRONG, True), (HARMFUL, False)])
def test_one_miss_passes_and_one_harm_does_not(kind: str, passed: bool) -> None:
    training = given()
    decided = all_of(training, RIGHT)
    name = next(iter(decided))
    decided[name] = all_of(training, kind)[name]
    result = _training.score(training, decided)
    assert result["points"] == 2
    assert result["passed"] is passed


def test_decisions_are_read_from_the_file_that_was_filled_in(tmp_path: Path) -> None:
    training = given()
    path = tmp_path / "blank.yml"
    text = _training.blank(training)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(GoliveError, match="leaves undecided: unknown_gate, rows_differ, network_lost"):
        _training.decisions(training, path)
    path.write_text(text.replace("''", "a"), encoding="utf-8")
    assert set(_training.decisions(training, path).values()) == {"a"}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"training": "sha256:0"}, "belongs to another training"),
    ({"training": 5}, "training as int"),
    ({"decisions": ["a"]}, "decisions as list"),
    ({"decisions": {}}, "leaves undecided"),
    ({"decisions": {"lunch": "a"}}, "lunch, which isn't in this training"),
    ({"name": "Mele"}, "unknown field name"),
]


@pytest.mark.parametrize(("more", "said"), BAD)
def test_a_file_of_decisions_that_can_not_be_meant_is_refused(
    tmp_path: Path, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(GoliveError, match=said) as refused:
        _training.decisions(given(), filled(tmp_path, given(), **more))
    assert refused.value.remedy


@pytest.mark.parametrize("letter", ["d", "A", "ab", 1, True, ["a"]])
def test_a_letter_that_is_no_choice_is_refused(tmp_path: Path, letter: Any) -> None:
    decided = {**all_of(given(), RIGHT), "rows_differ": letter}
    with pytest.raises(GoliveError, match="rows_differ") as refused:
        _training.decisions(given(), filled(tmp_path, given(), decisions=decided))
    assert refused.value.remedy


def test_a_key_twice_a_link_and_no_file_are_refused(tmp_path: Path) -> None:
    path = filled(tmp_path, given())
    twice = path.read_text(encoding="utf-8") + f"training: {given().digest}\n"
    (tmp_path / "twice.yml").write_text(twice, encoding="utf-8")
    (tmp_path / "link.yml").symlink_to(path)
    for name, said in (("twice.yml", "twice"), ("link.yml", "symbolic link"), ("none.yml", "missing")):
        with pytest.raises(GoliveError, match=said):
            _training.decisions(given(), tmp_path / name)


def test_a_role_that_is_none_is_refused() -> None:
    with pytest.raises(GoliveError, match="'minister'") as refused:
        given("minister")
    assert "enumerator" in refused.value.remedy


@pytest.mark.parametrize("role", ROLES)
def test_the_training_tells_no_answer_and_the_result_tells_all(role: str) -> None:
    training = given(role)
    asked = _training.page(training, None, ["en", "fr"], TEMPLATE)
    result = _training.score(training, all_of(training, WRONG))
    told = _training.page(training, result, ["en", "fr"], TEMPLATE)
    for task in training.tasks.values():
        why = re.escape(task.incident.why.replace("'", "&#39;"))
        assert re.search(why, told)
        assert not re.search(why, asked)
    assert 'class="best"' not in asked
    assert told.count('class="best"') == 2 * len(training.tasks)
    assert "Non réussi" in told or "Not passed" in told


def test_a_file_that_is_being_filled_in_is_left_alone(tmp_path: Path) -> None:
    training = given()
    files = _training.files(training, None, ["en"], TEMPLATE)
    assert set(action._unfilled(files, tmp_path)) == {"contractor-1.html", "contractor-1.decisions.yml"}
    (tmp_path / "contractor-1.decisions.yml").write_text(
        _training.blank(training).replace("''", "b"), encoding="utf-8"
    )
    assert set(action._unfilled(files, tmp_path)) == {"contractor-1.html"}
    other = _training.files(given(seed=2), None, ["en"], TEMPLATE)
    (tmp_path / "contractor-2.decisions.yml").write_text(_training.blank(training), encoding="utf-8")
    assert "contractor-2.decisions.yml" in action._unfilled(other, tmp_path)
