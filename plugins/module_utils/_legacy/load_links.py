# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""References in bulk: a page of rows asks each model once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import Target
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import ModelRef, Record, Ref, Reject


class Ledger(Protocol):
    """The part of the store that references need."""

    def ids(self, entity: str, keys: Iterable[str]) -> dict[str, int]: ...


class Links:
    """Turns references into ids, and remembers what Odoo said about code lists and places.

    Args:
        ledger: knows what was loaded of the same source.
        target: knows the rest.
    """

    def __init__(self, ledger: Ledger, target: Target) -> None:
        self._ledger = ledger
        self._target = target
        self._found: dict[ModelRef, list[int]] = {}

    def resolve(self, records: Sequence[Record]) -> tuple[list[tuple[Record, dict[str, Any]]], list[Reject]]:
        """Each record with its values for Odoo, and those that point to nothing."""
        refs = {ref for record in records for ref in record.references.values() if ref is not None}
        own = self._own({ref for ref in refs if isinstance(ref, Ref)})
        self._ask({ref for ref in refs if isinstance(ref, ModelRef)} - self._found.keys())
        good: list[tuple[Record, dict[str, Any]]] = []
        bad: list[Reject] = []
        for record in records:
            values: dict[str, Any] = {k: False if v is None else v for k, v in record.values.items()}
            problem = None
            for name, ref in record.references.items():
                answer = False if ref is None else self._one(name, ref, own)
                if isinstance(answer, tuple):
                    problem = problem or Reject.of(record, *answer, rule=name)
                else:
                    values[name] = answer
            if problem:
                bad.append(problem)
            else:
                good.append((record, values))
        return good, bad

    def _own(self, refs: set[Ref]) -> dict[Ref, int]:
        by_entity: dict[str, list[str]] = {}
        for ref in refs:
            by_entity.setdefault(ref.entity, []).append(ref.key)
        return {
            Ref(entity, key): record
            for entity, keys in by_entity.items()
            for key, record in self._ledger.ids(entity, keys).items()
        }

    def _ask(self, refs: set[ModelRef]) -> None:
        by_field: dict[tuple[str, str], list[ModelRef]] = {}
        for ref in refs:
            by_field.setdefault((ref.model, ref.field), []).append(ref)
        for (model, field), wanted in by_field.items():
            rows = self._target.find(model, [(field, "in", [ref.value for ref in wanted])], [field])
            for ref in wanted:
                self._found[ref] = [row["id"] for row in rows if str(row[field]) == ref.value]

    def _one(self, name: str, ref: Ref | ModelRef, own: dict[Ref, int]) -> int | tuple[str, dict[str, str]]:
        """The id, or code and parameters of what is wrong."""
        if isinstance(ref, Ref):
            record = own.get(ref)
            return record or ("reference_missing", {"field": name, "entity": ref.entity, "key": ref.key})
        ids = self._found[ref]
        if len(ids) == 1:
            return ids[0]
        said = {"field": name, "model": ref.model, "value": ref.value}
        return ("lookup_ambiguous", {**said, "count": str(len(ids))}) if ids else ("lookup_missing", said)
