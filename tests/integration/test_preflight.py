# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight on the running lab: each gate healthy, broken, and with a broken probe; then the whole phase."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from variants import DEMO, Variant, ask, psql, tls_server, verdicts, world

SECRETS = yaml.safe_load((DEMO / "group_vars" / "all" / "secrets.yml").read_text())
CA = "/etc/ssl/dfr/ca.pem"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ansible")


def database(home: Path, end: str = "staging", **other: Any) -> dict[str, Any]:
    number = {"staging": 1, "production": 2}[end]
    arguments = {
        "name": end,
        "login_host": f"{end}-db",
        "login_user": "dfr_golive",
        "login_password": SECRETS[f"secret_{end}_operator"],
        "database": f"dfr_{end}",
        "ca_cert": CA,
        "uuid": f"5d1f0a52-7c1e-4f0e-9a55-00000000000{number}",
        "app_role": "odoo",
        "app_password": SECRETS[f"secret_{end}_app"],
        "connect_timeout": 3,
    }
    return ask(end, "postgresql_readiness", {**arguments, **other}, home)


@pytest.mark.parametrize("end", ["staging", "production"])
def test_database_healthy(home: Path, end: str) -> None:
    answer = database(home, end)
    assert set(verdicts(answer).values()) == {"pass"}
    assert len(answer["gates"]) == {"staging": 10, "production": 11}[end]
    assert answer["facts"]["modules"]["dfr_registry"]
    assert answer["changed"] is False


@pytest.mark.parametrize(
    ("other", "gate", "verdict"),
    [
        ({"login_password": "wrong"}, "database.staging", "fail"),
        ({"app_password": "wrong"}, "app_login.staging", "fail"),
        ({"uuid": "00000000-0000-4000-8000-000000000000"}, "identity.staging", "fail"),
        ({"database": "postgres"}, "identity.staging", "fail"),
        ({"database": "nowhere"}, "database.staging", "unknown"),
        ({"login_port": 1}, "database.staging", "unknown"),
        ({"login_host": "nowhere.demo.test"}, "database.staging", "unknown"),
        ({"ca_cert": "/etc/hostname"}, "database.staging", "unknown"),
        ({"maintenance_database": "nowhere"}, "rights.staging", "unknown"),
    ],
)
def test_database_broken_and_probe_broken(home: Path, other: dict[str, Any], gate: str, verdict: str) -> None:
    answer = database(home, **other)
    assert verdicts(answer)[gate] == verdict, answer
    assert all(item["remedy"] for item in answer["gates"] if item["verdict"] != "pass")
    for secret in SECRETS.values():
        assert secret not in str(answer["gates"])


@pytest.fixture
def poor_role() -> Iterator[str]:
    """A role that may log in and nothing else."""
    name = "dfr_golive_test_poor"
    psql(
        "staging",
        f"create role {name} login password 'lab-poor'; grant connect on database dfr_staging to {name};",
    )
    yield name
    psql("staging", f"drop owned by {name};", "dfr_staging")
    psql("staging", f"drop owned by {name}; drop role {name};")


def test_every_missing_right_is_a_line_with_its_grant(home: Path, poor_role: str) -> None:
    answer = database(home, login_user=poor_role, login_password="lab-poor")
    seen = verdicts(answer)
    for right in ("createrole", "app_role", "kept", "pg_read_all_data", "pg_signal_backend", "pg_monitor"):
        assert seen[f"rights.staging.{right}"] == "fail"
    grants = [gate["remedy"] for gate in answer["gates"] if gate["name"].startswith("rights.")]
    assert all(poor_role in grant and grant.endswith(";") for grant in grants)
    assert seen["identity.staging"] in ("fail", "unknown"), "no right to read is no identity"


def application(home: Path, **other: Any) -> dict[str, str]:
    arguments = {
        "name": "staging",
        "odoo_url": "http://staging-odoo:8069",
        "odoo_database": "dfr_staging",
        "odoo_login": "admin",
        "odoo_password": SECRETS["secret_staging_admin"],
        "odoo_timeout": 5,
        "smoke_login": "smoke.enumerator",
        "smoke_password": SECRETS["secret_smoke"],
    }
    return verdicts(ask("staging", "odoo_readiness", {**arguments, **other}, home))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({}, {"application.staging": "pass", "smoke.staging": "pass"}),
        ({"odoo_password": "wrong"}, {"application.staging": "fail", "smoke.staging": "pass"}),
        ({"smoke_password": "wrong"}, {"application.staging": "pass", "smoke.staging": "fail"}),
        (
            {"odoo_login": "smoke.enumerator", "odoo_password": SECRETS["secret_smoke"]},
            {"application.staging": "fail", "smoke.staging": "pass"},
        ),
        (
            {"odoo_url": "http://staging-odoo:1"},
            {"application.staging": "unknown", "smoke.staging": "unknown"},
        ),
    ],
    ids=["healthy", "wrong_admin", "wrong_smoke", "no_administrator", "probe_broken"],
)
def test_application(home: Path, other: dict[str, Any], expected: dict[str, str]) -> None:
    assert application(home, **other) == expected


