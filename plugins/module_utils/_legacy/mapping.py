# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mapping file: read, checked line by line, and typed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line, require
from ansible_collections.dfr.golive.plugins.module_utils._legacy.schema import SCHEMA, UNITS

DATABASES = ("mariadb", "postgresql", "sqlserver")
MAX_MAPPING_BYTES = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What is refused rather than read; see the schema."""

    max_rows: int = 10_000_000
    max_columns: int = 1_000
    max_cell_bytes: int = 262_144
    max_attachment_bytes: int = 26_214_400
    max_unpacked_bytes: int = 2_147_483_648
    max_ratio: int = 200
    max_record_lines: int = 200


@dataclass(frozen=True)
class EntityTarget:
    """A reference to a record of the same source."""

    entity: str


@dataclass(frozen=True)
class ModelTarget:
    """A reference to a record that Odoo has: found by one field."""

    model: str
    field: str


@dataclass(frozen=True)
class Step:
    """One transformation: its name and what is said about it."""

    name: str
    options: Any


@dataclass(frozen=True)
class Field:
    """Where a field's value comes from; see the schema."""

    name: str
    columns: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    default: str | int | float | bool | None = None
    reference: EntityTarget | ModelTarget | None = None
    attachment: bool = False


@dataclass(frozen=True)
class Rule:
    """One validation rule: its name and what is said about it."""

    name: str
    options: Any


@dataclass(frozen=True)
class Watermark:
    """How new and changed rows are found; see the schema."""

    kind: str = "none"
    column: str = ""
    table: str = ""
    overlap_seconds: int = 300


@dataclass(frozen=True)
class Exclusion:
    """Rows that are left out, and why."""

    when: str
    because: str


@dataclass(frozen=True)
class Duplicate:
    """Fields by which a record that the registry has already is recognised, and what then happens."""

    fields: tuple[str, ...]
    action: str


@dataclass(frozen=True)
class Entity:
    """One table, sheet, file or group, and the model it goes into; see the schema."""

    name: str
    origin: str
    key: tuple[str, ...]
    model: str
    fields: dict[str, Field]
    header: int = 1
    merged: str = "fill"
    watermark: Watermark = Watermark()
    exclude: tuple[Exclusion, ...] = ()
    rules: tuple[Rule, ...] = ()
    conflict: str = "reject"
    deduplicate: tuple[Duplicate, ...] = ()
    deletions: str = "report"
    batch: int = 2000

    @cached_property
    def parent(self) -> str:
        """The field that points to a record of the same entity; empty when there is none."""
        own = [name for name, field in self.fields.items() if field.reference == EntityTarget(self.name)]
        return own[0] if own else ""


@dataclass(frozen=True)
class Mapping:
    """How one legacy source becomes records of the registry.

    Attributes:
        name: of the source; external ids are built of it.
        kind: what it is, see the schema.
        connection: databases: the name in golive_legacy.
        path, media: files: where they lie on the managed host.
        encoding, delimiter, quote: of CSV files; empty or None where it is found out.
        entities: in loading order.
        limits: what is refused.
        fingerprint: of all that decides what a row becomes; rows are read anew when it changes.
    """

    name: str
    kind: str
    connection: str
    path: str
    media: str
    encoding: str
    delimiter: str
    quote: str | None
    entities: dict[str, Entity]
    limits: Limits
    fingerprint: str


def parse(text: str, name: str) -> Mapping:
    """A mapping from the text of its file.

    Args:
        text: YAML.
        name: of the file, for sentences.

    Raises:
        GoliveError: naming file, line and remedy.
    """
    document = _Document(text, name)
    data = document.data
    _check_schema(document)
    entities: dict[str, Entity] = {}
    for entity_name, said in data["entities"].items():
        entities[entity_name] = _entity(document, entity_name, said, entities)
    kind = data["kind"]
    if kind in DATABASES and not data.get("connection"):
        raise document.error(
            ("kind",),
            f"A source of kind {kind} needs a connection",
            "Add connection, a name in golive_legacy",
        )
    if kind not in DATABASES and not data.get("path"):
        raise document.error(
            ("kind",), f"A source of kind {kind} needs a path", "Add path, a file on the managed host"
        )
    decisive = {key: data[key] for key in ("kind", "encoding", "delimiter", "quote") if key in data}
    shape = {
        n: {
            k: v
            for k, v in e.items()
            if k in ("key", "model", "fields", "rules", "exclude", "merged", "header")
        }
        for n, e in data["entities"].items()
    }
    canonical = json.dumps([decisive, shape], sort_keys=True, ensure_ascii=False)
    return Mapping(
        name=data["source"],
        kind=kind,
        connection=data.get("connection", ""),
        path=data.get("path", ""),
        media=data.get("media", ""),
        encoding=data.get("encoding", ""),
        delimiter=data.get("delimiter", ""),
        quote=data.get("quote"),
        entities=entities,
        limits=Limits(**data.get("limits", {})),
        fingerprint=hashlib.sha256(canonical.encode()).hexdigest(),
    )


