# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _door
from ansible_collections.dfr.golive.plugins.module_utils._door import Door, Position
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._odoo import Page

DOOR = Door("https://dfr.demo.test", "192.0.2.40")
OPEN, CLOSED = "set $dfr_door open;\n", "set $dfr_door closed;\n"


class Proxy:
    """What the public gets follows the file at the last reload."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.status: dict[str, int] = {OPEN: 200, CLOSED: 503}
        self.loaded = CLOSED
        self.commands: list[Sequence[str]] = []
        path.write_text(CLOSED)
        monkeypatch.setattr(_door, "_run", self.run)
        monkeypatch.setattr(_door._odoo, "fetch", lambda *_a, **_k: Page(self.status[self.loaded], 0.1, ""))

    def run(self, command: Sequence[str]) -> None:
        self.commands.append(command)
        self.loaded = self.path.read_text()

    def move(self, wanted: Position, content: str, *, check_only: bool = False) -> bool:
        return _door.move(
            DOOR,
            wanted,
            path=str(self.path),
            content=content.rstrip("\n"),
            runtime="docker",
            unit="proxy",
            limit=0.3,
            check_only=check_only,
        )


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    return Proxy(tmp_path / "door.conf", monkeypatch)


def test_open_then_nothing_to_do_then_close(proxy: Proxy) -> None:
    assert proxy.move(Position.OPEN, OPEN)
    assert proxy.commands == [["docker", "kill", "--signal", "HUP", "proxy"]]
    assert not proxy.move(Position.OPEN, OPEN)
    assert proxy.move(Position.CLOSED, CLOSED)
    assert len(proxy.commands) == 2


def test_check_mode_moves_nothing(proxy: Proxy) -> None:
    assert proxy.move(Position.OPEN, OPEN, check_only=True)
    assert proxy.path.read_text() == CLOSED
    assert proxy.commands == []


def test_a_file_that_says_open_is_not_an_open_door(proxy: Proxy) -> None:
    """The file was written, the reload never happened."""
    proxy.path.write_text(OPEN)
    assert proxy.move(Position.OPEN, OPEN)
    assert len(proxy.commands) == 1


@pytest.mark.parametrize("status", [502, 503])
def test_a_door_that_does_not_open_is_put_back(proxy: Proxy, status: int) -> None:
    proxy.status[OPEN] = status
    with pytest.raises(GoliveError) as error:
        proxy.move(Position.OPEN, OPEN)
    assert "as before" in str(error.value)
    assert proxy.path.read_text() == CLOSED
    assert proxy.loaded == CLOSED


def test_a_door_that_does_not_close_stays_told_to_close(proxy: Proxy) -> None:
    proxy.move(Position.OPEN, OPEN)
    proxy.status[CLOSED] = 200
    with pytest.raises(GoliveError):
        proxy.move(Position.CLOSED, CLOSED)
    assert proxy.path.read_text() == CLOSED


@pytest.mark.parametrize(
    ("status", "seen"), [(200, Position.OPEN), (303, Position.OPEN), (503, Position.CLOSED)]
)
def test_position(status: int, seen: Position, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_door._odoo, "fetch", lambda *_a, **_k: Page(status, 0.1, ""))
    assert _door.position(DOOR) is seen


@pytest.mark.parametrize("status", [404, 500, 502, 504])
def test_any_other_answer_is_no_position(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_door._odoo, "fetch", lambda *_a, **_k: Page(status, 0.1, ""))
    with pytest.raises(ProbeError):
        _door.position(DOOR)


def test_a_missing_program_and_a_failing_one_are_named() -> None:
    with pytest.raises(GoliveError) as missing:
        _door._run(["no-such-program"])
    assert "no-such-program" in str(missing.value)
    with pytest.raises(GoliveError) as failing:
        _door._run(["false"])
    assert "golive_proxy" in str(failing.value)
