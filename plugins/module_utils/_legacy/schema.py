# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shape of a mapping file, said once: editors check against it, and so does the parser."""

from __future__ import annotations

from typing import Any

KINDS = ("mariadb", "postgresql", "sqlserver", "sqlite", "csv", "xlsx", "ods", "kobo")
WATERMARKS = ("updated_at", "increasing_id", "change_table", "file_digest", "none")

UNITS: dict[str, dict[str, str]] = {
    "area": {
        "ha": "1",
        "m2": "0.0001",
        "km2": "100",
        "are": "0.01",
        "acre": "0.40468564224",
        "rood": "0.10117141056",
        "perch": "0.0025292852640",
        "sqft": "0.000009290304",
        "sqmi": "258.9988110336",
    },
    "mass": {"kg": "1", "g": "0.001", "t": "1000", "lb": "0.45359237", "oz": "0.028349523125"},
    "length": {
        "m": "1",
        "cm": "0.01",
        "km": "1000",
        "ft": "0.3048",
        "yd": "0.9144",
        "chain": "20.1168",
        "mi": "1609.344",
    },
}
UNIT_NAMES = tuple(name for units in UNITS.values() for name in units)


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "description": description, **more}


def _texts(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "minItems": 1, "description": description, **more}


def _object(
    description: str, properties: dict[str, Any], required: tuple[str, ...] = (), **more: Any
) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


