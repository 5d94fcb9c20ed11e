# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The spine, told as stories: the real playbooks and roles/golive, nine make-believe phases, no lab."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).resolve().parents[2]
ANSIBLE_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")

GATE = """
- name: Ask
  ansible.builtin.set_fact:
    __PHASE_gate:
      gates:
        - name: world.PHASE
          verdict: "{{ 'fail' if (world + '/closed_PHASE') is exists else 'pass' }}"
          detail: seen
          remedy: open it
"""
APPLY = """
- name: Work
  ansible.builtin.shell: |
    test ! -e {{ world }}/fail_PHASE || { echo broken >&2; exit 1; }
    echo apply PHASE >> {{ world }}/log
    if test -e {{ world }}/slow_PHASE; then sleep "$(cat {{ world }}/slow_PHASE)"; fi
    echo applied PHASE >> {{ world }}/log
  changed_when: true
- name: Go far
  ansible.builtin.raw: "true"
  delegate_to: far
  changed_when: false
  when: (world + '/far_PHASE') is exists
"""
VERIFY = """
- name: Look
  ansible.builtin.assert:
    that: (world + '/drift_PHASE') is not exists
    fail_msg: PHASE has drifted
    quiet: true
- name: Tell
  ansible.builtin.set_fact:
    __PHASE_verify:
      evidence: EVIDENCE
"""
UNDO = """
- name: Go back
  ansible.builtin.shell: |
    test ! -e {{ world }}/undofail_PHASE || { echo stuck >&2; exit 1; }
    echo undo PHASE >> {{ world }}/log
  changed_when: true
"""
EVIDENCE = {
    "sync_data": {
        "sources": [{"name": "staging", "kind": "postgresql", "rows": 3, "rejected": 0, "seconds": 0.1}],
        "filestore": {
            "files": 2,
            "bytes": 10,
            "missing": 0,
            "corrupt": 0,
            "digest": "ab",
            "verdict": "equal",
        },
        "files": {
            "tables": [
                {
                    "name": "dfr_farmer <script>",
                    "source_rows": 3,
                    "target_rows": 3,
                    "source_digest": "1f",
                    "target_digest": "1f",
                    "verdict": "equal",
                }
            ]
        },
    },
    "preflight": {"signoffs": [{"team": "national IT", "file": "it.txt"}]},
}


@dataclass
class Country:
    """A make-believe country in a folder of its own."""

    folder: Path
    code: str = "testland"

    @property
    def world(self) -> Path:
        return self.folder / "world"

    @property
    def state(self) -> Path:
        return self.folder / "state" / self.code

    @property
    def reports(self) -> Path:
        return self.folder / "artifacts" / self.code

    def command(self, playbook: str, *extra: str) -> list[str]:
        return [
            str(ANSIBLE_PLAYBOOK),
            str(self.folder / "collections/ansible_collections/dfr/golive" / playbook),
            "-i",
            str(self.folder / "inventories" / self.code),
            *extra,
        ]

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
        }

    def play(self, playbook: str, *extra: str, ok: bool = True) -> str:
        done = subprocess.run(
            self.command(playbook, *extra),
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        text = done.stdout + done.stderr
        assert (done.returncode == 0) is ok, text
        return " ".join(text.split()).replace("''", "'")  # long messages are wrapped and may be quoted

    def golive(self, *extra: str, ok: bool = True) -> str:
        return self.play("golive.yml", *extra, ok=ok)

    def rollback(self, *extra: str, ok: bool = True) -> str:
        return self.play("playbooks/rollback.yml", *extra, ok=ok)

    def status(self) -> str:
        return self.play("playbooks/status.yml")

    def plant(self, what: str, text: str = "") -> None:
        (self.world / what).write_text(text)

    def remove(self, what: str) -> None:
        (self.world / what).unlink()

    @property
    def log(self) -> list[str]:
        path = self.world / "log"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.state / "journal.jsonl").read_text().splitlines()]

    @property
    def report(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.reports / "latest" / "report.json").read_text())
        return loaded


