# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who a database is: production keeps its own identity, whichever data it holds."""

from __future__ import annotations

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin, connect, driver
from ansible_collections.dfr.golive.plugins.module_utils._side import Side
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import Plan

SETTINGS_TABLE = "ir_config_parameter"


def read_identity(login: PostgresLogin, keys: tuple[str, ...]) -> dict[str, str]:
    """An Odoo database's own parameters.

    Raises:
        ProbeError: it can't be read, or isn't an Odoo database.
    """
    try:
        with connect(login) as conn:
            rows = conn.execute(
                "select key, value from public.ir_config_parameter where key = any(%s)", (list(keys),)
            ).fetchall()
    except driver().Error as exc:
        raise ProbeError(f"The identity of {login.where} can't be read: {one_line(exc)}.") from exc
    return {str(key): str(value) for key, value in rows}


def check_identity(side: Side, variable: str, login: PostgresLogin | None = None) -> None:
    """Make sure that a database is the one the inventory names.

    Raises:
        GoliveError: it is another one.
    """
    where = login or side.login
    found = read_identity(where, ("database.uuid",)).get("database.uuid")
    if found is None:
        raise ProbeError(f"The database {where.database} on {where.host} has no database.uuid.")
    if found != side.uuid:
        raise GoliveError(
            f"The database {where.database} on {where.host} is {found}, but the inventory's"
            f" golive_databases.{variable}.uuid is {side.uuid}.",
            remedy="This is another database: correct the inventory, or find out who replaced the database.",
        )


def take_identity(plan: Plan) -> list[str]:
    """Give the copy production's own identity parameters. Returns their keys, never their values."""
    own = read_identity(plan.target.login, plan.identity_keys)
    missing = [key for key in plan.identity_keys if key not in own]
    if missing:
        raise GoliveError(
            f"Production lacks the parameters {', '.join(missing)} that make its identity.",
            remedy="Start production's Odoo once, it makes them; or shorten sync_data_identity_keys.",
        )
    with connect(plan.target.login.to(plan.incoming)) as conn:
        for key in plan.identity_keys:
            done = conn.execute(
                "update public.ir_config_parameter set value = %s where key = %s", (own[key], key)
            ).rowcount
            if done != 1:
                raise GoliveError(f"Staging has {done} parameters {key} instead of one.")
    return list(plan.identity_keys)


def declared_keys(
    source: dict[str, str], target: dict[str, str], identity_keys: tuple[str, ...]
) -> list[str]:
    """The parameters that differ; only production's identity may.

    Raises:
        GoliveError: another one does.
    """
    differing = sorted(key for key in {*source, *target} if source.get(key) != target.get(key))
    strange = [key for key in differing if key not in identity_keys]
    if strange:
        raise GoliveError(
            f"{SETTINGS_TABLE} differs in more than production's identity: {', '.join(strange[:10])}.",
            remedy="Roll back, then begin a new run.",
        )
    return differing


def return_identity(plan: Plan) -> bool:
    """Give a copy that is to follow staging again staging's own parameters back. Returns whether any was changed."""
    source, _remote, _stores = plan.parts()
    theirs = read_identity(source.login, plan.identity_keys)
    with connect(plan.target.login.to(plan.incoming)) as conn:
        done = [
            conn.execute(
                "update public.ir_config_parameter set value = %s where key = %s and value is distinct from %s",
                (value, key, value),
            ).rowcount
            for key, value in theirs.items()
        ]
    return any(done)


def identity_rows(login: PostgresLogin, keys: tuple[str, ...]) -> dict[tuple[str, ...], str]:
    """The rows that hold the identity: primary key to parameter."""
    with connect(login) as conn:
        rows = conn.execute(
            "select id::text, key from public.ir_config_parameter where key = any(%s)", (list(keys),)
        ).fetchall()
    return {(str(number),): str(key) for number, key in rows}
