# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _tablesync
from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation
from ansible_collections.dfr.golive.plugins.module_utils._errors import DriftError, GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin
from ansible_collections.dfr.golive.plugins.module_utils._replication import Memory, Pair, Reach
from ansible_collections.dfr.golive.plugins.module_utils._subscription import Subscription
from ansible_collections.dfr.golive.plugins.module_utils._wal import Slot

PAIR = Pair(
    "prod",
    PostgresLogin("staging", 5432, "op", "s3cret", "stg"),
    PostgresLogin("production", 5432, "op", "s3cret", "prod_incoming"),
    "odoo",
    Reach("staging", 5432, "disable"),
    Path("/nowhere"),
)
KNOWN = Subscription(16999, enabled=True, worker=1, received=0, errors=2, slot=PAIR.label)
SLOT = Slot(
    PAIR.label,
    "stg",
    active=True,
    confirmed=1,
    retained_bytes=1,
    status="reserved",
    spare_bytes=None,
)
LOST = Slot(
    PAIR.label,
    "stg",
    active=False,
    confirmed=1,
    retained_bytes=1,
    status="lost",
    spare_bytes=None,
)
DEFINITIONS = {"table farmer": "abc"}


def relation(name: str, size: int) -> Relation:
    return Relation("public", name, 1, (), ("id",), "d", "", "odoo", "p", 10, size)


TABLES = (relation("farmer", 60), relation("plot", 40), relation("visit", 10))


def memory(there: list[str], *, small: bool = True) -> Memory:
    return Memory(
        "copying",
        "stg",
        "prod_incoming",
        fingerprint=DEFINITIONS,
        streamed=["farmer", "plot"],
        there=there,
        small=small,
    )


@pytest.mark.parametrize(
    ("there", "small", "now", "wanted"),
    [
        (["farmer"], True, DEFINITIONS, True),
        (["farmer", "plot"], True, DEFINITIONS, True),
        (["plot"], True, DEFINITIONS, False),
        ([], True, DEFINITIONS, False),
        (["farmer"], False, DEFINITIONS, False),
        (["farmer"], True, {"table farmer": "abd"}, False),
        (["farmer"], True, {**DEFINITIONS, "table new": "x"}, False),
    ],
)
def test_half_of_the_bytes_and_every_definition_make_it_worth_keeping(
    there: list[str], small: bool, now: dict[str, str], wanted: bool
) -> None:
    assert _tablesync.worth_keeping(memory(there, small=small), TABLES, now) is wanted


class World:
    """A target whose tables come one by one, and a source with its slot."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *looks: tuple[int, list[str]]) -> None:
        self.looks = list(looks)
        self.known: Subscription | None = KNOWN
        self.slots = {PAIR.label: SLOT}
        self.info = SimpleNamespace(server_version=170000)
        self.now = 0.0
        monkeypatch.setattr(_tablesync, "connect", self.connect)
        monkeypatch.setattr(_tablesync, "subscription", lambda _conn, _pair: self.known)
        monkeypatch.setattr(_tablesync, "read_slots", lambda _conn, _prefix: self.slots)
        monkeypatch.setattr(_tablesync, "scalar", lambda _conn, _query, _values: 3)

    @contextmanager
    def connect(self, _login: PostgresLogin, *, autocommit: bool) -> Iterator[World]:
        assert autocommit
        yield self

    def execute(self, _query: str, values: tuple[Any, ...]) -> Any:
        assert values == (KNOWN.oid,)
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return SimpleNamespace(fetchone=lambda: look)

    def wait(self) -> int:
        def sleep(seconds: float) -> None:
            self.now += seconds

        return _tablesync.wait_brought(PAIR, 10, clock=lambda: self.now, sleep=sleep)


def test_it_waits_until_all_tables_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    assert World(monkeypatch, (3, ["plot", "visit"]), (3, ["plot"]), (3, [])).wait() == 3


def test_a_table_that_does_not_come_is_named_with_the_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, (3, ["plot"]))
    with pytest.raises(GoliveError, match=r"After 10 s .* hasn't brought all of plot \(5 errors") as caught:
        world.wait()
    assert "max_sync_workers_per_subscription" in caught.value.remedy
    assert world.now >= 10


def test_an_older_server_counts_no_errors_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, (3, ["plot"]))
    world.info.server_version = 140000
    with pytest.raises(GoliveError, match=r"\(2 errors"):
        world.wait()


@pytest.mark.parametrize(("slots", "word"), [({}, "gone"), ({PAIR.label: LOST}, "lost")])
def test_without_its_slot_it_stops_at_once(
    monkeypatch: pytest.MonkeyPatch, slots: dict[str, Slot], word: str
) -> None:
    world = World(monkeypatch, (3, ["plot"]))
    world.slots = slots
    with pytest.raises(DriftError, match=f"its slot on the source is {word}"):
        world.wait()
    assert world.now == 0


def test_a_subscription_without_tables_or_none_at_all_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProbeError, match="knows no table"):
        World(monkeypatch, (0, [])).wait()
    world = World(monkeypatch, (3, []))
    world.known = None
    with pytest.raises(DriftError, match="is gone"):
        world.wait()
