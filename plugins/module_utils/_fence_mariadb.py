# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fence around one MariaDB database: everybody may still read it, nobody but the operator may write.

MariaDB commits every REVOKE at once, so the whole before-state is kept first, and both directions can be
repeated from wherever they broke off.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    DriftError,
    GoliveError,
    ProbeError,
    one_line,
)
from ansible_collections.dfr.golive.plugins.module_utils._mariadb import (
    driver,
    error_code,
    forget,
    keep,
    recall,
    rows,
    run,
    scalar,
)
from ansible_collections.dfr.golive.plugins.module_utils._mariadb_grants import (
    Event,
    Held,
    Holder,
    Privilege,
    Scope,
    like,
)
from ansible_collections.dfr.golive.plugins.module_utils._mariadb_world import (
    World,
    all_holders,
    look,
    objections,
    prepared,
)

DEFAULT_PURPOSE = "freeze"
DEFAULT_EXEMPT_ACCOUNTS = ("root@localhost", "mysql@localhost", "mariadb.sys@localhost")
POLL_SECONDS = 0.1

_NO_SUCH_THREAD = 1094
_SERVER_THREADS = ("system user", "event_scheduler")
_EVENT_IS_OVER = (1544, 1588, 1589)


@dataclass(frozen=True)
class Before:
    """What was true before the fence, as it is kept."""

    grants: tuple[Held, ...]
    events: tuple[Event, ...]
    evidence: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_state(cls, state: Any) -> Before:
        """Read back what was kept.

        Raises:
            GoliveError: it isn't a fence's before-state; guessing would lose privileges.
        """
        try:
            return cls(
                grants=tuple(
                    Held(
                        Holder(**grant["holder"]),
                        Scope(**grant["scope"]),
                        tuple(Privilege(name, tuple(columns)) for name, columns in grant["privileges"]),
                        bool(grant["grantable"]),
                    )
                    for grant in state["grants"]
                ),
                events=tuple(Event(**event) for event in state["events"]),
                evidence=dict(state["evidence"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise GoliveError(
                "The kept before-state of the MariaDB fence can't be read.",
                remedy="Look at dfr_golive.kept on that server; don't delete it.",
            ) from exc

    def as_state(self) -> dict[str, Any]:
        return {
            "grants": [
                {
                    "holder": vars(grant.holder),
                    "scope": vars(grant.scope),
                    "privileges": [[p.name, list(p.columns)] for p in grant.privileges],
                    "grantable": grant.grantable,
                }
                for grant in self.grants
            ],
            "events": [vars(event) for event in self.events],
            "evidence": self.evidence,
        }

    def joined(self, other: Before) -> Before:
        """Both together: a repeated raise adds what it finds and loses nothing of what the first one kept."""
        merged = {grant.key: grant for grant in self.grants}
        for grant in other.grants:
            known = merged.get(grant.key)
            if known is None:
                merged[grant.key] = grant
            else:
                both = tuple(dict.fromkeys(known.privileges + grant.privileges))
                merged[grant.key] = replace(
                    known, privileges=both, grantable=known.grantable or grant.grantable
                )
        events = tuple(dict.fromkeys(self.events + other.events))
        return Before(tuple(merged.values()), events, self.evidence)


@dataclass(frozen=True)
class Outcome:
    """What a raise or a lift did.

    Attributes:
        changed: anything at all.
        before, after: grants and events as text, for ``--diff``.
        evidence: counts, names, seconds.
    """

    changed: bool
    before: dict[str, Any]
    after: dict[str, Any]
    evidence: dict[str, Any]


# --- raising and lifting ------------------------------------------------------------------------------------


def kind_of(purpose: str) -> str:
    return f"fence.{purpose}"


def raise_fence(
    conn: Any,
    database: str,
    *,
    run_id: str,
    purpose: str = DEFAULT_PURPOSE,
    exempt_accounts: Sequence[str] = DEFAULT_EXEMPT_ACCOUNTS,
    limit_seconds: float = 60.0,
    rehearse: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Take every right to write ``database`` away, stop its events, end the writers' sessions.

    Args:
        conn: the operator's connection.
        database: the database to fence.
        run_id: the run that raises it; a fence of another run is never taken over.
        purpose: names the fence.
        exempt_accounts: accounts left alone, as user@host.
        limit_seconds: how long to wait for the ended sessions to be gone.
        rehearse: only say what would be done.

    Raises:
        GoliveError: it can't be raised (nothing changed), or it is up but sessions or prepared transactions
            remain.
    """
    started = clock()
    with _explained(f"The fence around {database} can't be raised"):
        _one_at_a_time(conn)
        world = look(conn, database, exempt_accounts)
        earlier = _kept(conn, database, purpose, run_id)
        _first_of(objections(conn, database, world))
        todo = Before(world.to_take, world.events, {})
        kept = todo if earlier is None else earlier.joined(todo)
        evidence = {**kept.evidence, **_evidence(world, kept)}
        before = _picture(todo)
        if rehearse:
            found = _sessions(conn, database, world, kept)
            return Outcome(
                _unfinished(earlier, todo), before, _picture(None), {**evidence, "sessions": len(found)}
            )
        if not _unfinished(earlier, todo):
            return Outcome(False, before, before, evidence)
        evidence.pop("seconds", None)
        keep(conn, kind_of(purpose), database, run_id, replace(kept, evidence=evidence).as_state())
        for grant in todo.grants:
            run(conn, grant.revoke)
        for event in todo.events:
            _alter(conn, database, event, "disable")
        world = look(conn, database, exempt_accounts)
        _demand_nothing_left(database, world)
        ended = _end_sessions(
            conn, database, _sessions(conn, database, world, kept), limit_seconds, clock, sleep
        )
        _first_of(
            [
                GoliveError(s, remedy="Decide it: xa commit or xa rollback; then repeat.")
                for s in prepared(conn)
            ]
        )
        evidence["sessions_ended"] = int(evidence.get("sessions_ended", 0)) + ended
        evidence["seconds"] = round(clock() - started, 3)
        keep(conn, kind_of(purpose), database, run_id, replace(kept, evidence=evidence).as_state())
    return Outcome(True, before, _picture(None), evidence)


def lift_fence(
    conn: Any, database: str, *, purpose: str = DEFAULT_PURPOSE, rehearse: bool = False, only_run: str = ""
) -> Outcome:
    """Give everyone back exactly what the fence took, and forget it. Nothing to do when there is no fence.

    With ``only_run`` the fence of any other run is left alone.

    Raises:
        GoliveError: something didn't come back; what was kept stays, so that it can be repeated.
    """
    with _explained(f"The fence around {database} can't be lifted"):
        _one_at_a_time(conn)
        kept, run_id = read_fence(conn, database, purpose=purpose)
        if kept is None or (only_run and run_id != only_run):
            return Outcome(False, {}, {}, {"fence": "not up"})
        evidence: dict[str, Any] = {"fence": "lifted", "accounts": kept.evidence.get("accounts", [])}
        if rehearse:
            return Outcome(True, _picture(None), _picture(kept), evidence)
        there = {holder.sql for holder in all_holders(conn)} | {"public"}
        missing = sorted({str(g.holder) for g in kept.grants if g.holder.sql not in there})
        for grant in kept.grants:
            if grant.holder.sql in there:
                run(conn, grant.grant)
        missing += _enable(conn, database, kept.events)
        _demand_all_back(conn, database, kept, there)
        forget(conn, kind_of(purpose), database)
        if missing:
            evidence["no_longer_there"] = missing
    return Outcome(True, _picture(None), _picture(kept), evidence)


def check_fence(
    conn: Any,
    database: str,
    *,
    run_id: str,
    purpose: str = DEFAULT_PURPOSE,
    exempt_accounts: Sequence[str] = DEFAULT_EXEMPT_ACCOUNTS,
) -> dict[str, Any]:
    """The evidence of a fence that is up and whole; read-only and cheap.

    Raises:
        DriftError: it isn't up, isn't finished, isn't this run's, or somebody may write again.
    """
    with _explained(f"The fence around {database} can't be checked"):
        kept = _kept(conn, database, purpose, run_id)
        world = look(conn, database, exempt_accounts)
    if kept is None or "seconds" not in kept.evidence:
        raise DriftError(
            f"There is no {'finished ' if kept else ''}fence around the database {database}.",
            remedy="Somebody lifted it since; roll back, then begin a new run.",
        )
    holes = [f"{g.holder} holds {', '.join(p.name for p in g.privileges[:4])}" for g in world.to_take]
    holes += [f"event {e.name} is enabled" for e in world.events]
    if holes:
        raise DriftError(
            f"The fence around the database {database} has holes: {'; '.join(holes[:8])}.",
            remedy="Find out who opened it, then roll back and begin a new run: records may have come in.",
        )
    return kept.evidence


def problems(conn: Any, database: str, exempt_accounts: Sequence[str]) -> list[GoliveError]:
    """Everything that is in the fence's way, for a gate that shows it all at once."""
    with _explained(f"The fence around {database} can't be rehearsed"):
        return objections(conn, database, look(conn, database, exempt_accounts))


def read_fence(conn: Any, database: str, *, purpose: str = DEFAULT_PURPOSE) -> tuple[Before | None, str]:
    """The fence's before-state and the run that raised it; (None, '') when there is none."""
    state, run_id = recall(conn, kind_of(purpose), database)
    return (None, "") if state is None else (Before.from_state(state), run_id)


def _kept(conn: Any, database: str, purpose: str, run_id: str) -> Before | None:
    kept, other_run = read_fence(conn, database, purpose=purpose)
    if kept is not None and other_run != run_id:
        raise GoliveError(
            f"The database {database} carries a fence of another run ({other_run}).",
            remedy="Roll that run back first: playbooks/rollback.yml lifts its fence.",
        )
    return kept


def _unfinished(earlier: Before | None, todo: Before) -> bool:
    return earlier is None or "seconds" not in earlier.evidence or bool(todo.grants or todo.events)


def _evidence(world: World, kept: Before) -> dict[str, Any]:
    return {
        "accounts": sorted(str(account) for account in world.writers(kept.grants)),
        "roles": sorted({g.holder.user for g in kept.grants if g.holder.role}),
        "events": [event.name for event in kept.events],
        "exempt": sorted(str(h) for h in world.exempt if h in world.members),
    }


def _demand_nothing_left(database: str, world: World) -> None:
    left = [f"{g.holder} on {g.scope.sql}" for g in world.to_take] + [f"event {e.name}" for e in world.events]
    if left:
        raise GoliveError(
            f"After the fence around {database} these may still write: {', '.join(left[:8])}.",
            remedy="Somebody grants while the fence goes up: find out who, then repeat.",
        )


def _alter(conn: Any, database: str, event: Event, verb: str) -> None:
    """Enable or disable an event in the character set it was made in."""
    statement = event.alter(database, verb)
    encoding = driver().charset.charset_by_name(event.charset).encoding
    try:
        encoded = statement.encode(encoding)
    except UnicodeEncodeError as exc:
        raise GoliveError(
            f"The event {event.name} can't be named in its own character set {event.charset}.",
            remedy="Disable it by hand for the freeze.",
        ) from exc
    run(conn, "set character_set_client = %s, collation_connection = %s", (event.charset, event.collation))
    try:
        run(conn, encoded)
    finally:
        run(conn, "set names utf8mb4")


def _enable(conn: Any, database: str, events: Iterable[Event]) -> list[str]:
    """Start the events again. Returns those that are gone or whose last time passed during the freeze."""
    there = {
        str(row[0])
        for row in rows(
            conn, "select event_name from information_schema.events where event_schema = %s", (database,)
        )
    }
    missing = []
    for event in events:
        try:
            if event.name in there:
                _alter(conn, database, event, "enable")
            else:
                missing.append(f"event {event.name}")
        except driver().err.MySQLError as exc:
            if error_code(exc) not in _EVENT_IS_OVER:
                raise
            missing.append(f"event {event.name}")
    return missing


def _demand_all_back(conn: Any, database: str, kept: Before, there: set[str]) -> None:
    now = {grant.key: grant for grant in look(conn, database, ()).grants}
    lost = []
    for grant in kept.grants:
        if grant.holder.sql not in there:
            continue
        held = now.get(grant.key)
        if held is None or set(_by_column(grant)) - set(_by_column(held)) or grant.grantable > held.grantable:
            lost.append(f"{grant.holder} on {grant.scope.sql}")
    if lost:
        raise GoliveError(
            f"These privileges on {database} didn't come back: {', '.join(lost[:8])}.",
            remedy="They are listed in dfr_golive.kept on that server: grant them by hand, then repeat.",
        )


def _by_column(grant: Held) -> Iterator[tuple[str, str]]:
    for privilege in grant.privileges:
        for column in privilege.columns or ("",):
            yield privilege.name, column


# --- sessions -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Session:
    number: int
    user: str
    host: str
    database: str
    command: str

    def __str__(self) -> str:
        return f"{self.number} ({self.user} from {self.host or 'here'})"


def _sessions(conn: Any, database: str, world: World, kept: Before) -> list[Session]:
    """The sessions that began before the fence and may still carry the rights they began with."""
    found = rows(
        conn,
        "select id, user, coalesce(host, ''), coalesce(db, ''), coalesce(command, '')"
        " from information_schema.processlist where id <> connection_id() order by 1",
    )
    accounts = world.writers(kept.grants)
    return [
        session
        for session in (Session(int(n), str(u), str(h), str(d), str(c)) for n, u, h, d, c in found)
        if _to_end(session, database, accounts, world)
    ]


def _to_end(session: Session, database: str, accounts: set[Holder], world: World) -> bool:
    if session.user in _SERVER_THREADS:
        return False
    if session.command == "Connect" and session.database == database:
        return True  # a worker of the event scheduler, whoever its definer is
    if session.user == "unauthenticated user":
        return True  # half logged in: it comes back with the rights of now
    host = session.host.rpartition(":")[0] or session.host
    for spared in (world.operator, *world.exempt):
        if spared.user == session.user and like(host, spared.host):
            return False
    return any(account.user in (session.user, "") for account in accounts)


def _end_sessions(
    conn: Any,
    database: str,
    sessions: Sequence[Session],
    limit_seconds: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> int:
    """Kill, then wait: a killed session is there until what it had begun is rolled back."""
    started = clock()
    for session in sessions:
        try:
            run(conn, f"kill connection {session.number}")
        except driver().err.MySQLError as exc:
            if error_code(exc) != _NO_SUCH_THREAD:
                raise
    left = {session.number: session for session in sessions}
    while left:
        alive = {int(row[0]) for row in rows(conn, "select id from information_schema.processlist")}
        left = {number: session for number, session in left.items() if number in alive}
        if left and clock() - started > limit_seconds:
            raise GoliveError(
                f"The fence around {database} is up, but after {limit_seconds:g} s these sessions aren't"
                f" gone: {', '.join(str(s) for s in list(left.values())[:8])}.",
                remedy="Wait until the server has rolled them back, then repeat; the fence stays up.",
            )
        if left:
            sleep(POLL_SECONDS)
    return len(sessions)


# --- small things -------------------------------------------------------------------------------------------


def _picture(state: Before | None) -> dict[str, Any]:
    if state is None:
        return {"write": [], "events": []}
    return {"write": sorted(g.grant for g in state.grants), "events": sorted(e.name for e in state.events)}


def _first_of(problems: Sequence[GoliveError]) -> None:
    if problems:
        raise problems[0]


def _one_at_a_time(conn: Any) -> None:
    if scalar(conn, "select get_lock('dfr_golive.fence', 10)") != 1:
        raise GoliveError(
            "Another fence is being raised or lifted on this MariaDB server.",
            remedy="Wait for it, then repeat.",
        )


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """The server's own refusals in one sentence; a lost connection is a probe without an answer."""
    err = driver().err
    try:
        yield
    except (err.OperationalError, err.InterfaceError) as exc:
        # The driver files refusals under OperationalError too: below 2000 the server has answered.
        kind = ProbeError if not 0 < error_code(exc) < 2000 else GoliveError
        raise kind(f"{what}: {one_line(exc.args[-1] if exc.args else exc)}.", remedy=_LOOK) from exc
    except err.MySQLError as exc:
        raise GoliveError(f"{what}: {one_line(exc.args[-1] if exc.args else exc)}.", remedy=_LOOK) from exc


_LOOK = "Look at the server and the operator's privileges (roles/freeze_legacy/README.md), then repeat."
