# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A first look at a source: what its columns hold, and a first mapping from that. No person is in what it says."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity, Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.read_csv import encoding_of
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import Source
from ansible_collections.dfr.golive.plugins.module_utils._legacy.values import (
    BROKEN,
    CONTROL,
    Invalid,
    as_text,
    folded,
    read_coordinate,
    read_moment,
    read_number,
)

FORMATS = (
    "%Y-%m-%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%d/%m/%y",
    "%d %b %Y",
    "%Y-%m-%d %H:%M:%S",
)
SEPARATORS = (("", ""), (",", "."), (".", ","), (",", " "))
# A column with no more different values than this, each short, is a code list.
CODES = 20
MOST_DISTINCT = 100_000
# What so many of the values are, the column is.
MOSTLY = 0.95
JUDGED = 2_000
# How keys are called more often than not.
KEYS = re.compile(r"(^|[^a-z])(id|no|nr|num|number|code|key|uuid|ref)([^a-z]|$)", re.IGNORECASE)


@dataclass
class Column:
    """What a column holds.

    Attributes:
        name: of the column.
        rows, empty: how many.
        distinct: different values; None above `MOST_DISTINCT`.
        kind: text, integer, number, date, coordinate, code or nothing.
        formats: of dates; separators of numbers.
        codes: the values of a code list with their numbers.
        longest: in characters.
        notes: what is suspicious, with numbers.
    """

    name: str
    rows: int = 0
    empty: int = 0
    distinct: int | None = 0
    kind: str = "nothing"
    formats: tuple[str, ...] = ()
    codes: dict[str, int] = field(default_factory=dict)
    longest: int = 0
    notes: list[str] = field(default_factory=list)


def profile(mapping: Mapping, source: Source, tables: list[str], max_rows: int) -> dict[str, list[Column]]:
    """Look at tables of a source.

    Args:
        mapping: says how the source is read; it needs no entities.
        source: open.
        tables: their names; all when empty.
        max_rows: rows looked at in each.
    """
    found = {}
    for table in tables or source.tables():
        stream = source.stream(Entity("profile", table, (), "", {}), None)
        watched = [_Watch(name) for name in stream.header]
        for _position, row, problem in islice(stream.rows, max_rows):
            for watch, value in zip(watched, row, strict=False):
                watch.see(value)
            if problem is not None and watched:
                watched[0].notes[f"rows that can't be read ({problem.code})"] += 1
        found[table] = [watch.column() for watch in watched]
    if mapping.kind == "csv" and found:
        _note_encodings(mapping, found)
    return found


def _note_encodings(mapping: Mapping, found: dict[str, list[Column]]) -> None:
    root = Path(mapping.path)
    for table, columns in found.items():
        encoding = encoding_of(root / table if root.is_dir() else root)
        if columns and encoding != "utf-8":
            columns[0].notes.append(f"the file is {encoding or 'not UTF-8: name its encoding, often cp1252'}")


