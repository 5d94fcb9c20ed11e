# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that other tools read: ansible-builder and ansible-navigator take them as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def load(name: str) -> dict[str, object]:
    content: dict[str, object] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return content


def create(definition: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [BIN / "ansible-builder", "create", "--file", definition, "--context", folder]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder.parent, timeout=60)


def test_ansible_builder_takes_the_execution_environment(tmp_path: Path) -> None:
    done = create(ROOT / "execution-environment.yml", tmp_path / "context")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("requirements.yml", "bindep.txt"):
        built = (tmp_path / "context" / "_build" / name).read_text(encoding="utf-8")
        assert built == (ROOT / name).read_text(encoding="utf-8")


def test_ansible_builder_would_say_so_if_it_did_not(tmp_path: Path) -> None:
    broken = tmp_path / "execution-environment.yml"
    broken.write_text(
        yaml.safe_dump({**load("execution-environment.yml"), "dependences": {}}), encoding="utf-8"
    )
    assert create(broken, tmp_path / "context").returncode != 0


def test_the_collection_asks_for_no_python_library_and_for_the_same_programs() -> None:
    asked = load("meta/execution-environment.yml")["dependencies"]
    environment = load("execution-environment.yml")["dependencies"]
    assert isinstance(asked, dict)
    assert isinstance(environment, dict)
    assert asked == {"system": "bindep.txt"}
    assert environment["system"] == "bindep.txt"
    assert environment["galaxy"] == "requirements.yml"


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """ansible-navigator's own, which it prints."""
    command = [BIN / "ansible-navigator", "settings", "--schema", "json", "--ee", "false", "--mode", "stdout"]
    folder = tmp_path_factory.mktemp("navigator")  # its log goes where it is run
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=folder, env=environment, timeout=60
    )
    content: dict[str, object] = json.loads(done.stdout)
    return content


def test_ansible_navigator_takes_its_settings(schema: dict[str, object]) -> None:
    jsonschema.validate(load("ansible-navigator.yml"), schema)


def test_its_schema_would_say_so_if_it_did_not(schema: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"ansible-navigator": {"execution-environment": {"image": 3}}}, schema)
