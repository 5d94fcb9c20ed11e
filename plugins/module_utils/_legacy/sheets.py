# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What sheets of every format have in common: a header row somewhere, rows of different lengths, empty ones between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity, Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Problem
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import (
    Row,
    Stream,
    file_digest,
    unique_names,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import OWNER
from ansible_collections.dfr.golive.plugins.module_utils._legacy.values import as_text, folded


@dataclass
class Sheet:
    """A sheet's rows with their numbers, and what may be wrong with a single cell."""

    rows: Iterator[tuple[int, Row]]
    problem: Callable[[Any, str], Problem | None] | None = None


class Book(Protocol):
    """A workbook of some format."""

    def sheet(self, name: str, entity: Entity | None) -> Sheet:
        """One of its sheets."""

    def close(self) -> None:
        """Let go of it."""


class SheetSource:
    """A workbook as a source."""

    def __init__(self, mapping: Mapping, names: list[str], book: Book) -> None:
        self._mapping = mapping
        self._names = names
        self._book = book

    def close(self) -> None:
        self._book.close()

    def tables(self) -> list[str]:
        return self._names

    def mark(self, entity: Entity) -> Any:
        return file_digest(Path(self._mapping.path)) if entity.watermark.kind == "file_digest" else None

    def count(self, _entity: Entity) -> int | None:
        return None

    def stream(self, entity: Entity, _since: Any) -> Stream:
        # A workbook of late arrivals or corrected rejects may call its sheets as the mapping calls the entities.
        names = (entity.origin, Path(entity.origin).stem, entity.name, entity.name[:31])
        there = {folded(name) for name in self._names}
        title = next((name for name in names if folded(name) in there), entity.origin)
        return self._stream(title, entity.header, entity)

    def lookup(self, table: str, key: str, value: str) -> dict[str, Any]:
        stream = self._stream(table, 1, None)
        if key not in stream.header or value not in stream.header:
            raise GoliveError(f"{table} has no column {key} or {value}.", remedy="Correct the lookup.")
        places = stream.header.index(key), stream.header.index(value)
        return {
            folded(as_text(row[places[0]])): row[places[1]] for _at, row, wrong in stream.rows if not wrong
        }

    def _stream(self, name: str, header_row: int, entity: Entity | None) -> Stream:
        found = [one for one in self._names if folded(one) == folded(name)]
        if len(found) != 1:
            raise GoliveError(
                f"{self._mapping.path} has no sheet {name}; it has {', '.join(self._names)}.",
                remedy="Correct from in the mapping.",
            )
        sheet = self._book.sheet(found[0], entity)
        header = self._header(sheet, header_row, found[0])
        return Stream(unique_names(header), self._rows(sheet, header), f"{found[0]}, row")

    def _header(self, sheet: Sheet, wanted: int, name: str) -> list[str]:
        for number, row in sheet.rows:
            rejects = bool(row) and row[-1] == OWNER
            if number >= wanted or rejects:
                cells = [as_text(cell) for cell in row]
                while cells and not cells[-1].strip():
                    cells.pop()
                if not cells or (number > wanted and not rejects):
                    break
                if len(cells) > self._mapping.limits.max_columns:
                    raise GoliveError(
                        f"{name} has {len(cells)} columns, the limit is {self._mapping.limits.max_columns}.",
                        remedy="If that is right, raise limits.max_columns in the mapping.",
                    )
                return cells
        raise GoliveError(
            f"Row {wanted} of {name} names no columns.", remedy="Say which row does: header in the mapping."
        )

    def _rows(self, sheet: Sheet, header: list[str]) -> Iterator[tuple[int, Row, Problem | None]]:
        width = len(header)
        for number, row in sheet.rows:
            if all(cell is None or cell == "" for cell in row):
                continue
            problem = None
            if len(row) != width:
                beyond = [cell for cell in row[width:] if cell not in (None, "")]
                if beyond:
                    problem = Problem("", "wrong_columns", {"found": str(len(row)), "expected": str(width)})
                row = (
                    *row[:width],
                    *([None] * (width - len(row))),
                    *beyond[: self._mapping.limits.max_columns],
                )
            if problem is None and sheet.problem is not None:
                for place, cell in enumerate(row):
                    problem = problem or sheet.problem(cell, header[place] or f"column {place + 1}")
            yield number, row, problem
