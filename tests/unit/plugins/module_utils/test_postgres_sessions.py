# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _postgres_sessions
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._postgres_sessions import Session, end_sessions
from fake_dns import Clock


def end(
    seen: list[list[int]], monkeypatch: pytest.MonkeyPatch, *, limit: float = 5
) -> tuple[int, float, list[int]]:
    """Let `end_sessions` see one list of sessions after the other, the last one for ever."""
    clock = Clock()
    ended: list[int] = []
    monkeypatch.setattr(_postgres_sessions, "_terminate", lambda _conn, session: ended.append(session.pid))

    def look() -> list[Session]:
        pids = seen.pop(0) if len(seen) > 1 else seen[0]
        return [Session(pid, "odoo", "reg", "odoo-1") for pid in pids]

    count = end_sessions(None, look, "reg", limit, 0.5, clock, clock.sleep)  # type: ignore[arg-type]
    return count, clock.now, ended


def test_silence_has_to_last(monkeypatch: pytest.MonkeyPatch) -> None:
    count, waited, _ended = end([[]], monkeypatch)
    assert count == 0
    assert 0.5 <= waited < 0.7


def test_a_latecomer_starts_the_silence_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    count, waited, ended = end([[1, 2], [2], [], [], [3], []], monkeypatch)
    assert count == 3
    assert ended == [1, 2, 2, 3]
    assert waited >= 1.0


def test_the_wait_has_a_limit_and_names_who_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GoliveError, match=r"after 2 s .*: 7 \(odoo, odoo-1, in reg\)"):
        end([[7]], monkeypatch, limit=2)
