# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser, headless: the machine's own Chromium where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

# Quiet: what a browser asks its maker for must not look like a request of the page.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        own = shutil.which("chromium") or shutil.which("google-chrome")
        opened = playwright.chromium.launch(executable_path=own, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where what was looked at can be looked at again."""
    folder = Path(__file__).resolve().parents[2] / "artifacts" / "pages"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
