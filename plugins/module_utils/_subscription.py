# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The subscription by which a copy follows its source: made, known, stopped, dropped, and how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    DriftError,
    GoliveError,
    one_line,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect, driver, scalar
from ansible_collections.dfr.golive.plugins.module_utils._replication import Memory, Pair
from ansible_collections.dfr.golive.plugins.module_utils._wal import Slot, lsn_text, read_slots

if TYPE_CHECKING:
    import psycopg

POLL_SECONDS = 0.05
# Subscriptions of roles that aren't superusers came with this version.
OWN_SUBSCRIPTIONS = 160000


def conninfo(pair: Pair) -> str:
    """How the target's server logs in on the source. Holds the password: only ever in the subscription itself."""
    psycopg = driver()
    return str(
        psycopg.conninfo.make_conninfo(
            host=pair.reach.host,
            port=pair.reach.port,
            user=pair.source.user,
            password=pair.source.password,
            dbname=pair.source.database,
            sslmode=pair.reach.ssl_mode,
            application_name=pair.label,
            connect_timeout=pair.source.connect_timeout,
            **(
                {"sslrootcert": pair.reach.ca_cert or "system"}
                if pair.reach.ssl_mode.startswith("verify")
                else {}
            ),
        )
    )


def refuse_unless_may_subscribe(admin: psycopg.Connection[Any]) -> None:
    """
    Raises:
        GoliveError: the operator may not make a subscription on the target: better known before the rows are copied.
    """
    own = admin.info.server_version >= OWN_SUBSCRIPTIONS
    superuser = "select rolsuper from pg_catalog.pg_roles where rolname = current_user"
    may = scalar(admin, superuser) or (
        own and scalar(admin, "select pg_has_role(current_user, 'pg_create_subscription', 'usage')")
    )
    if not may:
        user, version = admin.info.user, admin.info.server_version // 10000
        raise GoliveError(
            f"The role {user} may not make a subscription on {admin.info.host} (PostgreSQL {version}).",
            remedy=f"Have a superuser grant pg_create_subscription to {user}."
            if own
            else f"Before PostgreSQL 16 only a superuser may: let one alter role {user} superuser until after the"
            " cutover, or use sync_data_method: dump.",
        )


TABLES_SQL = """
select count(*) from pg_catalog.pg_subscription_rel r join pg_catalog.pg_subscription s on s.oid = r.srsubid
 where s.subname = %s and s.subdbid = (select oid from pg_catalog.pg_database where datname = current_database())
"""


def introduce(pair: Pair) -> None:
    """Let the target's server log in on the source's and learn which tables to follow; it doesn't follow them yet.

    Asked for as soon as the copy has tables: a server that can't be reached is better known before their rows come.

    Made unconnected first: a statement that can fail on the network would leave the password in the server's log. Its
    tables are known from the refresh on, which an enabled subscription alone may do; a worker that starts before skips
    what it reads of them, for good. So it has a slot that isn't there until it is time to `subscribe`.

    Raises:
        GoliveError: the target refuses, or its server can't log in on the source.
    """
    sql = require("psycopg.sql", "python3-psycopg")
    name = sql.Identifier(pair.label)
    errors = driver().errors
    with connect(pair.target, autocommit=True) as conn:
        known = subscription(conn, pair)
        if known is not None and known.slot == pair.label:
            return
        if known is None:
            try:
                conn.execute("set client_min_messages = error")
                conn.execute(
                    sql.SQL(
                        "create subscription {} connection {} publication {} with (connect = false,"
                        " enabled = false, create_slot = false, copy_data = false, slot_name = {})"
                    ).format(name, sql.Literal(conninfo(pair)), name, sql.Literal(f"{pair.label}_later"))
                )
            except errors.Error as exc:
                raise GoliveError(
                    f"The subscription in {pair.target.database} can't be made: {one_line(exc.diag.message_primary)}.",
                    remedy="The operator needs pg_create_subscription on the target (before PostgreSQL 16: superuser).",
                ) from exc
        with reaching(pair):
            if not scalar(conn, TABLES_SQL, (pair.label,)):
                conn.execute(sql.SQL("alter subscription {} enable").format(name))
                conn.execute(_refresh(pair))
            conn.execute(sql.SQL("alter subscription {} disable").format(name))


