# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one connection contract for PostgreSQL, and the before-states kept beside the databases we change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    GoliveError,
    ProbeError,
    one_line,
    require,
)

if TYPE_CHECKING:
    import psycopg

POSTGRES_OPTIONS: dict[str, Any] = {
    "login_host": {"type": "str", "required": True},
    "login_port": {"type": "int", "default": 5432},
    "login_user": {"type": "str", "required": True},
    "login_password": {"type": "str", "required": True, "no_log": True},
    "database": {"type": "str", "required": True},
    "maintenance_database": {"type": "str", "default": "postgres"},
    "ssl_mode": {
        "type": "str",
        "default": "verify-full",
        "choices": ["disable", "prefer", "require", "verify-ca", "verify-full"],
    },
    "ca_cert": {"type": "path"},
    "connect_timeout": {"type": "int", "default": 10},
}
# SQLSTATE classes in which a statement is innocent: insufficient resources, system error.
SERVERS_OWN = ("53", "58")


@dataclass(frozen=True)
class PostgresLogin:
    """Where a PostgreSQL database is and who we are there.

    Attributes:
        host, port: TCP address as seen from the host the module runs on.
        user, password: the operator's own role, never the application's.
        database: the database the phase is about.
        maintenance_database: where before-states are kept and databases are renamed from.
        ssl_mode, ca_cert: libpq's; ``verify-full`` unless the inventory says otherwise.
        connect_timeout: seconds.
    """

    host: str
    port: int
    user: str
    password: str
    database: str
    maintenance_database: str = "postgres"
    ssl_mode: str = "verify-full"
    ca_cert: str | None = None
    connect_timeout: int = 10

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> PostgresLogin:
        """From a module's (or a sub-option's) parameters, see `POSTGRES_OPTIONS`."""
        return cls(
            host=params["login_host"],
            port=params["login_port"],
            user=params["login_user"],
            password=params["login_password"],
            database=params["database"],
            maintenance_database=params["maintenance_database"],
            ssl_mode=params["ssl_mode"],
            ca_cert=params["ca_cert"] or None,
            connect_timeout=params["connect_timeout"],
        )

    def to(self, database: str) -> PostgresLogin:
        """The same login, another database of the cluster."""
        return replace(self, database=database)

    def as_role(self, user: str, password: str) -> PostgresLogin:
        """The same database, another role: what a canary uses."""
        return replace(self, user=user, password=password)

    @property
    def where(self) -> str:
        return f"{self.user}@{self.host}:{self.port}/{self.database}"

    def libpq_environment(self) -> dict[str, str]:
        """For pg_dump and its like: the password goes by environment, never by command line."""
        env = {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.database,
            "PGSSLMODE": self.ssl_mode,
            "PGCONNECT_TIMEOUT": str(self.connect_timeout),
            "PGAPPNAME": "dfr.golive",
        }
        if self.ca_cert:
            env["PGSSLROOTCERT"] = self.ca_cert
        return env


def driver() -> Any:
    return require("psycopg", "python3-psycopg")


@contextmanager
def connect(
    login: PostgresLogin, *, autocommit: bool = False, **parameters: str
) -> Iterator[psycopg.Connection[Any]]:
    """A connection that commits on success, rolls back on error and is always closed.

    Where row security would hide rows from a query, the query fails.

    Args:
        login: whose.
        autocommit: each statement is a transaction of its own.
        parameters: more of libpq's connection parameters, for example ``replication="database"``.

    Raises:
        ProbeError: no connection, or the server couldn't go on (connection lost, disk or memory full), with its
            reason in one line. What it refuses of a statement stays the driver's own error.
    """
    psycopg = driver()
    try:
        conn = psycopg.connect(
            host=login.host,
            port=login.port,
            user=login.user,
            password=login.password,
            dbname=login.database,
            sslmode=login.ssl_mode,
            sslrootcert=login.ca_cert or "system" if login.ssl_mode.startswith("verify") else None,
            connect_timeout=login.connect_timeout,
            application_name="dfr.golive",
            autocommit=autocommit,
            # A cut network must end a wait in seconds, not in the hours of the system's default.
            keepalives_idle=15,
            keepalives_interval=5,
            keepalives_count=3,
            **{**parameters, "options": f"-c row_security=off {parameters.get('options', '')}"},
        )
    except psycopg.OperationalError as exc:
        pooler = "unsupported startup parameter" in str(exc)
        raise ProbeError(
            f"Can't connect to PostgreSQL as {login.where}: {one_line(exc)}.",
            remedy="This is a connection pooler (PgBouncer): name the server behind it, sessions and fences need that."
            if pooler
            else "Check host, port, database, user and password of this database in the inventory.",
        ) from exc
    try:
        with conn:
            yield conn
    except psycopg.Error as exc:
        if not conn.broken and not str(exc.sqlstate or "").startswith(SERVERS_OWN):
            raise
        raise ProbeError(
            f"PostgreSQL couldn't go on for {login.where}: {one_line(exc)}.",
            remedy="See whether that server is up and has room, its log says more; then start the same again.",
        ) from exc


