# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/awx.yml against a stand-in for AWX's API. No real AWX has been asked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import awx_server
import pytest
import yaml
from awx_server import Awx

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
INVENTORY = ROOT / "inventories" / "template"
PLAYBOOKS = {str(path.relative_to(ROOT)) for path in (ROOT / "playbooks").glob("*.yml")} | {"golive.yml"}


class Controller:
    """The machine that the playbook is run on, and the AWX it talks to."""

    def __init__(self) -> None:
        self.awx = Awx(PLAYBOOKS)
        self.server = awx_server.serve(self.awx)
        self.awx.make("organizations", {"name": "Default"})
        machine = self.awx.make(
            "credential_types", {"name": "Machine", "kind": "ssh", "inputs": {"fields": []}}
        )
        self.awx.make("credentials", {"name": "key of ops", "credential_type": machine["id"], "inputs": {}})
        self.before = self.awx.names()

    def play(self, *extra: str, token: str = awx_server.TOKEN, ok: bool = True) -> str:
        given = {
            "awx_objects_scm_url": "https://git.example/golive.git",
            "awx_objects_credentials": ["key of ops"],
            "golive_country": "tonga",
        }
        done = subprocess.run(
            [BIN / "ansible-playbook", "playbooks/awx.yml", "-i", INVENTORY, "-e", json.dumps(given), *extra],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
                "CONTROLLER_HOST": f"http://127.0.0.1:{self.server.server_port}",
                "CONTROLLER_OAUTH_TOKEN": token,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert (done.returncode == 0) == ok, done.stdout[-5000:] + done.stderr[-2000:]
        return done.stdout


@pytest.fixture(scope="module")
def controller() -> Iterator[Controller]:
    made = Controller()
    yield made
    made.server.shutdown()


def test_a_wrong_token_says_a_sentence_and_writes_nothing(controller: Controller) -> None:
    said = controller.play(token="another", ok=False)
    assert "(HTTP 401). Set CONTROLLER_HOST and CONTROLLER_OAUTH_TOKEN" in re.sub(r"\s+", " ", said)
    assert controller.awx.writes == []


def test_everything_is_made(controller: Controller) -> None:
    controller.play()
    names = controller.awx.names()
    assert len(names["job_templates"]) == 7
    assert len(names["workflow_job_template_nodes"]) == 9
    assert len(names["workflow_approval_templates"]) == 3
    assert names["inventory_sources"] == ["DFR tonga"]
    until = {
        one["name"]: json.loads(one["extra_vars"]).get("golive_until")
        for one in controller.awx.objects["job_templates"].values()
    }
    assert until["DFR tonga: freeze to backup"] == "backup_database"
    assert until["DFR tonga: hypercare"] is None


def test_the_workflow_goes_from_one_to_the_next_and_back_on_failure(controller: Controller) -> None:
    awx = controller.awx
    nodes = awx.objects["workflow_job_template_nodes"]

    def after(name: str, how: str) -> list[str]:
        number = awx.named("workflow_job_template_nodes", name)["id"]
        return [nodes[each]["identifier"] for each in awx.lists.get((number, how), [])]

    path = ["preflight"]
    while following := after(path[-1], "success_nodes"):
        path += following
    assert path == [
        "preflight",
        "may-prepare",
        "prepare",
        "may-freeze",
        "freeze-to-backup",
        "may-switch",
        "dns-to-users",
        "hypercare",
    ]
    back = {name for name in path if after(name, "failure_nodes") == ["rollback"]}
    assert back == {"freeze-to-backup", "may-switch", "dns-to-users"}


def test_secrets_reach_jobs_by_credentials_that_all_templates_have(controller: Controller) -> None:
    awx = controller.awx
    secrets = yaml.safe_load((INVENTORY / "group_vars/all/secrets.yml").read_text(encoding="utf-8"))
    kept = {}
    for one in awx.objects["credentials"].values():
        kept.update(one["inputs"])
    assert kept == secrets
    injected: dict[str, str] = {}
    for kind in awx.objects["credential_types"].values():
        injected.update(kind.get("injectors", {}).get("extra_vars", {}))
    assert injected == {name: "{{ " + name + " }}" for name in secrets}
    for one in awx.objects["job_templates"].values():
        assert len(awx.lists[(one["id"], "credentials")]) == 3


def test_a_second_time_nothing_changes(controller: Controller) -> None:
    controller.awx.writes.clear()
    assert re.search(r"localhost\s+: ok=\d+\s+changed=0 ", controller.play())
    assert controller.awx.writes == []


def test_what_somebody_changed_is_put_right(controller: Controller) -> None:
    template = controller.awx.named("job_templates", "DFR tonga: freeze to backup")
    template["playbook"] = "playbooks/status.yml"
    controller.play()
    assert template["playbook"] == "golive.yml"


def test_it_is_removed_without_a_trace_and_removed_again_without_a_complaint(controller: Controller) -> None:
    controller.play("-e", "awx_objects_state=absent")
    assert controller.awx.names() == controller.before
    assert "changed=0" in controller.play("-e", "awx_objects_state=absent")
