# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The watch: time, probes and mail are the test's; processes, locks and files are real."""

from __future__ import annotations

import fcntl
import io
import json
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _watch
from ansible_collections.dfr.golive.plugins.module_utils._announce import Audience
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._holder import Owner
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal
from ansible_collections.dfr.golive.plugins.module_utils._watch import Settings, Watch
from ansible_collections.dfr.golive.plugins.module_utils._watch_status import Check, Sample, read_samples

TONGA = ZoneInfo("Pacific/Tongatapu")
START = datetime(2026, 3, 1, 22, 0, tzinfo=TONGA).timestamp()
DAY = 86400.0
WELL = {"page": lambda: [Check("page", "pass", "quick", 0.2, "s")]}

RAW: dict[str, Any] = {
    "country": "demo",
    "title": "Demo",
    "started": START,
    "until": START + 2 * DAY,
    "interval_seconds": 300,
    "probe_seconds": 5,
    "timezone": "Pacific/Tongatapu",
    "status_hour": 7,
    "url": "https://dfr.demo.test:443",
    "database": "dfr_production",
    "login": "smoke",
    "password": "canary-smoke",
    "api_model": "dfr.farmer",
    "page_seconds": 3.0,
    "api_seconds": 0.5,
    "fqdn": "dfr.demo.test",
    "address": "192.0.2.9",
    "port": 443,
    "ca_path": "",
    "certificate_days": 14,
    "dns": {
        "zone": "demo.test",
        "record": "dfr",
        "address": "192.0.2.9",
        "primary": "192.0.2.1",
        "secondaries": [],
        "resolvers": [],
    },
    "mail": {"host": "mail", "port": 25, "sender": "golive@demo.test", "password": "canary-mail"},
    "status_to": ["status@demo.test"],
    "triggers": [
        {
            "name": "slow",
            "when": "check_above",
            "action": "roll_back",
            "check": "page",
            "above": 2.0,
            "samples": 2,
        }
    ],
    "run_id": "demo-1",
    "way_back": "ansible-playbook playbooks/rollback.yml -i inventories/demo",
    "first": 0,
    "first_by_seconds": 3600,
    "reverse": {},
}


class Mail:
    """Stands for `Postbox`: remembers what was announced, or refuses."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.refuse = False

    def message_id(self, *parts: str) -> str:
        return ".".join(parts)

    def announce(self, audience: Audience, text: str, message_id: str) -> None:
        if self.refuse:
            raise ProbeError("The mail server is silent.")
        assert audience.to == ("status@demo.test",)
        self.sent.append((message_id, text))


class Stage:
    """A watch with its files, and a hand on the clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "settings.json"
        self.cron = folder / "cron"
        self.path.write_text(json.dumps({**RAW, "cron_path": str(self.cron)}))
        self.cron.write_text("*/5 * * * * root watch\n")
        self.settings = Settings.read(self.path)
        self.mail = Mail()
        self.now = START
        self.probes: dict[str, Any] = dict(WELL)

    def once(self, at: float) -> list[str]:
        self.now = at
        watch = Watch(
            self.settings,
            now=lambda: self.now,
            probes=self.probes,
            run=_watch.judged,
            postbox=self.mail,  # type: ignore[arg-type]
        )
        return watch.once()

    @property
    def samples(self) -> list[Sample]:
        return read_samples(self.folder / "samples.jsonl")

    @property
    def statuses(self) -> list[str]:
        return sorted(p.name for p in (self.folder / "status").glob("*"))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    folder = tmp_path / "demo" / "watch"
    folder.mkdir(parents=True)
    return Stage(folder)


def test_one_run_is_one_sample(stage: Stage) -> None:
    assert stage.once(START) == []
    assert stage.once(START + 300) == []
    assert [s.at for s in stage.samples] == [START, START + 300]
    assert stage.samples[0].checks == (Check("page", "pass", "quick", 0.2, "s"),)
    assert stage.statuses == []


def test_half_a_line_of_a_killed_run_swallows_nothing(stage: Stage) -> None:
    stage.once(START)
    with (stage.folder / "samples.jsonl").open("a") as out:
        out.write('{"at": "2026')
    stage.once(START + 300)
    assert [s.at for s in stage.samples] == [START, START + 300]


def test_a_status_a_day_written_and_mailed_once(stage: Stage) -> None:
    morning = datetime(2026, 3, 2, 7, 0, tzinfo=TONGA).timestamp()
    stage.once(START)
    stage.once(morning - 1)
    assert stage.statuses == []
    stage.once(morning)
    assert stage.statuses == [], "one look isn't enough to close a day: a clock may jump"
    stage.once(morning + 300)
    stage.once(morning + 600)
    assert stage.statuses == ["2026-03-01.done", "2026-03-01.json", "2026-03-01.txt"]
    ((message_id, text),) = stage.mail.sent
    assert message_id == f"hypercare.demo.{START:.0f}.2026-03-01"
    assert "Samples: 1 of 24 expected" in text
    assert json.loads((stage.folder / "status" / "2026-03-01.json").read_text())["samples"]["taken"] == 1


