# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _sync_replica_gates as gates
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed
from ansible_collections.dfr.golive.plugins.module_utils._locale import Collations
from ansible_collections.dfr.golive.plugins.module_utils._replication import Memory
from ansible_collections.dfr.golive.plugins.module_utils._subscription import Progress, Subscription
from ansible_collections.dfr.golive.plugins.module_utils._wal import Slot
from relations import relation
from sync_plans import plan

HEALTHY = gates.Server(170000, "logical", 8, 8, 4, 2 << 30, True, False, True, False, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"superuser": True, "replicates": False}, ""),
        ({"keep_bytes": None}, ""),
        ({"wal_level": "replica"}, "wal_level is replica"),
        ({"replicates": False}, "op lacks REPLICATION"),
        ({"slots": 1}, "1 replication slots are free, 2 are needed"),
        ({"senders": 0}, "no WAL sender"),
    ],
)
def test_the_source_s_server(change: dict[str, Any], said: str) -> None:
    gate = gates.judge_source(replace(HEALTHY, **change), "op", 5000)
    assert gate.open == (not said)
    assert said in gate.detail


@pytest.mark.parametrize("compresses", [True, False])
def test_a_source_that_writes_whole_pages_uncompressed_is_told_so(compresses: bool) -> None:
    gate = gates.judge_source(replace(HEALTHY, compresses=compresses), "op", 5000)
    assert gate.open
    assert ("wal_compression is off" in gate.detail) is not compresses


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"superuser": True, "subscribes": False, "version": 130000}, ""),
        ({"wal_level": "minimal"}, "wal_level is minimal"),
        ({"replicates": False}, "op lacks REPLICATION"),
        ({"subscribes": False}, "no member of pg_create_subscription"),
        ({"subscribes": False, "version": 150000}, "only a superuser"),
        ({"slots": 0}, "no replication slot"),
        ({"workers": 0}, "no logical replication worker"),
        ({"logs_all": True}, "password would be among them"),
    ],
)
def test_the_target_s_server(change: dict[str, Any], said: str) -> None:
    gate = gates.judge_target(replace(HEALTHY, **change), "op")
    assert gate.open == (not said)
    assert said in gate.detail
    if said:
        old = change.get("version", HEALTHY.version) < 160000
        assert ("alter role op superuser" in gate.remedy) is old
        assert ("grant pg_create_subscription to op" in gate.remedy) is not old


class Silent:
    """A server that doesn't say who we are."""

    def execute(self, _query: object, _params: object) -> Silent:
        return self

    def fetchone(self) -> None:
        return None


def test_a_server_without_an_answer_is_unknown() -> None:
    silent: Any = Silent()

    def probe() -> Gate:
        return gates.judge_target(gates.read_server(silent, "label"), "op")

    assert ask("replication.production", probe).verdict == "unknown"


SAME = Collations("2.36", "", {"public.fr": "153.1", "public.loose": "153.1"}, ("public.loose",))


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ({}, {}, ""),
        ({}, {"version": "2.41"}, ""),
        ({}, {"available": {"public.fr": "999", "public.loose": "153.1"}}, ""),
        ({"stale": "version 1 of its collation (now 2)"}, {}, "staging was made with version 1"),
        ({}, {"stale": "version 1 of x (now 2)"}, "production was made with version 1"),
        ({}, {"available": {"public.fr": "153.1"}}, "lacks the collations public.loose"),
        ({}, {"available": {"public.fr": "153.1", "public.loose": "9"}}, "differ in version: public.loose"),
    ],
)
def test_collations(source: dict[str, Any], target: dict[str, Any], said: str) -> None:
    gate = gates.judge_collations(replace(SAME, **source), replace(SAME, **target))
    assert gate.open == (not said)
    assert said in gate.detail


def test_tables_without_a_key_are_listed() -> None:
    assert "compared whole when touched" not in gates.judge_tables([relation("a")]).detail
    gate = gates.judge_tables([relation("a"), relation("b", key=())])
    assert gate.open
    assert "2 tables can be followed; without a key, compared whole when touched: b" in gate.detail


def test_no_table_at_all_is_no_answer() -> None:
    with pytest.raises(ProbeError, match="No table"):
        gates.judge_tables([])


LIMITS = plan().follow()
PROVEN = Memory("proven", "stg", "prod_incoming", evidence={"full": {"rows": 1000, "tables": 7}})
SLOT = Slot("s", "stg", True, 100, 10, "reserved", None)
FOLLOWS = Subscription(1, True, 4711, 0, 0, "slot")
NEAR = Progress(150, 100, SLOT, FOLLOWS)


@pytest.mark.parametrize(
    ("memory", "now", "lag", "fenced", "why", "said"),
    [
        (PROVEN, NEAR, 0.5, False, "", ""),
        (PROVEN, NEAR, None, False, "", ""),
        (
            PROVEN,
            replace(NEAR, subscription=replace(FOLLOWS, enabled=False, worker=None)),
            None,
            True,
            "",
            "",
        ),
        (PROVEN, NEAR, 0.5, False, "the watch dropped its slot", "the watch dropped its slot"),
        (None, NEAR, 0.5, False, "", "there is no copy"),
        (replace(PROVEN, stage="following"), NEAR, 0.5, False, "", "following, not proven"),
        (PROVEN, replace(NEAR, slot=None), 0.5, False, "", "the slot on the source is gone"),
        (PROVEN, replace(NEAR, slot=replace(SLOT, status="lost")), 0.5, False, "", "thrown away log"),
        (PROVEN, replace(NEAR, subscription=None), 0.5, False, "", "subscription is gone"),
        (PROVEN, replace(NEAR, subscription=replace(FOLLOWS, enabled=False)), 0.5, False, "", "is disabled"),
        (
            PROVEN,
            replace(NEAR, subscription=replace(FOLLOWS, worker=None, errors=3)),
            0.5,
            False,
            "",
            "3 errors",
        ),
        (PROVEN, replace(NEAR, wanted=100_000), 0.5, False, "", "99,900 bytes of log"),
        (PROVEN, NEAR, 11.0, False, "", "11.0 s behind"),
    ],
)
def test_the_copy(
    memory: Memory | None,
    now: Progress,
    lag: float | None,
    fenced: bool,
    why: str,
    said: str,
) -> None:
    gate = gates.judge_copy(memory, now, lag, LIMITS, fenced=fenced, why=why)
    assert gate.open == (not said), gate
    assert said in gate.detail
    assert gate.open or gate.remedy


@pytest.mark.parametrize(
    ("slots", "said"),
    [
        ({"a": SLOT, "b": SLOT}, ""),
        ({"a": SLOT}, "the slots b are gone"),
        ({"a": SLOT, "b": replace(SLOT, status="lost")}, "thrown away log"),
        ({"a": SLOT, "b": replace(SLOT, retained_bytes=5001)}, "keeps 5,001 bytes"),
    ],
)
def test_log_that_is_kept(slots: dict[str, Slot], said: str) -> None:
    gate = gates.judge_wal(slots, ("a", "b"), 5000)
    assert gate.open == (not said)
    assert said in gate.detail


def test_a_copy_is_not_begun_where_a_gate_is_shut() -> None:
    gates.refuse_seeding([passed("a", "fine")])
    with pytest.raises(GoliveError, match="b: too small") as caught:
        gates.refuse_seeding([passed("a", "fine"), failed("b", "too small", "Make it bigger.")])
    assert caught.value.remedy == "Make it bigger."
