# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pack applied to a database: all of it or nothing, once and only once.

No mark says that it was applied; the rows do. Each row is either still what it was before the pack's first change of
it, or already what its last change made of it. All rows the former: apply every change in its order (so that each finds
the rows it refers to), in one transaction. All the latter: nothing to do. Anything else is a conflict, and is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _digest, _pack
from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation, read_relations
from ansible_collections.dfr.golive.plugins.module_utils._changes import Change, Row
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line, require
from ansible_collections.dfr.golive.plugins.module_utils._pack import Key, Name, Net, label_of
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin, connect, driver

if TYPE_CHECKING:
    import psycopg

BATCH = 500


def replay(login: PostgresLogin, folder: Path, digest: str, *, dry: bool = False) -> dict[str, Any]:
    """Apply a pack to a database.

    Args:
        login: the operator's way into the database.
        folder: the pack.
        digest: of its manifest, as journal and report have it.
        dry: in a transaction that is rolled back.

    Raises:
        GoliveError: the pack was tampered with, the tables differ, or rows are in conflict; nothing was changed.
    """
    manifest = _pack.check(folder, digest)
    try:
        with connect(login) as conn:
            for name, value in {**_digest.SESSION, "lock_timeout": "30s"}.items():
                conn.execute("select pg_catalog.set_config(%s, %s, true)", (name, value))
            relations = _relations(conn, folder)
            _lock(conn, relations)
            rows = _pack.net_effect(
                _pack.read_lines(folder), lambda c, row: _key(relations[(c.schema, c.table)], row)
            )
            changed = _decide(conn, relations, rows)
            if changed:
                for change in _pack.read_lines(folder):
                    _apply(conn, relations[(change.schema, change.table)], change)
                _demand_after(conn, relations, rows)
                _raise_sequences(conn)
            if dry:
                conn.rollback()
    except driver().Error as exc:
        raise GoliveError(
            f"The pack can't be applied to {login.database}: {one_line(exc)}.",
            remedy="Nothing was changed. Compare the database with the one the pack was made from.",
        ) from exc
    return {
        "changed": changed,
        "writes": manifest["writes"] if changed else 0,
        "rows": len(rows),
        "state": "applied" if changed else "applied earlier",
    }


def _relations(conn: psycopg.Connection[Any], folder: Path) -> dict[Name, Relation]:
    """The tables of the pack as this database has them.

    Raises:
        GoliveError: a table, a column or what identifies a row is missing here.
    """
    here = {(r.schema, r.name): r for r in read_relations(conn)}
    wanted: dict[Name, set[str]] = {}
    for change in _pack.read_lines(folder):
        wanted.setdefault((change.schema, change.table), set()).update(change.row)
    wrong = []
    for name, columns in sorted(wanted.items()):
        relation = here.get(name)
        if relation is None:
            wrong.append(f"the table {label_of(*name)} doesn't exist")
            continue
        missing = sorted(columns - {c.name for c in relation.columns})
        if missing:
            wrong.append(f"{label_of(*name)} lacks {', '.join(missing)}")
    if wrong:
        raise GoliveError(
            f"The pack doesn't fit {conn.info.dbname}: {'; '.join(wrong[:8])}.",
            remedy="Apply it to a database with the same modules in the same versions.",
        )
    return {name: here[name] for name in wanted}


def _lock(conn: psycopg.Connection[Any], relations: Mapping[Name, Relation]) -> None:
    """Nobody else writes to these tables while we look and write."""
    sql = require("psycopg.sql", "python3-psycopg")
    for name in sorted(relations):
        conn.execute(sql.SQL("lock table only {} in share row exclusive mode").format(sql.Identifier(*name)))


def _key(relation: Relation, row: Row) -> Key:
    """What identifies a row: its key, or where it has none all of it."""
    return tuple(row.get(name) for name in (relation.key or sorted(row)))


def _decide(
    conn: psycopg.Connection[Any],
    relations: Mapping[Name, Relation],
    rows: Mapping[tuple[str, str, Key], Net],
) -> bool:
    """Whether the pack is to be applied (every row is as before) or was (every row is as after).

    Raises:
        GoliveError: neither; the tables and numbers are named, never a value.
    """
    untouched, applied, odd = 0, 0, []
    for name, key, now, net in _now(conn, relations, rows):
        if net.before == net.after:
            # Nothing came of it; both states are this one.
            if now != net.after:
                odd.append((name, key))
        elif now == net.before:
            untouched += 1
        elif now == net.after:
            applied += 1
        else:
            odd.append((name, key))
    if odd or (untouched and applied):
        tables = sorted({label_of(*name) for name, _key_ in odd}) or ["(a part of the pack)"]
        raise GoliveError(
            f"{len(odd)} rows of {conn.info.dbname} are neither what they were before the pack nor what it makes of"
            f" them ({', '.join(tables[:8])}); {untouched} rows are as before, {applied} as after.",
            remedy="Nothing was changed. Somebody wrote to them since: settle these rows by hand from the pack.",
        )
    return untouched > 0


