# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The country's users: held back while production is made ready, let in wave by wave."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _odoo_config, _postgres
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError

if TYPE_CHECKING:
    import psycopg
    from ansible_collections.dfr.golive.plugins.module_utils._odoo import Odoo

KEPT_HELD = "held_users"
KEPT_WELCOMED = "welcomed_users"
KEPT_OPENING = "opening_door"
SUPERUSER_ID = 1
BATCH_ENABLE = 500
BATCH_INVITE = 20
BATCH_PASSWORDS = 200
# Of what OWASP asks for; the application raises it at the first login.
INITIAL_ROUNDS = 210_000

# Who has the group or one that implies it: Odoo 19 stores direct memberships only, older ones the closure.
_MEMBERS = """
with recursive holding(gid) as (
    select res_id from ir_model_data where module = %(module)s and name = %(name)s and model = 'res.groups'
    union
    select implied.gid from res_groups_implied_rel as implied join holding on implied.hid = holding.gid
)
select (select count(*) from holding),
       coalesce((
           select array_agg(distinct member.uid order by member.uid)
           from res_groups_users_rel as member
           join holding on holding.gid = member.gid
           join res_users as u on u.id = member.uid
           where u.active and u.id <> %(superuser)s and u.login <> all(%(exempt)s)
       ), '{}')
"""


@dataclass(frozen=True)
class Wave:
    """Users who come in together.

    Attributes:
        name: what people call them.
        group: external id of their Odoo group.
        ids: the users' ids; each user is in the first wave that fits.
    """

    name: str
    group: str
    ids: tuple[int, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "group": self.group, "ids": list(self.ids)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Wave:
        return cls(str(raw["name"]), str(raw["group"]), tuple(int(i) for i in raw.get("ids") or ()))


def members(
    conn: psycopg.Connection[Any], waves: Iterable[Mapping[str, Any]], exempt: Sequence[str]
) -> list[Wave]:
    """The active users of each wave, apart from the exempt logins.

    Raises:
        GoliveError: a wave's group isn't in this database.
    """
    taken: set[int] = set()
    found = []
    for wave in waves:
        module, _dot, name = str(wave["group"]).partition(".")
        row = conn.execute(
            _MEMBERS,
            {"module": module, "name": name, "exempt": list(exempt), "superuser": SUPERUSER_ID},
        ).fetchone()
        if row is None:
            raise ProbeError(f"No answer to who is in the group {wave['group']}.")
        if not row[0]:
            raise GoliveError(
                f"The group {wave['group']} of the wave {wave['name']} is not in {conn.info.dbname}.",
                remedy="Correct the wave in enable_users_waves (group is an external id, module.name).",
            )
        ids = tuple(i for i in row[1] if i not in taken)
        taken.update(ids)
        found.append(Wave(str(wave["name"]), str(wave["group"]), ids))
    return found


def database_oid(conn: psycopg.Connection[Any], database: str) -> int:
    """The cluster's own number of a database: survives a rename, differs after a swap."""
    oid = _postgres.scalar(
        conn, "select coalesce((select oid::bigint from pg_database where datname = %s), 0)", (database,)
    )
    return int(oid)


def held(conn: psycopg.Connection[Any], database: str) -> list[Wave]:
    """The waves that `lock_config` held back in this very database.

    Args:
        conn: a connection to the maintenance database.

    Raises:
        GoliveError: none are known: they were never held, or another database has the name now.
    """
    kept = _postgres.recall(conn, KEPT_HELD, database)
    if kept is None:
        raise GoliveError(
            f"No users are held back in {database}.", remedy="Run lock_config first: it holds them back."
        )
    if int(kept["oid"]) != database_oid(conn, database):
        raise GoliveError(
            f"The users held back belong to another database than the one now named {database}.",
            remedy="Roll back to before sync_data and go on from there.",
        )
    return [Wave.from_dict(wave) for wave in kept["waves"]]


def active_count(conn: psycopg.Connection[Any], wave: Wave) -> int:
    """How many of a wave are active, read from the database."""
    count = _postgres.scalar(
        conn, "select count(*) from res_users where active and id = any(%s)", (list(wave.ids),)
    )
    return int(count)


def set_active(conn: psycopg.Connection[Any], ids: Sequence[int], *, active: bool) -> int:
    """Hold or release users in the database itself; works whether or not the application does."""
    rows = conn.execute(
        "update res_users set active = %s where id = any(%s) and active is distinct from %s returning id",
        (active, list(ids), active),
    ).fetchall()
    return len(rows)


def batches(ids: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])


