# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hypercare watch: a small program that cron starts, looks at production as users see it, and remembers.

One run takes one sample, writes the daily statuses that are due, and once the agreed days are over writes the
final status and removes itself from cron. A run that finds another one still at work leaves at once; a probe
that hangs is ended and counts as *unknown*.

Nothing here imports Ansible.
"""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ansible_collections.dfr.golive.plugins.module_utils import (
    _dns,
    _health,
    _odoo,
    _reverse_watch,
    _tls,
    _triggers,
)
from ansible_collections.dfr.golive.plugins.module_utils._announce import Audience, MailServer, Postbox
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal
from ansible_collections.dfr.golive.plugins.module_utils._odoo import OdooLogin
from ansible_collections.dfr.golive.plugins.module_utils._watch_status import (
    Check,
    Sample,
    due_days,
    read_samples,
    status_of,
    status_text,
)

# A clock that goes back by less than this is NTP at work.
CLOCK_SLACK = 30.0

Probe = Callable[[], Sequence[Check]]


@dataclass(frozen=True)
class Settings:
    """What the role installed, see `hypercare_watch`. It holds passwords: the file is root's alone.

    Attributes:
        country, title: of the country.
        folder: where samples and statuses go.
        cron_path: the entry that starts the watch; removed when the days are over.
        started, until: seconds since 1970.
        interval: seconds between two runs.
        probe_limit: seconds for each probe.
        timezone, status_hour: when a day ends, and from what hour on its status is written.
        odoo: the application as users reach it, and the account of the smoke test.
        model: what the API is asked for.
        limits: of the health checks.
        fqdn, address, port, ca_path, certificate_days: the name and its certificate.
        dns: ``zone``, ``record``, ``address``, ``primary``, ``secondaries``, ``resolvers``.
        mail, status_to: who gets the statuses; nobody when empty.
        triggers: what the country declared to look out for.
        first, first_by: registrations that must have come until so many seconds after the start; 0 for none.
        reverse: how production's host is asked for the way back; empty where there is none.
        run_id, way_back: the run whose journal has the decisions, and the command that people may answer them with.
    """

    country: str
    title: str
    folder: Path
    cron_path: Path
    started: float
    until: float
    interval: float
    probe_limit: float
    timezone: ZoneInfo
    status_hour: int
    odoo: OdooLogin
    model: str
    limits: _health.Limits
    fqdn: str
    address: str
    port: int
    ca_path: str
    certificate_days: int
    dns: Mapping[str, Any]
    mail: MailServer | None
    status_to: tuple[str, ...]
    triggers: tuple[_triggers.Trigger, ...]
    run_id: str
    way_back: str
    first: int
    first_by: float
    reverse: Mapping[str, Any]
    path: Path = field(default=Path("/nonexistent"))

    @classmethod
    def read(cls, path: Path) -> Settings:
        """From the file the role wrote.

        Raises:
            GoliveError: it can't be read, or lacks something.
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            return cls.from_dict(raw, path)
        except (OSError, ValueError, KeyError, TypeError, ZoneInfoNotFoundError) as exc:
            raise GoliveError(
                f"The settings of the watch, {path}, can't be used:"
                f" {type(exc).__name__} {one_line(exc, 80)}.",
                remedy="Run the phase start_hypercare again.",
            ) from exc

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], path: Path) -> Settings:
        ca_path = str(raw["ca_path"])
        return cls(
            country=str(raw["country"]),
            title=str(raw["title"]),
            folder=path.parent,
            cron_path=Path(raw["cron_path"]),
            started=float(raw["started"]),
            until=float(raw["until"]),
            interval=float(raw["interval_seconds"]),
            probe_limit=float(raw["probe_seconds"]),
            timezone=ZoneInfo(str(raw["timezone"])),
            status_hour=int(raw["status_hour"]),
            odoo=OdooLogin(
                url=str(raw["url"]),
                database=str(raw["database"]),
                login=str(raw["login"]),
                password=str(raw["password"]),
                ca_path=ca_path or None,
                timeout=float(raw["probe_seconds"]),
            ),
            model=str(raw["api_model"]),
            limits=_health.Limits(
                page_seconds=float(raw["page_seconds"]),
                page_samples=1,
                api_p95_seconds=float(raw["api_seconds"]),
                api_samples=5,
                api_parallel=1,
            ),
            fqdn=str(raw["fqdn"]),
            address=str(raw["address"]),
            port=int(raw["port"]),
            ca_path=ca_path,
            certificate_days=int(raw["certificate_days"]),
            dns=dict(raw["dns"]),
            mail=MailServer.from_dict(raw["mail"], ca_path) if raw["status_to"] else None,
            status_to=tuple(map(str, raw["status_to"])),
            triggers=tuple(_triggers.read(raw["triggers"])),
            run_id=str(raw["run_id"]),
            way_back=str(raw["way_back"]),
            first=int(raw["first"]),
            first_by=float(raw["first_by_seconds"]),
            reverse=dict(raw["reverse"]),
            path=path,
        )


