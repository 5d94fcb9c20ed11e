# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The declared checks, asked inside PostgreSQL: read-only, through one snapshot of each side, both sides at once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _digest, _filestore
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    GoliveError,
    ProbeError,
    one_line,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin, driver
from ansible_collections.dfr.golive.plugins.module_utils._reconciliation import (
    Answer,
    Check,
    Group,
    Result,
    Seen,
    Unknown,
    judge,
)

if TYPE_CHECKING:
    import psycopg

GROUPS_AT_MOST = 500
"""More groups are no table for people, and columns with so many values may be personal data."""
KEYS_AT_MOST = 20
IGNORED = " -./_,'\t\u00a0"
"""What a normalised value doesn't have: people write the same number with and without these."""
WORK_MEM = "64MB"


def evaluate(
    checks: Sequence[Check],
    source: PostgresLogin | None,
    target: PostgresLogin | None,
    *,
    filestore: Path | None = None,
    jobs: int = 2,
    limit_seconds: int = 600,
) -> list[Result]:
    """Ask every check on each side that is given, and judge.

    Args:
        checks: see `_reconciliation.parse`.
        filestore: the target's directory of files, as this host sees it.
        jobs: connections for each side.
        limit_seconds: for each statement.

    Raises:
        ProbeError: a side can't be read at all.
    """
    sides = {"source": source, "target": target}
    with ThreadPoolExecutor(max_workers=2) as pool:
        asked = {
            name: pool.submit(
                _ask_side, checks, login, filestore if name == "target" else None, jobs, limit_seconds
            )
            for name, login in sides.items()
            if login is not None
        }
        found = {name: future.result() for name, future in asked.items()}
    results = []
    for number, check in enumerate(checks):
        answers: dict[str, Answer] = {name: found[name][number][0] for name in found}
        seconds = max((found[name][number][1] for name in found), default=0.0)
        results.append(judge(check, answers.get("source"), answers.get("target"), seconds))
    return results


def _ask_side(
    checks: Sequence[Check], login: PostgresLogin, filestore: Path | None, jobs: int, limit_seconds: int
) -> list[tuple[Answer, float]]:
    with _digest.reading(login, limit_seconds=limit_seconds) as leader:
        snapshot = _digest.export_snapshot(leader)

        def ask(check: Check) -> tuple[Answer, float]:
            begun = time.monotonic()
            answer = _ask(check, login, filestore, snapshot, limit_seconds)
            return answer, time.monotonic() - begun

        with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
            return list(pool.map(ask, checks))


def _ask(
    check: Check, login: PostgresLogin, filestore: Path | None, snapshot: str, limit_seconds: int
) -> Answer:
    try:
        with _digest.reading(login, snapshot=snapshot, limit_seconds=limit_seconds) as conn:
            try:
                conn.execute("select set_config('search_path', 'public', true)")
                conn.execute("select set_config('work_mem', %s, true)", (WORK_MEM,))
                seen = PROBES[check.kind](conn, check)
                return _with_files(conn, seen, filestore) if check.kind == "attachments" else seen
            except driver().Error as exc:
                return Unknown(_reason(exc))
    except GoliveError as exc:
        return Unknown(exc.sentence)


def _reason(error: Any) -> str:
    """Why PostgreSQL refused; its words only where they can't quote a value."""
    state = str(error.sqlstate or "")
    if state.startswith(("22", "23")) or not state:
        return f"PostgreSQL refuses the data with SQLSTATE {state or 'unknown'}."
    if state == "57014":
        return "PostgreSQL gave up: the limit in seconds has passed."
    return f"{one_line(error.diag.message_primary or state, 200)}."


# --- the kinds ---------------------------------------------------------------------------------------------------


def _table(name: str) -> Any:
    sql = require("psycopg.sql", "python3-psycopg")
    schema, dot, table = name.rpartition(".")
    return sql.Identifier(schema if dot else "public", table)


def _totals(conn: psycopg.Connection[Any], check: Check) -> Seen:
    """Sums are taken over exact numbers: floats added up in another order are another sum."""
    sql = require("psycopg.sql", "python3-psycopg")
    by, sums = check.options["by"], check.options["sum"]
    labels = [sql.SQL("{}::text").format(sql.Identifier(column)) for column in by]
    figures = [sql.SQL("coalesce(sum({}::numeric), 0)").format(sql.Identifier(column)) for column in sums]
    query = sql.SQL("select {what} from {table}{group} limit {limit}").format(
        what=sql.SQL(", ").join([*labels, sql.SQL("count(*)"), *figures]),
        table=_table(check.options["table"]),
        group=sql.SQL(" group by ") + sql.SQL(", ").join(labels) if by else sql.SQL(""),
        limit=sql.Literal(GROUPS_AT_MOST + 1),
    )
    rows = conn.execute(query).fetchall()
    if len(rows) > GROUPS_AT_MOST:
        raise ProbeError(
            f"{', '.join(by)} of {check.options['table']} have more than {GROUPS_AT_MOST} different values,"
            " too many to group by."
        )
    width = len(by)
    groups = tuple(
        Group(tuple(row[:width]), int(row[width]), tuple(f"{_plain(x)}" for x in row[width + 1 :]))
        for row in rows
    )
    return Seen(str(sum(group.count for group in groups)), groups)


