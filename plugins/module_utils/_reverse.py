# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back once users are in: what they write in production is kept from the first write on, and comes back.

Prepared at the one moment when production and frozen staging hold the same rows and nobody can write to either: right
after the swap, while production is fenced. From there on

* a publication names the tables whose rows belong to the country (`ENVIRONMENT` says which don't, and why),
* one slot keeps every write with the row before it, for the pack and for the proof,
* with ``replication`` a second slot feeds a subscription in staging, which applies each write as it comes.

Rows that the first slot doesn't name are what they were at the switch; rows that it names are compared by key. So the
proof takes time by the number of writes, not by the size of the registry.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation, read_relations
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    DriftError,
    GoliveError,
    ProbeError,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._filestore import Remote
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    connect,
    forget,
    keep,
    recall,
    scalar,
)
from ansible_collections.dfr.golive.plugins.module_utils._replication import REPLICA_OPTIONS, Pair, Reach
from ansible_collections.dfr.golive.plugins.module_utils._side import SIDE_OPTIONS, Side
from ansible_collections.dfr.golive.plugins.module_utils._subscription import (
    subscribe,
    subscription,
    unsubscribe,
)
from ansible_collections.dfr.golive.plugins.module_utils._wal import (
    check_published,
    create_slot,
    drop_publication,
    drop_slot,
    publish,
    read_slots,
)

if TYPE_CHECKING:
    import psycopg

KIND = "reverse"
REPLICATION, PACK = "replication", "pack"
LAG_LIMIT_BYTES = 64 << 20

ENVIRONMENT: dict[str, str] = {
    "ir_config_parameter": "the database's own identity, secret and addresses (database.uuid, web.base.url)",
    "ir_mail_server": "by which server mail leaves",
    "fetchmail_server": "from which server mail is fetched",
    "ir_cron": "which jobs run here, and when next",
    "ir_cron_trigger": "when a job of this environment is due",
    "ir_cron_progress": "how far a job of this environment is",
    "payment_provider": "whether payments are real or a test",
    "iap_account": "tokens of bought services",
    "bus_bus": "notifications that are gone a minute later",
    "bus_presence": "who is at a screen now",
    "mail_presence": "who is at a screen now",
    "res_device_log": "sessions of this environment's server",
    "ir_logging": "what this environment's server logged",
}
"""Tables that say something about an environment and nothing about the country; they never go back."""

REVERSE_OPTIONS: dict[str, Any] = {
    "run_id": {"type": "str", "required": True},
    "country": {"type": "str", "required": True},
    "mode": {"type": "str", "required": True, "choices": [REPLICATION, PACK, "none"]},
    "production": {"type": "dict", "required": True, "options": SIDE_OPTIONS},
    "staging": {"type": "dict", "required": True, "options": SIDE_OPTIONS},
    "reach": REPLICA_OPTIONS["reach"],
    "excluded_tables": {"type": "list", "elements": "str", "default": []},
    "exempt_roles": {"type": "list", "elements": "str", "default": ["postgres"]},
    "fence_purpose": {"type": "str", "default": "sync"},
    "pack_dir": {"type": "path", "required": True},
    "filestore": {
        "type": "dict",
        "required": True,
        "options": {
            "path": {"type": "path", "required": True},
            "staging_owner": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
            "port": {"type": "int", "default": 22},
            "user": {"type": "str", "required": True},
            "key": {"type": "path", "required": True, "no_log": False},
            "known_hosts": {"type": "path", "required": True},
        },
    },
    "limit_seconds": {"type": "int", "default": 600},
}


