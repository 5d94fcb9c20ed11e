# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole tables, compared by sums over both sides at the same time; where these differ, the rows are found and named."""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _digest
from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation
from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError, one_line, require
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin, driver
from ansible_collections.dfr.golive.plugins.module_utils._replication import Pair
from ansible_collections.dfr.golive.plugins.module_utils._rowhash import totals
from ansible_collections.dfr.golive.plugins.module_utils._rows import NAMED, Sides, name_rows, one, two_hashes
from ansible_collections.dfr.golive.plugins.module_utils._tables import Both, Name, Tables
from ansible_collections.dfr.golive.plugins.module_utils._together import together
from ansible_collections.dfr.golive.plugins.module_utils._verdict import Difference, Verdict

if TYPE_CHECKING:
    import psycopg


ROWS_PER_BUCKET = 256


def full_sums(
    login: PostgresLogin,
    leader: psycopg.Connection[Any],
    relations: Iterable[Relation],
    algorithm: str,
    *,
    snapshot: str,
    jobs: int,
    limit_seconds: int,
) -> dict[Name, list[int]]:
    """Count and sum of whole tables through one snapshot; with more than one job big tables in pieces.

    Args:
        login: which database.
        leader: a reading connection to it that works along.
        relations: the tables.
        algorithm: how a record is hashed.
        snapshot: the leader's, exported.
        jobs: connections at the most, the leader included.
        limit_seconds: for a statement.

    Raises:
        ProbeError: a table can't be read.
    """
    work: queue.SimpleQueue[tuple[Relation, Any]] = queue.SimpleQueue()
    todo = sorted(relations, key=lambda r: -r.bytes)
    pages = sum(r.pages for r in todo)
    jobs = _digest.worthwhile(pages, jobs)
    share = _digest.fair_share(pages, jobs)
    for relation in todo:
        columns = tuple((c.name, c.kind) for c in relation.columns)
        table = _digest.Table(relation.schema, relation.name, columns, relation.pages)
        for piece in _digest.pieces(table, algorithm, share):
            work.put((relation, _digest.table_query(table, algorithm, piece)))
    found: dict[Name, list[int]] = {(r.schema, r.name): [0, 0] for r in todo}
    guard = threading.Lock()

    def work_along(conn: psycopg.Connection[Any]) -> None:
        while True:
            try:
                relation, query = work.get_nowait()
            except queue.Empty:
                return
            try:
                values = one(conn, query)
            except driver().Error as exc:
                raise ProbeError(
                    f"The table {relation.label} of {login.where} can't be read: {one_line(exc)}."
                ) from exc
            with guard:
                total = found[(relation.schema, relation.name)]
                for i, value in enumerate(values):
                    total[i] = (total[i] + int(value)) % (_digest.WORD if i else 1 << 63)

    def help_out() -> None:
        with _digest.reading(login, snapshot=snapshot, limit_seconds=limit_seconds) as conn:
            work_along(conn)

    together(lambda: work_along(leader), *[help_out] * (jobs - 1))
    return found


def common_algorithm(*conns: psycopg.Connection[Any]) -> str:
    return _digest.algorithm_for(*(conn.info.server_version for conn in conns))


def compare_whole(pair: Pair, conns: Both, tables: Tables, names: Sequence[Name], verdict: Verdict) -> None:
    """Compare whole tables on both sides at the same time; where the sums differ, find and name the rows."""
    left, right = (_digest.export_snapshot(conn) for conn in conns)
    algorithm = common_algorithm(*conns)
    sums = both_sums(pair, tables, names, algorithm, conns, (left, right))
    sides = Sides(*conns, algorithm, secrets.token_hex(16))
    for name in names:
        verdict.whole[tables.label(name)] = sums[1][name][0]
        if sums[0][name] != sums[1][name]:
            locate(sides, tables.source[name], tables.target[name], verdict)


def both_sums(
    pair: Pair,
    tables: Tables,
    names: Sequence[Name],
    algorithm: str,
    conns: Both,
    snapshots: tuple[str, str],
) -> tuple[dict[Name, list[int]], dict[Name, list[int]]]:
    """The sums of these tables on both sides, at the same time."""

    def side(number: int, login: PostgresLogin, relations: Mapping[Name, Relation]) -> dict[Name, list[int]]:
        return full_sums(
            login,
            conns[number],
            [relations[name] for name in names],
            algorithm,
            snapshot=snapshots[number],
            jobs=max(1, pair.jobs),
            limit_seconds=pair.limit_seconds,
        )

    left, right = together(
        lambda: side(0, pair.source, tables.source), lambda: side(1, pair.target, tables.target)
    )
    return left, right


