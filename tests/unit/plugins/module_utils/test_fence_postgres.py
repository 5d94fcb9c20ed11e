# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the fence decides without a server: what is kept, how long it waits, and for whom."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _fence_postgres as fence
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._fence_postgres import Before, Connect

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


def test_an_outer_transaction_is_refused() -> None:
    class Conn:
        autocommit = False

    with pytest.raises(GoliveError, match="autocommit"):
        fence.raise_fence(Conn(), "reg", run_id="r", app_role="odoo")  # type: ignore[arg-type]
    with pytest.raises(GoliveError, match="autocommit"):
        fence.lift_fence(Conn(), "reg")  # type: ignore[arg-type]
