# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database that is made to be thrown away."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line, require
from ansible_collections.dfr.golive.plugins.module_utils._locale import Locale, create_database
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    PostgresLogin,
    connect,
    driver,
    scalar,
)

if TYPE_CHECKING:
    import psycopg


@contextmanager
def scratch(
    maintenance: PostgresLogin, production: str, purpose: str, locale: Locale, *, owner: str | None = None
) -> Iterator[str]:
    """A database to restore into, closed to all but the operator and its owner, dropped whatever happens.

    Args:
        maintenance: where databases are made from.
        production: beside which database; a part of its name.
        purpose: another part.
        locale: it must sort as the one that is restored.
        owner: who else may use it; the operator itself when None.

    Returns:
        The name.

    Raises:
        GoliveError: it can't be made.
    """
    sql = require("psycopg.sql", "python3-psycopg")
    prefix = f"{production[:40]}_{purpose}_"
    name = prefix + secrets.token_hex(4)
    with connect(maintenance, autocommit=True) as admin:  # holds the lock until the end
        try:
            _drop_left(admin, prefix)
        except driver().Error as exc:
            raise GoliveError(f"What is left of {prefix}* can't be dropped: {one_line(exc)}.") from exc
        create_database(admin, name, locale, owner=owner)
        try:
            yield name
        finally:
            with connect(maintenance, autocommit=True) as again:
                again.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _drop_left(admin: psycopg.Connection[Any], prefix: str) -> None:
    """Drop what killed calls left, unless somebody is at work, and say that we are: with a lock that many can share."""
    sql = require("psycopg.sql", "python3-psycopg")
    key = scalar(admin, "select pg_catalog.hashtextextended(%s, 0)", (prefix,))
    admin.execute("set lock_timeout = '30s'")
    alone = scalar(admin, "select pg_catalog.pg_try_advisory_lock(%s)", (key,))
    if alone:
        for row in admin.execute(
            "select datname from pg_catalog.pg_database where starts_with(datname, %s)"
            " and pg_catalog.pg_has_role(current_user, datdba, 'USAGE')",
            (prefix,),
        ).fetchall():
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(row[0])))
    admin.execute("select pg_catalog.pg_advisory_lock_shared(%s)", (key,))
    if alone:
        admin.execute("select pg_catalog.pg_advisory_unlock(%s)", (key,))
