# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odoo's filestore: a directory per database, a file per content, named ``<2 hex>/<sha1 of its bytes>``.

The name is the digest, so a file proves itself and never changes: what is there under its name, and was proven once,
need not come again. What was proven is remembered with size, inode and change time (which nobody can set), so that the
freeze window reads only the files that came since.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import Crew
from ansible_collections.dfr.golive.plugins.module_utils._postgres import driver

if TYPE_CHECKING:
    import psycopg

NAME = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{38}")
READ_BYTES = 1 << 20
# The name under which known_hosts pins the other host's key, whatever its address and port are.
PINNED_AS = "dfr-golive-filestore"


@dataclass(frozen=True)
class Remote:
    """Where the files come from: another host's directory of filestores, behind a key that may only read it.

    Attributes:
        host, port, user: the SSH account whose key is restricted to reading `database`'s parent directory.
        key: the private key on this host.
        known_hosts: the file that pins that host's key.
        database: the directory's name under the restricted root.
    """

    host: str
    user: str
    key: str
    known_hosts: str
    database: str
    port: int = 22

    @property
    def where(self) -> str:
        return f"{self.user}@{self.host}:{self.database}"

    def ssh(self, limit_seconds: int = 10) -> str:
        return (
            f"ssh -F none -p {self.port} -i {self.key} -o IdentitiesOnly=yes -o BatchMode=yes"
            f" -o StrictHostKeyChecking=yes -o UserKnownHostsFile={self.known_hosts} -o GlobalKnownHostsFile=none"
            f" -o HostKeyAlias={PINNED_AS}"
            f" -o ConnectTimeout={limit_seconds} -o ServerAliveInterval=15 -o ServerAliveCountMax=4"
        )


@dataclass(frozen=True)
class Stores:
    """The three directories of one database's filestore, side by side so that a swap is a rename.

    Attributes:
        root: the directory of all filestores.
        name: the database, whose files lie in ``root/name``.
        owner: numeric ``uid:gid`` of the application.
    """

    root: Path
    name: str
    owner: str

    @property
    def current(self) -> Path:
        return self.root / self.name

    @property
    def incoming(self) -> Path:
        return self.root / f"{self.name}.incoming"

    @property
    def before(self) -> Path:
        return self.root / f"{self.name}.before"

    @property
    def memory(self) -> Path:
        """What was proven in `incoming`; it lies beside it, never among the files."""
        return self.root / f".{self.name}.proven"

    def numeric_owner(self) -> tuple[int, int]:
        """
        Raises:
            GoliveError: it isn't ``uid:gid`` in figures.
        """
        if not re.fullmatch(r"\d+:\d+", self.owner):
            raise GoliveError(
                f"The filestore's owner {self.owner!r} isn't uid:gid in figures.",
                remedy="Set owner of golive_applications.production to what `id -u` and `id -g` say in the container.",
            )
        uid, gid = self.owner.split(":")
        return int(uid), int(gid)


@dataclass
class Proof:
    """What looking at the files said.

    Attributes:
        files, bytes: those that are right.
        hashed: how many of them were read just now; the others were proven earlier and haven't changed.
        missing, corrupt: names that aren't there, or whose bytes aren't those of their name.
    """

    files: int = 0
    bytes: int = 0
    hashed: int = 0
    missing: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.missing and not self.corrupt

    def as_dict(self) -> dict[str, Any]:
        return {
            "files": self.files,
            "bytes": self.bytes,
            "hashed": self.hashed,
            "missing": len(self.missing),
            "corrupt": len(self.corrupt),
            "verdict": "equal" if self.good else "different",
        }

    def refuse(self, where: str) -> None:
        """Raise when a file is missing or wrong, naming the first few."""
        if self.good:
            return
        shown = [f"{name} is missing" for name in self.missing[:5]]
        shown += [f"{name} is corrupt" for name in self.corrupt[:5]]
        raise GoliveError(
            f"{len(self.missing)} files are missing and {len(self.corrupt)} corrupt in {where}: {'; '.join(shown)}.",
            remedy="If they are gone in the source too, delete those attachments there, or bring the files back.",
        )


