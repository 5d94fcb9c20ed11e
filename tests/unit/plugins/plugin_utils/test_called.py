# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._phases import WINDOW
from ansible_collections.dfr.golive.plugins.plugin_utils._called import called

ROLES = Path(__file__).resolve().parents[4] / "roles"
PROVIDER, RUNTIME = "golive_dns.provider", "golive_applications.production.runtime"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def write(roles: Path, name: str, tasks: str) -> None:
    role, file = name.split("/", 1)
    path = roles / role / "tasks" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tasks, encoding="utf-8")


@pytest.fixture
def roles(tmp_path: Path) -> Path:
    write(
        tmp_path,
        "freeze/main.yml",
        """
- vars: {golive_phase: freeze}
  block:
    - {name: Gate, ansible.builtin.import_tasks: gate.yml, when: not again}
    - name: Lock
      ansible.builtin.include_role: {name: dfr.golive.shared, tasks_from: 'kinds/{{ kind }}/lock.yml'}
    - {name: Come back, ansible.builtin.include_tasks: {file: main.yml}}
  rescue:
    - {name: Stop, dfr.golive.stopped: {}}
  always:
    - {name: Clean, ansible.builtin.command: {cmd: 'true'}}
""",
    )
    write(
        tmp_path,
        "freeze/gate.yml",
        "- {name: Ask, dfr.golive.asked: {}}\n- {name: Ask, dfr.golive.asked: {}}",
    )
    write(
        tmp_path,
        "shared/kinds/a/lock.yml",
        "- {name: Lock, community.docker.locked: {}, register: this.that}",
    )
    write(tmp_path, "shared/kinds/b/lock.yml", "")
    return tmp_path


def test_files_are_followed_and_what_only_a_rescue_calls_is_not(roles: Path) -> None:
    found = called(roles, ["freeze"], {"kind": "a"}, read)
    assert found == ["ansible.builtin.command", "community.docker.locked", "dfr.golive.asked"]


def test_what_the_inventory_chose_decides(roles: Path) -> None:
    assert called(roles, ["freeze"], {"kind": "b"}, read) == ["ansible.builtin.command", "dfr.golive.asked"]


def test_an_expression_that_nobody_chose_is_named(roles: Path) -> None:
    with pytest.raises(GoliveError, match="depends on kind"):
        called(roles, ["freeze"], {}, read)


@pytest.mark.parametrize("provider", ["manual", "nsupdate"])
@pytest.mark.parametrize("runtime", ["docker", "systemd"])
def test_the_window_of_this_collection_can_be_followed(provider: str, runtime: str) -> None:
    found = called(
        ROLES,
        WINDOW,
        {PROVIDER: provider, RUNTIME: runtime},
        lambda path: DataLoader().load_from_file(str(path)),
    )
    assert {"dfr.golive.journal", "dfr.golive.sync_database", "dfr.golive.backup_verify"} <= set(found)
    assert ("community.general.nsupdate" in found) == (provider == "nsupdate")
    assert ("community.docker.docker_container" in found) == (runtime == "docker")
    assert "dfr.golive.sync_undo" not in found
