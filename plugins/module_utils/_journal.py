# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a country: append-only, chained, and the lock of its one live cutover.

A country's folder on the state host holds

* ``journal.jsonl``: one record per line, in canonical JSON, each carrying the hash of the one before it;
* ``head.json``: number and hash of the last acknowledged record, so that records cut off the end are missed;
* ``lock.json``: who holds the lock; the lock is free when the file isn't there;
* ``mutex``: what writers and readers ``flock`` so that no two of them interleave;
* ``evidence/<run>/<phase>/<name>.json``: what is too long for a record, which holds its digest instead.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import socket
import time as _time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._chain import (
    GENESIS,
    JournalDamageError,
    Reading,
    Record,
    between,
    canonical,
    seal,
    stamp,
    utc_now,
    verify,
    without_secrets,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._holder import Holder, LockLostError, Owner

EVENTS = frozenset(
    {
        "open",
        "take_over",
        "torn",
        "begin",
        "refused",
        "hold_begin",
        "hold_finish",
        "finish",
        "fail",
        "undo_begin",
        "undo_finish",
        "undo_fail",
        "note",
        "rehearsed",
        "finalize",
        "decision",
        "intended",
        "sent",
        "stop",
        "close",
    }
)
# Time servers correct a clock by less without a word; more is told in the record.
CLOCK_STEP_SECONDS = 1
# What a module asks for to find a journal.
JOURNAL_OPTIONS: dict[str, Any] = {
    "state_dir": {"type": "path", "required": True},
    "country": {"type": "str", "required": True},
}
MUTEX_LIMIT_SECONDS = 20.0
TELL_SECONDS = 60
_COUNTRY = re.compile(r"[a-z][a-z0-9_-]{0,62}\Z")
_PATH_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,120}\Z")


