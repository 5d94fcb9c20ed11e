# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""check_health's module against staging's Odoo, which has people and farmers: healthy, broken, probe broken."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from datalab import connected, module
from odoolab import logins, verdicts


@pytest.fixture(scope="module", autouse=True)
def nobody_else_registers() -> Iterator[None]:
    """The probe counts farmers before and after: as in production behind its closed door, nobody adds any."""
    for action in ("stop", "start"):
        subprocess.run(["docker", "exec", "dfrlab-staging", "/dfrlab/parts/writer.sh", action], check=True)
        if action == "stop":
            yield


def health(scope: str, *, check: bool = False, **other: Any) -> Any:
    args = logins("staging") | {
        "scope": scope,
        "smoke_login": "smoke.enumerator",
        "smoke_password": "lab-smoke-enumerator",
        "registration": {"model": "dfr.farmer", "values": {"name": "Go-live probe", "village": "Probe"}},
        "api_samples": 8,
        "api_parallel": 2,
        "page_samples": 2,
        "page_seconds": 20,
        "api_p95_seconds": 10,
    }
    return module("odoo_health", args | other, check=check)


def probes() -> int:
    with connected("staging", "dfr_staging") as conn:
        row = conn.execute("select count(*) from dfr_farmer where code like 'GOLIVE-PROBE-%'").fetchone()
    assert row is not None
    return int(row[0])


def test_healthy() -> None:
    assert set(verdicts(health("gate")).values()) == {"pass"}
    with connected("staging", "dfr_staging") as conn:
        conn.execute(
            "insert into dfr_farmer (name, code, status) values ('left', 'GOLIVE-PROBE-crashed', 'draft')"
        )
    answer = health("full")
    assert "evidence" in answer, answer
    evidence = answer["evidence"]
    assert evidence["checks"] == 12
    assert evidence["registration"]["leftovers_removed"] == 1
    assert evidence["api"]["samples"] == 8
    assert probes() == 0
    assert health("quick")["evidence"] == {"checks": 2}


def test_check_mode_registers_nothing() -> None:
    evidence = health("full", check=True)["evidence"]
    assert "registration" not in evidence
    assert evidence["checks"] == 11


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"page_seconds": 0.0}, "page./web/login is"),
        ({"api_p95_seconds": 0.0}, "api.search is"),
        ({"connections_percent": 0.0}, "database.connections is"),
        ({"pages": ["/no-such-page"]}, "page./no-such-page"),
        ({"smoke_password": "wrong"}, "smoke.enumerator"),
        ({"expected_uuid": "00000000-0000-4000-8000-000000000000"}, "identity"),
        ({"registration": {"model": "dfr.farmer", "values": {"status": "odd", "name": "x"}}}, "dfr.farmer"),
        (
            {"registration": {"model": "res.partner", "code_field": "ref", "values": {"name": "x"}}},
            "res.partner",
        ),
    ],
)
def test_broken(other: dict[str, Any], says: str) -> None:
    result = health("full", **other)
    assert result["failed"]
    assert says in result["msg"]
    assert "lab-smoke-enumerator" not in str(result)
    assert probes() == 0


@pytest.mark.parametrize(
    ("other", "gate", "verdict"),
    [
        ({"odoo_url": "http://staging-odoo:9"}, "app.answers", "unknown"),
        ({"odoo_url": "http://no-such-host:8069"}, "app.answers", "unknown"),
        ({"login_password": "wrong"}, "database.identity", "unknown"),
        ({"expected_uuid": "00000000-0000-4000-8000-000000000000"}, "database.identity", "fail"),
    ],
)
def test_gate_broken(other: dict[str, Any], gate: str, verdict: str) -> None:
    assert verdicts(health("gate", **other))[gate] == verdict


def test_a_hanging_application_runs_into_the_limit() -> None:
    subprocess.run(["docker", "pause", "dfrlab-staging-odoo"], check=True, capture_output=True)
    try:
        result = health("quick", odoo_timeout=1)
    finally:
        subprocess.run(["docker", "unpause", "dfrlab-staging-odoo"], check=True, capture_output=True)
    assert result["failed"]
    assert "within 1 s" in result["msg"]
