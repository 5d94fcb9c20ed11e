# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The callback as Ansible uses it: a small playbook of ours, with and without -v, going well and failing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
BOOK = """
- name: "(1/9) PREFLIGHT: everything is checked"
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Look
      ansible.builtin.command: /bin/true
      changed_when: false
    - name: Wait for it
      ansible.builtin.command: /bin/sleep 2.5
      changed_when: true
    - name: Not now
      ansible.builtin.command: /bin/false
      when: false
    - name: Each of them
      ansible.builtin.command: sh -c "test {{ item }} != {{ broken }} || { echo {{ item }} is worn out >&2; false; }"
      loop: [a, b]
      changed_when: false
    - name: Elsewhere
      ansible.builtin.command: /bin/true
      changed_when: false
      delegate_to: "{{ 'production' }}"
    - name: Tell what was noted
      ansible.builtin.debug:
        msg: "{{ query('noted') | join(' ') }}"
"""
# What a task's own process sees of the steps that the callback noted: as the journal's action does.
NOTED = """
from ansible.plugins.lookup import LookupBase
from ansible_collections.dfr.golive.plugins.plugin_utils._steps import STEPS


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **options):
        return [f"<{step['name']}@{step['host']}:{step['status']}>" for step in STEPS.taken]
"""


def play(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    book = folder / "book.yml"
    book.write_text(BOOK, encoding="utf-8")
    (folder / "lookup_plugins").mkdir()
    (folder / "lookup_plugins/noted.py").write_text(NOTED, encoding="utf-8")
    return subprocess.run(
        [
            "ansible-playbook",
            "-i",
            "localhost,production,",
            "-e",
            "ansible_connection=local",
            "-e",
            f"ansible_python_interpreter={sys.executable}",
            str(book),
            *arguments,
        ],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "DFR_GOLIVE_PROGRESS_QUIET_SECONDS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    return play(tmp_path_factory.mktemp("well"), "-e", "broken=c")


def test_one_line_a_step(well: subprocess.CompletedProcess[str]) -> None:
    assert well.returncode == 0, well.stderr
    lines = well.stdout.splitlines()
    assert "(1/9) PREFLIGHT  everything is checked" in lines
    assert sum(line.startswith(("  ok ", "  changed ")) for line in lines) == 4
    assert "Not now" not in well.stdout
    assert "PLAY RECAP" in well.stdout


def test_each_step_is_noted_with_the_host_it_acted_on(well: subprocess.CompletedProcess[str]) -> None:
    noted = "<Look@localhost:ok> <Wait for it@localhost:changed> <Each of them@localhost:ok> <Elsewhere@production:ok>"
    assert noted in " ".join(well.stdout.split())


def test_a_long_step_says_what_it_waits_for(well: subprocess.CompletedProcess[str]) -> None:
    # The first look after a line is silent, the second isn't: one and two seconds into it at the latest.
    assert re.search(r"^  \.\.\.      Wait for it, [12]\.", well.stdout, re.MULTILINE)


def test_without_a_terminal_nothing_is_rewritten(well: subprocess.CompletedProcess[str]) -> None:
    assert "\r" not in well.stdout
    assert "\x1b" not in well.stdout


def test_a_failure_keeps_the_exit_code(tmp_path: Path) -> None:
    failed = play(tmp_path, "-e", "broken=b")
    assert failed.returncode == 2
    assert "  FAILED   Each of them" in failed.stdout
    assert "b is worn out" in failed.stdout


def test_with_v_it_is_ansible_s_own(tmp_path: Path) -> None:
    told = play(tmp_path, "-v", "-e", "broken=c")
    assert told.returncode == 0
    assert "TASK [Look]" in told.stdout
    assert "skipping: [localhost]" in told.stdout