class _Document:
    """YAML as plain data, with the line of every part.

    Words such as NO and 01 stay the words they are where they name something: a code list is full of them.
    """

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.lines: dict[tuple[str | int, ...], int] = {}
        yaml = require("yaml", "python3-yaml")
        if len(text.encode()) > MAX_MAPPING_BYTES:
            raise GoliveError(
                f"{name} is longer than {MAX_MAPPING_BYTES} bytes.", remedy="A mapping is a page or two."
            )
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as exc:
            line = exc.problem_mark.line + 1 if exc.problem_mark else 1
            raise GoliveError(
                f"{name}, line {line}: this is not YAML: {one_line(exc.problem)}.",
                remedy="Correct that line.",
            ) from exc
        except (yaml.YAMLError, RecursionError) as exc:
            raise GoliveError(f"{name} is not YAML: {one_line(exc)}.", remedy="Correct the file.") from exc
        self._yaml = yaml
        self._seen = 0
        self.data: Any = self._plain(node, ()) if node is not None else None

    def _plain(self, node: Any, path: tuple[str | int, ...]) -> Any:
        self.lines[path] = node.start_mark.line + 1
        self._seen += 1
        if self._seen > MAX_MAPPING_BYTES // 10:
            raise self.error(
                path, "The aliases of this file unfold into too much", "Write it without aliases"
            )
        if isinstance(node, self._yaml.MappingNode):
            found: dict[str, Any] = {}
            for key, value in node.value:
                if key.value in found:
                    self.lines[path] = key.start_mark.line + 1
                    raise self.error(path, f"{key.value} is said twice", "Keep one")
                if not isinstance(key.value, str) or key.value == "<<":
                    raise self.error(path, "A name must be a plain word", "Write it out")
                found[key.value] = self._plain(value, (*path, key.value))
                self.lines[(*path, key.value)] = key.start_mark.line + 1
            return found
        if isinstance(node, self._yaml.SequenceNode):
            return [self._plain(value, (*path, number)) for number, value in enumerate(node.value)]
        return self._scalar(node)

    def _scalar(self, node: Any) -> Any:
        kind = node.tag.rsplit(":", 1)[-1]
        if kind in ("int", "float"):
            try:
                return int(node.value) if kind == "int" else float(node.value)
            except ValueError:
                return node.value
        if kind == "bool" and node.value.lower() in ("true", "false"):
            return node.value.lower() == "true"
        return None if kind == "null" else node.value

    def error(self, path: tuple[str | int, ...], what: str, remedy: str) -> GoliveError:
        while path and path not in self.lines:
            path = path[:-1]
        where = ".".join(str(part) for part in path)
        line = self.lines.get(path, 1)
        return GoliveError(
            f"{self.name}, line {line}{f' ({where})' if where else ''}: {what}.", remedy=f"{remedy}."
        )


def _check_schema(document: _Document) -> None:
    jsonschema = require("jsonschema", "python3-jsonschema")
    errors = sorted(
        jsonschema.Draft202012Validator(SCHEMA).iter_errors(document.data),
        key=lambda found: list(map(str, found.absolute_path)),
    )
    if not errors:
        return
    first = errors[0]
    path = tuple(first.absolute_path)
    if first.validator == "additionalProperties":
        known = first.schema["properties"]
        unknown = [name for name in first.instance if name not in known]
        raise document.error(
            (*path, unknown[0]), f"{unknown[0]} is not known here", f"Known are {', '.join(known)}"
        )
    if first.validator == "required":
        missing = [name for name in first.validator_value if name not in first.instance]
        raise document.error(path, f"{missing[0]} is missing", f"Add {missing[0]}")
    if first.validator == "enum":
        choices = ", ".join(repr(choice) for choice in first.validator_value)
        raise document.error(
            path, f"{one_line(repr(first.instance), 60)} is not possible here", f"Choose one of {choices}"
        )
    said = first.schema.get("description", "") if isinstance(first.schema, dict) else ""
    raise document.error(
        path, one_line(first.message, 200), f"What is meant here: {said.rstrip('.') or 'see the schema'}"
    )


