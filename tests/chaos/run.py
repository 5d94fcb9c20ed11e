# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault campaign on the lab, written to artifacts/chaos.json (schema dfr.golive/chaos/1).

Each case starts from a picture of the prepared lab, its writers at work. A campaign that was interrupted goes on where
it stopped when it is called again in the same way; a finished one begins anew.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import math
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import faults
import judge
import snapshot
import table
from controller import GOLIVE, ROLLBACK, WORK, Controller, Played, wait_until_ready

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts"
# Where the recorded rollback begins: everything that can be undone has been done.
LAST_STOP = "switch_dns"
# Not planted in a run: two of them begin together.
TWO = "two_at_once"
FRESH, PREPARED = "fresh", "prepared"

STATE = WORK / "state.json"


def say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def code() -> str:
    """Changes when anything changes that a run is made of."""
    digest = hashlib.sha256()
    for folder in ("playbooks", "plugins", "roles", "inventories/demo/group_vars"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix not in (".pyc", ".md"):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _lab() -> tuple[snapshot.Lab, bool]:
    """A lab with a picture of it from before anything ran in it, and whether it still is as in that picture."""
    try:
        lab = snapshot.Lab()
        if lab.has(FRESH):
            return lab, False
        untouched = "yes" in faults.on("ops", "test -e /var/lib/dfr-golive || echo yes")
    except RuntimeError:
        untouched = False
    if not untouched:
        say("making a fresh lab")
        for action in ("destroy", "create"):
            command = [str(Path(sys.executable).with_name("molecule")), action, "--scenario-name", "default"]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"molecule {action} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    lab = snapshot.Lab()
    lab.take(FRESH)
    return lab, True


class Campaign:
    """What has been played of what was asked for."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.lab, untouched = _lab()
        self.path = STATE
        self.state: dict[str, Any] = {
            "asked": asked,
            "lab": self.lab.identity,
            "code": code(),
            "baseline": {"seconds": {}, "boundaries": {}},
            "results": [],
        }
        try:
            before = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            before = {}
        same = before.get("lab") == self.lab.identity and before.get("code") == self.state["code"]
        if not same:
            self.lab.drop(PREPARED, LAST_STOP)
        if same:
            self.state["baseline"] = before["baseline"]
            if before["asked"] == asked and not before.get("finished"):
                self.state = before
        if not self.lab.has(PREPARED):
            self._prepare(untouched=untouched)
        self.baseline: dict[str, float] = self.state["baseline"]["seconds"]
        self.save()

    def recorded(self) -> table.Recorded:
        """The boundaries of both playbooks, recorded when they haven't been."""
        if "golive" not in self.baseline:
            self._record_golive()
        if "rollback" not in self.baseline:
            self._record_rollback()
        return _boundaries(self.state)

    def _prepare(self, *, untouched: bool) -> None:
        say("preparing the country")
        if not untouched:
            self.lab.restore(FRESH)
        wait_until_ready()
        _must(Controller("prepare").play("playbooks/prepare.yml"))
        self.lab.take(PREPARED)

    def _record_golive(self) -> None:
        say("recording: the undisturbed go-live")
        controller = Controller("undisturbed")
        self.lab.restore(PREPARED)
        wait_until_ready()
        self._recorded("golive", _must(controller.play(GOLIVE)))

    def _record_rollback(self) -> None:
        """A picture of a lab that stopped before the door, and the undisturbed way back from there."""
        say("recording: the undisturbed way back")
        controller = Controller("undisturbed")
        self.lab.restore(PREPARED)
        wait_until_ready()
        _must(controller.play(GOLIVE, golive_until=LAST_STOP))
        self.lab.take(LAST_STOP)
        self._recorded("rollback", _must(controller.play(ROLLBACK)))

    def _recorded(self, name: str, played: Played) -> None:
        baseline = self.state["baseline"]
        baseline["seconds"][name] = round(played.seconds, 1)
        baseline["boundaries"][name] = [[e["number"], e["play"], e["task"]] for e in played.events]
        self.save()

    def save(self) -> None:
        WORK.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(self.state, indent=1), encoding="utf-8")
        beside.replace(self.path)

    def play(self, cases: list[table.Case], minutes: float) -> None:
        """Those that haven't been played; none is begun any more when the minutes are over."""
        enough = time.monotonic() + 60 * (minutes or math.inf)
        done = {result["case"] for result in self.state["results"]}
        for number, case in enumerate(cases, start=1):
            if case.name in done:
                continue
            if time.monotonic() > enough:
                say("the time is over; the same command goes on from here")
                return
            if case.playbook == "rollback" and "rollback" not in self.baseline:
                self._record_rollback()
            try:
                result = play_case(self.lab, case, self.baseline)
            except (RuntimeError, AssertionError, subprocess.TimeoutExpired) as exc:
                result = _outcome(case, end="other", why=f"{type(exc).__name__}: {exc}")
            self.state["results"].append(result)
            self.save()
            say(
                f"{number}/{len(cases)} {result['verdict']:<4} {case.name} ({case.point}): {result['end']},"
                f" {result['seconds']:.0f} s, {result['acknowledged']} acknowledged {result['why'][:300]}"
            )
        self.state["finished"] = True
        self.save()

    def leave_fresh(self) -> None:
        """The lab as it was found: nothing has ever run in it."""
        self.lab.restore(FRESH)
        wait_until_ready()

    def report(self, chosen: int) -> dict[str, Any]:
        results = self.state["results"]
        ends = [result["end"] for result in results]
        return {
            "schema": "dfr.golive/chaos/1",
            "asked": self.state["asked"],
            "undisturbed": self.baseline,
            "chosen": chosen,
            "cases": len(results),
            "live": ends.count("live"),
            "rolled_back": ends.count("rolled_back"),
            "other": sum(end not in ("live", "rolled_back") for end in ends),
            "failed": sum(result["verdict"] != "pass" for result in results),
            "acknowledged": sum(result["acknowledged"] for result in results),
            "lost": sum(result["lost"] for result in results),
            "duplicated": sum(result["duplicated"] for result in results),
            "results": results,
        }


