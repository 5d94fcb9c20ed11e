# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one connection contract for MariaDB, and the before-states kept on the server we change."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    GoliveError,
    ProbeError,
    one_line,
    require,
)

MARIADB_OPTIONS: dict[str, Any] = {
    "login_host": {"type": "str", "required": True},
    "login_port": {"type": "int", "default": 3306},
    "login_user": {"type": "str", "required": True},
    "login_password": {"type": "str", "required": True, "no_log": True},
    "database": {"type": "str", "required": True},
    "ssl_mode": {
        "type": "str",
        "default": "verify_identity",
        "choices": ["disable", "require", "verify_ca", "verify_identity"],
    },
    "ca_cert": {"type": "path"},
    "connect_timeout": {"type": "int", "default": 10},
}

# A statement that takes longer than this has met a lock it should not wait for.
READ_TIMEOUT_SECONDS = 60

# GRANT must never make an account (NO_AUTO_CREATE_USER), and identifiers come back in backticks.
_SESSION = "set session sql_mode = 'NO_AUTO_CREATE_USER', sql_quote_show_create = 1"


@dataclass(frozen=True)
class MariadbLogin:
    """Where a MariaDB database is and who we are there.

    Attributes:
        host, port: TCP address as seen from the host the module runs on.
        user, password: the operator's own account, never the application's.
        database: the database the phase is about.
        ssl_mode, ca_cert: as MariaDB's own client names them; ``verify_identity`` checks the name as well.
        connect_timeout: seconds.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    ssl_mode: str = "verify_identity"
    ca_cert: str | None = None
    connect_timeout: int = 10

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> MariadbLogin:
        """From a module's parameters, see `MARIADB_OPTIONS`."""
        return cls(
            host=params["login_host"],
            port=params["login_port"],
            user=params["login_user"],
            password=params["login_password"],
            database=params["database"],
            ssl_mode=params["ssl_mode"],
            ca_cert=params["ca_cert"] or None,
            connect_timeout=params["connect_timeout"],
        )

    def as_user(self, user: str, password: str) -> MariadbLogin:
        """The same database, another account: what a canary uses."""
        return replace(self, user=user, password=password)

    @property
    def where(self) -> str:
        return f"{self.user}@{self.host}:{self.port}/{self.database}"


def driver() -> Any:
    return require("pymysql", "python3-pymysql")


def error_code(exc: BaseException) -> int:
    """The server's or the client's error number; 0 when there is none."""
    code = exc.args[0] if exc.args else 0
    return code if isinstance(code, int) else 0


@contextmanager
def connect(login: MariadbLogin) -> Iterator[Any]:
    """An autocommit connection that is always closed; no default database, so name it in every statement.

    Raises:
        ProbeError: no connection, or one without the TLS that was asked for.
    """
    pymysql = driver()
    try:
        conn = pymysql.connect(
            host=login.host,
            port=login.port,
            user=login.user,
            password=login.password,
            charset="utf8mb4",
            ssl=tls_context(login),
            ssl_disabled=login.ssl_mode == "disable",
            connect_timeout=login.connect_timeout,
            read_timeout=READ_TIMEOUT_SECONDS,
            autocommit=True,
            init_command=_SESSION,
        )
    except (pymysql.err.MySQLError, OSError) as exc:
        raise ProbeError(
            f"Can't connect to MariaDB as {login.where}: {one_line(exc.args[-1] if exc.args else exc)}.",
            remedy="Check host, port, user, password and ssl_mode of this source in golive_legacy.",
        ) from exc
    try:
        if login.ssl_mode != "disable":
            demand_tls(conn, login)
        yield conn
    finally:
        conn.close()


