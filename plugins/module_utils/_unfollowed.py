# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What logical replication doesn't carry: unlogged tables, large objects, and the rows that extensions keep.

The first two are refused, at the beginning and again when the source is frozen. An extension's own tables come with the
extension; the rows that a user put into one of them (``pg_extension_config_dump``) come with the copy, and since only a
superuser could publish such a table, they are compared whole: they must not change between the copy and the freeze.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _digest
from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, require
from ansible_collections.dfr.golive.plugins.module_utils._postgres import scalar
from ansible_collections.dfr.golive.plugins.module_utils._rowhash import row_hash, totals
from ansible_collections.dfr.golive.plugins.module_utils._tables import Both
from ansible_collections.dfr.golive.plugins.module_utils._together import together

if TYPE_CHECKING:
    import psycopg


def refuse_unfollowed(conn: psycopg.Connection[Any], relations: Sequence[Relation]) -> None:
    """
    Raises:
        GoliveError: the source has unlogged tables or large objects.
    """
    unlogged = [r.label for r in relations if r.persistence == "u"]
    if unlogged:
        raise GoliveError(
            f"Unlogged tables can't be followed: {', '.join(unlogged[:8])}.",
            remedy="alter table <name> set logged; or use sync_data_method: dump.",
        )
    objects = scalar(conn, "select count(*) from pg_catalog.pg_largeobject_metadata")
    if objects:
        raise GoliveError(
            f"{conn.info.dbname} holds {objects} large objects, which can't be followed.",
            remedy="Use sync_data_method: dump.",
        )


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
