# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proof that a copy equals its source, in time that depends on what changed and not on how much there is.

Two slots, one in each database, begin before a full comparison (`prove`). From then on every row that anybody touches
on either side, replication or not, is in one of them (`_wal` says why). So:

* every row that neither slot names is what it was when the full comparison found it equal;
* every row that a slot names is compared again, by its key, on both sides (`compare_touched`).

The full comparison needs no standstill and no common instant. The source's snapshot is opened first; once the copy has
applied everything up to it, the copy's snapshot is opened. A row that differs between the two snapshots was changed
after the first, hence is named by the source's slot. Sums can be subtracted: a table's sum less the sum of its touched
rows, each side within its own snapshot, is equal on both sides exactly when the untouched rows are.

What can't be told row by row (a truncated table, a table whose rows nothing identifies, one whose rows a change of
its definition wrote anew) is compared whole again when it was touched. Repeating `prove` compares what was touched
since the last time and forgets it, so that what is left for the freeze window is what changed since the last proof.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _digest
from ansible_collections.dfr.golive.plugins.module_utils._alone import alone
from ansible_collections.dfr.golive.plugins.module_utils._drain import check_sequences
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect
from ansible_collections.dfr.golive.plugins.module_utils._replication import Memory, Pair, demand
from ansible_collections.dfr.golive.plugins.module_utils._rows import (
    Sides,
    batch_digest,
    batch_sum,
    name_rows,
)
from ansible_collections.dfr.golive.plugins.module_utils._subscription import wait_applied
from ansible_collections.dfr.golive.plugins.module_utils._tables import Both, Name, Tables, both
from ansible_collections.dfr.golive.plugins.module_utils._together import together
from ansible_collections.dfr.golive.plugins.module_utils._touched import (
    Touched,
    harvest,
    mark_rewritten,
    start_tracking,
    touched,
)
from ansible_collections.dfr.golive.plugins.module_utils._unfollowed import check_configured
from ansible_collections.dfr.golive.plugins.module_utils._verdict import Difference, Verdict
from ansible_collections.dfr.golive.plugins.module_utils._wal import current_position
from ansible_collections.dfr.golive.plugins.module_utils._whole import (
    both_sums,
    common_algorithm,
    compare_whole,
    locate,
)


def compare_touched(
    pair: Pair,
    tables: Tables,
    seen: Touched,
    *,
    snapshots: tuple[str | None, str | None] = (None, None),
    skip_whole: bool = False,
) -> Verdict:
    """Compare every touched row on both sides.

    Args:
        pair: source and copy.
        tables: of both sides.
        seen: what was touched.
        snapshots: to see source and target through; their present when None.
        skip_whole: leave out the tables that must be compared whole.
    """
    verdict = Verdict()
    keyed = [relation for name, relation in sorted(tables.source.items()) if name not in seen.whole]
    verdict.compared = {
        r.label: seen.keys[(r.schema, r.name)] for r in keyed if (r.schema, r.name) in seen.keys
    }
    with (
        _digest.reading(pair.source, snapshot=snapshots[0], limit_seconds=pair.limit_seconds) as source,
        _digest.reading(pair.target, snapshot=snapshots[1], limit_seconds=pair.limit_seconds) as target,
        ThreadPoolExecutor(max_workers=1) as pool,
    ):
        sides = Sides(source, target, common_algorithm(source, target), secrets.token_hex(16))
        for name, keys in seen.batches(keyed):
            left, right = tables.source[name], tables.target[name]
            ours = pool.submit(batch_digest, source, left, sides.algorithm, keys)
            theirs = batch_digest(target, right, sides.algorithm, keys)
            if ours.result() != theirs:
                verdict.differences += name_rows(sides, left, right, keys)
        if seen.whole and not skip_whole:
            compare_whole(pair, (source, target), tables, sorted(seen.whole), verdict)
    return verdict


