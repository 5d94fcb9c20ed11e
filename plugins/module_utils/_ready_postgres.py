# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is this the database meant, and may we do there what the phases will do: each right its own gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _postgres
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed, unknown
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin

if TYPE_CHECKING:
    import psycopg

# Since which version there is the role, and what for.
MEMBERSHIPS = {
    "pg_read_all_data": (140000, "to copy and compare every table"),
    "pg_signal_backend": (90600, "to end the sessions that stand behind the fence"),
    "pg_monitor": (100000, "to see whose sessions there are"),
}


@dataclass(frozen=True)
class Role:
    """What the operator's role may do in this cluster.

    Attributes:
        memberships: role -> whether its rights are used without SET ROLE.
        admin, can_set: of the application's role: may hand it out, may act as it.
    """

    server_version: int
    name: str
    superuser: bool
    createdb: bool
    createrole: bool
    memberships: Mapping[str, bool] = field(default_factory=dict)
    admin: bool = False
    can_set: bool = False
    keeps: bool = False


@contextmanager
def answered(what: str, remedy: str) -> Iterator[None]:
    """The server's refusal of a question is an answer that didn't come."""
    try:
        yield
    except _postgres.driver().Error as exc:
        raise ProbeError(f"The server doesn't say {what}: {one_line(exc)}.", remedy=remedy) from exc


def login_gate(end: str, exc: ProbeError) -> Gate:
    """No session: a wrong password is a clear no, anything else an answer that didn't come."""
    variable = f"golive_databases.{end}"
    if "password authentication failed" in exc.sentence:
        return failed(
            f"database.{end}", exc.sentence, f"Correct {variable}.password, or the password of that role."
        )
    return unknown(
        f"database.{end}", exc.sentence, f"Check host, port, database, ssl_mode and user of {variable}."
    )


def identity(conn: psycopg.Connection[Any], end: str, expected: str) -> Gate:
    """The database carries the uuid the inventory names."""
    with answered(f"which database {conn.info.dbname} is", f"Settle rights.{end}.pg_read_all_data."):
        if _postgres.scalar(conn, "select to_regclass('ir_config_parameter') is null"):
            raise GoliveError(
                f"The database of golive_databases.{end} is no Odoo database.",
                remedy=f"Correct golive_databases.{end}.database.",
            )
        rows = conn.execute("select value from ir_config_parameter where key = 'database.uuid'").fetchall()
    if len(rows) != 1:
        raise ProbeError(f"The database of golive_databases.{end} has no database.uuid.")
    if rows[0][0] != expected:
        raise GoliveError(
            f"The database {conn.info.dbname} at {conn.info.host} is not the one the inventory names:"
            f" its uuid is {rows[0][0]}, golive_databases.{end}.uuid is {expected}.",
            remedy="This is another database: correct host and database; or the uuid, if it truly is the one.",
        )
    return passed(f"identity.{end}", f"{conn.info.dbname} carries the uuid {expected}.")


def read_role(conn: psycopg.Connection[Any], app_role: str) -> Role:
    row = conn.execute(
        "select rolname, rolsuper, rolcreatedb, rolcreaterole, rolinherit from pg_roles"
        " where rolname = current_user"
    ).fetchone()
    if row is None:
        raise ProbeError("The server doesn't say who we are.")
    own = conn.info.server_version >= _postgres.MEMBERSHIP_OPTIONS
    inherit, can_set = ("m.inherit_option", "m.set_option") if own else ("u.rolinherit", "true")
    members = conn.execute(
        f"select g.rolname, m.admin_option, {inherit}, {can_set}"  # noqa: S608
        " from pg_auth_members m join pg_roles g on g.oid = m.roleid join pg_roles u on u.oid = m.member"
        " where u.rolname = current_user"
    ).fetchall()
    return Role(
        server_version=conn.info.server_version,
        name=row[0],
        superuser=row[1],
        createdb=row[2],
        createrole=row[3],
        memberships={name: used for name, _admin, used, _set in members},
        admin=any(admin for name, admin, _used, _set in members if name == app_role),
        can_set=any(may for name, _admin, _used, may in members if name == app_role),
    )


def may_keep(conn: psycopg.Connection[Any]) -> bool:
    """Whether before-states can be kept in this (the maintenance) database."""
    return bool(
        _postgres.scalar(
            conn,
            "select case when to_regnamespace('dfr_golive') is null"
            " then has_database_privilege(current_database(), 'CREATE')"
            " else has_schema_privilege('dfr_golive', 'CREATE') end",
        )
    )