def recorded_before() -> table.Recorded:
    """The boundaries that the last campaign recorded: to list cases takes neither a lab nor one's turn."""
    try:
        state = json.loads(STATE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        say("without the kills at boundaries, which no campaign has recorded yet")
        return {}
    return _boundaries(state)


def _boundaries(state: dict[str, Any]) -> table.Recorded:
    recorded = state["baseline"]["boundaries"]
    return {name: [table.Boundary(*row) for row in rows] for name, rows in recorded.items()}


def _must(played: Played) -> Played:
    if played.code:
        raise RuntimeError(f"An undisturbed run ended with {played.code}:\n{played.text[-3000:]}")
    return played


def play_case(lab: snapshot.Lab, case: table.Case, baseline: dict[str, float]) -> dict[str, Any]:
    """Bring the lab back, let the fault happen, do what the operator does, ask the judge."""
    begun = time.monotonic()
    lab.restore(PREPARED if case.playbook == "golive" else LAST_STOP)
    wait_until_ready(frozen=case.playbook == "rollback")
    controller = Controller(case.name)
    playbooks = {"golive": GOLIVE, "resume": GOLIVE, "rollback": ROLLBACK, "nothing": GOLIVE}
    first, onward = playbooks[case.playbook], playbooks[case.then]
    objections: list[str] = []
    if case.after:
        runs = [_must(controller.play(GOLIVE, golive_until=case.after))]
        faults.plant(case.fault, *case.arguments)
    elif case.fault == TWO:
        runs, objections = _two_at_once(case)
    else:
        runs = [controller.play(first, case, **({"golive_until": case.until} if case.until else {}))]
        if runs[0].planted:
            objections.append(f"nothing happened: {runs[0].planted}")
        if case.fault == "kill" and runs[0].code != -9:
            objections.append(f"the controller wasn't killed: {first} ended with {runs[0].code}")
    if case.says and not runs[0].says(case.says):
        objections.append(f"{first} ended with {runs[0].code} and didn't say {case.says!r}")
    if case.refused and not controller.play(playbooks[case.tried]).says(case.refused):
        objections.append(f"{playbooks[case.tried]} wasn't refused with {case.refused!r}")
    if case.fault not in ("kill", TWO):
        faults.mend(case.fault, *case.arguments)
    if case.then == "nothing" and runs[0].code:
        objections.append(f"{first} noticed and ended with {runs[0].code}: {_last_words(runs[0].text)}")
    if case.then == "rollback" or runs[-1].code or case.after:
        runs.append(controller.play(onward))
        if runs[-1].code:
            objections.append(f"{onward} ended with {runs[-1].code}: {_last_words(runs[-1].text)}")
    return _judged(case, objections, runs, begun, baseline)


def _two_at_once(case: table.Case) -> tuple[list[Played], list[str]]:
    """Two operators start at the same moment: one goes on, the other is told who and since when."""
    with ThreadPoolExecutor() as pool:
        controllers = [Controller(f"{case.name}.{number}") for number in (1, 2)]
        runs = sorted(
            pool.map(lambda controller: controller.play(GOLIVE), controllers), key=lambda run: run.code
        )
    good = runs[0].code == 0 and all(runs[1].says(words) for words in faults.BUSY)
    return [runs[0]], [] if good else [f"they ended with {runs[0].code} and {runs[1].code}"]


def _judged(
    case: table.Case, objections: list[str], runs: list[Played], begun: float, baseline: dict[str, float]
) -> dict[str, Any]:
    end: str = case.end
    if seen := judge.verdict(end):
        objections.append(seen)
        other = "live" if end == "rolled_back" else "rolled_back"
        end = other if not judge.verdict(other) else "other"
    try:
        ledger = judge.ledger(end if end != "other" else case.end)
    except AssertionError as exc:
        ledger = judge.NOTHING
        objections.append(str(exc))
    added = None
    if case.fault == "kill" and case.then == "resume" and "golive" in baseline:
        added = round(sum(run.seconds for run in runs) - baseline["golive"], 1)
    return _outcome(
        case,
        end=end,
        why=" | ".join(objections),
        ledger=ledger,
        seconds=round(time.monotonic() - begun, 1),
        runs=[round(run.seconds, 1) for run in runs],
        added_seconds=added,
    )


def _outcome(
    case: table.Case,
    *,
    end: str,
    why: str,
    ledger: judge.Ledger = judge.NOTHING,
    seconds: float = 0.0,
    **more: Any,
) -> dict[str, Any]:
    good = not why and end == case.end and not ledger.lost and not ledger.duplicated
    return {
        "case": case.name,
        "fault": " ".join((case.fault, *case.arguments)),
        "point": case.point,
        "end": end,
        "verdict": "pass" if good else "fail",
        "seconds": seconds,
        **asdict(ledger),
        "why": why,
        **more,
    }


def _last_words(text: str) -> str:
    found = [line.strip() for line in text.splitlines() if "stopped:" in line or "FAILED" in line]
    return found[-1][:300] if found else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="a random sample of so many cases")
    parser.add_argument("--seed", type=int, default=0, help="which sample")
    parser.add_argument("--cases", default="", help="only cases whose name this regular expression finds")
    parser.add_argument(
        "--planted",
        action="store_true",
        help="without the kills at each boundary, and so without recording these",
    )
    parser.add_argument("--fast", action="store_true", help="a few telling ones")
    parser.add_argument("--minutes", type=float, default=0, help="begin no case after so many minutes")
    parser.add_argument("--list", action="store_true", help="say which, play none")
    options = parser.parse_args()
    asked = {name: getattr(options, name) for name in ("sample", "seed", "cases", "fast", "planted")}
    if options.list:
        known = {} if options.fast or options.planted else recorded_before()
        listed = table.chosen(
            table.cases(known, fast=options.fast), options.cases, options.sample, options.seed
        )
        sys.stdout.write("".join(f"{case.name}  ({case.point})\n" for case in listed))
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    alone = (WORK / "mutex").open("w")  # two campaigns can't have one lab: the second one waits
    fcntl.flock(alone, fcntl.LOCK_EX)
    campaign = Campaign(asked)
    known = {} if options.fast or options.planted else campaign.recorded()
    wanted = table.chosen(table.cases(known, fast=options.fast), options.cases, options.sample, options.seed)
    if not wanted:
        raise SystemExit("No case has such a name.")
    say(f"{len(wanted)} cases")
    campaign.play(wanted, options.minutes)
    if options.fast:
        campaign.leave_fresh()
    report = campaign.report(len(wanted))
    path = ARTIFACTS / "chaos.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    counted = ", ".join(
        f"{report[key]} {key.replace('_', ' ')}"
        for key in (
            "chosen",
            "cases",
            "live",
            "rolled_back",
            "other",
            "failed",
            "acknowledged",
            "lost",
            "duplicated",
        )
    )
    say(f"{counted}: {path}")
    good = not (report["other"] or report["failed"] or report["lost"] or report["duplicated"])
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
