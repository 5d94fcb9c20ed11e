# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parents within one entity: who hangs below whom, who hangs below nobody, and who leads back to himself."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Problem, Reject
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import (
    EXCLUDED,
    GONE,
    REJECTED,
    Store,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.values import shown


def settle_tree(store: Store, entity: Entity, run: str, place: str) -> int:
    """Give every staged row its depth, and set those aside that hang below nothing; inside a transaction.

    Returns:
        How many rows were set aside.
    """
    db = store.db
    db.execute(
        "create temp table if not exists hung (id integer primary key, ident text unique, depth integer)"
    )
    db.execute("delete from hung")
    db.execute(
        "insert into hung select t.id, t.ident, 0 from tree t join ledger l using (id)"
        " where t.entity = ? and t.parent = '' and l.state not in (?, ?, ?)",
        (entity.name, REJECTED, EXCLUDED, GONE),
    )
    depth = 0
    while db.execute(
        "insert into hung select t.id, t.ident, h.depth + 1 from hung h"
        " join tree t on t.entity = ? and t.parent = h.ident join ledger l on l.id = t.id"
        " where h.depth = ? and l.state not in (?, ?, ?)",
        (entity.name, depth, REJECTED, EXCLUDED, GONE),
    ).rowcount:
        depth += 1
    db.execute(
        "update staged set depth = (select h.depth from hung h where h.id = staged.id)"
        " where entity = ? and id in (select id from hung where depth > 0)",
        (entity.name,),
    )
    loose = db.execute(
        "select s.id, l.key, s.position, s.payload, t.ident, t.parent from staged s join tree t using (id)"
        " join ledger l using (id) where s.entity = ? and s.id not in (select id from hung) order by s.position",
        (entity.name,),
    ).fetchall()
    # All are judged before the first is set aside: a circle must not look like a row below a rejected one.
    problems = [
        _why(store, entity, key, ident, parent) for _id, key, _position, _payload, ident, parent in loose
    ]
    for (row_id, key, position, payload, _ident, _parent), problem in zip(loose, problems, strict=True):
        row = json.loads(payload)[-1]
        reject = Reject(entity.name, key, position, f"{place} {position}", row, (problem,))
        store.add_reject(reject, run, row_id)
        db.execute(
            "update ledger set state = ?, run = ?, digest = (select s.digest from staged s where s.id = ledger.id)"
            " where id = ?",
            (REJECTED, run, row_id),
        )
        db.execute("delete from staged where id = ?", (row_id,))
        db.execute("delete from once where id = ?", (row_id,))
    _canonical_parents(store, entity)
    return len(loose)


def _why(store: Store, entity: Entity, key: str, ident: str, parent: str) -> Problem:
    """What is wrong above a row that no root is above."""
    path = [ident]
    above = parent
    while above not in path:
        found = store.db.execute(
            "select t.parent, l.state from tree t join ledger l using (id) where t.entity = ? and t.ident = ?",
            (entity.name, above),
        ).fetchone()
        params = {"field": entity.parent, "key": shown(parent), "entity": entity.name}
        if found is None or found[1] == GONE:
            return Problem(
                entity.parent, "missing_reference" if above == parent else "parent_rejected", params
            )
        if found[1] in (REJECTED, EXCLUDED) and found[0] not in path:
            return Problem(
                entity.parent, "parent_excluded" if found[1] == EXCLUDED else "parent_rejected", params
            )
        path.append(above)
        above = found[0]
    if above != ident:
        return Problem(
            entity.parent,
            "parent_rejected",
            {"field": entity.parent, "key": shown(parent), "entity": entity.name},
        )
    shortened = [*path, ident] if len(path) < 8 else [*path[:4], "…", ident]
    return Problem(
        entity.parent, "circular_parent", {"key": shown(key), "path": " > ".join(map(shown, shortened))}
    )


def _canonical_parents(store: Store, entity: Entity) -> None:
    """References name the parent's key as its own row writes it."""
    rows: list[tuple[Any, ...]] = store.db.execute(
        "select s.id, s.payload, p.key from staged s join tree t using (id)"
        " join ledger p on p.entity = t.entity and p.ident = t.parent where s.entity = ?",
        (entity.name,),
    ).fetchall()
    for row_id, payload, key in rows:
        said = json.loads(payload)
        if said[4][entity.parent][1] != key:
            said[4][entity.parent][1] = key
            store.db.execute(
                "update staged set payload = ? where id = ?",
                (json.dumps(said, separators=(",", ":")), row_id),
            )
