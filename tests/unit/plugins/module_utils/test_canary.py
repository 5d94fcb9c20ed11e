# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Only what the fence causes is a refusal; everything else is no answer."""

from __future__ import annotations

import socket
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _canary, _mariadb
from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._knock import Answer
from ansible_collections.dfr.golive.plugins.module_utils._mariadb import MariadbLogin
from ansible_collections.dfr.golive.plugins.module_utils._odoo import OdooLogin, OdooRefusedError
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin

MARIADB = MariadbLogin("h", 3306, "app", "pw", "reg")
POSTGRES = PostgresLogin("h", 5432, "odoo", "pw", "reg")
ODOO = OdooLogin("http://odoo:8069", "reg", "admin", "pw")


class DriverError(Exception):
    """Stands for the driver's own."""


class Driver:
    class err:  # noqa: N801  the driver calls it so
        MySQLError = DriverError


class Server:
    """Answers every statement that starts with a given word with a given error."""

    def __init__(self, **errors: tuple[int, str]) -> None:
        self.errors = errors
        self.said: list[str] = []

    def cursor(self) -> Server:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_args: object) -> None:
        return None

    def execute(self, statement: str, _params: Any = None) -> None:
        self.said.append(statement)
        error = self.errors.get(statement.split()[0])
        if error:
            raise DriverError(*error)

    def fetchall(self) -> list[tuple[str]]:
        return [("id",)]


@pytest.fixture
def mariadb(monkeypatch: pytest.MonkeyPatch) -> Any:
    def play(**errors: tuple[int, str]) -> Server:
        server = Server(**errors)

        @contextmanager
        def connect(_login: MariadbLogin) -> Iterator[Server]:
            yield server

        monkeypatch.setattr(_mariadb, "connect", connect)
        monkeypatch.setattr(_mariadb, "driver", lambda: Driver)
        return server

    return play


def denied(verb: str) -> tuple[int, str]:
    return 1142, f"{verb} command denied to user 'app'@'h' for table `reg`.`farmers`"


def test_a_write_that_would_be_done(mariadb: Any) -> None:
    server = mariadb()
    assert _canary.try_mariadb(MARIADB, "farm`ers").accepted
    assert server.said[-1] == "rollback"
    assert all(
        "where 1 = 0" in said for said in server.said if said.split()[0] in ("insert", "update", "delete")
    )
    assert any("`reg`.`farm``ers`" in said for said in server.said)


def test_a_write_that_is_refused(mariadb: Any) -> None:
    mariadb(insert=denied("INSERT"), update=denied("UPDATE"), delete=denied("DELETE"))
    canary = _canary.try_mariadb(MARIADB, "farmers")
    assert not canary.accepted
    assert "INSERT command denied" in canary.detail


def test_one_way_left_open_is_an_accepted_write(mariadb: Any) -> None:
    mariadb(insert=denied("INSERT"), delete=denied("DELETE"))
    canary = _canary.try_mariadb(MARIADB, "farmers")
    assert canary.accepted
    assert canary.detail.startswith("UPDATE")


@pytest.mark.parametrize(
    "error",
    [
        (1146, "Table 'reg.farmers' doesn't exist"),
        (1142, "SELECT command denied to user 'app'@'h' for table `reg`.`farmers`"),
        (1290, "The MariaDB server is running with the --read-only option"),
        (1205, "Lock wait timeout exceeded"),
        (2013, "Lost connection to server during query"),
    ],
)
def test_another_refusal_proves_nothing(mariadb: Any, error: tuple[int, str]) -> None:
    server = mariadb(insert=error)
    with pytest.raises(ProbeError, match="not for want of a privilege"):
        _canary.try_mariadb(MARIADB, "farmers")
    assert server.said[-1] == "rollback"


def test_a_table_that_is_not_there(mariadb: Any) -> None:
    mariadb(show=(1146, "Table 'reg.farmers' doesn't exist"))
    with pytest.raises(ProbeError, match="canary_table"):
        _canary.try_mariadb(MARIADB, "farmers")


def test_an_account_that_lost_everything_is_refused(mariadb: Any) -> None:
    mariadb(show=denied("SELECT"), insert=denied("INSERT"), delete=denied("DELETE"))
    assert not _canary.try_mariadb(MARIADB, "farmers").accepted


@pytest.mark.parametrize(("sqlstate", "accepted"), [("28000", False), ("42501", False)])
def test_postgres_is_shut(monkeypatch: pytest.MonkeyPatch, sqlstate: str, accepted: bool) -> None:
    monkeypatch.setattr(_canary, "knock", lambda _login: Answer(False, sqlstate, "no"))
    assert _canary.try_postgres(POSTGRES).accepted is accepted


def test_postgres_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_canary, "knock", lambda _login: Answer(True, settings={"in_hot_standby": "off"}))
    assert _canary.try_postgres(POSTGRES).accepted


@pytest.mark.parametrize(
    "answer",
    [
        Answer(False, "53300", "too many connections"),
        Answer(False, "57P03", "the database system is starting up"),
        Answer(False, "3D000", 'database "reg" does not exist'),
        Answer(True, settings={"in_hot_standby": "on"}),
    ],
)
def test_postgres_says_something_else(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    monkeypatch.setattr(_canary, "knock", lambda _login: answer)
    with pytest.raises(ProbeError):
        _canary.try_postgres(POSTGRES)


def odoo(monkeypatch: pytest.MonkeyPatch, *, answer: Any = True, error: Exception | None = None) -> None:
    class Client:
        def call(self, *_args: Any) -> Any:
            return answer

    def connect(_login: OdooLogin) -> Client:
        if error is not None:
            raise error
        return Client()

    monkeypatch.setattr(_canary._odoo, "connect", connect)


def unanswered(cause: BaseException) -> ProbeError:
    error = ProbeError("No usable answer.")
    error.__cause__ = cause
    return error


def test_odoo_lets_create(monkeypatch: pytest.MonkeyPatch) -> None:
    odoo(monkeypatch)
    assert _canary.try_odoo(ODOO, "res.partner").accepted


@pytest.mark.parametrize(
    "error",
    [
        OdooRefusedError(
            'Odoo refused login: connection to server failed: FATAL: role "odoo" is not permitted.'
        ),
        unanswered(urllib.error.HTTPError("u", 500, "m", None, None)),  # type: ignore[arg-type]
        unanswered(urllib.error.URLError(ConnectionRefusedError(111, "refused"))),
        unanswered(urllib.error.URLError(socket.gaierror(socket.EAI_NONAME, "no such name"))),
    ],
)
def test_odoo_without_its_database(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    odoo(monkeypatch, error=error)
    assert not _canary.try_odoo(ODOO, "res.partner").accepted


@pytest.mark.parametrize(
    "error",
    [
        OdooRefusedError("Odoo refused login: Wrong login ID or password."),
        unanswered(urllib.error.HTTPError("u", 404, "m", None, None)),  # type: ignore[arg-type]
        unanswered(TimeoutError()),
        unanswered(ConnectionResetError()),
        unanswered(urllib.error.URLError(socket.gaierror(socket.EAI_AGAIN, "try again"))),
        ProbeError("No usable answer."),
    ],
)
def test_odoo_gives_no_answer(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    odoo(monkeypatch, error=error)
    with pytest.raises(ProbeError):
        _canary.try_odoo(ODOO, "res.partner")


def test_a_login_that_may_not_create_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    odoo(monkeypatch, answer=False)
    with pytest.raises(ProbeError, match="may not create"):
        _canary.try_odoo(ODOO, "res.partner")