@dataclass(frozen=True)
class Way:
    """From where to where, how, and for which run."""

    run_id: str
    country: str
    mode: str
    production: Side
    staging: Side
    pair: Pair
    excluded: frozenset[str]
    exempt_roles: tuple[str, ...]
    fence_purpose: str
    packs: Path
    store: Path
    remote: Remote
    staging_owner: str
    limit_seconds: int

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Way:
        """From a module's parameters, see `REVERSE_OPTIONS`."""
        production, staging = Side.from_params(params["production"]), Side.from_params(params["staging"])
        reach, files = params["reach"], params["filestore"]
        pair = Pair(
            name=f"{production.name} back",
            source=production.login,
            target=staging.login,
            owner=staging.app_role,
            reach=Reach(reach["host"], reach["port"], reach["ssl_mode"], reach["ca_cert"] or None),
            work_dir=Path(params["pack_dir"]),
            limit_seconds=params["limit_seconds"],
        )
        return cls(
            run_id=params["run_id"],
            country=params["country"],
            mode=params["mode"],
            production=production,
            staging=staging,
            pair=pair,
            excluded=frozenset(ENVIRONMENT) | frozenset(params["excluded_tables"]),
            exempt_roles=tuple(params["exempt_roles"]),
            fence_purpose=params["fence_purpose"],
            packs=Path(params["pack_dir"]),
            store=Path(files["path"]) / production.name,
            remote=Remote(
                host=files["host"],
                port=files["port"],
                user=files["user"],
                key=files["key"],
                known_hosts=files["known_hosts"],
                database=staging.name,
            ),
            staging_owner=files["staging_owner"],
            limit_seconds=params["limit_seconds"],
        )

    @property
    def folder(self) -> Path:
        """Where this run's pack lies when it is complete."""
        return self.packs / self.run_id

    def belongs(self, relation: Relation) -> bool:
        """Whether a table's rows belong to the country."""
        return relation.name not in self.excluded and relation.label not in self.excluded

    def published(self, conn: psycopg.Connection[Any]) -> tuple[Relation, ...]:
        return tuple(r for r in read_relations(conn) if self.belongs(r) and r.persistence == "p")


def remembered(way: Way) -> dict[str, Any] | None:
    """What is kept about the way back of this production; None when none was prepared.

    Raises:
        GoliveError: it belongs to another run.
    """
    with connect(way.production.maintenance()) as conn:
        kept = recall(conn, KIND, way.production.name)
    if kept is not None and kept["run_id"] != way.run_id:
        raise GoliveError(
            f"The way back of {way.production.name} belongs to another run ({kept['run_id']}).",
            remedy="Finish that run: playbooks/rollback.yml or playbooks/finalize.yml.",
        )
    return None if kept is None else dict(kept)


def remember(way: Way, state: dict[str, Any]) -> None:
    """Replace what is kept."""
    with connect(way.production.maintenance(), autocommit=True) as conn:
        done = conn.execute(
            "update dfr_golive.kept set state = %s where kind = %s and name = %s",
            (json.dumps(state), KIND, way.production.name),
        ).rowcount
    if done != 1:
        raise DriftError(f"What was kept about the way back of {way.production.name} is gone.")


# --- prepare -----------------------------------------------------------------------------------------------------


def prepare(way: Way) -> dict[str, Any]:
    """Keep every write from now on, and let staging follow. A repeat finishes what an earlier call began.

    Raises:
        GoliveError: it can't be made; production is still fenced, and `drop` removes what was made.
    """
    if way.mode == "none":
        return {"changed": False, "mode": "none"}
    kept = remembered(way)
    if kept is not None and kept["stage"] != "preparing":
        return {"changed": False, **_figures(kept)}
    way.production.demand_identity()
    with connect(way.production.login) as conn:
        relations = way.published(conn)
    if kept is None:
        kept = {
            "run_id": way.run_id,
            "mode": way.mode,
            "stage": "preparing",
            "tables": len(relations),
            "identities": {r.label: [r.schema, r.name, r.identity, r.index] for r in relations},
        }
        with connect(way.production.maintenance()) as admin:
            keep(admin, KIND, way.production.name, way.run_id, kept)
    with connect(way.production.login) as conn:
        _keep_whole_rows(conn, relations)
        drop_publication(conn, way.pair.label)
        publish(conn, way.pair.label, relations, keys_only=False)
    wanted = [way.pair.tracking, *([way.pair.label] if way.mode == REPLICATION else [])]
    with connect(way.production.login, autocommit=True) as conn:
        there = read_slots(conn, way.pair.label)
        for name in wanted:
            if name not in there:
                create_slot(conn, name)
    if way.mode == REPLICATION:
        way.staging.demand_identity()
        subscribe(way.pair)
    kept["stage"] = "prepared"
    remember(way, kept)
    return {"changed": True, **_figures(kept)}


def _figures(kept: dict[str, Any]) -> dict[str, Any]:
    return {"mode": kept["mode"], "stage": kept["stage"], "tables": kept["tables"]}


def _keep_whole_rows(conn: psycopg.Connection[Any], relations: Sequence[Relation]) -> None:
    """From now on the log holds each row as it was before: without it nobody could say what was overwritten."""
    sql = require("psycopg.sql", "python3-psycopg")
    for relation in relations:
        if relation.identity != "f":
            conn.execute(sql.SQL("alter table only {} replica identity full").format(relation.identifier()))