def enable_wave(odoo: Odoo, wave: Wave) -> int:
    """Make a wave's users active through the application, in bulk; count them afterwards.

    Returns:
        How many were not active before.

    Raises:
        GoliveError: not all of them are active afterwards.
    """
    inactive = [
        int(row["id"])
        for row in odoo.rows("res.users", [("id", "in", list(wave.ids)), ("active", "=", False)], ["id"])
    ]
    for batch in batches(inactive, BATCH_ENABLE):
        odoo.call("res.users", "write", batch, {"active": True})
    require_fully_active(odoo, wave)
    return len(inactive)


def require_fully_active(odoo: Odoo, wave: Wave) -> None:
    """Count a wave through the application.

    Raises:
        GoliveError: some of it may not log in.
    """
    active = odoo.count("res.users", [("id", "in", list(wave.ids)), ("active", "=", True)])
    if active != len(wave.ids):
        raise GoliveError(
            f"Only {active} of {len(wave.ids)} {wave.name} are active.",
            remedy="Look at the users that stay archived, then run again.",
        )


def initial_password_gaps(
    conn: psycopg.Connection[Any], waves: Iterable[Wave], passwords: Mapping[str, str]
) -> list[str]:
    """Logins of held users that the vault's map has no password for."""
    ids = [i for wave in waves for i in wave.ids]
    rows = conn.execute("select login from res_users where id = any(%s) order by login", (ids,)).fetchall()
    return [str(row[0]) for row in rows if not passwords.get(str(row[0]))]


def without_email(conn: psycopg.Connection[Any], waves: Iterable[Wave]) -> list[str]:
    """Logins of held users that no invitation could reach."""
    ids = [i for wave in waves for i in wave.ids]
    rows = conn.execute(
        "select u.login from res_users as u join res_partner as p on p.id = u.partner_id"
        " where u.id = any(%s) and coalesce(p.email, '') not like '%%_@_%%' order by u.login",
        (ids,),
    ).fetchall()
    return [str(row[0]) for row in rows]


def has_signup(conn: psycopg.Connection[Any]) -> bool:
    """Is the Odoo module that sends invitations installed?"""
    return bool(
        _postgres.scalar(
            conn,
            "select exists (select from ir_module_module where name = 'auth_signup' and state = 'installed')",
        )
    )


def welcome(
    odoo: Odoo,
    store: psycopg.Connection[Any],
    data: psycopg.Connection[Any],
    wave: Wave,
    *,
    policy: str,
    passwords: Mapping[str, str],
    run_id: str,
) -> int:
    """Give a wave its passwords or invitations; a run that comes again goes on where the last one stopped.

    Args:
        odoo: the administrator's session.
        store: an autocommit connection to the maintenance database: who has been served is kept there.
        data: an autocommit connection to the application's database.
        policy: ``keep`` (they came with the data), ``invite`` (a mail), ``initial`` (the vault's map).

    Returns:
        How many users were served now.
    """
    if policy == "keep":
        return 0
    served = 0
    for batch in batches(wave.ids, BATCH_INVITE if policy == "invite" else BATCH_PASSWORDS):
        name = f"{odoo.login.database}/{wave.name}/{policy}/{batch[0]}-{batch[-1]}"
        if _postgres.recall(store, KEPT_WELCOMED, name) is not None:
            continue
        if policy == "invite":
            odoo.call("res.users", "action_reset_password", batch, context={"create_user": True})
        else:
            set_passwords(data, batch, passwords)
        _postgres.keep(store, KEPT_WELCOMED, name, run_id, {"count": len(batch)})
        served += len(batch)
    return served


def set_passwords(data: psycopg.Connection[Any], ids: Sequence[int], passwords: Mapping[str, str]) -> None:
    """Set passwords while nobody can be logged in with the old ones; hashed on all processors.

    Through the application it would be one slow hash after the other. It replaces these by its own, costlier
    ones at each user's first login.
    """
    rows = data.execute("select id, login from res_users where id = any(%s)", (list(ids),)).fetchall()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        hashes = list(
            pool.map(lambda row: _odoo_config.hash_password(passwords[str(row[1])], INITIAL_ROUNDS), rows)
        )
    data.execute(
        "update res_users as u set password = given.hash"
        " from unnest(%s::int[], %s::text[]) as given (id, hash) where u.id = given.id",
        ([int(row[0]) for row in rows], hashes),
    )
