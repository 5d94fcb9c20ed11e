# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages that a browser looks at, made from reports as they might have been."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from ansible_collections.dfr.golive.plugins.plugin_utils import _hypercare_page, _index_page, _report_page
from sample_report import sample, watched

TEMPLATES = Path(__file__).resolve().parents[2] / "roles/golive/templates"
NAMES = ("report", "rehearsal", "stopped", "hypercare", "index")
SHEETS = {"report": (10, 24), "rehearsal": (5, 14), "stopped": (8, 20), "hypercare": (2, 6), "index": (2, 6)}
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
    "hypercare": ("Status since the go-live", "With troubles", "Day by day", "Jour par jour"),
    "index": ("Go-lives and rehearsals", "Kingdom of Example", "Who is how far", "Last rehearsal"),
    "stopped": ("Stopped", "web.base.url", "The address was not switched"),
}


def all_pages() -> dict[str, str]:
    """Name to HTML."""
    template = TEMPLATES / "report.html.j2"
    status = _hypercare_page.build(watched(), "demo", "Kingdom of Example", "demo-1")
    return {
        "report": _report_page.page(sample(), ["fr"], "Pacific/Noumea", template),
        "rehearsal": _report_page.page(sample(mode="rehearsal", tables=5, steps=27), ["en"], "UTC", template),
        "hypercare": _hypercare_page.page(status, ["fr"], "Pacific/Noumea", TEMPLATES / "hypercare.html.j2"),
        "index": _index(),
        "stopped": _report_page.page(sample(outcome="stopped"), ["en", "fr"], "UTC", template),
    }


def _index() -> str:
    """Of three countries with two runs each."""
    with tempfile.TemporaryDirectory() as folder:
        for country in ("kiribati", "samoa", "tonga"):
            for number, mode in enumerate(("rehearsal", "live")):
                outcome = "stopped" if (country, mode) == ("samoa", "live") else "live"
                report = sample(mode=mode, outcome=outcome)
                run = f"{country}-2026112{number}T100000Z"
                report |= {"country": country, "title": f"Kingdom of Example, {country}", "run_id": run}
                made = Path(folder) / country / run
                made.mkdir(parents=True)
                (made / "report.json").write_text(json.dumps(report), encoding="utf-8")
                (made / "report.html").touch()
        return _index_page.page(Path(folder), ["fr"], "UTC", TEMPLATES / "index.html.j2")