def build(folder: Path) -> Country:
    country = Country(folder)
    home = folder / "collections/ansible_collections/dfr/golive"
    home.mkdir(parents=True)
    for name in ("galaxy.yml", "golive.yml", "meta", "playbooks"):
        (home / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "plugins", home / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "plugins/action/check_inventory.py").write_text(
        "from ansible.plugins.action import ActionBase\n\n\n"
        "class ActionModule(ActionBase):\n"
        "    def run(self, tmp=None, task_vars=None):\n"
        "        return {'changed': False}\n"
    )
    (home / "roles").mkdir()
    for shared in ("golive", "reverse_path"):
        (home / "roles" / shared).symlink_to(ROOT / "roles" / shared)
    pattern = (ROOT / "roles/lock_config/tasks/main.yml").read_text()
    for phase in NAMES:
        tasks = home / "roles" / phase / "tasks"
        tasks.mkdir(parents=True)
        (tasks / "main.yml").write_text(pattern.replace("lock_config", phase))
        evidence = json.dumps(EVIDENCE.get(phase, {"seen": phase}))
        for verb, text in {"gate": GATE, "apply": APPLY, "verify": VERIFY, "undo": UNDO}.items():
            (tasks / f"{verb}.yml").write_text(
                "---" + text.replace("PHASE", phase).replace("EVIDENCE", evidence)
            )
    inventory = folder / "inventories" / country.code
    inventory.mkdir(parents=True)
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "golive_country": country.code,
        "golive_country_title": "Test & <b>Land</b>",
        "golive_languages": ["en"],
        "golive_mode": "live",
        "golive_timezone": "UTC",
        "golive_dns": {"ttl": 60},
        "golive_state_dir": str(folder / "state"),
        "world": str(country.world),
    }
    (inventory / "hosts.yml").write_text(
        yaml.safe_dump(
            {
                "all": {"vars": variables},
                "golive_state": {"hosts": {"state": {}}},
                "elsewhere": {
                    "hosts": {
                        "far": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
                    }
                },
            }
        )
    )
    country.world.mkdir()
    return country


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return build(tmp_path)


