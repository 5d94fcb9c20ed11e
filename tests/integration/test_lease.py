# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease's row on real servers: whoever comes at the same instant, exactly one wins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _lease, _mariadb, _postgres
from conftest import Server

NAME, PURPOSE = "lease_it", "leasetest"
Opened = Callable[[], AbstractContextManager[_lease.Store]]


@pytest.fixture(params=["mariadb", "postgresql"])
def opened(
    request: pytest.FixtureRequest, country: dict[str, Any], legacy_server: Server, staging_server: Server
) -> Iterator[Opened]:
    """A connection of its own to the lease's row, each time it is called."""

    @contextmanager
    def connect() -> Iterator[_lease.Store]:
        if request.param == "mariadb":
            password = country["secret_old_registry_operator"]
            with _mariadb.connect(legacy_server.mariadb_login("dfr_golive", password, NAME)) as conn:
                yield _lease.MariadbStore(conn, NAME, PURPOSE)
        else:
            login = staging_server.postgres_login(
                "dfr_golive", country["secret_staging_operator"], "postgres"
            )
            with _postgres.connect(login, autocommit=True) as conn:
                yield _lease.PostgresStore(conn, NAME, PURPOSE)

    yield connect
    with connect() as store:
        store.forget()


def test_a_lease_from_beginning_to_end(opened: Opened) -> None:
    with opened() as store:
        assert store.read() is None
        assert _lease.renew(store, "run", 60) == 0
        assert _lease.take(store, "run", 60).state == _lease.HELD
        store.lapse("run")
        assert _lease.renew(store, "run", 90) > 0
        assert _lease.renew(store, "another", 90) == 0
        ended = _lease.end(store, "run")
        assert ended is not None
        assert ended.state == _lease.ENDED
        assert _lease.renew(store, "run", 90) == 0
        store.lapse("run")
        after = store.read()
        assert after is not None
        assert after.state == _lease.ENDED


def test_a_lapsed_lease_stays_lapsed_for_its_run_and_no_other(opened: Opened) -> None:
    with opened() as store:
        _lease.take(store, "run", -1)
        store.lapse("another")
        assert _lease.renew(store, "run", -1) > 0
        store.lapse("run")
        for late in (
            lambda: _lease.take(store, "run", 60),
            lambda: _lease.renew(store, "run", 60),
            lambda: _lease.end(store, "run"),
        ):
            with pytest.raises(_lease.LapsedError, match="lifted at 20"):
                late()
        assert _lease.take(store, "next", 60).state == _lease.HELD


def test_of_a_run_that_comes_back_and_a_timer_exactly_one_wins(opened: Opened) -> None:
    won = {"run": 0, "timer": 0}
    for _ in range(25):
        with opened() as ours, opened() as timers:
            ours.forget()
            _lease.take(ours, "run", 0)
            gate = threading.Barrier(2)

            def lapse(store: _lease.Store = timers, gate: threading.Barrier = gate) -> None:
                gate.wait()
                store.lapse("run")

            thread = threading.Thread(target=lapse)
            thread.start()
            gate.wait()
            try:
                _lease.renew(ours, "run", 60)
                winner = "run"
            except _lease.LapsedError:
                winner = "timer"
            thread.join()
            lease = timers.read()
            assert lease is not None
            assert lease.state == {"run": _lease.HELD, "timer": _lease.LAPSED}[winner]
            won[winner] += 1
    assert sum(won.values()) == 25
