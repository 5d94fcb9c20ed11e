# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each automatic criterion: enough, not enough, and without a usable answer."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _criteria, _criteria_probes, _validation
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, failed, passed, unknown
from paper_country import BUGS, CRITERIA, NOW

DAY = "2026-11-22T05:00:00Z"
OLD = "2026-01-01T00:00:00Z"
SHIFT = {"duty": "it", "start": "2026-11-22T06:30:00Z", "end": "2026-11-22T20:00:00Z"}
UNTIL_8, UNTIL_9 = ({**SHIFT, "end": f"2026-11-22T{hour}:00:00Z"} for hour in ("08", "09"))
FROM_8, FROM_9 = ({**SHIFT, "start": f"2026-11-22T{hour}:00:00Z"} for hour in ("08", "09"))
TRAINED = {"role": "a", "trained": 9, "required": 10}
CHANGE = {"change": "C-7", "state": "approved", "approved": DAY, "until": "2026-11-23T12:00:00Z"}
VALID = {
    "schema": "dfr.golive/validation/1",
    "country": "",
    "outcome": "valid",
    "compared": {"at": DAY},
    "tables": [{"table": "farmer", "verdict": "equal"}],
    "reconciliation": [{"name": "totals", "verdict": "pass"}],
}
REHEARSAL = {
    "id": "r",
    "mode": "rehearsal",
    "outcome": "rolled_back",
    "finished": "2026-11-20T05:00:00.000000Z",
}


def world(folder: Path, probe: str, settings: dict[str, Any], **more: Any) -> _criteria_probes.World:
    criterion = {
        "name": "it", "title": "It", "team": "fao", "kind": "automatic", "probe": probe, "settings": settings,
    }  # fmt: skip
    decision = _criteria.understood({**CRITERIA, "criteria": [criterion]})
    return _criteria_probes.World(folder, decision, NOW, **more)


def ask(folder: Path, probe: str, settings: dict[str, Any], **more: Any) -> Gate:
    return _criteria_probes.judge(world(folder, probe, settings, **more))["it"]


