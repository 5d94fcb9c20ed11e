# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hypercare's gates three ways, and the proof that the watch is at work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _hypercare, _installed, _kept, _watch
from ansible_collections.dfr.golive.plugins.module_utils._announce import Audience, MailServer, Postbox
from ansible_collections.dfr.golive.plugins.module_utils._errors import DriftError, GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._hypercare import Installed, Schedule
from ansible_collections.dfr.golive.plugins.module_utils._watch_status import Check, Sample

STAFF = Audience("staff", "en", ("ana@demo.test", "ben@demo.test"))
SCHEDULE = Schedule(14, 5, "Pacific/Tongatapu", 7, ("status@demo.test",))
SERVER = MailServer("mail", 25, "golive@demo.test")
NOW = 10_000.0
PROGRAM = Path(__file__).parents[4] / "roles/start_hypercare/files/watch.py"


@pytest.fixture
def processes(tmp_path: Path) -> Path:
    for pid, name in {"1": "init", "77": "cron"}.items():
        (tmp_path / "proc" / pid).mkdir(parents=True)
        (tmp_path / "proc" / pid / "comm").write_text(name + "\n")
    return tmp_path / "proc"


def verdicts(processes: Path, **changes: Any) -> dict[str, str]:
    arguments: dict[str, Any] = {
        "server": SERVER,
        "audiences": [STAFF],
        "templates": ["/role/templates/announcement.en.txt.j2", "/role/templates/README.md"],
        "schedule": SCHEDULE,
        "python": sys.executable,
        "check_server": lambda _server: "fine",
        "processes": processes,
    }
    gates = _hypercare.gates(**{**arguments, **changes})
    assert [g.name for g in gates] == [
        "hypercare.audiences",
        "hypercare.mail",
        "hypercare.schedule",
        "hypercare.cron",
        "hypercare.libraries",
    ]
    return {g.name: g.verdict.value for g in gates if not g.open}


def test_in_order_every_gate_passes(processes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_hypercare, "LIBRARIES", {"json": "python3"})
    assert verdicts(processes) == {}


def test_each_gate_broken_and_with_a_broken_probe(processes: Path, tmp_path: Path) -> None:
    def refuse(_server: MailServer) -> str:
        raise GoliveError("no")

    def silent(_server: MailServer) -> str:
        raise ProbeError("silence")

    def verdict(name: str, **changes: Any) -> str:
        return verdicts(processes, **changes).get(f"hypercare.{name}", "pass")

    assert verdict("audiences", audiences=[]) == "fail"
    assert verdict("audiences", templates=[]) == "fail"
    assert verdict("mail", check_server=refuse) == "fail"
    assert verdict("mail", check_server=silent) == "unknown"
    assert verdict("libraries", python=str(tmp_path / "no-python")) == "fail"
    assert verdicts(tmp_path)["hypercare.cron"] == "unknown"
    (processes / "77" / "comm").write_text("sshd\n")
    assert verdict("cron") == "fail"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"days": 0}, "start_hypercare_days"),
        ({"interval_minutes": 7}, "start_hypercare_interval_minutes"),
        ({"status_hour": 24}, "start_hypercare_status_hour"),
        ({"timezone": "Pacific/Atlantis"}, "golive_timezone"),
        ({"timezone": "../etc/passwd"}, "golive_timezone"),
        ({"status_to": ("nobody",)}, "isn't a mail address"),
    ],
)
def test_a_schedule_that_cannot_be_followed(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(GoliveError) as caught:
        replace(SCHEDULE, **changes).check()
    assert words in str(caught.value)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_hypercare, "LIBRARIES", {"no_such_library": "python3-nothing"})
    with pytest.raises(GoliveError, match=r"No module named 'no_such_library'.*Install python3-nothing"):
        _hypercare.libraries_there(sys.executable)


# -- settings --------------------------------------------------------------------------------------


def install(folder: Path, settings: dict[str, Any], at: float, **changes: Any) -> bool:
    arguments: dict[str, Any] = {"days": 14, "check_only": False, "now": lambda: at, **changes}
    return _hypercare.install_settings(folder, settings, **arguments)