def tls_context(login: MariadbLogin) -> ssl.SSLContext | None:
    if login.ssl_mode == "disable":
        return None
    verified = login.ssl_mode != "require"
    try:
        context = ssl.create_default_context(cafile=login.ca_cert if verified else None)
    except OSError as exc:
        raise GoliveError(
            f"The CA bundle {login.ca_cert} can't be read: {one_line(exc)}.", remedy="Check golive_ca_path."
        ) from exc
    context.check_hostname = login.ssl_mode == "verify_identity"
    if not verified:
        context.verify_mode = ssl.CERT_NONE
    return context


def demand_tls(conn: Any, login: MariadbLogin) -> None:
    """Older drivers go on in clear when the server offers no TLS: see what was agreed."""
    found = rows(conn, "show session status like 'Ssl_cipher'")
    if len(found) != 1 or not found[0][1]:
        raise ProbeError(
            f"The connection to MariaDB as {login.where} has no TLS, {login.ssl_mode} asks for it.",
            remedy="Give the server a certificate, or set ssl_mode of this source.",
        )


def rows(conn: Any, statement: str, params: Any = None) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with conn.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())


def run(conn: Any, statement: str | bytes, params: Any = None) -> None:
    """A statement without a result. With no parameters it is sent as it is, % and foreign encodings included."""
    with conn.cursor() as cursor:
        cursor.execute(statement, params)


def scalar(conn: Any, statement: str, params: Any = None) -> Any:
    """The one value of a query that must return exactly one row.

    Raises:
        ProbeError: no row or several: never read as zero.
    """
    found = rows(conn, statement, params)
    if len(found) != 1:
        raise ProbeError(f"Expected one row, got {len(found)}, from: {one_line(statement)}.")
    return found[0][0]


def identifier(name: str) -> str:
    """A name as MariaDB quotes it."""
    if "\0" in name:
        raise GoliveError("A MariaDB name can't contain a NUL character.")
    return "`" + name.replace("`", "``") + "`"


# --- before-states ------------------------------------------------------------------------------------------


def prepare_kept(conn: Any) -> None:
    """Make the store of before-states (idempotent)."""
    if not kept_exists(conn):
        run(conn, "create database if not exists dfr_golive character set utf8mb4")
        run(
            conn,
            "create table if not exists dfr_golive.kept ("
            "kind varchar(100) not null, name varchar(200) not null,"
            " run_id varchar(200) not null, state longtext not null,"
            " kept_at timestamp not null default current_timestamp,"
            " primary key (kind, name)) engine = innodb",
        )


def kept_exists(conn: Any) -> bool:
    return bool(
        scalar(
            conn,
            "select count(*) from information_schema.tables"
            " where table_schema = 'dfr_golive' and table_name = 'kept'",
        )
    )


def recall(conn: Any, kind: str, name: str) -> tuple[Any | None, str]:
    """The kept before-state and the run that kept it; (None, '') when nothing is kept."""
    if not kept_exists(conn):
        return None, ""
    found = rows(
        conn, "select state, run_id from dfr_golive.kept where kind = %s and name = %s", (kind, name)
    )
    if not found:
        return None, ""
    try:
        return json.loads(found[0][0]), str(found[0][1])
    except ValueError as exc:
        raise GoliveError(
            f"The kept before-state {kind}/{name} on the MariaDB server can't be read.",
            remedy="Look at dfr_golive.kept on that server; don't delete it.",
        ) from exc


def keep(conn: Any, kind: str, name: str, run_id: str, state: Any) -> None:
    """Keep a before-state, or put a fuller one in the place of the one kept already."""
    prepare_kept(conn)
    run(
        conn,
        "insert into dfr_golive.kept (kind, name, run_id, state) values (%s, %s, %s, %s)"
        " on duplicate key update state = values(state)",
        (kind, name, run_id, json.dumps(state)),
    )


def forget(conn: Any, kind: str, name: str) -> None:
    """Drop a before-state once it has been restored (idempotent)."""
    if kept_exists(conn):
        run(conn, "delete from dfr_golive.kept where kind = %s and name = %s", (kind, name))
