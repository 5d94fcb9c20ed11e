# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From run to run: what is unchanged, new, changed and gone, by each kind of watermark, and the sum throughout."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._legacy.extract import Tally, unchanged_since
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Reject
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import open_source
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import Store
from legacy import entity, fates, load_all, mapping_of, read

MARKS: dict[str, dict[str, Any]] = {
    "none": {"kind": "none"},
    "increasing_id": {"kind": "increasing_id", "column": "id"},
    "updated_at": {"kind": "updated_at", "column": "changed", "overlap_seconds": 0},
    "change_table": {"kind": "change_table", "column": "n", "table": "changes"},
    "file_digest": {"kind": "file_digest"},
}


class World:
    """An old registry in SQLite, and its store."""

    def __init__(self, folder: Path, mark: str, **more: Any) -> None:
        self.path = folder / "old.sqlite"
        self.sql(
            "create table farmers (id integer primary key, name text, changed text, photo blob)",
            "create table changes (n integer primary key, id integer)",
        )
        for number in (1, 2, 3):
            self.put(number, f"Ana {number}", f"2026-01-0{number} 00:00:00")
        self.mapping = mapping_of("sqlite", self.path, {"farmers": entity(watermark=MARKS[mark], **more)})
        self.store = Store.open(folder / "store")

    def sql(self, *statements: str) -> None:
        with sqlite3.connect(self.path) as db:
            for statement in statements:
                db.execute(statement)

    def put(self, number: int, name: str, changed: str) -> None:
        self.sql(
            f"insert or replace into farmers values ({number}, '{name}', '{changed}', null)",
            f"insert into changes (id) values ({number})",
        )

    def run(self, run: str, mapping: Mapping | None = None) -> Tally:
        tally = read(mapping or self.mapping, self.store, run)["farmers"]
        load_all(self.store, self.mapping)
        counts = self.store.counts(run)["farmers"]
        assert counts.holds, counts
        return tally

    def moved(self) -> list[str]:
        source = open_source(self.mapping)
        try:
            return unchanged_since(self.mapping, source, self.store)
        finally:
            source.close()


@pytest.mark.parametrize("mark", list(MARKS))
def test_from_run_to_run(tmp_path: Path, mark: str) -> None:
    """All, then nothing, then one new and (where the watermark can tell) one changed."""
    world = World(tmp_path, mark)
    assert world.run("r1").staged == 3
    again = world.run("r2")
    assert (again.staged, again.rejected) == (0, 0)
    world.put(4, "Mele", "2026-02-01 00:00:00")
    world.put(1, "Ana 1b", "2026-02-02 00:00:00")
    seen = world.run("r3")
    assert seen.staged == (1 if mark == "increasing_id" else 2)
    assert seen.full is (mark in ("none", "file_digest"))
    counts = world.store.counts("r3")["farmers"]
    assert (counts.source, counts.loaded) == (4, seen.staged)


@pytest.mark.parametrize("mark", [mark for mark in MARKS if mark != "none"])
def test_the_proof_that_nothing_was_added(tmp_path: Path, mark: str) -> None:
    world = World(tmp_path, mark)
    world.run("r1")
    assert world.moved() == []
    world.put(4, "Mele", "2026-02-01 00:00:00")
    assert world.moved() == ["farmers"]


def test_without_a_watermark_there_is_no_proof(tmp_path: Path) -> None:
    world = World(tmp_path, "none")
    world.run("r1")
    with pytest.raises(GoliveError, match="no watermark"):
        world.moved()


def test_a_deleted_row_is_gone_and_may_come_back(tmp_path: Path) -> None:
    world = World(tmp_path, "none")
    world.run("r1")
    world.sql("delete from farmers where id = 2")
    world.run("r2")
    assert list(world.store.gone("farmers")) == [("2", 2)]
    assert world.store.counts("r2")["farmers"].gone == 1
    world.put(2, "Ana 2", "x")
    assert world.run("r3").staged == 1
    assert list(world.store.gone("farmers")) == []


def test_a_row_that_was_never_loaded_leaves_without_trace(tmp_path: Path) -> None:
    world = World(tmp_path, "none", rules=[{"required": ["name"]}])
    world.put(4, "", "x")
    assert world.run("r1").rejected == 1
    world.sql("delete from farmers where id = 4")
    world.run("r2")
    assert fates(world.store) == {}
    assert list(world.store.gone("farmers")) == []


