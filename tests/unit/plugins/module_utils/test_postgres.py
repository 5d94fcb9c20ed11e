# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _postgres
from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin

LOGIN = PostgresLogin("db", 5432, "op", "s3cret", "prod")


def refused(
    monkeypatch: pytest.MonkeyPatch, why: str, **parameters: str
) -> tuple[ProbeError, dict[str, Any]]:
    """What is said of a connection that is refused, and what was asked for."""
    asked: dict[str, Any] = {}

    def connect(**given: Any) -> None:
        asked.update(given)
        raise psycopg.OperationalError(why)

    monkeypatch.setattr(psycopg, "connect", connect)
    with pytest.raises(ProbeError) as caught, _postgres.connect(LOGIN, **parameters):
        pass
    return caught.value, asked


def test_hidden_rows_are_an_error_in_every_session(monkeypatch: pytest.MonkeyPatch) -> None:
    _error, asked = refused(monkeypatch, "no route")
    assert asked["options"].split() == ["-c", "row_security=off"]
    _error, asked = refused(
        monkeypatch, "no route", options="-c statement_timeout=5s", replication="database"
    )
    assert asked["options"].split() == ["-c", "row_security=off", "-c", "statement_timeout=5s"]
    assert asked["replication"] == "database"


@pytest.mark.parametrize(
    ("why", "remedy"),
    [
        ("connection refused", "Check host, port, database, user and password"),
        ("FATAL: unsupported startup parameter: options", "name the server behind it"),
    ],
)
def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, why: str, remedy: str) -> None:
    error, _asked = refused(monkeypatch, why)
    assert why in error.sentence
    assert "s3cret" not in str(error)
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("version", "admin", "statements"),
    [
        (170004, True, "GRANT odoo TO op WITH ADMIN TRUE, INHERIT TRUE, SET TRUE;"),
        (160000, False, "GRANT odoo TO op WITH INHERIT TRUE;"),
        (150007, True, "GRANT odoo TO op WITH ADMIN OPTION; ALTER ROLE op INHERIT;"),
        (130022, False, "GRANT odoo TO op; ALTER ROLE op INHERIT;"),
    ],
)
def test_membership_in_the_server_s_own_words(version: int, admin: bool, statements: str) -> None:
    assert _postgres.membership("odoo", "op", version, admin=admin) == statements
