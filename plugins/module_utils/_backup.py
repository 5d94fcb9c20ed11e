# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Database and filestore as one consistent, checksummed set, and the proof that it restores.

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
import secrets
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ansible_collections.dfr.golive.plugins.module_utils import _digest, _filestore
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    DriftError,
    GoliveError,
    ProbeError,
    one_line,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed
from ansible_collections.dfr.golive.plugins.module_utils._locale import Locale, read_locale
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import (
    Crew,
    client_major,
    dump,
    listing,
    restore,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect, driver, scalar
from ansible_collections.dfr.golive.plugins.module_utils._side import SIDE_OPTIONS, Side
from ansible_collections.dfr.golive.plugins.module_utils._sync_gates import (
    answering,
    filestore_bytes,
    free_bytes,
    megabytes,
)
from ansible_collections.dfr.golive.plugins.module_utils._sync_identity import check_identity
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import Watch

if TYPE_CHECKING:
    import psycopg

SCHEMA = "dfr.golive/backup/1"
MANIFEST = "manifest.json"
DATABASE = "database"
FILES = "filestore.tar"
PARTIAL = ".partial"
DEPTHS = ("sizes", "contents", "restored")
# The set itself, and the scratch database that it is restored into.
SPACE_FACTOR = 2.5

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


# --- gate --------------------------------------------------------------------------------------------------------


def readiness(plan: BackupPlan) -> list[Gate]:
    """Ask everything; read only."""
    questions: dict[str, Callable[[], Gate]] = {
        "database.production": lambda: _identity(plan),
        "backup.target": lambda: _target(plan),
        "backup.disk": lambda: _disk(plan),
        "backup.tools": lambda: _tools(plan),
        "backup.rights": lambda: _rights(plan),
    }
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(lambda item: ask(item[0], answering(item[1])), questions.items()))


def _identity(plan: BackupPlan) -> Gate:
    check_identity(plan.side, "production")
    return passed("database.production", f"{plan.side.name} on {plan.side.login.host} is {plan.side.uuid}")


def _target(plan: BackupPlan) -> Gate:
    try:
        seen = plan.directory.stat()
        facts = os.statvfs(plan.directory)
    except FileNotFoundError:
        return failed(
            "backup.target", f"{plan.directory} doesn't exist", "Run playbooks/prepare.yml, it makes it."
        )
    if not plan.directory.is_dir():
        return failed("backup.target", f"{plan.directory} isn't a directory", "Correct backup_database_dir.")
    if facts.f_flag & os.ST_RDONLY or not os.access(plan.directory, os.W_OK):
        return failed("backup.target", f"{plan.directory} can't be written", "Mount it for writing.")
    if seen.st_mode & 0o077:
        return failed(
            "backup.target",
            f"{plan.directory} is open to others than its owner (mode {seen.st_mode & 0o777:04o})",
            "Run playbooks/prepare.yml, or chmod 0700: backups hold personal data.",
        )
    halves = plan.leftovers()
    detail = f"{plan.directory} can be written"
    if halves:
        detail += f"; {len(halves)} unfinished, for example {halves[0].name}, will be removed"
    return passed("backup.target", detail)


def _disk(plan: BackupPlan) -> Gate:
    with connect(plan.side.login) as conn:
        size = int(scalar(conn, "select pg_catalog.pg_database_size(current_database())"))
    needed = int(SPACE_FACTOR * (size + filestore_bytes(plan.store)))
    free = free_bytes(plan.directory)
    detail = f"{megabytes(needed)} needed in {plan.directory}, {megabytes(free)} free"
    if free < needed:
        return failed("backup.disk", detail, "Free or add space, or point backup_database_dir elsewhere.")
    return passed("backup.disk", detail)


def _tools(plan: BackupPlan) -> Gate:
    with connect(plan.side.login) as conn:
        server = conn.info.server_version // 10000
    clients = {program: client_major(program) for program in ("pg_dump", "pg_restore")}
    detail = f"server {server}, " + ", ".join(f"{k} {v}" for k, v in clients.items())
    if min(clients.values()) < server:
        return failed("backup.tools", detail, f"Install postgresql-client-{server} on this host.")
    return passed("backup.tools", detail)


