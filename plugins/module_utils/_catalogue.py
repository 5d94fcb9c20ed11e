# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a database is made of: its tables with what identifies a row, and a fingerprint of every definition.

Logical replication carries rows, not definitions. So the fingerprint is taken through the snapshot the copy was made
from and taken again when the data is frozen: a definition that changed in between is named and stops the run.
"""
# ruff: noqa: S608 - the statements are composed of the constants below

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._digest import label
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, require
from ansible_collections.dfr.golive.plugins.module_utils._postgres import scalar
from ansible_collections.dfr.golive.plugins.module_utils._rowhash import column_expression, row_hash

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: as in the catalogue.
        position: its number among the table's columns.
        kind: the built-in base type; empty for a type of the database's own.
        type_name: the base type as SQL names it, schema included, without modifiers.
    """

    name: str
    position: int
    kind: str
    type_name: str

    def form(self) -> Any:
        """How the column of a table called t enters the bytes of a row."""
        sql = require("psycopg.sql", "python3-psycopg")
        return sql.SQL(column_expression(self.kind)).format(sql.Identifier("t", self.name))


@dataclass(frozen=True)
class Relation:
    """A table with rows of its own, and how its rows are told apart.

    Attributes:
        schema, name, oid: as in the catalogue.
        columns: in the order of their names.
        key: the columns that identify a row; empty when nothing does.
        identity: the replica identity: d(efault), i(ndex), f(ull), n(othing).
        index: the unique index that could serve as identity where there is no primary key; '' for none.
        owner: the owning role.
        persistence: p(ermanent) or u(nlogged).
        rows, bytes: the planner's estimate, and the size with indexes.
        pages: of the table itself.
        file: the number of its file, which changes when the rows are written anew (0 when nobody asked).
    """

    schema: str
    name: str
    oid: int
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    identity: str
    index: str
    owner: str
    persistence: str
    rows: int
    bytes: int
    pages: int = 0
    file: int = 0

    @property
    def label(self) -> str:
        return label(self.schema, self.name)

    @property
    def keyless(self) -> bool:
        return not self.key

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    def key_columns(self) -> tuple[Column, ...]:
        return tuple(self.column(name) for name in self.key)

    def identifier(self) -> Any:
        return require("psycopg.sql", "python3-psycopg").Identifier(self.schema, self.name)

    def hash_of(self, algorithm: str, columns: Sequence[Column] | None = None) -> Any:
        """64 bits of the row of the table called t, or of some columns of it, as `_digest` sums them."""
        sql = require("psycopg.sql", "python3-psycopg")
        return row_hash(algorithm, [(sql.Identifier("t", c.name), c.kind) for c in columns or self.columns])

    def bytes_of(self, algorithm: str, columns: Sequence[Column] | None = None) -> Any:
        """The same as a string of bytes: for few rows, with digests as long as one likes."""
        sql = require("psycopg.sql", "python3-psycopg")
        form = "pg_catalog.record_send(row({}))" if algorithm == "record" else "row({})::pg_catalog.text"
        return sql.SQL(form).format(self._record(columns))

    def _record(self, columns: Sequence[Column] | None) -> Any:
        sql = require("psycopg.sql", "python3-psycopg")
        return sql.SQL(", ").join(c.form() for c in columns or self.columns)


RELATIONS_SQL = """
with recursive base (oid, root) as (
    select oid, oid from pg_catalog.pg_type where typtype <> 'd'
    union all
    select d.oid, b.root from pg_catalog.pg_type d join base b on d.typbasetype = b.oid where d.typtype = 'd'
), candidates as (
    select i.indrelid, i.indexrelid, i.indisprimary, i.indisreplident,
           (select array_agg(a.attname::text order by a.attnum) from pg_catalog.pg_attribute a
             where a.attrelid = i.indrelid and a.attnum = any(i.indkey)) as names
      from pg_catalog.pg_index i
     where i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null and i.indexprs is null
       and i.indnkeyatts = i.indnatts
       and not exists (select from pg_catalog.pg_attribute a where a.attrelid = i.indrelid
                       and a.attnum = any(i.indkey) and (not a.attnotnull or a.attgenerated <> ''))
)
select coalesce(jsonb_agg(t), '[]') from (
select n.nspname as schema, c.relname as name, c.oid::int8 as oid, c.relreplident as identity,
       pg_catalog.pg_get_userbyid(c.relowner) as owner, c.relpersistence as persistence,
       greatest(c.reltuples, 0)::int8 as rows, pg_catalog.pg_total_relation_size(c.oid) as bytes,
       pg_catalog.pg_relation_size(c.oid) / current_setting('block_size')::int as pages,
       pg_catalog.pg_relation_filenode(c.oid)::int8 as file,
       (select names from candidates k where k.indrelid = c.oid
         order by (c.relreplident = 'i' and indisreplident) desc, indisprimary desc, cardinality(names), indexrelid
         limit 1) as key,
       coalesce((select x.relname::text from candidates k join pg_catalog.pg_class x on x.oid = k.indexrelid
         where k.indrelid = c.oid
           and not exists (select from candidates p where p.indrelid = c.oid and p.indisprimary)
         order by (c.relreplident = 'i' and indisreplident) desc, cardinality(names), indexrelid limit 1),
         '') as index,
       coalesce((select jsonb_agg(jsonb_build_array(a.attname, a.attnum,
                case when t.typnamespace = 'pg_catalog'::regnamespace then t.typname::text else '' end,
                format('%I.%I', tn.nspname, t.typname)) order by a.attname)
           from pg_catalog.pg_attribute a
           join base b on b.oid = a.atttypid
           join pg_catalog.pg_type t on t.oid = b.root
           join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
          where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and c.relpersistence <> 't'
   and n.nspname not in ('pg_catalog', 'information_schema')
   and n.nspname not like 'pg\\_toast%' and n.nspname not like 'pg\\_temp%'
   and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass
                   and d.objid = c.oid and d.deptype = 'e')
 order by 1, 2
) t
"""