def rights(end: str, role: Role, app_role: str, maintenance: str) -> list[Gate]:
    """Each right the phases need, with the statement that grants it."""
    me = role.name
    needs: list[tuple[str, bool, str, str, str]] = [
        (
            "createrole",
            role.createrole,
            "CREATEROLE",
            "to fence the application's role",
            f"ALTER ROLE {me} CREATEROLE;",
        ),
        (
            "app_role",
            app_role in role.memberships and role.admin and role.can_set,
            f"membership of {app_role} with ADMIN and SET",
            "to act for the owner of the database",
            _postgres.membership(app_role, me, role.server_version),
        ),
        (
            "kept",
            role.keeps,
            f"CREATE in the database {maintenance}",
            "to keep what an undo needs",
            f"GRANT CREATE ON DATABASE {maintenance} TO {me};",
        ),
    ]
    if end == "production":
        needs.append(
            (
                "createdb",
                role.createdb,
                "CREATEDB",
                "to make the incoming database",
                f"ALTER ROLE {me} CREATEDB;",
            )
        )
    needs += [
        (
            name,
            role.memberships.get(name, False),
            f"membership of {name}",
            why,
            _postgres.membership(name, me, role.server_version, admin=False)
            if role.server_version >= since
            else f"ALTER ROLE {me} SUPERUSER; (there is no {name} before PostgreSQL {since // 10000})",
        )
        for name, (since, why) in MEMBERSHIPS.items()
    ]
    return [
        passed(f"rights.{end}.{key}", f"{me} has {what}.")
        if has or role.superuser
        else failed(
            f"rights.{end}.{key}",
            f"The role {me} of golive_databases.{end} lacks {what}, {why}.",
            f"As a superuser there: {grant}",
        )
        for key, has, what, why, grant in needs
    ]


def app_login(login: PostgresLogin, end: str) -> Gate:
    """The application's own role gets in with the password of the inventory: what the canary proves later."""
    try:
        with _postgres.connect(login) as conn:
            who = _postgres.scalar(conn, "select current_user")
    except ProbeError as exc:
        raise GoliveError(
            exc.sentence,
            remedy=f"Correct golive_databases.{end}.app_role and app_password;"
            " the canary that proves the fence needs them.",
        ) from exc
    return passed(f"app_login.{end}", f"{who} gets in.")


def addons(conn: psycopg.Connection[Any], end: str, facts: dict[str, Any]) -> Gate:
    """Which addons the database holds; the other end has to hold the same."""
    with answered(f"which addons {conn.info.dbname} holds", f"Settle rights.{end}.pg_read_all_data."):
        rows = conn.execute("select name, state, latest_version from ir_module_module").fetchall()
    facts["modules"] = {name: version for name, state, version in rows if state == "installed"}
    facts["known_modules"] = [name for name, state, _version in rows if state != "uninstallable"]
    return passed(f"addons.{end}", f"{len(facts['modules'])} addons are installed.")


def probe_postgres(
    login: PostgresLogin, *, end: str, app_role: str, app_password: str, expected_uuid: str
) -> dict[str, Any]:
    """All gates of one database, and its facts; empty facts when it gave none."""
    gates: list[Gate] = []
    facts: dict[str, Any] = {}
    try:
        with _postgres.connect(login, autocommit=True) as conn:
            version = conn.info.server_version
            gates.append(passed(f"database.{end}", f"{login.where} answers, PostgreSQL {version // 10000}."))
            gates.append(ask(f"identity.{end}", lambda: identity(conn, end, expected_uuid)))
            gates += _asked_rights(conn, login, end, app_role)
            if gates[1].open:
                gates.append(ask(f"addons.{end}", lambda: addons(conn, end, facts)))
    except ProbeError as exc:
        gates.append(login_gate(end, exc))
    else:
        gates.append(ask(f"app_login.{end}", lambda: app_login(login.as_role(app_role, app_password), end)))
    return {"gates": [gate.as_dict() for gate in gates], "facts": facts}


def _asked_rights(conn: psycopg.Connection[Any], login: PostgresLogin, end: str, app_role: str) -> list[Gate]:
    try:
        with answered("what the operator's role may do", ""):
            role = read_role(conn, app_role)
            with _postgres.connect(login.to(login.maintenance_database), autocommit=True) as keeping:
                role = Role(**{**vars(role), "keeps": may_keep(keeping)})
    except ProbeError as exc:
        remedy = f"Check golive_databases.{end}.maintenance_database. {exc.remedy}".strip()
        return [unknown(f"rights.{end}", exc.sentence, remedy)]
    return rights(end, role, app_role, login.maintenance_database)
