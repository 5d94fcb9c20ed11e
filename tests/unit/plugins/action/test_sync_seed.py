# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.dfr.golive.plugins.action.sync_seed import ActionModule
from ansible_collections.dfr.golive.plugins.module_utils._replication import REPLICA_OPTIONS
from sync_plans import REPLICATION, SIDE, plan

ARGS = {
    "target": SIDE,
    "source": {**SIDE, "database": "stg", "uuid": "u-stg"},
    "replication": REPLICATION,
    "work_dir": "/work",
}


def test_it_asks_for_the_progress_of_the_very_copy_that_is_made() -> None:
    asked = ActionModule.about(None, ARGS)  # type: ignore[arg-type]
    assert set(asked) <= set(REPLICA_OPTIONS)
    assert set(asked["source"]) | set(asked["target"]) <= set(REPLICA_OPTIONS["source"]["options"])
    pair = plan().pair()
    assert (asked["name"], asked["target"]["database"], asked["owner"]) == (
        pair.name,
        pair.target.database,
        "odoo",
    )


def test_there_is_nothing_to_show_without_a_copy() -> None:
    assert ActionModule.quiet(None, {"method": "dump"})  # type: ignore[arg-type]
    assert not ActionModule.quiet(None, {})  # type: ignore[arg-type]
