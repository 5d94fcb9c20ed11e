# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validation rules of a mapping, compiled once and asked of every record."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._legacy.expression import Expression
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Problem
from ansible_collections.dfr.golive.plugins.module_utils._legacy.transform import Outcome
from ansible_collections.dfr.golive.plugins.module_utils._legacy.values import Invalid, folded, shown

Fields = dict[str, Any]
Asked = Callable[[Fields], "Problem | None"]


class Rules:
    """An entity's rules.

    Attributes:
        unique: for each such rule the fields that together must not occur twice.
    """

    def __init__(self, entity: Entity) -> None:
        self.unique = [tuple(rule.options) for rule in entity.rules if rule.name == "unique"]
        self._asked: list[Asked] = []
        for rule in entity.rules:
            if rule.name != "unique":
                self._asked += COMPILED[rule.name](rule.options, entity)

    def ask(self, outcome: Outcome) -> list[Problem]:
        """What is wrong with a record; a field that has a problem already is not asked again."""
        if not self._asked:
            return []
        fields = fields_of(outcome)
        return [problem for asked in self._asked if (problem := asked(fields)) is not None]

    def once(self, outcome: Outcome) -> list[tuple[int, str, str]]:
        """What must not occur twice: number of the rule, value compared, value shown."""
        found = []
        fields = fields_of(outcome) if self.unique else {}
        for number, names in enumerate(self.unique):
            parts = [fields.get(name) for name in names]
            if all(part not in (None, "") for part in parts):
                found.append(
                    (number, "\x1f".join(folded(str(p)) for p in parts), ", ".join(shown(p) for p in parts))
                )
        return found


def fields_of(outcome: Outcome) -> Fields:
    """All fields of a record as rules see them: references by their key, files as True."""
    return {
        **outcome.values,
        **{name: at[1] if at else None for name, at in outcome.references.items()},
        **{one.field: True for one in outcome.attachments},
    }


def _required(names: list[str], entity: Entity) -> list[Asked]:
    def ask(name: str) -> Asked:
        files = entity.fields[name].attachment

        def asked(fields: Fields) -> Problem | None:
            value = fields.get(name) if files else fields.get(name, False)
            return Problem(name, "required", {"field": name}) if value is None or value == "" else None

        return asked

    return [ask(name) for name in names]


def _range(said: dict[str, Any], _entity: Entity) -> list[Asked]:
    name = said["field"]
    today = datetime.now(tz=UTC).date().isoformat()
    low, high = (today if said.get(end) == "today" else said.get(end) for end in ("min", "max"))

    def asked(fields: Fields) -> Problem | None:
        value = fields.get(name)
        if value is None:
            return None
        for bound, code, outside in ((low, "too_small", -1), (high, "too_large", 1)):
            if bound is not None and _compare(value, bound) == outside:
                guess = (
                    shown(-value)
                    if code == "too_small" and isinstance(value, float | int) and value < 0
                    else ""
                )
                return Problem(
                    name, code, {"field": name, "value": shown(value), "bound": shown(bound)}, guess
                )
        return None

    return [asked]


def _compare(value: Any, bound: Any) -> int:
    if isinstance(value, str) != isinstance(bound, str):
        value, bound = str(value), str(bound)
    return int(value > bound) - int(value < bound)


def _format(said: dict[str, Any], _entity: Entity) -> list[Asked]:
    name = said["field"]
    try:
        pattern = re.compile(said["pattern"])
    except re.error as exc:
        raise GoliveError(
            f"The pattern {said['pattern']} can't be read: {one_line(exc)}.",
            remedy="Correct the regular expression.",
        ) from exc

    def asked(fields: Fields) -> Problem | None:
        value = fields.get(name)
        if value is None or pattern.fullmatch(str(value)):
            return None
        squeezed = re.sub(r"[\s.-]", "", str(value))
        guess = squeezed if pattern.fullmatch(squeezed) else ""
        return Problem(
            name, "wrong_format", {"field": name, "value": shown(value), "pattern": said["pattern"]}, guess
        )

    return [asked]


def _length(said: dict[str, Any], _entity: Entity) -> list[Asked]:
    name, limit = said["field"], said["max"]

    def asked(fields: Fields) -> Problem | None:
        size = len(str(fields.get(name) or ""))
        if size <= limit:
            return None
        return Problem(name, "too_long", {"field": name, "size": str(size), "limit": str(limit)})

    return [asked]


def _one_of(said: dict[str, Any], _entity: Entity) -> list[Asked]:
    name, allowed = said["field"], said["values"]

    def asked(fields: Fields) -> Problem | None:
        value = fields.get(name)
        if value is None or value in allowed:
            return None
        near = [one for one in allowed if folded(str(one)) == folded(str(value))]
        said_values = ", ".join(map(str, allowed))
        params = {"field": name, "value": shown(value), "values": said_values}
        return Problem(name, "not_one_of", params, str(near[0]) if near else "")

    return [asked]


def _check(said: dict[str, Any], entity: Entity) -> list[Asked]:
    expression = Expression(said["expression"], tuple(entity.fields))

    def asked(fields: Fields) -> Problem | None:
        if any(fields.get(name) is None for name in expression.names):
            return None
        try:
            holds = expression.compute(fields)
        except Invalid as found:
            return Problem("check", found.code, found.params)
        return (
            None
            if holds
            else Problem("check", "check_failed", {"en": said["says"]["en"], "fr": said["says"]["fr"]})
        )

    return [asked]


def _coordinates(said: dict[str, Any], _entity: Entity) -> list[Asked]:
    south, west, north, east = said.get("within", (-90, -180, 90, 180))
    north_south, east_west = said["latitude"], said["longitude"]

    def inside(up: float, along: float) -> bool:
        across = west <= along <= east if west <= east else along >= west or along <= east
        return bool(south <= up <= north and across)

    def asked(fields: Fields) -> Problem | None:
        if north_south not in fields or east_west not in fields:
            return None
        latitude, longitude = fields[north_south], fields[east_west]
        if latitude is None and longitude is None:
            return None
        if latitude is None or longitude is None:
            return Problem("coordinates", "half_a_point")
        params = {"latitude": shown(latitude), "longitude": shown(longitude)}
        if latitude == 0 and longitude == 0:
            return Problem("coordinates", "null_island", params)
        if inside(latitude, longitude):
            return None
        if inside(longitude, latitude):
            return Problem("coordinates", "swapped_coordinates", params, f"{longitude}, {latitude}")
        mirrored = [(s * latitude, t * longitude) for s, t in ((-1, 1), (1, -1), (-1, -1))]
        guess = next((f"{a}, {b}" for a, b in mirrored if inside(a, b)), "")
        return Problem("coordinates", "outside_country", params, guess)

    return [asked]


COMPILED: dict[str, Callable[[Any, Entity], list[Asked]]] = {
    "required": _required,
    "range": _range,
    "format": _format,
    "length": _length,
    "one_of": _one_of,
    "check": _check,
    "coordinates": _coordinates,
}