def subscribe(pair: Pair) -> None:
    """Let the copy follow the source from the slot's position on; its rows are there already.

    Raises:
        GoliveError: the target refuses, or its server can't log in on the source.
    """
    sql = require("psycopg.sql", "python3-psycopg")
    name, slot = sql.Identifier(pair.label), sql.Literal(pair.label)
    introduce(pair)
    with connect(pair.target, autocommit=True) as conn, reaching(pair):
        conn.execute(sql.SQL("alter subscription {} set (slot_name = {})").format(name, slot))
        conn.execute(sql.SQL("alter subscription {} enable").format(name))
        conn.execute(_refresh(pair))


def _refresh(pair: Pair) -> Any:
    sql = require("psycopg.sql", "python3-psycopg")
    return sql.SQL("alter subscription {} refresh publication with (copy_data = false)").format(
        sql.Identifier(pair.label)
    )


@contextmanager
def reaching(pair: Pair) -> Iterator[None]:
    """
    Raises:
        GoliveError: the target's server, told to reach the source's, didn't; with what it said.
    """
    try:
        yield
    except driver().Error as exc:
        raise GoliveError(
            f"The server {pair.target.host} can't follow {pair.source.database} on {pair.reach.host}:"
            f"{pair.reach.port}: {one_line(exc)}.",
            remedy="Let the target's server reach the source's (pg_hba.conf, firewall, certificate), and check"
            " the sync_data_reach_* variables.",
        ) from exc


@dataclass(frozen=True)
class Subscription:
    """A subscription as the target's server describes it."""

    oid: int
    enabled: bool
    worker: int | None
    received: int
    errors: int
    slot: str


def subscription(conn: psycopg.Connection[Any], pair: Pair) -> Subscription | None:
    # A statistics function that older servers lack is only named where it exists.
    errors = (
        "(pg_catalog.pg_stat_get_subscription_stats(s.oid)).apply_error_count"
        if conn.info.server_version >= 150000
        else "0"
    )
    row = conn.execute(
        "select s.oid, s.subenabled, t.pid, coalesce(t.latest_end_lsn - '0/0'::pg_lsn, 0)::int8,"  # noqa: S608
        f" coalesce({errors}, 0), coalesce(s.subslotname::text, '') from pg_catalog.pg_subscription s"
        " left join pg_catalog.pg_stat_subscription t on t.subid = s.oid and t.relid is null"
        " where s.subname = %s and s.subdbid = (select oid from pg_catalog.pg_database"
        " where datname = current_database())"
        " order by t.pid nulls last limit 1",
        (pair.label,),
    ).fetchone()
    return None if row is None else Subscription(*row)


def enable(pair: Pair) -> None:
    """Follow again, if somebody or a drain has stopped it."""
    sql = require("psycopg.sql", "python3-psycopg")
    with connect(pair.target, autocommit=True) as conn:
        known = subscription(conn, pair)
        if known is not None and not known.enabled:
            conn.execute(sql.SQL("alter subscription {} enable").format(sql.Identifier(pair.label)))


def disable(pair: Pair, limit_seconds: float = 30) -> None:
    """Stop following: the copy's sessions end, so that it can be renamed.

    Raises:
        GoliveError: the worker doesn't go away.
    """
    sql = require("psycopg.sql", "python3-psycopg")
    with connect(pair.target, autocommit=True) as conn:
        if subscription(conn, pair) is None:
            return
        conn.execute(sql.SQL("alter subscription {} disable").format(sql.Identifier(pair.label)))
        end = time.monotonic() + limit_seconds
        while True:
            now = subscription(conn, pair)
            if now is None or now.worker is None:
                return
            if time.monotonic() >= end:
                raise GoliveError(
                    f"The apply worker {now.worker} of {pair.target.database} doesn't end.",
                    remedy="End it on the server, then repeat.",
                )
            time.sleep(POLL_SECONDS)


def unsubscribe(pair: Pair) -> bool:
    """Drop the subscription without asking the source's server, which may be gone."""
    sql = require("psycopg.sql", "python3-psycopg")
    name = sql.Identifier(pair.label)
    with connect(pair.target, autocommit=True) as conn:
        if subscription(conn, pair) is None:
            return False
        conn.execute("set client_min_messages = error")
        conn.execute(sql.SQL("alter subscription {} disable").format(name))
        conn.execute(sql.SQL("alter subscription {} set (slot_name = none)").format(name))
        conn.execute(sql.SQL("drop subscription {}").format(name))
    return True