# --- gates -------------------------------------------------------------------------------------------------------


def preparable(way: Way, *, empty: bool = False) -> list[Gate]:
    """Could the way back be prepared? Asked before the freeze; changes nothing.

    Args:
        way: the way.
        empty: production isn't filled from staging.
    """
    if way.mode == "none":
        return [passed("reverse.chosen", "golive_reverse is none: no way back once users are in, as chosen")]
    if way.mode == REPLICATION and empty:
        return [
            failed(
                "reverse.chosen",
                f"{way.production.name} starts empty, so nothing in {way.staging.name} could follow it.",
                "Choose golive_reverse: pack, or none.",
            )
        ]
    found = [ask("reverse.production", lambda: _gate_production(way))]
    if way.mode == REPLICATION:
        found.append(ask("reverse.staging", lambda: _gate_staging(way)))
    return found


def _gate_production(way: Way) -> Gate:
    name = "reverse.production"
    with connect(way.production.login) as conn:
        row = conn.execute(
            "select current_setting('wal_level'), current_setting('max_slot_wal_keep_size'),"
            " current_setting('max_replication_slots')::int"
            " - (select count(*) from pg_catalog.pg_replication_slots),"
            " (select rolreplication or rolsuper from pg_catalog.pg_roles where rolname = current_user),"
            " has_database_privilege(current_database(), 'create')"
        ).fetchone()
    if row is None:
        raise ProbeError(f"The server {way.production.login.host} doesn't say how it is set.")
    level, kept, free, may, create = row
    if level != "logical":
        return failed(name, f"wal_level is {level} there.", "Set wal_level = logical and restart PostgreSQL.")
    if kept == "-1":
        return failed(
            name,
            "max_slot_wal_keep_size is unlimited there: a slot that nobody reads could fill the disk.",
            "Set max_slot_wal_keep_size to what the disk can spare (for example 16GB) and reload.",
        )
    if not may or not create:
        return failed(
            name,
            f"The operator {way.production.login.user} may not make "
            + ("a publication there." if may else "replication slots there."),
            "Give the role REPLICATION, and membership in the role that owns the database.",
        )
    if free < 2:
        return failed(
            name, f"{free} replication slots are free there, 2 are needed.", "Raise max_replication_slots."
        )
    return passed(name, f"wal_level logical, {free} slots free, a slot keeps at most {kept} of log")


def _gate_staging(way: Way) -> Gate:
    name = "reverse.staging"
    with connect(way.staging.login) as conn:
        version = conn.info.server_version
        may = scalar(
            conn,
            "select rolsuper or exists (select from pg_catalog.pg_roles g where g.rolname = 'pg_create_subscription'"
            " and pg_has_role(current_user, g.oid, 'USAGE')) from pg_catalog.pg_roles where rolname = current_user",
        )
    if not may:
        return failed(
            name,
            f"The operator {way.staging.login.user} may not make a subscription there.",
            "Grant pg_create_subscription (before PostgreSQL 16: superuser), or choose golive_reverse: pack.",
        )
    return passed(name, f"PostgreSQL {version // 10000}, the operator may make a subscription")


def ready(way: Way) -> list[Gate]:
    """Does the way back work now? Asked before the door opens, and before it closes again; changes nothing."""
    if way.mode == "none":
        return preparable(way)
    found = [ask("reverse.kept", lambda: _gate_kept(way))]
    if way.mode == REPLICATION:
        found.append(ask("reverse.follows", lambda: _gate_follows(way)))
    return found