def test_a_status_that_could_not_be_mailed_is_tried_again(stage: Stage) -> None:
    morning = datetime(2026, 3, 2, 7, 0, tzinfo=TONGA).timestamp()
    stage.mail.refuse = True
    stage.once(morning)
    (said,) = stage.once(morning + 300)
    assert said == "The status 2026-03-01 could not be mailed: The mail server is silent."
    assert stage.statuses == ["2026-03-01.json", "2026-03-01.txt"]
    stage.mail.refuse = False
    assert stage.once(morning + 600) == []
    assert len(stage.mail.sent) == 1


def test_a_host_that_was_off_catches_up(stage: Stage) -> None:
    stage.once(START)
    stage.once(START + 1.9 * DAY)
    stage.once(START + 1.9 * DAY + 300)
    assert [name for name, _ in stage.mail.sent] == [
        f"hypercare.demo.{START:.0f}.2026-03-01",
        f"hypercare.demo.{START:.0f}.2026-03-02",
    ]
    assert "0 of 288 expected" in stage.mail.sent[1][1]


def test_it_ends_with_the_agreed_days_and_removes_itself(stage: Stage) -> None:
    for hours in range(48):
        stage.once(START + hours * 3600)
    assert stage.once(START + 2 * DAY) == [], "one look behind the end isn't enough: a clock may jump"
    assert stage.cron.exists()
    assert stage.once(START + 2 * DAY + 300) == ["The agreed days are over: the watch has removed itself."]
    assert not stage.cron.exists()
    assert not stage.path.exists(), "the passwords go too"
    assert "final status" in stage.mail.sent[-1][1]
    final = json.loads((stage.folder / "status" / "final.json").read_text())
    assert (final["samples"]["taken"], final["samples"]["fail"]) == (48, 0)
    assert len(stage.samples) == 50


def test_a_clock_that_jumps_ahead_for_a_moment_ends_nothing(stage: Stage) -> None:
    stage.once(START)
    stage.once(START + 400 * DAY)
    assert stage.cron.exists()
    assert stage.statuses == []
    stage.once(START + 600)
    assert stage.cron.exists()
    assert stage.samples[-1].checks[-1].name == "clock"
    assert stage.samples[-1].verdict == "fail"


def test_a_run_after_the_end_cleans_up_and_looks_no_more(stage: Stage) -> None:
    (stage.folder / "status").mkdir()
    (stage.folder / "status" / "final.json").write_text("{}")
    assert stage.once(START) == ["The agreed days are over: the watch has removed itself."]
    assert not stage.cron.exists()
    assert stage.samples == []


# -- probes ----------------------------------------------------------------------------------------


def raising(exc: BaseException) -> Any:
    def probe() -> list[Check]:
        raise exc

    return probe


@pytest.mark.parametrize(
    ("probe", "verdict", "words"),
    [
        (raising(GoliveError("It expired.")), "fail", "It expired."),
        (raising(ProbeError("No answer.")), "unknown", "No answer."),
        (raising(ZeroDivisionError("x")), "unknown", "The probe broke: ZeroDivisionError x."),
        (list, "unknown", "The probe said nothing."),
    ],
)
def test_a_probe_that_breaks_is_unknown_and_a_clear_no_is_a_fail(
    probe: Any, verdict: str, words: str
) -> None:
    assert _watch.judged("x", probe) == [Check("x", verdict, words)]
    assert _watch.within(5, "x", probe) == [Check("x", verdict, words)], "the same from its own process"


def test_a_hanging_probe_is_ended(stage: Stage) -> None:
    begun = time.monotonic()
    assert _watch.within(0.3, "x", lambda: time.sleep(60) or []) == [  # type: ignore[func-returns-value]
        Check("x", "unknown", "No answer within 0.3 s; the probe was ended.")
    ]
    assert time.monotonic() - begun < 5


def test_a_probe_that_dies_is_unknown() -> None:
    assert _watch.within(5, "x", lambda: os._exit(9)) == [
        Check("x", "unknown", "The probe died without a word.")
    ]


def test_what_is_looked_at(stage: Stage) -> None:
    assert list(_watch.probes_of(stage.settings)) == [
        "app.health",
        "page./web/login",
        "api.search",
        "dns",
        "certificate",
    ]


# -- the program -----------------------------------------------------------------------------------


def program(path: Path) -> tuple[int, str]:
    out = io.StringIO()
    return _watch.main([str(path)], out), out.getvalue()


