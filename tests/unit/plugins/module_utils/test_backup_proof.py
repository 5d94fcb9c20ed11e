# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _backup, _backup_proof
from ansible_collections.dfr.golive.plugins.module_utils._backup import BackupPlan
from ansible_collections.dfr.golive.plugins.module_utils._errors import DriftError, GoliveError
from backups import planned, put


@pytest.fixture
def plan(tmp_path: Path) -> BackupPlan:
    return planned(tmp_path)


@pytest.fixture
def backup(plan: BackupPlan) -> Path:
    """A whole set, but for the database that made it."""
    folder = plan.directory / "prod-run-1-20260101T000000Z"
    (folder / "database").mkdir(parents=True)
    (folder / "database/toc.dat").write_bytes(b"toc")
    put(plan.store, b"one")
    packed = _backup.pack(plan.store, folder / "filestore.tar")
    manifest = {
        "schema": _backup.SCHEMA,
        "database": "prod",
        "uuid": "u-prod",
        "taken": "2026-01-01T00:00:00+00:00",
        "tables": {"t": {"rows": 1, "digest": "0" * 32, "columns": ["a"]}},
        "filestore": {"files": len(packed)},
        "parts": _backup._parts(folder),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_pack_and_read_again(tmp_path: Path) -> None:
    names = {put(tmp_path / "s", content) for content in (b"one", b"two" * 9999, b"")}
    (tmp_path / "s/checklist").mkdir()
    packed = _backup.pack(tmp_path / "s", tmp_path / "a.tar")
    assert set(packed) == names == _backup_proof.unpack_check(tmp_path / "a.tar")
    assert (tmp_path / "a.tar").stat().st_mode & 0o777 == 0o600


def test_a_changed_or_cut_archive_is_caught(tmp_path: Path) -> None:
    put(tmp_path / "s", b"one" * 5000)
    archive = tmp_path / "a.tar"
    _backup.pack(tmp_path / "s", archive)
    whole = archive.read_bytes()
    archive.write_bytes(whole[:2000] + b"X" + whole[2001:])
    with pytest.raises(GoliveError, match="isn't what its name says"):
        _backup_proof.unpack_check(archive)
    archive.write_bytes(whole[:3000])
    with pytest.raises(GoliveError, match="can't be read"):
        _backup_proof.unpack_check(archive)


def test_sizes_are_quick_to_look_at(plan: BackupPlan, backup: Path) -> None:
    evidence = _backup_proof.verify(plan, depth="sizes")
    assert evidence["path"] == str(backup)
    assert evidence["bytes"] > 0
    (backup / "database/toc.dat").write_bytes(b"tok")  # same size
    _backup_proof.verify(plan, depth="sizes")
    (backup / "database/toc.dat").write_bytes(b"toctoc")
    with pytest.raises(DriftError, match="6 bytes instead of 3"):
        _backup_proof.verify(plan, depth="sizes")


def plant_changed(folder: Path) -> None:
    (folder / "database/toc.dat").write_bytes(b"tok")


def plant_missing(folder: Path) -> None:
    (folder / "filestore.tar").unlink()


def plant_stranger(folder: Path) -> None:
    (folder / "database/more.dat").write_bytes(b"")


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (plant_changed, "database/toc.dat has another checksum"),
        (plant_missing, r"filestore.tar is missing"),
        (plant_stranger, r"more.dat isn't in the manifest"),
    ],
)
def test_a_set_that_changed_is_caught(plan: BackupPlan, backup: Path, plant: Any, sentence: str) -> None:
    plant(backup)
    with pytest.raises(DriftError, match=sentence):
        _backup_proof.verify(plan, depth="contents")


def test_another_database_s_set_is_caught(plan: BackupPlan, backup: Path) -> None:
    manifest = json.loads((backup / "manifest.json").read_text())
    (backup / "manifest.json").write_text(json.dumps({**manifest, "uuid": "another"}))
    with pytest.raises(GoliveError, match="another"):
        _backup_proof.verify(plan, depth="sizes")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": "x", "tables": {"a": 1}, "parts": {"a": 1}}']
)
def test_an_unreadable_manifest_is_caught(plan: BackupPlan, backup: Path, content: str) -> None:
    (backup / "manifest.json").write_text(content)
    with pytest.raises(DriftError, match="manifest"):
        _backup_proof.verify(plan, depth="sizes")


def test_no_set_is_drift(plan: BackupPlan) -> None:
    with pytest.raises(DriftError, match="There is no backup of run run-1"):
        _backup_proof.verify(plan, depth="sizes")
