# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The method dump: staging whole, through one snapshot, into a new database beside production.

For databases between which logical replication isn't allowed. Takes time in proportion to the data.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _digest, _seed
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._locale import create_database, read_locale
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import ENVIRONMENTS_OWN, Crew, dump, restore
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    PostgresLogin,
    connect,
    keep,
)
from ansible_collections.dfr.golive.plugins.module_utils._scratch import scratch
from ansible_collections.dfr.golive.plugins.module_utils._sync_identity import SETTINGS_TABLE, declared_keys
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import MAKING, Plan, Watch, World
from ansible_collections.dfr.golive.plugins.module_utils._sync_privileges import carry_privileges
from ansible_collections.dfr.golive.plugins.module_utils._sync_swap import drop_incoming

if TYPE_CHECKING:
    import psycopg

WORK_PREFIX = "dfr-golive-sync-"


def begin(admin: psycopg.Connection[Any], plan: Plan, world: World) -> None:
    """An empty database beside production, closed to all but its owner."""
    if world.copy:
        _seed.discard(plan.pair())
    else:
        drop_incoming(admin, plan, world)
    source, _remote, _stores = plan.parts()
    with connect(source.login) as conn:
        like = read_locale(conn)
    keep(admin, MAKING, plan.production, plan.run_id, {"database": plan.incoming})
    create_database(admin, plan.incoming, like, owner=plan.target.app_role)


def try_definitions(plan: Plan) -> float:
    """Whether production's server takes staging's definitions, and they production's privileges.

    Without rows, in a database that is dropped at once.

    Returns:
        The seconds it took.

    Raises:
        GoliveError: it doesn't, for example what only a superuser may make.
    """
    source, _remote, _stores = plan.parts()
    crew = Crew(plan.limit_seconds)
    watch = Watch()
    with (
        connect(source.login) as conn,
        tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=plan.work_dir) as directory,
        scratch(
            plan.target.maintenance(),
            plan.production,
            "trial",
            read_locale(conn),
            owner=plan.target.app_role,
        ) as name,
    ):
        dump(
            crew,
            source.login,
            f"{directory}/dump",
            snapshot=_digest.export_snapshot(conn),
            jobs=1,
            more=["--schema-only", *ENVIRONMENTS_OWN],
        )
        restore(
            crew,
            plan.target.login.to(name),
            f"{directory}/dump",
            jobs=plan.jobs,
            role=plan.target.app_role,
        )
        carry_privileges(plan.target.login, plan.target.login.to(name))
    return watch.total()


def bring(plan: Plan, crew: Crew, watch: Watch) -> dict[str, Any]:
    """Dump, restore, compare. The dump and the source's digests see the same snapshot."""
    source, _remote, _stores = plan.parts()
    incoming = plan.target.login.to(plan.incoming)
    clean_work_dir(plan.work_dir)
    directory = tempfile.mkdtemp(prefix=WORK_PREFIX, dir=plan.work_dir)
    inner = Crew(crew.remaining())
    try:
        with _digest.reading(source.login, limit_seconds=crew.remaining()) as conn:
            snapshot = _digest.export_snapshot(conn)
            algorithm = common_algorithm(source.login, plan.target.login)

            def move() -> list[str]:
                warnings: list[str] = watch.timed(
                    "dump",
                    lambda: dump(
                        inner,
                        source.login,
                        f"{directory}/dump",
                        snapshot=snapshot,
                        jobs=plan.jobs,
                        more=ENVIRONMENTS_OWN,
                    ),
                )
                warnings += watch.timed(
                    "restore",
                    lambda: restore(
                        inner, incoming, f"{directory}/dump", jobs=plan.jobs, role=plan.target.app_role
                    ),
                )
                return warnings

            found = inner.together(
                move=move,
                source=lambda: _digest.digest_tables(
                    source.login,
                    algorithm=algorithm,
                    jobs=1,
                    snapshot=snapshot,
                    limit_seconds=inner.remaining(),
                ),
            )
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    raised = _raise_sequences(incoming)
    after = inner.together(
        target=lambda: watch.timed(
            "digests",
            lambda: _digest.digest_tables(
                incoming, algorithm=algorithm, jobs=plan.jobs, limit_seconds=inner.remaining()
            ),
        ),
        analyze=lambda: watch.timed("analyze", lambda: _analyze(incoming)),
    )
    comparisons = _digest.compare(found["source"], after["target"])
    _digest.refuse_differences(comparisons, source.name, plan.incoming)
    return {
        "rows": sum(item.target_rows for item in comparisons),
        "tables": len(comparisons),
        "raised": raised,
        "warnings": found["move"],
    }


