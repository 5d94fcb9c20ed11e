# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gates of a copy that follows: may it be made between these two servers, and is it what the night needs.

Each reads facts first, then judges them, so that the judging is tested without a server.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _digest, _drain, _replication, _subscription
from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation, read_relations
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, failed, passed
from ansible_collections.dfr.golive.plugins.module_utils._locale import Collations, read_collations
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect, scalar
from ansible_collections.dfr.golive.plugins.module_utils._replication import Memory, Pair
from ansible_collections.dfr.golive.plugins.module_utils._slot_watch import why_dropped
from ansible_collections.dfr.golive.plugins.module_utils._subscription import Progress
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import Following, Plan
from ansible_collections.dfr.golive.plugins.module_utils._unfollowed import refuse_unfollowed
from ansible_collections.dfr.golive.plugins.module_utils._wal import Slot, read_slots

if TYPE_CHECKING:
    import psycopg

SEED = "Run playbooks/prepare.yml: it seeds the copy again."


def before_seeding(plan: Plan) -> dict[str, Callable[[], Gate]]:
    """What must be true before a copy is begun; true as well on the night."""
    return {
        "replication.staging": lambda: _source(plan),
        "replication.production": lambda: _target(plan),
        "collations.postgresql": lambda: _collations(plan),
        "tables.replication": lambda: _tables(plan),
    }


def on_the_night(plan: Plan, *, fenced: bool) -> dict[str, Callable[[], Gate]]:
    """What must be true of the copy once it is made."""
    return {
        "copy.production": lambda: _copy(plan, fenced=fenced),
        "definitions.staging": lambda: _definitions(plan),
        "wal.staging": lambda: _wal(plan),
    }


# --- the two servers ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """What a server offers to replication; what our own copy takes already is not counted as taken.

    Attributes:
        version: as ``server_version_num``.
        wal_level: its setting.
        slots, senders, workers: free ones.
        keep_bytes: the most log a slot may hold back; None without a limit.
        replicates, superuser, subscribes: what the operator's role may do.
        logs_all: statements are written into the server's log, the one that makes a subscription among them.
        compresses: pages that enter the write-ahead log whole are compressed there.
    """

    version: int
    wal_level: str
    slots: int
    senders: int
    workers: int
    keep_bytes: int | None
    replicates: bool
    superuser: bool
    subscribes: bool
    logs_all: bool
    compresses: bool


SERVER_SQL = """
select current_setting('server_version_num')::int, current_setting('wal_level'),
       current_setting('max_replication_slots')::int
         - (select count(*) from pg_catalog.pg_replication_slots where not starts_with(slot_name::text, %(label)s)),
       current_setting('max_wal_senders')::int
         - (select count(*) from pg_catalog.pg_stat_replication where application_name <> %(label)s),
       current_setting('max_logical_replication_workers')::int
         - (select count(*) from pg_catalog.pg_stat_subscription where pid is not null and subname <> %(label)s),
       (select nullif(setting::int8, -1) << 20 from pg_catalog.pg_settings where name = 'max_slot_wal_keep_size'),
       rolreplication, rolsuper,
       coalesce((select pg_catalog.pg_has_role(current_user, oid, 'USAGE') from pg_catalog.pg_roles
                  where rolname = 'pg_create_subscription'), false),
       current_setting('log_statement') <> 'none'
         or (select setting = '0' from pg_catalog.pg_settings where name = 'log_min_duration_statement'),
       current_setting('wal_compression') <> 'off'
  from pg_catalog.pg_roles where rolname = current_user
