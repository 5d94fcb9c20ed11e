# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""report.html: ``report.json`` for people, complete in each of the country's languages, with charts.

A go-live and a rehearsal are told by the same page. It is computed from the report alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _pages
from ansible_collections.dfr.golive.plugins.module_utils._chain import between
from ansible_collections.dfr.golive.plugins.module_utils._language import SOURCE, languages, mark
from ansible_collections.dfr.golive.plugins.plugin_utils import _charts
from ansible_collections.dfr.golive.plugins.plugin_utils._charts import Bar, Chart, Row, Share

PHASES = {
    "preflight": mark("Checks before the start"),
    "freeze_legacy": mark("Freeze of the old registry"),
    "sync_data": mark("Transfer of the data"),
    "lock_config": mark("Final settings"),
    "check_health": mark("Health of the new registry"),
    "backup_database": mark("Backup, restored as a proof"),
    "switch_dns": mark("Switch of the address"),
    "enable_users": mark("Users are let in"),
    "start_hypercare": mark("Announcement and watch"),
    "rollback": mark("Way back"),
}
"""What a phase is called in an official's words."""

KINDS = {
    "gates": mark("checks"),
    "work": mark("work"),
    "idle": mark("waiting for people"),
    "human": mark("waiting for people"),
    "refused": mark("refused by a check"),
    "failed": mark("failed"),
    "undo": mark("undone"),
    "usual": mark("usual"),
}
"""What a span of time was spent on."""

WORDS = {
    "pending": mark("not begun"),
    "running": mark("under way"),
    "interrupted": mark("interrupted"),
    "succeeded": mark("done"),
    "failed": mark("failed"),
    "undoing": mark("being undone"),
    "undo_failed": mark("undo failed"),
    "undone": mark("undone"),
    "pass": mark("passed"),
    "fail": mark("failed"),
    "unknown": mark("not known"),
    "waived": mark("waived"),
    "equal": mark("equal"),
    "declared": mark("as declared"),
    "different": mark("different"),
    "columns": mark("other columns"),
    "missing": mark("missing"),
    "extra": mark("too many"),
    "seen": mark("one side only"),
    "go": mark("go"),
    "no-go": mark("no-go"),
    "primary": mark("primary name server"),
    "secondary": mark("secondary name server"),
    "resolver": mark("resolver"),
    "page": mark("page"),
    "search": mark("search"),
    "sources": mark("source"),
    "yes": mark("yes"),
    "no": mark("no"),
}
"""What the report says in one word, for people."""

ACCOUNT = {
    "loaded": mark("loaded"),
    "unchanged": mark("loaded before"),
    "rejected": mark("set aside"),
    "excluded": mark("left out on purpose"),
}
"""Where the rows of an old registry ended; together they are its rows."""

OUTCOMES = {
    "live": (mark("Live"), mark("The new registry is in use. Every phase is done and proven.")),
    "stopped": (
        mark("Stopped"),
        mark(
            "The go-live stopped before its end. What was done stays as it is until it goes on or goes back."
        ),
    ),
    "rolled_back": (
        mark("Rolled back"),
        mark("Everything was put back as it was before. Users work with the old registry."),
    ),
    "open": (mark("Under way"), mark("The go-live was not finished when this was written.")),
}
REHEARSED = {
    "live": mark("The rehearsal went through to its end."),
    "stopped": mark("The rehearsal stopped before its end."),
    "rolled_back": mark("The rehearsal was undone as planned."),
    "open": mark("The rehearsal was not finished when this was written."),
}
"""The sentence of a rehearsal, which is never a go-live."""

GOOD = frozenset({"pass", "succeeded", "equal", "declared", "go"})
DOUBT = frozenset({"waived", "unknown", "undone", "seen", "pending", "running", "interrupted"})

ANNEXES = {
    "phase": mark("Phase"),
    "gate": mark("Check"),
    "verdict": mark("Verdict"),
    "seen": mark("What was seen"),
    "step": mark("Step"),
    "host": mark("Host"),
    "began": mark("Began after"),
    "took": mark("Seconds"),
    "table": mark("Table"),
    "source_rows": mark("Rows in the source"),
    "target_rows": mark("Rows in production"),
    "digest": mark("Digest, once when both are equal"),
}
"""Headings of the annexes, which all languages share."""

