# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""hypercare.html: how the new registry has been since users were let in, day by day, from the watch's samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _pages
from ansible_collections.dfr.golive.plugins.module_utils._language import SOURCE, languages, mark
from ansible_collections.dfr.golive.plugins.plugin_utils import _charts
from ansible_collections.dfr.golive.plugins.plugin_utils._charts import Chart, Trace

SCHEMA = "dfr.golive/hypercare/1"

CHECKS = {
    "app.health": mark("The application says it is well"),
    "api.search": mark("Search, as the devices ask"),
    "dns": mark("The address, on every name server"),
    "certificate": mark("The certificate"),
    "clock": mark("The clock of the watch"),
}
"""What the watch looks at, in an official's words; a page is called by its path."""

OUTCOMES = {
    "well": (mark("All well"), mark("Every look so far found all well.")),
    "troubles": (mark("With troubles"), mark("Some looks did not find all well; they are listed below.")),
    "gaps": (
        mark("With gaps"),
        mark("What was looked at was well, but looks are missing: the watch itself did not always run."),
    ),
}


def build(watch: Mapping[str, Any], country: str, title: str, run_id: str) -> dict[str, Any]:
    """``hypercare.json``: what the watch has seen, with what it comes to."""
    whole = watch["whole"]
    missing = whole["samples"]["expected"] - whole["samples"]["taken"]
    outcome = "troubles" if whole["troubles"] else "gaps" if missing > 1 else "well"
    return {
        "schema": SCHEMA,
        "country": country,
        "title": title or country,
        "run_id": run_id,
        "outcome": outcome,
        **watch,
    }


class Telling(_pages.Reading):
    """The status in one language."""

    def __init__(self, status: Mapping[str, Any], *args: Any) -> None:
        super().__init__(*args)
        self.status = status

    @property
    def heading(self) -> str:
        return self.say("Status since the go-live")

    @property
    def outcome(self) -> str:
        word, _sentence = OUTCOMES[str(self.status["outcome"])]
        return self.say(word)

    @property
    def sentence(self) -> str:
        sentence = OUTCOMES[str(self.status["outcome"])][1]
        return self.say(sentence)

    def check(self, name: str) -> str:
        kind, path = name.partition(".")[::2]
        return self.say("Page {path}", path=path) if kind == "page" else self.say(CHECKS.get(name, name))

    def days(self) -> list[Mapping[str, Any]]:
        """Every day that has its status, and what came since."""
        return [*self.status["days"], self.status["since"]]

    def day(self, status: Mapping[str, Any]) -> str:
        if status["name"] == "since":
            return self.say("since then") if self.status["days"] else self.say("since the go-live")
        return self.language.date(self.local(status["begin"]))

    def traces(self) -> Iterator[tuple[str, str, str]]:
        """Each check with figures: its name, its chart, and the figures in words."""
        for index, (name, series) in enumerate(self.status["series"].items()):
            if len(series["values"]) < 2 or series["unit"] != "s":
                continue
            ranked = sorted(series["values"])
            told = self.say(
                "median {median} ms, 95 % within {p95} ms, slowest {most} ms",
                median=round(1000 * _charts.percentile(ranked, 50)),
                p95=round(1000 * _charts.percentile(ranked, 95)),
                most=round(1000 * ranked[-1]),
            )
            chart = Chart(f"{self.code}-trace-{index}", self.check(name), told)
            yield (
                self.check(name),
                _charts.trace(chart, Trace(series["at"], series["values"], series["bad"])),
                told,
            )


def page(status: Mapping[str, Any], codes: Sequence[str], zone: str, template: Path) -> str:
    """``hypercare.html``, complete in each language.

    Raises:
        GoliveError: a language without catalogue.
    """
    known = languages(list(dict.fromkeys([*codes, SOURCE])))
    tellings = [Telling(status, language, _pages.zone(zone)) for language in known]
    return _pages.render(template, status=status, tellings=tellings)