def test_a_second_run_leaves_at_once(stage: Stage) -> None:
    with (stage.folder / "watch.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, said = program(stage.path)
    assert (code, "still at work" in said) == (0, True)
    assert stage.samples == []


@pytest.mark.parametrize("text", ["", "{}", '{"country": "demo"}'])
def test_settings_that_cannot_be_used(stage: Stage, text: str) -> None:
    stage.path.write_text(text)
    code, said = program(stage.path)
    assert code == 2
    assert f"The settings of the watch, {stage.path}, can't be used" in said


def test_an_unknown_time_zone(stage: Stage) -> None:
    stage.path.write_text(json.dumps({**RAW, "cron_path": "x", "timezone": "Pacific/Atlantis"}))
    assert program(stage.path)[0] == 2


def test_no_secret_in_a_repr(stage: Stage) -> None:
    assert "canary" not in repr(stage.settings)


def test_without_arguments_it_says_how() -> None:
    out = io.StringIO()
    assert _watch.main([], out) == 2
    assert "Name the settings file" in out.getvalue()


def test_a_trigger_is_journalled_and_told_once_for_as_long_as_it_lasts(stage: Stage) -> None:
    stage.probes = {"page": lambda: [Check("page", "pass", "slow", 3.0, "s")]}
    journal = Journal(stage.folder.parent.parent, "demo")
    assert stage.once(START + 1) == []
    said = stage.once(START + 2)
    assert "slow says roll_back" in said[0]
    assert "ansible-playbook playbooks/rollback.yml" in stage.mail.sent[-1][1]
    assert stage.once(START + 3) == []
    records = [r for r in journal.read()[0].records if r["event"] == "decision"]
    assert [(r["run_id"], r["trigger"], r["values"]["p95"]) for r in records] == [("demo-1", "slow", 3.0)]
    assert journal.read()[1] is None
    stage.probes = dict(WELL)
    for at in (4, 5, 6):
        stage.once(START + at)
    stage.probes = {"page": lambda: [Check("page", "pass", "slow", 3.0, "s")]}
    assert "slow says roll_back" in " ".join(stage.once(START + 7) + stage.once(START + 8))


def test_a_trigger_waits_while_a_run_holds_the_lock(stage: Stage) -> None:
    stage.probes = {"page": lambda: [Check("page", "pass", "slow", 3.0, "s")]}
    journal = Journal(stage.folder.parent.parent, "demo")
    with journal.writing() as writer:
        session = writer.take("demo-1", "rollback", Owner(), 900).session
    stage.once(START + 1)
    assert "waits: somebody else holds the lock" in stage.once(START + 2)[0]
    with journal.writing() as writer:
        writer.release(session)
    assert "slow says roll_back" in stage.once(START + 3)[0]


class People:
    """Stands for a session: so many registrations have come."""

    uid = 7

    def __init__(self, came: int) -> None:
        self.came = came

    def call(self, model: str, method: str, domain: list[Any]) -> int:
        assert (model, method) == ("dfr.farmer", "search_count")
        assert domain == [("create_date", ">=", "2026-03-01 09:00:00"), ("create_uid", "!=", 7)]
        return self.came


@pytest.mark.parametrize(
    ("came", "after", "verdict"), [(0, 60, "pass"), (5, 60, "pass"), (4, 3601, "fail"), (5, 3601, "pass")]
)
def test_the_first_registrations(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, came: int, after: float, verdict: str
) -> None:
    settings = Settings.from_dict({**RAW, "cron_path": str(stage.cron), "first": 5}, stage.path)
    monkeypatch.setattr(_watch._odoo, "connect", lambda _login: People(came))
    check = _watch._first_registrations(settings, now=lambda: START + after)
    assert (check.verdict, check.value) == (verdict, came)


def test_what_is_asked_only_where_there_is_something_to_ask(stage: Stage) -> None:
    assert {"registrations.first", "reverse"}.isdisjoint(_watch.probes_of(stage.settings))
    more = {**RAW, "cron_path": str(stage.cron), "first": 5, "reverse": {"host": "h"}}
    assert {"registrations.first", "reverse"} <= set(_watch.probes_of(Settings.from_dict(more, stage.path)))


def test_a_way_back_that_is_behind_is_decided_about_and_journalled(stage: Stage) -> None:
    trigger = {
        "name": "way back",
        "when": "check_fails",
        "check": "reverse.follows",
        "times": 2,
        "action": "hold",
    }
    raw = {**RAW, "cron_path": str(stage.cron), "triggers": [trigger], "status_to": []}
    stage.settings = Settings.from_dict(raw, stage.path)
    stage.probes["reverse"] = lambda: [Check("reverse.follows", "fail", "80 MiB behind")]
    owner = Owner(user="ops", host="h", pid=1, started="1", boot_id="b", pid_namespace="p")
    journal = Journal(stage.folder.parent.parent, "demo")
    with journal.writing() as writer:
        session = writer.take("demo-1", "golive", owner, 900).session
        writer.append(session, "open", mode="live", intent="golive")
        writer.release(session)
    assert stage.once(START + 300) == []
    assert "way back says hold" in stage.once(START + 600)[0]
    assert journal.read()[0].records[-1]["values"]["verdicts"] == ["fail", "fail"]
