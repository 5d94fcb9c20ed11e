# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input: one clear sentence with the variable or host and the remedy, before anything has been changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from variants import Run, Variant, tls_server, world

UNUSED_ADDRESS = "10.28.50.199"
EXPIRED_PORT = 9443


@dataclass(frozen=True)
class Case:
    """One thing wrong.

    Attributes:
        changes: file, dotted path, value.
        sentence, remedy: what the operator must read, all of it.
        renames: file, old text, new text: for misspelt names.
    """

    name: str
    sentence: str
    remedy: str
    changes: tuple[tuple[str, str, object], ...] = ()
    renames: tuple[tuple[str, str, str], ...] = ()


IN_THE_INVENTORY = [
    Case(
        "missing_variable",
        "golive_fqdn is not set.",
        "Add it to group_vars/all/country.yml",
        changes=(("country.yml", "golive_fqdn", ...),),
    ),
    Case(
        "missing_key",
        "golive_databases.production.uuid is not set.",
        "Add it to group_vars/all/databases.yml",
        changes=(("databases.yml", "golive_databases.production.uuid", ...),),
    ),
    Case(
        "missing_secret",
        "golive_databases.staging.password refers to secret_staging_operator, which is not defined.",
        "Define it in group_vars/all/secrets.yml.",
        changes=(("secrets.yml", "secret_staging_operator", ...),),
    ),
    Case(
        "misspelt_variable",
        "golive_databses is not a variable of this collection; did you mean golive_databases?",
        "Correct the name in the inventory",
        renames=(("databases.yml", "golive_databases", "golive_databses"),),
    ),
    Case(
        "misspelt_key",
        "golive_dns.resolver is not an option of golive_dns; did you mean golive_dns.resolvers?",
        "Correct it in group_vars/all/edge.yml",
        renames=(("edge.yml", "resolvers:", "resolver:"),),
    ),
    Case(
        "misspelt_role_variable",
        "check_health_logn is not a variable of this collection; did you mean check_health_login?",
        "Correct the name in the inventory",
        renames=(("users.yml", "check_health_login", "check_health_logn"),),
    ),
    Case(
        "unknown_provider",
        "golive_dns.provider 'route54' is unknown; known are",
        "Choose one of them",
        changes=(("edge.yml", "golive_dns.provider", "route54"),),
    ),
    Case(
        "unknown_kind",
        "golive_legacy.old_registry.kind has to be one of mariadb, not 'oracle'.",
        "Correct it in group_vars/all/legacy.yml.",
        changes=(("legacy.yml", "golive_legacy.old_registry.kind", "oracle"),),
    ),
    Case(
        "unknown_runtime",
        "golive_applications.production.runtime 'podman' is unknown; known are docker",
        "Choose one of them",
        changes=(("applications.yml", "golive_applications.production.runtime", "podman"),),
    ),
    Case(
        "wrong_country",
        "golive_country is tonga, but the inventory is inventories/demo: one of them is of the wrong country.",
        "Choose the right inventory with -i",
        changes=(("country.yml", "golive_country", "tonga"),),
    ),
]

IN_THE_WORLD = [
    Case(
        "wrong_postgresql_password",
        'password authentication failed for user "dfr_golive"',
        "Correct golive_databases.staging.password",
        changes=(("secrets.yml", "secret_staging_operator", "not-the-password"),),
    ),
    Case(
        "wrong_application_role_password",
        'password authentication failed for user "odoo"',
        "Correct golive_databases.production.app_role and app_password",
        changes=(("secrets.yml", "secret_production_app", "not-the-password"),),
    ),
    Case(
        "wrong_mariadb_password",
        "Access denied for user 'dfr_golive'",
        "password and ssl_mode of this source in golive_legacy.",
        changes=(("secrets.yml", "secret_old_registry_operator", "not-the-password"),),
    ),
    Case(
        "wrong_odoo_password",
        "Odoo refused login as admin@http://production-odoo:8069",
        "Correct login and password of golive_applications.production",
        changes=(("secrets.yml", "secret_production_admin", "not-the-password"),),
    ),
    Case(
        "wrong_smoke_password",
        "Odoo refused login as smoke.enumerator@http://staging-odoo:8069",
        "Correct check_health_login and check_health_password",
        changes=(("secrets.yml", "secret_smoke", "not-the-password"),),
    ),
    Case(
        "wrong_tsig_key",
        "dfr-golive.",
        "golive_dns.key_secret",
        changes=(("secrets.yml", "secret_dns_key", "bm90LXRoZS1rZXktb2YtdGhlLWxhYi1jb3VudHJ5ISE="),),
    ),
    Case(
        "wrong_uuid",
        "is not the one the inventory names: its uuid is",
        "This is another database: correct host and database",
        changes=(
            ("databases.yml", "golive_databases.production.uuid", "00000000-0000-4000-8000-000000000000"),
        ),
    ),
    Case(
        "missing_signoff",
        "The sign-off of auditor is missing: there is no signoffs/auditor.yml in the inventory.",
        "Ask auditor for its decision",
        changes=(("country.yml", "preflight_signoff_teams", ["fao", "auditor"]),),
    ),
]