"""


def read_server(conn: psycopg.Connection[Any], label: str) -> Server:
    """
    Raises:
        ProbeError: the server doesn't say who we are.
    """
    row = conn.execute(SERVER_SQL.encode(), {"label": label}).fetchone()
    if row is None:
        raise ProbeError("The server doesn't say what the operator's role may do.")
    return Server(*row)


def judge_source(facts: Server, user: str, wal_bytes: int) -> Gate:
    """Two slots and one sender are needed."""
    wrong = []
    if facts.wal_level != "logical":
        wrong.append(f"wal_level is {facts.wal_level}")
    if not (facts.replicates or facts.superuser):
        wrong.append(f"{user} lacks REPLICATION")
    if facts.slots < 2:
        wrong.append(f"{facts.slots} replication slots are free, 2 are needed")
    if facts.senders < 1:
        wrong.append("no WAL sender is free")
    if wrong:
        return failed(
            "replication.staging",
            "; ".join(wrong),
            f"Set wal_level = logical, raise max_replication_slots or max_wal_senders, restart; alter role {user}"
            " replication. Or use sync_data_method: dump.",
        )
    kept = "no limit of its own" if facts.keep_bytes is None else f"at most {facts.keep_bytes:,} bytes"
    slow = "" if facts.compresses else "; wal_compression is off: with lz4 the drain reads half the log"
    return passed(
        "replication.staging",
        f"{facts.slots} slots free; log kept for a slot: {kept}, and the watch ends it at {wal_bytes:,} bytes{slow}",
    )


def judge_target(facts: Server, user: str) -> Gate:
    """One slot and one worker are needed, and the right to make a subscription."""
    wrong = []
    own = facts.version >= _subscription.OWN_SUBSCRIPTIONS
    if facts.wal_level != "logical":
        wrong.append(f"wal_level is {facts.wal_level}")
    if not (facts.replicates or facts.superuser):
        wrong.append(f"{user} lacks REPLICATION")
    if not facts.superuser and not facts.subscribes:
        wrong.append(
            f"{user} is no member of pg_create_subscription"
            if own
            else "before PostgreSQL 16 only a superuser may make a subscription"
        )
    if facts.slots < 1:
        wrong.append("no replication slot is free")
    if facts.workers < 1:
        wrong.append("no logical replication worker is free")
    if facts.logs_all:
        wrong.append("the server logs statements, the subscription's password would be among them")
    if wrong:
        return failed(
            "replication.production",
            "; ".join(wrong),
            "Have a superuser"
            + (
                f" alter role {user} replication; grant pg_create_subscription to {user};"
                if own
                else f" alter role {user} superuser, until after the cutover;"
            )
            + " set wal_level = logical, log_statement = none, or raise the limits. Or use sync_data_method: dump.",
        )
    return passed("replication.production", f"{user} may subscribe; {facts.workers} workers free")


def _source(plan: Plan) -> Gate:
    source, _remote, _stores = plan.parts()
    with connect(source.login) as conn:
        facts = read_server(conn, plan.pair().label)
    return judge_source(facts, source.login.user, plan.follow().wal_bytes)


def _target(plan: Plan) -> Gate:
    with connect(plan.target.maintenance()) as conn:
        facts = read_server(conn, plan.pair().label)
    return judge_target(facts, plan.target.login.user)


# --- collations --------------------------------------------------------------------------------------------------


def judge_collations(source: Collations, target: Collations) -> Gate:
    """Indexes are built anew on production's server, so a version may differ; what it once promised must hold."""
    wrong = [
        f"{side} was made with {c.stale}"
        for side, c in (("staging", source), ("production", target))
        if c.stale
    ]
    missing = sorted(set(source.available) - set(target.available))
    if missing:
        wrong.append(f"production's server lacks the collations {', '.join(missing[:5])}")
    # Under such a collation different strings can be equal: which ones depends on the version.
    loose = sorted(
        name
        for name in source.loose
        if name in target.available and source.available[name] != target.available[name]
    )
    if loose:
        wrong.append(
            f"collations that take different strings for equal differ in version: {', '.join(loose[:5])}"
        )
    if wrong:
        return failed(
            "collations.postgresql",
            "; ".join(wrong),
            "Rebuild indexes and refresh the collation version where it is stale; install the same ICU and libc.",
        )
    return passed(
        "collations.postgresql", f"staging {source.version or '-'}, production {target.version or '-'}"
    )


def _collations(plan: Plan) -> Gate:
    source, _remote, _stores = plan.parts()
    with connect(source.login) as left, connect(plan.target.login) as right:
        return judge_collations(read_collations(left), read_collations(right))


# --- tables ------------------------------------------------------------------------------------------------------


def judge_tables(relations: Sequence[Relation]) -> Gate:
    """
    Raises:
        ProbeError: there are none.
    """
    if not relations:
        raise ProbeError("No table was found in staging.")
    keyless = [r.label for r in relations if r.keyless]
    return passed(
        "tables.replication",
        f"{len(relations)} tables can be followed"
        + (f"; without a key, compared whole when touched: {', '.join(keyless[:8])}" if keyless else ""),
    )


def _tables(plan: Plan) -> Gate:
    source, _remote, _stores = plan.parts()
    with _digest.reading(source.login) as conn:
        relations = read_relations(conn)
        gate = judge_tables(relations)
        refuse_unfollowed(conn, relations)
    return gate


# --- the copy ----------------------------------------------------------------------------------------------------