def locate(sides: Sides, left: Relation, right: Relation, verdict: Verdict, limit: int = NAMED) -> None:
    """Find the rows that differ: sums by bucket of the key on both sides, then the rows of the odd buckets."""
    found = 0
    buckets = _buckets(max(left.rows, right.rows, 1))
    sums = []
    for conn, relation in ((sides.source, left), (sides.target, right)):
        sums.append(
            {
                int(bucket): (int(count), int(summed))
                for bucket, count, summed in conn.execute(
                    _bucket_query(relation, sides.algorithm, buckets)
                ).fetchall()
            }
        )
    odd = sorted(b for b in {*sums[0], *sums[1]} if sums[0].get(b) != sums[1].get(b))
    if left.keyless:
        found = _locate_keyless(sides, left, right, odd, buckets, verdict, limit)
    else:
        for start in range(0, len(odd), 64):
            keys = _odd_keys(sides, left, right, odd[start : start + 64], buckets, limit - found)
            for chunk in range(0, len(keys), 500):
                part = keys[chunk : chunk + 500]
                literals = [_array(column) for column in zip(*part, strict=True)]
                named = name_rows(sides, left, right, literals, limit)
                verdict.differences += named
                found += len(named)
            if found >= limit:
                break
    if found >= limit or not found:
        verdict.more.append(left.label)


def _buckets(rows: int) -> int:
    count = 1
    while count < rows / ROWS_PER_BUCKET and count < 1 << 16:
        count *= 2
    return count


def _bucket_of(relation: Relation, algorithm: str, buckets: int) -> Any:
    sql = require("psycopg.sql", "python3-psycopg")
    hashed = relation.hash_of(algorithm, relation.key_columns() or None)
    return hashed + sql.SQL(f" & {buckets - 1}")


def _bucket_query(relation: Relation, algorithm: str, buckets: int) -> Any:
    sql = require("psycopg.sql", "python3-psycopg")
    return sql.SQL("select {bucket}, {totals} from only {table} t group by 1").format(
        bucket=_bucket_of(relation, algorithm, buckets),
        totals=totals(relation.hash_of(algorithm)),
        table=relation.identifier(),
    )


def _rows_of_buckets(
    conn: psycopg.Connection[Any], relation: Relation, sides: Sides, odd: list[int], buckets: int
) -> Iterator[tuple[Any, ...]]:
    """Bucket, key as text, both hashes and place of every row in these buckets; streamed."""
    sql = require("psycopg.sql", "python3-psycopg")
    key = sql.SQL("array[{}]::text[]").format(
        sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier("t", name)) for name in relation.key)
    )
    query = sql.SQL(
        "select bucket, key, h0 || ' ' || h1, place from (select bucket, key, place, {hashes} from"
        " (select {bucket} as bucket, {key} as key, t.ctid::text as place, {bytes} as b from only {table} t offset 0) x"
        " where bucket = any({odd})) y"
    ).format(
        hashes=sql.SQL(two_hashes(sides.algorithm)),
        bucket=_bucket_of(relation, sides.algorithm, buckets),
        key=key if relation.key else sql.SQL("null::text[]"),
        bytes=relation.bytes_of(sides.algorithm),
        table=relation.identifier(),
        odd=sql.Literal(odd),
    )
    with conn.cursor(f"dfr_golive_{secrets.token_hex(4)}") as cursor:
        cursor.itersize = 2000
        cursor.execute(query)
        yield from cursor


def _odd_keys(
    sides: Sides, left: Relation, right: Relation, odd: list[int], buckets: int, limit: int
) -> list[tuple[str, ...]]:
    """Keys whose rows differ, among those of at most 64 buckets."""
    seen: dict[tuple[str, ...], list[list[str]]] = {}
    for number, (conn, relation) in enumerate(((sides.source, left), (sides.target, right))):
        for _bucket, key, hashed, _place in _rows_of_buckets(conn, relation, sides, odd, buckets):
            seen.setdefault(tuple(key), [[], []])[number].append(hashed)
    return [key for key, (a, b) in sorted(seen.items()) if sorted(a) != sorted(b)][: max(0, limit)]


def _locate_keyless(
    sides: Sides,
    left: Relation,
    right: Relation,
    odd: list[int],
    buckets: int,
    verdict: Verdict,
    limit: int,
) -> int:
    """Rows that nothing identifies: named by their digest and their place."""
    found = 0
    for start in range(0, len(odd), 64):
        seen: dict[str, list[tuple[int, str]]] = {}  # how often on each side, and where first
        for number, (conn, relation) in enumerate(((sides.source, left), (sides.target, right))):
            for _b, _key, hashed, place in _rows_of_buckets(
                conn, relation, sides, odd[start : start + 64], buckets
            ):
                sides_of = seen.setdefault(hashed, [(0, ""), (0, "")])
                count, first = sides_of[number]
                sides_of[number] = (count + 1, first or place)
        for hashed, ((ours, here), (theirs, there)) in sorted(seen.items()):
            if ours == theirs:
                continue
            kind = "missing" if not theirs else "extra" if not ours else "repeated"
            digest = f"{int(hashed.split()[0]) % _digest.WORD:016x}"
            verdict.differences.append(Difference(left.label, f"row #{digest}", kind, {}, here, there))
            found += 1
            if found >= limit:
                return found
    return found


def _array(values: Iterable[str]) -> str:
    return "{" + ",".join('"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"' for v in values) + "}"
