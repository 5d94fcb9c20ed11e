# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _health
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._odoo import OdooLogin, OdooRefusedError, Page

LOGIN = OdooLogin("http://o", "d", "smoke", "p")
SPEC = _health.Registration(model="dfr.farmer", values={"name": "Probe", "village": "V"})


class World:
    """A registry in memory; both users see it."""

    def __init__(self) -> None:
        self.rows_: dict[int, dict[str, Any]] = {i: {"code": f"F{i}"} for i in range(1, 6)}
        self.next = 6
        self.may_remove = True
        self.spoils = False
        self.refuses = False

    def call(self, _model: str, method: str, *args: Any, **_kwargs: Any) -> Any:
        if method == "create":
            if self.refuses:
                raise OdooRefusedError("Odoo refused create: no right.")
            self.rows_[self.next] = {**args[0], **({"village": "?"} if self.spoils else {})}
            self.next += 1
            return self.next - 1
        assert method == "unlink"
        if not self.may_remove:
            raise OdooRefusedError("Odoo refused unlink: no right.")
        for i in args[0]:
            del self.rows_[i]
        return True

    def rows(self, _model: str, domain: list[Any], fields: list[str], **_kwargs: Any) -> list[dict[str, Any]]:
        ((_, how, mark),) = domain
        found = {
            i: row
            for i, row in self.rows_.items()
            if (row["code"] == mark if how == "=" else row["code"].startswith(mark.rstrip("%")))
        }
        return [
            {"id": i, **{name: row.get(name) for name in fields if name != "id"}} for i, row in found.items()
        ]

    def count(self, model: str, domain: list[Any]) -> int:
        return len(self.rows(model, domain, [])) if domain else len(self.rows_)


def probe(world: World) -> tuple[_health.Finding, dict[str, Any]]:
    return _health.registration(world, world, SPEC)  # type: ignore[arg-type]


def test_a_registration_leaves_nothing_behind() -> None:
    world = World()
    world.rows_[99] = {"code": "GOLIVE-PROBE-crashed"}
    finding, figures = probe(world)
    assert finding.ok
    assert figures["leftovers_removed"] == 1
    assert figures["before"] == figures["after"] == len(world.rows_) == 5


def test_a_registration_that_comes_back_different_is_found_and_removed() -> None:
    world = World()
    world.spoils = True
    finding, _ = probe(world)
    assert not finding.ok
    assert "village" in finding.detail
    assert len(world.rows_) == 5


def test_a_refused_registration_is_a_failure() -> None:
    world = World()
    world.refuses = True
    with pytest.raises(OdooRefusedError):
        probe(world)
    assert len(world.rows_) == 5


def test_a_probe_that_cannot_be_rolled_away_names_its_code() -> None:
    world = World()
    world.may_remove = False
    with pytest.raises(GoliveError) as error:
        probe(world)
    assert "GOLIVE-PROBE-" in str(error.value)


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, '{"status": "pass"}', True),
        (200, '{"status": "fail"}', False),
        (200, "<html>", None),
        (200, "[]", None),
        (503, '{"status": "pass"}', None),
    ],
)
def test_web_health(status: int, body: str, verdict: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_health._odoo, "fetch", lambda *_a, **_k: Page(status, 0.1, body))
    if verdict is None:
        with pytest.raises(ProbeError):
            _health.web_health(LOGIN)
    else:
        assert _health.web_health(LOGIN).ok is verdict


def test_percentiles_are_nearest_rank_and_need_samples() -> None:
    seconds = [i / 100 for i in range(1, 101)]
    assert _health.percentile(seconds, 50) == 0.5
    assert _health.percentile(seconds, 95) == 0.95
    assert _health.percentile([0.3], 95) == 0.3
    with pytest.raises(ProbeError):
        _health.percentile([], 95)


def test_page_latency_judges_the_slowest_but_not_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = iter([9.0, 0.1, 0.2, 3.5])
    monkeypatch.setattr(_health._odoo, "fetch", lambda *_a, **_k: Page(200, next(taken), "page"))
    finding, looks = _health.page_latency(LOGIN, "/web/login", _health.Limits(page_samples=3))
    assert not finding.ok
    assert looks == [9.0, 0.1, 0.2, 3.5]
    assert "3.5 s, limit 3 s" in finding.sentence


def test_a_page_with_another_status_is_not_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_health._odoo, "fetch", lambda *_a, **_k: Page(500, 0.1, "oops"))
    assert not _health.page_latency(LOGIN, "/web/login", _health.Limits())[0].ok


class Conn:
    def __init__(self, row: Any) -> None:
        self.row = row
        self.info = type("Info", (), {"dbname": "d"})

    def execute(self, *_args: Any) -> Conn:
        return self

    def fetchone(self) -> Any:
        return self.row


WELL = (10.0, 97.0, 0.5, 0.0, 0.0, 1000.0, 5e6, False)


def test_a_well_database() -> None:
    findings, figures = _health.database(Conn(WELL), _health.Limits())  # type: ignore[arg-type]
    assert all(finding.ok for finding in findings)
    assert figures["connections"] == 10


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [
        (0, 90.0, "database.connections"),
        (2, 61.0, "database.longest_transaction"),
        (3, 1.0, "database.invalid_indexes"),
        (4, 1.0, "database.lock_waits"),
        (5, 2.0**30 + 2**21, "database.wraparound"),
        (7, True, "database.primary"),
    ],
)
def test_an_ill_database_is_named(column: int, value: Any, name: str) -> None:
    row = [*WELL]
    row[column] = value
    findings, _ = _health.database(Conn(tuple(row)), _health.Limits())  # type: ignore[arg-type]
    assert [finding.name for finding in findings if not finding.ok] == [name]


@pytest.mark.parametrize("row", [None, (None, *WELL[1:])])
def test_a_database_that_tells_nothing_is_no_answer(row: Any) -> None:
    with pytest.raises(ProbeError):
        _health.database(Conn(row), _health.Limits())  # type: ignore[arg-type]


def test_require_ok_names_all_and_never_takes_silence_for_health() -> None:
    good = _health.at_most("a", 1, 2, "s", "x")
    _health.require_ok([good])
    with pytest.raises(GoliveError) as error:
        _health.require_ok([good, _health.at_most("b", 3, 2, "s", "x"), _health.Finding("c", False, "gone")])
    assert "b is 3 s, limit 2 s" in str(error.value)
    assert "c: gone" in str(error.value)
    with pytest.raises(ProbeError):
        _health.require_ok([])
