# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hypercare from the outside: may it start, what the watch is given, and is it truly at work."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ansible_collections.dfr.golive.plugins.module_utils import _announce, _kept
from ansible_collections.dfr.golive.plugins.module_utils._announce import Audience, MailServer, Postbox
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    DriftError,
    GoliveError,
    ProbeError,
    one_line,
)
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, passed
from ansible_collections.dfr.golive.plugins.module_utils._watch_status import Sample, read_samples

_TEMPLATE = re.compile(r"announcement\.([A-Za-z0-9_@-]+)\.txt\.j2")
# What the watch imports beyond the standard library, and the packages that bring it.
LIBRARIES = {"dns.message": "python3-dnspython", "odoorpc": "python3-odoorpc"}


@dataclass(frozen=True)
class Schedule:
    """When the watch looks, and when people read about it."""

    days: int
    interval_minutes: int
    timezone: str
    status_hour: int
    status_to: tuple[str, ...]

    def check(self) -> str:
        """Whether cron and a calendar can follow it.

        Raises:
            GoliveError: the first thing that is wrong.
        """
        if self.days < 1:
            raise GoliveError(
                f"The watch would last {self.days} days.", remedy="Set start_hypercare_days to 1 or more."
            )
        if self.interval_minutes not in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30):
            raise GoliveError(
                f"Looking every {self.interval_minutes} minutes doesn't divide an hour evenly.",
                remedy="Set start_hypercare_interval_minutes to 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30.",
            )
        if not 0 <= self.status_hour <= 23:
            raise GoliveError(
                f"{self.status_hour} is no hour of a day.",
                remedy="Set start_hypercare_status_hour to 0 to 23.",
            )
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
            raise GoliveError(
                f"This host doesn't know the time zone {self.timezone}.",
                remedy="Correct golive_timezone, or install tzdata on the state host.",
            ) from exc
        if self.status_to:
            _announce.check_audiences([Audience("status", "any", self.status_to)], ["any"])
        readers = f"{len(self.status_to)} readers" if self.status_to else "nobody by mail"
        return (
            f"Every {self.interval_minutes} minutes for {self.days} days; a status a day at"
            f" {self.status_hour}:00 {self.timezone} for {readers}."
        )


def languages_of(templates: Sequence[str]) -> list[str]:
    """The languages that there are announcements in, by the names of their templates."""
    found = (_TEMPLATE.fullmatch(Path(path).name) for path in templates)
    return sorted({match.group(1) for match in found if match})


def cron_runs(processes: Path = Path("/proc")) -> str:
    """Whether a cron daemon is alive on this host.

    Raises:
        GoliveError: none is.
        ProbeError: this host doesn't tell its processes.
    """
    names = {}
    for folder in processes.glob("[0-9]*"):
        try:
            names[folder.name] = (folder / "comm").read_text(encoding="utf-8").strip()
        except OSError:
            continue  # a process that ended meanwhile
    if not names:
        raise ProbeError("This host doesn't tell which processes run.", remedy="Mount /proc.")
    running = sorted((pid for pid, name in names.items() if name in ("cron", "crond")), key=int)
    if not running:
        raise GoliveError(
            "No cron daemon runs on the state host, so nothing would start the watch.",
            remedy="Install and start cron there (playbooks/prepare.yml installs it).",
        )
    return f"A cron daemon runs on the state host (process {running[0]})."


