# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault campaign on the lab, written to artifacts/chaos.json (schema dfr.golive/chaos/1).

Each case starts from a picture of the prepared lab, its writers at work. A campaign that was interrupted goes on where
it stopped when it is called again in the same way; a finished one begins anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faults
import judge
import snapshot
import table

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts"
WORK = ARTIFACTS / "chaos"
RUN_LIMIT = 900
# Where the recorded rollback begins: everything that can be undone has been done.
LAST_STOP = "switch_dns"
FRESH, PREPARED = "fresh", "prepared"
GOLIVE, ROLLBACK = "golive.yml", "playbooks/rollback.yml"
# Whether the lab is fast is asked elsewhere; here a busy machine must not look like a fault.
PATIENCE = {
    "preflight_max_skew_seconds": "60",
    "check_health_api_p95_seconds": "60",
    "check_health_page_seconds": "60",
    "check_health_timeout_seconds": "60",
    "start_hypercare_api_seconds": "60",
    "start_hypercare_page_seconds": "60",
    "start_hypercare_probe_seconds": "90",
}


@dataclass
class Played:
    """One playbook run."""

    code: int
    seconds: float
    text: str


class Controller:
    """Starts playbooks as an operator does, with a controller's own ssh connections for each case."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.log = WORK / "logs" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        self.sockets = tempfile.mkdtemp(prefix="dfr-")
        self.boundaries = Path(self.sockets) / "boundaries.jsonl"

    def play(self, playbook: str, case: table.Case | None = None, **extra: str) -> Played:
        """Run a playbook to its end, whatever that is; with a case, its fault happens on the way."""
        self.boundaries.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).with_name("callback")),
            "ANSIBLE_CALLBACKS_ENABLED": "chaos_point",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": self.sockets,
            "ANSIBLE_FORCE_COLOR": "0",
            "CHAOS_LOG": str(self.boundaries),
        }
        if case is not None:
            do = (
                "kill"
                if case.fault == "kill"
                else json.dumps([sys.executable, faults.__file__, "plant", case.fault, *case.arguments])
            )
            environment |= {"CHAOS_AT": case.at, "CHAOS_DO": do, "CHAOS_DELAY": str(case.delay)}
        command = [str(Path(sys.executable).with_name("ansible-playbook")), playbook]
        for key, value in (PATIENCE | extra).items():
            command += ["-e", f"{key}={value}"]
        begun = time.monotonic()
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"\n=== {playbook} {extra or ''}\n")
            log.flush()
            offset = log.tell()
            job = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
            try:
                code = job.wait(timeout=RUN_LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(job.pid, 9)
                job.wait()
                code = 124
        seconds = time.monotonic() - begun
        return Played(code, seconds, self.log.read_text(encoding="utf-8", errors="replace")[offset:])

    def recorded(self) -> list[table.Boundary]:
        lines = self.boundaries.read_text(encoding="utf-8").splitlines()
        raw = [json.loads(line) for line in lines]
        return [table.Boundary(r["number"], r["play"], r["task"]) for r in raw]


def wait_until_ready(limit: float = 300) -> None:
    """Both applications answer and both writers write."""
    end = time.monotonic() + limit
    questions = [
        lambda: urllib.request.urlopen("http://172.28.51.32:8069/web/health", timeout=5),
        lambda: urllib.request.urlopen("http://172.28.52.32:8069/web/health", timeout=5),
        lambda: _writes("staging"),
        lambda: _writes("legacy"),
    ]
    for question in questions:
        while True:
            try:
                question()
                break
            except OSError as exc:
                if time.monotonic() > end:
                    raise RuntimeError(f"The lab doesn't come up: {exc}") from exc
                time.sleep(0.3)


def _writes(host: str) -> None:
    last = faults.on(host, "tail -n 1 /var/log/dfrlab/writer.log", check=False)
    if " acknowledged " not in last:
        raise OSError(f"the writer on {host} says: {last.strip()}")


def say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def code() -> str:
    """Changes when anything changes that a run is made of."""
    digest = hashlib.sha256()
    for folder in ("playbooks", "plugins", "roles", "inventories/demo/group_vars"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _lab() -> snapshot.Lab:
    """The lab there is, if a campaign has made it; otherwise a fresh one, in which nothing has ever run."""
    try:
        lab = snapshot.Lab()
        if lab.has(FRESH):
            return lab
    except RuntimeError:
        pass
    say("making a fresh lab")
    for action in ("destroy", "create"):
        command = [str(Path(sys.executable).with_name("molecule")), action, "--scenario-name", "default"]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lab = snapshot.Lab()
    lab.take(FRESH)
    return lab


class Campaign:
    """What has been played of what was asked for."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.lab = _lab()
        self.path = WORK / "state.json"
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
        if not same and self.lab.has(PREPARED):
            self.lab.restore(FRESH)
            self.lab.drop(PREPARED, LAST_STOP)
        if same:
            self.state["baseline"] = before["baseline"]
            if before["asked"] == asked and not before.get("finished"):
                self.state = before
        if not self.lab.has(PREPARED):
            self._prepare()
        if not asked["fast"]:
            if "golive" not in self.state["baseline"]["seconds"]:
                self._record_golive()
            if "rollback" not in self.state["baseline"]["seconds"]:
                self._record_rollback()
        self.baseline: dict[str, float] = self.state["baseline"]["seconds"]
        self.recorded = {
            name: [table.Boundary(*row) for row in rows]
            for name, rows in self.state["baseline"]["boundaries"].items()
        }
        self.save()

    def _prepare(self) -> None:
        say("preparing the country")
        wait_until_ready()
        _must(Controller("prepare").play("playbooks/prepare.yml"))
        self.lab.take(PREPARED)

    def _record_golive(self) -> None:
        say("recording: the undisturbed go-live")
        controller = Controller("undisturbed")
        self.lab.restore(PREPARED)
        wait_until_ready()
        self._recorded("golive", controller, _must(controller.play(GOLIVE)))

    def _record_rollback(self) -> None:
        """A picture of a lab that stopped before the door, and the undisturbed way back from there."""
        say("recording: the undisturbed way back")
        controller = Controller("undisturbed")
        self.lab.restore(PREPARED)
        wait_until_ready()
        _must(controller.play(GOLIVE, golive_until=LAST_STOP))
        self.lab.take(LAST_STOP)
        self._recorded("rollback", controller, _must(controller.play(ROLLBACK)))

    def _recorded(self, name: str, controller: Controller, played: Played) -> None:
        baseline = self.state["baseline"]
        baseline["seconds"][name] = round(played.seconds, 1)
        baseline["boundaries"][name] = [[b.number, b.play, b.task] for b in controller.recorded()]
        self.save()

    def save(self) -> None:
        WORK.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(self.state, indent=1), encoding="utf-8")
        beside.replace(self.path)

    def play(self, cases: list[table.Case]) -> None:
        done = {result["case"] for result in self.state["results"]}
        for number, case in enumerate(cases, start=1):
            if case.name in done:
                continue
            result = play_case(self.lab, case, self.baseline)
            self.state["results"].append(result)
            self.save()
            say(
                f"{number}/{len(cases)} {result['verdict']:<4} {case.name} ({case.point}): {result['end']},"
                f" {result['seconds']:.0f} s, {result['acknowledged']} acknowledged {result['why'][:300]}"
            )
        self.state["finished"] = True
        self.save()

    def report(self) -> dict[str, Any]:
        results = self.state["results"]
        ends = [result["end"] for result in results]
        return {
            "schema": "dfr.golive/chaos/1",
            "asked": self.state["asked"],
            "undisturbed": self.baseline,
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


def _must(played: Played) -> Played:
    if played.code:
        raise RuntimeError(f"An undisturbed run ended with {played.code}:\n{played.text[-3000:]}")
    return played


def play_case(lab: snapshot.Lab, case: table.Case, baseline: dict[str, float]) -> dict[str, Any]:
    """Bring the lab back, let the fault happen, do what the operator does, ask the judge."""
    begun = time.monotonic()
    lab.restore(PREPARED if case.playbook == "golive" else LAST_STOP)
    if case.playbook == "golive":
        wait_until_ready()
    controller = Controller(case.name)
    first = GOLIVE if case.playbook == "golive" else ROLLBACK
    why = ""
    runs = []
    if case.after:
        runs.append(_must(controller.play(GOLIVE, golive_until=case.after)))
        faults.plant(case.fault, *case.arguments)
    else:
        runs.append(controller.play(first, case))
        if case.fault == "kill" and runs[0].code != -9:
            why = f"the controller wasn't killed: {first} ended with {runs[0].code}"
    onward = ROLLBACK if case.then == "rollback" else GOLIVE
    if case.refused:
        refused = controller.play(onward)
        if refused.code == 0 or case.refused not in refused.text:
            why = f"wasn't refused with {case.refused!r}"
    if case.fault != "kill":
        faults.mend(case.fault, *case.arguments)
    if case.then == "nothing" and runs[0].code:
        why = f"{first} noticed and ended with {runs[0].code}"
    if case.then == "rollback" or runs[-1].code or case.after:
        runs.append(controller.play(onward))
        if runs[-1].code:
            why = f"{onward} ended with {runs[-1].code}: {_last_words(runs[-1].text)}"
    return _judged(case, why, runs, begun, baseline)


def _judged(
    case: table.Case, why: str, runs: list[Played], begun: float, baseline: dict[str, float]
) -> dict[str, Any]:
    objections = judge.verdict(case.end)
    end = case.end if not objections else "other"
    if objections:
        other = "live" if case.end == "rolled_back" else "rolled_back"
        end = other if not judge.verdict(other) else "other"
    try:
        ledger = judge.ledger(end if end != "other" else case.end)
    except AssertionError as exc:
        ledger = judge.Ledger(0, 0, 0)
        objections += f" | {exc}"
    why = " | ".join(filter(None, (why, objections)))
    good = not why and end == case.end and not ledger.lost and not ledger.duplicated
    added = None
    if case.fault == "kill" and case.then == "resume" and "golive" in baseline:
        added = round(sum(run.seconds for run in runs) - baseline["golive"], 1)
    return {
        "case": case.name,
        "fault": " ".join((case.fault, *case.arguments)),
        "point": case.point,
        "end": end,
        "verdict": "pass" if good else "fail",
        "seconds": round(time.monotonic() - begun, 1),
        "runs": [round(run.seconds, 1) for run in runs],
        "added_seconds": added,
        **asdict(ledger),
        "why": why,
    }


def _last_words(text: str) -> str:
    found = [line.strip() for line in text.splitlines() if "stopped:" in line or "FAILED" in line]
    return found[-1][:300] if found else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="a random sample of so many cases")
    parser.add_argument("--seed", type=int, default=0, help="which sample")
    parser.add_argument("--cases", default="", help="only cases whose name this regular expression finds")
    parser.add_argument("--fast", action="store_true", help="only the few that make test plays")
    parser.add_argument("--list", action="store_true", help="say which, play none")
    options = parser.parse_args()
    asked = {"sample": options.sample, "seed": options.seed, "cases": options.cases, "fast": options.fast}
    campaign = Campaign(asked)
    wanted = table.chosen(
        table.cases(campaign.recorded, fast=options.fast), options.cases, options.sample, options.seed
    )
    if options.list:
        sys.stdout.write("".join(f"{case.name}  ({case.point})\n" for case in wanted))
        return 0
    if not wanted:
        raise SystemExit("No case has such a name.")
    say(f"{len(wanted)} cases")
    campaign.play(wanted)
    report = campaign.report()
    path = ARTIFACTS / "chaos.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    counted = ", ".join(
        f"{report[key]} {key.replace('_', ' ')}"
        for key in ("cases", "live", "rolled_back", "other", "failed", "acknowledged", "lost", "duplicated")
    )
    say(f"{counted}: {path}")
    good = not (report["other"] or report["failed"] or report["lost"] or report["duplicated"])
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