def read_relations(conn: psycopg.Connection[Any]) -> tuple[Relation, ...]:
    """Every table with rows of its own: ordinary ones and the leaves of partitioned ones; not those of extensions."""
    found = []
    for item in scalar(conn, RELATIONS_SQL.encode()):
        columns = tuple(Column(*facts) for facts in item["columns"])
        found.append(
            Relation(
                schema=item["schema"],
                name=item["name"],
                oid=item["oid"],
                columns=columns,
                key=tuple(item["key"] or ()),
                identity=item["identity"],
                index=item["index"],
                owner=item["owner"],
                persistence=item["persistence"],
                rows=item["rows"],
                bytes=item["bytes"],
                pages=item["pages"],
                file=item["file"],
            )
        )
    return tuple(found)


def shared(source: Sequence[Relation], target: Sequence[Relation]) -> list[tuple[Relation, Relation]]:
    """The tables of both sides, side by side.

    Raises:
        GoliveError: a table or a column is on one side only: rows can't be compared.
    """
    right = {(r.schema, r.name): r for r in target}
    left = {(r.schema, r.name): r for r in source}
    wrong = [
        f"the table {label(*name)} is {'missing in the target' if name in left else 'only in the target'}"
        for name in sorted(set(left) ^ set(right))
    ]
    for name in sorted(set(left) & set(right)):
        ours, theirs = ([c.name for c in side[name].columns] for side in (left, right))
        if ours != theirs:
            odd = ", ".join(sorted(set(ours) ^ set(theirs)))
            wrong.append(f"the columns {odd} of {label(*name)} are on one side only")
    if wrong:
        raise GoliveError(
            f"Source and target aren't made alike: {'; '.join(wrong[:10])}.",
            remedy="Run playbooks/prepare.yml again; nobody may change definitions afterwards.",
        )
    return [(left[name], right[name]) for name in sorted(left)]


# --- fingerprint -------------------------------------------------------------------------------------------------

_OWN = "n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_t%'"
_NOT_OF_EXTENSION = (
    "not exists (select from pg_catalog.pg_depend d where d.classid = '{0}'::regclass"
    " and d.objid = {1}.oid and d.deptype = 'e')"
)

