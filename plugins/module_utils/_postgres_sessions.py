# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is connected to a PostgreSQL database, and how they are ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._postgres import driver

if TYPE_CHECKING:
    import psycopg

POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Session:
    pid: int
    user: str
    database: str
    program: str

    def __str__(self) -> str:
        return f"{self.pid} ({self.user}, {self.program or 'no name'}, in {self.database or 'no database'})"


def sessions(
    conn: psycopg.Connection[Any], oid: int, barred: Sequence[str], exempt: Sequence[str]
) -> list[Session]:
    """Sessions in the database, and of barred roles anywhere: from there the owner could open the fence."""
    rows = conn.execute(
        "select pid, coalesce(usename, backend_type, '?'), coalesce(datname, ''), application_name"
        " from pg_stat_activity where pid <> pg_backend_pid()"
        " and (datid = %s or usename = any(%s))"
        " and usename is distinct from current_user and coalesce(usename, '') <> all(%s)"
        " and coalesce(backend_type, '') <> 'autovacuum worker' order by 1",
        (oid, list(barred), list(exempt)),
    ).fetchall()
    return [Session(int(pid), str(user), str(datname), str(program)) for pid, user, datname, program in rows]


def who_is_in(conn: psycopg.Connection[Any], databases: Sequence[str]) -> list[tuple[Session, bool]]:
    """Who keeps the databases from being renamed, and whether the operator may end that session."""
    rows = conn.execute(
        "select a.pid, a.usename, a.datname, a.application_name,"
        " not r.rolsuper or (select rolsuper from pg_catalog.pg_roles where rolname = current_user)"
        " from pg_catalog.pg_stat_activity a join pg_catalog.pg_roles r on r.oid = a.usesysid"
        " where a.datname = any(%s) and a.pid <> pg_catalog.pg_backend_pid()"
        " and a.backend_type in ('client backend', 'walsender') order by 1",
        (list(databases),),
    ).fetchall()
    return [
        (Session(int(pid), str(user), str(datname), str(program)), bool(may_end))
        for pid, user, datname, program, may_end in rows
    ]


def end_sessions(
    conn: psycopg.Connection[Any],
    look: Callable[[], list[Session]],
    database: str,
    limit_seconds: float,
    quiet_seconds: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> int:
    """Terminate until nobody has been there for ``quiet_seconds``. Returns how many sessions were ended."""
    started = clock()
    quiet_since: float | None = None
    ended: set[int] = set()
    while True:
        found = look()
        now = clock()
        if not found:
            quiet_since = now if quiet_since is None else quiet_since
            if now - quiet_since >= quiet_seconds:
                return len(ended)
        else:
            quiet_since = None
            if now - started > limit_seconds:
                raise GoliveError(
                    f"The fence around {database} is up, but after {limit_seconds:g} s these sessions aren't"
                    f" gone: {', '.join(str(s) for s in found[:8])}.",
                    remedy="End them on the server, then repeat; the fence stays up meanwhile.",
                )
            for session in found:
                _terminate(conn, session)
                ended.add(session.pid)
        sleep(POLL_SECONDS)


def _terminate(conn: psycopg.Connection[Any], session: Session) -> None:
    try:
        conn.execute("select pg_terminate_backend(%s)", (session.pid,))
    except driver().errors.InsufficientPrivilege as exc:
        raise GoliveError(
            f"The operator may not end the session {session}: {one_line(exc)}.",
            remedy="Have a superuser end it, or list its role in freeze_legacy_exempt_roles if people answer"
            " for it.",
        ) from exc


def demand_eyes_and_hands(conn: psycopg.Connection[Any]) -> None:
    """Without these the operator would neither see every session nor be able to end it."""
    lacking = conn.execute(
        "select rolname from pg_roles where rolname in ('pg_read_all_stats', 'pg_signal_backend')"
        " and not pg_has_role(current_user, oid, 'USAGE') order by 1"
    ).fetchall()
    if lacking:
        roles = ", ".join(str(row[0]) for row in lacking)
        raise GoliveError(
            f"The operator's role is not a member of {roles}: it can't see or end every session.",
            remedy=f"Have a superuser grant {roles} to the operator's role.",
        )
