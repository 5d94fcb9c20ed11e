# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _users
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._odoo import OdooRefusedError
from ansible_collections.dfr.golive.plugins.module_utils._users import Wave

WAVE = Wave("enumerators", "dfr_registry.group_enumerator", tuple(range(1, 46)))


class Users:
    """Odoo's users in memory."""

    def __init__(self) -> None:
        self.active = dict.fromkeys(WAVE.ids, False)
        self.served: list[int] = []
        self.stuck: set[int] = set()
        self.fail_after = 10**6
        self.login = SimpleNamespace(database="d")

    def call(self, _model: str, method: str, ids: list[int], values: Any = None, **_kwargs: Any) -> None:
        if method == "action_reset_password":
            if len(self.served) >= self.fail_after:
                raise OdooRefusedError("the mail server is gone")
            self.served += ids
        else:
            self.active.update(dict.fromkeys(set(ids) - self.stuck, values["active"]))

    def rows(self, _model: str, domain: list[Any], fields: list[str]) -> list[dict[str, Any]]:
        ids = next(value for name, _, value in domain if name == "id")
        only = [value for name, _, value in domain if name == "active"]
        return [
            {"id": i, "login": f"e{i}"}
            for i in ids
            if not only or self.active[i] is only[0] or "login" in fields
        ]

    def count(self, _model: str, domain: list[Any]) -> int:
        return sum(self.active[i] for i in domain[0][2])


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    monkeypatch.setattr(_users._postgres, "recall", lambda _c, _k, name: kept.get(name))
    monkeypatch.setattr(
        _users._postgres, "keep", lambda _c, _k, name, _r, state: kept.setdefault(name, state)
    )
    return kept


def welcome(users: Users, policy: str, passwords: dict[str, str] | None = None) -> int:
    args: Any = (users, None, None, WAVE)
    return _users.welcome(*args, policy=policy, passwords=passwords or {}, run_id="r")


def test_a_wave_comes_in_whole_and_once() -> None:
    users = Users()
    users.active[3] = True
    assert _users.enable_wave(users, WAVE) == 44  # type: ignore[arg-type]
    assert _users.enable_wave(users, WAVE) == 0  # type: ignore[arg-type]


def test_a_wave_that_stays_partly_out_is_counted() -> None:
    users = Users()
    users.stuck = {7, 8}
    with pytest.raises(GoliveError) as error:
        _users.enable_wave(users, WAVE)  # type: ignore[arg-type]
    assert "43 of 45 enumerators" in str(error.value)


def test_keep_serves_nobody(store: dict[str, Any]) -> None:
    assert welcome(Users(), "keep") == 0
    assert store == {}


def test_nobody_is_invited_twice(store: dict[str, Any]) -> None:
    users = Users()
    users.fail_after = 20
    with pytest.raises(OdooRefusedError):
        welcome(users, "invite")
    users.fail_after = 10**6
    assert welcome(users, "invite") == 25
    assert welcome(users, "invite") == 0
    assert sorted(users.served) == list(WAVE.ids)


class Table:
    """res_users as far as set_passwords sees it."""

    def __init__(self) -> None:
        self.set: dict[int, str] = {}

    def execute(self, query: str, values: Any) -> Table:
        if query.startswith("update"):
            self.set.update(zip(*values, strict=True))
        else:
            self.found = [(i, f"e{i}") for i in values[0]]
        return self

    def fetchall(self) -> list[tuple[int, str]]:
        return self.found


def test_initial_passwords_go_to_their_users(store: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_users._odoo_config, "hash_password", lambda word, _rounds: f"hash of {word}")
    table = Table()
    args: Any = (Users(), None, table, WAVE)
    given = {f"e{i}": f"p{i}" for i in WAVE.ids}
    assert _users.welcome(*args, policy="initial", passwords=given, run_id="r") == 45
    assert table.set == {i: f"hash of p{i}" for i in WAVE.ids}
    assert "p45" not in str(store)


def test_a_wave_survives_the_way_through_ansible() -> None:
    assert Wave.from_dict({**WAVE.as_dict(), "enabled": 3}) == WAVE
