# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No command stands in the documentation that nothing runs: tests/docs_commands.yml says what runs each."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs" / "site").rglob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
RUNNERS: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "tests" / "docs_commands.yml").read_text(encoding="utf-8")
)
FENCE = re.compile(r"^( *)```console\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^    ((?:ansible|python3|make|cp|export)\b.*)$", re.MULTILINE)
IMPORT = "ansible.builtin.import_playbook"
# Folder of tests -> what plays it.
PLAYED = {
    "tests/unit/": ("tests/run.sh", "tests/unit"),
    "tests/integration/": ("molecule/faults/verify.yml", "tests/integration"),
    "tests/rehearsal/": ("tests/run.sh", "tests/rehearsal"),
    "tests/awx/": ("Makefile", "pytest -q tests/awx"),
    "tests/runner/": ("Makefile", "pytest -q tests/runner"),
}


def commands(text: str) -> list[str]:
    """The commands of a page: fenced as console, or indented; a line may go on after a backslash."""
    joined = re.sub(r" *\\\n *", " ", text)
    fenced = [
        line.strip() for found in FENCE.finditer(joined) for line in found[2].splitlines() if line.strip()
    ]
    return fenced + INDENTED.findall(FENCE.sub("", joined))


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {command: how for command, how in RUNNERS.items() if kind in how}


def test_every_command_has_something_that_runs_it_and_nothing_is_left_over() -> None:
    said = {command for page in PAGES for command in commands(page.read_text(encoding="utf-8"))}
    assert len(said) > 15
    assert said - RUNNERS.keys() == set()
    assert RUNNERS.keys() - said == set()


def test_commands_are_found_where_they_stand() -> None:
    text = "a\n\n   ```console\n   one -e \\\n     two\n   three\n   ```\n\n    make it\n    not this\n"
    assert commands(text) == ["one -e two", "three", "make it"]


@pytest.mark.parametrize("command", of_kind("story"))
def test_a_story_plays_it(command: str) -> None:
    story = RUNNERS[command]["story"]
    words = shlex.split(command)
    assert words[0] == "ansible-playbook"
    given = dict(words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "-e")
    folder = ROOT / "molecule" / story
    played = [
        ((folder / step[IMPORT]).resolve(), step.get("vars", {}))
        for step in yaml.safe_load((folder / "converge.yml").read_text(encoding="utf-8"))
        if IMPORT in step
    ]
    assert any(
        path == ROOT / words[1] and given.items() <= {k: str(v) for k, v in variables.items()}.items()
        for path, variables in played
    )
    assert re.search(rf"\b{story}\b", (ROOT / "tests" / "run.sh").read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", of_kind("test"))
def test_a_test_plays_it(command: str) -> None:
    how = RUNNERS[command]
    name, function = how["test"].split("::")
    source = (ROOT / name).read_text(encoding="utf-8")
    (found,) = [
        ast.get_source_segment(source, node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    assert found is not None
    for word in how["words"]:
        assert word in command
        assert word in found
    runner, words = next(PLAYED[folder] for folder in PLAYED if name.startswith(folder))
    assert words in (ROOT / runner).read_text(encoding="utf-8")


def test_what_can_be_run_here_does_what_it_says(tmp_path: Path) -> None:
    for name in ("inventories", "playbooks", "roles", "plugins", "meta", "docs", "galaxy.yml", "golive.yml"):
        source = ROOT / name
        if name == "inventories":
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns(".lab"))
        else:
            (tmp_path / name).symlink_to(source)
    for name in ("ansible.cfg", "execution-environment.yml", "bindep.txt", "requirements.yml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".collections" / "ansible_collections" / "dfr").mkdir(parents=True)
    (tmp_path / ".collections" / "ansible_collections" / "dfr" / "golive").symlink_to(tmp_path)
    (tmp_path / "password").write_text("of the vault", encoding="utf-8")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
        "ANSIBLE_VAULT_PASSWORD_FILE": str(tmp_path / "password"),
    }
    for command, how in of_kind("executed").items():
        done = subprocess.run(
            shlex.split(command),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        said = " ".join((done.stdout + done.stderr).split())
        assert (done.returncode != 0) == how.get("fails", False), f"{command}: {said}"
        assert how.get("said", "") in said, command
    secrets = (tmp_path / "inventories/tonga/group_vars/all/secrets.yml").read_text(encoding="utf-8")
    assert secrets.startswith("$ANSIBLE_VAULT")
