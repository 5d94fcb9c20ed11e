# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What logical replication doesn't carry, or not without doing harm, and the rows that extensions keep.

The former is refused, at the beginning and again when the source is frozen. An extension's own tables come with the
extension; the rows that a user put into one of them (``pg_extension_config_dump``) come with the copy, and since only a
superuser could publish such a table, they are compared whole: they must not change between the copy and the freeze.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _digest
from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, require
from ansible_collections.dfr.golive.plugins.module_utils._postgres import membership, scalar
from ansible_collections.dfr.golive.plugins.module_utils._rowhash import row_hash, totals
from ansible_collections.dfr.golive.plugins.module_utils._tables import Both
from ansible_collections.dfr.golive.plugins.module_utils._together import together

if TYPE_CHECKING:
    import psycopg


def refuse_unfollowed(conn: psycopg.Connection[Any], relations: Sequence[Relation]) -> None:
    """
    Raises:
        GoliveError: the source has what can't be followed; all of it is named.
    """
    strangers = set(_names(conn, STRANGERS_SQL, sorted({r.owner for r in relations})))
    found = [
        ("unlogged tables: ", [r.label for r in relations if r.persistence == "u"], SET_LOGGED),
        ("triggers that would fire in the copy too: ", _names(conn, ALWAYS_SQL), ENABLE),
        (f"tables with rows that {conn.info.user} may not see: ", hidden_tables(conn), SEE_ALL),
        (
            "tables of other owners: ",
            [r.label for r in relations if r.owner in strangers],
            " ".join(
                membership(owner, conn.info.user, conn.info.server_version, admin=False)
                for owner in sorted(strangers)
            ),
        ),
    ]
    wrong = {what + ", ".join(names[:8]): remedy for what, names, remedy in found if names}
    objects = scalar(conn, "select count(*) from pg_catalog.pg_largeobject_metadata")
    if objects:
        wrong[f"{objects} large objects"] = "select lo_unlink(<oid>);"
    if wrong:
        raise GoliveError(
            f"{conn.info.dbname} has what can't be followed: {'; '.join(wrong)}.",
            remedy=f"{' '.join(wrong.values())} Or use sync_data_method: dump.",
        )


SET_LOGGED = "alter table <name> set logged;"
ENABLE = "alter table <table> enable trigger <name>;"
SEE_ALL = (
    "Make the operator a member of the tables' owner with inherit; where the owner obeys the policies too, alter table"
    " <name> no force row level security until after the go-live."
)
ALWAYS_SQL = """
select n.nspname || '.' || c.relname || '.' || t.tgname
  from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where not t.tgisinternal and t.tgenabled in ('A', 'R')
 order by 1
"""
HIDDEN_SQL = """
select n.nspname || '.' || c.relname
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and c.relrowsecurity
   and (c.relforcerowsecurity or pg_catalog.row_security_active(c.oid))
 order by 1
"""
# Only their owner may publish them.
STRANGERS_SQL = """
select owner from pg_catalog.unnest(%s::text[]) owner
 where not pg_catalog.pg_has_role(current_user, owner::name, 'USAGE')
"""


def _names(conn: psycopg.Connection[Any], question: str, *given: list[str]) -> list[str]:
    return [str(row[0]) for row in conn.execute(question.encode(), given or None).fetchall()]


def hidden_tables(conn: psycopg.Connection[Any]) -> list[str]:
    """Tables whose policies hide rows from us, or from their owner, as whom production's server brings them."""
    return _names(conn, HIDDEN_SQL)


# The condition is the extension's own: it leaves out the rows that come with the extension.
CONFIGURED_SQL = """
select e.extname, n.nspname, c.relname, coalesce(x.condition, ''),
       (select array_agg(a.attname::text order by a.attname) from pg_catalog.pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
  from pg_catalog.pg_extension e
 cross join lateral unnest(e.extconfig, e.extcondition) x (oid, condition)
  join pg_catalog.pg_class c on c.oid = x.oid and c.relkind = 'r'
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 order by 1, 2, 3
"""


def configured_rows(conn: psycopg.Connection[Any]) -> dict[str, tuple[int, ...]]:
    """Count and sum of the rows that extensions' tables hold for the user, by extension and table.

    By the texts of their few rows, which every version can hash: so nobody need be asked for its version first.
    """
    sql = require("psycopg.sql", "python3-psycopg")
    found = {}
    for extension, schema, name, condition, columns in conn.execute(CONFIGURED_SQL.encode()).fetchall():
        rows = _digest.one_row(
            conn,
            sql.SQL("select {totals} from only {table} {where}").format(
                totals=totals(row_hash("text", [(sql.Identifier(column), "") for column in columns])),
                table=sql.Identifier(schema, name),
                where=sql.SQL(condition),
            ),
        )
        found[f"{_digest.label(schema, name)} of the extension {extension}"] = tuple(int(v) for v in rows)
    return found


def check_configured(conns: Both) -> int:
    """That both sides' extensions hold the same rows for the user; returns the number of their tables.

    Raises:
        GoliveError: they don't; the tables are named.
    """
    theirs, ours = together(lambda: configured_rows(conns[0]), lambda: configured_rows(conns[1]))
    wrong = [
        f"{name} has {theirs.get(name, (0,))[0]} rows in {conns[0].info.dbname} and {ours.get(name, (0,))[0]}"
        f" in {conns[1].info.dbname}"
        for name in sorted(set(theirs) | set(ours))
        if theirs.get(name) != ours.get(name)
    ]
    if wrong:
        raise GoliveError(
            f"Rows that an extension keeps aren't the same, and they can't be followed: {'; '.join(wrong[:8])}.",
            remedy="Bring them over by hand, or run playbooks/prepare.yml again with a new copy.",
        )
    return len(theirs)
