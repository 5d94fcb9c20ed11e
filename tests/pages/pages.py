# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages that a browser looks at, made from reports as they might have been."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.dfr.golive.plugins.plugin_utils import _report_page
from sample_report import sample

TEMPLATES = Path(__file__).resolve().parents[2] / "roles/golive/templates"
NAMES = ("report", "rehearsal", "stopped")
SHEETS = {"report": (10, 24), "rehearsal": (7, 16), "stopped": (8, 20)}
"""How many sheets of paper each may take, at least and at most."""
WORDS = {
    "report": (
        "En service",
        "Live",
        "7 min 00 s",
        "24 chained records",
        "dfr_table_039",
        "Annex: every step",
    ),
    "rehearsal": ("Rehearsal report", "This was a rehearsal"),
    "stopped": ("Stopped", "web.base.url", "The address was not switched"),
}


def all_pages() -> dict[str, str]:
    """Name to HTML."""
    template = TEMPLATES / "report.html.j2"
    return {
        "report": _report_page.page(sample(), ["fr"], "Pacific/Noumea", template),
        "rehearsal": _report_page.page(sample(mode="rehearsal", tables=5, steps=27), ["en"], "UTC", template),
        "stopped": _report_page.page(sample(outcome="stopped"), ["en", "fr"], "UTC", template),
    }
