# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _filestore
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._filestore import Proof, Remote, Stores
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import Crew
from backups import put


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return Stores(tmp_path, "prod", f"{os.getuid()}:{os.getgid()}")


def test_the_owner_is_numeric(tmp_path: Path) -> None:
    assert Stores(tmp_path, "p", "100:101").numeric_owner() == (100, 101)
    with pytest.raises(GoliveError, match="isn't uid:gid"):
        Stores(tmp_path, "p", "odoo").numeric_owner()


def test_prove_finds_missing_and_corrupt_files(tmp_path: Path) -> None:
    good, bad = put(tmp_path, b"good"), put(tmp_path, b"bad")
    (tmp_path / bad).write_bytes(b"worse")
    gone = "ab/" + "ab" + "0" * 38
    proof = _filestore.prove(tmp_path, [good, bad, gone])
    assert (proof.files, proof.bytes, proof.hashed) == (1, 4, 1)
    assert proof.missing == [gone]
    assert proof.corrupt == [bad]
    assert not proof.good
    with pytest.raises(GoliveError, match="1 files are missing and 1 corrupt"):
        proof.refuse("here")


def test_what_was_proven_is_not_read_again_unless_it_changed(tmp_path: Path) -> None:
    store, memory = tmp_path / "s", tmp_path / "memory"
    names = [put(store, b"one"), put(store, b"two")]
    assert _filestore.prove(store, names, memory=memory).hashed == 2
    assert _filestore.prove(store, names, memory=memory).hashed == 0
    before = (store / names[0]).stat()
    (store / names[0]).write_bytes(b"six")
    os.utime(
        store / names[0], ns=(before.st_atime_ns, before.st_mtime_ns)
    )  # the change time can't be set back
    assert _filestore.prove(store, names, memory=memory).corrupt == [names[0]]
    assert memory.stat().st_mode & 0o777 == 0o600


def test_memory_survives_the_directory_being_renamed(tmp_path: Path) -> None:
    store, memory = tmp_path / "s", tmp_path / "memory"
    names = [put(store, b"one")]
    _filestore.prove(store, names, memory=memory)
    store.rename(tmp_path / "t")
    assert _filestore.prove(tmp_path / "t", names, memory=memory).hashed == 0


def test_damaged_memory_only_means_reading_again(tmp_path: Path) -> None:
    store, memory = tmp_path / "s", tmp_path / "memory"
    names = [put(store, b"one")]
    memory.write_bytes(b"\xff\xfe nonsense\n" + names[0].encode() + b" 1 2 3 4\n")
    proof = _filestore.prove(store, names, memory=memory)
    assert (proof.good, proof.hashed) == (True, 1)


def test_absent_and_present_know_only_content_addresses(tmp_path: Path) -> None:
    name = put(tmp_path, b"one")
    (tmp_path / name[:2] / ".tmp.XYZ").write_bytes(b"")
    (tmp_path / "checklist").mkdir()
    assert _filestore.present(tmp_path) == {name}
    other = "00/" + "0" * 40
    assert _filestore.absent(tmp_path, [name, other]) == [other]
    assert _filestore.absent(tmp_path / "nowhere", [name]) == [name]


class Names:
    """A connection whose every query returns these rows."""

    class info:  # noqa: N801
        dbname = "db"

    def __init__(self, rows: list[str]) -> None:
        self.rows = rows

    def execute(self, _query: Any) -> Names:
        return self

    def fetchall(self) -> list[tuple[str]]:
        return [(row,) for row in self.rows]


def test_attachments_that_lie_elsewhere_are_refused() -> None:
    good = "ab/" + "ab" + "0" * 38
    connection: Any = Names([good])
    assert _filestore.wanted(connection) == [good]
    for name in ["../../etc/passwd", "s3://x", "cd/" + "ab" + "0" * 38, good.upper()]:
        strange: Any = Names([good, name])
        with pytest.raises(GoliveError, match="don't lie in a filestore"):
            _filestore.wanted(strange)


# The swap, from every state that a crash between two renames can leave.


def layout(stores: Stores) -> dict[str, str]:
    found = {}
    for which in ("current", "incoming", "before"):
        path: Path = getattr(stores, which)
        if path.exists():
            found[which] = (path / "mark").read_text() if (path / "mark").exists() else "empty"
    return found


def arrange(stores: Stores, state: dict[str, str]) -> None:
    for which, mark in state.items():
        path: Path = getattr(stores, which)
        path.mkdir()
        if mark != "empty":
            (path / "mark").write_text(mark)


SWAPPED = {"current": "new", "before": "old"}


@pytest.mark.parametrize(
    "state",
    [
        {"current": "old", "incoming": "new"},
        {"before": "old", "incoming": "new"},  # died between the two renames
        SWAPPED,
    ],
)
def test_align_forward_ends_swapped(stores: Stores, state: dict[str, str]) -> None:
    arrange(stores, state)
    assert _filestore.align(stores, swapped=True) == (state != SWAPPED)
    assert layout(stores) == SWAPPED
    assert not _filestore.align(stores, swapped=True)


def test_align_forward_without_files_before(stores: Stores) -> None:
    arrange(stores, {"incoming": "new"})
    assert _filestore.align(stores, swapped=True)
    assert layout(stores) == {"current": "new", "before": "empty"}


@pytest.mark.parametrize(
    ("state", "end"),
    [
        (SWAPPED, {"current": "old", "incoming": "new"}),
        ({"before": "old", "incoming": "new"}, {"current": "old", "incoming": "new"}),
        ({**SWAPPED, "incoming": "stale"}, {"current": "old", "incoming": "new"}),
        ({"current": "old", "incoming": "new"}, {"current": "old", "incoming": "new"}),
        ({"current": "old"}, {"current": "old"}),
        ({}, {}),
    ],
)
def test_align_backward_ends_as_before(stores: Stores, state: dict[str, str], end: dict[str, str]) -> None:
    arrange(stores, state)
    _filestore.align(stores, swapped=False)
    assert layout(stores) == end
    assert not _filestore.align(stores, swapped=False)


def test_heal_removes_what_is_corrupt(stores: Stores) -> None:
    name = put(stores.incoming, b"one")
    _filestore.heal(stores, Proof(corrupt=[name]))
    assert not (stores.incoming / name).exists()


def test_pull_brings_only_what_is_absent(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    here = put(stores.incoming, b"here")
    coming = "cd/" + "cd" + "0" * 38
    seen: dict[str, Any] = {}

    def run(_self: Crew, argv: list[str], **more: Any) -> tuple[str, list[str]]:
        seen.update(argv=argv, **more)
        (stores.incoming / "cd").mkdir()
        (stores.incoming / coming).write_bytes(b"")
        return "", []

    monkeypatch.setattr(Crew, "run", run)
    remote = Remote("staging", "reader", "/key", "/known", "stg")
    assert _filestore.pull(Crew(5), remote, stores, [here, coming]) == 1
    assert seen["stdin"] == coming.encode()
    assert "--ignore-existing" in seen["argv"]
    assert "StrictHostKeyChecking=yes" in " ".join(seen["argv"])
    seen.clear()
    assert _filestore.pull(Crew(5), remote, stores, [here, coming]) == 0
    assert not seen


def test_an_unreachable_host_is_an_unanswered_question(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_self: Crew, argv: list[str], **more: Any) -> tuple[str, list[str]]:
        raise GoliveError("rsync failed")

    monkeypatch.setattr(Crew, "run", run)
    with pytest.raises(ProbeError, match="rsync failed"):
        _filestore.answers(Remote("staging", "reader", "/key", "/known", "stg"))
