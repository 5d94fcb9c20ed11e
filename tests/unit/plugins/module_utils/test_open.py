# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _open
from ansible_collections.dfr.golive.plugins.module_utils._decide import Request
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._holder import LockHeldError, LockLostError
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal
from ansible_collections.dfr.golive.plugins.module_utils._night import Learned
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES
from night import FAIL, GOLIVE, ME, OTHER, PASS, ROLLBACK, UNKNOWN, Night


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def test_a_new_run(night: Night) -> None:
    opened = night.open()
    assert opened["changed"]
    assert opened["run"]["id"].startswith("demo-20261122T0030")
    assert opened["run"]["plan"] == list(NAMES)
    assert opened["run"]["done"] == opened["run"]["undo"] == []
    assert "begins for demo: 9 phases" in opened["summary"]
    assert night.records[0]["owner"]["host"] == "laptop"


def test_until_limits_the_plan(night: Night) -> None:
    assert night.open(replace(GOLIVE, until="freeze_legacy"))["run"]["plan"] == ["preflight", "freeze_legacy"]


def test_an_unknown_phase_changes_nothing(night: Night) -> None:
    with pytest.raises(GoliveError, match=r"golive_until names the phase 'sync'.*preflight, freeze_legacy"):
        night.open(replace(GOLIVE, until="sync"))
    assert not night.journal.folder.exists()


def test_the_whole_way_and_again(night: Night) -> None:
    night.open()
    night.through("start_hypercare")
    assert night.event("close")["outcome"] == "live"
    assert not night.journal.lock_path.exists()
    before = night.journal.path.read_bytes()
    opened = night.open()
    assert not opened["changed"]
    assert opened["run"]["live"]
    assert opened["run"]["session"] == ""
    assert opened["run"]["done"] == opened["run"]["plan"] == list(NAMES)
    assert "demo is live since" in opened["summary"]
    assert "nothing to do, only verifying" in opened["summary"]
    assert night.journal.path.read_bytes() == before
    with pytest.raises(
        GoliveError, match=r"can't be rolled back: enable_users began at .* users may have been let in"
    ):
        night.open(ROLLBACK)


def test_all_done_but_never_closed(night: Night) -> None:
    night.open()
    night.through("start_hypercare")
    opened = night.open(replace(GOLIVE, gone_session=night.run["session"]))
    assert not opened["run"]["live"]
    assert "goes on to be closed" in opened["summary"]
    assert night.event("close")["outcome"] == "live"


def test_a_stopped_run_goes_on(night: Night) -> None:
    first = night.open(replace(GOLIVE, until="sync_data"))["run"]
    night.through("sync_data")
    assert night.event("close")["outcome"] == "stopped"
    opened = night.open()
    assert opened["run"]["id"] == first["id"]
    assert opened["run"]["session"] != first["session"]
    assert opened["run"]["done"] == ["preflight", "freeze_legacy", "sync_data"]
    assert "goes on at lock_config; 3 of 9 phases are done" in opened["summary"]


def test_a_failure_gives_the_lock_back(night: Night) -> None:
    night.open()
    night.event("begin", "preflight")
    night.event("fail", "preflight", reason=" no space left\non the disk\n", task="Look")
    assert night.events[-2:] == ["fail", "stop"]
    assert night.records[-2]["reason"] == "no space left\non the disk"
    assert not night.journal.lock_path.exists()
    opened = night.open(replace(GOLIVE, owner=OTHER))
    assert "at preflight, which failed at" in opened["summary"]
    assert "(no space left)" in opened["summary"]


def test_a_clock_that_was_set_back_is_told_when_the_run_goes_on(night: Night) -> None:
    night.open()
    night.event("fail", "preflight", reason="clocks")
    assert "set back" not in night.open()["summary"]
    night.event("fail", "preflight", reason="clocks")
    night.now -= timedelta(minutes=10)
    assert "was set back by 598 s since the last record" in night.open()["summary"]


def test_an_interrupted_run_says_so(night: Night) -> None:
    night.open()
    night.through("preflight")
    night.event("begin", "freeze_legacy")
    opened = night.open(replace(GOLIVE, owner=replace(ME, pid=8), gone_session=night.run["session"]))
    assert "at freeze_legacy, where its controller vanished" in opened["summary"]
    assert "taken over from ops@laptop (process 7): its process is gone" in opened["summary"]
    assert night.events[-2:] == ["open", "take_over"]


