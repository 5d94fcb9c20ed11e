# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The method replication: a copy made days before follows staging; on the night only what changed moves and is proven.

What the copy is made of, how it drains and why its proof can't miss a row is the engine's (`_seed`, `_replication`,
`_delta`). Here is what a go-live adds: which two databases they are, production's identity, and when everything that
was made for the copy may go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import (
    _delta,
    _digest,
    _drain,
    _leftovers,
    _progress,
    _seed,
    _subscription,
    _whole,
)
from ansible_collections.dfr.golive.plugins.module_utils._catalogue import (
    changed_definitions,
    read_fingerprint,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import Crew
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect, forget
from ansible_collections.dfr.golive.plugins.module_utils._replication import STAGES, Memory, Pair, demand
from ansible_collections.dfr.golive.plugins.module_utils._slot_watch import DROPPED
from ansible_collections.dfr.golive.plugins.module_utils._sync_dump import refuse_definitions
from ansible_collections.dfr.golive.plugins.module_utils._sync_gates import seedable
from ansible_collections.dfr.golive.plugins.module_utils._sync_identity import (
    SETTINGS_TABLE,
    check_identity,
    identity_rows,
    return_identity,
)
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import (
    KIND,
    MAKING,
    Plan,
    Watch,
    World,
    look,
)
from ansible_collections.dfr.golive.plugins.module_utils._sync_replica_gates import refuse_seeding
from ansible_collections.dfr.golive.plugins.module_utils._sync_swap import drop_incoming
from ansible_collections.dfr.golive.plugins.module_utils._tables import Tables
from ansible_collections.dfr.golive.plugins.module_utils._verdict import Difference
from ansible_collections.dfr.golive.plugins.module_utils._wal import read_slots

if TYPE_CHECKING:
    import psycopg

# A table up to this size is digested whole on the night; of bigger ones only what was touched since the last proof.
WHOLE_BYTES = 16 << 20
RETRY = (
    "Nothing is lost: staging stays fenced and production has its own data. Run golive.yml again to go on, or"
    " playbooks/rollback.yml to lift the fence."
)


# --- before the freeze -------------------------------------------------------------------------------------------


def seed(plan: Plan, *, again: bool = False, make: bool = True) -> dict[str, Any]:
    """Make the copy or go on with it, let it follow, and compare both sides while they live. May be repeated.

    Args:
        plan: what is to be brought where.
        again: throw away a copy that is there, and make a new one.
        make: make one where none is of use; on the night itself nobody wants to wait for that.

    Raises:
        GoliveError: a step failed; a repeat goes on from there.
    """
    source, _remote, _stores = plan.parts()
    pair = plan.pair()
    with connect(plan.target.maintenance(), autocommit=True) as admin:
        world = look(admin, plan)
        if world.swapped:
            return {"changed": False, "stage": "swapped", "seconds": {}, "why_again": ""}
        check_identity(source, "staging")
        check_identity(plan.target, "production")
        if world.making:
            drop_incoming(admin, plan, world)
            forget(admin, MAKING, plan.production)
    why = "asked for" if again and world.copy else spoiled(pair, world)
    if not make:
        _refuse_unmade(pair, why)
    if why:
        _seed.discard(pair)
    if why or not world.copy:
        refuse_seeding(seedable(plan))
    tell = _progress.write_progress(pair)
    made = _seed.seed(pair, tell=tell)
    _subscription.enable(pair)
    with _progress.Told(pair, "proof", tell):
        proof = _delta.prove(pair)
    _progress.progress_file(pair).unlink(missing_ok=True)
    with connect(pair.source_admin(), autocommit=True) as admin:
        forget(admin, DROPPED, pair.label)
    return {
        **made,
        "changed": made["changed"] or proof["kind"] == "full",
        "stage": "proven",
        "proof": proof,
        "why_again": why,
    }


def _refuse_unmade(pair: Pair, why: str) -> None:
    """
    Raises:
        GoliveError: there is no proven copy, or it is of no use any more.
    """
    if why:
        raise GoliveError(
            f"The copy {pair.target.database} is of no use any more: {why}.",
            remedy="Run playbooks/prepare.yml, it makes a new one, then golive.yml again.",
        )
    demand(pair, "proven")


def spoiled(pair: Pair, world: World) -> str:
    """Why a copy that follows is of no use any more; empty when it is, or when it doesn't follow yet.

    Log that the source has thrown away is the engine's own reason to begin again.
    """
    if world.copy not in STAGES or STAGES.index(world.copy) < STAGES.index("following"):
        return ""
    with connect(pair.target_admin()) as admin:
        memory = Memory.load(admin, pair)
    with connect(pair.target) as conn:
        if _subscription.subscription(conn, pair) is None:
            return f"the subscription {pair.label} is gone"
    with _digest.reading(pair.source) as conn:
        wrong = changed_definitions(memory.fingerprint if memory else {}, read_fingerprint(conn))
    return f"definitions changed since: {'; '.join(wrong[:12])}" if wrong else ""


# --- on the night ------------------------------------------------------------------------------------------------


def begin(_admin: psycopg.Connection[Any], plan: Plan, _world: World) -> None:
    """The copy was made before; it must be proven."""
    demand(plan.pair(), "proven")


def bring(plan: Plan, _crew: Crew, watch: Watch) -> dict[str, Any]:
    """Drain what is still under way, then compare every row that was touched since the last proof, or every row.

    Raises:
        GoliveError: the frozen position isn't reached, definitions changed or a row differs; the copy isn't used then.
    """
    pair = plan.pair()
    memory = demand(pair, "proven")
    try:
        drained = watch.timed("drain", lambda: _drain.drain(pair, limit_seconds=plan.follow().drain_seconds))
        proof, _declared = watch.timed("proof", lambda: _prove(pair, plan, full=plan.follow().full))
    except GoliveError as exc:
        exc.remedy = f"{exc.remedy} {RETRY}".strip()
        raise
    tables = memory.evidence.get("tables", {})
    return {
        "rows": sum(int(facts[1]) for facts in tables.values()),
        "tables": len(tables),
        "raised": drained["sequences"]["raised"],
        "warnings": [],
        "drain": {key: drained[key] for key in ("position", "waited", "seconds")},
        "proof": {key: proof[key] for key in ("kind", "tables", "rows", "sequences")},
    }


def _prove(pair: Pair, plan: Plan, *, full: bool = False) -> tuple[dict[str, Any], list[str]]:
    """The engine's proof of the touched rows, or of all; production's identity may differ there, and is named."""
    known = identity_rows(pair.target, plan.identity_keys)
    declared: list[str] = []

    def is_identity(difference: Difference) -> bool:
        name = known.get(difference.raw) if difference.table == SETTINGS_TABLE else None
        if name is None or difference.verdict != "changed" or set(difference.columns) != {"value"}:
            return False
        declared.append(name)
        return True

    return _delta.verify(pair, full=full, declared=is_identity), sorted(declared)


def prove(plan: Plan, world: World) -> dict[str, Any]:
    """The second proof: of what now is production, touched rows, sequences and definitions once more."""
    source, _remote, _stores = plan.parts()
    watch = Watch()
    pair = plan.pair(plan.production)
    proof, declared = _prove(pair, plan)
    left, right = (_read_structure(login) for login in (source.login, plan.target.login))
    refuse_definitions(
        plan,
        _digest.compare_structure(
            left["structure"], right["structure"], same_major=left["major"] == right["major"]
        ),
    )
    memory = demand(pair, "proven")
    tables = compared_tables(pair, memory.evidence, {**proof["compared"], **proof["whole"]}, declared)
    kept = world.kept or {}
    return {
        "sources": [
            {
                "name": source.name,
                "kind": "postgresql",
                "rows": sum(item["target_rows"] for item in tables),
                "rejected": 0,
                "seconds": kept.get("seconds", 0),
                "tables": len(tables),
                "drain": kept.get("drain", {}),
            }
        ],
        "compared": {
            "tables": proof["tables"],
            "rows": proof["rows"],
            "seconds": watch.total(),
            # Of the comparison before the swap, which may have been of every row; the one after it is of touched rows.
            "kind": kept.get("proof", {}).get("kind", proof["kind"]),
            "position": kept.get("drain", {}).get("position", ""),
            "before_the_freeze": memory.evidence.get("full", {}),
        },
        "declared": {SETTINGS_TABLE: declared},
        "sequences": {"compared": proof["sequences"], "raised": kept.get("raised", [])},
        "definitions": len(right["structure"]),
        "left_out": left["left_out"],
        "files": {"tables": tables},
    }


def _read_structure(login: Any) -> dict[str, Any]:
    with _digest.reading(login) as conn:
        return {
            "structure": _digest.read_structure(conn),
            "left_out": dict(_digest.read_layout(conn).left_out),
            "major": conn.info.server_version // 10000,
        }


def compared_tables(
    pair: Pair, evidence: Mapping[str, Any], touched: Mapping[str, int], declared: list[str]
) -> list[dict[str, Any]]:
    """Rows and digests of every table, as the report shows them.

    A table that nobody touched is what the full comparison found. One that was touched is digested whole now when it is
    small; a big one keeps the figures of the full comparison and says so, and ``touched_rows`` says how many of its
    rows were compared one by one since the last proof.
    """
    proven: Mapping[str, list[Any]] = evidence["tables"]
    stale = {*touched, *evidence.get("touched_since", [])}
    tables = Tables.read(pair)
    small = [
        name
        for name, relation in tables.source.items()
        if relation.label in stale and max(relation.bytes, tables.target[name].bytes) <= WHOLE_BYTES
    ]
    now = _digests_now(pair, tables, small)
    found = []
    for relation in tables.source.values():
        rows = now.get(relation.label) or proven[relation.label]
        item = {
            "name": relation.label,
            "source_rows": rows[0],
            "target_rows": rows[1],
            "source_digest": rows[2],
            "target_digest": rows[3],
            "verdict": "declared" if relation.label == SETTINGS_TABLE and declared else "equal",
        }
        if relation.label in touched:
            item["touched_rows"] = touched[relation.label]
        if relation.label in stale and relation.label not in now:
            item["as_of"] = "full comparison before the freeze"
        found.append(item)
    return found


def _digests_now(pair: Pair, tables: Tables, names: list[tuple[str, str]]) -> dict[str, list[Any]]:
    if not names:
        return {}
    with _digest.reading(pair.source) as source, _digest.reading(pair.target) as target:
        snapshots = (_digest.export_snapshot(source), _digest.export_snapshot(target))
        algorithm = _whole.common_algorithm(source, target)
        sums = _whole.both_sums(pair, tables, names, algorithm, (source, target), snapshots)
    return {tables.label(name): _delta.table_facts(sums[0][name], sums[1][name]) for name in names}


def settle(admin: psycopg.Connection[Any], plan: Plan, evidence: dict[str, Any]) -> dict[str, Any]:
    """Drop everything that was made for the copy; production is proven and stands on its own.

    The evidence is remembered first: after a crash in here the proof can't be made again, and needn't be.
    """
    _remember(admin, plan, evidence)
    dropped = _leftovers.clear(plan.pair(plan.production))["dropped"]
    settled = {**evidence, "settled": evidence.get("settled") or dropped}
    _remember(admin, plan, settled)
    return settled


def _remember(admin: psycopg.Connection[Any], plan: Plan, evidence: dict[str, Any]) -> None:
    admin.execute(
        "update dfr_golive.kept set state = state || jsonb_build_object('proven', %s::jsonb)"
        " where kind = %s and name = %s",
        (json.dumps(evidence), KIND, plan.production),
    )


# --- back --------------------------------------------------------------------------------------------------------


def leave(plan: Plan, world: World) -> bool:
    """After the names are back: a copy that can go on following is kept for another night, any other is dropped.

    Returns:
        Whether it is kept.

    Raises:
        GoliveError: staging's server can't be reached or refuses; production is as it was, repeat for the rest.
    """
    pair = plan.pair()
    if not can_follow(plan, pair, world):
        _seed.discard(pair)
        with connect(pair.source_admin(), autocommit=True) as admin:
            forget(admin, DROPPED, pair.label)
        return False
    if STAGES.index(world.copy) >= STAGES.index("following"):
        return_identity(plan)
        _subscription.enable(pair)
    return True


def can_follow(plan: Plan, pair: Pair, world: World) -> bool:
    """Whether staging's log still reaches back to where the copy stands, and the copy still asks for it."""
    if world.copy not in STAGES or plan.incoming not in world.databases:
        return False
    with connect(pair.source_admin()) as conn:
        slot = read_slots(conn, pair.label).get(pair.label)
    if slot is None or slot.lost:
        return False
    if STAGES.index(world.copy) < STAGES.index("following"):
        return True
    with connect(pair.target) as conn:
        return _subscription.subscription(conn, pair) is not None
