# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run holds for people: they sign with the command it shows, and it goes on; or one of them refuses. No lab."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from paper_country import CRITERIA, make_keys
from test_spine import ROOT, Country, build, wait_for

PEOPLE = ("head-of-it", "deputy-of-it")
SIGNOFF = ROOT / "roles" / "preflight" / "files" / "signoff.py"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def country(tmp_path: Path, keys: Path) -> Country:
    made = build(tmp_path)
    inventory = made.folder / "inventories" / made.code
    (inventory / "group_vars").mkdir()
    holds = {"lock_config": {"teams": ["national_it"], "limit_minutes": 5}}
    (inventory / "group_vars" / "all.yml").write_text(yaml.safe_dump({"golive_holds": holds}))
    (inventory / "signoffs").mkdir()
    (inventory / "signoffs" / "criteria.yml").write_text(yaml.safe_dump(CRITERIA))
    lines = [f"{person} {(keys / f'{person}.pub').read_text()}" for person in PEOPLE]
    (inventory / "signoffs" / "allowed_signers").write_text("".join(lines))
    return made


def sign_when_asked(
    country: Country, keys: Path, *more: str, meanwhile: Callable[[], None] = lambda: None
) -> threading.Thread:
    """As the people do: wait until the run holds, then sign what its journal says it asked."""

    def people() -> None:
        wait_for(lambda: (country.state / "journal.jsonl").exists() and held(country))
        meanwhile()
        record = next(record for record in country.records if record["event"] == "hold_begin")
        for person in PEOPLE:
            command = [sys.executable, str(SIGNOFF), "hold", "--inventory"]
            command += [str(country.folder / "inventories" / country.code), "--run", record["run_id"]]
            command += ["--phase", record["phase"], "--basis", record["hash"], "--as", person]
            subprocess.run([*command, "--key", str(keys / person), "--yes", *more], check=True)

    thread = threading.Thread(target=people)
    thread.start()
    return thread


def held(country: Country) -> bool:
    return any(record["event"] == "hold_begin" for record in country.records)


def test_a_run_holds_until_they_have_signed_and_counts_their_seconds(country: Country, keys: Path) -> None:
    people = sign_when_asked(country, keys)
    said = country.golive("-e", "golive_until=lock_config")
    people.join()
    assert re.search(r"HOLD before lock_config .* missing: National IT has 0 of 2", said)
    events = [record["event"] for record in country.records if record["phase"] == "lock_config"]
    assert events == ["hold_begin", "hold_finish", "begin", "finish"]
    released = next(record for record in country.records if record["event"] == "hold_finish")
    assert [one["signer"] for one in released["result"]["approvals"]] == ["deputy-of-it", "head-of-it"]
    window = country.report["freeze_window"]
    phase = country.report["phases"][3]
    assert window["human_seconds"] == phase["human_seconds"] > 0

    said = country.golive("-e", "golive_until=check_health")
    assert "HOLD" not in said


def test_a_refusal_stops_the_run_before_the_phase_and_the_next_run_asks_again(
    country: Country, keys: Path
) -> None:
    people = sign_when_asked(country, keys, "--no-go", "Hectares differ")
    said = country.golive(ok=False)
    people.join()
    assert "no-go for National IT: Hectares differ" in said
    assert "apply lock_config" not in country.log
    inventory = country.folder / "inventories" / country.code
    for path in (inventory / "signoffs" / "holds").rglob("*.json*"):
        path.unlink()
    people = sign_when_asked(country, keys)
    country.golive("-e", "golive_until=lock_config")
    people.join()
    assert "applied lock_config" in country.log


def test_the_gates_are_asked_again_behind_a_hold(country: Country, keys: Path) -> None:
    people = sign_when_asked(country, keys, meanwhile=(country.world / "closed_lock_config").touch)
    said = country.golive(ok=False)
    people.join()
    assert "world.lock_config" in said
    events = [record["event"] for record in country.records if record["phase"] == "lock_config"]
    assert events[:3] == ["hold_begin", "hold_finish", "refused"]
    assert "apply lock_config" not in country.log