FILE = {"file": "f.json"}
ISSUE = {"id": "B-9", "severity": "critical", "state": "open"}
CASES: list[tuple[str, dict[str, Any], Any, str]] = [
    ("open_bugs", {**FILE, "maximum": 0}, BUGS, "pass"),
    ("open_bugs", {**FILE, "maximum": 0}, {**BUGS, "issues": [ISSUE]}, "fail"),
    ("open_bugs", {**FILE, "maximum": 1}, {**BUGS, "issues": [ISSUE]}, "pass"),
    ("open_bugs", {**FILE, "maximum": 0, "severities": ["minor"]}, BUGS, "fail"),
    ("open_bugs", {**FILE, "maximum": 0}, {**BUGS, "issues": [{**ISSUE, "state": "reopened"}]}, "fail"),
    ("open_bugs", {**FILE, "maximum": 0}, {**BUGS, "exported": OLD}, "fail"),
    ("open_bugs", {**FILE, "maximum": 0}, {**BUGS, "exported": "2026-12-22T05:00:00Z"}, "fail"),
    ("open_bugs", {**FILE, "maximum": 0}, None, "unknown"),
    ("open_bugs", {"maximum": 0}, BUGS, "fail"),
    ("open_bugs", {"maximum": 0, "url": "http://tracker.test/"}, BUGS, "fail"),
    ("open_bugs", {"maximum": 0, "url": "https://tracker.invalid/"}, BUGS, "unknown"),
    ("reconciliation", FILE, VALID, "pass"),
    ("reconciliation", FILE, {**VALID, "outcome": "invalid"}, "fail"),
    ("reconciliation", FILE, {**VALID, "outcome": "withdrawn"}, "fail"),
    ("reconciliation", FILE, {**VALID, "outcome": "incomplete"}, "unknown"),
    ("reconciliation", FILE, {**VALID, "tables": [{"table": "farmer", "verdict": "different"}]}, "fail"),
    ("reconciliation", FILE, {**VALID, "compared": {"at": OLD}}, "fail"),
    ("reconciliation", FILE, {**VALID, "compared": {"at": ""}}, "fail"),
    ("reconciliation", FILE, {**VALID, "country": "samoa"}, "fail"),
    ("reconciliation", FILE, {**VALID, "schema": "other"}, "fail"),
    ("reconciliation", FILE, [], "fail"),
    ("reconciliation", FILE, None, "unknown"),
    ("training", {**FILE, "minimum_percent": 90}, [TRAINED], "pass"),
    ("training", {**FILE, "minimum_percent": 91}, [TRAINED], "fail"),
    ("training", {**FILE, "minimum_percent": 1, "roles": ["b"]}, [TRAINED], "unknown"),
    ("training", {**FILE, "minimum_percent": 1}, [], "unknown"),
    ("training", {**FILE, "minimum_percent": 1}, [{"role": "a", "trained": 9, "required": 0}], "fail"),
    ("training", {**FILE, "minimum_percent": 1}, [{"role": "a"}], "fail"),
    ("backup_verified", {**FILE, "max_age_days": 7}, {"restored": DAY, "verdict": "pass"}, "pass"),
    ("backup_verified", {**FILE, "max_age_days": 7}, {"restored": DAY, "verdict": "fail"}, "fail"),
    ("backup_verified", {**FILE, "max_age_days": 7}, {"restored": OLD, "verdict": "pass"}, "fail"),
    ("backup_verified", {**FILE, "max_age_days": 7}, None, "unknown"),
    ("change_approved", FILE, CHANGE, "pass"),
    ("change_approved", FILE, {**CHANGE, "state": "draft"}, "fail"),
    ("change_approved", FILE, {**CHANGE, "until": "2026-11-22T10:00:00Z"}, "fail"),
    ("change_approved", FILE, None, "unknown"),
    ("migrations_reviewed", FILE, {"migrations": [{"name": "a", "reviewed": True}]}, "pass"),
    ("migrations_reviewed", FILE, {"migrations": [{"name": "a", "reviewed": False}]}, "fail"),
    ("migrations_reviewed", FILE, {"migrations": [{"name": "a", "reviewed": "yes"}]}, "fail"),
    ("migrations_reviewed", FILE, None, "unknown"),
    ("roster", {**FILE, "duties": ["it"]}, {"shifts": [SHIFT]}, "pass"),
    ("roster", {**FILE, "duties": ["it"], "hours_after": 24}, {"shifts": [SHIFT]}, "fail"),
    ("roster", {**FILE, "duties": ["it", "dba"]}, {"shifts": [SHIFT]}, "fail"),
    ("roster", {**FILE, "duties": ["it"]}, {"shifts": [UNTIL_8, FROM_9]}, "fail"),
    ("roster", {**FILE, "duties": ["it"]}, {"shifts": [UNTIL_9, FROM_8]}, "pass"),
    ("roster", {**FILE, "duties": ["it"]}, None, "unknown"),
    ("low_traffic", {"from": "19:00", "to": "05:00"}, None, "pass"),
    ("low_traffic", {"from": "20:30", "to": "05:00"}, None, "fail"),
    ("low_traffic", {"from": "19:00", "to": "03:30"}, None, "fail"),
    ("low_traffic", {"from": "evening", "to": "03:30"}, None, "fail"),
    ("blackout", {"dates": ["2026-12-25"]}, None, "pass"),
    ("blackout", {"dates": ["2026-11-23"]}, None, "fail"),
    ("blackout", {"dates": ["Christmas"]}, None, "fail"),
]  # fmt: skip


@pytest.mark.parametrize(("probe", "settings", "content", "verdict"), CASES)
def test_a_criterion_is_answered_by_what_the_country_has(
    tmp_path: Path, probe: str, settings: dict[str, Any], content: Any, verdict: str
) -> None:
    if content is not None:
        (tmp_path / "f.json").write_text(json.dumps(content))
    gate = ask(tmp_path, probe, settings)
    assert gate.verdict.value == verdict, gate.detail
    assert gate.open or gate.remedy


