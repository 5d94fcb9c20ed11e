# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the last write to the proof, for any two PostgreSQL databases: come close, fence the source, drain, verify.

Where it ends badly nothing is lost: the fence it raised is lifted, writers go on at the source, and the copy goes on
following it. What needn't wait for the fence is done before it: only the last moments are left for the window.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._alone import alone
from ansible_collections.dfr.golive.plugins.module_utils._delta import read_ahead, verify
from ansible_collections.dfr.golive.plugins.module_utils._drain import catch_up, drain
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._fence_postgres import (
    DEFAULT_EXEMPT_ROLES,
    lift_fence,
    raise_fence,
    read_fence,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect
from ansible_collections.dfr.golive.plugins.module_utils._replication import Pair, demand

PURPOSE = "replica"


@dataclass(frozen=True)
class Writers:
    """Who is fenced out of the source.

    Attributes:
        app_role: the application's role there.
        run_id: on whose behalf.
        exempt_roles: superusers that people answer for.
    """

    app_role: str
    run_id: str = "sync"
    exempt_roles: Sequence[str] = DEFAULT_EXEMPT_ROLES


def cutover(pair: Pair, writers: Writers, *, full: bool = False, drain_seconds: float = 60) -> dict[str, Any]:
    """Come close, fence, drain and prove; the fence stays up when all is well. A repeat proves again.

    Args:
        pair: source and copy, proven before (or ``full``).
        writers: who is fenced out.
        full: compare everything instead of what was touched.
        drain_seconds: limit for the copy to come close, and for the drain.

    Raises:
        GoliveError: a step failed; the fence is lifted if it was this call that raised it.
    """
    with alone(pair):
        return _cutover(pair, writers, full=full, drain_seconds=drain_seconds)


def _cutover(pair: Pair, writers: Writers, *, full: bool, drain_seconds: float) -> dict[str, Any]:
    demand(pair, "following" if full else "proven")
    started = time.monotonic()
    with connect(pair.source_admin(), autocommit=True) as admin:
        mine = read_fence(admin, pair.source.database, purpose=PURPOSE)[0] is None
        if mine:
            _approach(pair, full=full, limit_seconds=drain_seconds)
        near = time.monotonic()
        try:
            raised = raise_fence(
                admin,
                pair.source.database,
                run_id=writers.run_id,
                app_role=writers.app_role,
                purpose=PURPOSE,
                exempt_roles=writers.exempt_roles,
            )
            fenced = time.monotonic()
            drained = drain(pair, limit_seconds=drain_seconds)
            proof = verify(pair, full=full)
        except Exception as exc:
            if mine:
                lift_fence(admin, pair.source.database, purpose=PURPOSE)
                if isinstance(exc, GoliveError):
                    exc.remedy = f"The fence was lifted, nothing is lost. {exc.remedy}".strip()
            raise
    return {
        "changed": True,
        "fence": raised.evidence,
        "drain": drained,
        "proof": proof,
        "seconds": {
            "approach": round(near - started, 3),
            "fence": round(fenced - near, 3),
            "drain": drained["seconds"],
            "fence_to_verified": round(time.monotonic() - fenced, 3),
            "total": round(time.monotonic() - started, 3),
        },
    }


def _approach(pair: Pair, *, full: bool, limit_seconds: float) -> None:
    """All that needn't wait for the fence, while people still write."""
    try:
        catch_up(pair, limit_seconds=limit_seconds)
        if not full:
            read_ahead(pair)
    except GoliveError as exc:
        exc.remedy = f"Nothing was fenced. {exc.remedy}".strip()
        raise


def reopen(pair: Pair, *, check: bool = False) -> bool:
    """Lift the fence of `cutover`, if it stands; the source is written to again."""
    with connect(pair.source_admin(), autocommit=True) as admin:
        if check:
            return read_fence(admin, pair.source.database, purpose=PURPOSE)[0] is not None
        return lift_fence(admin, pair.source.database, purpose=PURPOSE).changed
