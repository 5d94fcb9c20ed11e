# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a pair of databases has made on both servers, found by its name and dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    PostgresLogin,
    connect,
    driver,
    forget,
    scalar,
)
from ansible_collections.dfr.golive.plugins.module_utils._replication import (
    KIND,
    Pair,
    align_target_identities,
    restore_identities,
)
from ansible_collections.dfr.golive.plugins.module_utils._subscription import unsubscribe
from ansible_collections.dfr.golive.plugins.module_utils._tablesync import (
    forget_names,
    publication_of_what_is_there,
)
from ansible_collections.dfr.golive.plugins.module_utils._wal import (
    drop_publication,
    drop_slot,
    read_all_slots,
    read_slots,
)

if TYPE_CHECKING:
    import psycopg


@dataclass
class Clearing:
    """What could be dropped, and what couldn't yet because a server doesn't answer or refuses.

    Attributes:
        dropped: one item for each thing that was there.
        pending: what may still be there, where, and why.
    """

    dropped: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)

    def attempt(self, what: str, where: PostgresLogin, job: Callable[[], Sequence[str]]) -> bool:
        """Do a part; whether it could be done."""
        try:
            self.dropped += job()
        except (GoliveError, driver().Error) as exc:
            reason = exc.sentence if isinstance(exc, GoliveError) else one_line(exc)
            self.pending.append(f"{what} on {where.host}:{where.port} in {where.database} ({reason})")
            return False
        return True

    def refuse_pending(self) -> None:
        """
        Raises:
            GoliveError: something is pending; it is named with its server, and returned as ``pending``.
        """
        if not self.pending:
            return
        error = GoliveError(
            f"Not all could be dropped. Still there: {'; '.join(self.pending)}.",
            remedy="Repeat the same call once the server answers; a slot that stays makes its server keep all log.",
        )
        error.returned = {"dropped": self.dropped, "pending": self.pending}
        raise error


def clear(pair: Pair) -> dict[str, Any]:
    """Drop everything the pair made but the copy's data. Safe wherever it stopped, and when there is nothing.

    Raises:
        GoliveError: a server can't be reached or refuses; what could be dropped is dropped, the rest is named.
    """
    clearing = drop_what_answers(pair, copy_stays=True)
    clearing.refuse_pending()
    with connect(pair.target_admin(), autocommit=True) as conn:
        forget_pair(conn, pair)
    return {"changed": bool(clearing.dropped), "dropped": clearing.dropped}


def drop_what_answers(pair: Pair, *, copy_stays: bool) -> Clearing:
    """Each server's share by itself, so that one that is gone doesn't keep the other's slots."""
    clearing = Clearing()
    reached = clearing.attempt(
        f"the subscription {pair.label} and the publication {pair.tracking}",
        pair.target,
        lambda: _drop_in_copy(pair),
    )
    if copy_stays and reached:
        clearing.attempt("what the copy's replica identities were", pair.source, lambda: _align(pair))
    clearing.attempt(f"the slot {pair.tracking}", pair.target_admin(), lambda: _drop_slot_of_copy(pair))
    clearing.attempt(
        f"the slots and publications {pair.label} and {pair.tracking}",
        pair.source,
        lambda: _drop_in_source(pair),
    )
    clearing.attempt("the replica identities before", pair.source, lambda: _restore(pair))
    return clearing


def _drop_in_copy(pair: Pair) -> list[str]:
    dropped = []
    with connect(pair.target_admin(), autocommit=True) as admin:
        there = scalar(
            admin, "select count(*) from pg_catalog.pg_database where datname = %s", (pair.target.database,)
        )
    if not there:
        return []
    if unsubscribe(pair):
        dropped.append(f"subscription {pair.label}")
    with connect(pair.target, autocommit=True) as conn:
        if drop_publication(conn, pair.tracking):
            dropped.append(f"publication {pair.tracking} on the target")
    return dropped


def _align(pair: Pair) -> list[str]:
    align_target_identities(pair)
    return []


def _drop_slot_of_copy(pair: Pair) -> list[str]:
    with connect(pair.target_admin(), autocommit=True) as conn:
        return [f"slot {pair.tracking} on the target"] if drop_slot(conn, pair.tracking) else []


def _drop_in_source(pair: Pair) -> list[str]:
    names = _publications(pair)
    with connect(pair.source_admin(), autocommit=True) as admin:
        slots = read_all_slots(admin, pair.label)
    with connect(pair.source, autocommit=True) as conn:
        dropped = [
            *[f"slot {name} on the source" for name in slots if drop_slot(conn, name)],
            *[f"publication {name} on the source" for name in names if drop_publication(conn, name)],
        ]
    forget_names(pair)
    return dropped


def _publications(pair: Pair) -> list[str]:
    return [pair.label, pair.tracking, publication_of_what_is_there(pair)]


def _restore(pair: Pair) -> list[str]:
    count = restore_identities(pair)
    return [f"{count} replica identities"] if count else []


def forget_pair(conn: psycopg.Connection[Any], pair: Pair) -> None:
    """Nothing of the pair is left: neither what was remembered nor which rows were touched."""
    forget(conn, KIND, pair.name)
    if scalar(conn, "select to_regclass('dfr_golive.touched') is not null"):
        conn.execute("delete from dfr_golive.touched where pair = %s", (pair.name,))


def remains(pair: Pair) -> list[str]:
    """What still exists of the pair on either server: empty once it is cleared."""
    found = []
    with connect(pair.source_admin()) as conn:
        found += [f"slot {name} on the source" for name in read_all_slots(conn, pair.label)]
    with connect(pair.source) as conn:
        found += [
            f"publication {row[0]} on the source"
            for row in conn.execute(
                "select pubname from pg_catalog.pg_publication where pubname = any(%s)",
                (_publications(pair),),
            ).fetchall()
        ]
    with connect(pair.target_admin()) as conn:
        found += [f"slot {name} on the target" for name in read_slots(conn, pair.label)]
        found += [
            f"subscription {row[0]}"
            for row in conn.execute(
                "select subname from pg_catalog.pg_subscription where subname = %s", (pair.label,)
            ).fetchall()
        ]
    return found
