# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Canaries: a write tried as the application would do it, that leaves nothing behind whatever becomes of it.

Only a refusal that the fence causes counts as refused. Not being reached, a wrong password, a missing table
or a server in recovery are no answer (`ProbeError`).
"""

from __future__ import annotations

import socket
import urllib.error
from dataclasses import dataclass
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _mariadb, _odoo
from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._knock import knock
from ansible_collections.dfr.golive.plugins.module_utils._mariadb import MariadbLogin, identifier
from ansible_collections.dfr.golive.plugins.module_utils._odoo import OdooLogin, OdooRefusedError
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin

# MariaDB: no right in this database, on this table, on this column.
_NO_RIGHT = (1044, 1142, 1143)

# PostgreSQL: the role may not log in; it may not connect to this database.
_SHUT_OUT = ("28000", "42501")

# What PostgreSQL's refusal looks like once it has gone through an application.
_DATABASE_REFUSED = ("FATAL", "connection to server", "permission denied for database", "not permitted to")


@dataclass(frozen=True)
class Canary:
    """What became of a tried write.

    Attributes:
        accepted: it would have been done.
        detail: by what it was refused, or what was tried.
    """

    accepted: bool
    detail: str


def try_mariadb(login: MariadbLogin, table: str) -> Canary:
    """Insert, update and delete no row of ``table``: the right to is checked before any row is looked for.

    One accepted statement is an accepted write.

    Raises:
        ProbeError: no connection, no such table, or a refusal that isn't about privileges.
    """
    name = f"{identifier(login.database)}.{identifier(table)}"  # quoted, so it may stand in a statement
    with _mariadb.connect(login) as conn:
        tries = {
            "INSERT": f"insert into {name} select * from {name} where 1 = 0",  # noqa: S608
            "DELETE": f"delete from {name} where 1 = 0",  # noqa: S608
        }
        column = _first_column(conn, name)
        if column:
            tries["UPDATE"] = f"update {name} set {column} = {column} where 1 = 0"  # noqa: S608
        _mariadb.run(conn, "start transaction")
        try:
            refusals = {verb: _attempt(conn, verb, statement, login) for verb, statement in tries.items()}
        finally:
            _mariadb.run(conn, "rollback")
    accepted = sorted(verb for verb, refusal in refusals.items() if not refusal)
    if accepted:
        return Canary(True, f"{', '.join(accepted)} on {login.database}.{table} as {login.user} is accepted")
    return Canary(False, refusals["INSERT"])


def _first_column(conn: Any, name: str) -> str:
    """A column to set to itself; none when the account may not even see the table."""
    try:
        found = _mariadb.rows(conn, f"show columns from {name}")
    except _mariadb.driver().err.MySQLError as exc:
        if _mariadb.error_code(exc) in _NO_RIGHT:
            return ""
        raise ProbeError(
            f"The canary can't look at the table {name}: {one_line(exc.args[-1])}.",
            remedy="Check canary_table of this source.",
        ) from exc
    return identifier(str(found[0][0])) if found else ""


def _attempt(conn: Any, verb: str, statement: str, login: MariadbLogin) -> str:
    """Why the statement was refused; empty when it wasn't."""
    try:
        _mariadb.run(conn, statement)
    except _mariadb.driver().err.MySQLError as exc:
        code, message = _mariadb.error_code(exc), one_line(exc.args[-1] if exc.args else exc)
        # The verb is part of the server's message in every language: SELECT refused would prove nothing.
        if code in _NO_RIGHT and (code == 1044 or message.upper().find(verb) >= 0):
            return f"{message} ({code})"
        raise ProbeError(
            f"The canary's {verb} as {login.where} failed, not for want of a privilege: {message} ({code}).",
            remedy="Check canary_table of this source and the server's state.",
        ) from exc
    return ""


def try_postgres(login: PostgresLogin) -> Canary:
    """Open a session as the application's role: the fence refuses that, before anything could be written.

    Raises:
        ProbeError: not reached, refused before the password counted, or refused for another reason.
    """
    answer = knock(login)
    if answer.opened:
        if answer.settings.get("in_hot_standby") == "on":
            raise ProbeError(
                f"The server of {login.where} is a standby: nobody can write there.",
                remedy="Name the primary in the inventory.",
            )
        return Canary(True, f"{login.user} may log in to {login.database}")
    if answer.sqlstate in _SHUT_OUT:
        return Canary(False, f"{answer.message} (SQLSTATE {answer.sqlstate})")
    raise ProbeError(
        f"PostgreSQL refused {login.where}, but not because of a fence: {answer.message}"
        f" (SQLSTATE {answer.sqlstate}).",
        remedy="Look at the server's state, then repeat.",
    )


def try_odoo(login: OdooLogin, model: str) -> Canary:
    """Log in over RPC and ask for the right to create, as whoever registers would.

    An application that lost its database, or was stopped, refuses in many ways. They count as refused only
    because the gate had reached it with the very same call.

    Raises:
        ProbeError: no answer in time, or a refusal that the fence doesn't explain (a wrong password).
    """
    try:
        allowed = _odoo.connect(login).call(model, "has_access", [], "create")
    except OdooRefusedError as exc:
        if any(mark in exc.sentence for mark in _DATABASE_REFUSED):
            return Canary(False, one_line(exc.sentence, 200))
        raise ProbeError(
            f"The application refused the canary, but not because of its database: {exc.sentence}",
            remedy="Check login and password of this application, and that the login may create.",
        ) from exc
    except ProbeError as exc:
        why = _gone(exc.__cause__)
        if why:
            return Canary(False, f"{login.url}: {why}")
        raise
    if allowed is not True:
        raise ProbeError(
            f"{login.where} answers the canary with {allowed!r}: this login may not create {model}.",
            remedy="Name a login that may create records, else a refusal proves nothing.",
        )
    return Canary(True, f"{login.login} may create {model} at {login.url}")


def _gone(cause: BaseException | None) -> str:
    """How an application answers that has no database, or isn't there; empty for anything else."""
    if isinstance(cause, urllib.error.HTTPError):
        return f"HTTP status {cause.code}" if cause.code >= 500 else ""
    reason = getattr(cause, "reason", cause)
    if isinstance(reason, ConnectionRefusedError):
        return "connection refused"
    # A container that stopped takes its name along. A resolver that is broken says EAI_AGAIN instead.
    if isinstance(reason, socket.gaierror) and reason.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
        return "nothing has that name any more"
    return ""
