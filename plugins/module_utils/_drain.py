# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last of what is under way, brought into the copy once nobody writes to the source any more."""

from __future__ import annotations

import json
import time
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _digest
from ansible_collections.dfr.golive.plugins.module_utils._catalogue import (
    read_fingerprint,
    read_relations,
    refuse_changed_definitions,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, require
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect
from ansible_collections.dfr.golive.plugins.module_utils._replication import Memory, Pair, demand
from ansible_collections.dfr.golive.plugins.module_utils._subscription import disable, enable, wait_applied
from ansible_collections.dfr.golive.plugins.module_utils._tables import Both, both
from ansible_collections.dfr.golive.plugins.module_utils._together import together
from ansible_collections.dfr.golive.plugins.module_utils._unfollowed import refuse_unfollowed
from ansible_collections.dfr.golive.plugins.module_utils._wal import (
    check_published,
    current_position,
    lsn_text,
)


def check_definitions(pair: Pair, memory: Memory) -> int:
    """Whether the source's definitions are still those the copy was made with; returns their number.

    Raises:
        GoliveError: they aren't; each is named.
    """
    with _digest.reading(pair.source) as conn:
        now = read_fingerprint(conn)
        relations = read_relations(conn)
        refuse_changed_definitions(memory.fingerprint, now, pair.source.database)
        refuse_unfollowed(conn, relations)
        check_published(conn, pair.label, relations)
    return len(now)


def catch_up(pair: Pair, *, limit_seconds: float = 60) -> dict[str, Any]:
    """Let the copy apply all that its source has written until now.

    Raises:
        GoliveError: definitions changed, or the position isn't reached in time; nothing is lost then, the copy
            goes on following once whatever held it up is gone.
    """
    definitions = check_definitions(pair, demand(pair, "following"))
    with connect(pair.source, autocommit=True) as conn:
        wanted = current_position(conn)
    enable(pair)
    waited = wait_applied(pair, wanted, limit_seconds)
    return {"position": lsn_text(wanted), "definitions": definitions, "waited": waited}


def drain(pair: Pair, *, limit_seconds: float = 60) -> dict[str, Any]:
    """Bring over what is still under way from a source that nobody writes to any more; then stop following.

    Afterwards the copy holds the same rows, its sequences stand where the source's stand and its materialized views
    are refreshed. May be repeated.

    Raises:
        GoliveError: as in `catch_up`.
    """
    started = time.monotonic()
    reached = catch_up(pair, limit_seconds=limit_seconds)
    disable(pair)
    sequences = set_sequences(pair)
    refreshed = refresh_views(pair)
    return {
        **reached,
        "sequences": sequences,
        "refreshed": refreshed,
        "seconds": round(time.monotonic() - started, 3),
    }


def both_sequences(
    conns: Both,
) -> tuple[dict[str, _digest.SequenceState], dict[str, _digest.SequenceState]]:
    theirs, ours = together(
        lambda: _digest.read_sequences(conns[0]), lambda: _digest.read_sequences(conns[1])
    )
    return theirs, ours


def set_sequences(pair: Pair) -> dict[str, Any]:
    """Sequences aren't replicated: set the copy's where the source's stand, above every key that exists.

    Raises:
        GoliveError: one is missing in the copy.
    """
    with both(pair) as conns:
        theirs, ours = both_sequences(conns)
    with connect(pair.target) as conn:
        moves = []
        raised = []
        for name, state in theirs.items():
            mine = ours.get(name)
            if mine is None:
                raise GoliveError(f"The sequence {name} is missing in {pair.target.database}.")
            value, called = state.last_value, state.is_called
            if not state.safe and state.greatest_key is not None:
                value, called = state.greatest_key, True
                raised.append(name)
            if (mine.last_value, mine.is_called) != (value, called):
                moves.append([state.schema, state.relation, value, called])
        conn.execute(
            "select pg_catalog.setval(format('%%I.%%I', m->>0, m->>1)::regclass, (m->>2)::int8, (m->>3)::bool)"
            " from jsonb_array_elements(%s::jsonb) m",
            (json.dumps(moves),),
        )
    return {"compared": len(theirs), "set": len(moves), "raised": raised}


def check_sequences(conns: Both) -> int:
    """That every sequence stands where the source's stands and gives no key that exists; returns their number.

    Raises:
        GoliveError: one doesn't.
    """
    theirs, ours = both_sequences(conns)
    wrong = _digest.compare_sequences(theirs, ours)
    if wrong:
        raise GoliveError(
            f"{len(wrong)} sequences of {conns[1].info.dbname} aren't right: {'; '.join(wrong[:8])}.",
            remedy="Drain again; if it stays so, somebody used the copy.",
        )
    return len(ours)


def refresh_views(pair: Pair) -> list[str]:
    """Materialized views are queries kept as tables: refresh them, those that others read first."""
    sql = require("psycopg.sql", "python3-psycopg")
    with connect(pair.target) as conn:
        names = conn.execute(
            "select n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n"
            " on n.oid = c.relnamespace where c.relkind = 'm' and c.relispopulated order by c.oid"
        ).fetchall()
        for schema, name in names:
            conn.execute(sql.SQL("refresh materialized view {}").format(sql.Identifier(schema, name)))
    return [_digest.label(schema, name) for schema, name in names]
