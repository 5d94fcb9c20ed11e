# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease of a fence: how long a source may stay frozen without a sign of life from the run that froze it.

It is one row beside the fence's before-state, on the fenced server. Whoever renews, ends or lapses it does so in one
statement that looks at the row's state, by the server's own clock: of a run that comes back and a timer that lifts,
exactly one wins, and the other one sees it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from ansible_collections.dfr.golive.plugins.module_utils import _mariadb, _postgres
from ansible_collections.dfr.golive.plugins.module_utils._errors import DriftError

HELD, ENDED, LAPSED = "held", "ended", "lapsed"


class LapsedError(DriftError):
    """The source isn't frozen any more: the lease ran out, and the timer on its host lifted the fence."""


@dataclass(frozen=True)
class Lease:
    """A lease as the server has it.

    Attributes:
        run_id: whose fence it belongs to.
        state: held; ended, when the name has been switched and the fence stays for good; lapsed.
        until: seconds since 1970, by the server's clock.
        at: when it lapsed; 0 otherwise.
    """

    run_id: str
    state: str
    until: float
    at: float = 0.0

    @classmethod
    def from_row(cls, run_id: str, state: dict[str, Any]) -> Lease:
        return cls(run_id, str(state["state"]), float(state["until"]), float(state.get("at", 0)))


class Store(Protocol):
    """The row of one database's lease. Each change is one statement, decided by the row as it is then."""

    database: str

    def take(self, run_id: str, seconds: int) -> None:
        """Held for so long from now on; unless this very run's lease has lapsed."""

    def renew(self, run_id: str, seconds: int) -> None:
        """Held for so long from now on; only if it is held."""

    def end(self, run_id: str) -> None:
        """Never lapses any more; only if it is held."""

    def lapse(self, run_id: str) -> None:
        """Lapsed; only if it is held and its time is over."""

    def read(self) -> Lease | None:
        """As it is now; None when there is none."""

    def forget(self) -> None:
        """There is none any more."""


class PostgresStore:
    """In ``dfr_golive.kept`` of the maintenance database; needs an autocommit connection to it."""

    _TAKE = """
insert into dfr_golive.kept as k (kind, name, run_id, state)
values (%s, %s, %s,
        jsonb_build_object('state', 'held', 'until', extract(epoch from clock_timestamp())::float8 + %s))
on conflict (kind, name) do update set run_id = excluded.run_id, state = excluded.state
where k.run_id <> excluded.run_id or k.state->>'state' <> 'lapsed'"""
    _RENEW = """
update dfr_golive.kept
set state = state || jsonb_build_object('until', extract(epoch from clock_timestamp())::float8 + %s)
where kind = %s and name = %s and run_id = %s and state->>'state' = 'held'"""
    _END = """
update dfr_golive.kept set state = state || jsonb_build_object('state', 'ended')
where kind = %s and name = %s and run_id = %s and state->>'state' = 'held'"""
    _LAPSE = """
update dfr_golive.kept set state = state
    || jsonb_build_object('state', 'lapsed', 'at', extract(epoch from clock_timestamp())::float8)
where kind = %s and name = %s and run_id = %s and state->>'state' = 'held'
and (state->>'until')::float8 < extract(epoch from clock_timestamp())::float8"""

    def __init__(self, conn: Any, database: str, purpose: str) -> None:
        self._conn = conn
        self.database = database
        self._key = (f"lease.{purpose}", database)

    def take(self, run_id: str, seconds: int) -> None:
        _postgres.prepare_kept(self._conn)
        self._conn.execute(self._TAKE, (*self._key, run_id, seconds))

    def renew(self, run_id: str, seconds: int) -> None:
        if self.read() is not None:
            self._conn.execute(self._RENEW, (seconds, *self._key, run_id))

    def end(self, run_id: str) -> None:
        if self.read() is not None:
            self._conn.execute(self._END, (*self._key, run_id))

    def lapse(self, run_id: str) -> None:
        if self.read() is not None:
            self._conn.execute(self._LAPSE, (*self._key, run_id))

    def read(self) -> Lease | None:
        if _postgres.scalar(self._conn, "select to_regclass('dfr_golive.kept') is null"):
            return None
        row = self._conn.execute(
            "select run_id, state from dfr_golive.kept where kind = %s and name = %s", self._key
        ).fetchone()
        return None if row is None else Lease.from_row(row[0], row[1])

    def forget(self) -> None:
        _postgres.forget(self._conn, *self._key)