class _Watch:
    """A column while its values go by."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = self.empty = self.longest = 0
        self.seen: set[int] | None = set()
        self.folds: set[int] = set()
        self.counts: Counter[str] | None = Counter()
        self.sample: list[Any] = []
        self.types: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()

    def see(self, value: Any) -> None:
        self.rows += 1
        text = as_text(value) if not isinstance(value, bytes) else ""
        if not text.strip():
            self.empty += 1
            return
        self.types[type(value).__name__] += 1
        self.longest = max(self.longest, len(text))
        if self.seen is not None:
            self.seen.add(hash(text))
            self.folds.add(hash(folded(text)))
            if len(self.seen) > MOST_DISTINCT:
                self.seen = None
        if self.counts is not None:
            self.counts[text[:64]] += 1
            if len(self.counts) > CODES:
                self.counts = None
        if len(self.sample) < JUDGED:
            self.sample.append(value)
        self._suspect(text)

    def _suspect(self, text: str) -> None:
        if text != text.strip():
            self.notes["with spaces at the ends"] += 1
        if CONTROL.search(text):
            self.notes["with control characters"] += 1
        if not text.isascii() and BROKEN.search(text):
            self.notes["with bytes that are no text"] += 1
        if not text.isascii() and not unicodedata.is_normalized("NFC", text):
            self.notes["with accents apart from their letters"] += 1

    def column(self) -> Column:
        found = Column(self.name, self.rows, self.empty, len(self.seen) if self.seen is not None else None)
        found.longest = self.longest
        if self.seen is not None and len(self.folds) < len(self.seen):
            self.notes["values that differ only in case or spaces"] = len(self.seen) - len(self.folds)
        self._judge(found)
        found.notes += [f"{number} {what}" for what, number in self.notes.items()]
        return found

    def _judge(self, found: Column) -> None:
        if not self.sample:
            return
        few = self.counts is not None and len(self.counts) <= max(2, len(self.sample) // 10)
        days = self._days(found)
        numbers = {
            style: sum(_number(value, *style) is not None for value in self.sample) for style in SEPARATORS
        }
        style = max(SEPARATORS, key=lambda one: numbers[one])
        if days:
            found.kind = "date"
        elif few and self.longest <= 20 and self.counts is not None:
            found.kind, found.codes = "code", dict(self.counts.most_common())
        elif numbers[style] >= MOSTLY * len(self.sample) and not self._leading_zeros():
            values = [_number(value, *style) for value in self.sample]
            whole = all(value is None or value.is_integer() for value in values)
            found.kind, found.formats = ("integer" if whole else "number"), style
            below = sum(value is not None and value < 0 for value in values)
            if below:
                self.notes["negative, among the first values"] = below
        elif self._coordinates():
            found.kind = "coordinate"
        else:
            found.kind = "text"

    def _days(self, found: Column) -> bool:
        if all(isinstance(value, date) for value in self.sample):
            self._note_days([value.year for value in self.sample])
            return True
        texts = [value for value in self.sample if isinstance(value, str)]
        fitting = {}
        for form in FORMATS:
            years = [day.year for text in texts if (day := _day(text, form)) is not None]
            if len(years) >= MOSTLY * len(self.sample):
                fitting[form] = years
        if not fitting:
            return False
        best = max(fitting, key=lambda form: len(fitting[form]))
        found.formats = (best,)
        others = [form for form in fitting if form != best and len(fitting[form]) == len(fitting[best])]
        if others:
            self.notes[f"dates that {best} and {' and '.join(others)} read alike"] = len(fitting[best])
        if len(fitting[best]) < len(self.sample):
            self.notes["values that are no such date, among the first"] = len(self.sample) - len(
                fitting[best]
            )
        self._note_days(fitting[best])
        return True

    def _note_days(self, years: list[int]) -> None:
        now = datetime.now(tz=UTC).year
        suspicious = sum(not 1905 <= year <= now for year in years)
        if suspicious:
            self.notes["dates before 1905 or in the future, among the first"] = suspicious

    def _leading_zeros(self) -> bool:
        return any(isinstance(v, str) and re.match(r"0\d", v) for v in self.sample)

    def _coordinates(self) -> bool:
        good = 0
        for value in self.sample:
            if not re.search("[°.,;NSEWO]", as_text(value)):
                continue
            try:
                read_coordinate(value, "longitude" if re.search("[EWO]$", as_text(value)) else "latitude")
                good += 1
            except Invalid:
                continue
        return good >= MOSTLY * len(self.sample)


def _day(text: str, form: str) -> datetime | None:
    try:
        return read_moment(text, (form,))
    except Invalid:
        return None


def _number(value: Any, decimal: str, group: str) -> float | None:
    try:
        return read_number(value, decimal, group)
    except Invalid:
        return None


# --- the proposal -------------------------------------------------------------------------------------------


def propose(mapping: Mapping, found: dict[str, list[Column]]) -> str:
    """A first mapping, as YAML with what was seen as comments; people name models and fields."""
    lines = [
        "# A first mapping, proposed from what the source holds. Name models and fields, and drop what is not wanted.",
        "---",
        f"source: {mapping.name}",
        f"kind: {mapping.kind}",
        *(f"{name}: {json.dumps(said)}" for name, said in _origin(mapping) if said),
        "entities:",
    ]
    for table, columns in found.items():
        lines += _entity(table, columns)
    return "\n".join(lines) + "\n"


def _origin(mapping: Mapping) -> list[tuple[str, str]]:
    return [
        (name, getattr(mapping, name)) for name in ("connection", "path", "media", "encoding", "delimiter")
    ]


def _entity(table: str, columns: list[Column]) -> list[str]:
    rows = columns[0].rows if columns else 0
    unique = [column for column in columns if rows and column.distinct == rows]
    unique.sort(key=lambda column: not KEYS.search(column.name))
    key = next(iter(unique or columns), Column("?"))
    sure = "" if rows and key.distinct == rows else "    # no single column tells all rows apart"
    lines = [
        f"  {_word(Path(table).stem)}:    # {rows} rows looked at",
        f"    from: {json.dumps(table, ensure_ascii=False)}",
        f"    key: [{json.dumps(key.name, ensure_ascii=False)}]{sure}",
        "    model: model.to.choose",
        "    fields:",
    ]
    for column in columns:
        lines += _field(column)
    return lines


def _field(column: Column) -> list[str]:
    distinct = "many" if column.distinct is None else column.distinct
    seen = f"{column.kind}, {column.empty} of {column.rows} empty, {distinct} different, longest {column.longest}"
    steps = _steps(column)
    said = f"      {_word(column.name)}: {{from: {json.dumps(column.name, ensure_ascii=False)}"
    lines = [f"      # {seen}", *(f"      # {_comment(note)}" for note in column.notes)]
    return [*lines, said + (f", steps: [{', '.join(steps)}]}}" if steps else "}")]


def _steps(column: Column) -> list[str]:
    if column.kind == "date":
        return [f"{{date: {{formats: {json.dumps(list(column.formats))}}}}}" if column.formats else "date"]
    if column.kind in ("integer", "number"):
        said = {"decimal": column.formats[0], "group": column.formats[1]}
        said = {name: value for name, value in said.items() if value}
        options = {**said, **({"integer": True} if column.kind == "integer" else {})}
        return [f"{{number: {json.dumps(options)}}}" if options else "number"]
    if column.kind == "coordinate":
        axis = "longitude" if re.search("lon|lng", column.name, re.IGNORECASE) else "latitude"
        return [f"{{coordinate: {{axis: {axis}}}}}"]
    if column.kind == "code":
        return [
            "trim",
            f"{{codes: {{map: {json.dumps({c.strip(): c.strip() for c in column.codes}, ensure_ascii=False)}}}}}",
        ]
    return ["trim"] if column.kind == "text" else []


def _word(name: str) -> str:
    """A name as mappings and Odoo have them."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    word = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return word if word[:1].isalpha() else f"x_{word}".rstrip("_")


def _comment(text: str) -> str:
    return CONTROL.sub("", text).replace("\n", " ")