# --- how far it is -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Progress:
    """Where the copy stands against a position of the source."""

    wanted: int
    confirmed: int
    slot: Slot | None
    subscription: Subscription | None

    @property
    def reached(self) -> bool:
        return self.confirmed >= self.wanted

    def sentence(self) -> str:
        if self.slot is None:
            return "the slot on the source is gone"
        if self.slot.lost:
            return "the source has thrown away log that the copy still needed (wal_status lost)"
        behind = f"{self.wanted - self.confirmed} bytes of log behind position {lsn_text(self.wanted)}"
        if self.subscription is None:
            return f"{behind}; there is no subscription"
        if not self.subscription.enabled:
            return f"{behind}; the subscription is disabled"
        if self.subscription.worker is None:
            return f"{behind}; no apply worker runs ({self.subscription.errors} errors so far, see the target's log)"
        return behind


def look(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], pair: Pair, wanted: int
) -> Progress:
    slot = read_slots(source, pair.label).get(pair.label)
    return Progress(wanted, slot.confirmed if slot else 0, slot, subscription(target, pair))


def wait_applied(
    pair: Pair,
    wanted: int,
    limit_seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Wait until everything committed on the source up to a position is applied and flushed in the copy.

    The judge is the source's slot: its confirmed position is what the copy's worker has reported as flushed, and the
    server would start from there after a crash of either side.

    Raises:
        GoliveError: the slot is gone or lost, or the limit has passed; with how far it came.
    """
    started = clock()
    with connect(pair.source, autocommit=True) as source, connect(pair.target, autocommit=True) as target:
        first = None
        while True:
            now = look(source, target, pair, wanted)
            first = now.confirmed if first is None else first
            if now.slot is not None and not now.slot.lost and now.reached:
                return {"seconds": round(clock() - started, 3), "bytes": max(0, now.confirmed - first)}
            if now.slot is None or now.slot.lost:
                raise DriftError(
                    f"The copy {pair.target.database} can't follow any more: {now.sentence()}.",
                    remedy="Run playbooks/prepare.yml again, it makes a new copy.",
                )
            if clock() - started >= limit_seconds:
                raise GoliveError(
                    f"After {limit_seconds:g} s the copy {pair.target.database} hasn't applied all of"
                    f" {pair.source.database}: {now.sentence()}.",
                    remedy="Nothing is lost: look at the target's log and the network between the two servers.",
                )
            # A commit that waits for its flush also flushes what the worker has applied without waiting.
            with target.transaction():
                target.execute("set local synchronous_commit = on")
                target.execute("select pg_catalog.pg_logical_emit_message(true, 'dfr.golive', '')")
            sleep(POLL_SECONDS)


def status(pair: Pair) -> dict[str, Any]:
    """Stage, lag and log kept, for people and for the gate; changes nothing.

    Raises:
        ProbeError: a server doesn't answer.
    """
    with connect(pair.target_admin()) as conn:
        memory = Memory.load(conn, pair)
        there = scalar(
            conn,
            "select count(*) from pg_catalog.pg_database where datname = %s",
            (pair.target.database,),
        )
        target_slots = read_slots(conn, pair.label)
    with connect(pair.source) as conn:
        slots = read_slots(conn, pair.label)
        position = scalar(conn, "select (pg_catalog.pg_current_wal_lsn() - '0/0'::pg_lsn)::int8")
    follower = None
    if there:
        with connect(pair.target) as conn:
            follower = subscription(conn, pair)
    main = slots.get(pair.label)
    return {
        "stage": memory.stage if memory else "none",
        "evidence": memory.evidence if memory else {},
        "behind_bytes": max(0, int(position) - main.confirmed) if main else None,
        "slots": {
            f"{side}:{slot.name}": {
                "retained_bytes": slot.retained_bytes,
                "status": slot.status,
                "active": slot.active,
                "spare_bytes": slot.spare_bytes,
            }
            for side, group in (("source", slots), ("target", target_slots))
            for slot in group.values()
        },
        "worker": bool(follower and follower.worker),
        "apply_errors": follower.errors if follower else 0,
    }
