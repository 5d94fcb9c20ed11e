# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names: `<production>_incoming` takes production's in one transaction, and gives it back in one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _fence_postgres
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    DriftError,
    GoliveError,
    one_line,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    connect,
    driver,
    forget,
    keep,
    membership,
    scalar,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres_sessions import Session, who_is_in
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import FENCE, KIND, MAKING, Plan, World

if TYPE_CHECKING:
    import psycopg

# How long a session may stay that only a superuser may end: it doesn't go by itself, and users are waiting.
PATIENCE_SECONDS = 5.0

# From this version on somebody who is no superuser can be let set what only a superuser may.
PARAMETER_RIGHTS = 150000


def drop_incoming(admin: psycopg.Connection[Any], plan: Plan, world: World) -> bool:
    if plan.incoming not in world.databases:
        return False
    sql = require("psycopg.sql", "python3-psycopg")
    admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(plan.incoming)))
    return True


def carry_settings(admin: psycopg.Connection[Any], plan: Plan) -> None:
    """Production's ``alter database ... set`` belong to production, whichever data it holds.

    Raises:
        GoliveError: one can't be set by the operator.
    """
    with admin.transaction():
        _set_like_production(admin, plan, plan.incoming)


def try_settings(admin: psycopg.Connection[Any], plan: Plan) -> int:
    """Whether they can be carried: set on production itself, which has them already, and taken back; their number.

    Raises:
        GoliveError: see `carry_settings`.
    """
    with admin.transaction(force_rollback=True):
        return _set_like_production(admin, plan, plan.production)


def _set_like_production(admin: psycopg.Connection[Any], plan: Plan, database: str) -> int:
    sql = require("psycopg.sql", "python3-psycopg")
    rows = admin.execute(
        "select unnest(s.setconfig), r.rolname from pg_catalog.pg_db_role_setting s"
        " join pg_catalog.pg_database d on d.oid = s.setdatabase"
        " left join pg_catalog.pg_roles r on r.oid = s.setrole where d.datname = %s order by 2, 1",
        (plan.production,),
    ).fetchall()
    limit = scalar(
        admin, "select datconnlimit from pg_catalog.pg_database where datname = %s", (plan.production,)
    )
    target = sql.Identifier(database)
    for setting, role in rows:
        name, _equals, value = str(setting).partition("=")
        whom = sql.SQL("database {}").format(target)
        if role is not None:
            whom = sql.SQL("role {} in {}").format(sql.Identifier(role), whom)
        try:
            admin.execute("select pg_catalog.set_config(%s, %s, true)", (name, value))
            admin.execute(
                sql.SQL("alter {} set {} from current").format(
                    whom, sql.SQL(".").join(sql.Identifier(part) for part in name.split("."))
                )
            )
        except driver().Error as exc:
            of = plan.production if role is None else f"the role {role} in {plan.production}"
            raise GoliveError(
                f"The setting {name} of {of} can't be taken over by {admin.info.user}: {one_line(exc)}.",
                remedy=_may_set(admin, name, role),
            ) from exc
    admin.execute(sql.SQL("alter database {} connection limit {}").format(target, sql.Literal(limit)))
    return len(rows)


def _may_set(admin: psycopg.Connection[Any], name: str, role: str | None) -> str:
    user = admin.info.user
    also = f" {membership(role, user, admin.info.server_version)}" if role is not None else ""
    if admin.info.server_version >= PARAMETER_RIGHTS:
        return f"As a superuser there: GRANT SET ON PARAMETER {name} TO {user};{also}"
    return f"Reset it before the go-live and set it again afterwards, as a superuser.{also}"


def raise_fence(plan: Plan, *, rehearse: bool = False) -> dict[str, Any]:
    """The fence around production while its data come.

    Args:
        plan: whose production.
        rehearse: take it back at once, and end nobody.

    Returns:
        Its evidence.

    Raises:
        GoliveError: it can't be raised.
    """
    with connect(plan.target.maintenance(), autocommit=True) as admin:
        return _fence_postgres.raise_fence(
            admin,
            plan.production,
            run_id=plan.run_id,
            app_role=plan.target.app_role,
            purpose=FENCE,
            exempt_roles=plan.exempt_roles,
            rehearse=rehearse,
        ).evidence