NAME = {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"}
SCALAR = {"type": ["string", "number", "boolean", "null"]}

STEPS: dict[str, Any] = {
    "trim": _object("Remove spaces at both ends, and fold runs of spaces into one.", {}),
    "case": {"enum": ["upper", "lower", "title"], "description": "Letter case."},
    "empty": _texts("What people typed to say nothing, such as N/A; compared without case."),
    "concatenate": {
        "type": "string",
        "description": "Join the columns of `from`; the value is what stands between them.",
    },
    "split": _object(
        "Take one part of a text.",
        {
            "by": _text("Separator."),
            "part": {"type": "integer", "description": "1 is the first, -1 the last."},
        },
        ("by", "part"),
    ),
    "date": _object(
        "A day, from text, from a spreadsheet's date or from its serial number.",
        {
            "formats": _texts(
                "As strftime writes them: %d %m %Y %y %b %B. Two that read a text differently reject it."
            ),
            "excel": {"enum": [1900, 1904], "description": "Bare numbers are serial days of this calendar."},
        },
    ),
    "datetime": _object(
        "A moment, kept in UTC.",
        {
            "formats": _texts("As strftime writes them, with %H %M %S %z as well."),
            "timezone": _text("Where clocks without an offset stood, for example Pacific/Tongatapu."),
        },
    ),
    "number": _object(
        "A number. Without separators named here, a text that can be read in two ways is rejected.",
        {
            "decimal": {"enum": [".", ","], "description": "Decimal separator."},
            "group": {"enum": [",", ".", " ", "'"], "description": "Separator of thousands."},
            "round": {
                "type": "integer",
                "minimum": 0,
                "maximum": 12,
                "description": "Digits after the point.",
            },
            "integer": {"type": "boolean", "description": "Whole numbers only."},
        },
    ),
    "boolean": _object(
        "Yes or no.",
        {"true": _texts("What means yes; compared without case."), "false": _texts("What means no.")},
        ("true", "false"),
    ),
    "codes": _object(
        "Codes of the source and what they are in the registry; any other is rejected.",
        {
            "map": {"type": "object", "additionalProperties": SCALAR, "minProperties": 1},
            "other": {**SCALAR, "description": "What every other code becomes, instead of being rejected."},
        },
        ("map",),
    ),
    "unit": _object(
        "Convert a number from one unit into another of the same kind.",
        {
            "from": {"enum": list(UNIT_NAMES)},
            "to": {"enum": list(UNIT_NAMES)},
            "round": {"type": "integer", "minimum": 0, "maximum": 12},
        },
        ("from", "to"),
    ),
    "coordinate": _object(
        "Degrees: decimal, with minutes or minutes and seconds; sign or hemisphere; alone or in a pair.",
        {"axis": {"enum": ["latitude", "longitude"]}},
        ("axis",),
    ),
    "constant": {**SCALAR, "description": "This value, whatever the source says."},
    "lookup": _object(
        "The value another table or sheet of the source has under this key; a key it has not is rejected.",
        {
            "in": _text("Table or sheet."),
            "key": _text("Its key column."),
            "value": _text("Its column to take."),
        },
        ("in", "key", "value"),
    ),
    "expression": _text(
        "Computed from `value` and `row['column']`, in a sandbox; not where the field's column is empty."
    ),
}

# Steps that may stand as a bare word.
BARE = ("trim", "date", "datetime", "number")
STEP: dict[str, Any] = {
    "description": "One transformation; a bare name where it needs nothing said.",
    "type": ["string", "object"],
    "pattern": f"^({'|'.join(BARE)})$",
    "properties": STEPS,
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}


FIELD = _object(
    "Where a field's value comes from.",
    {
        "from": {
            "description": "Column of the source, or several.",
            "type": ["string", "array"],
            "minLength": 1,
            "minItems": 1,
            "items": {"type": "string", "minLength": 1},
        },
        "steps": {"type": "array", "items": STEP, "description": "Transformations, in this order."},
        "default": {**SCALAR, "description": "When the source has nothing."},
        "reference": {
            "description": "An entity of this file, or a model of Odoo and the field to find it by.",
            "type": ["string", "object"],
            "minLength": 1,
            "properties": {"model": _text("Model."), "field": _text("Field that is compared.")},
            "required": ["model", "field"],
            "additionalProperties": False,
        },
        "attachment": {
            "type": "boolean",
            "description": "The column holds a file: its bytes, or its path relative to `media`.",
        },
    },
)

RULES: dict[str, Any] = {
    "required": _texts("Fields that must have a value."),
    "unique": _texts(
        "Fields that together must not occur twice in the source; compared without case and spaces."
    ),
    "range": _object(
        "Bounds of a number or a day.",
        {
            "field": _text("Field."),
            "min": {"type": ["number", "string"], "description": "Smallest; `today` for a day."},
            "max": {"type": ["number", "string"], "description": "Largest; `today` for a day."},
        },
        ("field",),
    ),
    "format": _object(
        "A regular expression that the whole text must match.",
        {"field": _text("Field."), "pattern": _text("Regular expression.", format="regex")},
        ("field", "pattern"),
    ),
    "length": _object(
        "Longest text.",
        {"field": _text("Field."), "max": {"type": "integer", "minimum": 1}},
        ("field", "max"),
    ),
    "one_of": _object(
        "The values a field may have.",
        {"field": _text("Field."), "values": {"type": "array", "items": SCALAR, "minItems": 1}},
        ("field", "values"),
    ),
    "check": _object(
        "A condition over the record's fields that must be true, in the sandbox; not asked of empty fields.",
        {
            "expression": _text("For example: hired_on >= birth_date."),
            "says": _object(
                "What people read when it is not.",
                {"en": _text("English."), "fr": _text("French.")},
                ("en", "fr"),
            ),
        },
        ("expression", "says"),
    ),
    "coordinates": _object(
        "A point that must lie in the country; swapped axes and the point 0, 0 are told apart.",
        {
            "latitude": _text("Field."),
            "longitude": _text("Field."),
            "within": {
                "description": "South, west, north, east in degrees; west may be greater than east.",
                "type": "array",
                "items": {"type": "number"},
                "minItems": 4,
                "maxItems": 4,
            },
        },
        ("latitude", "longitude"),
    ),
}

RULE = {
    "description": "One validation rule.",
    "type": "object",
    "properties": RULES,
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}

ENTITY = _object(
    "One table, sheet, file or group, and the model it goes into.",
    {
        "from": _text(
            "Table (schema.table), sheet, file name or repeat group; for kobo `.` is the submission itself."
        ),
        "header": {
            "type": "integer",
            "minimum": 1,
            "description": "Row of a sheet or file that names the columns.",
        },
        "merged": {
            "enum": ["fill", "blank"],
            "description": "Merged cells of a sheet: every cell has the value, or the first only.",
        },
        "key": _texts("Columns that together tell one row from every other."),
        "watermark": _object(
            "How a row that is new or changed since the last run is found without reading all.",
            {
                "kind": {"enum": list(WATERMARKS)},
                "column": _text("Column of the time or number; of a change table its increasing id."),
                "table": _text("The change table; it has the key's columns."),
                "overlap_seconds": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "Read again this much before the mark: writers whose clocks or commits lag behind.",
                },
            },
            ("kind",),
        ),
        "model": _text("Model of Odoo."),
        "exclude": {
            "description": "Rows that are left out, and why.",
            "type": "array",
            "items": _object(
                "",
                {"when": _text("Expression over row['column']."), "because": _text("Why.")},
                ("when", "because"),
            ),
        },
        "fields": {"type": "object", "additionalProperties": FIELD, "minProperties": 1},
        "rules": {"type": "array", "items": RULE},
        "conflict": {
            "enum": ["keep", "overwrite", "reject"],
            "description": "When the record was changed in the registry since it was loaded.",
        },
        "deduplicate": {
            "description": "When the registry has a record with the same values already.",
            "type": "array",
            "items": _object(
                "",
                {"fields": _texts("Fields that are compared."), "action": {"enum": ["reject", "link"]}},
                ("fields", "action"),
            ),
        },
        "deletions": {
            "enum": ["report", "archive", "delete"],
            "description": "What happens to a record whose row has gone from the source.",
        },
        "batch": {
            "type": "integer",
            "minimum": 1,
            "maximum": 10000,
            "description": (
                "Records per call to Odoo at the most; 2000 unless it says otherwise."
                " A call takes no more than Odoo makes in about two seconds."
            ),
        },
    },
    ("from", "key", "model", "fields"),
)

