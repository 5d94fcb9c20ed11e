# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._holder import Owner
from ansible_collections.dfr.golive.plugins.module_utils._processes import Processes


class FakeProc:
    """A process table: number, parent, start time, command line, state."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sys/kernel/random").mkdir(parents=True)
        (root / "sys/kernel/random/boot_id").write_text("boot-1\n")
        (root / "self/ns").mkdir(parents=True)
        (root / "self/ns/pid").symlink_to("pid:[1]")
        self.add(1, 0, 0, "init")

    def add(self, pid: int, parent: int, started: int, command: str, state: str = "S") -> None:
        (self.root / str(pid)).mkdir(exist_ok=True)
        (self.root / str(pid) / "cmdline").write_text(command.replace(" ", "\0") + "\0")
        filler = " ".join(["0"] * 17)
        (self.root / str(pid) / "stat").write_text(
            f"{pid} (a (b) c) {state} {parent} {filler} {started} 0 0\n"
        )

    def remove(self, pid: int) -> None:
        for path in (self.root / str(pid)).iterdir():
            path.unlink()
        (self.root / str(pid)).rmdir()


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    fake = FakeProc(tmp_path)
    fake.add(100, 1, 500, "ansible-playbook golive.yml")
    return fake


def test_who_we_are(proc: FakeProc) -> None:
    owner = Processes(proc.root, 100).owner("ops")
    assert (owner.user, owner.pid, owner.started, owner.boot_id, owner.pid_namespace) == (
        "ops",
        100,
        "500",
        "boot-1",
        "pid:[1]",
    )
    assert len(owner.command) == 16


def test_gone(proc: FakeProc) -> None:
    processes = Processes(proc.root, 200)
    owner = Processes(proc.root, 100).owner("ops")
    assert not processes.gone(owner)
    proc.add(100, 1, 900, "another of that number")
    assert processes.gone(owner)
    proc.remove(100)
    assert processes.gone(owner)


def test_nothing_is_proven_without_a_process_table(tmp_path: Path) -> None:
    processes = Processes(tmp_path / "none", 100)
    owner = processes.owner("ops")
    assert owner.boot_id == owner.started == owner.command == ""
    assert not processes.gone(owner)
    assert not owner.same_machine(owner)
    assert processes.orphans(owner) == []


def test_orphans(proc: FakeProc) -> None:
    command = "ansible-playbook golive.yml"
    owner = Processes(proc.root, 100).owner("ops")
    proc.remove(100)
    proc.add(101, 1, 510, command)  # its worker, left behind
    proc.add(102, 101, 520, "ssh staging")
    proc.add(103, 1, 510, command, "Z")  # ended already
    proc.add(104, 1, 400, command)  # older than the vanished one
    proc.add(200, 1, 900, command)  # ourselves
    proc.add(201, 200, 901, command)  # our own worker
    assert Processes(proc.root, 200).orphans(owner) == [101]


def test_the_real_table() -> None:
    own = Processes(own_pid=os.getpid())
    owner = own.owner("ops")
    assert owner.started.isdigit()
    assert owner.boot_id
    assert not own.gone(owner)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]) as child:
        while not (other := Processes(own_pid=child.pid).owner("ops")).command:
            time.sleep(0.01)
        assert other.same_machine(owner)
        assert not own.gone(other)
        child.kill()
        child.wait()
        assert own.gone(other)
    assert own.gone(Owner(pid=2**22 + 1, started="1"))