@contextmanager
def _file_errors(path: Path, doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise GoliveError(
            f"Can't {doing} {path}: {exc.strerror or exc}.",
            remedy="Check golive_state_dir, its owner and the free space on the state host.",
        ) from exc


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_atomically(path: Path, text: str) -> None:
    """Old content or new content, never half of it, whatever happens."""
    draft = path.with_name(f".{path.name}.draft")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


def _write_all_or_nothing(handle: int, data: bytes) -> None:
    size = os.fstat(handle).st_size
    try:
        written = os.write(handle, data)
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise
    if written != len(data):
        os.ftruncate(handle, size)
        raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes fitted on the disk")


class Writer:
    """What may be done while the mutex is held; made by `Journal.writing`."""

    def __init__(self, journal: Journal, records: list[Record], holder: Holder | None) -> None:
        self._journal = journal
        self.records = records
        self.holder = holder

    @property
    def head(self) -> str:
        return str(self.records[-1]["hash"]) if self.records else GENESIS

    def now(self) -> str:
        """Now; before the last record when somebody has set the clock back since."""
        return stamp(self._journal.clock())

    def prove(self, session: str) -> Holder:
        """Prove that the session holds the lock.

        Raises:
            LockLostError: another one holds it, or nobody.
        """
        if self.holder is not None and self.holder.session == session:
            return self.holder
        country = self._journal.country
        remedy = "Stop here; ask them, then look at playbooks/status.yml before starting again."
        if self.holder is not None:
            raise LockLostError(
                f"The cutover of {country} was taken over by {self.holder.owner.where}"
                f" at {self.holder.since} (run {self.holder.run_id}).",
                remedy=remedy,
            )
        later = [r for r in self.records if r["event"] == "open" and r["session"] != session]
        mine = [r["seq"] for r in self.records if r["session"] == session]
        later = [r for r in later if not mine or r["seq"] > mine[-1]]
        if later:
            who = Owner.from_dict(later[-1].get("owner", {})).where
            raise LockLostError(
                f"The cutover of {country} was taken over by {who} at {later[-1]['time']}.", remedy=remedy
            )
        raise LockLostError(f"This session no longer holds the lock of {country}.", remedy=remedy)

    def take(self, run_id: str, intent: str, owner: Owner, limit_seconds: int) -> Holder:
        """Take the lock, whoever held it: the caller has decided that it may."""
        now = self.now()
        session = secrets.token_hex(16)
        holder = Holder(session, run_id, intent, owner, now, now, limit_seconds, now).renewed(now)
        self._write_lock(holder)
        return holder

    def release(self, session: str) -> None:
        """Give the lock back."""
        self.prove(session)
        path = self._journal.lock_path
        with _file_errors(path, "remove"):
            path.unlink()
            _sync_folder(path.parent)
        self.holder = None

    def append(
        self, session: str, event: str, phase: str = "", *, limit_seconds: int = 0, **details: Any
    ) -> Record:
        """Append one record, and come back when it is on the disk.

        Args:
            session, event, phase, details: what it says.
            limit_seconds: how long the next one may take; 0 for the session's own limit.

        Raises:
            LockLostError: the session doesn't hold the lock.
            GoliveError: it can't be written; then nothing was.
        """
        if event not in EVENTS:
            raise GoliveError(f"There is no journal event {event!r}.")
        holder = self.prove(session)
        now = self.now()
        set_back = between(now, self.records[-1]["time"]) if self.records else 0
        record: Record = {
            **without_secrets(details),
            **({"clock_set_back": set_back} if set_back > CLOCK_STEP_SECONDS else {}),
            "seq": len(self.records) + 1,
            "time": now,
            "run_id": holder.run_id,
            "session": session,
            "country": self._journal.country,
            "event": event,
            "phase": phase,
            "prev": self.head,
        }
        line = seal(record)
        self._journal.write_line(line)
        record = json.loads(line)
        self.records.append(record)
        with _file_errors(self._journal.head_path, "write"):
            _write_atomically(
                self._journal.head_path, canonical({"seq": record["seq"], "hash": record["hash"]})
            )
        self._write_lock(holder.renewed(record["time"], limit_seconds))
        return record

    def unreported_torn(self) -> list[dict[str, Any]]:
        """The half-written lines that were set aside and that no record tells of yet."""
        return self._journal.unreported_torn(self.records)

    def _write_lock(self, holder: Holder) -> None:
        with _file_errors(self._journal.lock_path, "write"):
            _write_atomically(self._journal.lock_path, canonical(holder.as_dict()))
        self.holder = holder


class Journal:
    """The journal of one country.

    Args:
        state_dir: `golive_state_dir`; the country's folder is made in it at the first write.
        country: short code of the country.
        clock: what time it is; tests bring their own.
    """

    def __init__(self, state_dir: str | Path, country: str, clock: Callable[[], datetime] = utc_now) -> None:
        if not _COUNTRY.match(country):
            raise GoliveError(
                f"golive_country is {country!r}, which can't name a folder.",
                remedy="Use a short code of lower-case letters, digits, _ and -, for example: tonga.",
            )
        if not Path(state_dir).is_absolute():
            raise GoliveError(
                f"golive_state_dir is {str(state_dir)!r}, which isn't an absolute path.",
                remedy="Name a folder on the state host, for example /var/lib/dfr-golive.",
            )
        self.country = country
        self.clock = clock
        self.folder = Path(state_dir) / country
        self.path = self.folder / "journal.jsonl"
        self.head_path = self.folder / "head.json"
        self.lock_path = self.folder / "lock.json"
        self.mutex_path = self.folder / "mutex"

    def read(self) -> tuple[Reading, Holder | None]:
        """Everything, verified, without changing anything; empty when nothing has ever run."""
        with _file_errors(self.folder, "read"):
            if not self.folder.exists():
                return Reading(), None
            if not self.mutex_path.exists():
                return self._load()
            with self._mutex(os.O_RDONLY, fcntl.LOCK_SH):
                return self._load()

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Hold the mutex: nobody else reads or writes meanwhile.

        A half-written last line is set aside as ``journal.torn-<n>``; whoever appends next journals that.
        """
        self._make_folder()
        with self._mutex(os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX):
            reading, holder = self._load()
            if reading.torn:
                self._set_aside(reading.torn)
            yield Writer(self, reading.records, holder)

    def tell(self, run_id: str, event: str, **details: Any) -> Record | None:
        """Append one record of somebody who works on nothing, such as the watch; None while a session is at work."""
        with self.writing() as writer:
            if writer.holder is not None:
                return None
            me = Owner(user="watch", host=socket.gethostname())
            session = writer.take(run_id, "watch", me, TELL_SECONDS).session
            record = writer.append(session, event, **details)
            writer.release(session)
        return record

    def write_line(self, line: str) -> None:
        """One line at the end of the file, on the disk when this returns; for `Writer` alone."""
        data = line.encode("ascii") + b"\n"
        new = not self.path.exists()
        with _file_errors(self.path, "write"):
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                _write_all_or_nothing(handle, data)
            finally:
                os.close(handle)
            if new:
                _sync_folder(self.folder)

    def unreported_torn(self, records: list[Record]) -> list[dict[str, Any]]:
        """The set-aside files that no record tells of yet; for `Writer`."""
        told = {r["file"] for r in records if r["event"] == "torn"}
        found = []
        for path in sorted(self.folder.glob("journal.torn-*")):
            if path.name not in told:
                data = path.read_bytes()
                found.append(
                    {"file": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                )
        return found

    def keep_evidence(self, run_id: str, phase: str, name: str, value: Any) -> dict[str, Any]:
        """Write one evidence file, on the disk when this returns; what the journal records of it."""
        for part in (run_id, phase, name):
            if not _PATH_PART.match(part):
                raise GoliveError(f"{part!r} can't be part of an evidence file's name.")
        relative = f"evidence/{run_id}/{phase}/{name}.json"
        path = self.folder / relative
        text = canonical(without_secrets(value))
        with _file_errors(path, "write"):
            missing = [p for p in (path.parent, *path.parent.parents) if not p.exists()]
            for folder in reversed(missing):
                folder.mkdir(mode=0o700)
                _sync_folder(folder.parent)
            _write_atomically(path, text)
        data = text.encode("ascii")
        return {
            "name": name,
            "file": relative,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }

    def evidence(self, kept: dict[str, Any]) -> Any:
        """The content of an evidence file, proven against its digest.

        Raises:
            JournalDamageError: it is gone or was edited.
        """
        path = self.folder / str(kept["file"])
        remedy = "Restore it from a backup of the state host."
        if self.folder.resolve() not in path.resolve().parents:
            raise JournalDamageError(f"The evidence file {path} lies outside of its country's folder.")
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise JournalDamageError(
                f"The evidence file {path} can't be read: {exc.strerror}.", remedy=remedy
            ) from exc
        if hashlib.sha256(data).hexdigest() != kept["sha256"]:
            raise JournalDamageError(
                f"The evidence file {path} isn't the one that was journalled: its digest differs.",
                remedy=remedy,
            )
        return json.loads(data)

    def _make_folder(self) -> None:
        with _file_errors(self.folder, "make"):
            if not self.folder.is_dir():
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _sync_folder(self.folder.parent)

    @contextmanager
    def _mutex(self, flags: int, kind: int) -> Iterator[None]:
        with _file_errors(self.mutex_path, "open"):
            handle = os.open(self.mutex_path, flags, 0o600)
        try:
            limit = _time.monotonic() + MUTEX_LIMIT_SECONDS
            while True:
                try:
                    fcntl.flock(handle, kind | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if _time.monotonic() > limit:
                        raise GoliveError(
                            f"Another process has been writing to {self.folder}"
                            f" for more than {MUTEX_LIMIT_SECONDS:.0f} s.",
                            remedy="Find out which one (fuser on the file mutex there), then try again.",
                        ) from None
                    _time.sleep(0.02)
            yield
        finally:
            os.close(handle)

    def _load(self) -> tuple[Reading, Holder | None]:
        with _file_errors(self.path, "read"):
            raw = self.path.read_bytes() if self.path.exists() else b""
        mark = self._small_json(self.head_path) or {"seq": 0, "hash": GENESIS}
        reading = verify(raw, self.country, str(self.path), int(mark["seq"]), str(mark["hash"]))
        held = self._small_json(self.lock_path)
        try:
            holder = None if held is None else Holder.from_dict(held)
        except (KeyError, TypeError, AttributeError) as exc:
            raise self._unreadable(self.lock_path) from exc
        return reading, holder

    def _small_json(self, path: Path) -> dict[str, Any] | None:
        with _file_errors(path, "read"):
            if not path.exists():
                return None
            text = path.read_text(encoding="utf-8", errors="replace")
        try:
            value = json.loads(text)
        except ValueError as exc:
            raise self._unreadable(path) from exc
        if not isinstance(value, dict) or (path == self.head_path and not {"seq", "hash"} <= set(value)):
            raise self._unreadable(path)
        return value

    @staticmethod
    def _unreadable(path: Path) -> JournalDamageError:
        return JournalDamageError(
            f"{path} isn't what was written there: somebody or something else changed it.",
            remedy=f"Make sure that no cutover of this country is running anywhere, then remove {path}.",
        )

    def _set_aside(self, torn: bytes) -> None:
        """Keep the half line beside the journal, then cut it off: in this order nothing is ever lost."""
        number = 1
        while (path := self.folder / f"journal.torn-{number}").exists():
            number += 1
        with _file_errors(path, "write"):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(handle, torn)
                os.fsync(handle)
            finally:
                os.close(handle)
            _sync_folder(self.folder)
        with _file_errors(self.path, "write"):
            handle = os.open(self.path, os.O_WRONLY)
            try:
                os.ftruncate(handle, os.fstat(handle).st_size - len(torn))
                os.fsync(handle)
            finally:
                os.close(handle)
