# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bringing back what users wrote: fence production, make the pack, drain into staging, prove, move the files.

Each step leaves a state that the same call recognises, so it may be repeated after a crash at any instant:

    prepared   nothing done yet, or the pack is in the making; production may be fenced already
    drained    staging has applied everything up to production's last write; the subscription may be gone
    brought    proven; a repeat only returns the evidence
"""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import (
    _digest,
    _fence_postgres,
    _odoo_settings,
    _pack,
    _reverse_files,
    _users,
)
from ansible_collections.dfr.golive.plugins.module_utils._changes import read_changes
from ansible_collections.dfr.golive.plugins.module_utils._delta import compare_touched
from ansible_collections.dfr.golive.plugins.module_utils._drain import check_sequences, set_sequences
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._pack import Names, Summary
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import Crew
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect, recall, scalar
from ansible_collections.dfr.golive.plugins.module_utils._reverse import (
    REPLICATION,
    Way,
    ready,
    remember,
    remembered,
)
from ansible_collections.dfr.golive.plugins.module_utils._subscription import unsubscribe, wait_applied
from ansible_collections.dfr.golive.plugins.module_utils._tables import Tables, both
from ansible_collections.dfr.golive.plugins.module_utils._touched import prepare_store, touched
from ansible_collections.dfr.golive.plugins.module_utils._wal import (
    array_literal,
    copy_escape,
    current_position,
    lsn_text,
)

PROOF_ROUND = 0


def bring_back(way: Way) -> dict[str, Any]:
    """Bring back every write since the switch. Production stays fenced afterwards.

    Returns:
        ``evidence``: counts, digests and seconds; no personal data.

    Raises:
        GoliveError: the way back is broken, or something differs; nothing is lost, the same call may be repeated.
    """
    kept = remembered(way)
    if kept is not None and kept["stage"] == "brought":
        return {"changed": False, "evidence": kept["evidence"]}
    refuse_closed(way)
    if kept is None:
        raise GoliveError(f"No way back was prepared for {way.production.name}.")
    started = time.monotonic()
    _fence(way)
    if way.mode == REPLICATION:
        _demand_frozen(way)
    _give_back_our_changes(way)
    with connect(way.production.login, autocommit=True) as conn:
        wanted = current_position(conn)
    fenced = time.monotonic()
    pack, summary = _make_pack(way, wanted)
    packed = time.monotonic()
    evidence: dict[str, Any] = {
        "mode": way.mode,
        "pack": pack,
        "writes": pack["writes"],
        "rows": pack["rows"],
    }
    if way.mode == REPLICATION:
        if kept["stage"] != "drained":
            wait_applied(way.pair, wanted, way.limit_seconds)
            kept["stage"] = "drained"
            remember(way, kept)
        unsubscribe(way.pair)
        evidence["sequences"] = set_sequences(way.pair)
        evidence["filestore"] = _reverse_files.push(
            Crew(way.limit_seconds), way.store, way.remote, way.staging_owner, summary.attachments
        )
        evidence["proof"] = _prove(way, summary)
        evidence["verdict"] = "equal"
    else:
        evidence["verdict"] = "packed"
    evidence["seconds"] = {
        "fence": round(fenced - started, 3),
        "pack": round(packed - fenced, 3),
        "total": round(time.monotonic() - started, 3),
    }
    kept.update(stage="brought", evidence=evidence)
    remember(way, kept)
    return {"changed": True, "evidence": evidence}


def refuse_closed(way: Way) -> None:
    """
    Raises:
        GoliveError: the way back is broken; nothing has been changed.
    """
    closed = [gate for gate in ready(way) if not gate.open]
    if closed:
        raise GoliveError(
            " ".join(gate.detail for gate in closed), remedy=" ".join(gate.remedy for gate in closed)
        )


def refuse_unreadable(way: Way) -> None:
    """Read all that is kept, before production is closed: once it is, there may be no way forward either.

    Raises:
        GoliveError: the way back is broken, or a write is among the kept ones that it can't bring (a TRUNCATE).
    """
    refuse_closed(way)
    kept = remembered(way)
    if kept is None:
        raise GoliveError(f"No way back was prepared for {way.production.name}.")
    if kept["stage"] == "brought":
        return
    with _digest.reading(way.production.login, limit_seconds=way.limit_seconds) as conn:
        for _change in read_changes(conn, way.pair.tracking, way.pair.label, current_position(conn)):
            pass


def _fence(way: Way) -> None:
    """Production's last write has been; what was acknowledged until now comes back, nothing new is."""
    with connect(way.production.maintenance(), autocommit=True) as admin:
        _fence_postgres.raise_fence(
            admin,
            way.production.name,
            run_id=way.run_id,
            app_role=way.production.app_role,
            purpose=way.fence_purpose,
            exempt_roles=way.exempt_roles,
        )