ANNEX_TITLES = {
    "gates": mark("Annex: every check"),
    "steps": mark("Annex: every step"),
    "tables": mark("Annex: every table"),
}

LARGEST = 12
"""How many tables have a bar of their own."""


@dataclass(frozen=True)
class Latency:
    """One thing whose answers were timed.

    Attributes:
        name: what was asked.
        figures: samples, median, 95 % and slowest, as words.
        limit: what was allowed, as words; empty without a limit.
        chart: how the answers are spread.
    """

    name: str
    figures: dict[str, str]
    limit: str
    chart: str


class Telling(_pages.Reading):
    """The report in one language."""

    def __init__(self, report: Mapping[str, Any], *args: Any) -> None:
        super().__init__(*args)
        self.report = report
        self.phases: Sequence[Mapping[str, Any]] = report["phases"]
        self.state = "open" if report["in_progress"] else str(report["outcome"])

    # --- words ----------------------------------------------------------------------------------------------------

    def word(self, name: str) -> str:
        return self.say(WORDS[name]) if name in WORDS else str(name or "").replace("_", " ")

    def phase(self, name: str) -> str:
        return self.say(PHASES[name]) if name in PHASES else name

    def account(self, name: str) -> str:
        return self.say(ACCOUNT[name])

    # No report may fail a go-live: what isn't there is a dash.

    def duration(self, seconds: Any) -> str:
        return self.language.duration(seconds) if isinstance(seconds, (int, float)) else "–"

    def seconds(self, seconds: Any) -> str:
        return self.language.number(seconds, 1) if isinstance(seconds, (int, float)) else ""

    def milliseconds(self, seconds: Any) -> str:
        if not isinstance(seconds, (int, float)):
            return "–"
        return f"{self.language.number(1000 * seconds, 0 if seconds >= 0.1 else 1)} ms"

    def megabytes(self, size: Any) -> str:
        return self.language.number(size / 1_000_000, 1) if isinstance(size, (int, float)) else "–"

    def hour(self, stamp: str | None) -> str:
        """`time` without the day, where that is the day on which the run began."""
        if not stamp:
            return ""
        day, began = self.local(stamp), self.local(self.report["started"])
        return f"{day:%H:%M:%S}" if day.date() == began.date() else self.language.time(day)

    @property
    def rehearsal(self) -> bool:
        return bool(self.report["mode"] != "live")

    @property
    def heading(self) -> str:
        return self.say("Rehearsal report") if self.rehearsal else self.say("Go-live report")

    @property
    def outcome(self) -> str:
        return self.say(OUTCOMES[self.state][0])

    @property
    def sentence(self) -> str:
        return self.say(REHEARSED[self.state] if self.rehearsal else OUTCOMES[self.state][1])

    # --- the night ------------------------------------------------------------------------------------------------

    @cached_property
    def zero(self) -> str:
        """What all charts of the night begin with: the run may have waited for days between its sessions."""
        spans = self.report["timeline"]
        return min((str(span["begin"]) for span in spans), default=str(self.report["started"]))

    @cached_property
    def pauses(self) -> list[tuple[float, float]]:
        """Waits outside the freeze window of more than a tenth of the work: they are cut out of the chart."""
        spans = self.report["timeline"]
        work = sum(span["seconds"] for span in spans if span["kind"] != "idle")
        opened, closed = self.report["freeze_window"]["opened"], self.report["freeze_window"]["closed"]
        return [
            (between(self.zero, span["begin"]), span["seconds"])
            for span in spans
            if span["kind"] == "idle"
            and span["seconds"] > max(work / 10, 60)
            and not (opened and span["begin"] >= opened and (closed is None or span["end"] <= closed))
        ]

    def at(self, stamp: str) -> float:
        """Where a moment lies on the chart's axis: seconds of the run, the pauses that are cut out not counted."""
        since = between(self.zero, stamp)
        cut = sum(min(max(since - begin, 0.0), seconds) for begin, seconds in self.pauses)
        return since - cut

    def night(self) -> str:
        """The Gantt of the phases, with the steps of each as a strip below its bars."""
        spans = [span for span in self.report["timeline"] if span["seconds"] > 0]
        if not spans:
            return ""
        length = max(self.at(span["end"]) for span in spans)
        window = self.report["freeze_window"]
        opened = window["opened"] and self.at(window["opened"])
        shade = (
            (opened, self.at(window["closed"]) if window["closed"] else length) if window["opened"] else None
        )
        rows = [self._row(phase, spans) for phase in self.phases]
        waits = [self._bar(span) for span in spans if span["kind"] in ("idle", "human")]
        if waits:
            rows.append(
                Row(self.say("Waiting for people"), "", [wait for wait in waits if wait.end > wait.begin])
            )
        done = [phase for phase in self.phases if phase["seconds"] is not None]
        told = "; ".join(f"{self.phase(p['name'])}: {self.duration(self.took(p))}" for p in done)
        chart = Chart(
            f"{self.code}-night", self.say("The phases over time"), told or self.say("No phase has begun.")
        )
        return _charts.gantt(chart, rows, length, shade)

    def took(self, phase: Mapping[str, Any]) -> float | None:
        """Seconds of a phase's last attempt, its gates included."""
        if phase["seconds"] is None:
            return None
        return float(phase["seconds"] + (phase["gate_seconds"] or 0.0))

    def _row(self, phase: Mapping[str, Any], spans: Sequence[Mapping[str, Any]]) -> Row:
        mine = [span for span in spans if span["phase"] == phase["name"]]
        bars = [self._bar(span) for span in mine]
        if mine and phase["usual_seconds"] is not None:
            begin = self.at(mine[0]["begin"])
            title = f"{self.say(KINDS['usual'])}: {self.duration(phase['usual_seconds'])}"
            bars.append(Bar(begin, begin + phase["usual_seconds"], "usual", title))
        ticks = [
            Bar(
                self.at(step["started"]), self.at(step["started"]) + step["seconds"], f"step {step['status']}"
            )
            for step in self.report["steps"]
            if step["phase"] == phase["name"]
        ]
        label = f"{phase['number']}  {self.phase(phase['name'])}"
        return Row(label, self.duration(self.took(phase)) if mine else self.word(phase["state"]), bars, ticks)

    def _bar(self, span: Mapping[str, Any]) -> Bar:
        title = f"{self.say(KINDS[span['kind']])}: {self.duration(span['seconds'])}"
        return Bar(self.at(span["begin"]), self.at(span["end"]), str(span["kind"]), title)

    @cached_property
    def kinds(self) -> list[tuple[str, str]]:
        """The legend: class and words of what the chart shows."""
        there = {span["kind"] for span in self.report["timeline"]} | {"gates", "work"}
        if any(phase["usual_seconds"] is not None for phase in self.phases):
            there.add("usual")
        if "idle" in there:
            there.discard("human")
        return [(kind, self.say(KINDS[kind])) for kind in KINDS if kind in there]

    def steps(self) -> Iterator[dict[str, Any]]:
        """Every step with the seconds from the run's start to its own, as words."""
        numbers = {phase["name"]: phase["number"] for phase in self.phases}
        for step in self.report["steps"]:
            began = between(self.report["started"], step["started"])
            yield {
                **step,
                "number": numbers[step["phase"]],
                "began": _charts.clock(began),
                "took": self.seconds(step["seconds"]),
            }

    # --- gates ----------------------------------------------------------------------------------------------------

    def verdicts(self) -> list[tuple[Mapping[str, Any], dict[str, int]]]:
        """Each phase that asked something, and how often each verdict was given."""
        return [
            (phase, {name: _count(phase["gates"], name) for name in ("pass", "waived", "fail", "unknown")})
            for phase in self.phases
            if phase["gates"]
        ]

    @cached_property
    def troubles(self) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Every gate that didn't simply pass, with its phase."""
        return [(p, gate) for p in self.phases for gate in p["gates"] if gate["verdict"] != "pass"]

    # --- data -----------------------------------------------------------------------------------------------------

    @property
    def tables(self) -> Sequence[Mapping[str, Any]]:
        return self.report["sync"]["tables"]  # type: ignore[no-any-return]

    def rows_in_production(self) -> int:
        return sum(int(table["target_rows"] or 0) for table in self.tables)

    def bad_tables(self) -> list[Mapping[str, Any]]:
        return [table for table in self.tables if table["verdict"] not in GOOD]

    def largest(self) -> str:
        """The largest tables, source and production."""
        most = sorted(self.tables, key=lambda table: -int(table["target_rows"] or 0))[:LARGEST]
        lines = [
            Share(
                str(table["name"]),
                [("equal" if table["verdict"] in GOOD else "different", float(table["target_rows"] or 0))],
                f"{self.number(table['target_rows'])}  {self.word(table['verdict'])}",
            )
            for table in most
            if table["target_rows"]
        ]
        told = "; ".join(f"{line.label}: {line.note}" for line in lines)
        return (
            _charts.shares(Chart(f"{self.code}-largest", self.say("The largest tables"), told), lines)
            if lines
            else ""
        )

    def accounts(self) -> list[tuple[str, str, dict[str, dict[str, int]]]]:
        """Each old registry: its name, where its rows ended as a chart, and the same by entity as figures."""
        found = []
        for index, source in enumerate(self.report["sync"]["sources"]):
            entities = {
                name: {state: int(counts.get(state, 0)) for state in ("source", *ACCOUNT)}
                for name, counts in source.get("entities", {}).items()
            }
            if not entities:
                continue
            lines = [
                Share(
                    name,
                    [(state, counts[state]) for state in ACCOUNT],
                    self.say("{number} rows", number=counts["source"]),
                )
                for name, counts in entities.items()
            ]
            told = "; ".join(
                f"{name}: " + ", ".join(f"{self.account(state)} {counts[state]}" for state in ACCOUNT)
                for name, counts in entities.items()
            )
            title = self.say("Where the rows of {source} ended", source=source["name"])
            chart = Chart(f"{self.code}-account-{index}", title, told)
            found.append((str(source["name"]), _charts.shares(chart, lines), entities))
        return found

    # --- latencies ------------------------------------------------------------------------------------------------

    def latencies(self) -> Iterator[Latency]:
        """What was timed by the check of the application's health."""
        for index, timed in enumerate(self.report["latencies"]):
            values = [float(value) for value in timed["values"]]
            if not values:
                continue
            ranked = sorted(values)
            name = f"{self.word(timed['kind'])} {timed['name']}"
            figures = {
                self.say("median"): _charts.percentile(ranked, 50),
                self.say("95 % within"): _charts.percentile(ranked, 95),
                self.say("slowest"): ranked[-1],
            }
            shown = {label: self.milliseconds(value) for label, value in figures.items()}
            limit = timed.get("limit")
            told = ", ".join(
                [self.say("{number} answers", number=len(values)), *(f"{k} {v}" for k, v in shown.items())]
            )
            chart = Chart(
                f"{self.code}-latency-{index}", self.say("How long it took: {name}", name=name), told
            )
            yield Latency(
                name,
                {self.say("answers"): self.language.number(len(values)), **shown},
                self.milliseconds(limit) if limit else "",
                _charts.spread(chart, values, limit),
            )


def _count(gates: Sequence[Mapping[str, Any]], verdict: str) -> int:
    return sum(gate["verdict"] == verdict for gate in gates)


def mood(verdict: str) -> str:
    """The class of a word: good, doubt or bad."""
    return "good" if verdict in GOOD else "doubt" if verdict in DOUBT else "bad"


def answer(text: str) -> str:
    """A name server's answer without its remark about the time to live, which has a column of its own."""
    return re.sub(r" \(ttl [^)]*\)$", "", text)


def page(report: Mapping[str, Any], codes: Sequence[str], zone_name: str, template: Path) -> str:
    """``report.html``: English and the country's languages in one file, each complete.

    Raises:
        GoliveError: a language without catalogue.
    """
    known = list(dict.fromkeys([*codes, SOURCE]))
    zone = _pages.zone(zone_name)
    return _pages.render(
        template,
        report=report,
        tellings=[Telling(report, language, zone) for language in languages(known)],
        results={phase["name"]: phase["result"] for phase in report["phases"]},
        headings=ANNEXES,
        annexes=ANNEX_TITLES,
        accounts=ACCOUNT,
        mood=mood,
        answer=answer,
    )
