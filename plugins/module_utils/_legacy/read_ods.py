# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ODS workbooks as a stream. No library that reads them does so: each builds the whole document first."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.parsers import expat

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity, Limits, Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Problem
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sheets import Sheet, SheetSource
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import Row, unreadable
from ansible_collections.dfr.golive.plugins.module_utils._legacy.workbook import blocks, open_workbook

TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0 "
OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0 "
TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0 "
CONTENT = "content.xml"
# Sheets end in one empty row said to be repeated up to the last there can be.
MAX_REPEATED_ROWS = 10_000


def open_source(mapping: Mapping, _login: dict[str, Any]) -> SheetSource:
    """A workbook that stays within the limits."""
    book = _Book(Path(mapping.path), mapping.limits)
    return SheetSource(mapping, book.names(), book)


class _Book:
    """The workbook behind a source."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        open_workbook(path, limits).close()

    def close(self) -> None:
        """Nothing stays open."""

    def names(self) -> list[str]:
        return [name for name, _number, _row in self._read(None) if _number == 0]

    def sheet(self, name: str, entity: Entity | None) -> Sheet:
        fill = entity is None or entity.merged == "fill"
        return Sheet(
            ((number, row) for _name, number, row in self._read(name, fill=fill) if number), _cell_problem
        )

    def _read(self, wanted: str | None, *, fill: bool = True) -> Iterator[tuple[str, int, Row]]:
        """Rows of one sheet; without one just the names of all, as rows 0."""
        reader = _Reader(wanted, self._limits.max_columns, fill=fill)
        try:
            with open_workbook(self._path, self._limits) as book, book.open(CONTENT) as part:
                for block in blocks(part, book.getinfo(CONTENT).file_size, self._path):
                    reader.parser.Parse(block, False)
                    yield from reader.take()
                reader.parser.Parse(b"", True)
                yield from reader.take()
        except expat.ExpatError as exc:
            raise GoliveError(
                f"{self._path} is damaged: {one_line(exc)}.",
                remedy="Save it anew with a spreadsheet program.",
            ) from exc
        except (KeyError, OSError, zipfile.BadZipFile) as exc:
            raise unreadable(self._path, exc) from exc


class _Reader:
    """Cells from XML events."""

    def __init__(self, wanted: str | None, max_columns: int, *, fill: bool) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype
        self._wanted = wanted
        self._max_columns = max_columns
        self._fill = fill
        self._done: list[tuple[str, int, Row]] = []
        self._sheet = ""
        self._number = 0
        self._cells: list[Any] = []
        self._cell: dict[str, str] | None = None
        self._lines: list[str] = []
        self._annotated = 0
        self._repeated = 1
        # column -> (rows left, value) of merged cells that reach down
        self._down: dict[int, tuple[int, Any]] = {}

    def take(self) -> list[tuple[str, int, Row]]:
        done, self._done = self._done, []
        return done

    def _doctype(self, *_said: Any) -> None:
        raise GoliveError("The workbook declares a document type.", remedy="Ask where the file comes from.")

    def _start(self, tag: str, said: dict[str, str]) -> None:
        if tag == TABLE + "table":
            self._sheet, self._number = said.get(TABLE + "name", ""), 0
            if self._wanted is None:
                self._done.append((self._sheet, 0, ()))
        elif self._sheet != self._wanted:
            return
        elif tag == TABLE + "table-row":
            self._cells = []
            self._repeated = int(said.get(TABLE + "number-rows-repeated", "1"))
        elif tag in (TABLE + "table-cell", TABLE + "covered-table-cell"):
            self._cell, self._lines = said, []
        elif tag == OFFICE + "annotation":
            self._annotated += 1
        elif tag == TEXT + "p" and not self._annotated:
            self._lines.append("")
        elif tag == TEXT + "s" and self._lines:
            self._lines[-1] += " " * min(int(said.get(TEXT + "c", "1")), 1000)

    def _characters(self, text: str) -> None:
        if self._cell is not None and self._lines and not self._annotated:
            self._lines[-1] += text

    def _end(self, tag: str) -> None:
        if self._wanted is None or self._sheet != self._wanted:
            return
        if tag == OFFICE + "annotation":
            self._annotated -= 1
        elif tag in (TABLE + "table-cell", TABLE + "covered-table-cell") and self._cell is not None:
            self._end_cell(self._cell, covered=tag.endswith("covered-table-cell"))
            self._cell = None
        elif tag == TABLE + "table-row":
            self._end_row()

    def _end_cell(self, said: dict[str, str], *, covered: bool) -> None:
        value = _value(said, "\n".join(self._lines))
        repeated = int(said.get(TABLE + "number-columns-repeated", "1"))
        if len(self._cells) + repeated > self._max_columns:
            # Empty cells up to the last column there can be are how a row ends; full ones are too many.
            repeated = 0 if value is None else self._max_columns + 1 - len(self._cells)
        for _cell in range(repeated):
            place = len(self._cells)
            filled = covered and value is None and place in self._down
            self._cells.append(self._down[place][1] if filled else value)
        if self._fill and value is not None:
            self._span(said, value)

    def _span(self, said: dict[str, str], value: Any) -> None:
        right = min(int(said.get(TABLE + "number-columns-spanned", "1")), self._max_columns)
        down = int(said.get(TABLE + "number-rows-spanned", "1"))
        if right > 1 or down > 1:
            for column in range(len(self._cells) - 1, len(self._cells) - 1 + right):
                self._down[column] = (down, value)

    def _end_row(self) -> None:
        cells = self._cells
        while cells and cells[-1] is None:
            cells.pop()
        repeated = self._repeated if cells else min(self._repeated, 1)
        for number in range(min(repeated, MAX_REPEATED_ROWS)):
            self._done.append((self._sheet, self._number + number + 1, tuple(cells)))
        self._number += self._repeated
        self._down = {
            c: (left - self._repeated, v) for c, (left, v) in self._down.items() if left > self._repeated
        }


def _value(said: dict[str, str], text: str) -> Any:
    """A cell's value by its type."""
    kind = said.get(OFFICE + "value-type")
    if kind in ("float", "currency", "percentage"):
        number = float(said.get(OFFICE + "value", "nan"))
        return int(number) if number.is_integer() and abs(number) < 1e15 else number
    if kind == "boolean":
        return said.get(OFFICE + "boolean-value") == "true"
    if kind == "date":
        day = said.get(OFFICE + "date-value", "")
        try:
            return datetime.fromisoformat(day)
        except ValueError:
            return day
    if kind is None and TABLE + "formula" in said and not text:
        return UNCALCULATED
    return text or None


UNCALCULATED = "\ue000uncalculated"


def _cell_problem(value: Any, column: str) -> Problem | None:
    if value == UNCALCULATED:
        return Problem("", "formula_without_value", {"column": column})
    if value.__class__ is str and (
        value.startswith(("#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?")) or value in ("Err:502", "Err:508")
    ):
        return Problem("", "cell_error", {"column": column, "value": value})
    return None