def probes_of(settings: Settings) -> dict[str, Probe]:
    """What is looked at, in this order, from outside: as users arrive."""
    login = settings.odoo
    limits, page = settings.limits, "/web/login"
    more: dict[str, Probe] = {}
    if settings.first:
        more["registrations.first"] = lambda: [_first_registrations(settings)]
    if settings.reverse:
        more["reverse"] = lambda: _reverse_watch.ask(settings.reverse, settings.probe_limit)
    return {
        "app.health": lambda: [_from_finding(_health.web_health(login))],
        f"page.{page}": lambda: [_from_finding(_health.page_latency(login, page, limits)[0])],
        "api.search": lambda: [_from_finding(_health.api_latency(login, settings.model, limits)[0])],
        "dns": lambda: [_name_is_right(settings)],
        "certificate": lambda: [_certificate_is_good(settings)],
        **more,
    }


def _from_finding(found: _health.Finding) -> Check:
    return Check(found.name, "pass" if found.ok else "fail", found.sentence, found.value, found.unit)


def _name_is_right(settings: Settings) -> Check:
    dns = settings.dns
    seen = _dns.prove(
        name=_dns.absolute(dns["record"], dns["zone"]),
        wanted=[dns["address"]],
        targets=_dns.targets_of(dns["primary"], dns["secondaries"], dns["resolvers"]),
        asker=_dns.Asker(),
        limit=0,
        old_ttl=0,
        before=(),
    )
    return Check("dns", "pass", f"{len(seen['progress'])} servers say {dns['address']}.")


def _certificate_is_good(settings: Settings) -> Check:
    seen = _tls.probe_certificate(
        settings.address, settings.port, settings.fqdn, ca_path=settings.ca_path, timeout=settings.probe_limit
    )
    _tls.require_days(seen, settings.certificate_days)
    return Check(
        "certificate", "pass", f"Valid until {seen.not_after:%Y-%m-%d}.", float(seen.days_left), "days"
    )


def _first_registrations(settings: Settings, now: Callable[[], float] = time.time) -> Check:
    """Whether people register: enough have, or there is still time. The smoke test's account doesn't count."""
    begun = datetime.fromtimestamp(settings.started, UTC).strftime("%Y-%m-%d %H:%M:%S")
    session = _odoo.connect(settings.odoo)
    found = [("create_date", ">=", begun), ("create_uid", "!=", session.uid)]
    came = int(session.call(settings.model, "search_count", found))
    said = f"{came} registrations since {begun} UTC"
    if came >= settings.first:
        return Check("registrations.first", "pass", f"{said}.", came)
    late = now() - settings.started - settings.first_by
    if late < 0:
        return Check(
            "registrations.first", "pass", f"{said}; {settings.first} are due in {-late / 60:.0f} min.", came
        )
    sentence = f"{said}, {settings.first} were due {late / 60:.0f} min ago."
    return Check("registrations.first", "fail", sentence, came)


