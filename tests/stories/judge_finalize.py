# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back of a live country is closed once: refused too early, then done; after that there is none."""

from __future__ import annotations

import json

import outside
from outside import play

WHO = "the lab's minister"
SAID = ("-e", json.dumps({"golive_reason": "hypercare is over", "golive_approver": WHO}))
# The lab can't wait for days: what it may shorten is the same criterion with other figures.
EARLY = ("-e", "start_hypercare_exit_days=0", "-e", "start_hypercare_exit_hours=0")
RECAP = "changed=0 "


def kept() -> list[str]:
    slots = "select slot_name from pg_replication_slots union all select pubname from pg_publication"
    names = "select datname from pg_database where datname like 'dfr_production%'"
    subscriptions = "select subname from pg_subscription"
    return [
        *outside.psql("production", "dfr_production", slots),
        *outside.psql("production", "postgres", names),
        *outside.psql("staging", "postgres", subscriptions),
    ]


WATCH = "/var/lib/dfr-golive/demo/watch"


def look() -> str:
    """One look of the watch, as cron takes it, and what it wrote down."""
    ops = outside.container("ops")
    taken = ops.run(f"/usr/bin/python3 /opt/dfr-golive/demo/watch.py {WATCH}/settings.json")
    assert taken.rc == 0, taken.stdout
    return str(ops.run(f"tail -n 1 {WATCH}/samples.jsonl").stdout)


def test_the_watch_sees_a_way_back_that_is_broken_and_one_that_is_mended() -> None:
    (name,) = outside.psql("staging", "postgres", "select subname from pg_subscription")
    outside.psql("staging", "dfr_staging", f"alter subscription {name} disable")
    try:
        assert '"name": "reverse.follows", "verdict": "fail"' in look()
    finally:
        outside.psql("staging", "dfr_staging", f"alter subscription {name} enable")
    outside.eventually(
        lambda: '"name": "reverse.follows", "verdict": "pass"' in look(), "staging follows again"
    )


def test_the_way_back_is_closed_once_and_for_ever() -> None:
    before = kept()
    assert len(before) == 2 + 1 + 2 + 1  # slots, publication, production and what it was before, subscription

    code, text = play("finalize")
    assert code != 0
    assert "needs golive_reason and golive_approver" in text
    code, text = play("finalize", *SAID)
    assert code != 0
    assert "of 14 days" in text
    assert "exit criteria are open" in text
    assert kept() == before
    assert outside.report()["outcome"] == "live"

    code, text = play("finalize", *SAID, *EARLY)
    assert code == 0, text
    assert kept() == ["dfr_production"]
    assert outside.report()["finalized"]["approver"] == WHO
    full = "select count(*) from pg_class where relkind = 'r' and relreplident = 'f'"
    assert outside.psql("production", "dfr_production", full) == ["0"]
    accounts = [
        outside.container(vm).run("getent passwd dfr-filestore-back dfr-reverse-watch")
        for vm in ("staging", "production")
    ]
    assert [seen.stdout for seen in accounts] == ["", ""]

    code, text = play("finalize", *SAID, *EARLY)
    assert code == 0
    assert RECAP in text
    code, text = play("rollback", *SAID)
    assert code != 0
    assert f"{WHO} closed the way back at" in text


def test_the_country_is_live_as_before() -> None:
    assert outside.Browser().login("dfr_production", "enumerator001", "lab-user") > 0
    seen = look()
    assert '"verdict": "pass", "checks"' in seen
    assert "reverse" not in seen
