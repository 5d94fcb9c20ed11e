# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rest of a copy that was cut short: the target's server brings it, by its own table synchronisation.

The snapshot that the copy's rows were read through ended with the call, so a table that isn't whole can't go on at the
slot's position. PostgreSQL's subscription can bring one at another: it copies the table through a snapshot of its own,
applies what was written since, and joins it with the others. It goes on by itself when either server comes back.

It needs the primary keys first and can't have foreign keys yet; and while it is at it, it has slots of its own on the
source, which it names by numbers. They are kept there before the first is made, so that nothing is left behind when
the target's server never comes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation, changed_definitions
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    DriftError,
    GoliveError,
    ProbeError,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect, forget, keep, scalar
from ansible_collections.dfr.golive.plugins.module_utils._replication import Memory, Pair
from ansible_collections.dfr.golive.plugins.module_utils._subscription import (
    POLL_SECONDS,
    Subscription,
    reaching,
    subscription,
)
from ansible_collections.dfr.golive.plugins.module_utils._wal import (
    TABLESYNC,
    drop_publication,
    publish,
    read_slots,
)

if TYPE_CHECKING:
    import psycopg


def worth_keeping(memory: Memory, relations: Sequence[Relation], now: Mapping[str, str]) -> bool:
    """Whether to bring the rest into what is there, or to begin again.

    The server brings one table by one connection into indexes that are there already; a copy from the beginning uses
    several and builds them afterwards. So the small tables and at least half of all bytes must be there. And nobody
    may have changed a definition: the copy would be of no use.

    Args:
        memory: what is there.
        relations: the source's tables.
        now: the fingerprint of its definitions.
    """
    if not memory.small or changed_definitions(memory.fingerprint, now):
        return False
    missing = sum(r.bytes for r in relations if r.label in memory.missing)
    return 2 * missing <= sum(r.bytes for r in relations)


def publication_of_what_is_there(pair: Pair) -> str:
    """The name of the publication that has the tables which are there already, for as long as it takes to say so."""
    return f"{pair.label}_there"


def hand_over(pair: Pair, there: Sequence[Relation]) -> None:
    """Tell the subscription which tables are there already; it will bring the others once it follows.

    For a moment it knows a publication of those alone, and forgets the others with it; then the whole one again, which
    it finds new tables in. The publication it follows never changes: what is decoded from the slot stays complete.

    Raises:
        GoliveError: a server refuses, or can't reach the other.
    """
    sql = require("psycopg.sql", "python3-psycopg")
    name = publication_of_what_is_there(pair)
    with connect(pair.source, autocommit=True) as conn:
        drop_publication(conn, name)
        publish(conn, name, there, keys_only=False)
    with connect(pair.target, autocommit=True) as conn, reaching(pair):
        known = _known(conn, pair)
        _keep_names(pair, known, str(scalar(conn, "select system_identifier from pg_control_system()")))
        # Its slot isn't there yet, so that nothing is read from the source before all of this is said.
        conn.execute(sql.SQL("alter subscription {} enable").format(sql.Identifier(pair.label)))
        for publication, copied in ((name, False), (pair.label, True)):
            conn.execute(
                sql.SQL(
                    "alter subscription {} set publication {} with (refresh = true, copy_data = {})"
                ).format(
                    sql.Identifier(pair.label),
                    sql.Identifier(publication),
                    sql.SQL("true" if copied else "false"),
                )
            )
        conn.execute(sql.SQL("alter subscription {} disable").format(sql.Identifier(pair.label)))
    with connect(pair.source, autocommit=True) as conn:
        drop_publication(conn, name)


def _known(conn: psycopg.Connection[Any], pair: Pair) -> Subscription:
    known = subscription(conn, pair)
    if known is None:
        raise DriftError(
            f"The subscription {pair.label} of {pair.target.database} is gone.",
            remedy="Run playbooks/prepare.yml with -e sync_data_seed_again=true, it makes a new copy.",
        )
    return known


def _keep_names(pair: Pair, known: Subscription, system: str) -> None:
    """Source: ReplicationSlotNameForTablesync of PostgreSQL 14 and later; before it these slots are temporary."""
    with connect(pair.source_admin(), autocommit=True) as admin:
        forget(admin, TABLESYNC, pair.label)
        keep(
            admin,
            TABLESYNC,
            pair.label,
            "prepare",
            {"begin": f"pg_{known.oid}_sync_", "end": f"_{system}"},
        )


# State r(eady): the table goes with all the others.
STATES_SQL = """
select count(*), coalesce(array_agg(c.oid::regclass::text order by 1) filter (where r.srsubstate <> 'r'), '{}')
  from pg_catalog.pg_subscription_rel r join pg_catalog.pg_class c on c.oid = r.srrelid
 where r.srsubid = %s
"""
SYNC_ERRORS = 150000


def wait_brought(
    pair: Pair,
    limit_seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Wait until all tables go together; gives their number.

    Raises:
        GoliveError: the limit has passed, or the slot on the source is gone; the servers go on by themselves.
    """
    end = clock() + limit_seconds
    with connect(pair.source, autocommit=True) as source, connect(pair.target, autocommit=True) as target:
        while True:
            known = _known(target, pair)
            count, waiting = target.execute(STATES_SQL, (known.oid,)).fetchone() or (0, [])
            if not count:
                raise ProbeError(f"The subscription {pair.label} knows no table.")
            if not waiting:
                return int(count)
            slot = read_slots(source, pair.label).get(pair.label)
            if slot is None or slot.lost:
                raise DriftError(
                    f"The copy {pair.target.database} can't be completed: its slot on the source is"
                    f" {'gone' if slot is None else 'lost'}.",
                    remedy="Run playbooks/prepare.yml again, it makes a new copy.",
                )
            if clock() >= end:
                errors = _errors(target, known)
                raise GoliveError(
                    f"After {limit_seconds:g} s the server {pair.target.host} hasn't brought all of"
                    f" {', '.join(waiting[:8])} ({errors} errors so far, see its log).",
                    remedy="Nothing is lost, it goes on by itself: look at its log, at its"
                    " max_sync_workers_per_subscription and at max_replication_slots of the source, then run"
                    " playbooks/prepare.yml again.",
                )
            sleep(POLL_SECONDS)


def _errors(conn: psycopg.Connection[Any], known: Subscription) -> int:
    if conn.info.server_version < SYNC_ERRORS:
        return known.errors
    return known.errors + int(
        scalar(
            conn,
            "select coalesce((pg_catalog.pg_stat_get_subscription_stats(%s)).sync_error_count, 0)",
            (known.oid,),
        )
    )


def forget_names(pair: Pair) -> None:
    """Once those slots are gone: the servers drop them themselves when all tables go together."""
    with connect(pair.source_admin(), autocommit=True) as admin:
        forget(admin, TABLESYNC, pair.label)
