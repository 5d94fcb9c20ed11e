# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A MariaDB server as the fence sees it: who could write one database, and what would make a fence unsafe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._mariadb import driver, rows, scalar
from ansible_collections.dfr.golive.plugins.module_utils._mariadb_grants import (
    Event,
    Held,
    Holder,
    Scope,
    account_of,
    not_covered,
    own_privileges,
    read_grants,
)


@dataclass(frozen=True)
class World:
    """Accounts, roles and who has which, read in one go.

    Attributes:
        operator: the account this session was let in as.
        exempt: accounts that are left alone.
        grants: everything anybody could use to write the database.
        members: which roles each account and role was given.
        events: enabled events of the database.
    """

    operator: Holder
    exempt: tuple[Holder, ...]
    grants: tuple[Held, ...]
    members: dict[Holder, tuple[str, ...]]
    events: tuple[Event, ...]

    @property
    def to_take(self) -> tuple[Held, ...]:
        spared = {self.operator, *self.exempt}
        return tuple(grant for grant in self.grants if grant.holder not in spared)

    def roles_of(self, holder: Holder) -> set[str]:
        """Every role it can be, through others too."""
        found: set[str] = set()
        waiting = list(self.members.get(holder, ()))
        while waiting:
            role = waiting.pop()
            if role not in found:
                found.add(role)
                waiting += self.members.get(Holder(role, role=True), ())
        return found

    def writers(self, grants: Iterable[Held]) -> set[Holder]:
        """The accounts that these grants serve, directly or through a role."""
        direct = {grant.holder for grant in grants}
        roles = {holder.user for holder in direct if holder.role}
        spared = {self.operator, *self.exempt}
        return {
            account
            for account in self.members
            if not account.role
            and account not in spared
            and (account in direct or "PUBLIC" in roles or roles & self.roles_of(account))
        }


def look(conn: Any, database: str, exempt_accounts: Sequence[str]) -> World:
    """Read every account's grants.

    Raises:
        ProbeError: the operator may not see them all; what can't be seen can't be called absent.
        GoliveError: the database isn't there.
    """
    if not rows(conn, "select 1 from information_schema.schemata where schema_name = %s", (database,)):
        raise GoliveError(
            f"There is no database {database} on this MariaDB server, or the operator may not see it.",
            remedy="Check the database's name and host, and the operator's privileges.",
        )
    try:
        holders = all_holders(conn)
        mapping = rows(conn, "select User, Host, Role from mysql.roles_mapping")
    except driver().err.MySQLError as exc:
        raise ProbeError(
            f"The operator can't read the accounts of this MariaDB server: {one_line(exc.args[-1])}.",
            remedy="Grant it select on mysql.*: a writer that can't be seen can't be fenced.",
        ) from exc
    operator = account_of(str(scalar(conn, "select current_user()")))
    if operator not in holders:
        raise ProbeError(f"The operator's own account {operator} is not in the list of accounts.")
    everything = [
        str(row[0]).upper()
        for row in rows(conn, "show privileges")
        if str(row[0]).upper() not in ("USAGE", "PROXY", "GRANT OPTION")
    ]
    grants: list[Held] = []
    for holder in holders:
        lines = (str(row[0]) for row in rows(conn, f"show grants for {holder.sql}"))
        grants += [g for g in read_grants(holder, lines, everything) if g.scope.concerns(database)]
    members: dict[Holder, list[str]] = {holder: [] for holder in holders}
    for user, host, role in mapping:
        members.setdefault(Holder(str(user), str(host), role=not host), []).append(str(role))
    events = rows(
        conn,
        "select name, definer, character_set_client, collation_connection from mysql.event"
        " where db = %s and status = 'ENABLED' order by 1",
        (database,),
    )
    return World(
        operator=operator,
        exempt=tuple(account_of(name) for name in exempt_accounts),
        grants=tuple(grants),
        members={holder: tuple(roles) for holder, roles in members.items()},
        events=tuple(Event(*map(str, event)) for event in events),
    )


def all_holders(conn: Any) -> list[Holder]:
    """Every account and role of the server."""
    found = rows(
        conn, "select User, Host, coalesce(json_value(Priv, '$.is_role'), '0') from mysql.global_priv"
    )
    return [Holder(str(user), str(host), role=str(role) in ("1", "true")) for user, host, role in found]


# --- what would make the fence unsafe -----------------------------------------------------------------------


