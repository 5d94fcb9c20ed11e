# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the source no longer has: reported, and archived or deleted only where the mapping says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_pace import FIRST
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import (
    RowRefusedError,
    Target,
    paged,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity


class Ledger(Protocol):
    """What deletions need of the store."""

    def gone(self, entity: str) -> Iterable[tuple[str, int]]: ...

    def forget(self, entity: str, keys: Iterable[str]) -> None: ...


@dataclass
class Gone:
    """What became of rows that left the source.

    Attributes:
        found: how many there are.
        applied: archived or deleted in Odoo.
        refused: (source key, Odoo's words) of those Odoo keeps.
    """

    found: int = 0
    applied: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


def follow(entities: Mapping[str, Entity], store: Ledger, target: Target) -> dict[str, Gone]:
    """Children before parents, so that nothing points to what is deleted.

    Raises:
        GoliveError: a model can't be archived; before anything of it was touched.
    """
    found: dict[str, Gone] = {}
    for entity in reversed(list(entities.values())):
        rows = list(store.gone(entity.name))
        found[entity.name] = gone = Gone(len(rows))
        if not rows or entity.deletions == "report":
            continue
        act = _act(entity, target)
        for part in paged(rows, min(FIRST, entity.batch)):
            done = _halving(part, act, gone)
            store.forget(entity.name, done)
            gone.applied += len(done)
    return found


def _act(entity: Entity, target: Target) -> Callable[[list[int]], object]:
    if entity.deletions == "delete":
        return lambda ids: target.unlink(entity.model, ids)
    if "active" not in target.fields(entity.model):
        raise GoliveError(
            f"{entity.model} can't be archived: it has no field active.",
            remedy=f"Set deletions of {entity.name} to report or delete.",
        )
    return lambda ids: target.write(entity.model, [(record, {"active": False}) for record in ids])


def _halving(rows: list[tuple[str, int]], act: Callable[[list[int]], object], gone: Gone) -> list[str]:
    try:
        act([record for _key, record in rows])
    except RowRefusedError as exc:
        if len(rows) == 1:
            gone.refused.append((rows[0][0], exc.sentence))
            return []
        return [key for half in paged(rows, (len(rows) + 1) // 2) for key in _halving(half, act, gone)]
    return [key for key, _record in rows]