def _demand_frozen(way: Way) -> None:
    """Staging must still be fenced by this run: if anybody else wrote there, two registers would have to be merged."""
    way.staging.demand_identity()
    with connect(way.staging.maintenance(), autocommit=True) as admin:
        _fence_postgres.check_fence(
            admin,
            way.staging.name,
            run_id=way.run_id,
            app_role=way.staging.app_role,
            exempt_roles=way.exempt_roles,
        )


def _give_back_our_changes(way: Way) -> None:
    """What `lock_config` changed in the country's tables must not come back: staging is to be as it was, and usable.

    Users whom it held back and the door never let in are active there.
    """
    name = way.production.name
    with connect(way.production.maintenance()) as admin:
        settings = recall(admin, _odoo_settings.KEPT_BEFORE, name)
        held = recall(admin, _users.KEPT_HELD, name) is not None
        let_in = recall(admin, _users.KEPT_OPENING, name) is not None
        waves = _users.held(admin, name) if held and not let_in else []
    with connect(way.production.login) as conn:
        if settings is not None:
            _odoo_settings.restore_rows(conn, settings)
        for wave in waves:
            _users.set_active(conn, wave.ids, active=True)


# --- the pack ----------------------------------------------------------------------------------------------------


def _make_pack(way: Way, upto: int) -> tuple[dict[str, Any], Summary]:
    making = way.packs / f".{way.run_id}.making"
    with _digest.reading(way.production.login, limit_seconds=way.limit_seconds) as conn:
        keys = {(r.schema, r.name): r.key for r in way.published(conn)}
        summary = _pack.spool(making, read_changes(conn, way.pair.tracking, way.pair.label, upto), keys)
        names = _names(conn, summary)
    facts = {
        "country": way.country,
        "run_id": way.run_id,
        "database": way.production.name,
        "uuid": way.production.uuid,
        "upto": lsn_text(upto),
        "excluded": sorted(way.excluded),
    }
    return _pack.finish(making, way.folder, names, summary, facts, way.store), summary


def _names(conn: Any, summary: Summary) -> Names:
    """Accounts and external ids of the rows that were touched; none where this isn't Odoo."""
    if not scalar(
        conn,
        "select to_regclass('public.res_users') is not null and to_regclass('public.ir_model_data') is not null",
    ):
        return Names()
    logins = dict(conn.execute("select id::text, login from public.res_users").fetchall())
    ids = {
        table: [int(str(key[0])) for key in keys if len(key) == 1 and str(key[0]).isdigit()]
        for (schema, table), keys in summary.touched.items()
        if schema == "public"
    }
    external = {}
    for table, numbers in ids.items():
        for number, name in conn.execute(
            "select res_id::text, min(module || '.' || name) from public.ir_model_data"
            " where replace(model, '.', '_') = %s and res_id = any(%s) group by 1",
            (table, numbers),
        ).fetchall():
            external[(table, str(number))] = str(name)
    return Names({str(k): str(v) for k, v in logins.items()}, external)


# --- the proof ---------------------------------------------------------------------------------------------------


def _prove(way: Way, summary: Summary) -> dict[str, Any]:
    """Compare every row that was written to since the switch on both sides, by key.

    Raises:
        GoliveError: a row differs; keys and columns are named.
    """
    pair, tables = way.pair, Tables.read(way.pair)
    with connect(pair.target_admin()) as store:
        prepare_store(store)
        store.execute("delete from dfr_golive.touched where pair = %s", (pair.name,))
        with store.cursor().copy(
            "copy dfr_golive.touched (pair, side, round, relid, key) from stdin"
        ) as copy:
            for name, keys in summary.touched.items():
                relation = tables.source[name]
                for key in keys:
                    known = [value for value in key if value is not None]
                    literal = array_literal(known) if relation.key and len(known) == len(key) else "{}"
                    copy.write(
                        "\t".join(
                            (
                                copy_escape(pair.name),
                                "source",
                                str(PROOF_ROUND),
                                str(relation.oid),
                                copy_escape(literal),
                            )
                        )
                        + "\n"
                    )
    with touched(pair, tables, PROOF_ROUND, PROOF_ROUND) as seen:
        verdict = compare_touched(pair, tables, seen)
    verdict.refuse(pair.source.database, pair.target.database)
    with both(pair) as conns:
        sequences = check_sequences(conns)
    with connect(pair.target_admin(), autocommit=True) as store:
        store.execute("delete from dfr_golive.touched where pair = %s", (pair.name,))
    return {
        "kind": "touched",
        "tables": len(verdict.compared) + len(verdict.whole),
        "rows": sum(verdict.compared.values()) + sum(verdict.whole.values()),
        "sequences": sequences,
    }