def ids(case: Case) -> str:
    return case.name


@pytest.fixture
def variant(tmp_path: Path) -> Iterator[Variant]:
    made = Variant(tmp_path)
    yield made
    made.remove()


@pytest.fixture
def before() -> dict[str, str]:
    return world()


def apply(variant: Variant, case: Case) -> None:
    for file, path, value in case.changes:
        variant.set(file, path, value)
    for file, old, new in case.renames:
        variant.rename(file, old, new)


def check_nothing_began(variant: Variant, before: dict[str, str]) -> None:
    records = variant.journal()
    assert [record for record in records if record["event"] == "finish"] == []
    assert {record.get("phase") for record in records if record.get("phase")} <= {"preflight"}
    assert world() == before


@pytest.mark.parametrize("case", IN_THE_INVENTORY, ids=ids)
def test_the_inventory_alone_shows_it(case: Case, variant: Variant, before: dict[str, str]) -> None:
    apply(variant, case)
    run = variant.preflight()
    assert run.code != 0, run.output
    assert case.sentence in run.said
    assert case.remedy in run.said
    assert "Take the lock" not in run.output, "no host may have been asked"
    assert variant.journal() == []
    assert world() == before


@pytest.fixture(scope="module")
def all_at_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One run with everything wrong: nothing may hide behind anything else."""
    made = Variant(tmp_path_factory.mktemp("wrong"))
    before = world()
    try:
        for case in IN_THE_WORLD:
            apply(made, case)
        run = made.preflight()
        check_nothing_began(made, before)
        yield run
    finally:
        made.remove()


@pytest.mark.parametrize("case", IN_THE_WORLD, ids=ids)
def test_the_world_shows_it(case: Case, all_at_once: Run) -> None:
    run = all_at_once
    assert run.code != 0, run.output
    assert case.sentence in run.said, run.output
    assert case.remedy in run.said, run.output
    assert "preflight stopped" in run.said


def test_everything_was_checked_before_anything_was_refused(all_at_once: Run) -> None:
    for asked in ("signoff.fao", "clock.production", "door.production", "backup.target", "hypercare.mail"):
        assert asked in all_at_once.output


def test_an_unreachable_host(variant: Variant, before: dict[str, str]) -> None:
    variant.rename("hosts.yml", "10.28.50.11", UNUSED_ADDRESS)
    run = variant.preflight()
    assert run.code != 0, run.output
    assert "The host legacy is unreachable" in run.said
    assert "Check that legacy is up, and its ansible_host" in run.said
    assert "preflight stopped" in run.said
    # The others were asked all the same.
    for asked in ("signoff.fao", "clock.production", "identity.staging", "door.production"):
        assert asked in run.output
    check_nothing_began(variant, before)


def test_a_state_host_that_does_not_answer(variant: Variant, before: dict[str, str]) -> None:
    variant.rename("hosts.yml", "10.28.50.10", UNUSED_ADDRESS)
    run = variant.preflight()
    assert run.code != 0
    assert "ops" in run.said
    assert "unreachable" in run.said.lower()
    assert world() == before


def test_an_expired_certificate(variant: Variant, before: dict[str, str]) -> None:
    variant.set("edge.yml", "golive_proxy.address", "10.28.50.13")
    variant.set("edge.yml", "golive_proxy.port", EXPIRED_PORT)
    variant.set("edge.yml", "golive_dns.new_address", "10.28.50.13")
    with tls_server(EXPIRED_PORT, days=-1):
        run = variant.preflight()
    assert run.code != 0, run.output
    assert "The certificate of dfr.demo.test served at 10.28.50.13:9443 expired on" in run.said
    assert "Install a valid certificate on the proxy" in run.said
    assert "preflight stopped" in run.said
    check_nothing_began(variant, before)
