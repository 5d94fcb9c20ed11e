# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rejects leave as a workbook people can work on, come back corrected, and are then never asked for again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from ansible_collections.dfr.golive.plugins.module_utils._language import languages
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.rejects import (
    as_written,
    export,
    neutral,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import Store
from legacy import entity, fates, load_all, mapping_of, read

RULES = [{"range": {"field": "area", "min": 0}}]
FIELDS = {"name": {"from": "name"}, "area": {"from": "area", "steps": ["number"]}}


@pytest.fixture
def world(tmp_path: Path) -> tuple[Any, Store, Path]:
    path = tmp_path / "s.csv"
    path.write_text(
        "id,name,area\n1,Ana,1\n2,=HYPERLINK(x),-2\n,Mele,3\n1,Lupe,4\n5,Re\x00ne,5\n6,@SUM,12 ha\n",
        encoding="utf-8",
    )
    mapping = mapping_of("csv", path, {"farmers": entity(fields=FIELDS, rules=RULES)})
    store = Store.open(tmp_path / "store")
    read(mapping, store)
    load_all(store, mapping)
    return mapping, store, tmp_path / "rejects.xlsx"


def corrected(mapping: Mapping, path: Path) -> Mapping:
    return replace(mapping, kind="xlsx", path=str(path))


def cells(path: Path) -> list[dict[str, Any]]:
    header, *rows = openpyxl.load_workbook(path)["farmers"].iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def rewrite(path: Path, changes: dict[int, dict[str, Any]]) -> None:
    """What people do: type over cells, row by row."""
    book = openpyxl.load_workbook(path)
    sheet = book["farmers"]
    header = [cell.value for cell in sheet[1]]
    for row, said in changes.items():
        for column, value in said.items():
            sheet.cell(row + 1, header.index(column) + 1, value)
    book.save(path)


def test_the_workbook_has_the_sources_shape_and_the_reasons(world: tuple[Any, Store, Path]) -> None:
    mapping, store, path = world
    assert export(mapping, store, path, languages(["en", "fr"])) == {"farmers": 5}
    rows = cells(path)
    assert list(rows[0])[:5] == ["id", "name", "area", "_reason_en", "_reason_fr"]
    assert rows[0]["_reason_en"] == "area is -2, the smallest allowed is 0."
    assert rows[0]["_reason_fr"] == "area vaut -2, le minimum est 0."
    assert rows[0]["_suggestion"] == "area: 2"
    assert rows[1]["_reason_en"] == "id, part of the key, is empty."
    assert rows[0]["_where"] == "s.csv, line 3"
    assert path.stat().st_mode & 0o077 == 0


def test_no_name_becomes_a_formula(world: tuple[Any, Store, Path]) -> None:
    mapping, store, path = world
    export(mapping, store, path, languages(["en"]))
    sheet = openpyxl.load_workbook(path)["farmers"]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "inlineStr", "n"}
    assert [row["name"] for row in cells(path)] == ["'=HYPERLINK(x)", "Mele", "Lupe", "Re�ne", "'@SUM"]


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-x", "@SUM", "\t=1", "'=1", "O'Neil", "'Okina", "-2.5", "+676 12", ""]
)
def test_what_was_made_neutral_is_what_it_was(text: str) -> None:
    assert as_written(neutral(text)) == (text if not text.startswith("'=") else "=1")
    assert neutral(text)[:1] not in ("=", "@", "\t")


def test_corrected_rows_are_loaded_and_stay_so(world: tuple[Any, Store, Path]) -> None:
    """A wrong value, a key that was missing and one that was there twice; the source itself stays as it is."""
    mapping, store, path = world
    export(mapping, store, path, languages(["en", "fr"]))
    rewrite(path, {1: {"area": 2}, 2: {"id": 7}, 3: {"id": 8}, 4: {"name": "René"}, 5: {"area": "12"}})
    tally = read(corrected(mapping, path), store, "r2", late=True)["farmers"]
    assert (tally.staged, tally.rejected) == (5, 0)
    assert {key: value["name"] for key, value in fates(store).items()} == {
        "2": "=HYPERLINK(x)",
        "7": "Mele",
        "8": "Lupe",
        "5": "René",
        "6": "@SUM",
    }
    load_all(store, mapping)
    again = read(corrected(mapping, path), store, "r3", late=True)["farmers"]
    assert (again.unchanged, again.staged, again.rejected) == (5, 0, 0)
    full = read(mapping, store, "r4")["farmers"]
    assert (full.read, full.unchanged, full.staged, full.rejected) == (6, 6, 0, 0)
    assert store.counts("r4")["farmers"].holds
    assert store.counts("r4")["farmers"].gone == 0


def test_what_was_not_corrected_is_set_aside_again(world: tuple[Any, Store, Path]) -> None:
    mapping, store, path = world
    export(mapping, store, path, languages(["en"]))
    tally = read(corrected(mapping, path), store, "r2", late=True)["farmers"]
    assert (tally.staged, tally.rejected) == (0, 5)
    read(mapping, store, "r3")
    assert store.counts("r3")["farmers"].rejected == 5
    assert store.counts("r3")["farmers"].holds


def test_a_changed_source_row_is_judged_anew(world: tuple[Any, Store, Path]) -> None:
    mapping, store, path = world
    export(mapping, store, path, languages(["en"]))
    rewrite(path, {1: {"area": 2}})
    read(corrected(mapping, path), store, "r2", late=True)
    load_all(store, mapping)
    source = Path(mapping.path)
    source.write_text(source.read_text().replace("2,=HYPERLINK(x),-2", "2,=HYPERLINK(x),-3"))
    assert read(mapping, store, "r3")["farmers"].rejected == 5


def test_late_rows_are_looked_up_in_what_the_source_had(tmp_path: Path) -> None:
    (tmp_path / "farmers.csv").write_text("id,name,vid\n1,Ana,7\n")
    (tmp_path / "villages.csv").write_text("vid,vname\n7,Vaini\n8,Kolonga\n")
    village = {"from": "vid", "steps": [{"lookup": {"in": "villages.csv", "key": "vid", "value": "vname"}}]}
    entities = {"farmers": entity("farmers.csv", {"name": {"from": "name"}, "village": village})}
    store = Store.open(tmp_path / "store")
    read(mapping_of("csv", tmp_path, entities), store)
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "farmers.csv").write_text("id,name,vid\n2,Mele,8\n3,Lupe,9\n")
    read(mapping_of("csv", tmp_path / "late", entities), store, "r2", late=True)
    assert fates(store) == {
        "1": {"name": "Ana", "village": "Vaini"},
        "2": {"name": "Mele", "village": "Kolonga"},
        "3": ["not_found"],
    }
    assert store.counts("r2")["farmers"].source == 3
