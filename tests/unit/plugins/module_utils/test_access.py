# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _access
from ansible_collections.dfr.golive.plugins.module_utils._access import Way
from ansible_collections.dfr.golive.plugins.module_utils._dns import Answer, Says
from ansible_collections.dfr.golive.plugins.module_utils._door import Position
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._odoo import OdooLogin, Page
from ansible_collections.dfr.golive.plugins.module_utils._users import Wave

WAY = Way("dfr.demo.test", "192.0.2.40", ["192.0.2.53", "192.0.2.54"])
SMOKE = OdooLogin("http://unused", "d", "smoke", "p")
ADMIN = OdooLogin("http://unused", "d", "admin", "p")
FORM = '<form><input name="password"></form>'


class Asker:
    def __init__(self, **answers: Answer) -> None:
        self.answers = answers

    def record(self, server: str, name: str, kind: str, *, recurse: bool) -> Answer:
        assert (name, kind, recurse) == ("dfr.demo.test.", "A", True)
        return self.answers.get(server[-2:], Answer(server, Says.ADDRESSES, ("192.0.2.40",), 5))


def answer(says: Says, *values: str) -> Asker:
    return Asker(**{"54": Answer("192.0.2.54", says, values, 5)})


def test_every_resolver_must_lead_here() -> None:
    said = _access.resolve(WAY, Asker())  # type: ignore[arg-type]
    assert said["192.0.2.53"] == {"addresses": ["192.0.2.40"], "ttl": 5}
    assert len(said) == 2


@pytest.mark.parametrize("says", [Says.TIMEOUT, Says.SERVFAIL, Says.REFUSED])
def test_a_resolver_without_an_answer_is_unknown(says: Says) -> None:
    with pytest.raises(ProbeError):
        _access.resolve(WAY, answer(says))  # type: ignore[arg-type]


@pytest.mark.parametrize(("says", "values"), [(Says.ADDRESSES, ("192.0.2.11",)), (Says.NO_NAME, ())])
def test_a_resolver_that_leads_elsewhere_is_a_no(says: Says, values: tuple[str, ...]) -> None:
    with pytest.raises(GoliveError) as error:
        _access.resolve(WAY, answer(says, *values))  # type: ignore[arg-type]
    assert not isinstance(error.value, ProbeError)


def test_no_resolver_to_ask_is_unknown() -> None:
    with pytest.raises(ProbeError):
        _access.resolve(Way("dfr.demo.test", "192.0.2.40", []))


def test_the_port_is_only_written_when_it_is_unusual() -> None:
    assert WAY.url == "https://dfr.demo.test"
    assert Way("a", "b", [], 8443).url == "https://a:8443"


class Session:
    def __init__(self, login: OdooLogin) -> None:
        assert (login.url, login.address) == ("https://dfr.demo.test", "192.0.2.40")
        self.login = login
        self.uid = 7

    def rows(self, *_args: Any, **_kwargs: Any) -> list[dict[str, Any]]:
        return [{"id": 7, "login": self.login.login}]

    def count(self, *_args: Any, **_kwargs: Any) -> int:
        return 2


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(_access, "resolve", lambda _way: {"192.0.2.53": {}})
    monkeypatch.setattr(_access._door, "position", lambda _door: Position.OPEN)
    monkeypatch.setattr(_access._odoo, "fetch", lambda *_a, **_k: Page(200, 0.1, FORM))
    monkeypatch.setattr(_access._odoo, "connect", Session)
    return monkeypatch


def walk(*waves: Wave) -> dict[str, Any]:
    return _access.walk_in(WAY, SMOKE, ADMIN, waves, check_path="/web/login", limit=0.1)


def test_walking_in_goes_where_the_name_leads(world: pytest.MonkeyPatch) -> None:
    evidence = walk(Wave("administrators", "g", (1, 2)))
    assert evidence["address"] == "192.0.2.40"
    assert evidence["active"] == {"administrators": 2}


def test_a_wave_that_is_not_fully_in_is_found(world: pytest.MonkeyPatch) -> None:
    with pytest.raises(GoliveError) as error:
        walk(Wave("enumerators", "g", (1, 2, 3)))
    assert "2 of 3 enumerators" in str(error.value)


def test_a_closed_door_is_found(world: pytest.MonkeyPatch) -> None:
    world.setattr(_access._door, "position", lambda _door: Position.CLOSED)
    with pytest.raises(ProbeError) as error:
        walk()
    assert "closed, not open" in str(error.value)


@pytest.mark.parametrize(("status", "body"), [(200, "welcome"), (500, FORM)])
def test_a_page_without_a_form_is_found(world: pytest.MonkeyPatch, status: int, body: str) -> None:
    world.setattr(_access._odoo, "fetch", lambda *_a, **_k: Page(status, 0.1, body))
    with pytest.raises(GoliveError):
        walk()