def libraries_there(python: str) -> str:
    """Whether the interpreter that cron will start has what the watch imports.

    Raises:
        GoliveError: it, or a library, is missing.
    """
    try:
        done = subprocess.run(
            [python, "-c", "import sys, " + ", ".join(LIBRARIES)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise GoliveError(
            f"{python} can't be started on the state host: {one_line(exc, 120)}.",
            remedy="Correct start_hypercare_python.",
        ) from exc
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise GoliveError(
            f"{python} on the state host lacks a library of the watch: {one_line(lines[-1], 120)}.",
            remedy=f"Install {', '.join(LIBRARIES.values())} (playbooks/prepare.yml does).",
        )
    return f"{python} has what the watch imports."


def gates(
    *,
    server: MailServer,
    audiences: Sequence[Audience],
    templates: Sequence[str],
    schedule: Schedule,
    python: str,
    check_server: Callable[[MailServer], str] = _announce.check_server,
    processes: Path = Path("/proc"),
) -> list[Gate]:
    """Every question before hypercare starts; nothing is sent and nothing changes."""
    probes: dict[str, Callable[[], str]] = {
        "hypercare.audiences": lambda: _announce.check_audiences(audiences, languages_of(templates)),
        "hypercare.mail": lambda: check_server(server),
        "hypercare.schedule": schedule.check,
        "hypercare.cron": lambda: cron_runs(processes),
        "hypercare.libraries": lambda: libraries_there(python),
    }
    return [
        ask(name, lambda name=name, probe=probe: passed(name, probe()))  # type: ignore[misc]
        for name, probe in probes.items()
    ]


def watch_folder(state_dir: str, country: str) -> Path:
    return Path(state_dir) / country / "watch"


def install_settings(
    folder: Path,
    settings: Mapping[str, Any],
    days: int,
    *,
    check_only: bool,
    now: Callable[[], float] = time.time,
) -> bool:
    """Give the watch its settings, in a file for root alone; tells whether something changed.

    A watch that is at work keeps the moment it started. One that starts anew finds an empty folder: what an
    earlier one has seen is moved aside, never mixed in.
    """
    path = folder / "settings.json"
    known = _kept.recall(path)
    begun = float(known["started"]) if known else float(round(now()))
    wanted = {**settings, "started": begun, "until": begun + days * 86400.0}
    if known == wanted:
        return False
    if not check_only:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if known is None:
            _move_aside(folder)
        _kept.replace(path, wanted)
    return True


def _move_aside(folder: Path) -> None:
    old = [folder / name for name in ("samples.jsonl", "status", "mailed.json") if (folder / name).exists()]
    if not old:
        return
    number = 1 + max((int(p.name) for p in (folder / "earlier").glob("[0-9]*")), default=0)
    target = folder / "earlier" / str(number)
    target.mkdir(parents=True)
    for path in old:
        path.rename(target / path.name)


@dataclass(frozen=True)
class Installed:
    """Where the role put the watch.

    Attributes:
        folder: its settings and samples.
        cron_path: the entry that starts it.
        command: interpreter, program and settings, as cron runs them.
        interval: seconds.
        patience: seconds that one run may take.
    """

    folder: Path
    cron_path: Path
    command: tuple[str, ...]
    interval: float
    patience: float


def prove_watch(
    installed: Installed,
    *,
    fresh_is_enough: bool,
    processes: Path = Path("/proc"),
    owner: int = 0,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Whether the watch is at work: its cron entry counts, and a sample taken just now says that all is well.

    With ``fresh_is_enough`` a good sample of the last three intervals will do.

    Raises:
        DriftError: the cron entry is gone or would be ignored.
        GoliveError: production isn't well, or the program doesn't run.
    """
    if (installed.folder / "status" / "final.json").exists():
        return {"ended": True, "samples": len(read_samples(installed.folder / "samples.jsonl"))}
    cron_runs(processes)
    _prove_entry(installed, owner)
    samples = read_samples(installed.folder / "samples.jsonl")
    last = samples[-1] if samples else None
    recent = last is not None and last.verdict == "pass" and now() - last.at <= 3 * installed.interval
    if not (fresh_is_enough and recent):
        last = _take_one(installed, now, sleep)
    if last is None or last.verdict != "pass":
        bad = [check for check in (last.checks if last else ()) if check.verdict != "pass"]
        raise GoliveError(
            "The watch isn't content: " + " ".join(f"{check.name}: {check.detail}" for check in bad),
            remedy="Mend what is named; the watch goes on looking.",
        )
    return {
        "ended": False,
        "samples": len(read_samples(installed.folder / "samples.jsonl")),
        "last": {"seconds": last.seconds, "checks": {check.name: check.verdict for check in last.checks}},
    }


def _prove_entry(installed: Installed, owner: int) -> None:
    path = installed.cron_path
    again = "Run the phase start_hypercare again."
    try:
        text, state = path.read_text(encoding="utf-8"), path.stat()
    except FileNotFoundError as exc:
        raise DriftError(f"The watch's cron entry {path} is gone.", remedy=again) from exc
    except OSError as exc:
        raise ProbeError(f"The cron entry {path} can't be read: {one_line(exc)}.") from exc
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not any(" ".join(installed.command) in line for line in lines):
        raise DriftError(f"The cron entry {path} doesn't start the watch.", remedy=again)
    if state.st_uid != owner or state.st_mode & 0o022:
        raise DriftError(
            f"cron ignores {path}: not root's alone (owner {state.st_uid}, mode {state.st_mode & 0o777:o}).",
            remedy=again,
        )


def _take_one(installed: Installed, now: Callable[[], float], sleep: Callable[[float], None]) -> Sample:
    """Run the program as cron does, and return the sample that came of it, or of a run that was faster."""
    begun = now()
    try:
        done = subprocess.run(
            list(installed.command),
            capture_output=True,
            text=True,
            timeout=installed.patience,
            check=False,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": os.environ.get("HOME", "/root")},
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ProbeError(f"The watch doesn't run: {one_line(exc, 160)}.") from exc
    if done.returncode != 0:
        told = one_line(f"{done.stdout} {done.stderr}", 300)
        raise GoliveError(f"The watch ends with {done.returncode}: {told}.")
    while True:
        samples = read_samples(installed.folder / "samples.jsonl")
        # The sample's time is its beginning; a run that cron started just before ours counts as well.
        if samples and samples[-1].at >= begun - installed.patience / 2:
            return samples[-1]
        if now() - begun > installed.patience:
            raise ProbeError(f"The watch ran and left no sample in {installed.folder}.")
        sleep(1.0)


def prove_announced(postbox: Postbox, audiences: Sequence[Audience], run_id: str) -> list[dict[str, Any]]:
    """That the mail server has accepted the announcement for every address.

    Raises:
        DriftError: somebody has not been told.
    """
    told = []
    for audience in audiences:
        message_id = postbox.message_id("announcement", run_id, audience.name)
        missing = postbox.missing(audience, message_id)
        if missing:
            raise DriftError(
                f"{len(missing)} of {len(audience.to)} addresses of the audience {audience.name} weren't told.",
                remedy="Run the phase start_hypercare again; who was told isn't told twice.",
            )
        told.append({"name": audience.name, "language": audience.language, "accepted": len(audience.to)})
    return told


def read_texts(folder: Path, audiences: Sequence[Audience]) -> dict[str, str]:
    """The rendered announcement of each language that is needed, all read before any is sent.

    Raises:
        GoliveError: one is missing or isn't an announcement.
    """
    texts = {}
    for language in sorted({audience.language for audience in audiences}):
        path = folder / f"announcement.{language}.txt"
        try:
            texts[language] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise GoliveError(f"The announcement {path} can't be read: {one_line(exc)}.") from exc
        _announce.split_text(texts[language])
    return texts