# Each part gives kind, name and definition. What replication itself changes (replica identity, publications) and what
# isn't a definition (privileges, statistics, where a sequence stands) is left out.
FINGERPRINT_PARTS = (
    f"""
select 'table' as kind, n.nspname || '.' || c.relname as name, concat_ws(' ', c.relkind, c.relpersistence,
       c.relrowsecurity, c.relforcerowsecurity, pg_catalog.pg_get_expr(c.relpartbound, c.oid)) as definition
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'f') and {_OWN}""",
    f"""
select 'column', n.nspname || '.' || c.relname || '.' || a.attname, concat_ws(' ',
       pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
       a.attcollation::regcollation, pg_catalog.pg_get_expr(f.adbin, f.adrelid))
  from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum
 where c.relkind in ('r', 'p', 'f') and a.attnum > 0 and not a.attisdropped and {_OWN}""",
    f"""
select 'index', n.nspname || '.' || c.relname, pg_catalog.pg_get_indexdef(i.indexrelid) ||
       case when i.indisvalid then '' else ' INVALID' end
  from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace where {_OWN}""",
    f"""
select 'constraint', n.nspname || '.' || c.relname || '.' || k.conname, pg_catalog.pg_get_constraintdef(k.oid)
  from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace where k.contype <> 'n' and {_OWN}""",
    f"""
select 'trigger', n.nspname || '.' || c.relname || '.' || t.tgname,
       pg_catalog.pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
  from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace where not t.tgisinternal and {_OWN}""",
    f"""
select 'rule', n.nspname || '.' || c.relname || '.' || r.rulename, pg_catalog.pg_get_ruledef(r.oid)
  from pg_catalog.pg_rewrite r join pg_catalog.pg_class c on c.oid = r.ev_class
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace where {_OWN}
   and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass
                   and d.objid = c.oid and d.deptype = 'e')""",
    f"""
select 'function', n.nspname || '.' || p.proname || '(' ||
       pg_catalog.pg_get_function_identity_arguments(p.oid) || ')',
       concat_ws(' ', p.prosrc, p.provolatile, p.prosecdef, p.proconfig, p.prorettype::regtype)
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where {_OWN} and {_NOT_OF_EXTENSION.format("pg_catalog.pg_proc", "p")}""",
    f"""
select 'type', n.nspname || '.' || t.typname, concat_ws(' ', t.typtype,
       (select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_catalog.pg_enum e
         where e.enumtypid = t.oid),
       case when t.typtype = 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod) end,
       (select string_agg(pg_catalog.pg_get_constraintdef(k.oid), ',' order by k.conname)
          from pg_catalog.pg_constraint k where k.contypid = t.oid and k.contype <> 'n'), t.typnotnull, t.typdefault)
  from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
 where t.typtype in ('e', 'd', 'r') and {_OWN} and {_NOT_OF_EXTENSION.format("pg_catalog.pg_type", "t")}""",
    f"""
select 'sequence', n.nspname || '.' || c.relname, concat_ws(' ', s.seqtypid::regtype, s.seqincrement, s.seqmin,
       s.seqmax, s.seqcycle)
  from pg_catalog.pg_sequence s join pg_catalog.pg_class c on c.oid = s.seqrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relpersistence <> 't' and {_OWN}""",
    f"""
select 'policy', n.nspname || '.' || c.relname || '.' || p.polname, concat_ws(' ', p.polcmd, p.polpermissive,
       pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
  from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace where {_OWN}""",
    "select 'extension', e.extname, e.extversion from pg_catalog.pg_extension e",
)
# Odoo's own word for "an upgrade happened"; a module's name says more to people than forty columns do.
MODULES_PART = """
select 'module', m.name, concat_ws(' ', m.state, m.latest_version) from public.ir_module_module m"""


def fingerprint_query(parts: Sequence[str]) -> str:
    union = "\nunion all\n".join(parts)
    return (
        "select coalesce(jsonb_object_agg(kind || ' ' || name, left(md5(definition), 12)), '{}')"
        f" from (select kind, name, coalesce(string_agg(definition, ' ' order by definition), '') as definition"
        f" from ({union}) parts (kind, name, definition) group by 1, 2) t"
    )


def read_fingerprint(conn: psycopg.Connection[Any]) -> dict[str, str]:
    """Kind and name of every definition, to a short digest of it."""
    has_modules = scalar(
        conn,
        "select count(*) = 3 from pg_catalog.pg_attribute where attrelid = to_regclass('public.ir_module_module')"
        " and attname in ('name', 'state', 'latest_version')",
    )
    parts = (*FINGERPRINT_PARTS, MODULES_PART) if has_modules else FINGERPRINT_PARTS
    found = scalar(conn, fingerprint_query(parts).encode())
    if isinstance(found, str):
        found = json.loads(found)
    if not found:
        raise ProbeError(f"The database {conn.info.dbname} has no definitions at all.")
    return {str(name): str(digest) for name, digest in found.items()}


def changed_definitions(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What was made, changed or dropped in between; modules first, they explain the rest."""
    wrong = []
    for name in sorted(set(before) | set(now), key=lambda item: (not item.startswith("module "), item)):
        if name not in now:
            wrong.append(f"{name} is gone")
        elif name not in before:
            wrong.append(f"{name} is new")
        elif before[name] != now[name]:
            wrong.append(f"{name} was changed")
    return wrong


def refuse_changed_definitions(before: Mapping[str, str], now: Mapping[str, str], database: str) -> None:
    """
    Raises:
        GoliveError: a definition isn't what it was when the copy was made.
    """
    wrong = changed_definitions(before, now)
    if not wrong:
        return
    more = f"; and {len(wrong) - 12} more" if len(wrong) > 12 else ""
    raise GoliveError(
        f"{len(wrong)} definitions of {database} changed since its copy was made: {'; '.join(wrong[:12])}{more}.",
        remedy="Run playbooks/prepare.yml again, it makes a new copy; then hold upgrades until after the go-live.",
    )