def scalar(conn: psycopg.Connection[Any], query: Any, params: Any = None) -> Any:
    """The one value of a query that must return exactly one row.

    Raises:
        ProbeError: no row or several: never read as zero.
    """
    rows = conn.execute(query, params).fetchall()
    if len(rows) != 1:
        raise ProbeError(f"Expected one row, got {len(rows)}, from: {one_line(query)}.")
    return rows[0][0]


# From this version on a membership has options of its own.
MEMBERSHIP_OPTIONS = 160000


def membership(role: str, member: str, server_version: int, *, admin: bool = True) -> str:
    """The statements, for people to run, that give ``member`` the rights of ``role`` in each of its sessions.

    Args:
        server_version: as psycopg gives it, 170004 for 17.4.
        admin: whether it may also act as that role and hand it out.
    """
    if server_version >= MEMBERSHIP_OPTIONS:
        options = "ADMIN TRUE, INHERIT TRUE, SET TRUE" if admin else "INHERIT TRUE"
        return f"GRANT {role} TO {member} WITH {options};"
    return f"GRANT {role} TO {member}{' WITH ADMIN OPTION' if admin else ''}; ALTER ROLE {member} INHERIT;"


KEPT_DDL = """
create schema if not exists dfr_golive;
create table if not exists dfr_golive.kept (
    kind text not null,
    name text not null,
    run_id text not null,
    state jsonb not null,
    kept_at timestamptz not null default now(),
    primary key (kind, name)
)
"""


def prepare_kept(conn: psycopg.Connection[Any]) -> None:
    """Make the store of before-states in the maintenance database (idempotent)."""
    if scalar(conn, "select to_regclass('dfr_golive.kept') is null"):
        conn.execute(KEPT_DDL)


def keep(conn: psycopg.Connection[Any], kind: str, name: str, run_id: str, state: Any) -> Any:
    """Keep a before-state unless one is kept already; return the one that counts.

    A run that died half-way and comes again must not overwrite what was true before its first try.
    """
    prepare_kept(conn)
    conn.execute(
        "insert into dfr_golive.kept (kind, name, run_id, state) values (%s, %s, %s, %s)"
        " on conflict (kind, name) do nothing",
        (kind, name, run_id, json.dumps(state)),
    )
    kept = recall(conn, kind, name)
    if kept is None:
        raise GoliveError(f"The before-state {kind}/{name} could not be kept.")
    return kept


def recall(conn: psycopg.Connection[Any], kind: str, name: str) -> Any | None:
    """The kept before-state, or None when nothing is kept (then there is nothing to undo)."""
    if scalar(conn, "select to_regclass('dfr_golive.kept') is null"):
        return None
    row = conn.execute(
        "select state from dfr_golive.kept where kind = %s and name = %s", (kind, name)
    ).fetchone()
    return None if row is None else row[0]


def forget(conn: psycopg.Connection[Any], kind: str, name: str) -> None:
    """Drop a before-state once it has been restored (idempotent)."""
    if not scalar(conn, "select to_regclass('dfr_golive.kept') is null"):
        conn.execute("delete from dfr_golive.kept where kind = %s and name = %s", (kind, name))
