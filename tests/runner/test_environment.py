# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What execution-environment.yml asks for is enough, and is there: shown in an image made of the same packages."""

from __future__ import annotations

from pathlib import Path

import environment
import pytest
import yaml

PLAYBOOKS = [
    "golive.yml",
    *sorted(f"playbooks/{path.name}" for path in (environment.ROOT / "playbooks").glob("*.yml")),
]


def test_the_plan_s_calendar_is_asked_for(tmp_path: Path) -> None:
    asked = environment.context(tmp_path / "context") / "_build" / "requirements.txt"
    assert asked.read_text(encoding="utf-8").split() == ["icalendar>=6"]


def test_every_collection_is_inside_and_no_other() -> None:
    said = environment.inside("ansible-galaxy", "collection", "list", "--format", "yaml")
    found = {
        name
        for folder, collections in yaml.safe_load(said).items()
        if "/_internal/" not in folder
        for name in collections
    }
    asked = yaml.safe_load((environment.ROOT / "requirements.yml").read_text(encoding="utf-8"))["collections"]
    # The last one is what community.docker depends on.
    assert found == {one["name"] for one in asked} | {
        "dfr.golive",
        "community.library_inventory_filtering_v1",
    }


@pytest.mark.parametrize("program", ["ssh", "ssh-keygen", "ssh-agent", "ansible-playbook", "ansible-runner"])
def test_every_program_is_inside(program: str) -> None:
    assert environment.inside("sh", "-c", f"command -v {program}").strip().endswith(f"/{program}")


def test_an_account_that_nobody_knows_has_a_home_and_cannot_write_the_project() -> None:
    said = environment.inside("sh", "-c", "id -u; test -w $HOME; echo $?; test -w /runner/project; echo $?")
    assert said.split() == [environment.UID, "0", "1"]


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_every_playbook_is_read(playbook: str) -> None:
    assert f"playbook: {playbook}" in environment.inside("ansible-playbook", "--syntax-check", playbook)


def test_a_collection_that_is_not_asked_for_is_missed() -> None:
    said = environment.inside(
        "sh",
        "-c",
        "ansible-doc ansible.windows.win_ping 2>&1; ansible-doc community.mysql.mysql_db 2>&1; true",
    )
    assert said.count("not found") >= 2


def test_ansible_navigator_plays_in_it() -> None:
    said = environment.run(
        environment.BIN / "ansible-navigator", "run", "playbooks/status.yml", "-i", "inventories/demo",
        "--execution-environment-image", environment.image(), "--pull-policy", "never", "--container-engine", "docker",
        "--container-options=--network=dfrlab-backbone", "--log-file", "/dev/null",
    )  # fmt: skip
    assert "demo" in said
    assert "failed=0" in said or "STATUS" in said