class MariadbStore:
    """In ``dfr_golive.kept`` of the server."""

    # MariaDB sets the columns in this order: the state is decided by the run that was there before.
    _TAKE = """
insert into dfr_golive.kept (kind, name, run_id, state)
values (%s, %s, %s, json_object('state', 'held', 'until', unix_timestamp(now(6)) + %s))
on duplicate key update
    state = if(run_id <> values(run_id) or json_value(state, '$.state') <> 'lapsed', values(state), state),
    run_id = values(run_id)"""
    _RENEW = """
update dfr_golive.kept set state = json_set(state, '$.until', unix_timestamp(now(6)) + %s)
where kind = %s and name = %s and run_id = %s and json_value(state, '$.state') = 'held'"""
    _END = """
update dfr_golive.kept set state = json_set(state, '$.state', 'ended')
where kind = %s and name = %s and run_id = %s and json_value(state, '$.state') = 'held'"""
    _LAPSE = """
update dfr_golive.kept set state = json_set(state, '$.state', 'lapsed', '$.at', unix_timestamp(now(6)))
where kind = %s and name = %s and run_id = %s and json_value(state, '$.state') = 'held'
and cast(json_value(state, '$.until') as double) < unix_timestamp(now(6))"""

    def __init__(self, conn: Any, database: str, purpose: str) -> None:
        self._conn = conn
        self.database = database
        self._key = (f"lease.{purpose}", database)

    def take(self, run_id: str, seconds: int) -> None:
        _mariadb.prepare_kept(self._conn)
        _mariadb.run(self._conn, self._TAKE, (*self._key, run_id, seconds))

    def renew(self, run_id: str, seconds: int) -> None:
        if self.read() is not None:
            _mariadb.run(self._conn, self._RENEW, (seconds, *self._key, run_id))

    def end(self, run_id: str) -> None:
        if self.read() is not None:
            _mariadb.run(self._conn, self._END, (*self._key, run_id))

    def lapse(self, run_id: str) -> None:
        if self.read() is not None:
            _mariadb.run(self._conn, self._LAPSE, (*self._key, run_id))

    def read(self) -> Lease | None:
        state, run_id = _mariadb.recall(self._conn, *self._key)
        return None if state is None else Lease.from_row(run_id, state)

    def forget(self) -> None:
        _mariadb.forget(self._conn, *self._key)


def take(store: Store, run_id: str, seconds: int) -> Lease:
    """Begin or renew the lease of a fence that this run is about to raise.

    Raises:
        LapsedError: this run froze the source before, and its lease has run out since.
    """
    store.take(run_id, seconds)
    lease = _unless_lapsed(store, run_id)
    if lease is None:
        raise DriftError(f"The lease of {store.database} was taken and isn't there.")
    return lease


def renew(store: Store, run_id: str, seconds: int) -> float:
    """A sign of life; when the next one is due: a quarter of the lease from now, by this host's clock.

    Where the fence has no lease, or one that has ended, nothing is due, and that is 0.

    Raises:
        LapsedError: too late.
    """
    store.renew(run_id, seconds)
    lease = _unless_lapsed(store, run_id)
    return time.time() + seconds / 4 if lease is not None and lease.state == HELD else 0.0


def end(store: Store, run_id: str) -> Lease | None:
    """The switch has been made: the fence stays, whatever becomes of the run.

    Raises:
        LapsedError: too late.
    """
    store.end(run_id)
    return _unless_lapsed(store, run_id)


def _unless_lapsed(store: Store, run_id: str) -> Lease | None:
    lease = store.read()
    if lease is None or lease.run_id != run_id:
        return None
    if lease.state == LAPSED:
        raise LapsedError(
            f"The freeze of {store.database} was lifted at {_utc(lease.at)}: its lease ran until"
            f" {_utc(lease.until)}, and the run gave no sign of life. Records may have come in since.",
            remedy="Go back with playbooks/rollback.yml, then begin a new run: it brings over what came in since.",
        )
    return lease


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
