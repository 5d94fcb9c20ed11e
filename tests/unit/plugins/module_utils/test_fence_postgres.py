# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the fence decides without a server: what is kept, how long it waits, and for whom."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _fence_postgres as fence
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._fence_postgres import Before, Connect, Session

KEPT = Before(
    16384, "odoo", (Connect("odoo", None, False), Connect("odoo", "odoo", True)), ("odoo",), {"a": 1}
)


def test_what_is_kept_can_be_read_back() -> None:
    assert Before.from_state(KEPT.as_state()) == KEPT


@pytest.mark.parametrize(
    "state", [None, {}, {"oid": "x"}, {**KEPT.as_state(), "connects": [{"grantor": "a"}]}]
)
def test_what_is_not_a_before_state_is_refused(state: Any) -> None:
    with pytest.raises(GoliveError, match="can't be read"):
        Before.from_state(state)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def end(
    seen: list[list[int]], monkeypatch: pytest.MonkeyPatch, *, limit: float = 5
) -> tuple[int, float, list[int]]:
    """Let `_end_sessions` see one list of sessions after the other, the last one for ever."""
    clock = Clock()
    ended: list[int] = []
    monkeypatch.setattr(fence, "_terminate", lambda _conn, session: ended.append(session.pid))

    def look() -> list[Session]:
        pids = seen.pop(0) if len(seen) > 1 else seen[0]
        return [Session(pid, "odoo", "reg", "odoo-1") for pid in pids]

    count = fence._end_sessions(None, look, "reg", limit, 0.5, clock, clock.sleep)  # type: ignore[arg-type]
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


def test_an_outer_transaction_is_refused() -> None:
    class Conn:
        autocommit = False

    with pytest.raises(GoliveError, match="autocommit"):
        fence.raise_fence(Conn(), "reg", run_id="r", app_role="odoo")  # type: ignore[arg-type]
    with pytest.raises(GoliveError, match="autocommit"):
        fence.lift_fence(Conn(), "reg")  # type: ignore[arg-type]
