# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What decides how a database compares text: a copy must sort as its source does, so it is made with that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    GoliveError,
    ProbeError,
    one_line,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import driver

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Locale:
    """What decides how a database compares text; it can't be changed afterwards."""

    encoding: str
    provider: str
    collate: str
    ctype: str
    locale: str
    rules: str

    def create_options(self) -> list[tuple[str, str]]:
        """For ``create database``: the copy must sort as the source does."""
        provider = {"c": "libc", "i": "icu", "b": "builtin"}[self.provider]
        options = [("encoding", self.encoding), ("lc_collate", self.collate), ("lc_ctype", self.ctype)]
        if provider != "libc":
            options += [("locale_provider", provider), (f"{provider}_locale", self.locale)]
        if self.rules:
            options += [("icu_rules", self.rules)]
        return options


def read_locale(conn: psycopg.Connection[Any]) -> Locale:
    """The current database's; columns that an older server lacks read as libc's."""
    row = conn.execute(
        "select pg_catalog.pg_encoding_to_char(encoding), to_jsonb(d) from pg_catalog.pg_database d"
        " where datname = current_database()"
    ).fetchone()
    if row is None:
        raise ProbeError(f"The database {conn.info.dbname} doesn't know its own locale.")
    facts = row[1]
    return Locale(
        encoding=str(row[0]),
        provider=str(facts.get("datlocprovider") or "c"),
        collate=str(facts["datcollate"]),
        ctype=str(facts["datctype"]),
        locale=str(facts.get("datlocale") or facts.get("daticulocale") or ""),
        rules=str(facts.get("daticurules") or ""),
    )


def create_database(
    admin: psycopg.Connection[Any], name: str, locale: Locale, *, owner: str | None = None
) -> None:
    """An empty database that sorts as ``locale`` says, closed to all but its owner.

    Args:
        admin: an *autocommit* connection to another database of that server.
        name: the new database's.
        locale: of what will be brought into it.
        owner: the operator itself when None.

    Raises:
        GoliveError: it can't be made.
    """
    sql = require("psycopg.sql", "python3-psycopg")
    options = [
        sql.SQL("{} = {}").format(sql.SQL(word), sql.Literal(value))
        for word, value in locale.create_options()
    ]
    if owner is not None:
        options.append(sql.SQL("owner = {}").format(sql.Identifier(owner)))
    database = sql.Identifier(name)
    try:
        admin.execute(
            sql.SQL("create database {} template = template0 {}").format(database, sql.SQL(" ").join(options))
        )
        admin.execute(sql.SQL("revoke connect, temporary on database {} from public").format(database))
    except driver().Error as exc:
        raise GoliveError(
            f"The database {name} can't be made: {one_line(exc)}.",
            remedy="The operator needs CREATEDB and must be a member of the owner's role.",
        ) from exc


@dataclass(frozen=True)
class Collations:
    """What a database's text is sorted by.

    Attributes:
        version: of the database's own collation, as its server has it now; empty where it has none.
        stale: what was recorded when the database or a collation was made, where the server now has another; empty
            when all is as recorded.
        available: collations of somebody's own making, name to the version the server has.
        loose: those of them that take different strings for equal.
    """

    version: str
    stale: str
    available: dict[str, str]
    loose: tuple[str, ...]


def read_collations(conn: psycopg.Connection[Any]) -> Collations:
    """
    Raises:
        ProbeError: the database doesn't know itself.
    """
    row = conn.execute(
        "select to_jsonb(d), d.oid::int8 from pg_catalog.pg_database d where datname = current_database()"
    ).fetchone()
    if row is None:
        raise ProbeError(f"The database {conn.info.dbname} doesn't know its own collation.")
    recorded, actual = str(row[0].get("datcollversion") or ""), ""
    if conn.info.server_version >= 150000:
        answer = conn.execute(
            "select coalesce(pg_catalog.pg_database_collation_actual_version(%s::oid), '')", (row[1],)
        ).fetchone()
        actual = str(answer[0]) if answer else ""
    stale = [f"version {recorded} of its collation (now {actual})"] if recorded and recorded != actual else []
    own = conn.execute(
        "select n.nspname || '.' || c.collname, coalesce(c.collversion, ''),"
        " coalesce(pg_catalog.pg_collation_actual_version(c.oid), ''), c.collisdeterministic"
        " from pg_catalog.pg_collation c join pg_catalog.pg_namespace n on n.oid = c.collnamespace"
        " where n.nspname <> 'pg_catalog' order by 1"
    ).fetchall()
    stale += [f"version {was} of {name} (now {now})" for name, was, now, _same in own if was and was != now]
    return Collations(
        version=actual or recorded,
        stale="; ".join(stale),
        available={str(name): str(now) for name, _was, now, _same in own},
        loose=tuple(str(name) for name, _was, _now, same in own if not same),
    )
