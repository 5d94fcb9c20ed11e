# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _ready_postgres
from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Verdict
from ansible_collections.dfr.golive.plugins.module_utils._ready_postgres import Role

EVERYTHING: dict[str, Any] = {
    "server_version": 170004,
    "name": "dfr_golive",
    "superuser": False,
    "createdb": True,
    "createrole": True,
    "memberships": {"odoo": True, "pg_read_all_data": True, "pg_signal_backend": True, "pg_monitor": True},
    "admin": True,
    "can_set": True,
    "keeps": True,
}


def shut(end: str = "production", **other: Any) -> dict[str, str]:
    """The rights that lack, with their remedies."""
    gates = _ready_postgres.rights(end, Role(**{**EVERYTHING, **other}), "odoo", "postgres")
    assert len(gates) == (7 if end == "production" else 6)
    return {gate.name: gate.remedy for gate in gates if not gate.open}


def test_an_operator_with_every_right() -> None:
    assert shut() == {}
    assert shut("staging") == {}


def test_a_superuser_needs_nothing_else() -> None:
    assert (
        shut(superuser=True, createdb=False, createrole=False, memberships={}, admin=False, keeps=False) == {}
    )


@pytest.mark.parametrize(
    ("other", "name", "grant"),
    [
        ({"createdb": False}, "createdb", "ALTER ROLE dfr_golive CREATEDB;"),
        ({"createrole": False}, "createrole", "ALTER ROLE dfr_golive CREATEROLE;"),
        ({"admin": False}, "app_role", "GRANT odoo TO dfr_golive WITH ADMIN TRUE"),
        ({"can_set": False}, "app_role", "SET TRUE"),
        (
            {"admin": False, "server_version": 150007},
            "app_role",
            "WITH ADMIN OPTION; ALTER ROLE dfr_golive INHERIT;",
        ),
        ({"keeps": False}, "kept", "GRANT CREATE ON DATABASE postgres TO dfr_golive;"),
    ],
)
def test_each_right_that_lacks_is_a_line_of_its_own(other: dict[str, Any], name: str, grant: str) -> None:
    found = shut(**other)
    assert list(found) == [f"rights.production.{name}"]
    assert grant in found[f"rights.production.{name}"]


@pytest.mark.parametrize("role", ["pg_read_all_data", "pg_signal_backend", "pg_monitor"])
@pytest.mark.parametrize("held", [None, False])
def test_each_membership_that_lacks_or_is_not_inherited(role: str, held: bool | None) -> None:
    memberships = {**EVERYTHING["memberships"], role: held}
    if held is None:
        del memberships[role]
    assert shut(memberships=memberships) == {
        f"rights.production.{role}": f"As a superuser there: GRANT {role} TO dfr_golive WITH INHERIT TRUE;"
    }
    assert shut(memberships=memberships, server_version=140000) == {
        f"rights.production.{role}": f"As a superuser there: GRANT {role} TO dfr_golive; ALTER ROLE dfr_golive INHERIT;"
    }


def test_a_right_that_an_old_server_cannot_give() -> None:
    memberships = {**EVERYTHING["memberships"], "pg_read_all_data": False}
    found = shut(memberships=memberships, server_version=130022)
    assert list(found) == ["rights.production.pg_read_all_data"]
    assert "ALTER ROLE dfr_golive SUPERUSER;" in found["rights.production.pg_read_all_data"]


def test_staging_makes_no_database() -> None:
    assert shut("staging", createdb=False) == {}


@pytest.mark.parametrize(
    ("sentence", "verdict", "named"),
    [
        ('password authentication failed for user "dfr_golive"', Verdict.FAIL, ".password"),
        ("could not translate host name", Verdict.UNKNOWN, "host, port, database"),
    ],
)
def test_a_wrong_password_is_a_clear_no(sentence: str, verdict: Verdict, named: str) -> None:
    gate = _ready_postgres.login_gate("staging", ProbeError(sentence))
    assert gate.name == "database.staging"
    assert gate.verdict is verdict
    assert "golive_databases.staging" in gate.remedy
    assert named in gate.remedy
