# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run and a timer make of a lease; the row itself is tested on real servers."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _hypercare, _lease, _lease_host, _lease_timer
from ansible_collections.dfr.golive.plugins.module_utils._errors import DriftError, GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Verdict
from ansible_collections.dfr.golive.plugins.module_utils._lease import ENDED, HELD, LAPSED, Lease


class Row:
    """A lease's row with a clock of its own."""

    database = "registry"

    def __init__(self, lease: Lease | None = None, now: float = 100.0) -> None:
        self.lease, self.now = lease, now

    def take(self, run_id: str, seconds: int) -> None:
        if self.lease is None or self.lease.run_id != run_id or self.lease.state != LAPSED:
            self.lease = Lease(run_id, HELD, self.now + seconds)

    def _held(self, run_id: str) -> bool:
        return self.lease is not None and self.lease.run_id == run_id and self.lease.state == HELD

    def renew(self, run_id: str, seconds: int) -> None:
        if self._held(run_id):
            self.lease = Lease(run_id, HELD, self.now + seconds)

    def end(self, run_id: str) -> None:
        if self.lease is not None and self._held(run_id):
            self.lease = replace(self.lease, state=ENDED)

    def lapse(self, run_id: str) -> None:
        if self.lease is not None and self._held(run_id) and self.lease.until < self.now:
            self.lease = replace(self.lease, state=LAPSED, at=self.now)

    def read(self) -> Lease | None:
        return self.lease

    def forget(self) -> None:
        self.lease = None


def test_a_run_that_lost_says_when_and_where_to_go() -> None:
    row = Row(Lease("run", LAPSED, 1_000_000_000.0, 1_000_000_060.0))
    with pytest.raises(_lease.LapsedError) as caught:
        _lease.renew(row, "run", 60)
    assert "registry was lifted at 2001-09-09 01:47:40 UTC" in caught.value.sentence
    assert "ran until 2001-09-09 01:46:40 UTC" in caught.value.sentence
    assert "playbooks/rollback.yml" in caught.value.remedy


