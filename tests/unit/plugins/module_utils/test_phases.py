# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _phases
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError


def test_nine_in_order() -> None:
    assert [phase.number for phase in _phases.PHASES] == list(range(1, 10))
    assert _phases.WINDOW_OPENS == "freeze_legacy"
    assert _phases.WINDOW_CLOSES == "enable_users"
    assert _phases.NAMES[1:8] == _phases.WINDOW


def test_until() -> None:
    assert _phases.until("") == list(_phases.NAMES)
    assert _phases.until("freeze_legacy") == ["preflight", "freeze_legacy"]
    with pytest.raises(GoliveError, match=r"golive_until names the phase 'freeze'.*one of: preflight,"):
        _phases.until("freeze")


def test_before() -> None:
    assert _phases.before("preflight") == ()
    assert _phases.before("sync_data") == ("preflight", "freeze_legacy")
