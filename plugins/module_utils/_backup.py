# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Database and filestore as one consistent, checksummed set.

    <directory>/<database>-<run id>-<UTC time>/     root only; appears under this name when it is whole
        database/       pg_dump's directory format
        filestore.tar   every file of the database's filestore
        manifest.json   size and sha256 of every part, rows and digest of every table, whose data it is

One exported snapshot is what pg_dump and the digests see. The files are copied while it is open: Odoo writes a file
before it commits the attachment, and only ever adds files, so every file the snapshot knows is there by then.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ansible_collections.dfr.golive.plugins.module_utils import _digest, _filestore
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    GoliveError,
    ProbeError,
    one_line,
)
from ansible_collections.dfr.golive.plugins.module_utils._locale import read_locale
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import (
    Crew,
    client_major,
    dump,
    listing,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import scalar
from ansible_collections.dfr.golive.plugins.module_utils._side import SIDE_OPTIONS, Side
from ansible_collections.dfr.golive.plugins.module_utils._sync_identity import check_identity
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import Watch

if TYPE_CHECKING:
    import psycopg

SCHEMA = "dfr.golive/backup/1"
MANIFEST = "manifest.json"
DATABASE = "database"
FILES = "filestore.tar"
PARTIAL = ".partial"

BACKUP_OPTIONS: dict[str, Any] = {
    "run_id": {"type": "str", "required": True},
    "method": {"type": "str", "default": "pg_dump", "choices": ["pg_dump"]},
    "database": {"type": "dict", "required": True, "options": SIDE_OPTIONS},
    "filestore_path": {"type": "path", "required": True},
    "directory": {"type": "path", "default": "/srv/dfr/backup"},
    "compress": {"type": "str", "default": "zstd:1"},
    "jobs": {"type": "int", "default": 2},
    "limit_seconds": {"type": "int", "default": 3600},
}


@dataclass(frozen=True)
class BackupPlan:
    """What is backed up, and where to."""

    run_id: str
    side: Side
    store: Path
    directory: Path
    compress: str
    jobs: int
    limit_seconds: int

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> BackupPlan:
        """From a module's parameters, see `BACKUP_OPTIONS`."""
        side = Side.from_params(params["database"])
        return cls(
            run_id=params["run_id"],
            side=side,
            store=Path(params["filestore_path"]) / side.name,
            directory=Path(params["directory"]),
            compress=params["compress"],
            jobs=params["jobs"],
            limit_seconds=params["limit_seconds"],
        )

    @property
    def prefix(self) -> str:
        return f"{self.side.name}-{re.sub(r'[^A-Za-z0-9._-]', '-', self.run_id)}-"

    def finished(self) -> list[Path]:
        """Whole sets of this run, the oldest first."""
        return sorted(p for p in self.directory.glob(f"{self.prefix}*") if p.suffix != PARTIAL and p.is_dir())

    def leftovers(self) -> list[Path]:
        """Halves that a crash left, of this database in any run."""
        return sorted(self.directory.glob(f"{self.side.name}-*{PARTIAL}"))


def take(plan: BackupPlan, *, now: dt.datetime) -> dict[str, Any]:
    """Take a set. It gets its name when it is whole and on disk; a half one is removed.

    Raises:
        GoliveError: a part failed; nothing is left under the final name.
    """
    check_identity(plan.side, "production")
    for half in plan.leftovers():
        shutil.rmtree(half)
    name = plan.prefix + now.strftime("%Y%m%dT%H%M%SZ")
    partial = plan.directory / (name + PARTIAL)
    watch = Watch()
    try:
        partial.mkdir(mode=0o700)
    except OSError as exc:
        raise GoliveError(
            f"The backup can't be begun in {plan.directory}: {one_line(exc)}.",
            remedy="Run playbooks/prepare.yml.",
        ) from exc
    try:
        manifest = _fill(plan, partial, watch, now)
        final = plan.directory / name
        partial.rename(final)
        _flush(plan.directory)
    except OSError as exc:
        raise GoliveError(f"The backup can't be written to {partial}: {one_line(exc)}.") from exc
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    watch.seconds["total"] = watch.total()
    return {
        "changed": True,
        "path": str(final),
        "seconds": watch.seconds,
        "rows": sum(table["rows"] for table in manifest["tables"].values()),
        "tables": len(manifest["tables"]),
        "files": manifest["filestore"]["files"],
        "bytes": sum(part["bytes"] for part in manifest["parts"].values()),
    }


def _fill(plan: BackupPlan, partial: Path, watch: Watch, now: dt.datetime) -> dict[str, Any]:
    crew = Crew(plan.limit_seconds)
    login = plan.side.login
    with _digest.reading(login, limit_seconds=plan.limit_seconds) as conn:
        snapshot = _digest.export_snapshot(conn)
        algorithm = _digest.algorithm_for(conn.info.server_version)
        names = _filestore.wanted(conn)
        facts = {
            "server_version": conn.info.server_version,
            "locale": vars(read_locale(conn)),
            "uuid": uuid_of(conn),
        }
        found = crew.together(
            dump=lambda: watch.timed(
                "dump",
                lambda: dump(
                    crew,
                    login,
                    str(partial / DATABASE),
                    snapshot=snapshot,
                    jobs=plan.jobs,
                    compress=plan.compress,
                    durable=True,
                ),
            ),
            digests=lambda: watch.timed(
                "digests",
                lambda: _digest.digest_tables(
                    login,
                    algorithm=algorithm,
                    jobs=1,
                    snapshot=snapshot,
                    limit_seconds=plan.limit_seconds,
                ),
            ),
            files=lambda: watch.timed("filestore", lambda: pack(plan.store, partial / FILES)),
        )
    tables = _table_entries(found["digests"])
    check_listing(listing(crew, str(partial / DATABASE)), tables)
    packed = found["files"]
    lost = [name for name in names if name not in packed]
    if lost:
        raise GoliveError(
            f"{len(lost)} attachments of {login.database} have no file in {plan.store}, for example {lost[0]}.",
            remedy="Find out who removed them before going on.",
        )
    manifest = {
        "schema": SCHEMA,
        "run_id": plan.run_id,
        "database": login.database,
        "taken": now.isoformat(timespec="seconds"),
        "algorithm": algorithm,
        "client_version": client_major(),
        **facts,
        "tables": tables,
        "filestore": {"files": len(packed), "bytes": sum(packed.values()), "attachments": len(names)},
        "parts": watch.timed("checksums", lambda: _parts(partial)),
    }
    _write(partial / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())
    _flush(partial)
    return manifest


def uuid_of(conn: psycopg.Connection[Any]) -> str:
    return str(scalar(conn, "select value from public.ir_config_parameter where key = 'database.uuid'"))


def _table_entries(digests: Mapping[str, _digest.Digest]) -> dict[str, Any]:
    return {
        name: {"rows": item.rows, "digest": item.hex, "columns": list(item.columns)}
        for name, item in sorted(digests.items())
    }


def check_listing(listed: list[str], tables: Mapping[str, Any]) -> None:
    """The dump's own table of contents must have the data of every table we digested.

    Raises:
        GoliveError: it lacks some.
    """
    there = {_digest.label(*entry.split(" ", 1)) for entry in listed}
    lacking = sorted(set(tables) - there - {_digest.LARGE_OBJECTS})
    if lacking:
        raise GoliveError(f"The dump lacks the data of {len(lacking)} tables: {', '.join(lacking[:5])}.")


def pack(store: Path, archive: Path) -> dict[str, int]:
    """Write all content-addressed files of a filestore into a tar. Returns name to size of what went in.

    The bytes are checked against the name on their way in: a backup of a broken file is no backup.
    """
    packed: dict[str, int] = {}
    with _fresh(archive) as raw, tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in sorted(_filestore.present(store)):
            path = store / name
            with path.open("rb") as handle:
                info = tar.gettarinfo(arcname=name, fileobj=handle)
                counted = HashingReader(handle)
                tar.addfile(info, counted)
            if counted.hexdigest() != name.rpartition("/")[2]:
                raise GoliveError(
                    f"The file {path} isn't what its name says.",
                    remedy="Bring it back from staging's filestore.",
                )
            packed[name] = info.size
    return packed


class HashingReader(io.RawIOBase):
    """Reads through, and knows the sha1 of what was read."""

    def __init__(self, inner: BinaryIO) -> None:
        super().__init__()
        self._inner = inner
        self._digest = hashlib.sha1(usedforsecurity=False)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._inner.read(size)
        self._digest.update(block)
        return block

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


@contextmanager
def _fresh(path: Path) -> Iterator[BinaryIO]:
    """A new file that only root may read, on disk when the block ends."""
    path.touch(mode=0o600, exist_ok=False)
    with path.open("wb") as handle:
        yield handle
        handle.flush()
        os.fsync(handle.fileno())


def _write(path: Path, data: bytes) -> None:
    with _fresh(path) as handle:
        handle.write(data)


def _flush(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _parts(folder: Path) -> dict[str, Any]:
    """Size and sha256 of every part but the manifest."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = str(path.relative_to(folder))
        if name != MANIFEST:
            path.chmod(0o600)
            found[name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    return found


def sha256(path: Path) -> str:
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as exc:
        raise ProbeError(f"The backup's part {path} can't be read: {one_line(exc)}.") from exc