def test_another_mapping_reads_all_anew(tmp_path: Path) -> None:
    world = World(tmp_path, "increasing_id")
    world.run("r1")
    other = mapping_of(
        "sqlite",
        world.path,
        {
            "farmers": entity(
                fields={"name": {"from": "name", "steps": [{"case": "upper"}]}},
                watermark=MARKS["increasing_id"],
            )
        },
    )
    tally = world.run("r2", other)
    assert (tally.full, tally.staged) == (True, 3)


def test_marks_move_only_when_nothing_waits(tmp_path: Path) -> None:
    world = World(tmp_path, "increasing_id")
    read(world.mapping, world.store, "r1")
    with pytest.raises(GoliveError, match="3 records of run r1 still wait"):
        world.store.commit_marks("r1")
    assert read(world.mapping, world.store, "r2")["farmers"].staged == 3


def test_what_the_loading_refuses_is_kept_and_tried_again(tmp_path: Path) -> None:
    world = World(tmp_path, "none")
    read(world.mapping, world.store, "r1")
    first, *others = world.store.staged("farmers")
    world.store.rejected([Reject.of(first, "broken_record", {"why": "Odoo said no"})])
    world.store.loaded([(record, int(record.key), "") for record in others])
    counts = world.store.counts("r1")["farmers"]
    assert counts.holds
    assert (counts.loaded, counts.rejected) == (2, 1)
    again = read(world.mapping, world.store, "r2")["farmers"]
    assert (again.staged, again.unchanged) == (1, 2)


def test_pages_go_on_where_the_last_ended(tmp_path: Path) -> None:
    world = World(tmp_path, "none")
    read(world.mapping, world.store, "r1")
    page = world.store.staged("farmers", limit=2)
    rest = world.store.staged("farmers", after=(page[-1].depth, page[-1].position), limit=2)
    assert [record.key for record in page + rest] == ["1", "2", "3"]


def test_late_arrivals_add_and_take_nothing_away(tmp_path: Path) -> None:
    world = World(tmp_path, "increasing_id")
    world.run("r1")
    late = tmp_path / "late.csv"
    late.write_text("id,name\n2,Ana 2 of the tablet\n9,Lupe\n,nobody\n")
    mapping = mapping_of("csv", late)
    for run in ("late1", "late2"):
        read(mapping, world.store, run, late=True)
        world.store.loaded([(record, 9, "") for record in world.store.staged("farmers")])
    counts = world.store.counts("late2")["farmers"]
    assert (counts.source, counts.rejected, counts.gone) == (6, 2, 0)
    assert counts.holds
    assert world.moved() == ["farmers"] or world.store.noted("next_marks")


def test_photos_from_columns_and_files(tmp_path: Path) -> None:
    """Bytes are kept by their digest; a path must lie in the folder of media."""
    media = tmp_path / "media"
    media.mkdir()
    (media / "a.jpg").write_bytes(b"\xff\xd8\xffpicture")
    (tmp_path / "secret").write_text("x")
    path = tmp_path / "s.csv"
    path.write_text("id,photo\n1,a.jpg\n2,../secret\n3,b.jpg\n4,\n")
    fields = {"photo": {"from": "photo", "attachment": True}}
    store = Store.open(tmp_path / "store")
    read(mapping_of("csv", path, {"farmers": entity(fields=fields)}, media=str(media)), store)
    first, last = store.staged("farmers")
    assert (first.attachments[0].name, first.attachments[0].mimetype) == ("a.jpg", "image/jpeg")
    assert first.attachments[0].sha1 == hashlib.sha1(b"\xff\xd8\xffpicture").hexdigest()
    assert last.attachments == ()
    assert {key: found for key, found in fates(store).items() if isinstance(found, list)} == {
        "2": ["unsafe_path"],
        "3": ["missing_file"],
    }
    world = World(tmp_path, "none")
    world.sql("update farmers set photo = x'89504e470d0a1a0a00' where id = 1")
    blobs = Store.open(tmp_path / "blobs")
    read(mapping_of("sqlite", world.path, {"farmers": entity(fields=fields)}), blobs)
    kept = blobs.staged("farmers")[0].attachments[0]
    assert (kept.name, kept.size) == ("photo.png", 9)
    assert Path(kept.path).read_bytes()[:4] == b"\x89PNG"


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    store.db.execute("pragma user_version = 99")
    store.close()
    with pytest.raises(GoliveError, match="format 99"):
        Store.open(tmp_path / "store")


def test_a_table_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    world = World(tmp_path, "none")
    with pytest.raises(GoliveError, match=r"no table farmerz; it has changes, farmers\."):
        read(mapping_of("sqlite", world.path, {"farmers": entity("farmerz")}), world.store)