def clean_work_dir(work_dir: Path) -> None:
    """Remove what a killed run left; there is one run at a time (the journal is the lock).

    Raises:
        GoliveError: the directory isn't there.
    """
    if not work_dir.is_dir():
        raise GoliveError(
            f"The working directory {work_dir} doesn't exist on this host.",
            remedy="Run playbooks/prepare.yml.",
        )
    for entry in work_dir.glob(f"{WORK_PREFIX}*"):
        shutil.rmtree(entry)


def common_algorithm(*logins: PostgresLogin) -> str:
    versions = []
    for login in logins:
        with connect(login) as conn:
            versions.append(conn.info.server_version)
    return _digest.algorithm_for(*versions)


def _raise_sequences(login: PostgresLogin) -> list[str]:
    """Lift every sequence whose next value already exists as a key. Returns their names."""
    raised = []
    with connect(login) as conn:
        for state in _digest.read_sequences(conn).values():
            if not state.safe:
                conn.execute(
                    "select pg_catalog.setval(format('%%I.%%I', %s::text, %s::text)::regclass, %s, true)",
                    (state.schema, state.relation, state.greatest_key),
                )
                raised.append(state.name)
    return raised


def _analyze(login: PostgresLogin) -> None:
    """Statistics, so that the first users don't pay for missing ones."""
    with connect(login, autocommit=True) as conn:
        conn.execute("set client_min_messages = error")
        conn.execute("analyze")


def prove(plan: Plan, world: World) -> dict[str, Any]:
    """Every table, sequence and definition of both sides once more, independently of what `bring` compared."""
    source, _remote, _stores = plan.parts()
    watch = Watch()
    crew = Crew(plan.limit_seconds)
    algorithm = common_algorithm(source.login, plan.target.login)

    def side(login: PostgresLogin) -> Callable[[], dict[str, Any]]:
        return lambda: _read_side(login, algorithm, max(1, plan.jobs // 2), plan.limit_seconds)

    found = crew.together(source=side(source.login), target=side(plan.target.login))
    left, right = found["source"], found["target"]
    declared = declared_keys(left["parameters"], right["parameters"], plan.identity_keys)
    comparisons = [
        _digest.Comparison(**{**item.as_dict(), "verdict": "declared"})
        if item.name == SETTINGS_TABLE
        and item.verdict == "different"
        and item.source_rows == item.target_rows
        else item
        for item in _digest.compare(left["digests"], right["digests"])
    ]
    _digest.refuse_differences(comparisons, source.name, plan.production)
    wrong = _digest.compare_sequences(left["sequences"], right["sequences"])
    wrong += _digest.compare_structure(
        left["structure"], right["structure"], same_major=left["major"] == right["major"]
    )
    refuse_definitions(plan, wrong)
    rows = sum(item.target_rows for item in comparisons)
    return {
        "sources": [
            {
                "name": source.name,
                "kind": "postgresql",
                "rows": rows,
                "rejected": 0,
                "seconds": (world.kept or {}).get("seconds", 0),
            }
        ],
        "compared": {"tables": len(comparisons), "rows": rows, "seconds": watch.total()},
        "declared": {SETTINGS_TABLE: declared},
        "sequences": {"compared": len(right["sequences"]), "raised": (world.kept or {}).get("raised", [])},
        "definitions": len(right["structure"]),
        "left_out": left["left_out"],
        "files": {"tables": [item.as_dict() for item in comparisons]},
    }


def refuse_definitions(plan: Plan, wrong: list[str]) -> None:
    """
    Raises:
        GoliveError: a sequence or definition of production isn't staging's.
    """
    if wrong:
        raise GoliveError(
            f"{len(wrong)} sequences or definitions of {plan.production} aren't staging's: {'; '.join(wrong[:10])}.",
            remedy="Roll back, then begin a new run.",
        )


def settle(_admin: psycopg.Connection[Any], _plan: Plan, evidence: dict[str, Any]) -> dict[str, Any]:
    """A dump leaves nothing behind."""
    return evidence


def _read_side(login: PostgresLogin, algorithm: str, jobs: int, limit_seconds: int) -> dict[str, Any]:
    """Everything about one database that is compared, through one snapshot."""
    with _digest.reading(login, limit_seconds=limit_seconds) as conn:
        snapshot = _digest.export_snapshot(conn)
        layout = _digest.read_layout(conn)
        parameters = next((t for t in layout.tables if t.label == SETTINGS_TABLE), None)
        return {
            "digests": _digest.digest_tables(
                login, algorithm=algorithm, jobs=jobs, snapshot=snapshot, limit_seconds=limit_seconds
            ),
            "sequences": _digest.read_sequences(conn),
            "structure": _digest.read_structure(conn),
            "parameters": {}
            if parameters is None
            else _digest.digest_rows(conn, parameters, "key", algorithm),
            "left_out": dict(layout.left_out),
            "major": conn.info.server_version // 10000,
        }