@pytest.mark.parametrize(
    ("request_", "wait", "why"),
    [
        (GOLIVE, 0, "it was held by this very process"),
        (replace(GOLIVE, owner=OTHER), 901, "no sign of life for"),
        (replace(GOLIVE, owner=OTHER, takeover=" he is\nasleep "), 0, "by decision: he is asleep"),
        (replace(ROLLBACK, owner=OTHER, takeover="go back"), 0, "by decision: go back"),
    ],
)
def test_takeovers(night: Night, request_: Request, wait: int, why: str) -> None:
    night.open()
    night.through("freeze_legacy")
    session = night.run["session"]
    night.now += timedelta(seconds=wait)
    opened = night.open(request_)
    assert why in opened["summary"]
    taken = next(r for r in night.records if r["event"] == "take_over")
    assert why in taken["reason"]
    assert taken["previous"]["session"] == session
    night.run["session"] = session
    with pytest.raises(LockLostError, match="taken over by"):
        night.event("begin", "sync_data")


@pytest.mark.parametrize(
    "request_",
    [
        replace(GOLIVE, owner=OTHER),
        replace(ROLLBACK, owner=OTHER),
        replace(GOLIVE, owner=OTHER, dry=True),
        replace(GOLIVE, owner=OTHER, gone_session="another"),
        replace(GOLIVE, owner=replace(ME, started="71")),
        replace(GOLIVE, owner=OTHER, takeover="  "),
    ],
)
def test_a_lock_that_is_held(night: Night, request_: Request) -> None:
    night.open()
    night.event("begin", "preflight")
    with pytest.raises(
        LockHeldError, match=r"demo is being worked on by ops@laptop \(process 7\): golive"
    ) as caught:
        night.open(request_)
    assert "golive_takeover='<reason>'" in caught.value.remedy
    assert caught.value.returned["holder"]["session"] == night.run["session"]
    night.event("finish", "preflight")


def test_a_trigger_decides_about_a_failure_and_is_journalled(night: Night) -> None:
    triggers = [{"name": "night", "when": "phase_fails", "action": "roll_back", "attempts": 2}]
    night.open()
    night.through("sync_data")
    night.event("begin", "lock_config")
    assert night.event("fail", "lock_config", reason="no", triggers=triggers)["decision"] == {}
    night.open()
    night.event("begin", "lock_config")
    decision = night.event("fail", "lock_config", reason="no", triggers=triggers)["decision"]
    assert (decision["action"], decision["values"]["attempts"]) == ("roll_back", 2)
    assert night.events[-3:] == ["fail", "decision", "stop"]
    assert night.records[-2]["values"] == decision["values"]
    night.open(ROLLBACK)
    night.undo()
    assert night.event("close")["outcome"] == "rolled_back"


def test_what_drifted_is_for_people_to_look_at(night: Night) -> None:
    triggers = [{"name": "night", "when": "phase_fails", "action": "roll_back"}]
    night.open()
    night.through("sync_data")
    assert (
        night.event("fail", "freeze_legacy", reason="a hole", recheck=True, triggers=triggers)["decision"]
        == {}
    )


def test_a_phase_at_work_keeps_the_lock_for_its_own_limit(night: Night) -> None:
    night.open()
    night.through("freeze_legacy")
    night.event("begin", "sync_data", limit_seconds=7200)
    night.now += timedelta(seconds=7000)
    with pytest.raises(LockHeldError, match=r"last sign of life 70\d\d s ago"):
        night.open(replace(GOLIVE, owner=OTHER, limit_seconds=1))
    night.event("finish", "sync_data")
    night.now += timedelta(seconds=901)
    assert "it was due before" in night.open(replace(GOLIVE, owner=OTHER))["summary"]


def test_a_race_has_one_winner(tmp_path: Path) -> None:
    won: list[str] = []
    lost: list[str] = []
    told: list[str] = []

    def contend(number: int) -> None:
        owner = replace(ME, pid=number, started=str(number))
        try:
            won.append(
                _open.open_run(Journal(tmp_path, "demo"), replace(GOLIVE, owner=owner))["run"]["session"]
            )
        except LockHeldError as exc:
            lost.append(exc.holder.session)
            told.append(exc.sentence)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert set(lost) == set(won)
    assert len(lost) == 7
    assert all("is being worked on by ops@laptop (process" in text and "since 20" in text for text in told)


