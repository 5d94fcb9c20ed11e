# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the fence decides without a server: whose sessions end, what is kept, what a repeat adds."""

from __future__ import annotations

from typing import Any, Self

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _fence_mariadb as fence
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._fence_mariadb import Before, Session
from ansible_collections.dfr.golive.plugins.module_utils._mariadb_grants import (
    Event,
    Held,
    Holder,
    Privilege,
    Scope,
)
from ansible_collections.dfr.golive.plugins.module_utils._mariadb_world import World

OPERATOR = Holder("op", "%")
ROOT = Holder("root", "localhost")
APP = Holder("app", "%")
CLERK = Holder("clerk", "10.%")
WRITERS = Holder("writers", role=True)
ALL_WRITERS = Holder("all_writers", role=True)


def held(holder: Holder, *names: str, grantable: bool = False) -> Held:
    return Held(holder, Scope("reg", "*"), tuple(Privilege(n) for n in names), grantable)


def world(*grants: Held, members: dict[Holder, tuple[str, ...]] | None = None) -> World:
    everybody: dict[Holder, tuple[str, ...]] = dict.fromkeys((OPERATOR, ROOT, APP, CLERK), ())
    return World(OPERATOR, (ROOT,), grants, {**everybody, **(members or {})}, ())


def test_the_operator_and_the_exempt_lose_nothing() -> None:
    here = world(held(OPERATOR, "INSERT"), held(ROOT, "INSERT"), held(APP, "INSERT"))
    assert [grant.holder for grant in here.to_take] == [APP]


def test_a_role_makes_a_writer_through_other_roles() -> None:
    members = {CLERK: ("all_writers",), ALL_WRITERS: ("writers",), WRITERS: ()}
    here = world(held(WRITERS, "INSERT"), members=members)
    assert here.writers(here.to_take) == {CLERK}


def test_what_public_holds_makes_everybody_a_writer() -> None:
    here = world(held(Holder("PUBLIC", role=True), "INSERT"))
    assert here.writers(here.to_take) == {APP, CLERK}


@pytest.mark.parametrize(
    ("session", "ends"),
    [
        (Session(1, "app", "10.0.0.1:55", "reg", "Sleep"), True),
        (Session(1, "app", "localhost", "", "Query"), True),
        (Session(1, "clerk", "10.0.0.1:55", "reg", "Sleep"), False),
        (Session(1, "op", "10.0.0.1:55", "reg", "Sleep"), False),
        (Session(1, "root", "localhost", "reg", "Query"), False),
        (Session(1, "unauthenticated user", "10.0.0.1:55", "", "Connect"), True),
        (Session(1, "event_scheduler", "localhost", "", "Daemon"), False),
        (Session(1, "root", "localhost", "reg", "Connect"), True),
    ],
)
def test_whose_sessions_end(session: Session, ends: bool) -> None:
    assert fence._to_end(session, "reg", {APP}, world()) is ends


def test_an_anonymous_account_may_be_anybody_but_the_server() -> None:
    anonymous = {Holder("", "%")}
    assert fence._to_end(Session(1, "whoever", "10.0.0.1:5", "reg", "Sleep"), "reg", anonymous, world())
    for name in ("system user", "event_scheduler"):
        assert not fence._to_end(Session(1, name, "", "", "Daemon"), "reg", anonymous, world())


def test_a_root_from_elsewhere_is_not_the_exempt_one() -> None:
    assert fence._to_end(
        Session(1, "root", "10.0.0.1:5", "reg", "Sleep"), "reg", {Holder("root", "%")}, world()
    )


def test_what_is_kept_can_be_read_back() -> None:
    before = Before(
        (
            Held(APP, Scope("reg", "t"), (Privilege("UPDATE", ("a", "b")),), True),
            held(WRITERS, "INSERT"),
        ),
        (Event("nightly", "app@%", "latin1", "latin1_bin"),),
        {"seconds": 0.5},
    )
    assert Before.from_state(before.as_state()) == before


@pytest.mark.parametrize(
    "state", [None, [], {}, {"grants": [{}], "events": [], "evidence": {}}, {"grants": 1}]
)
def test_what_is_not_a_before_state_is_refused(state: Any) -> None:
    with pytest.raises(GoliveError, match="can't be read"):
        Before.from_state(state)


def test_a_repeat_adds_and_loses_nothing() -> None:
    first = Before(
        (held(APP, "INSERT", grantable=True),),
        (Event("a", "app@%", "latin1", "latin1_bin"),),
        {"sessions_ended": 3},
    )
    again = Before(
        (held(APP, "DELETE"), held(CLERK, "INSERT")), (Event("b", "app@%", "latin1", "latin1_bin"),), {}
    )
    both = first.joined(again)
    assert both.grants == (held(APP, "INSERT", "DELETE", grantable=True), held(CLERK, "INSERT"))
    assert [e.name for e in both.events] == ["a", "b"]
    assert both.evidence == {"sessions_ended": 3}
    assert first.joined(first) == first


class Slow:
    """A server on which killed sessions never go."""

    def __init__(self) -> None:
        self.now = 0.0
        self.killed: list[str] = []

    def cursor(self) -> Slow:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_args: object) -> None:
        return None

    def execute(self, statement: str, _params: Any = None) -> None:
        if statement.startswith("kill"):
            self.killed.append(statement)

    def fetchall(self) -> list[tuple[int]]:
        return [(7,), (9,)]

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_waiting_for_sessions_has_a_limit_and_says_whom_it_waits_for() -> None:
    server = Slow()
    sessions = [
        Session(7, "app", "10.0.0.1:5", "reg", "Query"),
        Session(8, "app", "10.0.0.2:5", "reg", "Query"),
    ]
    with pytest.raises(GoliveError, match=r"after 3 s .*: 7 \(app from 10.0.0.1:5\)\.") as raised:
        fence._end_sessions(server, "reg", sessions, 3, lambda: server.now, server.sleep)
    assert "8 (app" not in str(raised.value)
    assert server.killed == ["kill connection 7", "kill connection 8"]
