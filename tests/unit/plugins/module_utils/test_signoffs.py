# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _signoffs
from ansible_collections.dfr.golive.plugins.module_utils._errors import DriftError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, Verdict

TODAY = date(2026, 11, 22)
GOOD = """
team: fao
decision: go
name: Somebody
role: Project lead
date: 2026-11-20
statement: All reviewed.
"""


def ask(folder: Path, text: str | None, valid_days: int = 30) -> Gate:
    if text is not None:
        (folder / "fao.yml").write_text(text)
    gates, _found = _signoffs.gates(folder, ["fao"], TODAY, valid_days)
    assert [gate.name for gate in gates] == ["signoff.fao"]
    return gates[0]


def test_a_go_passes_and_its_digest_is_that_of_the_file(tmp_path: Path) -> None:
    assert ask(tmp_path, GOOD).verdict is Verdict.PASS
    (found,) = _signoffs.gates(tmp_path, ["fao"], TODAY, 30)[1]
    assert found.as_dict() == {
        "team": "fao",
        "decision": "go",
        "role": "Project lead",
        "date": "2026-11-20",
        "sha256": hashlib.sha256(GOOD.encode()).hexdigest(),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "The sign-off of fao is missing"),
        (GOOD.replace("decision: go", "decision: no-go"), "fao says no-go since 2026-11-20"),
        (GOOD.replace("decision: go", "decision: no"), "lacks decision"),
        (GOOD.replace("decision: go", "decision: perhaps"), "decides 'perhaps'; it has to be go or no-go."),
        (GOOD.replace("2026-11-20", "2026-10-01"), "is 52 days old, 30 are allowed."),
        (GOOD.replace("2026-11-20", "2026-12-24"), "is dated 2026-12-24, 32 days from now."),
        (GOOD.replace("2026-11-20", "soon"), "has the date 'soon'."),
        (GOOD.replace("team: fao", "team: contractor"), "is one of the team contractor."),
        (GOOD.replace("name: Somebody", "name: ''"), "lacks name."),
        ("[go]", "holds no fields."),
        ("decision: [", "is not YAML."),
        ("", "holds no fields."),
    ],
)
def test_anything_else_is_a_clear_no(tmp_path: Path, text: str | None, expected: str) -> None:
    gate = ask(tmp_path, text)
    assert gate.verdict is Verdict.FAIL
    assert expected in gate.detail
    assert gate.remedy


def test_zero_days_means_that_a_decision_does_not_age(tmp_path: Path) -> None:
    assert ask(tmp_path, GOOD.replace("2026-11-20", "2020-01-01"), valid_days=0).open


def test_one_bad_team_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "fao.yml").write_text(GOOD)
    gates, found = _signoffs.gates(tmp_path, ["contractor", "fao"], TODAY, 30)
    assert [gate.verdict for gate in gates] == [Verdict.FAIL, Verdict.PASS]
    assert [signoff.team for signoff in found] == ["fao"]


def test_a_later_run_only_asks_whether_go_still_stands(tmp_path: Path) -> None:
    (tmp_path / "fao.yml").write_text(GOOD.replace("2026-11-20", "2020-01-01"))
    assert [signoff.decision for signoff in _signoffs.confirm(tmp_path, ["fao"])] == ["go"]


@pytest.mark.parametrize("text", [None, GOOD.replace("decision: go", "decision: no-go"), "nonsense"])
def test_a_go_withdrawn_is_drift(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "fao.yml").write_text(text)
    with pytest.raises(DriftError):
        _signoffs.confirm(tmp_path, ["fao"])
