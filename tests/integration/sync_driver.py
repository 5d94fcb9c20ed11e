# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one call of the go-live's sync where a module would run; reads and writes JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import (
    _fence_postgres,
    _leftovers,
    _seed,
    _slot_watch,
    _sync,
    _sync_gates,
    _sync_replication,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import Plan


def fence(plan: Plan) -> Any:
    source, _remote, _stores = plan.parts()
    with connect(source.maintenance(), autocommit=True) as admin:
        _fence_postgres.raise_fence(admin, source.name, run_id=plan.run_id, app_role=source.app_role)


def lift(plan: Plan) -> Any:
    source, _remote, _stores = plan.parts()
    with connect(source.maintenance(), autocommit=True) as admin:
        _fence_postgres.lift_fence(admin, source.name)


def die_while_settling(plan: Plan) -> Any:
    """Ends as kill -9 would, when the subscription is gone and the slots are not."""
    _leftovers.drop_slot = lambda *_args: os._exit(9)  # type: ignore[assignment]
    _sync.verify(plan, recheck=False, settle=True)


def die_before_the_swap(plan: Plan) -> Any:
    """When identity has been taken and the names have not."""
    _sync.swap = lambda *_args: os._exit(9)  # type: ignore[assignment]
    _sync.synchronise(plan)


def watch(plan: Plan, limit_bytes: int) -> Any:
    pair = plan.pair()
    path = Path("/tmp/slots/settings.json")
    path.parent.mkdir(exist_ok=True)
    settings = _slot_watch.Settings(
        path=path,
        country="demo",
        name=pair.name,
        label=pair.label,
        sides={"staging": pair.source_admin(), "production": pair.target_admin()},
        limit_bytes=limit_bytes,
        mail=None,
        to=(),
        installed=(),
    )
    return _slot_watch.Watch(settings).once()


CALLS: dict[str, Callable[..., Any]] = {
    "seed": _sync_replication.seed,
    "gates": lambda plan, **options: {
        g.name: [g.verdict, g.detail] for g in _sync_gates.readiness(plan, **options)
    },
    "synchronise": _sync.synchronise,
    "verify": lambda plan: _sync.verify(plan, recheck=False, settle=True),
    "undo": _sync.undo,
    "remains": lambda plan: _leftovers.remains(plan.pair()),
    "discard": lambda plan: _seed.discard(plan.pair()),
    "fence": fence,
    "lift": lift,
    "watch": watch,
    "die_while_settling": die_while_settling,
    "die_before_the_swap": die_before_the_swap,
}


def main() -> None:
    asked = json.load(sys.stdin)
    try:
        said = {"result": CALLS[asked["call"]](Plan.from_params(asked["params"]), **asked["options"])}
    except GoliveError as exc:
        said = {"error": str(exc), "kind": type(exc).__name__}
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
