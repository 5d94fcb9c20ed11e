# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import launched
from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with launched() as opened:
        yield opened


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where what was looked at can be looked at again."""
    folder = Path(__file__).resolve().parents[2] / "artifacts" / "pages"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
