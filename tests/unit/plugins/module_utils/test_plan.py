# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a night: what may be declared, what follows from the rehearsals, until when one may turn back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _plan
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES

NIGHT = {"start": "2026-11-22T20:00:00+13:00", "end": "2026-11-23T00:00:00+13:00"}
STEP = {"name": "call", "title": "Call the provinces", "owner": "fao", "after": "sync_data"}


def rehearsal(seconds: float = 60.0, *, passed: bool = True, **more: float) -> dict[str, Any]:
    return {
        "run_id": "r",
        "passed": passed,
        "steps": {**dict.fromkeys(NAMES, seconds), "rollback": 300.0, **more},
    }


def timeline(declared: dict[str, Any], *rehearsals: dict[str, Any], ttl: int = 60) -> _plan.Timeline:
    return _plan.timeline(_plan.understood(declared), _plan.measured(rehearsals), ttl, 14)


def row(found: _plan.Timeline, name: str) -> _plan.Row:
    return next(one for one in found.rows if one.step.name == name)


def test_each_phase_begins_when_the_one_before_it_ends() -> None:
    found = timeline(NIGHT, rehearsal(), rehearsal(90.0), rehearsal(60.0))
    assert [row(found, name).starts for name in NAMES] == [60.0 * n for n in range(9)]
    assert row(found, "start_hypercare").ends == 540.0
    assert row(found, "start_hypercare").worst_ends == 810.0
    assert found.moment(row(found, "freeze_legacy").starts) == datetime(2026, 11, 22, 7, 1, tzinfo=UTC)


def test_the_last_safe_moment_is_the_end_without_the_longest_way_back_and_the_ttl() -> None:
    found = timeline(NIGHT, rehearsal(rollback=300.0), rehearsal(rollback=600.0), ttl=120)
    assert found.last_safe == 4 * 3600 - 600 - 120
    assert found.moment(found.last_safe) == datetime(2026, 11, 22, 10, 48, tzinfo=UTC)
    assert found.rollback is not None
    assert found.rollback.rehearsals == 2


def test_without_a_measured_way_back_there_is_no_last_safe_moment() -> None:
    measured = rehearsal()
    del measured["steps"]["rollback"]
    found = timeline(NIGHT, measured)
    assert found.last_safe is None
    assert _plan.NO_WAY_BACK in found.warnings


def test_a_declared_way_back_serves_until_one_is_measured() -> None:
    declared = {**NIGHT, "rollback_minutes": 30}
    unmeasured = rehearsal()
    del unmeasured["steps"]["rollback"]
    assert timeline(declared, unmeasured, ttl=0).last_safe == 4 * 3600 - 1800
    assert _plan.DECLARED_WAY_BACK in timeline(declared, unmeasured).warnings
    assert timeline(declared, rehearsal(), ttl=0).last_safe == 4 * 3600 - 300


def test_what_was_never_rehearsed_has_no_time_and_neither_has_what_follows() -> None:
    partly = rehearsal()
    del partly["steps"]["lock_config"]
    found = timeline(NIGHT, partly)
    assert row(found, "lock_config").starts == 180.0
    assert row(found, "lock_config").ends is None
    assert row(found, "enable_users").starts is None
    assert row(found, "tell_end").starts is None
    assert found.door.ends is None


def test_a_rehearsal_that_failed_says_nothing_about_time() -> None:
    assert timeline(NIGHT, rehearsal(60.0), rehearsal(6000.0, passed=False)).door.worst_ends == 480.0
    assert _plan.NOT_REHEARSED in timeline(NIGHT, rehearsal(passed=False)).warnings


def test_only_the_newest_rehearsals_count() -> None:
    many = [rehearsal(6000.0), *[rehearsal(60.0)] * _plan.REHEARSALS_READ]
    assert _plan.measured(many)["sync_data"] == _plan.Seconds(60.0, 60.0, _plan.REHEARSALS_READ)


def test_a_hold_point_stands_before_its_phase_and_takes_the_time_people_are_given() -> None:
    declared = _plan.understood({**NIGHT, "hold_minutes": 15}, {"lock_config": {"teams": ["national_it"]}})
    found = _plan.timeline(declared, _plan.measured([rehearsal()]), 60, 14)
    assert row(found, "after_sync").step.needs == ("sync_data",)
    assert row(found, "lock_config").step.needs == ("after_sync",)
    assert row(found, "lock_config").starts == 180.0 + 900.0


def test_without_a_night_the_times_count_from_its_start() -> None:
    found = timeline({}, rehearsal())
    assert found.moment(0.0) is None
    assert found.last_safe is None
    assert row(found, "sync_data").starts == 120.0
    assert _plan.NO_NIGHT in found.warnings


