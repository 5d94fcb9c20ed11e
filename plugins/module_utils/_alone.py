# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One at a time on a copy: whoever lost its controller may still be at work when the next one comes."""
# ruff: noqa: S608 - the statement is composed of the constants below

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect, scalar
from ansible_collections.dfr.golive.plugins.module_utils._replication import Pair

# The server must notice a holder whose host is gone, or nobody gets in for the two hours of the system's default.
SHORT_MEMORY = (
    "select set_config('tcp_keepalives_idle', '15', false), set_config('tcp_keepalives_interval', '5', false),"
    " set_config('tcp_keepalives_count', '3', false)"
)
KEY = "hashtextextended(%s, 0)"


@contextmanager
def alone(pair: Pair, *, wait_seconds: float = 5) -> Iterator[None]:
    """Hold a lock of the target's server for as long as the context is open; it goes away with our connection.

    Raises:
        GoliveError: somebody else holds it, and is named.
    """
    end = time.monotonic() + wait_seconds
    with connect(pair.target_admin(), autocommit=True) as conn:
        conn.execute(SHORT_MEMORY)
        while not scalar(conn, f"select pg_catalog.pg_try_advisory_lock({KEY})", (pair.label,)):
            if time.monotonic() >= end:
                holder = conn.execute(
                    "select pid, client_addr::text, extract(epoch from now() - backend_start)::int"
                    " from pg_catalog.pg_locks join pg_catalog.pg_stat_activity using (pid)"
                    " where locktype = 'advisory' and granted and objsubid = 1"
                    f" and (classid::int8 << 32 | objid::int8) = {KEY}",
                    (pair.label,),
                ).fetchone()
                who = f"session {holder[0]} from {holder[1]}, for {holder[2]} s" if holder else "somebody"
                raise GoliveError(
                    f"Another process is at work on the copy of {pair.source.database} for {pair.name}: {who}.",
                    remedy="Wait for it (dfr.golive.replica_info says how far it is), or end that session.",
                )
            time.sleep(0.2)
        yield