def _rights(plan: BackupPlan) -> Gate:
    with connect(plan.side.login) as conn:
        creates = scalar(
            conn, "select rolcreatedb or rolsuper from pg_catalog.pg_roles where rolname = current_user"
        )
        reads = scalar(
            conn,
            "select pg_catalog.pg_has_role(current_user, datdba, 'USAGE')"
            " or pg_catalog.pg_has_role(current_user, 'pg_read_all_data', 'USAGE')"
            " from pg_catalog.pg_database where datname = current_database()",
        )
    if not (creates and reads):
        return failed(
            "backup.rights",
            f"{plan.side.login.user} may {'not ' if not reads else ''}read all data and"
            f" {'not ' if not creates else ''}create the scratch database",
            f"alter role {plan.side.login.user} createdb; grant pg_read_all_data to {plan.side.login.user}.",
        )
    return passed(
        "backup.rights", f"{plan.side.login.user} may read all data and create the scratch database"
    )


# --- apply -------------------------------------------------------------------------------------------------------


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
            "uuid": _uuid(conn),
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


def _uuid(conn: psycopg.Connection[Any]) -> str:
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


# --- verify ------------------------------------------------------------------------------------------------------


def find(plan: BackupPlan, path: str = "") -> Path:
    """The set to look at: the named one, else this run's newest.

    Raises:
        DriftError: there is none.
    """
    if path:
        return Path(path)
    sets = plan.finished()
    if not sets:
        raise DriftError(
            f"There is no backup of run {plan.run_id} in {plan.directory}.", remedy="Find out who removed it."
        )
    return sets[-1]