def _gate_kept(way: Way) -> Gate:
    name = "reverse.kept"
    kept = remembered(way)
    if kept is None or kept["stage"] == "preparing":
        return failed(
            name,
            f"No way back was prepared for {way.production.name}: writes since the switch weren't kept.",
            "Before users are in: roll back and run again. Afterwards there is none; go forward.",
        )
    if kept["stage"] == "brought":
        return passed(name, "everything was brought back already")
    if way.mode == REPLICATION and kept["mode"] != REPLICATION:
        return failed(
            name,
            f"The way back was prepared as {kept['mode']}, not as {way.mode}.",
            f"Choose it with -e golive_reverse={kept['mode']}.",
        )
    with connect(way.production.login) as conn:
        slot = read_slots(conn, way.pair.label).get(way.pair.tracking)
        relations = way.published(conn)
        check_published(conn, way.pair.label, relations)
    if slot is None or slot.lost:
        return failed(
            name,
            f"The slot {way.pair.tracking} in {way.production.name} "
            + ("is gone" if slot is None else "has lost log (max_slot_wal_keep_size)")
            + ": not every write since the switch is kept any more.",
            "Going back would lose writes; go forward, and close this way with playbooks/finalize.yml.",
        )
    thin = [r.label for r in relations if r.identity != "f"]
    if thin:
        return failed(
            name,
            f"{len(thin)} tables lost their REPLICA IDENTITY FULL, for example {thin[0]}.",
            "Somebody altered them since; their earlier rows can't be told. Set it again and go forward.",
        )
    return passed(
        name, f"{len(relations)} tables, {slot.retained_bytes >> 20} MiB of log kept for the way back"
    )


def _gate_follows(way: Way) -> Gate:
    name = "reverse.follows"
    otherwise = "or go back by pack: -e golive_reverse=pack."
    kept = remembered(way)
    if kept is not None and kept["stage"] in ("drained", "brought"):
        return passed(name, f"{way.staging.name} has everything already")
    with connect(way.production.login) as conn:
        slot = read_slots(conn, way.pair.label).get(way.pair.label)
        position = int(scalar(conn, "select (pg_catalog.pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::int8"))
    with connect(way.staging.login) as conn:
        follower = subscription(conn, way.pair)
    if slot is None or slot.lost:
        return failed(
            name,
            f"The slot {way.pair.label} that feeds {way.staging.name} {'is gone' if slot is None else 'has lost log'}.",
            f"{way.staging.name} can't follow any more; {otherwise[3:].capitalize()}",
        )
    if follower is None or not follower.enabled:
        return failed(
            name,
            f"The subscription {way.pair.label} in {way.staging.name}"
            f" {'is gone' if follower is None else 'is disabled'}.",
            f"Find out who did that and enable it (ALTER SUBSCRIPTION ... ENABLE); {otherwise}",
        )
    behind = max(0, position - slot.confirmed)
    if follower.worker is None or behind > LAG_LIMIT_BYTES:
        return failed(
            name,
            f"{way.staging.name} is {behind >> 10} KiB behind production,"
            f" {'no worker applies' if follower.worker is None else 'a worker applies'}"
            f" ({follower.errors} errors so far).",
            f"Look at the log of staging's server and the network between the two; {otherwise}",
        )
    return passed(name, f"{way.staging.name} follows, {behind >> 10} KiB behind")


# --- the end -----------------------------------------------------------------------------------------------------


def drop(way: Way) -> dict[str, Any]:
    """Remove everything that was made for the way back, but the packs. Safe wherever it stopped; nothing to do twice.

    Raises:
        GoliveError: a server doesn't answer or refuses; what could be dropped is dropped.
    """
    kept = remembered(way)
    if kept is None:
        return {"changed": False, "dropped": []}
    dropped = []
    if kept["mode"] == REPLICATION and unsubscribe(way.pair):
        dropped.append(f"subscription {way.pair.label} in {way.staging.name}")
    with connect(way.production.login, autocommit=True) as conn:
        dropped += [f"slot {name}" for name in (way.pair.label, way.pair.tracking) if drop_slot(conn, name)]
        if drop_publication(conn, way.pair.label):
            dropped.append(f"publication {way.pair.label}")
    with connect(way.production.login) as conn:
        _restore_identities(conn, kept["identities"])
    with connect(way.production.maintenance(), autocommit=True) as admin:
        forget(admin, KIND, way.production.name)
    return {"changed": True, "dropped": dropped}


def _restore_identities(conn: psycopg.Connection[Any], before: dict[str, list[str]]) -> None:
    sql = require("psycopg.sql", "python3-psycopg")
    there = {r.label: r for r in read_relations(conn)}
    for label, (_schema, _name, identity, index) in before.items():
        relation = there.get(label)
        if relation is None or relation.identity == identity:
            continue
        clause = {"d": sql.SQL("default"), "n": sql.SQL("nothing"), "f": sql.SQL("full")}.get(identity)
        if clause is None:
            clause = sql.SQL("using index {}").format(sql.Identifier(index))
        conn.execute(sql.SQL("alter table only {} replica identity {}").format(relation.identifier(), clause))
