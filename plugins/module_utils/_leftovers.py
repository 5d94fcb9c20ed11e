# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a pair of databases has made on both servers, found by its name and dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect, forget, scalar
from ansible_collections.dfr.golive.plugins.module_utils._replication import (
    KIND,
    Pair,
    align_target_identities,
    restore_identities,
    unsubscribe,
)
from ansible_collections.dfr.golive.plugins.module_utils._wal import drop_publication, drop_slot, read_slots

if TYPE_CHECKING:
    import psycopg


def clear(pair: Pair, *, copy_exists: bool = True, forgetting: bool = True) -> dict[str, Any]:
    """Drop everything the pair made but the copy's data. Safe wherever it stopped, and when there is nothing.

    Raises:
        GoliveError: one of the two servers can't be reached or refuses; what could be dropped is dropped.
    """
    dropped: list[str] = []
    if copy_exists:
        if unsubscribe(pair):
            dropped.append(f"subscription {pair.label}")
        align_target_identities(pair)
        with connect(pair.target, autocommit=True) as conn:
            if drop_publication(conn, pair.tracking):
                dropped.append(f"publication {pair.tracking} on the target")
    with connect(pair.target_admin(), autocommit=True) as conn:
        if drop_slot(conn, pair.tracking):
            dropped.append(f"slot {pair.tracking} on the target")
    with connect(pair.source, autocommit=True) as conn:
        dropped += [
            f"slot {name} on the source" for name in (pair.label, pair.tracking) if drop_slot(conn, name)
        ]
        dropped += [
            f"publication {name} on the source"
            for name in (pair.label, pair.tracking)
            if drop_publication(conn, name)
        ]
    identities = restore_identities(pair)
    if identities:
        dropped.append(f"{identities} replica identities")
    if forgetting:
        with connect(pair.target_admin(), autocommit=True) as conn:
            forget_pair(conn, pair)
    return {"changed": bool(dropped), "dropped": dropped}


def forget_pair(conn: psycopg.Connection[Any], pair: Pair) -> None:
    """Nothing of the pair is left: neither what was remembered nor which rows were touched."""
    forget(conn, KIND, pair.name)
    if scalar(conn, "select to_regclass('dfr_golive.touched') is not null"):
        conn.execute("delete from dfr_golive.touched where pair = %s", (pair.name,))


def remains(pair: Pair) -> list[str]:
    """What still exists of the pair on either server: empty once it is cleared."""
    found = []
    with connect(pair.source_admin()) as conn:
        found += [f"slot {name} on the source" for name in read_slots(conn, pair.label)]
    with connect(pair.source) as conn:
        found += [
            f"publication {row[0]} on the source"
            for row in conn.execute(
                "select pubname from pg_catalog.pg_publication where pubname = any(%s)",
                ([pair.label, pair.tracking],),
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
