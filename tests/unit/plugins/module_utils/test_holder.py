# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import UTC, datetime

from ansible_collections.dfr.golive.plugins.module_utils._holder import Holder, Owner

OWNER = Owner(user="ops", host="laptop", pid=7, started="1", boot_id="b", pid_namespace="p")


def test_owners() -> None:
    assert OWNER.same_process(Owner.from_dict({**OWNER.as_dict(), "unknown": 1}))
    assert not OWNER.same_process(Owner.from_dict({**OWNER.as_dict(), "started": "2"}))
    assert not OWNER.same_machine(Owner.from_dict({**OWNER.as_dict(), "pid_namespace": "q"}))
    assert not Owner().same_machine(Owner())


def test_a_heartbeat_from_the_future() -> None:
    now = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)
    since = "2026-11-22T00:00:00.000000Z"
    holder = Holder("s", "r", "golive", OWNER, since, since, 900, since).renewed(
        "2030-01-01T00:00:00.000000Z"
    )
    assert holder.silent_seconds(now) == 0
    assert not holder.stale(now)
