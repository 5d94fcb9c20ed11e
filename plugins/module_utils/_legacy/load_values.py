# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values as Odoo keeps them: when two are the same, what a set of them comes to, and who wrote them last."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import FieldMeta

MADE = "made"
DATES = ("create_date", "write_date")
_DECIMALS = 9
_IN_ORDER = json.JSONEncoder(sort_keys=True).encode


def normal(value: Any, meta: FieldMeta) -> Any:
    """A value as it compares: what was sent and what Odoo gives back for it are equal.

    Odoo has no empty number and no empty truth value: nothing is 0 and false there.
    """
    if meta.type == "boolean":
        return bool(value)
    if meta.type in ("integer", "many2one", "many2one_reference"):
        return int(value or 0)
    if meta.type in ("float", "monetary"):
        return round(float(value or 0), _DECIMALS if meta.decimals is None else meta.decimals) + 0.0
    if value is None or value is False or value == "":
        return None
    return str(value)


def fingerprint(values: Mapping[str, Any], fields: Mapping[str, FieldMeta]) -> str:
    """A digest of values, the same for what was sent and what is read back."""
    text = _IN_ORDER({name: normal(value, fields[name]) for name, value in values.items()})
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def stamp(written: object, values: Mapping[str, Any], fields: Mapping[str, FieldMeta]) -> str:
    """What is remembered of a record when it is loaded.

    Args:
        written: when Odoo wrote it; `MADE` when it was made and not written again, which saves asking.
        values: what it was given.
        fields: Odoo's fields of the model.
    """
    return f"{_moment(written)} {fingerprint(values, fields)}"


def as_we_left_it(stamp: str, found: Mapping[str, Any]) -> bool:
    """Whether nobody wrote the record since, as its dates say.

    Args:
        stamp: see `stamp`; empty when it wasn't ours.
        found: the record, with what `DATES` names.
    """
    written = stamp.partition(" ")[0]
    return (_moment(found["create_date"]) if written == MADE else written) == _moment(found["write_date"])


def digest_of(stamp: str) -> str:
    """The digest of what it was given; empty when that isn't known."""
    return stamp.partition(" ")[2]


def _moment(date: object) -> str:
    """Odoo's time without a blank, so that it can stand in a stamp."""
    return str(date).replace(" ", "T")


def differing(
    wanted: Mapping[str, Any], current: Mapping[str, Any], fields: Mapping[str, FieldMeta]
) -> dict[str, Any]:
    """The part of ``wanted`` that is not so yet."""
    return {
        name: value
        for name, value in wanted.items()
        if normal(value, fields[name]) != normal(current.get(name), fields[name])
    }


def folded(value: Any) -> str:
    """A value as people mean it: no case, no blanks, no punctuation (``12-345 B`` is ``12345b``)."""
    text = unicodedata.normalize("NFKD", str(value)).casefold()
    return "".join(letter for letter in text if letter.isalnum())