def objections(conn: Any, database: str, world: World) -> list[GoliveError]:
    """Everything that would keep the fence from being raised or from holding. Read-only."""
    checks: list[Callable[[], Iterable[str]]] = [
        lambda: _lacking(conn, world),
        lambda: _shared_names(world),
        lambda: _operator_through_roles(world),
        lambda: _proxies(conn, world),
        lambda: _backdoors(conn, database, world),
        lambda: _other_nodes(conn),
        lambda: prepared(conn),
    ]
    remedies = (
        (
            "Grant it to the operator's account (roles/freeze_legacy/README.md lists what it needs); an"
            " account that people answer for goes into freeze_legacy_exempt_accounts."
        ),
        "Rename one of the two, or drop the one nobody uses.",
        "Grant the operator's privileges to its account directly.",
        "Revoke the proxy privilege for the freeze, or exempt the account.",
        "Disable or drop it for the freeze, or give it a definer that is fenced.",
        "Freeze on the server where records are entered, and stop replication into it.",
        "Decide it with its application's team: xa commit or xa rollback.",
    )
    return [
        GoliveError(sentence, remedy=remedy)
        for check, remedy in zip(checks, remedies, strict=True)
        for sentence in check()
    ]


def _lacking(conn: Any, world: World) -> Iterator[str]:
    """A MariaDB server can't rehearse a REVOKE, so the operator's own grants are held against the list."""
    own = [str(row[0]) for row in rows(conn, "show grants")]
    for grant in world.to_take:
        missing = not_covered(grant, own)
        if missing:
            yield (
                f"The operator {world.operator} may not revoke {', '.join(missing)} on {grant.scope.sql}"
                f" from {grant.holder}."
            )
    whole = own_privileges(own, Scope("*", "*"))
    for need, why in (("PROCESS", "see every session"), ("CONNECTION ADMIN", "end other accounts' sessions")):
        if need not in whole:
            yield f"The operator {world.operator} lacks {need} and so can't {why}."
    foreign = [e.name for e in world.events if account_of(e.definer) != world.operator]
    if foreign and "SET USER" not in whole:
        yield (
            f"The operator {world.operator} lacks SET USER and so can't disable events of other definers:"
            f" {', '.join(foreign)}."
        )


def _shared_names(world: World) -> Iterator[str]:
    """A session shows its user, not its account: two accounts of one name can't be told apart."""
    for account in sorted(world.writers(world.to_take)):
        if account.user == world.operator.user:
            yield f"The account {account} has the operator's user name: their sessions look alike."


def _operator_through_roles(world: World) -> Iterator[str]:
    taken = {grant.holder.user for grant in world.to_take if grant.holder.role}
    for role in sorted(taken & world.roles_of(world.operator)):
        yield f"The operator {world.operator} holds the role {role}, which the fence empties."


def _proxies(conn: Any, world: World) -> Iterator[str]:
    spared = {world.operator, *world.exempt}
    for user, host, to_user, to_host in rows(
        conn, "select User, Host, Proxied_user, Proxied_host from mysql.proxies_priv"
    ):
        account = Holder(str(user), str(host))
        target = Holder(str(to_user), str(to_host))
        # The installer leaves entries of accounts that were never made: those can't log in.
        if account in world.members and account not in spared and (not target.user or target in spared):
            yield f"The account {account} may act as {target.user or 'anybody'}@{target.host or '%'}."


def _backdoors(conn: Any, database: str, world: World) -> Iterator[str]:
    """Code elsewhere that runs as somebody the fence spares, and names the database.

    Triggers of databases that the operator has no privilege on can't be seen.
    """
    spared = sorted(str(holder) for holder in {world.operator, *world.exempt})
    found = rows(
        conn,
        "select 'event', db, name, definer from mysql.event where db <> %(db)s and status = 'ENABLED'"
        " and definer in %(spared)s and locate(%(db)s, body_utf8) > 0"
        " union all select 'routine', db, name, definer from mysql.proc"
        " where db not in (%(db)s, 'sys', 'mysql') and security_type = 'DEFINER'"
        " and definer in %(spared)s and locate(%(db)s, body_utf8) > 0"
        " union all select 'trigger', trigger_schema, trigger_name, definer from information_schema.triggers"
        " where trigger_schema <> %(db)s and definer in %(spared)s and locate(%(db)s, action_statement) > 0",
        {"db": database, "spared": spared},
    )
    for kind, schema, name, definer in found:
        yield f"The {kind} {schema}.{name} runs as {definer}, whom the fence spares, and names {database}."


def _other_nodes(conn: Any) -> Iterator[str]:
    workers = scalar(
        conn,
        "select count(*) from information_schema.processlist"
        " where user = 'system user' and command in ('Slave_SQL', 'Slave_worker')",
    )
    if workers:
        yield "This server is a replica and applies another server's writes."
    sizes = rows(conn, "show global status like 'wsrep_cluster_size'")
    if sizes and int(sizes[0][1] or 0) > 1:
        yield f"This server is one of {sizes[0][1]} nodes of a cluster: sessions on the others would go on."


def prepared(conn: Any) -> Iterator[str]:
    found = rows(conn, "xa recover format='SQL'")
    if found:
        named = ", ".join(one_line(row[-1], 80) for row in found[:8])
        yield f"{len(found)} prepared XA transactions hold uncommitted data on this server: {named}."
