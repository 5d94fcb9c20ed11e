# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words of MariaDB's grants: who holds what on what, as SHOW GRANTS says it and as GRANT wants it.

A line that isn't understood is a stop: a privilege overlooked would be a hole in the fence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._mariadb import identifier

# What can't change a registry's rows, nor become the right to. All else is taken away, the unknown included.
HARMLESS = frozenset(
    {
        "SELECT", "SHOW VIEW", "SHOW DATABASES", "SHOW CREATE ROUTINE", "PROCESS", "REFERENCES",
        "LOCK TABLES", "CREATE TEMPORARY TABLES", "RELOAD", "SHUTDOWN", "CONNECTION ADMIN",
        "REPLICATION SLAVE", "BINLOG MONITOR", "SLAVE MONITOR", "REPLICA MONITOR", "REPLICATION CLIENT",
        "REPLICATION MASTER ADMIN",
    }
)  # fmt: skip

# What ALL PRIVILEGES means below the server's level. Of a routine everything is taken: a REVOKE of some of
# its privileges makes MariaDB forget the others as well.
ALL_OF_SCHEMA = (
    "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "INDEX", "ALTER", "CREATE VIEW", "CREATE ROUTINE",
    "ALTER ROUTINE", "EXECUTE", "EVENT", "TRIGGER", "DELETE HISTORY",
)  # fmt: skip
ALL_OF_TABLE = (
    "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "INDEX", "ALTER", "CREATE VIEW", "TRIGGER",
    "DELETE HISTORY",
)  # fmt: skip
ALL_OF_ROUTINE = ("EXECUTE", "ALTER ROUTINE", "SHOW CREATE ROUTINE")


@dataclass(frozen=True, order=True)
class Holder:
    """An account, or a role (whose host is empty)."""

    user: str
    host: str = ""
    role: bool = False

    @property
    def sql(self) -> str:
        if self.role:
            return "public" if self.user == "PUBLIC" else identifier(self.user)
        return f"{identifier(self.user)}@{identifier(self.host)}"

    def __str__(self) -> str:
        return f"role {self.user}" if self.role else f"{self.user}@{self.host}"


@dataclass(frozen=True, order=True)
class Scope:
    """What a grant is about: the server (both '*'), a schema pattern, a table or a routine."""

    schema: str
    name: str
    routine: str = ""

    @property
    def sql(self) -> str:
        schema = "*" if self.schema == "*" else identifier(self.schema)
        name = "*" if self.name == "*" else identifier(self.name)
        return f"{self.routine} {schema}.{name}".strip()

    def concerns(self, database: str) -> bool:
        """Whether it opens a way to write there; who writes the grant tables gives himself any privilege."""
        if self.schema == "*":
            return True
        places = {database.casefold(), "mysql"}
        if self.name != "*":
            return self.schema.casefold() in places
        return any(like(place, self.schema) for place in places)

    def everything(self, server_privileges: Sequence[str]) -> Sequence[str]:
        """What ALL PRIVILEGES stands for here, the harmless ones left out."""
        if self.routine:
            return ALL_OF_ROUTINE
        if self.schema == "*":
            return server_privileges
        return ALL_OF_SCHEMA if self.name == "*" else ALL_OF_TABLE


@dataclass(frozen=True, order=True)
class Privilege:
    """One privilege, on some columns only when there are any."""

    name: str
    columns: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        if not self.columns:
            return self.name
        return f"{self.name} ({', '.join(identifier(c) for c in self.columns)})"


@dataclass(frozen=True)
class Held:
    """What somebody holds on one scope."""

    holder: Holder
    scope: Scope
    privileges: tuple[Privilege, ...]
    grantable: bool

    @property
    def key(self) -> tuple[Holder, Scope]:
        return self.holder, self.scope

    @property
    def revoke(self) -> str:
        return f"revoke {self._list} on {self.scope.sql} from {self.holder.sql}"

    @property
    def grant(self) -> str:
        onwards = " with grant option" if self.grantable else ""
        return f"grant {self._list} on {self.scope.sql} to {self.holder.sql}{onwards}"

    @property
    def _list(self) -> str:
        return ", ".join(p.sql for p in self.privileges)


@dataclass(frozen=True, order=True)
class Event:
    """An enabled event of the scheduler.

    Altering an event makes whoever does it its definer unless another is named, and stamps it with the session's
    character set, in which its body would then be misread: both are kept.
    """

    name: str
    definer: str
    charset: str
    collation: str

    def alter(self, database: str, verb: str) -> str:
        user, _at, host = self.definer.rpartition("@")
        owner = f"{identifier(user)}@{identifier(host)}"
        return f"alter definer = {owner} event {identifier(database)}.{identifier(self.name)} {verb}"