def prove(pair: Pair, *, again: bool = False) -> dict[str, Any]:
    """Compare the copy with its source while both live; afterwards only what is touched needs to be compared.

    Args:
        pair: source and copy; the copy follows.
        again: compare everything even if an earlier proof stands.

    Raises:
        GoliveError: a row differs that nobody has touched; it is named.
    """
    with alone(pair):
        return _prove(pair, again=again)


def _prove(pair: Pair, *, again: bool) -> dict[str, Any]:
    memory = demand(pair, "following")
    tables = Tables.read(pair)
    fresh = start_tracking(pair, tables) or again or memory.stage != "proven"
    memory.round += 1
    _save(pair, memory, "following" if fresh else memory.stage)
    if not fresh:
        mark_rewritten(pair, tables, memory)
        harvest(pair, tables, memory.round - 1)
    # Read before the snapshots: what is written anew from here on has another file the next time.
    memory.files = tables.files()
    with ExitStack() as stack:
        source = stack.enter_context(_digest.reading(pair.source, limit_seconds=pair.limit_seconds))
        left = _digest.export_snapshot(source)
        with connect(pair.source, autocommit=True) as conn:
            position = current_position(conn)
        waited = wait_applied(pair, position, pair.limit_seconds)
        target = stack.enter_context(_digest.reading(pair.target, limit_seconds=pair.limit_seconds))
        right = _digest.export_snapshot(target)
        if fresh:
            evidence = _prove_all(pair, tables, memory, (source, target), (left, right))
        else:
            evidence = _prove_touched(pair, tables, memory, (left, right))
    evidence["waited"] = waited
    memory.evidence["proof"] = evidence
    if fresh:
        memory.evidence |= {"full": evidence, "touched_since": []}
    _save(pair, memory, "proven")
    return {"changed": True, **evidence}


def _save(pair: Pair, memory: Memory, stage: str) -> None:
    memory.stage = stage
    with connect(pair.target_admin(), autocommit=True) as conn:
        memory.save(conn, pair)


def _prove_all(
    pair: Pair,
    tables: Tables,
    memory: Memory,
    conns: Both,
    snapshots: tuple[str, str],
) -> dict[str, Any]:
    algorithm = common_algorithm(*conns)
    names = sorted(tables.source)
    sums = both_sums(pair, tables, names, algorithm, conns, snapshots)
    memory.evidence["tables"] = {tables.label(n): table_facts(sums[0][n], sums[1][n]) for n in names}
    # Read after both snapshots: whatever differs between them is in here.
    harvest(pair, tables, memory.round)
    verdict = Verdict()
    odd = [name for name in names if sums[0][name] != sums[1][name]]
    moving: list[str] = []
    with touched(pair, tables, 0, memory.round) as seen:
        for name in odd:
            if name in seen.whole:
                moving.append(tables.label(name))
                continue
            rest = _less_touched(
                pair, tables, seen, name, algorithm, snapshots, (sums[0][name], sums[1][name])
            )
            if rest[0] != rest[1]:
                sides = Sides(*conns, algorithm, secrets.token_hex(16))
                locate(sides, tables.source[name], tables.target[name], verdict)
        verdict.differences = _untouched(tables, verdict.differences, seen)
    verdict.refuse(pair.source.database, pair.target.database)
    return {
        "kind": "full",
        "tables": len(names),
        "rows": sum(total[0] for total in sums[1].values()),
        "settled_by_touched": [tables.label(name) for name in odd if tables.label(name) not in moving],
        "left_for_the_window": moving,
    }


def table_facts(source: Sequence[int], target: Sequence[int]) -> list[Any]:
    """Rows of both sides, then digests of both sides, of one table's sums."""
    return [source[0], target[0], *(f"{sums[1] % _digest.WORD:016x}" for sums in (source, target))]