def test_training_may_come_as_csv(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("role,trained,required\nenumerator,45,50\nadministrator,3,3\n")
    assert ask(tmp_path, "training", {"file": "f.csv", "minimum_percent": 90}).open
    assert "enumerator 90 %" in ask(tmp_path, "training", {"file": "f.csv", "minimum_percent": 95}).detail
    (tmp_path / "f.csv").write_text('role,trained,required\n"enumerator,45')
    assert not ask(tmp_path, "training", {"file": "f.csv", "minimum_percent": 1}).open


@pytest.mark.parametrize(
    ("gates", "verdict"),
    [
        ([passed("host.a", ""), passed("host.b", "")], "pass"),
        ([passed("host.a", ""), failed("host.b", "", "")], "fail"),
        ([failed("host.a", "", ""), unknown("host.b", "")], "unknown"),
        ([passed("hostile.a", "")], "unknown"),
        ([], "unknown"),
    ],
)
def test_what_preflight_found_is_asked_by_name(tmp_path: Path, gates: list[Gate], verdict: str) -> None:
    assert ask(tmp_path, "gates", {"names": ["host"]}, gates=gates).verdict.value == verdict


@pytest.mark.parametrize(
    ("runs", "verdict"),
    [
        ([REHEARSAL], "pass"),
        ([{**REHEARSAL, "finished": "2026-10-01T05:00:00.000000Z"}], "fail"),
        ([{**REHEARSAL, "mode": "live"}], "unknown"),
        ([{**REHEARSAL, "outcome": "stopped"}], "unknown"),
        ([], "unknown"),
    ],
)
def test_a_rehearsed_way_back(tmp_path: Path, runs: list[dict[str, Any]], verdict: str) -> None:
    assert ask(tmp_path, "rehearsed", {"days": 14}, runs=runs).verdict.value == verdict


def test_secrets_that_lie_open_are_named(tmp_path: Path) -> None:
    signoffs, group = tmp_path / "signoffs", tmp_path / "group_vars"
    signoffs.mkdir()
    group.mkdir()
    (group / "a.yml").write_text(
        'db: {password: "{{ secret_db }}", user: x}\ntoken: !vault |\n  $ANSIBLE_VAULT;1.1\n'
    )
    (group / "b.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n3132\n")
    assert ask(signoffs, "secrets_in_vault", {}).open
    (group / "c.yml").write_text("secret_db: hunter2\n")
    gate = ask(signoffs, "secrets_in_vault", {})
    assert "group_vars/c.yml: secret_db" in gate.detail
    assert "hunter2" not in gate.detail + gate.remedy
    (group / "c.yml").write_text("secret_db: [\n")
    assert not ask(signoffs, "secrets_in_vault", {}).open


def test_the_last_moment_of_a_shift_counts_for_the_next(tmp_path: Path) -> None:
    asked = world(tmp_path, "roster", {"file": "f.json", "duties": ["it"]})
    night = replace(asked.decision, end=asked.decision.start + timedelta(hours=1))
    (tmp_path / "f.json").write_text(json.dumps({"shifts": [{**SHIFT, "end": "2026-11-22T08:00:00Z"}]}))
    assert _criteria_probes.judge(replace(asked, decision=night))["it"].open


def test_the_validation_report_of_a_go_live_is_read(tmp_path: Path) -> None:
    """What `_validation` itself concludes, not a copy of its form."""
    facts = {
        "withdrawn": False,
        "failure": "",
        "differences": [],
        "method": "copy",
        "filestore": None,
        "declared": 1,
    }
    (tmp_path / "f.json").write_text(_validation.text(_validation.conclude({**VALID, **facts})))
    assert ask(tmp_path, "reconciliation", FILE).open


def test_every_probe_is_known_to_the_criteria() -> None:
    assert sorted(_criteria_probes.PROBES) == list(_criteria.PROBES)