def _now(
    conn: psycopg.Connection[Any],
    relations: Mapping[Name, Relation],
    rows: Mapping[tuple[str, str, Key], Net],
) -> Iterator[tuple[Name, Key, Row | None, Net]]:
    """Each row of the pack as it is in the database now."""
    by_table: dict[Name, list[tuple[Key, Net]]] = {}
    for (schema, table, key), net in rows.items():
        by_table.setdefault((schema, table), []).append((key, net))
    for name, items in by_table.items():
        relation = relations[name]
        shapes = (state for _key_, net in items for state in (net.after, net.before) if state is not None)
        columns = sorted(next(shapes, relation.key))
        for start in range(0, len(items), BATCH):
            part = items[start : start + BATCH]
            found = _read(conn, relation, columns, [key for key, _net in part])
            for key, net in part:
                yield name, key, found.get(key), net


def _read(
    conn: psycopg.Connection[Any], relation: Relation, columns: Sequence[str], keys: Sequence[Key]
) -> dict[Key, Row | None]:
    sql = require("psycopg.sql", "python3-psycopg")
    key = relation.key or columns
    condition = sql.SQL(" and ").join(
        sql.SQL("t.{0} is not distinct from k.{1}::{2}").format(
            sql.Identifier(name), sql.Identifier(f"k{i}"), sql.SQL(relation.column(name).type_name)
        )
        if not relation.key
        else sql.SQL("t.{0} = k.{1}::{2}").format(
            sql.Identifier(name), sql.Identifier(f"k{i}"), sql.SQL(relation.column(name).type_name)
        )
        for i, name in enumerate(key)
    )
    arrays = sql.SQL(", ").join(sql.SQL("%s::text[]") for _name in key)
    query = sql.SQL("select {} from unnest({}) k ({}) join only {} t on {}").format(
        sql.SQL(", ").join(_as_in_the_log(name) for name in columns),
        arrays,
        sql.SQL(", ").join(sql.Identifier(f"k{i}") for i in range(len(key))),
        relation.identifier(),
        condition,
    )
    values = [[each[i] for each in keys] for i in range(len(key))]
    found: dict[Key, Row | None] = {}
    for row in conn.execute(query, values).fetchall():
        as_row: Row = dict(zip(columns, row, strict=True))
        found[_key(relation, as_row)] = as_row
    return found


def _as_in_the_log(name: str) -> Any:
    """A column's text by its output function, as the log has it; a cast to text writes some types otherwise."""
    sql = require("psycopg.sql", "python3-psycopg")
    return sql.SQL("case when t.{0} is not null then format('%%s', t.{0}) end").format(sql.Identifier(name))


def _apply(conn: psycopg.Connection[Any], relation: Relation, change: Change) -> None:
    """One change; it must meet exactly one row."""
    sql = require("psycopg.sql", "python3-psycopg")

    def cast(name: str) -> Any:
        return sql.SQL("%s::{}").format(sql.SQL(relation.column(name).type_name))

    if change.op == "insert":
        row = change.after or {}
        statement = sql.SQL("insert into {} ({}) overriding system value values ({})").format(
            relation.identifier(),
            sql.SQL(", ").join(sql.Identifier(name) for name in row),
            sql.SQL(", ").join(cast(name) for name in row),
        )
        values = list(row.values())
    else:
        before, after = change.before or {}, change.after or {}
        key = relation.key or sorted(before)
        where = sql.SQL(" and ").join(
            sql.SQL("{} is not distinct from {}").format(sql.Identifier(name), cast(name))
            if not relation.key
            else sql.SQL("{} = {}").format(sql.Identifier(name), cast(name))
            for name in key
        )
        differing = [name for name in after if after[name] != before.get(name)]
        if change.op == "update" and not differing:
            return
        if change.op == "update":
            statement = sql.SQL("update only {} set {} where {}").format(
                relation.identifier(),
                sql.SQL(", ").join(
                    sql.SQL("{} = {}").format(sql.Identifier(name), cast(name)) for name in differing
                ),
                where,
            )
        else:
            statement = sql.SQL("delete from only {} where {}").format(relation.identifier(), where)
        values = [after[name] for name in differing] + [before.get(name) for name in key]
    met = conn.execute(statement, values).rowcount
    if met != 1:
        raise GoliveError(
            f"A change of {relation.label} meets {met} rows instead of one.",
            remedy="Nothing was changed. A row that nothing identifies occurs more than once: settle it by hand.",
        )


def _demand_after(
    conn: psycopg.Connection[Any],
    relations: Mapping[Name, Relation],
    rows: Mapping[tuple[str, str, Key], Net],
) -> None:
    odd = [name for name, _key_, now, net in _now(conn, relations, rows) if now != net.after]
    if odd:
        raise GoliveError(
            f"After the pack {len(odd)} rows aren't what it says, for example in {label_of(*odd[0])}.",
            remedy="Nothing was changed. A trigger or rule of this database changes what is written.",
        )


def _raise_sequences(conn: psycopg.Connection[Any]) -> None:
    """No sequence may give a key that the pack has brought."""
    for state in _digest.read_sequences(conn).values():
        if not state.safe:
            conn.execute(
                "select pg_catalog.setval(format('%%I.%%I', %s::text, %s::text)::regclass, %s, true)",
                (state.schema, state.relation, state.greatest_key),
            )