def _entity(document: _Document, name: str, said: dict[str, Any], earlier: dict[str, Entity]) -> Entity:
    at: tuple[str | int, ...] = ("entities", name)
    mark = said.get("watermark", {"kind": "none"})
    if mark["kind"] in ("updated_at", "increasing_id", "change_table") and not mark.get("column"):
        raise document.error((*at, "watermark"), f"The watermark {mark['kind']} needs a column", "Add column")
    if mark["kind"] == "change_table" and not mark.get("table"):
        raise document.error((*at, "watermark"), "A change table has a name", "Add table")
    if mark["kind"] in ("updated_at", "increasing_id", "change_table") and document.data["kind"] not in (
        *DATABASES,
        "sqlite",
    ):
        raise document.error(
            (*at, "watermark"), f"The watermark {mark['kind']} is for databases", "Choose file_digest or none"
        )
    entity = Entity(
        name=name,
        origin=said["from"],
        key=tuple(said["key"]),
        model=said["model"],
        fields={
            n: _field(document, (*at, "fields", n), n, f, (*earlier, name)) for n, f in said["fields"].items()
        },
        header=said.get("header", 1),
        merged=said.get("merged", "fill"),
        watermark=Watermark(**mark),
        exclude=tuple(Exclusion(**one) for one in said.get("exclude", ())),
        rules=tuple(Rule(*next(iter(one.items()))) for one in said.get("rules", ())),
        conflict=said.get("conflict", "reject"),
        deduplicate=tuple(
            Duplicate(tuple(one["fields"]), one["action"]) for one in said.get("deduplicate", ())
        ),
        deletions=said.get("deletions", "report"),
        batch=said.get("batch", Entity.batch),
    )
    for number, rule in enumerate(entity.rules):
        for field in rule_fields(rule):
            if field not in entity.fields:
                raise document.error(
                    (*at, "rules", number),
                    f"The rule {rule.name} names {field}, which is not a field of {name}",
                    "Add the field or correct the name",
                )
    for number, duplicate in enumerate(entity.deduplicate):
        for field in duplicate.fields:
            if field not in entity.fields:
                raise document.error(
                    (*at, "deduplicate", number),
                    f"{field} is not a field of {name}",
                    "Add the field or correct the name",
                )
    parents = [f for f in entity.fields.values() if f.reference == EntityTarget(name)]
    if len(parents) > 1:
        raise document.error(
            (*at, "fields", parents[1].name), f"{name} points to itself twice", "Keep one parent"
        )
    return entity


def rule_fields(rule: Rule) -> list[str]:
    """The fields a rule names; those of a `check` are found when it is compiled."""
    if rule.name in ("required", "unique"):
        return list(rule.options)
    if rule.name == "coordinates":
        return [rule.options["latitude"], rule.options["longitude"]]
    return [rule.options["field"]] if "field" in rule.options else []


def _field(
    document: _Document, at: tuple[str | int, ...], name: str, said: dict[str, Any], known: tuple[str, ...]
) -> Field:
    origin = said.get("from", ())
    columns = (origin,) if isinstance(origin, str) else tuple(origin)
    steps = tuple(_steps(said.get("steps", ())))
    names = [step.name for step in steps]
    if not columns and not {"constant", "expression"} & set(names) and "default" not in said:
        raise document.error(
            at, f"{name} comes from nowhere", "Add from, a constant, an expression or a default"
        )
    if len(columns) > 1 and "concatenate" not in names and "expression" not in names:
        raise document.error(
            at, f"{name} comes from several columns", "Add the step concatenate or an expression"
        )
    for step in steps:
        if step.name == "unit" and not any(
            step.options["from"] in u and step.options["to"] in u for u in UNITS.values()
        ):
            raise document.error(
                at,
                f"{step.options['from']} can't be converted into {step.options['to']}",
                "Choose two units of one kind",
            )
    reference = said.get("reference")
    target: EntityTarget | ModelTarget | None = None
    if isinstance(reference, dict):
        target = ModelTarget(**reference)
    elif reference is not None:
        if reference not in known:
            raise document.error(
                at,
                f"{name} points to {reference}, which is no earlier entity of this file",
                "Put parents before children",
            )
        target = EntityTarget(reference)
    return Field(name, columns, steps, said.get("default"), target, said.get("attachment", False))


def _steps(said: Any) -> Iterator[Step]:
    for one in said:
        yield from [Step(one, {})] if isinstance(one, str) else [Step(*item) for item in one.items()]
