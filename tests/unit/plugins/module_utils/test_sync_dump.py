# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _sync_dump
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError


def test_work_dir_is_cleaned_of_our_own_leftovers_only(tmp_path: Any) -> None:
    (tmp_path / f"{_sync_dump.WORK_PREFIX}x").mkdir()
    (tmp_path / "other").mkdir()
    _sync_dump.clean_work_dir(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["other"]
    with pytest.raises(GoliveError, match=r"prepare.yml"):
        _sync_dump.clean_work_dir(tmp_path / "nowhere")