def wanted(conn: psycopg.Connection[Any]) -> list[str]:
    """The file of every attachment of an Odoo database.

    Raises:
        ProbeError: the table can't be read.
        GoliveError: attachments stored otherwise than by content; they can't be proven by name.
    """
    try:
        rows = conn.execute(
            "select distinct store_fname from public.ir_attachment where store_fname is not null order by 1"
        ).fetchall()
    except driver().Error as exc:
        raise ProbeError(f"The attachments of {conn.info.dbname} can't be read: {one_line(exc)}.") from exc
    names = [str(row[0]) for row in rows]
    strange = [name for name in names if not NAME.fullmatch(name)]
    if strange:
        raise GoliveError(
            f"{len(strange)} attachments of {conn.info.dbname} don't lie in a filestore by content,"
            f" for example {one_line(strange[0], 80)}.",
            remedy="Move them into the filestore (ir.attachment force_storage) before the freeze.",
        )
    return names


def absent(store: Path, names: Iterable[str]) -> list[str]:
    """Those that aren't in the directory."""
    there = present(store)
    return [name for name in names if name not in there]


def present(store: Path) -> set[str]:
    """The names of all content-addressed files in the directory."""
    return {
        name
        for first in _directories(store)
        for name in (f"{first}/{entry}" for entry in os.listdir(store / first))  # noqa: PTH208  names alone, and many
        if NAME.fullmatch(name)
    }


def _directories(store: Path) -> list[str]:
    if not store.is_dir():
        return []
    return [
        entry.name
        for entry in os.scandir(store)
        if entry.is_dir() and re.fullmatch(r"[0-9a-f]{2}", entry.name)
    ]


def pull(crew: Crew, remote: Remote, stores: Stores, names: Sequence[str]) -> int:
    """Bring the named files that aren't in ``incoming`` yet. Returns how many came.

    A file that the source lacks isn't an error here: the proof that follows names it.
    """
    uid, gid = stores.numeric_owner()
    if not stores.incoming.exists():
        stores.incoming.mkdir(mode=0o750)
        os.chown(stores.incoming, uid, gid)
    todo = absent(stores.incoming, names)
    if not todo:
        return 0
    crew.run(
        [
            "rsync",
            "--recursive",
            "--times",
            "--perms",
            "--owner",
            "--group",
            f"--chown={uid}:{gid}",
            "--chmod=D0750,F0640",
            "--whole-file",
            "--ignore-existing",
            "--ignore-missing-args",
            "--from0",
            "--files-from=-",
            f"--rsh={remote.ssh()}",
            f"{remote.user}@{remote.host}:{remote.database}/",
            f"{stores.incoming}/",
        ],
        what=f"rsync of the filestore from {remote.where}",
        env={},
        stdin="\0".join(todo).encode(),
    )
    return len(todo) - len(absent(stores.incoming, todo))


def answers(remote: Remote) -> str:
    """Ask the other host for its list of filestores. Returns the line of this database's directory, or ''.

    Raises:
        ProbeError: no connection, a key refused, or a host key that isn't the pinned one.
    """
    try:
        out, _warnings = Crew(30).run(
            ["rsync", "--list-only", f"--rsh={remote.ssh()}", f"{remote.user}@{remote.host}:"],
            what=f"Listing the filestores at {remote.user}@{remote.host}",
            env={},
        )
    except GoliveError as exc:
        raise ProbeError(
            exc.sentence,
            remedy="Run playbooks/prepare.yml: it makes the key, pins the host and allows the reading.",
        ) from exc
    return next((line for line in out.splitlines() if line.split()[-1:] == [remote.database]), "")


# --- proof -------------------------------------------------------------------------------------------------------


