# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the frozen staging database into production: bring beside, prove, take production's identity, swap names.

How the data comes is a method's (one file each, with the same few functions); the fence around production, the files,
the identity, the names and the order of all of it are the same for each.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ansible_collections.dfr.golive.plugins.module_utils import (
    _digest,
    _fence_postgres,
    _filestore,
    _sync_dump,
    _sync_replication,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import DriftError, GoliveError, require
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import Crew
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect, forget, recall
from ansible_collections.dfr.golive.plugins.module_utils._sync_identity import check_identity, take_identity
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import (
    FENCE,
    KIND,
    MAKING,
    Plan,
    Watch,
    World,
    check_source_fence,
    look,
    refuse_other_run,
    speaking_of,
)
from ansible_collections.dfr.golive.plugins.module_utils._sync_privileges import carry_privileges
from ansible_collections.dfr.golive.plugins.module_utils._sync_swap import (
    carry_settings,
    drop_incoming,
    raise_fence,
    swap,
    swap_back,
)

if TYPE_CHECKING:
    import psycopg


class Method(Protocol):
    """How the data comes into ``<production>_incoming``."""

    def begin(self, admin: psycopg.Connection[Any], plan: Plan, world: World, /) -> None:
        """Make it ready to be filled, or make sure that it is there."""

    def bring(self, plan: Plan, crew: Crew, watch: Watch, /) -> dict[str, Any]:
        """Fill it and compare it: afterwards it equals frozen staging. Returns rows, tables, raised, warnings."""

    def prove(self, plan: Plan, world: World, /) -> dict[str, Any]:
        """Compare once more, of what has become production. Returns the evidence."""

    def settle(
        self, admin: psycopg.Connection[Any], plan: Plan, evidence: dict[str, Any], /
    ) -> dict[str, Any]:
        """Drop what was only needed until now. Returns the evidence, with what was dropped."""


METHODS: Mapping[str, Method] = {"dump": _sync_dump, "replication": _sync_replication}


def synchronise(plan: Plan) -> dict[str, Any]:
    """Bring staging's data into production. Finishes what an earlier call began; nothing to do when it is swapped.

    Raises:
        GoliveError: a step failed or a table differs; production still has its own data, fenced for its application.
    """
    if plan.method == "none":
        check_identity(plan.target, "production")
        return {"changed": False, "seconds": {}, "state": "nothing to bring"}
    method = METHODS[plan.method]
    source, _remote, stores = plan.parts()
    watch = Watch()
    with speaking_of("The sync"), connect(plan.target.maintenance(), autocommit=True) as admin:
        world = look(admin, plan)
        refuse_other_run(plan, world)
        if world.swapped:
            return {
                "changed": _filestore.align(stores, swapped=True),
                "seconds": {"total": watch.total()},
                "state": "swapped earlier in this run",
            }
        check_identity(source, "staging")
        check_identity(plan.target, "production")
        _filestore.align(stores, swapped=False)
        method.begin(admin, plan, world)
        made = _fill(plan, method, watch)
        identity = take_identity(plan)
        carry_settings(admin, plan)
        privileges = carry_privileges(plan.target.login, plan.target.login.to(plan.incoming))
        summary = {
            "run_id": plan.run_id,
            "uuid": plan.target.uuid,
            "files_brought": made.pop("files"),
            "privileges": privileges,
            **{key: value for key, value in made.items() if key != "warnings"},
        }
        watch.timed("swap", lambda: swap(admin, plan, {**summary, "seconds": watch.total()}))
        _filestore.align(stores, swapped=True)
    watch.seconds["total"] = watch.total()
    return {
        "changed": True,
        "seconds": watch.seconds,
        "state": "swapped",
        "identity": identity,
        "warnings_of_tools": made["warnings"],
        "diff": difference(plan, forward=True),
        **summary,
    }


def difference(plan: Plan, *, forward: bool) -> dict[str, str]:
    """The names before and after, for ``--diff``."""
    own = f"{plan.production}: production's own data\n"
    swapped = f"{plan.production}: staging's data\n{plan.before}: production's own data\n"
    return {"before": own if forward else swapped, "after": swapped if forward else own}


def rehearse(plan: Plan) -> dict[str, Any]:
    """What `synchronise` would do; changes nothing."""
    if plan.method == "none":
        return synchronise(plan)
    with connect(plan.target.maintenance(), autocommit=True) as admin:
        world = look(admin, plan)
        refuse_other_run(plan, world)
    if world.swapped:
        return {"changed": False, "seconds": {}, "state": "swapped earlier in this run"}
    return {
        "changed": True,
        "seconds": {},
        "state": "would be swapped",
        "diff": difference(plan, forward=True),
    }


def _fill(plan: Plan, method: Method, watch: Watch) -> dict[str, Any]:
    """Bring database and files at the same time, with production fenced meanwhile; prove both."""
    crew = Crew(plan.limit_seconds)
    found = crew.together(
        database=lambda: watch.timed("database", lambda: method.bring(plan, crew, watch)),
        files=lambda: watch.timed("filestore", lambda: bring_files(plan, crew)),
        fence=lambda: watch.timed("fence", lambda: raise_fence(plan)),
    )
    proof: _filestore.Proof = found["files"]["proof"]
    proof.refuse(f"{plan.production}.incoming")
    return {**found["database"], "files": found["files"]["brought"]}


# --- files -------------------------------------------------------------------------------------------------------


def seed_files(plan: Plan, *, check: bool = False) -> dict[str, Any]:
    """Bring the files ahead of the freeze and prove them. Nothing to do once production is swapped.

    Raises:
        GoliveError: a file of an attachment is missing in staging, or can't be proven.
    """
    if plan.method == "none":
        return {"changed": False, "brought": 0, "filestore": {}}
    source, _remote, stores = plan.parts()
    with connect(plan.target.maintenance(), autocommit=True) as admin:
        if look(admin, plan).swapped:
            return {"changed": False, "brought": 0, "filestore": {}}
    check_identity(source, "staging")
    check_identity(plan.target, "production")
    if check:
        with _digest.reading(source.login) as conn:
            todo = _filestore.absent(stores.incoming, _filestore.wanted(conn))
        return {"changed": bool(todo), "brought": 0, "filestore": {"to_come": len(todo)}}
    found = bring_files(plan, Crew(plan.limit_seconds))
    found["proof"].refuse(f"{plan.production}.incoming")
    return {
        "changed": found["brought"] > 0,
        "brought": found["brought"],
        "filestore": found["proof"].as_dict(),
    }


def bring_files(plan: Plan, crew: Crew) -> dict[str, Any]:
    source, remote, stores = plan.parts()
    with _digest.reading(source.login) as conn:
        names = _filestore.wanted(conn)
    brought = _filestore.pull(crew, remote, stores, names)
    proof = _filestore.prove(stores.incoming, names, memory=stores.memory, jobs=plan.jobs)
    if proof.corrupt:
        _filestore.heal(stores, proof)
        brought += _filestore.pull(crew, remote, stores, names)
        proof = _filestore.prove(stores.incoming, names, memory=stores.memory, jobs=plan.jobs)
    return {"brought": brought, "proof": proof}


def _prove_files(plan: Plan) -> _filestore.Proof:
    _source, _remote, stores = plan.parts()
    with _digest.reading(plan.target.login) as conn:
        names = _filestore.wanted(conn)
    return _filestore.prove(stores.current, names, memory=stores.memory, jobs=plan.jobs)


# --- verify ------------------------------------------------------------------------------------------------------


def verify(plan: Plan, *, recheck: bool, settle: bool = False) -> dict[str, Any]:
    """The second, independent comparison: frozen staging against production as it is now.

    Args:
        plan: what was brought where.
        recheck: only what stays true after users have written.
        settle: when all is well, drop what was made for the sync and isn't needed any more.

    Returns:
        The evidence: counts and names, and under ``files`` the list of tables.

    Raises:
        DriftError: production isn't what the swap made of it.
        GoliveError: a table, sequence, definition or file differs.
    """
    if plan.method == "none":
        check_identity(plan.target, "production")
        return {
            "method": "none",
            "sources": [],
            "filestore": {"files": 0, "bytes": 0, "missing": 0, "verdict": "equal"},
        }
    method = METHODS[plan.method]
    _source, _remote, stores = plan.parts()
    with connect(plan.target.maintenance(), autocommit=True) as admin:
        world = look(admin, plan)
        if not world.swapped:
            raise DriftError(
                f"{plan.production} isn't swapped: it still holds what it held before the sync.",
                remedy="Somebody went back by hand; roll back, then begin a new run.",
            )
        refuse_other_run(plan, world)
        check_identity(plan.target, "production")
        if not (stores.before.is_dir() and stores.current.is_dir()):
            raise DriftError(
                f"The filestore of {plan.production} isn't swapped as its database is.", remedy="Roll back."
            )
        if recheck:
            return {"method": plan.method, "uuid": plan.target.uuid, "before": plan.before}
        proven: dict[str, Any] | None = (world.kept or {}).get("proven")
        if proven is None:
            check_identity(plan.target, "production", plan.target.login.to(plan.before))
            check_source_fence(plan)
            found = Crew(plan.limit_seconds).together(
                data=lambda: method.prove(plan, world), files=lambda: _prove_files(plan)
            )
            found["files"].refuse(str(stores.current))
            proven = {"method": plan.method, **found["data"], "filestore": found["files"].as_dict()}
        return method.settle(admin, plan, proven) if settle else proven


# --- undo --------------------------------------------------------------------------------------------------------


def undo(plan: Plan) -> dict[str, Any]:
    """Production as it was before the sync: names back, fence lifted, what can't be used again dropped.

    Safe wherever apply stopped, and whatever the method was: what there is decides.

    Raises:
        GoliveError: production was swapped by another run.
    """
    if plan.method == "none":
        # The way back may have fenced what started empty.
        with connect(plan.target.maintenance(), autocommit=True) as admin:
            lifted = _fence_postgres.lift_fence(admin, plan.production, purpose=FENCE).changed
        return {"changed": lifted, "restart": lifted, "state": "nothing was brought"}
    _source, _remote, stores = plan.parts()
    with speaking_of("The undo"), connect(plan.target.maintenance(), autocommit=True) as admin:
        world = look(admin, plan)
        refuse_other_run(plan, world)
        changed = world.swapped
        if world.swapped:
            if _fence_postgres.read_fence(admin, plan.production, purpose=FENCE)[0] is None:
                raise_fence(plan)
            swap_back(admin, plan, world)
            world = look(admin, plan)
        changed = _filestore.align(stores, swapped=False) or changed
        if not world.copy:
            changed = drop_incoming(admin, plan, world) or changed
            forget(admin, MAKING, plan.production)
        if plan.work_dir.is_dir():
            _sync_dump.clean_work_dir(plan.work_dir)
        changed = _fence_postgres.lift_fence(admin, plan.production, purpose=FENCE).changed or changed
        check_identity(plan.target, "production")
        # Last, because it asks staging's server too: production needs nobody to be itself again.
        kept = bool(world.copy) and _sync_replication.leave(plan, world)
    return {"changed": changed, "restart": changed, "state": "as before the sync", "copy_kept": kept}


def finalize(plan: Plan, *, check_only: bool = False) -> dict[str, Any]:
    """Drop what production was before the sync: there is no way back to it any more. Safe to repeat after a crash.

    Raises:
        GoliveError: production was swapped by another run.
    """
    with speaking_of("Closing the way back"), connect(plan.target.maintenance(), autocommit=True) as admin:
        kept = recall(admin, KIND, plan.production)
        if kept is None:
            return {"changed": False, "dropped": []}
        if kept["run_id"] != plan.run_id:
            raise GoliveError(
                f"Production was swapped by another run ({kept['run_id']}).",
                remedy="Finish that run first.",
            )
        dropped = [f"database {plan.before}"]
        files = plan.stores.before if plan.stores and plan.stores.before.exists() else None
        if files is not None:
            dropped.append(f"files {files}")
        if not check_only:
            sql = require("psycopg.sql", "python3-psycopg")
            admin.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(plan.before))
            )
            if files is not None:
                shutil.rmtree(files)
            # Last: whoever repeats this after a crash finds that something is left to do.
            forget(admin, KIND, plan.production)
    return {"changed": True, "dropped": dropped}


def rehearse_undo(plan: Plan) -> dict[str, Any]:
    """What `undo` would do; changes nothing."""
    if plan.method == "none":
        return undo(plan)
    with connect(plan.target.maintenance(), autocommit=True) as admin:
        world = look(admin, plan)
        refuse_other_run(plan, world)
        fenced = _fence_postgres.read_fence(admin, plan.production, purpose=FENCE)[0] is not None
    return {
        "changed": world.swapped or fenced or (plan.incoming in world.databases and not world.copy),
        "restart": False,
        "state": "would be as before the sync",
        "diff": difference(plan, forward=False),
    }
