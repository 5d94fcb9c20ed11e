# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole plan rehearsed on a clone of the running lab, which itself must not notice."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import testinfra
from outside import NAME_SERVERS, PHASES, addresses, container, mariadb, psql, report

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
HOSTS = ("ops", "legacy", "staging", "production")
BOOK = "/var/lib/dfr-golive/demo-rehearsals/journal.jsonl"
PRODUCTION = "10.28.50.40"
REHEARSAL = "inventories/demo-rehearsal"


def live() -> dict[str, Any]:
    """What a rehearsal could spoil in the live country: its name, its fences, its switches, its journal, its mail."""
    switches = "select (select count(*) from ir_cron where active), (select count(*) from ir_mail_server where active)"
    return {
        "name": {server: addresses(server) for server in NAME_SERVERS},
        "staging": psql("staging", "dfr_staging", switches),
        "databases": psql(
            "production", "postgres", "select datname, datallowconn from pg_database order by 1"
        ),
        "logins": {
            side: psql(side, "postgres", "select rolname, rolcanlogin, rolconnlimit from pg_roles order by 1")
            for side in ("staging", "production")
        },
        "legacy": mariadb("select @@read_only, count(*) from mysql.user"),
        "journals": container("ops").check_output(
            "find /var/lib/dfr-golive -name journal.jsonl ! -path %s -exec sha256sum {} +", BOOK
        ),
    }


def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def night() -> dict[str, Any]:
    """Both sides of a rehearsal and its way back: the live country before and after it, and the reports."""
    run(BIN / "ansible-playbook", "playbooks/prepare.yml")
    before = live()
    run("make", "rehearse")
    gone_live = report("demo-rehearsal")
    back = "-e golive_reason='the rehearsal is over' -e golive_approver='head of IT'"
    run(BIN / "ansible-playbook", "playbooks/rollback.yml", "-i", REHEARSAL, *shlex.split(back))
    return {"before": before, "after": live(), "live": gone_live, "back": report("demo-rehearsal")}


def test_it_went_through_every_phase(night: dict[str, Any]) -> None:
    assert (night["live"]["mode"], night["live"]["outcome"]) == ("rehearsal", "live")
    assert [phase["name"] for phase in night["live"]["phases"]] == list(PHASES)
    assert night["back"]["outcome"] == "rolled_back"


def test_the_live_country_did_not_notice(night: dict[str, Any]) -> None:
    assert night["after"] == night["before"]


@pytest.mark.parametrize("host", HOSTS)
def test_each_host_of_the_clone_is_refused_by_its_own_kernel(night: dict[str, Any], host: str) -> None:
    clone = testinfra.get_host(f"docker://dfrtrial-{host}")
    fenced = clone.check_output("ip route show type prohibit")
    for address in (*NAME_SERVERS.values(), PRODUCTION):
        assert address in fenced
        assert clone.run(f"bash -c 'exec 3<>/dev/tcp/{address}/443'").rc != 0


def test_what_it_came_to_is_kept_beside_the_live_journal(night: dict[str, Any]) -> None:
    kept = json.loads(container("ops").check_output("tail -n 1 %s", BOOK))["rehearsal"]
    assert kept["passed"]
    assert set(kept["steps"]) == {"clone", *PHASES}
    assert kept["run_id"] == night["live"]["run_id"]


@pytest.mark.usefixtures("night")
def test_the_country_is_armed_by_it() -> None:
    asked = ["--check", "-e", "golive_until=preflight", "-e", "preflight_rehearsal_days=1"]
    said = run(BIN / "ansible-playbook", "golive.yml", *asked)
    assert re.search(r"pass +rehearsal ", said, re.IGNORECASE), said[-5000:]
