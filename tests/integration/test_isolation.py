# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine beside the lab, fenced off by its own kernel: before it the lab answers, afterwards nothing leaves it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, sys
sys.path.insert(0, "/collection/.collections")
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._isolation import Target, isolate, knock, prove, run_command
targets = [Target(*one) for one in json.loads(sys.argv[1])]
before = [knock(one.address, one.port) for one in targets]
dry = [gate.verdict.value for gate in isolate(targets, [], dry=True)[1]]
first, gates = isolate(targets, [], dry=False)
again = isolate(targets, [], dry=False)[0]
run_command(["ip", "route", "del", "prohibit", targets[-1].address])
taken_away = prove(targets).detail
print(json.dumps([before, dry, first, [gate.verdict.value for gate in gates], again, taken_away]))
"""
LIVE = [["10.28.50.21", 53, "golive_dns.primary"], ["10.28.50.40", 443, "golive_proxy.address"]]


@pytest.fixture(scope="module")
def told() -> Any:
    inspect = ["docker", "inspect", "--format", "{{.Config.Image}}", "dfrlab-ops"]
    image = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.strip()
    command = ["docker", "run", "--rm", "--label", "dfr.golive.lab=1", "--cap-add", "NET_ADMIN"]
    command += [
        "--network",
        "dfrlab-backbone",
        "--volume",
        f"{ROOT}:/collection:ro",
        "--entrypoint",
        "python3",
        image,
    ]
    done = subprocess.run(
        [*command, "-c", SCRIPT, json.dumps(LIVE)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_before_it_the_lab_answers_and_the_proof_says_so(told: Any) -> None:
    before, dry, *_more = told
    assert (before, dry) == ([0, 0], ["fail", "pass"])


def test_after_it_the_kernel_refuses_and_a_second_time_changes_nothing(told: Any) -> None:
    _before, _dry, first, gates, again, _taken_away = told
    assert (first, gates, again) == (True, ["pass", "pass"], False)


def test_a_fence_that_somebody_took_away_is_missed(told: Any) -> None:
    assert (
        told[-1] == "10.28.50.40 (golive_proxy.address) is live and isn't fenced off from this host: answers."
    )