def _orphans(conn: psycopg.Connection[Any], check: Check) -> Seen:
    sql = require("psycopg.sql", "python3-psycopg")
    options = check.options
    query = sql.SQL(
        "with lost as (select c.{key} as k from {child} c where c.{column} is not null"
        " and not exists (select from {parent} p where p.{parent_column} = c.{column}))"
        " select (select count(*) from lost), array(select k from lost order by 1 limit {limit})"
    ).format(
        key=sql.Identifier(options["key"]),
        child=_table(options["table"]),
        column=sql.Identifier(options["column"]),
        parent=_table(options["parent"]),
        parent_column=sql.Identifier(options["parent_column"]),
        limit=sql.Literal(KEYS_AT_MOST),
    )
    number, keys = _digest.one_row(conn, query)
    return Seen(str(number), keys=tuple(map(_key, keys)))


def _duplicates(conn: psycopg.Connection[Any], check: Check) -> Seen:
    """How many values are there more than once; the records that have the first few of them. Blank is no value."""
    sql = require("psycopg.sql", "python3-psycopg")
    options = check.options
    form = "translate(lower({}::text), {}, '')" if options["normalise"] else "{}::text"
    values = [
        sql.SQL(form).format(sql.Identifier(column), sql.Literal(IGNORED))
        if options["normalise"]
        else sql.SQL(form).format(sql.Identifier(column))
        for column in options["columns"]
    ]
    parts = {
        "key": sql.Identifier(options["key"]),
        # Together they are one value; a separator keeps ("ab", "c") and ("a", "bc") apart.
        "value": sql.SQL(" || chr(31) || ").join(values),
        "table": _table(options["table"]),
        "filled": sql.SQL(" and ").join(sql.SQL("{} <> ''").format(value) for value in values),
        "limit": sql.Literal(KEYS_AT_MOST),
    }
    same = sql.SQL("select {value} as v from {table} where {filled} group by 1 having count(*) > 1").format(
        **parts
    )
    (number,) = _digest.one_row(conn, sql.SQL("select count(*) from ({same}) s").format(same=same))
    if not number:
        return Seen("0")
    keys = conn.execute(
        sql.SQL(
            "select {key} from {table} where {filled} and {value} in ({same} order by 1 limit {limit})"
            " order by 1 limit {limit}"
        ).format(same=same, **parts)
    ).fetchall()
    return Seen(str(number), keys=tuple(_key(row[0]) for row in keys))


def _attachments(conn: psycopg.Connection[Any], _check: Check) -> Seen:
    """Odoo names a file by its SHA-1 and notes the same in the record; the two must not contradict each other."""
    records, files, size, unsound = _digest.one_row(
        conn,
        "select count(*), count(distinct store_fname), coalesce(sum(file_size), 0),"
        " count(*) filter (where checksum is distinct from substring(store_fname from 4))"
        " from public.ir_attachment where store_fname is not null",
    )
    return Seen(str(unsound), figures={"attachments": int(records), "files": int(files), "bytes": int(size)})


def _with_files(conn: psycopg.Connection[Any], seen: Seen, filestore: Path | None) -> Seen:
    """Also against the files themselves, where this host has them; what was proven and not touched isn't read again."""
    if filestore is None:
        return seen
    memory = filestore.with_name(f".{filestore.name}.proven")
    proof = _filestore.prove(filestore, _filestore.wanted(conn), memory=memory)
    faults = int(seen.number) + len(proof.missing) + len(proof.corrupt)
    names = [name.rpartition("/")[2] for name in [*proof.missing, *proof.corrupt]]
    return Seen(str(faults), figures=seen.figures, keys=tuple(names[:KEYS_AT_MOST]))


def _query(conn: psycopg.Connection[Any], check: Check) -> Seen:
    """A country's own question, whose answer is one number.

    In binary, since only the extended protocol takes one statement and no more.
    """
    with conn.cursor(binary=True) as cursor:
        cursor.execute(check.options["sql"].encode())
        rows = cursor.fetchmany(2) if cursor.description else []
    value = rows[0][0] if len(rows) == 1 and len(rows[0]) == 1 else None
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        raise ProbeError("The statement has to return one row with one number.")
    if check.at_most is not None and value != int(value):
        raise ProbeError("The statement has to return a whole number, since at_most counts.")
    return Seen(_plain(value))


def _plain(value: Any) -> str:
    """A number as one text, however it came: 1.50 and 1.5 are the same."""
    number = Decimal(str(value))
    return f"{number.normalize():f}" if number else "0"


def _key(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    return hashlib.sha256(str(value).encode()).hexdigest()[:16]


PROBES: dict[str, Callable[[Any, Check], Seen]] = {
    "totals": _totals,
    "orphans": _orphans,
    "duplicates": _duplicates,
    "attachments": _attachments,
    "query": _query,
}