def prove(store: Path, names: Sequence[str], *, memory: Path | None = None, jobs: int = 2) -> Proof:
    """Check that each named file is there and holds the bytes its name says.

    Args:
        store: the database's directory.
        names: as the attachments have them.
        memory: file that remembers what was proven; without it every file is read.
        jobs: how many files are read at once.
    """
    remembered = _recall(memory)
    proof = Proof()
    marks: dict[str, str] = {}
    todo: list[tuple[str, os.stat_result]] = []
    for name in names:
        try:
            seen = os.lstat(store / name)
        except (FileNotFoundError, NotADirectoryError):
            proof.missing.append(name)
            continue
        if remembered.get(name) == _mark(seen):
            marks[name] = _mark(seen)
            proof.files += 1
            proof.bytes += seen.st_size
        else:
            todo.append((name, seen))
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        sums = pool.map(lambda item: sha1(store / item[0]), todo)
        for (name, seen), digest in zip(todo, sums, strict=True):
            if digest != name.rpartition("/")[2]:
                proof.corrupt.append(name)
                continue
            proof.hashed += 1
            proof.files += 1
            proof.bytes += seen.st_size
            marks[name] = _mark(seen)
    if memory is not None and marks != remembered:
        _remember(memory, marks)
    return proof


def sha1(path: Path) -> str:
    """The content address of a file; that is what sha1 is here, not a protection."""
    digest = hashlib.sha1(usedforsecurity=False)
    try:
        with path.open("rb") as handle:
            while block := handle.read(READ_BYTES):
                digest.update(block)
    except OSError as exc:
        raise ProbeError(f"The file {path} can't be read: {one_line(exc)}.") from exc
    return digest.hexdigest()


def _mark(seen: os.stat_result) -> str:
    return f"{seen.st_size} {seen.st_ino} {seen.st_mtime_ns} {seen.st_ctime_ns}"


def _recall(memory: Path | None) -> dict[str, str]:
    """What was proven; an unreadable or odd line only means that the file is read again."""
    if memory is None or not memory.is_file():
        return {}
    found = {}
    for line in memory.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _space, mark = line.partition(" ")
        if NAME.fullmatch(name):
            found[name] = mark
    return found


def _remember(memory: Path, marks: dict[str, str]) -> None:
    partial = memory.with_name(memory.name + ".new")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600, exist_ok=False)
    with partial.open("w", encoding="utf-8") as handle:
        handle.writelines(f"{name} {mark}\n" for name, mark in sorted(marks.items()))
    partial.replace(memory)


def heal(stores: Stores, proof: Proof) -> None:
    """Remove corrupt files from ``incoming``, so that they come again."""
    for name in proof.corrupt:
        (stores.incoming / name).unlink(missing_ok=True)


# --- swap --------------------------------------------------------------------------------------------------------


def align(stores: Stores, *, swapped: bool) -> bool:
    """Make the directories agree with the databases. Returns whether anything had to be renamed.

    Whether the databases are swapped is decided in one transaction; these renames follow it, each step leaves a state
    that the same call recognises, and ``before`` exists exactly while production holds the incoming files.
    """
    changed = False
    if swapped:
        if not stores.before.exists():
            changed = True
            if stores.current.exists():
                _rename(stores.current, stores.before)
            else:  # production had no file yet; the empty directory says that the swap began
                stores.before.mkdir(mode=0o750)
                os.chown(stores.before, *stores.numeric_owner())
        if not stores.current.exists() and stores.incoming.exists():
            changed = True
            _rename(stores.incoming, stores.current)
    elif stores.before.exists():
        changed = True
        if stores.current.exists():
            if stores.incoming.exists():  # a seed that came after the swap; it can come again
                shutil.rmtree(stores.incoming)
            _rename(stores.current, stores.incoming)
        _rename(stores.before, stores.current)
    return changed


def _rename(old: Path, new: Path) -> None:
    old.rename(new)
    handle = os.open(new.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