def _less_touched(
    pair: Pair,
    tables: Tables,
    seen: Touched,
    name: Name,
    algorithm: str,
    snapshots: tuple[str, str],
    sums: tuple[list[int], list[int]],
) -> list[list[int]]:
    """Both sides' sums without the touched rows, each within its own snapshot."""
    rest = [list(sums[0]), list(sums[1])]
    for number, (login, relation) in enumerate(
        ((pair.source, tables.source[name]), (pair.target, tables.target[name]))
    ):
        with _digest.reading(login, snapshot=snapshots[number], limit_seconds=pair.limit_seconds) as conn:
            for _name, keys in seen.batches([tables.source[name]]):
                for i, value in enumerate(batch_sum(conn, relation, algorithm, keys)):
                    rest[number][i] = (rest[number][i] - value) % (_digest.WORD if i else 1 << 63)
    return rest


def _untouched(tables: Tables, found: list[Difference], seen: Touched) -> list[Difference]:
    """Differences less those whose row was touched: these are compared again later."""
    names = {relation.label: name for name, relation in tables.source.items()}
    return [item for item in found if not seen.holds(names[item.table], item.raw)]


def _prove_touched(pair: Pair, tables: Tables, memory: Memory, snapshots: tuple[str, str]) -> dict[str, Any]:
    """Compare what was touched before this round; what is equal is forgotten, what moved meanwhile stays."""
    last = memory.round - 1
    with touched(pair, tables, 0, last) as seen:
        verdict = compare_touched(pair, tables, seen, snapshots=snapshots, skip_whole=True)
    harvest(pair, tables, memory.round)
    with touched(pair, tables, 0, memory.round) as seen:
        whole = seen.whole
    with touched(pair, tables, memory.round, memory.round) as seen:
        verdict.differences = _untouched(tables, verdict.differences, seen)
    verdict.refuse(pair.source.database, pair.target.database)
    since = memory.evidence.get("touched_since", [])
    memory.evidence["touched_since"] = sorted({*since, *verdict.compared})
    with connect(pair.target_admin(), autocommit=True) as store:
        store.execute(
            "delete from dfr_golive.touched where pair = %s and round <= %s and key <> '{}'",
            (pair.name, last),
        )
    return {
        "kind": "touched",
        "tables": len(verdict.compared),
        "rows": sum(verdict.compared.values()),
        "settled_by_touched": [],
        "left_for_the_window": sorted(tables.label(name) for name in whole),
    }


def read_ahead(pair: Pair) -> None:
    """Note what was touched so far while both sides live: that much less log is to be read once the source is frozen.

    Raises:
        GoliveError: the copy isn't proven, or nobody knows what was touched.
    """
    memory = demand(pair, "proven")
    harvest(pair, Tables.read(pair), memory.round)


def verify(
    pair: Pair, *, full: bool = False, declared: Callable[[Difference], bool] | None = None
) -> dict[str, Any]:
    """Prove that the copy equals its frozen source: what was touched since the proof, or everything.

    Args:
        pair: source and copy.
        full: compare everything.
        declared: says of a difference whether it is meant to be; it is returned then, and refuses nothing.

    Raises:
        GoliveError: a row differs; keys and columns are named.
    """
    with ExitStack() as stack:

        def remembered() -> Any:
            return demand(pair, "following" if full else "proven")

        def opened() -> Any:
            return stack.enter_context(both(pair))

        memory, conns = together(remembered, opened)
        tables = Tables.of(conns)
        verdict = Verdict()
        if full:
            compare_whole(pair, conns, tables, sorted(tables.source), verdict)
        else:
            mark_rewritten(pair, tables, memory)
            harvest(pair, tables, memory.round, advance=False)
            with touched(pair, tables, 0, memory.round) as seen:
                verdict = compare_touched(pair, tables, seen)
        meant = [item for item in verdict.differences if declared is not None and declared(item)]
        verdict.differences = [item for item in verdict.differences if item not in meant]
        verdict.refuse(pair.source.database, pair.target.database)
        sequences = check_sequences(conns)
        check_configured(conns)
    return {
        "kind": "full" if full else "touched",
        "declared": [item.sentence() for item in meant],
        "sequences": sequences,
        "tables": len(verdict.compared) + len(verdict.whole),
        "rows": sum(verdict.compared.values()) + sum(verdict.whole.values()),
        "compared": verdict.compared,
        "whole": verdict.whole,
    }