_NAME = r"`(?:[^`]|``)*`"
_ON = re.compile(
    rf"GRANT (?P<what>.+?) ON (?:(?P<routine>PROCEDURE|FUNCTION|PACKAGE BODY|PACKAGE) )?"
    rf"(?P<schema>\*|{_NAME})\.(?P<name>\*|{_NAME}) TO (?P<holder>PUBLIC|{_NAME}(?:@{_NAME})?)(?P<rest>.*)",
    re.DOTALL,
)
_ASIDE = re.compile(rf"GRANT PROXY ON |SET DEFAULT ROLE |GRANT {_NAME}(?:, ?{_NAME})* TO ")
_PRIVILEGE = re.compile(
    rf"\s*(?P<name>[A-Z_][A-Z_ ]*?)\s*(?:\((?P<columns>[^()`]*(?:{_NAME}[^()`]*)*)\))?\s*(?:,|$)"
)
_STRING = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)


def read_grants(holder: Holder, lines: Iterable[str], server_privileges: Sequence[str]) -> list[Held]:
    """What SHOW GRANTS says, harmless privileges left out.

    Raises:
        ProbeError: a line that isn't understood.
    """
    held = []
    for line in lines:
        match = _ON.fullmatch(line)
        if match is None or line.startswith("GRANT PROXY ON "):
            if _ASIDE.match(line):
                continue
            raise ProbeError(
                f"The server describes the grants of {holder} in words that aren't understood:"
                f" {one_line(_STRING.sub('...', line), 120)}."
            )
        if match["holder"] != _shown(holder):
            continue  # a role's roles are shown along with it; each of them is asked for itself
        scope = Scope(_plain(match["schema"]), _plain(match["name"]), match["routine"] or "")
        privileges = _privileges(match["what"], scope, server_privileges, holder)
        if privileges:
            onwards = "GRANT OPTION" in _STRING.sub("''", match["rest"])
            held.append(Held(holder, scope, privileges, onwards))
    return held


def _privileges(
    text: str, scope: Scope, server_privileges: Sequence[str], holder: Holder
) -> tuple[Privilege, ...]:
    found: list[Privilege] = []
    position = 0
    while position < len(text):
        match = _PRIVILEGE.match(text, position)
        if match is None or match.end() == position:
            raise ProbeError(f"The privileges of {holder} can't be read: {one_line(text, 120)}.")
        position = match.end()
        name = match["name"]
        if name in ("ALL PRIVILEGES", "ALL"):
            found += [
                Privilege(p)
                for p in scope.everything(server_privileges)
                if scope.routine or p not in HARMLESS
            ]
        elif name != "USAGE" and (scope.routine or name not in HARMLESS):
            columns = tuple(_plain(c) for c in re.findall(_NAME, match["columns"] or ""))
            found.append(Privilege(name, columns))
    return tuple(found)


def _shown(holder: Holder) -> str:
    return "PUBLIC" if holder.sql == "public" else holder.sql


def _plain(quoted: str) -> str:
    return quoted if quoted == "*" else quoted[1:-1].replace("``", "`")


def like(text: str, pattern: str) -> bool:
    r"""Whether a schema pattern of a grant covers a name: % and _ are wild unless a \ stands before them."""
    parts = []
    escaped = False
    for char in pattern:
        if escaped:
            parts.append(re.escape(char))
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            parts.append({"%": ".*", "_": "."}.get(char, re.escape(char)))
    return re.fullmatch("".join(parts), text, re.IGNORECASE | re.DOTALL) is not None


def account_of(name: str) -> Holder:
    """An account from user@host, quoted or not."""
    user, at, host = name.rpartition("@")
    if not at:
        raise GoliveError(
            f"{name!r} isn't the name of a MariaDB account.", remedy="Write accounts as user@host, unquoted."
        )
    return Holder(user.strip("'`\""), host.strip("'`\""))


def own_privileges(lines: Sequence[str], scope: Scope) -> dict[str, bool]:
    """What the operator itself holds on exactly this scope, and whether it may pass it on."""
    found: dict[str, bool] = {}
    for line in lines:
        match = _ON.fullmatch(line)
        if match is None or Scope(_plain(match["schema"]), _plain(match["name"])) != scope:
            continue
        onwards = "GRANT OPTION" in _STRING.sub("''", match["rest"])
        for part in _PRIVILEGE.finditer(match["what"]):
            name = part["name"]
            names = ["ALL", *HARMLESS, "SET USER"] if name in ("ALL", "ALL PRIVILEGES") else [name]
            found.update(dict.fromkeys(names, onwards))
    return found


def not_covered(grant: Held, own: Sequence[str]) -> list[str]:
    """The privileges of a grant that the operator could neither revoke nor give back."""
    scopes = [Scope("*", "*")]
    if grant.scope.schema != "*":
        for line in own:
            match = _ON.fullmatch(line)
            if match is None or match["schema"] == "*" or match["name"] != "*":
                continue
            pattern = _plain(match["schema"])
            exact = grant.scope.name != "*"
            if pattern == grant.scope.schema or (exact and like(grant.scope.schema, pattern)):
                scopes.append(Scope(pattern, "*"))
    usable: set[str] = set()
    may_pass_on = False
    for scope in scopes:
        held = own_privileges(own, scope)
        usable |= set(held)
        may_pass_on = may_pass_on or any(held.values())
    if not may_pass_on:
        return ["anything (no GRANT OPTION)"]
    return [] if "ALL" in usable else [p.name for p in grant.privileges if p.name not in usable]
