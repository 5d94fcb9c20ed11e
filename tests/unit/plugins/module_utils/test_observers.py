# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _events, _observers
from ansible_collections.dfr.golive.plugins.module_utils._holder import Owner
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path / "state", "demo")
    with made.writing() as writer:
        holder = writer.take("demo-1", "golive", Owner(), 900)
        writer.append(holder.session, "open", mode="live")
    return made


def test_nobody_looks_on(journal: Journal) -> None:
    warnings: list[str] = []
    _observers.tell(journal, None, warnings.append)
    _observers.tell(journal, {"metrics_dir": None, "events_url": ""}, warnings.append)
    assert warnings == []
    assert not (journal.folder / "events.lock").exists()


def test_metrics_are_written(journal: Journal, tmp_path: Path) -> None:
    warnings: list[str] = []
    _observers.tell(journal, {"metrics_dir": str(tmp_path)}, warnings.append)
    assert 'outcome="open"} 1' in (tmp_path / "dfr_golive_demo.prom").read_text(encoding="utf-8")
    assert warnings == []


def test_a_folder_that_is_not_there_warns_and_no_more(journal: Journal, tmp_path: Path) -> None:
    warnings: list[str] = []
    _observers.tell(journal, {"metrics_dir": str(tmp_path / "none")}, warnings.append)
    assert len(warnings) == 1
    assert "golive_observers.metrics_dir" in warnings[0]


def test_an_address_that_is_none_warns_and_does_not_show_the_secret(journal: Journal) -> None:
    warnings: list[str] = []
    observers = {"events_url": "wallboard", "events_secret": "s3cret"}
    _observers.tell(journal, observers, warnings.append)
    assert len(warnings) == 1
    assert "web address" in warnings[0]
    assert "s3cret" not in warnings[0]


def test_events_go_to_their_receiver(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[_events.Receiver] = []
    monkeypatch.setattr(_events, "deliver_apart", lambda _journal, receiver: told.append(receiver))
    _observers.tell(journal, {"events_url": "https://wallboard.test/", "events_secret": "s"}, pytest.fail)
    assert [(r.url, r.secret) for r in told] == [("https://wallboard.test/", "s")]