@pytest.mark.parametrize("last", NAMES[:7])
def test_a_rollback_from_each_phase(night: Night, last: str) -> None:
    first = night.open()["run"]["id"]
    night.through(last)
    night.event("close")
    opened = night.open(ROLLBACK)
    assert opened["run"]["id"] == first
    assert opened["run"]["undo"] == list(reversed(NAMES[: NAMES.index(last) + 1]))
    assert opened["run"]["plan"] == []
    night.undo()
    assert night.event("close")["outcome"] == "rolled_back"
    again = night.open(ROLLBACK)
    assert not again["changed"]
    assert "nothing to roll back" in again["summary"]
    assert night.open()["run"]["id"] != first


def test_nothing_to_roll_back(night: Night) -> None:
    opened = night.open(ROLLBACK)
    assert opened["run"]["undo"] == []
    assert not night.journal.folder.exists()
    night.open()
    with pytest.raises(GoliveError):
        night.event("begin", "preflight", gates=[FAIL])
    night.event("fail", "preflight")
    assert "nothing to roll back" in night.open(ROLLBACK)["summary"]


def test_no_way_forward_in_a_half_rollback(night: Night) -> None:
    night.open()
    night.through("sync_data")
    night.event("close")
    night.open(ROLLBACK)
    night.event("undo_begin", "sync_data")
    with pytest.raises(LockHeldError, match=r"is being worked on by ops@laptop .*: rollback, run .*, since"):
        night.open(replace(GOLIVE, owner=OTHER))
    night.event("undo_fail", "sync_data", reason="stuck")
    with pytest.raises(
        GoliveError, match=r"A rollback of run .* has begun .*sync_data, freeze_legacy, preflight"
    ):
        night.open()
    assert night.open(ROLLBACK)["run"]["undo"] == ["sync_data", "freeze_legacy", "preflight"]
    night.undo()
    night.event("close")
    night.open()


def test_a_rollback_that_was_only_opened_does_not_bind(night: Night) -> None:
    night.open()
    night.through("sync_data")
    night.event("close")
    night.open(ROLLBACK)
    opened = night.open(replace(GOLIVE, takeover="changed our mind"))
    assert opened["run"]["done"] == ["preflight", "freeze_legacy", "sync_data"]


def test_undos_keep_their_order(night: Night) -> None:
    night.open()
    night.through("sync_data")
    night.event("close")
    night.open(ROLLBACK)
    with pytest.raises(GoliveError, match="freeze_legacy can't be undone yet: sync_data came later"):
        night.event("undo_begin", "freeze_legacy")


def test_rehearsals_and_live_runs_do_not_mix(night: Night) -> None:
    rehearsal = replace(GOLIVE, mode="rehearsal")
    night.open(rehearsal)
    night.through("start_hypercare")
    night.event("close")
    assert not night.open()["run"]["live"]
    night.event("begin", "preflight")
    night.event("fail", "preflight")
    with pytest.raises(GoliveError, match="is a live run and isn't finished, but golive_mode is rehearsal"):
        night.open(rehearsal)


@pytest.mark.parametrize(
    ("gates", "says"),
    [
        (
            [PASS, FAIL],
            r"1 of 2 gates are closed.\nPASS .*disk.production.*\nFAIL .*dns.ttl .*\n.*-> lower it",
        ),
        ([UNKNOWN], "1 of 1 gates are closed"),
        ([], "no gate was asked, and silence isn't a pass"),
        ([{"name": "x"}], "isn't a gate"),
        ([{"name": "x", "verdict": "ok", "detail": ""}], "isn't a gate"),
    ],
)
def test_closed_gates(night: Night, gates: list[Any], says: str) -> None:
    night.open()
    with pytest.raises(GoliveError, match=says):
        night.event("begin", "preflight", gates=gates)
    assert "begin" not in night.events
    if "isn't a gate" not in says:
        assert night.records[-1]["event"] == "refused"
        assert night.records[-1]["gates"] == gates
        assert "\n" not in night.records[-1]["reason"]
    night.event("begin", "preflight", gates=[PASS, {**FAIL, "verdict": "waived"}])