def judged(name: str, probe: Probe) -> list[Check]:
    """A probe's checks; one that breaks is *unknown*, never a pass, and one that says nothing is too."""
    try:
        checks = list(probe())
    except ProbeError as exc:
        return [Check(name, "unknown", exc.sentence)]
    except GoliveError as exc:
        return [Check(name, "fail", exc.sentence)]
    except Exception as exc:  # noqa: BLE001 - the watch outlives any defect of a probe
        return [Check(name, "unknown", f"The probe broke: {type(exc).__name__} {one_line(exc, 160)}.")]
    return checks or [Check(name, "unknown", "The probe said nothing.")]


def within(limit: float, name: str, probe: Probe) -> list[Check]:
    """Run a probe in a process of its own and end it after ``limit`` seconds, whatever it hangs on."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_report, args=(theirs, name, probe), daemon=True)
    child.start()
    theirs.close()
    try:
        if ours.poll(limit):
            return [Check(**raw) for raw in ours.recv()]
        return [Check(name, "unknown", f"No answer within {limit:g} s; the probe was ended.")]
    except EOFError:
        return [Check(name, "unknown", "The probe died without a word.")]
    finally:
        child.kill()
        child.join()
        ours.close()


def _report(pipe: Connection, name: str, probe: Probe) -> None:
    pipe.send([check.as_dict() for check in judged(name, probe)])
    pipe.close()


Runner = Callable[[str, Probe], Sequence[Check]]


def take_sample(
    probes: Mapping[str, Probe],
    run: Runner,
    *,
    previous: Sample | None,
    now: Callable[[], float] = time.time,
    clock: Callable[[], float] = time.monotonic,
) -> Sample:
    """Look once at everything. A clock that went back is a finding itself: the order can't be trusted."""
    at, begun = now(), clock()
    checks = [check for name, probe in probes.items() for check in run(name, probe)]
    back = previous.at - at if previous is not None else 0.0
    if back > CLOCK_SLACK:
        checks.append(
            Check(
                "clock",
                "fail",
                f"This host's clock went back by {back:.0f} s.",
                back,
                "s",
            )
        )
    return Sample(at=at, seconds=round(clock() - begun, 3), checks=tuple(checks))


