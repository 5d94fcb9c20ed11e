# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.dfr.golive.plugins.action.check_inventory import (
    ROLES,
    ActionModule,
    read_providers,
    read_runtimes,
    read_specs,
    undefined_reason,
)

ROOT = Path(__file__).resolve().parents[4]
PLAY = """
- hosts: golive_state
  gather_facts: false
  tasks:
    - dfr.golive.check_inventory:
      check_mode: true
      delegate_to: localhost
      become: false
"""


def test_the_specs_of_this_collection_are_found() -> None:
    specs = read_specs(ROLES)
    assert "golive_databases" in specs["golive"]["open"]
    assert "preflight_signoff_teams" in specs["preflight"]["main"]
    assert "docker" in read_runtimes(ROLES)
    assert "nsupdate" in read_providers(ROLES)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("'secret_x' is undefined", "refers to secret_x, which is not defined"),
        ("boom: object of type 'dict' has no attribute 'port'", "refers to port, which is not defined"),
        ("{{ 'hunter2' | nonsense }} failed", "can't be computed"),
    ],
)
def test_only_the_missing_name_is_repeated(message: str, expected: str) -> None:
    assert undefined_reason(ValueError(message)) == expected


@pytest.mark.parametrize(
    ("directory", "folder"),
    [("/a/inventories/tonga", "tonga"), ("/runner/inventory", ""), ("", ""), (None, "")],
)
def test_the_folder_counts_where_countries_lie(directory: str | None, folder: str) -> None:
    assert ActionModule.folder({"inventory_dir": directory}) == folder


def run(tmp_path: Path, inventory: Path, *arguments: str) -> tuple[int, str]:
    play = tmp_path / "play.yml"
    play.write_text(PLAY)
    result = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, play, *arguments],
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_HOME": str(tmp_path / "home"),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout + result.stderr


def test_the_lab_country_is_complete_and_read_fast(tmp_path: Path) -> None:
    start = time.monotonic()
    code, output = run(tmp_path, ROOT / "inventories" / "demo")
    assert code == 0, output
    assert time.monotonic() - start < 10, "far more than a second, even on a busy machine"


def test_the_template_asks_for_every_value_it_leaves_open(tmp_path: Path) -> None:
    code, output = run(tmp_path, ROOT / "inventories" / "template")
    assert code == 2, output
    names = [
        f"{'.'.join(path)}"
        for file in (ROOT / "inventories" / "template" / "group_vars" / "all").glob("*.yml")
        if file.name != "secrets.yml"
        for path in placeholders(yaml.safe_load(file.read_text()) or {})
    ]
    assert len(names) > 20
    for name in names:
        assert name in output, name
    assert "The host ops still has the ansible_host CHANGE-ME." in output


def placeholders(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in placeholders(item, (*path, str(key)))]
    return [path] if value == "CHANGE-ME" else []


def test_a_secret_nobody_defined_is_named_and_no_other_is_shown(tmp_path: Path) -> None:
    undefined = json.dumps(
        {"secret_staging_app": "{{ nowhere_to_be_found }}", "secret_dns_key": "canary-9f31!"}
    )
    code, output = run(tmp_path, ROOT / "inventories" / "demo", "-vvvv", "-e", undefined)
    assert code == 2
    assert (
        "golive_databases.staging.app_password refers to nowhere_to_be_found, which is not defined." in output
    )
    assert "golive_dns.key_secret is not base64" in output
    assert "has 2 problems" in output
    told = output.replace(undefined, "")
    assert "canary-9f31" not in told
    assert "lab-staging-operator" not in told


REHEARSAL = ROOT / "inventories" / "demo-rehearsal"


def test_the_labs_rehearsal_shares_nothing_with_the_lab(tmp_path: Path) -> None:
    code, output = run(tmp_path, REHEARSAL)
    assert code == 0, output


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (
            {"golive_fqdn": "dfr.demo.test"},
            "golive_fqdn is dfr.demo.test, which is golive_fqdn of the live country",
        ),
        (
            {"ansible_host": "10.28.50.13"},
            "ansible_host of production is 10.28.50.13, which is ansible_host of production of the live country",
        ),
        ({"golive_rehearsal_of": "/nowhere"}, "nothing proves that it is apart"),
        ({"golive_mode": "live"}, "golive_mode is live in an inventory that rehearses"),
    ],
)
def test_a_rehearsal_that_could_touch_what_is_live_is_refused(
    tmp_path: Path, given: dict[str, Any], refusal: str
) -> None:
    code, output = run(tmp_path, REHEARSAL, "-e", json.dumps(given))
    assert code == 2
    assert refusal in " ".join(output.split())
