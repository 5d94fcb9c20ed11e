# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""XLSX workbooks, through openpyxl's streaming reader; what that reader does not tell is looked up in the XML."""

from __future__ import annotations

import itertools
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line, require
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity, Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Problem
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sheets import Sheet, SheetSource
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import Row
from ansible_collections.dfr.golive.plugins.module_utils._legacy.workbook import blocks, open_workbook

MERGED = re.compile(rb'<mergeCell\s+ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
COLUMN = re.compile(rb'<c\s[^>]*?r="([A-Z]{1,9})\d+"')
ERRORS = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!")
MAX_MERGED = 100_000


def open_source(mapping: Mapping, _login: dict[str, Any]) -> SheetSource:
    """A workbook that stays within the limits."""
    path = Path(mapping.path)
    open_workbook(path, mapping.limits).close()
    require("defusedxml", "python3-defusedxml")
    openpyxl = require("openpyxl", "python3-openpyxl")
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except (OSError, KeyError, ValueError, TypeError, SyntaxError, zipfile.BadZipFile) as exc:
        raise GoliveError(
            f"{path} is not a workbook: {one_line(exc)}.", remedy="Save it anew as XLSX."
        ) from exc
    return SheetSource(
        mapping, [sheet.title for sheet in book.worksheets], _Book(mapping, path, openpyxl, book)
    )


@dataclass
class _Look:
    """What the XML of a sheet tells beyond its cells."""

    formulas: bool
    merged: list[tuple[int, int, int, int]]


class _Book:
    """The workbook behind a source."""

    def __init__(self, mapping: Mapping, path: Path, openpyxl: Any, book: Any) -> None:
        self._mapping = mapping
        self._path = path
        self._openpyxl = openpyxl
        self._books = [book]

    def close(self) -> None:
        for book in self._books:
            book.close()

    def sheet(self, name: str, entity: Entity | None) -> Sheet:
        sheet = self._books[0][name]
        look = self._look(sheet)
        sheet.reset_dimensions()
        rows = ((n, tuple(cells)) for n, cells in enumerate(sheet.iter_rows(values_only=True), start=1))
        source: Iterator[tuple[int, Row]] = rows
        if look.formulas:
            source = self._with_formulas(name, rows)
        merged = look.merged if entity is None or entity.merged == "fill" else []
        return Sheet(_filled(source, merged) if merged else source, _cell_problem)

    def _with_formulas(self, name: str, rows: Iterator[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
        """A formula never calculated must not pass for an empty cell: the sheet is read twice, side by side."""
        book = self._openpyxl.load_workbook(self._path, read_only=True, data_only=False, keep_links=False)
        self._books.append(book)
        sheet = book[name]
        sheet.reset_dimensions()
        for (number, values), cells in zip(rows, sheet.iter_rows(), strict=True):
            if any(cell.data_type == "f" for cell in cells):
                kept = [
                    UNCALCULATED if value is None and cell.data_type == "f" else value
                    for value, cell in itertools.zip_longest(values, cells)
                ]
                yield number, tuple(kept)
            else:
                yield number, values

    def _look(self, sheet: Any) -> _Look:
        """One pass over the sheet's XML: formulas, merged cells, and columns beyond the limit."""
        formulas, merged, widest, tail = False, [], 0, b""
        with open_workbook(self._path, self._mapping.limits) as book:
            name = sheet._worksheet_path.lstrip("/")  # noqa: SLF001 - openpyxl tells nowhere else
            with book.open(name) as part:
                for block in blocks(part, book.getinfo(name).file_size, self._path):
                    text = tail + block
                    formulas = formulas or b"<f" in text
                    widest = max(widest, *(map(len, COLUMN.findall(text)[:2000])), 0)
                    merged += MERGED.findall(text)
                    tail = text[-64:] if not text.endswith(b">") else b""
                    if widest > 3 or len(merged) > MAX_MERGED:
                        raise GoliveError(
                            f"{self._path}: {sheet.title} has more columns or merged cells than a workbook can have.",
                            remedy="Ask where the file comes from; save it anew with a spreadsheet program.",
                        )
        index = self._openpyxl.utils.column_index_from_string
        return _Look(
            formulas,
            [(index(a.decode()), int(b), index(c.decode()), int(d)) for a, b, c, d in dict.fromkeys(merged)],
        )


class _Uncalculated:
    """A formula without a value."""

    def __repr__(self) -> str:
        return "=?"

    __str__ = __repr__


UNCALCULATED = _Uncalculated()


def _cell_problem(value: Any, column: str) -> Problem | None:
    if value is UNCALCULATED:
        return Problem("", "formula_without_value", {"column": column})
    if value.__class__ is str and value.startswith("#") and value in ERRORS:
        return Problem("", "cell_error", {"column": column, "value": value})
    return None


def _filled(
    rows: Iterator[tuple[int, Row]], merged: list[tuple[int, int, int, int]]
) -> Iterator[tuple[int, Row]]:
    """Every cell of a merged range has the value of its first."""
    starts: dict[int, list[tuple[int, int, int, int]]] = {}
    for area in merged:
        starts.setdefault(area[1], []).append(area)
    open_areas: list[tuple[tuple[int, int, int, int], Any]] = []
    for number, row in rows:
        open_areas = [(area, value) for area, value in open_areas if area[3] >= number]
        for area in starts.get(number, ()):
            open_areas.append((area, row[area[0] - 1] if area[0] <= len(row) else None))
        if not open_areas:
            yield number, row
            continue
        cells = list(row)
        for (left, _top, right, _bottom), value in open_areas:
            cells += [None] * (right - len(cells))
            for column in range(left - 1, right):
                if cells[column] is None:
                    cells[column] = value
        yield number, tuple(cells)