def _end_sessions(admin: psycopg.Connection[Any], *databases: str) -> list[Session]:
    """Those that are left, because only a superuser may end them."""
    found = who_is_in(admin, databases)
    admin.execute(
        "select pg_catalog.pg_terminate_backend(pid) from pg_catalog.unnest(%s::int[]) pid",
        ([session.pid for session, may_end in found if may_end],),
    )
    return [session for session, may_end in found if not may_end]


def _rename_together(
    admin: psycopg.Connection[Any],
    renames: list[tuple[str, str]],
    also: Callable[[], None],
    limit_seconds: float = 60,
) -> None:
    """Rename databases in one transaction, with ``also`` in it; sessions are ended, and again if one slipped in."""
    sql = require("psycopg.sql", "python3-psycopg")
    errors = driver().errors
    started = time.monotonic()
    while True:
        staying = _end_sessions(admin, *(old for old, _new in renames))
        try:
            with admin.transaction():
                also()
                for old, new in renames:
                    admin.execute(
                        sql.SQL("alter database {} rename to {}").format(
                            sql.Identifier(old), sql.Identifier(new)
                        )
                    )
        except errors.ObjectInUse as exc:
            waited = time.monotonic() - started
            if waited >= (PATIENCE_SECONDS if staying else limit_seconds):
                who = ", ".join(str(session) for session in staying[:8]) or one_line(exc)
                raise GoliveError(
                    f"After {waited:.0f} s somebody is still connected, nothing was renamed: {who}.",
                    remedy="Have that session ended, then repeat.",
                ) from exc
            time.sleep(0.2)
        except errors.Error as exc:
            raise GoliveError(f"Renaming the databases failed, nothing changed: {one_line(exc)}.") from exc
        else:
            return


def swap(admin: psycopg.Connection[Any], plan: Plan, state: dict[str, Any]) -> None:
    """Incoming takes production's name, and the kept row says so, in one transaction."""

    def also() -> None:
        kept = keep(admin, KIND, plan.production, plan.run_id, state)
        if kept.get("run_id") != plan.run_id:
            raise GoliveError(f"Production was swapped by another run ({kept.get('run_id')}) meanwhile.")
        _open_like_production(admin, plan)
        forget(admin, MAKING, plan.production)

    _rename_together(admin, [(plan.production, plan.before), (plan.incoming, plan.production)], also)


def _open_like_production(admin: psycopg.Connection[Any], plan: Plan) -> None:
    """Who may connect to production may connect to what takes its name (the application's role stays barred)."""
    sql = require("psycopg.sql", "python3-psycopg")
    fence, _run = _fence_postgres.read_fence(admin, plan.production, purpose=FENCE)
    if fence is None:
        raise DriftError(
            "The fence around production is gone in the middle of the sync.", remedy="Roll back."
        )
    rows = admin.execute(
        "select case when a.grantee <> 0 then pg_catalog.pg_get_userbyid(a.grantee) end, a.privilege_type,"
        " a.is_grantable from pg_catalog.pg_database d,"
        " aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a"
        " where d.datname = %s and a.privilege_type <> 'CONNECT' and a.grantee <> d.datdba",
        (plan.production,),
    ).fetchall()
    grants = [(grantee, str(privilege), bool(grantable)) for grantee, privilege, grantable in rows]
    grants += [(c.grantee, "CONNECT", c.grantable) for c in fence.connects if c.grantee != fence.owner]
    incoming = sql.Identifier(plan.incoming)
    for grantee, privilege, grantable in grants:
        admin.execute(
            sql.SQL("grant {} on database {} to {}{}").format(
                sql.SQL(privilege),
                incoming,
                sql.SQL("public") if grantee is None else sql.Identifier(grantee),
                sql.SQL(" with grant option" if grantable and grantee is not None else ""),
            )
        )
    comment = scalar(
        admin,
        "select pg_catalog.shobj_description(oid, 'pg_database') from pg_catalog.pg_database where datname = %s",
        (plan.production,),
    )
    admin.execute(sql.SQL("comment on database {} is {}").format(incoming, sql.Literal(comment)))


def swap_back(admin: psycopg.Connection[Any], plan: Plan, world: World) -> None:
    """Production's own data takes its name again; what was brought is ``<production>_incoming`` once more."""

    def also() -> None:
        # Ours again, so that a crash right after this leaves a copy that we know we may drop.
        if not world.copy:
            keep(admin, MAKING, plan.production, plan.run_id, {"database": plan.incoming})
        forget(admin, KIND, plan.production)

    _rename_together(admin, [(plan.production, plan.incoming), (plan.before, plan.production)], also)