def wait_for(condition: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def vanish(country: Country, phase: str, seconds: str) -> int:
    """Start a go-live and kill its controller while the phase applies; its process number."""
    country.plant(f"slow_{phase}", seconds)
    run = subprocess.Popen(
        country.command("golive.yml"),
        env=country.environment,
        cwd=country.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: f"apply {phase}" in country.log)
    run.send_signal(signal.SIGKILL)
    run.wait()
    country.remove(f"slow_{phase}")
    return run.pid


SECRET = "a wallboard's own"


@pytest.fixture
def wallboard() -> Iterator[tuple[str, list[tuple[Message, bytes]]]]:
    """A receiver of events on this host: its address, and what it was sent."""
    taken: list[tuple[Message, bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append((self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", taken
        server.shutdown()


def signature(headers: Message, body: bytes) -> str:
    """As Standard Webhooks has it, computed here once more."""
    said = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    return "v1," + base64.b64encode(hmac.new(SECRET.encode(), said, hashlib.sha256).digest()).decode()


def test_a_whole_golive_then_again(
    country: Country, wallboard: tuple[str, list[tuple[Message, bytes]]]
) -> None:
    assert "nothing has ever run" in country.status()
    assert not country.state.exists()

    url, taken = wallboard
    (country.folder / "metrics").mkdir()
    observers = {"metrics_dir": str(country.folder / "metrics"), "events_url": url, "events_secret": SECRET}
    text = country.golive("-e", json.dumps({"golive_observers": observers}))
    cursor = country.state / "events.json"
    wait_for(lambda: json.loads(cursor.read_text())["delivered"] == len(country.records))
    assert [json.loads(body)["data"]["hash"] for _headers, body in taken] == [
        r["hash"] for r in country.records
    ]
    assert all(headers["webhook-signature"] == signature(headers, body) for headers, body in taken)
    assert SECRET not in "".join(json.dumps(record) for record in country.records)
    metrics = (country.folder / "metrics" / "dfr_golive_testland.prom").read_text()
    assert metrics.count('state="succeeded"} 1') == len(NAMES)
    assert re.search(r"^dfr_golive_freeze_window_open{[^}]*} 0$", metrics, re.MULTILINE)

    assert "testland is live: all 9 phases" in text
    report = country.report
    assert report["outcome"] == "live"
    assert [p["status"] for p in report["phases"]] == ["succeeded"] * 9
    assert report["freeze_window"]["seconds"] > 0
    assert report["sync"]["tables"][0]["target_rows"] == 3
    assert report["sync"]["filestore"]["files"] == 2
    assert report["signoffs"] == EVIDENCE["preflight"]["signoffs"]
    assert {step["phase"] for step in report["steps"]} == {phase["name"] for phase in report["phases"]}
    assert {("Look", "ok")} <= {(step["name"], step["status"]) for step in report["steps"]}
    html = (country.reports / "latest" / "report.html").read_text()
    assert "<script>" not in html
    assert "dfr_farmer &lt;script&gt;" in html
    assert "Test &amp; &lt;b&gt;Land&lt;/b&gt;" in html
    assert not (country.state / "lock.json").exists()

    before = {p: p.read_bytes() for p in country.folder.glob("[as]*/**/*") if p.is_file()}
    log = country.log
    text = country.golive()
    assert "testland is live since" in text
    assert "nothing to do, only verifying" in text
    assert "changed=0 " in text
    assert {p: p.read_bytes() for p in country.folder.glob("[as]*/**/*") if p.is_file()} == before
    assert country.log == log

    assert "testland is live since" in country.status()
    text = country.rollback(ok=False)
    assert "be rolled back: enable_users began" in text
    assert country.log == log

    country.plant("drift_lock_config")
    text = country.golive(ok=False)
    assert "lock_config stopped: lock_config has drifted" in text
    assert {p: p.read_bytes() for p in country.folder.glob("[as]*/**/*") if p.is_file()} == before


def test_stop_resume_and_both_ways_out(country: Country) -> None:
    text = country.golive("-e", "golive_until=sync_date", ok=False)
    assert "golive_until names the phase 'sync_date', which doesn't exist" in text
    assert "start_hypercare" in text
    assert not country.state.exists()

    country.plant("closed_freeze_legacy")
    text = country.golive(ok=False)
    assert "freeze_legacy may not begin: 1 of 1 gates are closed" in text
    assert "-> open it" in text
    assert (
        "freeze_legacy stopped: freeze_legacy may not begin: 1 of 1 gates are closed: world.freeze_legacy."
        in text
    )
    assert "playbooks/rollback.yml" in text
    assert [r["event"] for r in country.records][-3:] == ["refused", "fail", "stop"]
    assert country.report["outcome"] == "stopped"
    assert country.report["freeze_window"]["opened"] is None
    country.remove("closed_freeze_legacy")

    country.plant("fail_sync_data")
    text = country.golive(ok=False)
    assert "goes on at freeze_legacy, which failed" in text
    assert "sync_data stopped: " in text
    assert "broken" in text
    assert "Freeze window: OPEN" in text
    country.remove("fail_sync_data")

    text = country.golive("-e", "golive_until=lock_config")
    assert "goes on at sync_data" in text
    assert country.report["phases"][2]["attempts"] == 2
    assert country.report["freeze_window"]["idle_seconds"] > 0
    assert len({r["run_id"] for r in country.records}) == 1
    assert "stopped at check_health (pending); 4 of 9 phases done" in country.status()

    text = country.golive("--tags", "backup_database", ok=False)
    assert "backup_database may not begin: check_health isn't done in this run" in text

    country.plant("undofail_sync_data")
    text = country.rollback(ok=False)
    assert "sync_data stopped" in text
    text = country.golive(ok=False)
    assert "A rollback of run" in text
    country.remove("undofail_sync_data")
    text = country.rollback()
    assert "testland is rolled back" in text
    assert [line for line in country.log if line.startswith("undo")] == [
        "undo lock_config",
        "undo sync_data",
        "undo freeze_legacy",
        "undo preflight",
    ]
    report = country.report
    assert report["outcome"] == "rolled_back"
    assert report["freeze_window"]["closed_by"] == "rollback"
    assert report["phases"][3]["status"] == "undone"

    assert "nothing to roll back" in country.rollback()
    country.golive("-e", "golive_until=preflight")
    assert len({r["run_id"] for r in country.records}) == 2


def test_a_trigger_that_goes_back_by_itself(country: Country) -> None:
    trigger = '{"golive_triggers": [{"name": "no second try", "when": "phase_fails", "action": "roll_back"}]}'
    country.plant("fail_lock_config")
    text = country.golive("-e", trigger, ok=False)
    assert "lock_config stopped: " in text, text
    assert "The trigger no second try says roll_back: lock_config failed 1 times" in text
    assert "could not be journalled" not in text, text
    assert country.log[-4:] == ["undo lock_config", "undo sync_data", "undo freeze_legacy", "undo preflight"]
    decided = next(r for r in country.records if r["event"] == "decision")
    assert decided["values"]["attempts"] == 1
    assert country.records[-1]["outcome"] == "rolled_back"
    assert country.report["outcome"] == "rolled_back"
    country.remove("fail_lock_config")
    country.golive("-e", "golive_until=preflight")

    country.plant("fail_sync_data")
    country.plant("undofail_freeze_legacy")
    text = country.golive("-e", trigger, ok=False)
    assert "freeze_legacy stopped: " in text
    assert "stuck" in text
    assert country.records[-1]["event"] == "stop"
    country.remove("undofail_freeze_legacy")
    assert "rolled back" in country.rollback()


def test_a_controller_that_vanishes(country: Country) -> None:
    pid = vanish(country, "sync_data", "6")
    assert "sync_data (interrupted)" in country.status() or "working on sync_data" in country.status()
    text = country.golive("-e", "golive_until=sync_data")
    assert f"process {pid}" in text
    assert "its process is gone" in text
    assert "where its controller vanished" in text
    # The orphaned task was given the time to end before the next one began.
    assert country.log[-4:] == ["apply sync_data", "applied sync_data"] * 2
    assert any(r["event"] == "take_over" and r["reason"] == "its process is gone" for r in country.records)


def test_a_half_written_record(country: Country) -> None:
    country.golive("-e", "golive_until=preflight")
    with (country.state / "journal.jsonl").open("a") as journal:
        journal.write('{"country":"testland","event":"beg')
    assert "half-written record (34 bytes)" in country.status()
    text = country.golive("-e", "golive_until=freeze_legacy")
    assert "set aside as journal.torn-1" in text
    assert (country.state / "journal.torn-1").read_text() == '{"country":"testland","event":"beg'
    assert any(r["event"] == "torn" for r in country.records)


def test_a_damaged_journal(country: Country) -> None:
    country.golive("-e", "golive_until=preflight")
    path = country.state / "journal.jsonl"
    path.write_text(path.read_text().replace('"verdict":"pass"', '"verdict":"fail"'))
    for playbook in ("golive.yml", "playbooks/rollback.yml", "playbooks/status.yml"):
        text = country.play(playbook, ok=False)
        assert "was edited: record 2 doesn't match its own hash" in text


def test_two_operators(country: Country) -> None:
    country.plant("slow_freeze_legacy", "12")
    first = subprocess.Popen(
        country.command("golive.yml"),
        env=country.environment,
        cwd=country.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_for(lambda: "apply freeze_legacy" in country.log)
    text = country.golive(ok=False)
    assert "testland is being worked on by" in text
    assert f"process {first.pid}" in text
    assert "golive_takeover" in text
    assert "working on freeze_legacy" in country.status()
    text = country.golive("-e", "golive_until=preflight", "-e", "golive_takeover='the first laptop fell'")
    assert "by decision: the first laptop fell" in text
    output = first.communicate(timeout=60)[0]
    assert first.returncode != 0
    assert "was taken over by" in " ".join(output.split())


def test_a_connection_that_is_lost(country: Country) -> None:
    country.plant("far_sync_data")
    text = country.golive(ok=False)
    assert "UNREACHABLE" in text
    if "NO MORE HOSTS LEFT" in text:  # ansible-core before 2.19 plays nothing more
        country.remove("far_sync_data")
        assert "working on sync_data" in country.status()  # the lock is still there
        assert "its process is gone" in country.golive("-e", "golive_until=sync_data")
        return
    assert "The connection to a managed host was lost" in text
    assert "stopped at sync_data (failed); 2 of 9 phases done" in text
    assert [r["event"] for r in country.records][-4:] == ["begin", "fail", "note", "stop"]
    assert not (country.state / "lock.json").exists()
    assert country.report["phases"][2]["status"] == "failed"
    country.remove("far_sync_data")
    assert "goes on at sync_data" in country.golive("-e", "golive_until=sync_data")


def test_a_state_host_that_is_out_of_reach(country: Country) -> None:
    text = country.golive(
        "-e", "ansible_connection=ssh", "-e", "ansible_host=127.0.0.1", "-e", "ansible_port=1", ok=False
    )
    assert "Connection refused" in text
    assert "NO MORE HOSTS LEFT" in text or "The connection to a managed host was lost" in text
    assert not country.state.exists()


def test_a_dry_run_writes_nothing(country: Country) -> None:
    text = country.golive("--check")
    assert "Nothing was changed" in text
    assert "and there it ends" in text
    assert "SYNC DATA" not in text
    assert not country.state.exists()
    assert not country.reports.exists()
    country.plant("closed_preflight")
    assert "preflight may not begin" in country.golive("--check", ok=False)
    assert not country.state.exists()


def test_a_run_without_the_countrys_hosts_is_no_success(country: Country, tmp_path: Path) -> None:
    """Ansible itself ends well when no play finds a host."""
    for playbook in ("golive.yml", "playbooks/rollback.yml"):
        text = country.play(playbook, "--limit", "far", ok=False)
        assert re.search(r"The limit far leaves out [a-z, ]+: nothing was done", text)
    (tmp_path / "others").write_text("[others]\nsomebody ansible_connection=local\n")
    command = [*country.command("golive.yml")[:2], "-i", str(tmp_path / "others")]
    done = subprocess.run(
        command, env=country.environment, cwd=country.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "no host in the group golive_state" in " ".join(done.stdout.split())
    assert not country.state.exists()