LIMITS: dict[str, Any] = {
    "max_rows": {"type": "integer", "minimum": 1, "description": "Rows of one entity."},
    "max_columns": {"type": "integer", "minimum": 1, "description": "Columns of one entity."},
    "max_cell_bytes": {
        "type": "integer",
        "minimum": 1,
        "description": "Bytes of one cell; photos have their own limit.",
    },
    "max_attachment_bytes": {"type": "integer", "minimum": 1, "description": "Bytes of one attachment."},
    "max_unpacked_bytes": {
        "type": "integer",
        "minimum": 1,
        "description": "Bytes of a workbook once unpacked.",
    },
    "max_ratio": {"type": "integer", "minimum": 1, "description": "How many times bigger than packed."},
    "max_record_lines": {
        "type": "integer",
        "minimum": 1,
        "description": "Lines of one record of a CSV file.",
    },
}

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "dfr.golive/legacy-mapping/1",
    **_object(
        "How one legacy source becomes records of the registry.",
        {
            "source": {**NAME, "description": "Name of the source; external ids are built of it."},
            "kind": {"enum": list(KINDS)},
            "connection": _text(
                "Databases: the name in golive_legacy under which host and account are found."
            ),
            "path": _text("Files: file, or folder of CSV files, on the managed host."),
            "media": _text("Folder of the files that attachments name, on the managed host."),
            "encoding": _text("Of CSV files; found out when absent (byte order mark, then UTF-8)."),
            "delimiter": {
                "enum": [",", ";", "\t", "|"],
                "description": "Of CSV files; found out when absent.",
            },
            "quote": {"enum": ['"', "'", ""], "description": 'Of CSV files; " when absent, empty for none.'},
            "limits": _object("What is refused rather than read.", LIMITS),
            "entities": {
                "description": "In loading order: parents before children.",
                "type": "object",
                "propertyNames": NAME,
                "additionalProperties": ENTITY,
                "minProperties": 1,
            },
        },
        ("source", "kind", "entities"),
    ),
}
