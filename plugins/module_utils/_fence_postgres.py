# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fence around one PostgreSQL database: nobody but the operator may connect until it is lifted.

Raised and lifted in one transaction each, on the maintenance database. What the lift needs is kept there,
under the kind ``fence.<purpose>`` and the database's name. The fence belongs to the database itself, by its
oid: if it has been renamed meanwhile, it is still the one whose privileges come back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    DriftError,
    GoliveError,
    ProbeError,
    one_line,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    driver,
    forget,
    keep,
    membership,
    scalar,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres_sessions import (
    demand_eyes_and_hands,
    end_sessions,
    sessions,
)

if TYPE_CHECKING:
    import psycopg

DEFAULT_PURPOSE = "freeze"
DEFAULT_EXEMPT_ROLES = ("postgres",)


@dataclass(frozen=True)
class Connect:
    """One CONNECT privilege of the database's access list; ``grantee`` None is PUBLIC."""

    grantor: str
    grantee: str | None
    grantable: bool


@dataclass(frozen=True)
class Before:
    """What was true before the fence, as it is kept.

    Attributes:
        oid: the database, whatever its name becomes.
        owner: its owner's role.
        connects: who held CONNECT, and from whom.
        roles: the roles whose LOGIN was taken away.
        evidence: what raising it did: counts, names, seconds; no secret.
    """

    oid: int
    owner: str
    connects: tuple[Connect, ...]
    roles: tuple[str, ...]
    evidence: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_state(cls, state: Any) -> Before:
        """Read back what was kept.

        Raises:
            GoliveError: it isn't a fence's before-state; guessing would lose privileges.
        """
        try:
            return cls(
                oid=int(state["oid"]),
                owner=str(state["owner"]),
                connects=tuple(
                    Connect(str(c["grantor"]), c["grantee"], bool(c["grantable"])) for c in state["connects"]
                ),
                roles=tuple(str(role) for role in state["roles"]),
                evidence=dict(state.get("evidence", {})),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise GoliveError(
                "The kept before-state of the PostgreSQL fence can't be read.",
                remedy="Look at dfr_golive.kept in the maintenance database; don't delete it.",
            ) from exc

    def as_state(self) -> dict[str, Any]:
        return {
            "oid": self.oid,
            "owner": self.owner,
            "connects": [vars(c) for c in self.connects],
            "roles": list(self.roles),
            "evidence": self.evidence,
        }


@dataclass(frozen=True)
class Outcome:
    """What a raise or a lift did.

    Attributes:
        changed: anything at all.
        before, after: who may connect and log in, for ``--diff``.
        evidence: counts, names, seconds.
    """

    changed: bool
    before: dict[str, Any]
    after: dict[str, Any]
    evidence: dict[str, Any]


def kind_of(purpose: str) -> str:
    return f"fence.{purpose}"


def raise_fence(
    conn: psycopg.Connection[Any],
    database: str,
    *,
    run_id: str,
    app_role: str,
    purpose: str = DEFAULT_PURPOSE,
    exempt_roles: Sequence[str] = DEFAULT_EXEMPT_ROLES,
    limit_seconds: float = 60.0,
    quiet_seconds: float = 0.5,
    rehearse: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Shut everyone but the operator out of ``database``, end their sessions, wait until they are gone.

    Args:
        conn: the operator's *autocommit* connection to the maintenance database.
        database: the database to fence; need not be the one connected to.
        run_id: the run that raises it; a fence of another run is never taken over.
        app_role: the application's role; loses LOGIN whether or not it owns the database.
        purpose: names the fence, so that one database can carry several.
        exempt_roles: roles left alone (superusers the operator can't alter).
        limit_seconds: how long to wait for the ended sessions to be gone.
        quiet_seconds: how long there must be no session before it is believed: a login that had passed the
            check when the fence went up shows only after it.
        rehearse: raise and lift it inside a transaction that is rolled back, and end no session.

    Raises:
        GoliveError: it can't be raised (nothing changed), or it is up but sessions or prepared transactions
            remain.
    """
    _demand_autocommit(conn)
    started = clock()
    with _explained(f"The fence around {database} can't be raised"):
        with conn.transaction(force_rollback=rehearse):
            changed, kept, before = _shut(conn, database, run_id, app_role, purpose, tuple(exempt_roles))
            after = _picture(conn, kept)
            _refuse_other_writers(conn, kept.oid, database)
            if rehearse:
                _restore(conn, kept)
        if rehearse:
            found = sessions(conn, kept.oid, [*kept.roles, app_role], exempt_roles)
            _refuse_prepared(conn, database)
            return Outcome(changed, before, after, {**kept.evidence, "sessions": len(found)})
        ended = end_sessions(
            conn,
            lambda: sessions(conn, kept.oid, [*kept.roles, app_role], exempt_roles),
            database,
            limit_seconds,
            quiet_seconds,
            clock,
            sleep,
        )
        _refuse_prepared(conn, database)
        evidence = dict(kept.evidence)
        if changed or ended or "seconds" not in evidence:
            evidence["sessions_ended"] = int(evidence.get("sessions_ended", 0)) + ended
            evidence["seconds"] = round(float(evidence.get("seconds", 0.0)) + clock() - started, 3)
            _rewrite(conn, purpose, database, replace(kept, evidence=evidence))
    return Outcome(changed or bool(ended), before, after, evidence)


def lift_fence(
    conn: psycopg.Connection[Any],
    database: str,
    *,
    purpose: str = DEFAULT_PURPOSE,
    rehearse: bool = False,
    only_run: str = "",
) -> Outcome:
    """Give everyone back exactly what the fence took, and forget it. Nothing to do when there is no fence.

    Args:
        conn: the operator's *autocommit* connection to the maintenance database.
        database: the name the fence was raised under.
        purpose: the purpose it was raised for.
        rehearse: inside a transaction that is rolled back.
        only_run: leave the fence of any other run alone.

    Raises:
        GoliveError: the privileges could not be brought back; nothing changed.
    """
    _demand_autocommit(conn)
    with (
        _explained(f"The fence around {database} can't be lifted"),
        conn.transaction(force_rollback=rehearse),
    ):
        _one_at_a_time(conn)
        kept, run_id = read_fence(conn, database, purpose=purpose)
        if kept is None or (only_run and run_id != only_run):
            return Outcome(False, {}, {}, {"fence": "not up"})
        before = _picture(conn, kept)
        missing = _restore(conn, kept)
        after = _picture(conn, kept)
        forget(conn, kind_of(purpose), database)
    evidence: dict[str, Any] = {"fence": "lifted", "roles": list(kept.roles)}
    if missing:
        evidence["no_longer_there"] = missing
    return Outcome(True, before, after, evidence)


def check_fence(
    conn: psycopg.Connection[Any],
    database: str,
    *,
    run_id: str,
    app_role: str,
    purpose: str = DEFAULT_PURPOSE,
    exempt_roles: Sequence[str] = DEFAULT_EXEMPT_ROLES,
) -> dict[str, Any]:
    """The evidence of a fence that is up and whole; read-only and cheap.

    Raises:
        DriftError: it isn't up, isn't this run's, or somebody got through it meanwhile.
    """
    kept, owner_run = read_fence(conn, database, purpose=purpose)
    if kept is None:
        raise DriftError(
            f"There is no fence around the database {database}.",
            remedy="Somebody lifted it since; roll back, then begin a new run.",
        )
    if owner_run != run_id:
        raise _other_run(database, owner_run)
    holes = []
    able = conn.execute(
        "select rolname from pg_roles where rolname = any(%s) and rolcanlogin",
        ([*kept.roles, app_role],),
    ).fetchall()
    holes += [f"role {row[0]} may log in" for row in able]
    holes += [f"role {role} may connect" for role in _who_connects(conn, kept.oid, exempt_roles)]
    found = sessions(conn, kept.oid, [*kept.roles, app_role], exempt_roles)
    holes += [f"session {s.pid} of {s.user} is open" for s in found]
    if holes:
        raise DriftError(
            f"The fence around the database {database} has holes: {'; '.join(holes[:8])}.",
            remedy="Find out who opened it, then roll back and begin a new run: records may have come in.",
        )
    return kept.evidence


def read_fence(
    conn: psycopg.Connection[Any], database: str, *, purpose: str = DEFAULT_PURPOSE
) -> tuple[Before | None, str]:
    """The fence's before-state and the run that raised it; (None, '') when there is none."""
    if scalar(conn, "select to_regclass('dfr_golive.kept') is null"):
        return None, ""
    row = conn.execute(
        "select state, run_id from dfr_golive.kept where kind = %s and name = %s",
        (kind_of(purpose), database),
    ).fetchone()
    return (None, "") if row is None else (Before.from_state(row[0]), str(row[1]))


def owned_elsewhere(conn: psycopg.Connection[Any], database: str, roles: Sequence[str]) -> list[str]:
    """Other databases of these roles: while the role can't log in, they have no application either."""
    rows = conn.execute(
        "select datname from pg_database where datname <> %s and pg_get_userbyid(datdba) = any(%s)"
        " order by datname",
        (database, list(roles)),
    ).fetchall()
    return [str(row[0]) for row in rows]


# --- raising ------------------------------------------------------------------------------------------------


def _shut(
    conn: psycopg.Connection[Any],
    database: str,
    run_id: str,
    app_role: str,
    purpose: str,
    exempt: tuple[str, ...],
) -> tuple[bool, Before, dict[str, Any]]:
    """Keep, revoke, bar: the transactional half. Returns whether it changed, what is kept, how it was."""
    _one_at_a_time(conn)
    demand_eyes_and_hands(conn)
    oid, owner = _database(conn, database)
    operator = str(scalar(conn, "select current_user"))
    if app_role in (operator, *exempt):
        raise GoliveError(
            f"The application's role {app_role} is the operator's or an exempt one: no fence would stop it.",
            remedy="Give the application a role of its own, and name it in app_role.",
        )
    earlier, other_run = read_fence(conn, database, purpose=purpose)
    if earlier is not None and other_run != run_id:
        raise _other_run(database, other_run)
    if earlier is not None and earlier.oid != oid:
        raise GoliveError(
            f"The kept fence of {database} belongs to another database than the one of that name now.",
            remedy="Lift the fence of the earlier run before raising a new one.",
        )
    stay = [operator, *_may_stay(conn, oid, exempt)]
    now = Before(oid, owner, tuple(_connects(conn, oid)), tuple(_barrable(conn, oid, app_role, exempt)))
    before = _picture(conn, now)
    # Only the operator and exempt roles hold CONNECT once the fence is up; anybody else came after it.
    strangers = tuple(c for c in now.connects if c.grantee not in stay)
    changed = earlier is None or bool(strangers) or bool(now.roles)
    if earlier is None:
        kept = replace(now, evidence=_evidence(now))
        keep(conn, kind_of(purpose), database, run_id, kept.as_state())
    elif changed:
        kept = replace(
            earlier,
            connects=tuple(dict.fromkeys(earlier.connects + strangers)),
            roles=tuple(dict.fromkeys(earlier.roles + now.roles)),
        )
        kept = replace(kept, evidence={**earlier.evidence, **_evidence(kept)})
        _rewrite(conn, purpose, database, kept)
    else:
        kept = earlier
    if changed:
        _grant_only(conn, database, owner, now.connects, [Connect(owner, role, False) for role in stay])
        for role in now.roles:
            _set_login(conn, role, operator, allowed=False)
    through = _who_connects(conn, oid, exempt)
    if through:
        raise GoliveError(
            f"These roles could still connect to {database}: {', '.join(through)}.",
            remedy="Have a superuser alter them nologin for the freeze, or list them in"
            " freeze_legacy_exempt_roles if people answer for them.",
        )
    return changed, kept, before


def _evidence(before: Before) -> dict[str, Any]:
    return {
        "roles": list(before.roles),
        "connect_revoked": sorted({c.grantee or "PUBLIC" for c in before.connects}),
    }


def _database(conn: psycopg.Connection[Any], database: str) -> tuple[int, str]:
    row = conn.execute(
        "select oid, pg_get_userbyid(datdba) from pg_database where datname = %s", (database,)
    ).fetchone()
    if row is None:
        raise GoliveError(
            f"There is no database {database} in this cluster.", remedy="Check the database's name and host."
        )
    return int(row[0]), str(row[1])


def _connects(conn: psycopg.Connection[Any], oid: int) -> list[Connect]:
    rows = conn.execute(
        "select pg_get_userbyid(a.grantor), case when a.grantee <> 0 then pg_get_userbyid(a.grantee) end,"
        " a.is_grantable from pg_database d,"
        " aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a"
        " where d.oid = %s and a.privilege_type = 'CONNECT' order by 1, 2 nulls first",
        (oid,),
    ).fetchall()
    return [Connect(str(grantor), grantee, bool(grantable)) for grantor, grantee, grantable in rows]


def _barrable(conn: psycopg.Connection[Any], oid: int, app_role: str, exempt: Sequence[str]) -> list[str]:
    """Login roles that revoking CONNECT alone would not stop.

    The owner and its members could grant CONNECT back from another database, the operator's members inherit
    it, a superuser needs none.
    """
    if not scalar(conn, "select exists (select from pg_roles where rolname = %s)", (app_role,)):
        raise GoliveError(
            f"The application's role {app_role} doesn't exist in this cluster.", remedy="Check app_role."
        )
    rows = conn.execute(
        "select r.rolname from pg_roles r, pg_database d where d.oid = %s and r.rolcanlogin"
        " and r.rolname <> current_user and r.rolname <> all(%s)"
        " and (r.rolname = %s or r.rolsuper or pg_has_role(r.oid, d.datdba, 'MEMBER')"
        "      or pg_has_role(r.oid, (select oid from pg_roles where rolname = current_user), 'MEMBER'))"
        " order by 1",
        (oid, list(exempt), app_role),
    ).fetchall()
    return [str(row[0]) for row in rows]


def _may_stay(conn: psycopg.Connection[Any], oid: int, exempt: Sequence[str]) -> list[str]:
    """Exempt roles that can connect now and must still be able to."""
    rows = conn.execute(
        "select rolname from pg_roles where rolname = any(%s) and not rolsuper"
        " and has_database_privilege(oid, %s::oid, 'CONNECT') order by 1",
        (list(exempt), oid),
    ).fetchall()
    return [str(row[0]) for row in rows]


def _who_connects(conn: psycopg.Connection[Any], oid: int, exempt: Sequence[str]) -> list[str]:
    rows = conn.execute(
        "select rolname from pg_roles where rolcanlogin and rolname <> current_user and rolname <> all(%s)"
        " and has_database_privilege(oid, %s::oid, 'CONNECT') order by 1",
        (list(exempt), oid),
    ).fetchall()
    return [str(row[0]) for row in rows]


def _refuse_other_writers(conn: psycopg.Connection[Any], oid: int, database: str) -> None:
    """A subscription writes without ever logging in."""
    rows = conn.execute(
        "select subname from pg_subscription where subdbid = %s and subenabled", (oid,)
    ).fetchall()
    if rows:
        raise GoliveError(
            f"Enabled subscriptions write into {database}: {', '.join(str(r[0]) for r in rows)}.",
            remedy="Disable them: alter subscription <name> disable.",
        )


def _refuse_prepared(conn: psycopg.Connection[Any], database: str) -> None:
    """A prepared transaction holds data that is neither committed nor gone."""
    rows = conn.execute(
        "select gid, owner from pg_prepared_xacts where database = %s order by prepared", (database,)
    ).fetchall()
    if rows:
        named = ", ".join(f"{gid} (of {owner})" for gid, owner in rows[:8])
        raise GoliveError(
            f"{len(rows)} prepared transactions hold uncommitted data in {database}: {named}.",
            remedy="Decide each with its application's team (commit or rollback prepared), then repeat.",
        )


# --- privileges ---------------------------------------------------------------------------------------------


def _grant_only(
    conn: psycopg.Connection[Any],
    database: str,
    owner: str,
    held: Sequence[Connect],
    wanted: Sequence[Connect],
) -> None:
    """Make ``wanted`` the whole list of CONNECT privileges; what was granted onwards goes too."""
    sql = driver().sql
    name = sql.Identifier(database)
    for grantee in dict.fromkeys(c.grantee for c in held if c.grantor == owner):
        conn.execute(
            sql.SQL("revoke connect on database {} from {} cascade").format(name, _grantee(sql, grantee))
        )
    may_grant, waiting = {owner}, list(wanted)
    while waiting:
        ready = [c for c in waiting if c.grantor in may_grant]
        if not ready:
            raise GoliveError(
                f"CONNECT on {database} can't be given back: nobody may grant for"
                f" {', '.join(sorted({c.grantor for c in waiting}))}."
            )
        for connect in ready:
            _grant(conn, name, owner, connect)
            if connect.grantable and connect.grantee is not None:
                may_grant.add(connect.grantee)
            waiting.remove(connect)


def _grant(conn: psycopg.Connection[Any], name: Any, owner: str, connect: Connect) -> None:
    """One GRANT, by the role that granted it before: the access list names the grantor too."""
    sql = driver().sql
    statement = sql.SQL("grant connect on database {} to {}").format(name, _grantee(sql, connect.grantee))
    if connect.grantable:
        statement += sql.SQL(" with grant option")
    if connect.grantor == owner:
        conn.execute(statement)
        return
    conn.execute(sql.SQL("set local role {}").format(sql.Identifier(connect.grantor)))
    conn.execute(statement)
    conn.execute("set local role none")


def _grantee(sql: Any, role: str | None) -> Any:
    return sql.SQL("public") if role is None else sql.Identifier(role)


def _set_login(conn: psycopg.Connection[Any], role: str, operator: str, *, allowed: bool) -> None:
    sql = driver().sql
    verb = sql.SQL("login" if allowed else "nologin")
    try:
        conn.execute(sql.SQL("alter role {} {}").format(sql.Identifier(role), verb))
    except driver().errors.InsufficientPrivilege as exc:
        raise GoliveError(
            f"The operator's role {operator} may not alter the role {role}, which could write:"
            f" {one_line(exc.diag.message_primary)}.",
            remedy=f"As a superuser there: {membership(role, operator, conn.info.server_version)}"
            " A superuser's role that people answer for goes into freeze_legacy_exempt_roles.",
        ) from exc


def _restore(conn: psycopg.Connection[Any], kept: Before) -> list[str]:
    """The lift's changes. Returns what is no longer there to be restored."""
    operator = str(scalar(conn, "select current_user"))
    names = {c.grantee for c in kept.connects} | {c.grantor for c in kept.connects} | set(kept.roles)
    rows = conn.execute(
        "select rolname from pg_roles where rolname = any(%s)", ([n for n in names if n is not None],)
    ).fetchall()
    there = {str(row[0]) for row in rows}
    missing = [f"role {name}" for name in sorted(n for n in names if n is not None and n not in there)]
    row = conn.execute(
        "select datname, pg_get_userbyid(datdba) from pg_database where oid = %s", (kept.oid,)
    ).fetchone()
    if row is None:
        missing.append(f"database with oid {kept.oid}")
    else:
        name, owner = str(row[0]), str(row[1])
        wanted = [
            replace(c, grantor=owner if c.grantor == kept.owner else c.grantor)
            for c in kept.connects
            if c.grantor in there and (c.grantee is None or c.grantee in there)
        ]
        _grant_only(conn, name, owner, _connects(conn, kept.oid), wanted)
        if set(_connects(conn, kept.oid)) != set(wanted):
            raise GoliveError(
                f"CONNECT on {name} didn't come back as it was; nothing was changed.",
                remedy="Compare the database's access list with dfr_golive.kept in the maintenance database.",
            )
    for role in kept.roles:
        if role in there:
            _set_login(conn, role, operator, allowed=True)
    return missing


# --- small things -------------------------------------------------------------------------------------------


def _picture(conn: psycopg.Connection[Any], kept: Before) -> dict[str, Any]:
    """Who may connect and who may log in, for people who read a diff."""
    rows = conn.execute(
        "select rolname, rolcanlogin from pg_roles where rolname = any(%s) order by 1", (list(kept.roles),)
    ).fetchall()
    return {
        "connect": sorted({c.grantee or "PUBLIC" for c in _connects(conn, kept.oid)}),
        "login": {str(name): bool(allowed) for name, allowed in rows},
    }


def _rewrite(conn: psycopg.Connection[Any], purpose: str, database: str, kept: Before) -> None:
    conn.execute(
        "update dfr_golive.kept set state = %s where kind = %s and name = %s",
        (json.dumps(kept.as_state()), kind_of(purpose), database),
    )


def _one_at_a_time(conn: psycopg.Connection[Any]) -> None:
    conn.execute("set local lock_timeout = '10s'")
    conn.execute("select pg_advisory_xact_lock(hashtextextended('dfr_golive.fence', 0))")


def _demand_autocommit(conn: psycopg.Connection[Any]) -> None:
    if not conn.autocommit:
        raise GoliveError("A fence needs an autocommit connection: an outer transaction could undo it.")


def _other_run(database: str, run_id: str) -> GoliveError:
    return GoliveError(
        f"The database {database} carries a fence of another run ({run_id}).",
        remedy="Roll that run back first: playbooks/rollback.yml lifts its fence.",
    )


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """The server's own refusals in one sentence; a lost connection is a probe without an answer."""
    errors = driver().errors
    try:
        yield
    except errors.OperationalError as exc:
        raise ProbeError(f"{what}: {one_line(exc)}.", remedy="Look at the server, then repeat.") from exc
    except errors.Error as exc:
        raise GoliveError(
            f"{what}: {one_line(exc)}.",
            remedy="Check the operator's privileges, roles/freeze_legacy/README.md lists them.",
        ) from exc
