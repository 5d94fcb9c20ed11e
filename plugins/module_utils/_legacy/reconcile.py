# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Source against registry: counts, sums, groups, and field by field."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_links import Links
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import FieldMeta, Target
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_values import (
    DATES,
    as_we_left_it,
    differing,
    normal,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Record
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import LOADED, ident_of

_SUMMED = ("integer", "float", "monetary")
_GROUPED = ("selection", "boolean")
_SHOWN = 100
_PAGE = 500


class Ledger(Protocol):
    """What the comparison needs of the store that was loaded from."""

    def ids(self, entity: str, keys: Iterable[str]) -> dict[str, int]: ...

    def look_up(self, entity: str, idents: Sequence[str], columns: str) -> dict[str, tuple[Any, ...]]: ...


class Pages(Protocol):
    """Rows of the source, a page after the other; as `Store.staged`."""

    def __call__(self, entity: str, *, after: tuple[int, int] = ..., limit: int = ...) -> list[Record]: ...


@dataclass
class Comparison:
    """What comparing an entity brought.

    Attributes:
        compared, equal: records looked at, and those whose every field is the source's.
        edited: records that people changed in the registry since they were loaded; not compared.
        unknown: source rows that were never loaded (set aside, left out, or new since).
        newer: source rows that changed since they were loaded; not compared, the next load brings them.
        missing: source keys whose record is gone from the registry.
        different: source key -> fields that differ (the first hundred).
        differing: how many differ.
        named: external ids of the entity in the registry.
        sums: field -> (source, registry), over the compared records.
        groups: field -> value -> (source, registry), likewise.
    """

    compared: int = 0
    equal: int = 0
    edited: int = 0
    unknown: int = 0
    newer: int = 0
    differing: int = 0
    named: int = 0
    missing: list[str] = field(default_factory=list)
    different: dict[str, list[str]] = field(default_factory=dict)
    sums: dict[str, tuple[float, float]] = field(default_factory=dict)
    groups: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether nothing is missing or different."""
        return not self.missing and not self.differing


def compare(entity: Entity, pages: Pages, store: Ledger, target: Target, *, every: int = 1) -> Comparison:
    """Compare an entity's records with the source, all or one in ``every`` (chosen by key, always the same)."""
    found = Comparison()
    page = pages(entity.name, limit=_PAGE)
    if not page:
        return found
    fields = target.fields(entity.model)
    names = [name for name, said in entity.fields.items() if not said.attachment]
    links = Links(store, target)
    totals = {name: [0.0, 0.0] for name in names if fields[name].type in _SUMMED}
    groups: dict[str, tuple[Counter[str], Counter[str]]] = {
        name: (Counter(), Counter()) for name in names if fields[name].type in _GROUPED
    }
    while page:
        chosen = [record for record in page if _chosen(record.key, every)]
        known = _loaded(entity.name, chosen, store)
        found.unknown += len(chosen) - len(known)
        same = [record for record in chosen if known.get(record.key, ("", 0, ""))[0] == record.digest]
        found.newer += len(known) - len(same)
        resolved, _unresolved = links.resolve(same)
        ids = [known[record.key][1] for record, _values in resolved]
        there = {row["id"]: row for row in target.find(entity.model, [("id", "in", ids)], [*names, *DATES])}
        for record, values in resolved:
            _digest, record_id, stamp = known[record.key]
            row = there.get(record_id)
            if row is None:
                found.missing.append(record.key)
            elif not as_we_left_it(stamp, row):
                found.edited += 1
            else:
                _look(record.key, values, row, fields, found)
                _add(values, row, fields, totals, groups)
        page = pages(entity.name, after=(page[-1].depth, page[-1].position), limit=_PAGE)
    found.sums = {name: (round(a, 6), round(b, 6)) for name, (a, b) in totals.items()}
    found.groups = {
        name: {value: (ours[value], theirs[value]) for value in sorted(ours | theirs)}
        for name, (ours, theirs) in groups.items()
    }
    return found


def _loaded(entity: str, records: Sequence[Record], store: Ledger) -> dict[str, tuple[str, int, str]]:
    """Key -> digest, id in the registry and stamp of what is loaded; what was set aside or left out isn't."""
    keys = {ident_of(record.key): record.key for record in records}
    ledger = store.look_up(entity, list(keys), "digest, odoo_id, stamp, state")
    return {
        keys[ident]: (digest, record, stamp or "")
        for ident, (digest, record, stamp, state) in ledger.items()
        if state == LOADED
    }


def _chosen(key: str, every: int) -> bool:
    return every <= 1 or int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % every == 0


def _look(
    key: str,
    values: Mapping[str, Any],
    row: Mapping[str, Any],
    fields: Mapping[str, FieldMeta],
    found: Comparison,
) -> None:
    found.compared += 1
    wrong = differing(values, row, fields)
    if not wrong:
        found.equal += 1
        return
    found.differing += 1
    if len(found.different) < _SHOWN:
        found.different[key] = sorted(wrong)


def _add(
    values: Mapping[str, Any],
    row: Mapping[str, Any],
    fields: Mapping[str, FieldMeta],
    totals: Mapping[str, list[float]],
    groups: Mapping[str, tuple[Counter[str], Counter[str]]],
) -> None:
    for side, having in enumerate((values, row)):
        for name, total in totals.items():
            total[side] += normal(having.get(name), fields[name])
        for name, counters in groups.items():
            counters[side][str(normal(having.get(name), fields[name]))] += 1
