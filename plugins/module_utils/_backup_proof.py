# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof that a backup is what its manifest says, and that it restores."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _digest, _filestore
from ansible_collections.dfr.golive.plugins.module_utils._backup import (
    DATABASE,
    FILES,
    MANIFEST,
    SCHEMA,
    BackupPlan,
    check_listing,
    sha256,
    uuid_of,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    DriftError,
    GoliveError,
    one_line,
)
from ansible_collections.dfr.golive.plugins.module_utils._locale import Locale
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import Crew, listing, restore
from ansible_collections.dfr.golive.plugins.module_utils._scratch import scratch
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import Watch

DEPTHS = ("sizes", "contents", "restored")


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
        name: _digest.Digest(item["rows"], int(item["digest"], 16), tuple(item["columns"]))
        for name, item in manifest["tables"].items()
    }
    with scratch(plan.side.maintenance(), plan.side.name, "scratch", Locale(**manifest["locale"])) as name:
        login = plan.side.login.to(name)
        restore(crew, login, str(folder / DATABASE), jobs=plan.jobs)
        digests = _digest.digest_tables(
            login, algorithm=manifest["algorithm"], jobs=plan.jobs, limit_seconds=crew.remaining()
        )
        with _digest.reading(login) as conn:
            attachments = _filestore.wanted(conn)
            uuid = uuid_of(conn)
    comparisons = _digest.compare(source, digests)
    _digest.refuse_differences(comparisons, f"the manifest of {folder.name}", "the database restored from it")
    if uuid != plan.side.uuid:
        raise GoliveError(f"What the backup {folder} restores is {uuid}, not {plan.side.uuid}.")
    return {
        "comparisons": comparisons,
        "attachments": attachments,
        "rows": sum(item.target_rows for item in comparisons),
    }
