# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CSV files as they really come: any line end, delimiter and encoding, quotes that never close, bytes that are none."""

from __future__ import annotations

import codecs
import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity, Limits, Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Problem
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import (
    Row,
    Stream,
    file_digest,
    unique_names,
    unreadable,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.values import as_text, folded

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DELIMITERS = (",", ";", "\t", "|")
# One line without end must not fill the memory; a cell's own limit is much lower.
MAX_LINE = 33_554_432


def open_source(mapping: Mapping, _login: dict[str, Any]) -> CsvSource:
    """A CSV file, or a folder with one file per entity."""
    return CsvSource(mapping)


def encoding_of(path: Path) -> str:
    """The encoding of a file: its byte order mark, else UTF-8 when it is that throughout, else none that is certain."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
            for mark, name in MARKS:
                if head.startswith(mark):
                    return name
            decoder = codecs.getincrementaldecoder("utf-8")()
            file.seek(0)
            while block := file.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return ""
    except OSError as exc:
        raise unreadable(path, exc) from exc
    return "utf-8"


class CsvSource:
    """CSV files that are there."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._root = Path(mapping.path)
        self._open: list[TextIO] = []

    def close(self) -> None:
        while self._open:
            self._open.pop().close()

    def tables(self) -> list[str]:
        if self._root.is_dir():
            return sorted(
                one.name for one in self._root.iterdir() if one.suffix.lower() in (".csv", ".tsv", ".txt")
            )
        return [self._root.name]

    def mark(self, entity: Entity) -> Any:
        return file_digest(self._path(entity.origin)) if entity.watermark.kind == "file_digest" else None

    def count(self, _entity: Entity) -> int | None:
        return None

    def _path(self, origin: str) -> Path:
        if not self._root.is_dir():
            return self._root
        path = (self._root / origin).resolve()
        if not path.is_relative_to(self._root.resolve()):
            raise GoliveError(f"{origin} lies outside {self._root}.", remedy="Name a file of that folder.")
        return path

    def stream(self, entity: Entity, _since: Any) -> Stream:
        return self._stream(self._path(entity.origin), entity.header)

    def _stream(self, path: Path, header_line: int = 1) -> Stream:
        # Bytes that fit no encoding stay visible in their cell, so that only that row is set aside.
        encoding = self._mapping.encoding or encoding_of(path) or "utf-8"
        try:
            escaped = (
                "replace"
                if encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32"))
                else "surrogateescape"
            )
            file = path.open(encoding=encoding, errors=escaped, newline="")
        except (OSError, LookupError) as exc:
            raise unreadable(path, exc) from exc
        self._open.append(file)
        records = _Records(file, self._mapping, header_line)
        cells = records.header(path)
        if len(cells) > self._mapping.limits.max_columns:
            raise GoliveError(
                f"{path} has {len(cells)} columns, the limit is {self._mapping.limits.max_columns}.",
                remedy="If that is right, raise limits.max_columns in the mapping.",
            )
        return Stream(unique_names(cells), records.rows(len(cells)), f"{path.name}, line")

    def lookup(self, table: str, key: str, value: str) -> dict[str, Any]:
        stream = self._stream(self._path(table))
        try:
            places = stream.header.index(key), stream.header.index(value)
        except ValueError as exc:
            raise GoliveError(
                f"{table} has no column {key} or {value}.", remedy="Correct the lookup."
            ) from exc
        return {
            folded(as_text(row[places[0]])): row[places[1]] for _at, row, wrong in stream.rows if not wrong
        }


class _Lines:
    """Lines on their way to the parser, remembered until the record they make is accepted."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.number = 0
        self.taken: list[tuple[int, str]] = []
        self._again: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._again:
            number, line = self._again.popleft()
        else:
            line = self._file.readline(MAX_LINE)
            if not line:
                raise StopIteration
            self.number += 1
            number = self.number
        self.taken.append((number, line))
        return line

    def accept(self) -> None:
        self.taken.clear()

    def give_back(self) -> None:
        """All but the first line taken are read again."""
        self._again.extendleft(reversed(self.taken[1:]))
        self.taken.clear()


class _Records:
    """Records of a file: a quote that never closes costs its own line, not the rest of the file."""

    def __init__(self, file: TextIO, mapping: Mapping, header_line: int) -> None:
        self._lines = _Lines(file)
        self._limits: Limits = mapping.limits
        self._header_line = header_line
        quote = '"' if mapping.quote is None else mapping.quote
        self._quote = quote
        self._options: dict[str, Any] = {"delimiter": mapping.delimiter or ","}
        self._options.update({"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE})
        self._guess = not mapping.delimiter
        csv.field_size_limit(MAX_LINE * 4)

    def header(self, path: Path) -> list[str]:
        try:
            for _skipped in range(self._header_line):
                self._lines.accept()
                line = next(self._lines)
        except StopIteration:
            raise GoliveError(
                f"{path} has no header.", remedy="Its first line must name the columns."
            ) from None
        except UnicodeError as exc:
            raise GoliveError(
                f"{path} can't be decoded: {one_line(exc)}.", remedy="Name its encoding in the mapping."
            ) from exc
        if len(line) >= MAX_LINE:
            raise GoliveError(f"The header of {path} is endless.", remedy="This is not a CSV file.")
        if self._guess:
            self._options["delimiter"] = max(DELIMITERS, key=line.count)
        number, _line = self._lines.taken[-1]
        self._lines.accept()
        if "\0" in line:
            raise GoliveError(
                f"The header of {path} (line {number}) has NUL bytes.",
                remedy="Name its encoding in the mapping.",
            )
        return next(csv.reader([line], **self._options))

    def rows(self, width: int) -> Iterator[tuple[int, Row, Problem | None]]:
        lines = self._lines
        parser = csv.reader(lines, **self._options)
        while True:
            lines.accept()
            try:
                cells = next(parser)
            except StopIteration:
                return
            except csv.Error as exc:
                yield self._set_aside(Problem("", "broken_record", {"why": one_line(exc)}))
                parser = csv.reader(lines, **self._options)
                continue
            number = lines.taken[0][0]
            if len(lines.taken) > 1 and self._runaway(cells, width):
                yield self._set_aside(Problem("", "unclosed_quote", {}))
                parser = csv.reader(lines, **self._options)
                continue
            if not any(map(str.strip, cells)):
                continue
            if len(cells) != width:
                problem = Problem("", "wrong_columns", {"found": str(len(cells)), "expected": str(width)})
                yield number, tuple(cells[: self._limits.max_columns]), problem
                continue
            yield number, tuple(cells), None

    def _runaway(self, cells: list[str], width: int) -> bool:
        taken = self._lines.taken
        odd = bool(self._quote) and sum(line.count(self._quote) for _n, line in taken) % 2 == 1
        return odd or len(cells) != width or len(taken) > self._limits.max_record_lines

    def _set_aside(self, problem: Problem) -> tuple[int, Row, Problem]:
        number, line = self._lines.taken[0]
        self._lines.give_back()
        return number, (line.rstrip("\r\n"),), problem
