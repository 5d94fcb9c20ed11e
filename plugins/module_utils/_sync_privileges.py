# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may read production belongs to production, whichever data it holds: a reporting role's rights survive the swap.

Staging's privileges never come. Only what was granted is taken over; what everybody may do by default stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line, require
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin, connect, driver

if TYPE_CHECKING:
    import psycopg

# An extension's own objects bring their privileges with them.
GRANTS_SQL = """
with n as (
    select * from pg_catalog.pg_namespace where nspname <> 'information_schema' and not starts_with(nspname, 'pg_')
), granted (kind, schema, name, part, owner, acl) as (
    select 'schema', nspname, nspname, '', nspowner, nspacl from n
    union all
    select case when c.relkind = 'S' then 'sequence' else 'table' end, n.nspname, c.relname, '', c.relowner, c.relacl
      from pg_catalog.pg_class c join n on n.oid = c.relnamespace
     where not exists (select from pg_catalog.pg_depend d
                        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    union all
    select 'table', n.nspname, c.relname, a.attname, c.relowner, a.attacl
      from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
      join n on n.oid = c.relnamespace where not a.attisdropped
    union all
    select 'default', coalesce(n.nspname, ''), case f.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences'
           when 'f' then 'functions' when 'T' then 'types' else 'schemas' end,
           pg_catalog.pg_get_userbyid(f.defaclrole), f.defaclrole, f.defaclacl
      from pg_catalog.pg_default_acl f left join n on n.oid = f.defaclnamespace
     where f.defaclobjtype in ('r', 'S', 'f', 'T', 'n')
)
select kind, schema, name, part, case when x.grantee <> 0 then pg_catalog.pg_get_userbyid(x.grantee) end,
       array_agg(distinct x.privilege_type order by x.privilege_type), x.is_grantable
  from granted g, pg_catalog.aclexplode(g.acl) x
 where x.grantee <> g.owner and (x.grantee <> 0 or g.kind = 'table')
 group by kind, schema, name, part, x.grantee, x.is_grantable
 order by 1, 2, 3, 4, 5
"""
# What there is to grant on.
OBJECTS_SQL = """
with n as (
    select * from pg_catalog.pg_namespace where nspname <> 'information_schema' and not starts_with(nspname, 'pg_')
)
select 'schema', nspname, nspname, '' from n
union all
select case when c.relkind = 'S' then 'sequence' else 'table' end, n.nspname, c.relname, ''
  from pg_catalog.pg_class c join n on n.oid = c.relnamespace
union all
select 'table', n.nspname, c.relname, a.attname
  from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
  join n on n.oid = c.relnamespace where not a.attisdropped
"""


@dataclass(frozen=True)
class Grant:
    """What one role may do with one thing.

    Attributes:
        kind: schema, table (also a view), sequence, or default (what is granted on what is made later).
        schema: where the thing is; of a default, where it applies, empty for everywhere.
        name: the thing's; of a default, the kind of what is made.
        part: a table's column, or the role whose default it is; else empty.
        grantee: None for everybody.
    """

    kind: str
    schema: str
    name: str
    part: str
    grantee: str | None
    privileges: tuple[str, ...]
    grantable: bool

    @property
    def thing(self) -> tuple[str, str, str, str]:
        return self.kind, self.schema, self.name, self.part

    @property
    def needs(self) -> tuple[str, str, str, str] | None:
        """The thing that must be there; a default that applies everywhere needs none."""
        if self.kind != "default":
            return self.thing
        return ("schema", self.schema, self.schema, "") if self.schema else None

    @property
    def label(self) -> str:
        place = self.schema if self.kind in ("schema", "default") else f"{self.schema}.{self.name}"
        return f"{place}.{self.part}" if self.part and self.kind == "table" else place

    def statement(self) -> Any:
        sql = require("psycopg.sql", "python3-psycopg")
        words = sql.SQL(", ").join(sql.SQL(privilege) for privilege in self.privileges)
        whom = sql.SQL("public") if self.grantee is None else sql.Identifier(self.grantee)
        option = sql.SQL(" with grant option" if self.grantable else "")
        if self.kind == "default":
            where = (
                sql.SQL(" in schema {}").format(sql.Identifier(self.schema)) if self.schema else sql.SQL("")
            )
            return sql.SQL("alter default privileges for role {}{} grant {} on {} to {}{}").format(
                sql.Identifier(self.part), where, words, sql.SQL(self.name), whom, option
            )
        if self.part:
            column = sql.SQL(" ({})").format(sql.Identifier(self.part))
            words = sql.SQL(", ").join(sql.SQL(privilege) + column for privilege in self.privileges)
        thing = (
            sql.Identifier(self.schema) if self.kind == "schema" else sql.Identifier(self.schema, self.name)
        )
        return sql.SQL("grant {} on {} {} to {}{}").format(words, sql.SQL(self.kind), thing, whom, option)


def read_grants(conn: psycopg.Connection[Any]) -> list[Grant]:
    return [
        Grant(kind, schema, name, part, grantee, tuple(privileges), bool(grantable))
        for kind, schema, name, part, grantee, privileges, grantable in conn.execute(
            GRANTS_SQL.encode()
        ).fetchall()
    ]


def sort_out(conn: psycopg.Connection[Any], grants: Sequence[Grant]) -> tuple[list[Grant], list[str]]:
    """Those whose thing is in this database, and what the others would be on."""
    there = {tuple(row) for row in conn.execute(OBJECTS_SQL.encode()).fetchall()}
    found = [grant for grant in grants if grant.needs is None or grant.needs in there]
    return found, sorted({grant.label for grant in grants} - {grant.label for grant in found})


def carry_privileges(production: PostgresLogin, copy: PostgresLogin, *, keep: bool = True) -> dict[str, Any]:
    """Grant in the copy what is granted in production. Granting twice is granting once.

    Args:
        production: whose privileges.
        copy: what is to take its name.
        keep: False to take it back at once, for who only wants to know whether it can be done.

    Returns:
        ``granted`` (how many) and ``without`` (what the copy lacks, so that nobody can be let at it).

    Raises:
        GoliveError: one can't be granted by the operator.
    """
    with connect(production) as conn:
        grants = read_grants(conn)
    if not grants:
        return {"granted": 0, "without": []}
    with connect(copy, autocommit=True) as conn:
        found, without = sort_out(conn, grants)
        with conn.transaction(force_rollback=not keep):
            for grant in found:
                try:
                    conn.execute(grant.statement())
                except driver().Error as exc:
                    raise GoliveError(
                        f"What {grant.grantee or 'everybody'} may do with {grant.label} in production can't be granted"
                        f" by {conn.info.user}: {one_line(exc)}.",
                        remedy="Revoke it before the go-live, and have it granted again afterwards.",
                    ) from exc
    return {"granted": len(found), "without": without}