def test_a_lease_that_vanished_is_not_a_lease() -> None:
    class Sieve(Row):
        def read(self) -> Lease | None:
            return None

    with pytest.raises(DriftError, match="isn't there"):
        _lease.take(Sieve(), "run", 60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    login = {
        "login_host": "h",
        "login_port": 1,
        "login_user": "u",
        "login_password": "secret",
        "database": "registry",
    }
    _lease_timer.arm(str(tmp_path), "mariadb", {**login, "run_id": "run", "state": "raised"}, "freeze")
    return tmp_path


def armed(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*.json")]


def timer(folder: Path, row: Row, monkeypatch: pytest.MonkeyPatch, lift: Any = None) -> tuple[int, str, int]:
    """One run of the timer: its code, what it said, and how often it lifted."""
    lifts = []

    @contextmanager
    def opened(settings: dict[str, Any]) -> Iterator[_lease_timer.Fence]:
        assert settings["login"]["login_password"] == "secret"
        yield _lease_timer.Fence(row, lift or (lambda: lifts.append(1) or {"fence": "lifted"}))

    monkeypatch.setattr(_lease_timer, "opened", opened)
    out = io.StringIO()
    return _lease_timer.main([str(folder)], out), out.getvalue(), len(lifts)


def test_what_lifting_takes_is_for_root_alone(folder: Path) -> None:
    path = _lease_timer.armed_path(str(folder), "mariadb", "registry")
    assert path.stat().st_mode & 0o077 == 0
    _lease_timer.disarm(str(folder), "mariadb", "registry")
    assert armed(folder) == []


def test_a_lease_that_is_good_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert timer(folder, Row(Lease("run", HELD, 101.0)), monkeypatch) == (0, "", 0)
    assert armed(folder) == ["mariadb-registry.json"]


def test_a_lease_that_ran_out_lifts_the_fence_once_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Row(Lease("run", HELD, 99.0))
    code, said, lifts = timer(folder, row, monkeypatch)
    assert (code, lifts) == (0, 1)
    assert "the fence around registry is lifted" in said
    record = json.loads((folder / _lease_timer.LAPSES).read_text())
    assert (record["run_id"], record["until"], record["lapsed"]) == ("run", 99.0, 100.0)
    assert "secret" not in (folder / _lease_timer.LAPSES).read_text()
    assert timer(folder, row, monkeypatch) == (0, "", 0)


def test_a_timer_that_died_after_its_decision_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Row(Lease("run", LAPSED, 90.0, 95.0))

    def broken() -> dict[str, Any]:
        raise ProbeError("the server is gone")

    code, said, _ = timer(folder, row, monkeypatch, broken)
    assert code == 2
    assert "the server is gone" in said
    assert armed(folder) == ["mariadb-registry.json"]
    assert timer(folder, row, monkeypatch)[2] == 1


@pytest.mark.parametrize("lease", [None, Lease("run", ENDED, 99.0), Lease("another", HELD, 99.0)])
def test_a_fence_without_a_lease_of_this_run_is_never_lifted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, lease: Lease | None
) -> None:
    code, said, lifts = timer(folder, Row(lease), monkeypatch)
    assert (code, lifts) == (0, 0)
    assert "needs no timer any more" in said
    assert armed(folder) == []


def test_nothing_frozen_is_nothing_to_do(tmp_path: Path) -> None:
    assert _lease_timer.main([str(tmp_path / "none")]) == 0


# --- the timer on a host ------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> _lease_host.Place:
    return _lease_host.Place(
        tmp_path / "lib", tmp_path / "state", tmp_path / "cron.d" / "lease", "/usr/bin/python3"
    )


def gate(
    place: _lease_host.Place, monkeypatch: pytest.MonkeyPatch, *, cron: bool | None = True, **over: Any
) -> Verdict:

    def cron_runs() -> str:
        if cron is None:
            raise ProbeError("no /proc")
        if not cron:
            raise GoliveError("no cron")
        return "runs"

    monkeypatch.setattr(_hypercare, "cron_runs", cron_runs)
    params = {
        "name": "old",
        "lease_seconds": 7200,
        "lease_minimum_seconds": 3600,
        "lib_dir": str(place.lib_dir),
        "state_dir": str(place.state_dir),
        "cron_path": str(place.cron_path),
        "python": place.python,
        **over,
    }
    return _lease_host.lease_gate(params).verdict


def test_the_gate(place: _lease_host.Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gate(place, monkeypatch) is Verdict.FAIL
    place.install()
    assert place.lacks() == []
    assert gate(place, monkeypatch) is Verdict.PASS
    assert gate(place, monkeypatch, cron=False) is Verdict.FAIL
    with pytest.raises(ProbeError):
        gate(place, monkeypatch, cron=None)
    assert gate(place, monkeypatch, lease_seconds=3600) is Verdict.FAIL
    assert gate(place, monkeypatch, lease_seconds=0, cron=False) is Verdict.PASS
    place.cron_path.write_text("# switched off\n")
    assert gate(place, monkeypatch) is Verdict.FAIL


def test_the_copy_runs_by_itself_and_lacks_nothing(place: _lease_host.Place) -> None:
    place.install()
    package = place.lib_dir / "lib" / _lease_host.PACKAGE.replace(".", "/")
    there = {path.stem for path in package.glob("*.py")}
    for path in package.glob("*.py"):
        text = path.read_text()
        imported = {
            word.strip("(),")
            for line in text.splitlines()
            if "plugins.module_utils" in line
            for word in line.replace("import", " ").split()
            if word.startswith("_")
        } | {
            line.split("module_utils.")[1].split()[0]
            for line in text.splitlines()
            if "module_utils._" in line
        }
        assert {name.split(".")[0] for name in imported} <= there, f"{path.name} needs more than is copied"
