# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's name servers, mail server and conductor, for the tests of the name and of hypercare.

A test works on a record and in a state folder of its own, so that the lab country never notices.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
OLD, NEW = "198.51.100.10", "198.51.100.20"
LIMIT_SECONDS = 180
"""Over which a command in the lab is taken for hanging; well above what any test waits for inside one."""


def docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )
    assert done.returncode == 0 or not check, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def on(name: str, script: str, *, check: bool = True) -> str:
    """As root in one of the lab's containers."""
    return docker("exec", f"dfrlab-{name}", "sh", "-c", script, check=check)


@contextmanager
def deaf(name: str, towards: str) -> Iterator[None]:
    """While inside, the container hears nothing that comes from an address; it still answers everybody else."""
    pid = docker("inspect", "--format", "{{.State.Pid}}", f"dfrlab-{name}").strip()
    rule = ["INPUT", "-s", towards, "-j", "DROP"]

    def iptables(action: str) -> None:
        subprocess.run(["nsenter", "-t", pid, "-n", "iptables", action, *rule], check=True, timeout=20)

    iptables("-I")
    try:
        yield
    finally:
        iptables("-D")


@dataclass(frozen=True)
class Record:
    """A record of the test's own in the lab's zone, changed with the lab's own key."""

    dns: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.dns['record']}.{self.dns['zone']}"

    def set(self, *addresses: str, ttl: int = 60, kind: str = "A") -> None:
        ring = dns.tsigkeyring.from_text({self.dns["key_name"]: self.dns["key_secret"]})
        update = dns.update.UpdateMessage(
            self.dns["zone"],
            keyring=ring,
            keyname=self.dns["key_name"],
            keyalgorithm=self.dns["key_algorithm"],
        )
        update.delete(self.dns["record"], kind)
        for address in addresses:
            update.add(self.dns["record"], ttl, kind, address)
        response = dns.query.tcp(update, self.dns["primary"], timeout=5)
        assert response.rcode() == dns.rcode.NOERROR

    def ask(self, server: str, kind: str = "A") -> tuple[list[str], int]:
        """Addresses and TTL, as the server has them."""
        response = dns.query.udp(dns.message.make_query(self.name, kind), server, timeout=5)
        for found in response.answer:
            return sorted(str(value) for value in found), found.ttl
        return [], -1

    def serial(self, server: str = "") -> int:
        query = dns.message.make_query(self.dns["zone"], "SOA")
        return int(dns.query.udp(query, server or self.dns["primary"], timeout=5).answer[0][0].serial)

    def in_step(self) -> None:
        """Wait until the secondaries have what the primary has."""
        deadline = time.monotonic() + 10
        while any(self.serial(server) != self.serial() for server in self.dns["secondaries"]):
            assert time.monotonic() < deadline, "the secondaries don't follow"
            time.sleep(0.05)


class Conductor:
    """Runs verbs of a role on the conductor, as a country of the test's own."""

    def __init__(self, folder: Path, variables: Mapping[str, Any]) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex[:8]
        self.state_dir = f"/var/lib/dfr-golive-test-{self.mark}"
        self.variables = {
            "golive_country": "itedge",
            "golive_state_dir": self.state_dir,
            "golive_run": {"id": "it-run", "session": "it", "done": [], "plan": [], "live": False},
            **variables,
        }

    def run(self, role: str, *verbs: str, arguments: Sequence[str] = (), **variables: Any) -> Played:
        tasks = [
            {
                "name": verb,
                "ansible.builtin.import_role": {
                    "name": f"dfr.golive.{role}",
                    "tasks_from": verb,
                    "rolespec_validate": False,
                },
            }
            for verb in verbs
        ]
        play = self.folder / "play.json"
        play.write_text(json.dumps([{"hosts": "golive_state", "gather_facts": False, "tasks": tasks}]))
        extra = self.folder / "extra.json"
        extra.write_text(json.dumps({**self.variables, **variables}))
        done = subprocess.run(
            [
                BIN / "ansible-playbook",
                play,
                "-i",
                ROOT / "inventories" / "demo",
                "-e",
                f"@{extra}",
                *arguments,
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "PATH": f"{BIN}:{os.environ['PATH']}",
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Played(done.returncode, done.stdout, done.stderr)

    def kept(self, name: str) -> dict[str, Any] | None:
        text = on("ops", f"cat {self.state_dir}/itedge/kept/{name}.json", check=False)
        return dict(json.loads(text)) if text else None

    def remove(self) -> None:
        on("ops", f"rm -rf {self.state_dir} /opt/dfr-golive/itedge /etc/cron.d/dfr-golive-itedge")


@dataclass(frozen=True)
class Played:
    """What one ansible-playbook did."""

    code: int
    out: str
    err: str

    def results(self) -> list[tuple[str, dict[str, Any]]]:
        """Task name and result, in order."""
        report = json.loads(self.out[self.out.index("{") :])
        return [
            (task["task"]["name"], result)
            for play in report["plays"]
            for task in play["tasks"]
            for result in task["hosts"].values()
        ]

    @property
    def changed(self) -> list[str]:
        return [name for name, result in self.results() if result.get("changed")]

    def of(self, words: str) -> dict[str, Any]:
        """The last result of a task, by words of its name."""
        found = [result for name, result in self.results() if words in name]
        assert found, f"no task {words!r} in {[name for name, _ in self.results()]}\n{self.err}"
        return found[-1]

    @property
    def failure(self) -> str:
        """The one sentence that a run stopped with."""
        assert self.code != 0, "the run did not stop"
        failed = [result for _, result in self.results() if result.get("failed")]
        assert failed, self.out + self.err
        return str(failed[-1]["msg"])