def test_settings_keep_the_moment_the_watch_started(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    assert install(tmp_path, {"a": 1}, 100, check_only=True)
    assert not path.exists()
    assert install(tmp_path, {"a": 1}, 100)
    assert not install(tmp_path, {"a": 1}, 999)
    assert install(tmp_path, {"a": 2}, 999)
    assert json.loads(path.read_text()) == {"a": 2, "started": 100, "until": 100 + 14 * 86400}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_watch_that_starts_anew_finds_an_empty_folder(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "samples.jsonl").write_text(f"{number}\n")
        (tmp_path / "status").mkdir()
        (tmp_path / "settings.json").unlink(missing_ok=True)
        install(tmp_path, {}, 100)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["earlier", "settings.json"]
    assert (tmp_path / "earlier" / "2" / "samples.jsonl").read_text() == "2\n"


# -- proof -----------------------------------------------------------------------------------------


class Stage:
    """An installed watch whose program writes what the test wants."""

    def __init__(self, folder: Path, processes: Path) -> None:
        self.folder, self.processes = folder, processes
        self.program = folder / "program.py"
        self.cron = folder / "cron"
        self.now = NOW
        self.says("pass")
        self.installed = Installed(
            folder=folder,
            cron_path=self.cron,
            command=(sys.executable, str(self.program), str(folder / "settings.json")),
            interval=300,
            patience=10,
        )
        self.cron.write_text("# x\n*/5 * * * * root " + " ".join(self.installed.command) + " >> log\n")
        self.cron.chmod(0o644)

    def says(self, verdict: str) -> None:
        line = json.dumps(Sample(NOW, 0.1, (Check("page", verdict, "as told"),)).as_dict())
        samples = self.folder / "samples.jsonl"
        self.program.write_text(f"open({str(samples)!r}, 'a').write({line!r} + chr(10))\n")

    def seen(self, at: float, verdict: str) -> None:
        with (self.folder / "samples.jsonl").open("a") as out:
            out.write(json.dumps(Sample(at, 0.1, (Check("page", verdict, "then"),)).as_dict()) + "\n")

    def prove(self, *, fresh_is_enough: bool = False) -> dict[str, Any]:
        def sleep(seconds: float) -> None:
            self.now += seconds

        return _hypercare.prove_watch(
            self.installed,
            fresh_is_enough=fresh_is_enough,
            processes=self.processes,
            owner=os.getuid(),
            now=lambda: self.now,
            sleep=sleep,
        )


@pytest.fixture
def stage(tmp_path: Path, processes: Path) -> Stage:
    return Stage(tmp_path, processes)


def test_a_look_taken_now_proves_it(stage: Stage) -> None:
    stage.seen(NOW - 60, "pass")
    assert stage.prove() == {
        "ended": False,
        "samples": 2,
        "last": {"seconds": 0.1, "checks": {"page": "pass"}},
    }


@pytest.mark.parametrize("verdict", ["fail", "unknown"])
def test_a_look_that_finds_trouble_stops(stage: Stage, verdict: str) -> None:
    stage.says(verdict)
    with pytest.raises(GoliveError, match="isn't content: page: as told"):
        stage.prove()


def test_a_fresh_good_look_is_enough_on_a_later_run(stage: Stage) -> None:
    stage.seen(NOW - 900, "pass")
    assert stage.prove(fresh_is_enough=True)["samples"] == 1


@pytest.mark.parametrize(("age", "verdict"), [(901, "pass"), (60, "fail"), (60, "unknown")])
def test_an_old_or_bad_look_is_taken_again(stage: Stage, age: float, verdict: str) -> None:
    stage.seen(NOW - age, verdict)
    assert stage.prove(fresh_is_enough=True)["samples"] == 2


def test_a_program_that_fails_or_leaves_nothing(stage: Stage) -> None:
    stage.program.write_text("import sys; sys.exit('no such thing')")
    with pytest.raises(GoliveError, match="ends with 1: no such thing"):
        stage.prove()
    stage.program.write_text("")
    with pytest.raises(ProbeError, match="left no sample"):
        stage.prove()


def test_a_cron_entry_that_is_gone_wrong_or_ignored(stage: Stage) -> None:
    stage.cron.chmod(0o666)
    with pytest.raises(DriftError, match="cron ignores"):
        stage.prove(fresh_is_enough=True)
    stage.cron.write_text("# " + stage.cron.read_text())
    stage.cron.write_text("\n".join("#" + line for line in stage.cron.read_text().splitlines()))
    with pytest.raises(DriftError, match="doesn't start the watch"):
        stage.prove(fresh_is_enough=True)
    stage.cron.unlink()
    with pytest.raises(DriftError, match="is gone"):
        stage.prove(fresh_is_enough=True)


def test_no_cron_daemon(stage: Stage) -> None:
    (stage.processes / "77" / "comm").write_text("sshd\n")
    with pytest.raises(GoliveError, match="No cron daemon"):
        stage.prove(fresh_is_enough=True)


def test_after_the_agreed_days_the_final_status_is_enough(stage: Stage) -> None:
    (stage.folder / "status").mkdir()
    (stage.folder / "status" / "final.json").write_text("{}")
    stage.cron.unlink()
    assert stage.prove(fresh_is_enough=True) == {"ended": True, "samples": 0}


def test_everybody_has_to_have_been_told(tmp_path: Path) -> None:
    box = Postbox(SERVER, tmp_path / "announcements.json", "")
    with pytest.raises(DriftError, match="2 of 2 addresses of the audience staff weren't told"):
        _hypercare.prove_announced(box, [STAFF], "r1")
    message_id = box.message_id("announcement", "r1", "staff")
    box._note(STAFF, message_id, STAFF.to)
    assert _hypercare.prove_announced(box, [STAFF], "r1") == [
        {"name": "staff", "language": "en", "accepted": 2}
    ]
    with pytest.raises(DriftError):
        _hypercare.prove_announced(box, [STAFF], "r2")
    assert _kept.recall(tmp_path / "announcements.json")


def test_texts_are_all_read_before_any_is_sent(tmp_path: Path) -> None:
    (tmp_path / "announcement.en.txt").write_text("Subject: x\n\ny\n")
    assert _hypercare.read_texts(tmp_path, [STAFF]) == {"en": "Subject: x\n\ny\n"}
    with pytest.raises(GoliveError, match=r"announcement\.fr\.txt can't be read"):
        _hypercare.read_texts(tmp_path, [STAFF, replace(STAFF, language="fr")])
    (tmp_path / "announcement.fr.txt").write_text("y\n")
    with pytest.raises(GoliveError, match="has to start with a line"):
        _hypercare.read_texts(tmp_path, [STAFF, replace(STAFF, language="fr")])


def test_the_watch_runs_without_ansible_from_what_is_installed(tmp_path: Path) -> None:
    assert _installed.install(tmp_path, _watch)
    assert not _installed.install(tmp_path, _watch)
    shutil.copy(PROGRAM, tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "watch.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert "Name the settings file" in done.stdout