def test_a_hold_is_asked_until_it_is_released_and_what_was_signed_first_counts(night: Night) -> None:
    night.open()
    night.through("sync_data")
    first = night.event("hold_begin", "lock_config", limit_seconds=3600)
    assert (first["released"], first["basis"]) == (False, first["head"])
    night.event("fail", "lock_config", reason="nobody came")
    night.open()
    again = night.event("hold_begin", "lock_config")
    assert (again["released"], again["basis"], again["since"]) == (False, first["basis"], first["since"])
    kept = {"approvals": [{"signer": "head-of-it"}], "files": {"lock_config": {"a.json": "signed"}}}
    night.event("hold_finish", "lock_config", result=kept)
    assert night.event("hold_begin", "lock_config")["released"]
    assert night.event("begin", "lock_config")["event"] == "begin"
    records = night.journal.read()[0].records
    done = next(record for record in records if record["event"] == "hold_finish")
    assert done["result"]["approvals"] == [{"signer": "head-of-it"}]
    assert night.journal.evidence(done["files"][0]) == {"a.json": "signed"}


def test_a_phase_that_holds_does_not_begin_before_it_is_released(night: Night) -> None:
    night.open()
    holds = {"preflight": {}}
    with pytest.raises(GoliveError, match="nobody has released it in this run"):
        night.event("begin", "preflight", holds=holds)
    night.event("hold_begin", "preflight")
    with pytest.raises(GoliveError, match="nobody has released it in this run"):
        night.event("begin", "preflight", holds=holds)
    night.event("hold_finish", "preflight")
    assert night.event("begin", "preflight", holds=holds)["event"] == "begin"


def test_a_hold_of_an_earlier_run_releases_nothing(night: Night) -> None:
    night.open()
    night.event("hold_begin", "preflight")
    night.event("hold_finish", "preflight")
    night.through("freeze_legacy")
    night.event("close")
    night.open(ROLLBACK)
    for phase in ("freeze_legacy", "preflight"):
        night.event("undo_begin", phase)
        night.event("undo_finish", phase)
    night.event("close")
    night.open()
    assert not night.event("hold_begin", "preflight")["released"]


def test_nobody_is_asked_to_release_a_phase_that_may_not_begin(night: Night) -> None:
    night.open()
    with pytest.raises(GoliveError, match="gates are closed"):
        night.event("hold_begin", "preflight", gates=[FAIL])
    assert [record["event"] for record in night.journal.read()[0].records] == ["open", "refused"]


def test_while_people_are_waited_for_the_lock_is_good(night: Night) -> None:
    night.open()
    night.event("hold_begin", "preflight", limit_seconds=3600)
    night.now += timedelta(seconds=3000)
    with pytest.raises(LockHeldError):
        _open.open_run(night.journal, replace(GOLIVE, owner=OTHER))


def test_phases_keep_their_order(night: Night) -> None:
    night.open()
    night.through("preflight")
    with pytest.raises(GoliveError, match="sync_data may not begin: freeze_legacy isn't done in this run"):
        night.event("begin", "sync_data")
    night.event("begin", "sync_data", out_of_order="the old system is paper")
    assert night.records[-1]["out_of_order"] == "the old system is paper"


def test_a_finish_with_evidence(night: Night) -> None:
    night.open()
    night.event("begin", "preflight")
    done = night.event("finish", "preflight", result={"hosts": 4, "files": {"checks": [1, 2]}})
    assert done["seconds"] > 0
    record = night.records[-1]
    assert record["result"] == {"hosts": 4}
    assert night.journal.evidence(record["files"][0]) == [1, 2]


def test_drift_stops_the_run_but_the_phase_stays_done(night: Night) -> None:
    night.open()
    night.through("freeze_legacy")
    night.event("close")
    night.open()
    night.event("fail", "freeze_legacy", reason="fence is down", recheck=True)
    opened = night.open()
    assert opened["run"]["done"] == ["preflight", "freeze_legacy"]


