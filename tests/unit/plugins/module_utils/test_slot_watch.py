# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _installed, _slot_watch
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._slot_watch import Settings, Watch
from ansible_collections.dfr.golive.plugins.module_utils._wal import Slot

SIDE = {"host": "db", "port": 5432, "user": "op", "password": "s3cret", "database": "postgres"}


class World:
    """Two servers: what is kept on each, and which slots they have."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kept: dict[tuple[str, str], Any] = {("production", "replication"): {"stage": "proven"}}
        self.slots = {"staging": {"dfr": 10, "dfr_touched": 20}, "production": {"dfr_touched": 5}}
        self.down: set[str] = set()
        self.told: list[str] = []
        self.mail_down = False
        monkeypatch.setattr(_slot_watch, "recall", lambda side, kind, _name: self.kept.get((side, kind)))
        monkeypatch.setattr(_slot_watch, "keep", self._keep)
        monkeypatch.setattr(_slot_watch, "read_all_slots", self._read)
        monkeypatch.setattr(_slot_watch, "drop_slot", lambda side, name: self.slots[side].pop(name))

    def _keep(self, side: str, kind: str, _name: str, _run: str, state: Any) -> None:
        self.kept[(side, kind)] = state

    def _read(self, side: str, _label: str) -> dict[str, Slot]:
        return {
            name: Slot(
                name,
                "stg",
                active=False,
                confirmed=1,
                retained_bytes=size,
                status="reserved",
                spare_bytes=None,
            )
            for name, size in self.slots[side].items()
        }

    @contextmanager
    def connected(self, login: Any, *, autocommit: bool) -> Iterator[str]:
        assert autocommit
        if login.host in self.down:
            raise ProbeError(f"Can't connect to {login.host}.")
        yield login.host

    def tell(self, _settings: Settings, what: str, text: str) -> None:
        if self.mail_down:
            raise ProbeError("The mail server is silent.")
        self.told.append(f"{what}: {text}")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    cron = tmp_path / "cron"
    cron.write_text("*/5 * * * *")
    path = tmp_path / "settings.json"
    path.write_text(
        json.dumps(
            {
                "country": "demo",
                "name": "prod",
                "label": "dfr",
                "sides": {
                    "staging": {**SIDE, "host": "staging"},
                    "production": {**SIDE, "host": "production"},
                },
                "limit_bytes": 1000,
                "mail": {"host": "m", "port": 25, "sender": "a@b.test"},
                "to": ["it@b.test"],
                "installed": [str(cron)],
            }
        )
    )
    return Settings.read(path)


def look(world: World, settings: Settings) -> list[str]:
    now = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
    return Watch(settings, now=lambda: now, connected=world.connected, tell=world.tell).once()


def test_little_log_is_nothing_to_speak_of(world: World, settings: Settings) -> None:
    assert look(world, settings) == []
    assert json.loads(settings.state.read_text())["slots"]["staging"] == {"dfr": 10, "dfr_touched": 20}


def test_much_log_is_told_and_nothing_dropped(world: World, settings: Settings) -> None:
    world.slots["staging"]["dfr_touched"] = 501
    assert "at 1,000 it will be dropped" in look(world, settings)[0]
    assert "holds back 501 bytes" in world.told[0]
    assert set(world.slots["staging"]) == {"dfr", "dfr_touched"}


@pytest.mark.parametrize("side", ["staging", "production"])
def test_past_the_limit_the_slots_of_that_server_go_and_why_is_kept(
    world: World, settings: Settings, side: str
) -> None:
    world.slots[side]["dfr_touched"] = 1001
    other = "production" if side == "staging" else "staging"
    assert "it was dropped" in look(world, settings)[0]
    assert world.slots[side] == {}
    assert world.slots[other]
    assert world.kept[("staging", "replication.dropped")] == {
        "side": side,
        "at": "2026-11-22T04:00:00+00:00",
        "bytes": 1001,
        "limit": 1000,
    }
    why: Any = "staging"
    assert "held back 1,001 bytes of log and 1,000 are allowed" in _slot_watch.why_dropped(why, "dfr")


def test_no_reason_where_nothing_was_dropped(world: World) -> None:
    somewhere: Any = "staging"
    assert _slot_watch.why_dropped(somewhere, "dfr") == ""


def test_a_reason_that_cannot_be_kept_drops_nothing(world: World, settings: Settings) -> None:
    world.slots["production"]["dfr_touched"] = 1001
    world.down.add("staging")
    assert any("can't be judged" in line for line in look(world, settings))
    assert world.slots["production"]


def test_a_silent_mail_server_does_not_save_the_slot(world: World, settings: Settings) -> None:
    world.slots["staging"]["dfr"] = 1001
    world.mail_down = True
    assert any("Nobody could be told" in line for line in look(world, settings))
    assert world.slots["staging"] == {}


def test_a_silent_production_does_not_end_the_watch(world: World, settings: Settings) -> None:
    world.down.add("production")
    world.slots["staging"]["dfr"] = 1001
    assert "isn't known" in look(world, settings)[0]
    assert world.slots["staging"] == {}
    assert settings.path.exists()


def test_it_waits_for_the_copy_and_removes_itself_after_it(world: World, settings: Settings) -> None:
    copy = world.kept.pop(("production", "replication"))
    assert look(world, settings) == []  # prepare has installed it, and seeds next
    world.kept[("production", "replication")] = copy
    look(world, settings)
    del world.kept[("production", "replication")]
    assert "removed itself" in look(world, settings)[0]
    assert not settings.path.exists()
    assert not settings.installed[0].exists()


def test_settings_that_cannot_be_read(tmp_path: Path, settings: Settings) -> None:
    out = io.StringIO()
    assert _slot_watch.main([str(tmp_path / "nowhere.json")], out) == 2
    assert "prepare.yml" in out.getvalue()
    assert _slot_watch.main([], out) == 2
    settings.path.write_text("{}")
    with pytest.raises(GoliveError, match="KeyError"):
        Settings.read(settings.path)
    assert "s3cret" not in str(replace(settings, country="x").mail)


def test_what_is_installed_runs_without_ansible(tmp_path: Path) -> None:
    assert _installed.install(tmp_path, _slot_watch)
    assert not _installed.install(tmp_path, _slot_watch)
    done = subprocess.run(
        [sys.executable, "-B", "-m", _slot_watch.__name__],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path / "lib")},
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert "Name the settings file" in done.stdout