def machine(home: Path, **other: Any) -> dict[str, str]:
    arguments = {
        "name": "production",
        "groups": ["dfr_production"],
        "libraries": {"dfr_production": ["psycopg"]},
        "programs": {"dfr_production": ["pg_dump"]},
        "systems": {"debian": "12"},
    }
    return verdicts(ask("production", "host_readiness", {**arguments, **other}, home))


@pytest.mark.parametrize(
    ("other", "shut"),
    [
        ({}, set()),
        ({"libraries": {"dfr_production": ["no_such_library"]}}, {"libraries.production"}),
        ({"programs": {"dfr_production": ["no-such-program"]}}, {"programs.production"}),
        ({"systems": {"debian": "99"}}, {"system.production"}),
        ({"python": "3.99"}, {"python.production"}),
    ],
)
def test_machine(home: Path, other: dict[str, Any], shut: set[str]) -> None:
    seen = machine(home, **other)
    assert {name for name, verdict in seen.items() if verdict != "pass"} == shut
    assert len(seen) == 5


def test_a_task_without_root_is_told(home: Path) -> None:
    arguments = {"name": "ops", "groups": [], "systems": {"debian": "12"}}
    answer = ask("ops", "host_readiness", {**arguments}, home)
    assert verdicts(answer)["sudo.ops"] == "pass"


def storage(home: Path, **other: Any) -> dict[str, Any]:
    arguments = {
        "name": "staging",
        "vm": "staging",
        "filestore_path": "/srv/dfr/odoo/data/filestore",
        "config_path": "/srv/dfr/odoo/etc/odoo.conf",
        "owner": "100:101",
    }
    return ask("staging", "storage_readiness", {**arguments, **other}, home)


def test_storage(home: Path) -> None:
    healthy = storage(home)
    assert set(verdicts(healthy).values()) == {"pass"}
    assert verdicts(storage(home, owner="0:0"))["storage.staging"] == "fail"
    assert verdicts(storage(home, config_path="/srv/nowhere"))["config.staging"] == "fail"


def door(home: Path, **other: Any) -> str:
    arguments = {"fqdn": "dfr.demo.test", "address": "10.28.50.40", "ca_path": CA, "timeout": 3}
    return verdicts(ask("ops", "door_readiness", {**arguments, **other}, home))["door.production"]


def test_a_closed_door(home: Path) -> None:
    assert door(home) == "pass"


def test_a_door_nobody_stands_behind(home: Path) -> None:
    assert door(home, port=1) == "unknown"
    assert door(home, fqdn="other.demo.test") == "fail", "the certificate is verified"


def test_an_open_door_is_caught(home: Path) -> None:
    with tls_server(9444, days=100):
        assert door(home, address="10.28.50.13", port=9444) == "fail"


@pytest.fixture
def variant(tmp_path: Path) -> Iterator[Variant]:
    made = Variant(tmp_path)
    yield made
    made.remove()


def test_the_whole_phase_then_again_then_with_a_go_withdrawn(variant: Variant) -> None:
    before = world()
    rehearsed = variant.preflight("--check", "--tags", "freeze_legacy,sync_data,switch_dns")
    assert rehearsed.code == 0, rehearsed.output
    assert "Set the fence around staging's PostgreSQL database" in rehearsed.said
    assert "and there it ends. Nothing was changed." in rehearsed.said
    assert "SYNC DATA" not in rehearsed.output
    assert variant.journal() == []
    assert world() == before

    first = variant.preflight()
    assert first.code == 0, first.output
    assert "checks pass." in first.said
    events = [(record["event"], record.get("phase")) for record in variant.journal()]
    assert ("finish", "preflight") in events
    assert "freeze_legacy" not in {phase for _event, phase in events}
    (begin,) = [r for r in variant.journal() if r["event"] == "begin" and r.get("phase") == "preflight"]
    names = [gate["name"] for gate in begin["gates"]]
    assert len(names) > 70
    assert len(names) == len(set(names))
    kept = variant.everything_kept()
    assert "sha256" in kept
    assert "Head of IT operations" in kept

    again = variant.preflight()
    assert again.code == 0, again.output
    assert "host.legacy" not in again.output, "done phases are rechecked, not asked again"
    assert world() == before

    signoff = variant.path / "signoffs" / "fao.yml"
    signoff.write_text(signoff.read_text().replace("decision: go", "decision: no-go"))
    withdrawn = variant.preflight()
    assert withdrawn.code != 0
    assert "fao has withdrawn its go" in withdrawn.said
    assert world() == before


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("preflight_signoff_valid_days", 30, "days old, 30 are allowed."),
        ("preflight_max_skew_seconds", -1.0, "off that of ops"),
    ],
)
def test_limits_are_kept(variant: Variant, path: str, value: Any, sentence: str) -> None:
    variant.set("country.yml", path, value)
    run = variant.preflight()
    assert run.code != 0
    assert sentence in run.said


def test_what_the_night_restarts_is_asked_for(variant: Variant) -> None:
    variant.set("edge.yml", "golive_proxy.unit", "nowhere")
    variant.set("applications.yml", "golive_applications.staging.runtime", "systemd")
    run = variant.preflight()
    assert run.code != 0
    assert "production has no nowhere (docker)." in run.said
    assert "systemd of staging could not be asked for dfrlab-staging-odoo" in run.said
    assert "docker of production has dfrlab-production-odoo." in run.said