def test_a_lost_host(night: Night) -> None:
    night.open()
    night.through("preflight")
    night.event("begin", "freeze_legacy")
    night.event("lost", reason="The connection was lost.")
    assert night.events[-3:] == ["fail", "note", "stop"]
    assert night.records[-3]["phase"] == "freeze_legacy"
    assert not night.journal.lock_path.exists()
    night.open(ROLLBACK)
    night.event("undo_begin", "freeze_legacy")
    night.event("lost", reason="The connection was lost.")
    assert night.events[-3:] == ["undo_fail", "note", "stop"]
    night.open(ROLLBACK)
    night.event("lost", reason="The connection was lost.")
    assert night.events[-3:] == ["open", "note", "stop"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda run: {**run, "session": "f" * 32}, "taken over by ops@laptop"),
        (lambda run: {**run, "id": "demo-2"}, "works on run demo-2026"),
    ],
)
def test_only_its_own_session(
    night: Night, change: Callable[[dict[str, Any]], dict[str, Any]], says: str
) -> None:
    night.open()
    night.run = change(night.run)
    with pytest.raises(GoliveError, match=says):
        night.event("begin", "preflight")


def test_unknown_phase(night: Night) -> None:
    night.open()
    with pytest.raises(GoliveError, match="phase names the phase 'prefligth'"):
        night.event("begin", "prefligth")


def test_a_dry_run(night: Night) -> None:
    opened = night.open(replace(GOLIVE, dry=True))
    assert not opened["changed"]
    assert opened["run"]["session"] == ""
    assert opened["run"]["plan"] == ["preflight", "freeze_legacy"]
    assert _open.DRY in opened["summary"]
    asked = {"event": "begin", "phase": "sync_data", "gates": [PASS]}
    assert _open.judge(night.journal, asked)["seq"] == 0
    with pytest.raises(GoliveError, match="gates are closed"):
        _open.judge(night.journal, {**asked, "gates": [FAIL]})
    with pytest.raises(GoliveError, match="silence"):
        _open.judge(night.journal, {**asked, "gates": []})
    assert _open.judge(night.journal, {**asked, "event": "finish"})["outcome"] == ""
    assert not night.journal.folder.exists()


def test_a_dry_run_of_a_stopped_run_verifies_what_is_done(night: Night) -> None:
    night.open()
    night.through("lock_config")
    night.event("close")
    assert night.open(replace(GOLIVE, dry=True))["run"]["plan"] == list(NAMES[:4])
    assert night.open(replace(GOLIVE, dry=True, until="sync_data"))["run"]["plan"] == list(NAMES[:3])


def test_two_runs_in_one_second(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.clock = lambda: night.now  # type: ignore[method-assign]
    night.journal.clock = lambda: night.now
    first = night.open()["run"]["id"]
    night.event("begin", "preflight")
    night.event("fail", "preflight")
    night.open(ROLLBACK)
    night.undo()
    night.event("close")
    assert night.open()["run"]["id"] == f"{first}-2"


def test_torn_lines_are_reported_once(night: Night) -> None:
    night.open()
    night.event("begin", "preflight")
    with night.journal.path.open("ab") as file:
        file.write(b'{"half')
    night.event("finish", "preflight")
    assert night.events == ["open", "begin", "torn", "finish"]
    night.event("begin", "freeze_legacy")
    assert night.events.count("torn") == 1


def test_past_the_last_safe_moment_the_window_asks_for_a_decision(night: Night) -> None:
    """Refused and journalled; with name and reason it begins, and the journal has both."""
    night.open()
    late = {"last_safe": "2026-11-22T00:30:01.000000Z"}
    night.event("begin", "preflight", **late)
    night.event("finish", "preflight")
    with pytest.raises(GoliveError, match="the last safe moment to turn back"):
        night.event("begin", "freeze_legacy", **late)
    assert night.records[-1]["event"] == "refused"
    assert "last safe moment" in night.records[-1]["reason"]
    taken = {"choice": "go_on", "by": "head-of-it", "because": "the door is next"}
    night.event("begin", "freeze_legacy", **late, past_last_safe=taken)
    assert night.records[-1]["past_last_safe_moment"]["decided_by"] == "head-of-it"


def test_the_rehearsals_say_what_is_usual_until_a_run_does(night: Night) -> None:
    learned = Learned(expected={"sync_data": 9.0})
    assert night.open(replace(GOLIVE, learned=learned))["run"]["expected"] == {"sync_data": 9.0}
    night.through("preflight")
    again = night.open(replace(GOLIVE, learned=learned, gone_session=night.run["session"]))
    assert set(again["run"]["expected"]) == {"preflight", "sync_data"}