@pytest.mark.parametrize(
    ("end", "warning"),
    [
        ("2026-11-22T20:30:00+13:00", None),
        ("2026-11-22T20:16:00+13:00", _plan.TOO_LATE),
        ("2026-11-22T20:12:00+13:00", _plan.TOO_LONG),
    ],
)
def test_a_night_that_is_too_short_is_told(end: str, warning: str | None) -> None:
    found = timeline({**NIGHT, "end": end}, rehearsal(60.0), rehearsal(60.0), rehearsal(120.0))
    told = [one for one in found.warnings if one in (_plan.TOO_LATE, _plan.TOO_LONG)]
    assert told == ([] if warning is None else [warning])


def test_an_own_step_beside_the_phases_moves_nothing() -> None:
    with_it, without = (timeline(declared, rehearsal()) for declared in ({**NIGHT, "steps": [STEP]}, NIGHT))
    assert row(with_it, "call").starts == row(with_it, "sync_data").ends
    assert with_it.door == without.door


def test_an_own_step_that_a_phase_waits_for_moves_it() -> None:
    found = timeline({**NIGHT, "steps": [{**STEP, "before": "switch_dns", "minutes": 60}]}, rehearsal())
    assert row(found, "switch_dns").starts == 180.0 + 3600.0
    assert set(row(found, "switch_dns").step.needs) == {"backup_database", "call"}


def test_an_own_step_before_the_night_is_placed_by_its_hours() -> None:
    own = {"name": "pray", "title": {"en": "Prayer", "to": "Lotu"}, "owner": "administrator", "hours": -12}
    found = timeline({**NIGHT, "steps": [own]}, rehearsal())
    assert row(found, "pray").starts == -12 * 3600.0
    names = [one.step.name for one in found.rows]
    assert names.index("tell_day") < names.index("pray") < names.index("preflight")


def test_a_time_that_yaml_has_read_already_is_taken() -> None:
    start, end = (datetime.fromisoformat(NIGHT[name]) for name in ("start", "end"))
    assert _plan.understood({"start": start, "end": end}) == _plan.understood(NIGHT)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"begin": "x"}, "unknown field begin"),
    ({"start": NIGHT["start"]}, "one of start and end"),
    ({"end": NIGHT["end"]}, "one of start and end"),
    ({"start": NIGHT["end"], "end": NIGHT["start"]}, "ends its window before it starts"),
    ({"start": "2026-11-22T20:00:00", "end": NIGHT["end"]}, "no time with a zone"),
    ({"start": "tonight", "end": NIGHT["end"]}, "no time with a zone"),
    ({"start": 20, "end": NIGHT["end"]}, "start as int"),
    ({"owners": {"sync": "fao"}}, "doesn't exist"),
    ({"owners": {"sync_data": "ministry"}}, "is no role"),
    ({"owners": ["fao"]}, "owners as list"),
    ({"holds": ["before_dns"]}, "unknown field holds"),
    ({"steps": [{**STEP, "after": "before_dns"}]}, "'before_dns', which is no step of the night"),
    ({"hold_minutes": -1}, "hold_minutes -1"),
    ({"hold_minutes": True}, "hold_minutes as bool"),
    ({"rollback_minutes": 100000}, "rollback_minutes 100000"),
    ({"steps": ["call"]}, "holds no fields"),
    ({"steps": [{**STEP, "owner": "nobody"}]}, "is no role"),
    ({"steps": [{**STEP, "title": ""}]}, "title is no text"),
    ({"steps": [{**STEP, "title": {"en": 5}}]}, "title is no text"),
    ({"steps": [{**STEP, "text": ["a", "b"]}]}, "text is no text"),
    ({"steps": [{key: STEP[key] for key in STEP if key != "after"}]}, "doesn't say when"),
    ({"steps": [{**STEP, "hours": -1}]}, "doesn't say when"),
    ({"steps": [{**STEP, "minutes": -5}]}, "-5 minutes"),
    ({"steps": [{**STEP, "after": "lunch"}]}, "'lunch', which is no step of the night"),
    ({"steps": [{**STEP, "before": "tell_week"}]}, "'tell_week', which is no step of the night"),
    ({"steps": [{**STEP, "before": "freeze_legacy"}]}, "wait for each other"),
    ({"steps": [{**STEP, "after": "call"}]}, "wait for each other"),
    ({"steps": [STEP, STEP]}, "step call twice"),
    ({"steps": [{**STEP, "name": "sync_data"}]}, "step sync_data twice"),
    ({"steps": [{**STEP, "colour": "red"}]}, "unknown field colour"),
]


@pytest.mark.parametrize(("declared", "said"), BAD)
def test_what_can_not_be_meant_is_refused_with_a_remedy(declared: dict[str, Any], said: str) -> None:
    with pytest.raises(GoliveError, match=said) as refused:
        _plan.understood(declared)
    assert refused.value.remedy
    assert "golive_plan" in str(refused.value)