def read_manifest(folder: Path) -> dict[str, Any]:
    """
    Raises:
        DriftError: the set or its manifest is gone or unreadable.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        known = manifest["schema"] == SCHEMA and manifest["tables"] and manifest["parts"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise DriftError(
            f"The backup {folder} has no manifest that can be read: {one_line(exc)}.", remedy="Take it again."
        ) from exc
    if not known:
        raise DriftError(
            f"The backup {folder} has a manifest of another kind, or an empty one.", remedy="Take it again."
        )
    return dict(manifest)


def verify(plan: BackupPlan, *, path: str = "", depth: str = "restored") -> dict[str, Any]:
    """Prove a set: checksums, a restore into a scratch database compared table by table, every file in the archive.

    Args:
        plan: which database's.
        path: which set; this run's newest when empty.
        depth: one of `DEPTHS`.

    Returns:
        The evidence.

    Raises:
        GoliveError: the set is another database's, or isn't what its manifest says.
    """
    folder = find(plan, path)
    manifest = read_manifest(folder)
    if manifest["uuid"] != plan.side.uuid or manifest["database"] != plan.side.name:
        raise GoliveError(
            f"The backup {folder} is of {manifest['database']} ({manifest['uuid']}), not of {plan.side.name}"
            f" ({plan.side.uuid}).",
            remedy="Somebody else's backup lies here; take production's again.",
        )
    check_parts(folder, manifest["parts"], contents=depth != "sizes")
    evidence: dict[str, Any] = {
        "path": str(folder),
        "uuid": manifest["uuid"],
        "taken": manifest["taken"],
        "bytes": sum(part["bytes"] for part in manifest["parts"].values()),
        "manifest_sha256": sha256(folder / MANIFEST),
    }
    if depth != "restored":
        return evidence
    watch = Watch()
    crew = Crew(plan.limit_seconds)
    check_listing(listing(crew, str(folder / DATABASE)), manifest["tables"])
    found = crew.together(
        restored=lambda: watch.timed("restore", lambda: _restore_and_compare(plan, crew, folder, manifest)),
        archived=lambda: watch.timed("archive", lambda: unpack_check(folder / FILES)),
    )
    restored, archived = found["restored"], found["archived"]
    lacking = [name for name in restored["attachments"] if name not in archived]
    if lacking or len(archived) != manifest["filestore"]["files"]:
        raise GoliveError(
            f"The archive {folder / FILES} holds {len(archived)} files instead of"
            f" {manifest['filestore']['files']}, and lacks {len(lacking)} that attachments name."
        )
    watch.seconds["total"] = watch.total()
    return {
        **evidence,
        "restored": {"tables": len(restored["comparisons"]), "rows": restored["rows"], "verdict": "equal"},
        "filestore": {
            "files": len(archived),
            "attachments": len(restored["attachments"]),
            "verdict": "equal",
        },
        "seconds": watch.seconds,
        "files": {"backup_tables": [item.as_dict() for item in restored["comparisons"]]},
    }


def check_parts(folder: Path, parts: Mapping[str, Any], *, contents: bool) -> None:
    """Every part is there at its size; with ``contents``, with its checksum too, and nothing else is there.

    Raises:
        DriftError: one isn't; all that are wrong are named.
    """
    wrong = []
    for name, part in sorted(parts.items()):
        path = folder / name
        if not path.is_file():
            wrong.append(f"{name} is missing")
        elif path.stat().st_size != part["bytes"]:
            wrong.append(f"{name} has {path.stat().st_size} bytes instead of {part['bytes']}")
        elif contents and sha256(path) != part["sha256"]:
            wrong.append(f"{name} has another checksum")
    if contents:
        there = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {MANIFEST}
        wrong += [f"{name} isn't in the manifest" for name in sorted(there - set(parts))]
    if wrong:
        raise DriftError(
            f"The backup {folder} isn't what its manifest says: {'; '.join(wrong[:8])}.",
            remedy="Take it again.",
        )


def unpack_check(archive: Path) -> set[str]:
    """Read the whole archive; every member must hold the bytes its name says. Returns the names."""
    names: set[str] = set()
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                handle = tar.extractfile(member)
                if handle is None or not _filestore.NAME.fullmatch(member.name):
                    raise GoliveError(
                        f"The archive {archive} holds {one_line(member.name, 80)}, no file of ours."
                    )
                digest = hashlib.sha1(usedforsecurity=False)
                while block := handle.read(_filestore.READ_BYTES):
                    digest.update(block)
                if digest.hexdigest() != member.name.rpartition("/")[2]:
                    raise GoliveError(f"The file {member.name} in {archive} isn't what its name says.")
                names.add(member.name)
    except (OSError, tarfile.TarError) as exc:
        raise GoliveError(f"The archive {archive} can't be read: {one_line(exc)}.") from exc
    return names


def _restore_and_compare(
    plan: BackupPlan, crew: Crew, folder: Path, manifest: dict[str, Any]
) -> dict[str, Any]:
    source = {
        name: _digest.Digest(
            item["rows"], (int(item["digest"][:16], 16), int(item["digest"][16:], 16)), tuple(item["columns"])
        )
        for name, item in manifest["tables"].items()
    }
    with scratch(plan, manifest) as name:
        login = plan.side.login.to(name)
        restore(crew, login, str(folder / DATABASE), jobs=plan.jobs)
        digests = _digest.digest_tables(
            login, algorithm=manifest["algorithm"], jobs=plan.jobs, limit_seconds=crew.remaining()
        )
        with _digest.reading(login) as conn:
            attachments = _filestore.wanted(conn)
            uuid = _uuid(conn)
    comparisons = _digest.compare(source, digests)
    _digest.refuse_differences(comparisons, f"the manifest of {folder.name}", "the database restored from it")
    if uuid != plan.side.uuid:
        raise GoliveError(f"What the backup {folder} restores is {uuid}, not {plan.side.uuid}.")
    return {
        "comparisons": comparisons,
        "attachments": attachments,
        "rows": sum(item.target_rows for item in comparisons),
    }


@contextmanager
def scratch(plan: BackupPlan, manifest: dict[str, Any]) -> Iterator[str]:
    """A database to restore into, closed to all but the operator, dropped whatever happens."""
    sql = require("psycopg.sql", "python3-psycopg")
    prefix = f"{plan.side.name[:40]}_scratch_"
    name = prefix + secrets.token_hex(4)
    maintenance = plan.side.maintenance()
    like = read_locale_options(manifest["locale"])
    try:
        with connect(maintenance, autocommit=True) as admin:
            # What a killed run left. Nobody else makes databases of this name, and the journal allows one run.
            for row in admin.execute(
                "select datname from pg_catalog.pg_database where starts_with(datname, %s)"
                " and datdba = (select oid from pg_catalog.pg_roles where rolname = current_user)",
                (prefix,),
            ).fetchall():
                admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(row[0])))
            options = sql.SQL(" ").join(
                sql.SQL("{} = {}").format(sql.SQL(word), sql.Literal(value)) for word, value in like
            )
            admin.execute(
                sql.SQL("create database {} template = template0 {}").format(sql.Identifier(name), options)
            )
            admin.execute(sql.SQL("revoke connect on database {} from public").format(sql.Identifier(name)))
    except driver().Error as exc:
        raise GoliveError(f"The scratch database {name} can't be made: {one_line(exc)}.") from exc
    try:
        yield name
    finally:
        with connect(maintenance, autocommit=True) as admin:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def read_locale_options(facts: Mapping[str, str]) -> list[tuple[str, str]]:
    """For the scratch database: it must sort as the one that was backed up."""
    return Locale(**facts).create_options()