def judge_copy(
    memory: Memory | None,
    now: Progress,
    lag_seconds: float | None,
    limits: Following,
    *,
    fenced: bool,
    why: str = "",
) -> Gate:
    """Whether the copy follows, how far behind it is, and whether it was proven.

    Args:
        memory: what is remembered of it; None when there is no copy.
        now: where it stands.
        lag_seconds: what the sender measured; None when nobody follows.
        limits: how far behind it may be.
        fenced: whether staging is frozen: then an interrupted drain may have stopped it, and the next goes on.
        why: why the watch dropped its slot; empty when it didn't.
    """
    name = "copy.production"
    if why:
        return failed(name, f"the copy can't follow any more: {why}", SEED)
    if memory is None:
        return failed(name, "there is no copy that follows staging", SEED)
    if now.slot is None or now.slot.lost:
        return failed(name, f"the copy can't follow any more: {now.sentence()}", SEED)
    if memory.stage != "proven":
        return failed(
            name,
            f"the copy is {memory.stage}, not proven",
            "Run playbooks/prepare.yml to its end, before the freeze.",
        )
    follower = now.subscription
    if follower is None:
        return failed(name, "the copy's subscription is gone", SEED)
    if not follower.enabled and not fenced:
        return failed(
            name,
            "the copy's subscription is disabled",
            "Find out why, then run playbooks/prepare.yml: it enables it and proves the copy.",
        )
    if follower.enabled and follower.worker is None:
        return failed(
            name,
            f"nobody applies staging's changes to the copy ({follower.errors} errors so far)",
            "The log of production's database server says why.",
        )
    behind = max(0, now.wanted - now.confirmed)
    if behind > limits.lag_bytes or (lag_seconds or 0.0) > limits.lag_seconds:
        return failed(
            name,
            f"the copy is {behind:,} bytes of log and {lag_seconds or 0.0:.1f} s behind",
            f"Wait until it has come nearer than {limits.lag_bytes:,} bytes and {limits.lag_seconds} s"
            " (sync_data_lag_bytes, sync_data_lag_seconds).",
        )
    full = memory.evidence.get("full", {})
    return passed(
        name,
        f"{behind:,} bytes and {lag_seconds or 0.0:.1f} s behind; {full.get('rows', 0):,} rows of"
        f" {full.get('tables', 0)} tables proven equal"
        + ("" if follower.enabled else "; the drain was interrupted"),
    )


LAG_SQL = """
select extract(epoch from coalesce(replay_lag, flush_lag, write_lag, interval '0'))::float8
  from pg_catalog.pg_stat_replication where application_name = %s
"""


def _copy(plan: Plan, *, fenced: bool) -> Gate:
    pair = plan.pair()
    with connect(pair.target_admin()) as admin:
        memory = Memory.load(admin, pair)
        there = scalar(
            admin, "select count(*) from pg_catalog.pg_database where datname = %s", (pair.target.database,)
        )
    with connect(pair.source_admin()) as admin:
        why = why_dropped(admin, pair.label)
    if memory is None or not there:
        return judge_copy(None, Progress(0, 0, None, None), None, plan.follow(), fenced=fenced, why=why)
    now, lag = _look(pair)
    return judge_copy(memory, now, lag, plan.follow(), fenced=fenced, why=why)


def _look(pair: Pair, patience_seconds: float = 10) -> tuple[Progress, float | None]:
    """Where the copy stands. A worker that has just ended is started again by the server within seconds."""
    end = time.monotonic() + patience_seconds
    with connect(pair.source, autocommit=True) as source, connect(pair.target, autocommit=True) as target:
        while True:
            wanted = int(
                scalar(source, "select (pg_catalog.pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::int8")
            )
            now = _subscription.look(source, target, pair, wanted)
            follower = now.subscription
            waiting = follower is not None and follower.enabled and follower.worker is None
            if not waiting or time.monotonic() >= end:
                break
            time.sleep(0.5)
        row = source.execute(LAG_SQL, (pair.label,)).fetchone()
    return now, None if row is None else float(row[0])


def _definitions(plan: Plan) -> Gate:
    pair = plan.pair()
    memory = _replication.demand(pair, "following")
    count = _drain.check_definitions(pair, memory)
    return passed("definitions.staging", f"{count} definitions are what the copy was made with")


# --- log that is kept --------------------------------------------------------------------------------------------


def judge_wal(slots: Mapping[str, Slot], expected: tuple[str, ...], wal_bytes: int) -> Gate:
    """Log that staging's server keeps for us, against the limit."""
    name = "wal.staging"
    missing = [slot for slot in expected if slot not in slots]
    if missing:
        return failed(name, f"the slots {', '.join(missing)} are gone", SEED)
    lost = [slot.name for slot in slots.values() if slot.lost]
    if lost:
        return failed(name, f"the server has thrown away log that {', '.join(lost)} needed", SEED)
    kept = max(slot.retained_bytes for slot in slots.values())
    if kept > wal_bytes:
        return failed(
            name,
            f"staging's server keeps {kept:,} bytes of log for the copy, the limit is {wal_bytes:,}",
            "Run playbooks/prepare.yml: it proves what was touched and lets the log go. Or raise"
            " sync_data_wal_limit_bytes.",
        )
    return passed(name, f"{kept:,} bytes of log are kept for the copy, the limit is {wal_bytes:,}")


def _wal(plan: Plan) -> Gate:
    pair = plan.pair()
    with connect(pair.source_admin()) as conn:
        slots = read_slots(conn, pair.label)
    return judge_wal(slots, (pair.label, pair.tracking), plan.follow().wal_bytes)


def refuse_seeding(gates: list[Gate]) -> None:
    """
    Raises:
        GoliveError: a copy can't be made between these two servers.
    """
    bad = [gate for gate in gates if gate.verdict not in ("pass", "waived")]
    if bad:
        raise GoliveError(
            "A copy that follows can't be made: " + "; ".join(f"{g.name}: {g.detail}" for g in bad) + ".",
            remedy=" ".join(dict.fromkeys(g.remedy for g in bad if g.remedy)),
        )
