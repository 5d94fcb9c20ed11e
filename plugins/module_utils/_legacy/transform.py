# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a row of the source to the fields of a record: a mapping's transformations, compiled once and run per row."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._legacy import values as reading
from ansible_collections.dfr.golive.plugins.module_utils._legacy.expression import Expression
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import (
    Entity,
    EntityTarget,
    Field,
    Limits,
    ModelTarget,
    Step,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Attachment, Problem, Value
from ansible_collections.dfr.golive.plugins.module_utils._legacy.schema import UNITS
from ansible_collections.dfr.golive.plugins.module_utils._legacy.values import Invalid, as_text, shown

Change = Callable[[Any, dict[str, Any]], Any]
TRUNCATED = "… [cut]"


class Surroundings(Protocol):
    """What a transformation may ask for beyond its row."""

    def lookup(self, table: str, key: str, value: str) -> dict[str, Any]:
        """Another table of the source: folded key -> value."""

    def attach(self, field: str, content: bytes | str) -> Attachment:
        """A file of a record, from its bytes or its path."""


@dataclass
class Outcome:
    """What a row became.

    Attributes:
        values: fields with a plain value.
        references: fields that point somewhere -> what to and the key or value; None when empty.
        attachments: files.
        problems: of any field; the fields concerned are in none of the others.
    """

    values: dict[str, Value]
    references: dict[str, tuple[EntityTarget | ModelTarget, str] | None]
    attachments: list[Attachment]
    problems: list[Problem]


def find_columns(wanted: tuple[str, ...], header: tuple[str, ...], where: str) -> dict[str, int]:
    """The position of each column that a mapping names; compared as people read them.

    Raises:
        GoliveError: one is missing, or named twice in the header.
    """
    places: dict[str, list[int]] = {}
    for number, name in enumerate(header):
        places.setdefault(reading.folded(name), []).append(number)
        places.setdefault(f"{reading.folded(name)}#{len(places[reading.folded(name)])}", []).append(number)
    found = {}
    for name in wanted:
        at = places.get(reading.folded(name), [])
        if len(at) > 1 and name in header:
            exact = [number for number in at if header[number] == name]
            at = exact if len(exact) == 1 else at
        if not at:
            seen = ", ".join(shown(one, 30) for one in header[:20])
            raise GoliveError(
                f"{where} has no column {name}; it has {seen}.", remedy="Correct the name in the mapping."
            )
        if len(at) > 1:
            raise GoliveError(
                f"The header of {where} has {name} {len(at)} times.",
                remedy=f"Say which in the mapping: '{name}#1' is the first, '{name}#2' the second.",
            )
        found[name] = at[0]
    return found


def columns_of(entity: Entity) -> tuple[str, ...]:
    """Every column that an entity's key, watermark and fields name."""
    wanted = dict.fromkeys(entity.key)
    if entity.watermark.kind in ("updated_at", "increasing_id"):
        wanted[entity.watermark.column] = None
    for field in entity.fields.values():
        wanted.update(dict.fromkeys(field.columns))
    return tuple(wanted)


class Transformer:
    """An entity's fields, compiled for the columns its source has."""

    def __init__(
        self, entity: Entity, header: tuple[str, ...], limits: Limits, around: Surroundings, where: str
    ) -> None:
        places = find_columns(columns_of(entity), header, where)
        self.header = header
        self._limit = limits.max_cell_bytes
        self._around = around
        self._plan = [
            (
                field,
                tuple((column, places[column]) for column in field.columns),
                [(step.name, self._compile(step, field)) for step in field.steps],
            )
            for field in entity.fields.values()
        ]
        self._needs_row = any(step.name == "expression" for f in entity.fields.values() for step in f.steps)

    def run(self, row: tuple[Any, ...]) -> Outcome:
        """The fields of one row, or the problems of those that have none."""
        outcome = Outcome({}, {}, [], [])
        names = {"row": dict(zip(self.header, row, strict=False))} if self._needs_row else {}
        for field, columns, changes in self._plan:
            try:
                if field.attachment:
                    self._attach(field, row[columns[0][1]], outcome)
                    continue
                value = self._value(field, columns, changes, row, names)
            except Invalid as found:
                outcome.problems.append(Problem(field.name, found.code, found.params, found.suggestion))
                continue
            if field.reference is not None:
                outcome.references[field.name] = (
                    None if value is None else (field.reference, as_text(value).strip())
                )
            else:
                outcome.values[field.name] = value
        return outcome

    def _value(
        self,
        field: Field,
        columns: tuple[tuple[str, int], ...],
        changes: list[tuple[str, Change]],
        row: tuple[Any, ...],
        names: dict[str, Any],
    ) -> Value:
        value: Any = None
        if len(columns) == 1:
            column, place = columns[0]
            value = row[place]
            if value.__class__ is str:
                value = self._clean(value, column) or None
        elif columns:
            value = [self._clean(v, c) if isinstance(v := row[place], str) else v for c, place in columns]
        for name, change in changes:
            if value is None and columns and name == "expression":
                continue
            value = change(value, names)
            if value == "":
                value = None
        if value is None:
            return field.default
        return value if value.__class__ in _AS_IT_IS else _in_odoo(value)

    def _attach(self, field: Field, content: Any, outcome: Outcome) -> None:
        if content is None or content in ("", b""):
            return
        outcome.attachments.append(
            self._around.attach(
                field.name, bytes(content) if isinstance(content, bytearray | memoryview) else content
            )
        )

    def _clean(self, text: str, column: str) -> str:
        """A text without anything that can't be shown or kept, in composed form."""
        if text.isascii():
            if len(text) > self._limit:
                raise Invalid(
                    "cell_too_large", {"column": column, "size": str(len(text)), "limit": str(self._limit)}
                )
            if not text.isprintable() and reading.CONTROL.search(text):
                raise Invalid("control_character", {"column": column}, reading.CONTROL.sub("", text))
            return text
        if reading.BROKEN.search(text):
            raise Invalid("broken_encoding", {"column": column, "encoding": "UTF-8"}, _repaired(text))
        size = len(text.encode())
        if size > self._limit:
            raise Invalid("cell_too_large", {"column": column, "size": str(size), "limit": str(self._limit)})
        if reading.CONTROL.search(text):
            raise Invalid("control_character", {"column": column}, reading.CONTROL.sub("", text))
        if text.endswith(TRUNCATED):
            raise Invalid("cell_truncated", {"column": column})
        return unicodedata.normalize("NFC", text)

    def _compile(self, step: Step, field: Field) -> Change:
        if step.name == "lookup":
            return self._lookup(step.options)
        try:
            return (
                _each(STEPS[step.name](step.options))
                if step.name in STEPS
                else WHOLE[step.name](step.options)
            )
        except GoliveError as exc:
            raise GoliveError(f"Field {field.name}: {exc.sentence}", remedy=exc.remedy) from exc

    def _lookup(self, said: dict[str, str]) -> Change:
        table = self._around.lookup(said["in"], said["key"], said["value"])

        def change(value: Any, _names: dict[str, Any]) -> Any:
            if value is None:
                return None
            try:
                return table[reading.folded(as_text(value))]
            except KeyError:
                raise Invalid("not_found", {"value": shown(value), "table": said["in"]}) from None

        return change


_AS_IT_IS = (str, int, float, bool)


def _in_odoo(value: Any) -> Value:
    """A driver's value as Odoo's interface takes it."""
    if isinstance(value, datetime):
        return reading.read_datetime(value, (), "UTC")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return as_text(value)


def _repaired(text: str) -> str:
    """What bytes that aren't UTF-8 most often are in an old file."""
    if "�" in text:
        return ""
    return text.encode("utf-8", "surrogateescape").decode("cp1252", "replace").replace("�", "")


def _each(change: Callable[[Any], Any]) -> Change:
    """A change of one value, for several columns too; nothing stays nothing."""

    def one(value: Any, _names: dict[str, Any]) -> Any:
        if value is None:
            return None
        if value.__class__ is list:
            return [None if part in (None, "") else change(part) for part in value]
        return change(value)

    return one


def _formats(said: dict[str, Any], usual: tuple[str, ...]) -> tuple[str, ...]:
    formats = tuple(said.get("formats", usual))
    for form in formats:
        wrong = reading.check_format(form)
        if wrong:
            raise GoliveError(f"The format {form} can't be used: {wrong}.", remedy="Correct the format.")
    return formats


def _empty(words: list[str]) -> Callable[[Any], Any]:
    nothing = {reading.folded(word) for word in words}
    return lambda value: None if reading.folded(as_text(value)) in nothing else value


def _case(which: str) -> Callable[[Any], Any]:
    change = {"upper": str.upper, "lower": str.lower, "title": reading.title}[which]
    return lambda value: change(as_text(value))


def _split(said: dict[str, Any]) -> Callable[[Any], Any]:
    part, by = int(said["part"]), str(said["by"])

    def change(value: Any) -> str:
        parts = as_text(value).split(by)
        if part == 0 or abs(part) > len(parts):
            raise Invalid("no_such_part", {"value": shown(value), "part": str(part)})
        return parts[part - 1 if part > 0 else part].strip()

    return change


def _date(said: dict[str, Any]) -> Callable[[Any], Any]:
    formats, excel = _formats(said, reading.ISO_DAY), said.get("excel")
    return lambda value: reading.read_day(value, formats, excel)


def _datetime(said: dict[str, Any]) -> Callable[[Any], Any]:
    formats, timezone = _formats(said, reading.ISO_MOMENT), said.get("timezone", "UTC")
    try:
        reading.zone(timezone)
    except (KeyError, ValueError, OSError) as exc:
        raise GoliveError(
            f"There is no time zone {timezone} on this host.", remedy="Use a name such as Pacific/Tongatapu."
        ) from exc
    return lambda value: reading.read_datetime(value, formats, timezone)


def _number(said: dict[str, Any]) -> Callable[[Any], Any]:
    decimal, group = said.get("decimal", ""), said.get("group", "")
    digits, whole = said.get("round"), said.get("integer", False)
    if decimal and decimal == group:
        raise GoliveError("decimal and group are the same character.", remedy="Correct one.")

    def change(value: Any) -> float | int:
        if whole and value.__class__ is int:
            return int(value)
        number = reading.read_number(value, decimal, group)
        if whole:
            if not number.is_integer():
                raise Invalid("not_whole", {"value": shown(value)}, str(round(number)))
            return int(number)
        return round(number, digits) if digits is not None else number

    return change


def _boolean(said: dict[str, Any]) -> Callable[[Any], Any]:
    words = {
        reading.folded(word): meaning == "true" for meaning in ("false", "true") for word in said[meaning]
    }

    def change(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        try:
            return words[reading.folded(as_text(value))]
        except KeyError:
            raise Invalid("not_a_boolean", {"value": shown(value)}) from None

    return change


def _codes(said: dict[str, Any]) -> Callable[[Any], Any]:
    known = {reading.folded(code): meaning for code, meaning in said["map"].items()}

    def change(value: Any) -> Any:
        code = reading.folded(as_text(value))
        if code in known:
            return known[code]
        if "other" in said:
            return said["other"]
        near = [key for key in said["map"] if reading.folded(key).startswith(code[:1])]
        raise Invalid(
            "unknown_code", {"value": shown(value)}, near[0] if len(near) == 1 and len(code) > 1 else ""
        )

    return change


def _unit(said: dict[str, Any]) -> Callable[[Any], Any]:
    kind = next(units for units in UNITS.values() if said["from"] in units)
    factor = float(Decimal(kind[said["from"]]) / Decimal(kind[said["to"]]))
    digits = said.get("round")

    def change(value: Any) -> float:
        number = reading.read_number(value) * factor
        return round(number, digits) if digits is not None else number

    return change


def _coordinate(said: dict[str, Any]) -> Callable[[Any], Any]:
    axis = said["axis"]
    return lambda value: reading.read_coordinate(value, axis)


def _concatenate(between: str) -> Change:
    def change(value: Any, _names: dict[str, Any]) -> Any:
        parts = value if isinstance(value, list) else [value]
        return between.join(as_text(part) for part in parts if part not in (None, "")) or None

    return change


def _constant(said: Any) -> Change:
    return lambda _value, _names: said


def _expression(text: str) -> Change:
    expression = Expression(text, ("value", "row"))
    return lambda value, names: expression.compute({"value": value, **names})


STEPS: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "trim": lambda _said: lambda value: reading.trimmed(value) if value.__class__ is str else value,
    "case": _case,
    "empty": _empty,
    "split": _split,
    "date": _date,
    "datetime": _datetime,
    "number": _number,
    "boolean": _boolean,
    "codes": _codes,
    "unit": _unit,
    "coordinate": _coordinate,
}
WHOLE: dict[str, Callable[[Any], Change]] = {
    "concatenate": _concatenate,
    "constant": _constant,
    "expression": _expression,
}