class Watch:
    """The files of one country's watch. Time, probes and mail are replaced in tests."""

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], float] = time.time,
        probes: Mapping[str, Probe] | None = None,
        run: Runner | None = None,
        postbox: Postbox | None = None,
    ) -> None:
        self.settings = settings
        self.now = now
        self.probes = probes_of(settings) if probes is None else probes
        self.run = run or (lambda name, probe: within(settings.probe_limit, name, probe))
        if postbox is None and settings.mail is not None:
            postbox = Postbox(settings.mail, settings.folder / "mailed.json", settings.title)
        self.postbox = postbox
        self.samples = settings.folder / "samples.jsonl"
        self.statuses = settings.folder / "status"
        self.journal = Journal(settings.folder.parent.parent.absolute(), settings.country)

    @property
    def final(self) -> Path:
        return self.statuses / "final.json"

    def once(self) -> list[str]:
        """One run; returns what there is to say about it beside the files."""
        settings = self.settings
        if self.final.exists():
            self._remove_itself()
            return ["The agreed days are over: the watch has removed itself."]
        known = read_samples(self.samples)
        previous = known[-1] if known else None
        sample = take_sample(self.probes, self.run, previous=previous, now=self.now)
        self._append(sample)
        known.append(sample)
        decided = self._decide(known)
        # One look at the clock isn't enough to close a day, or the watch: a clock may jump.
        certain = min(previous.at, sample.at) if previous else settings.started
        said = decided + self._write_statuses(known, certain)
        if certain >= settings.until:
            said += self._finish(known)
        return said

    def _decide(self, known: Sequence[Sample]) -> list[str]:
        """Journal what the triggers decide, once for as long as it lasts, and tell people.

        There is no controller here that could go back: a roll_back is journalled and mailed as the command to run.
        """
        path = self.settings.folder / "decided.json"
        before = set(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else set()
        decisions = _triggers.on_samples(self.settings.triggers, known)
        lasting = {decision.trigger for decision in decisions} & before
        said = []
        for decision in decisions:
            if decision.trigger in lasting:
                continue
            details = {**decision.as_dict(), "way_back": self.settings.way_back}
            if not self.journal.tell(self.settings.run_id, "decision", **details):
                said.append(f"The trigger {decision.trigger} waits: somebody else holds the lock.")
                continue
            lasting.add(decision.trigger)
            said += self._tell(decision)
        if lasting != before:
            _replace(path, json.dumps(sorted(lasting)))
        return said

    def _tell(self, decision: _triggers.Decision) -> list[str]:
        settings = self.settings
        text = f"{decision.trigger} says {decision.action}: {decision.because}."
        if decision.action == "roll_back":
            text += f" Nothing goes back by itself. To go back: {settings.way_back}"
        if self.postbox is not None and settings.status_to:
            try:
                self.postbox.announce(
                    Audience("hypercare", "", settings.status_to),
                    f"{settings.title}: {text}\n",
                    self.postbox.message_id(
                        "decision", settings.country, decision.trigger, f"{self.now():.0f}"
                    ),
                )
            except GoliveError as exc:
                return [text, f"This could not be mailed: {exc}"]
        return [text]

    def _append(self, sample: Sample) -> None:
        line = json.dumps(sample.as_dict(), ensure_ascii=False) + "\n"
        with self.samples.open("ab+") as out:
            # A run that was killed may have left half a line: it must not swallow this one.
            if out.tell() and not _ends_a_line(out.fileno()):
                line = "\n" + line
            out.write(line.encode())
            out.flush()
            os.fsync(out.fileno())

    def _write_statuses(self, known: Sequence[Sample], certain: float) -> list[str]:
        said = []
        settings = self.settings
        for day, begin, end in due_days(
            settings.started, min(certain, settings.until), settings.timezone, settings.status_hour
        ):
            if (self.statuses / f"{day}.done").exists():
                continue
            said += self._write_status(str(day), known, begin, end)
        return said

    def _finish(self, known: Sequence[Sample]) -> list[str]:
        said = self._write_status("final", known, self.settings.started, self.settings.until)
        self._remove_itself()
        return [*said, "The agreed days are over: the watch has removed itself."]

    def _write_status(self, name: str, known: Sequence[Sample], begin: float, end: float) -> list[str]:
        """The files first, then the mail; one whose mail was refused is tried again with the next run."""
        settings = self.settings
        status = status_of(
            known, country=settings.country, name=name, begin=begin, end=end, interval=settings.interval
        )
        text = status_text(status, settings.title, settings.timezone)
        self.statuses.mkdir(mode=0o750, exist_ok=True)
        _replace(self.statuses / f"{name}.txt", text)
        _replace(self.statuses / f"{name}.json", json.dumps(status, indent=1, ensure_ascii=False) + "\n")
        if self.postbox is not None and settings.status_to:
            try:
                self.postbox.announce(
                    Audience("hypercare", "", settings.status_to),
                    text,
                    self.postbox.message_id("hypercare", settings.country, f"{settings.started:.0f}", name),
                )
            except GoliveError as exc:
                return [f"The status {name} could not be mailed: {exc}"]
        _replace(self.statuses / f"{name}.done", "")
        return []

    def _remove_itself(self) -> None:
        """The cron entry, and the settings with their passwords; samples and statuses stay."""
        self.settings.cron_path.unlink(missing_ok=True)
        self.settings.path.unlink(missing_ok=True)


def _ends_a_line(handle: int) -> bool:
    return os.pread(handle, 1, os.fstat(handle).st_size - 1) == b"\n"


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Whether no other run is at work; the lock goes with the process, however that ends."""
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def main(arguments: Sequence[str], out: TextIO = sys.stdout) -> int:
    """``<program> <settings file>``: 0 when a sample was taken or another run is at work, else 2."""

    def say(text: str) -> None:
        out.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}\n")

    if len(arguments) != 1:
        say("Name the settings file of the watch.")
        return 2
    path = Path(arguments[0])
    try:
        with alone(path.with_name("watch.lock")) as free:
            if not free:
                say("The run before is still at work; this one leaves.")
                return 0
            for line in Watch(Settings.read(path)).once():
                say(line)
    except (GoliveError, OSError) as exc:
        say(str(exc))
        return 2
    return 0
