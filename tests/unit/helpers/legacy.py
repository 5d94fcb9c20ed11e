# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests of the legacy sources share: a whole reading from a file to its store, and what became of each row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._legacy.extract import Tally, extract
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Mapping, parse
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import open_source
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import Store

FARMERS = {"name": {"from": "name"}}


def entity(origin: str = "farmers", fields: Any = None, **more: Any) -> dict[str, Any]:
    return {"from": origin, "key": ["id"], "model": "dfr.farmer", "fields": fields or FARMERS, **more}


def mapping_of(kind: str, path: Path, entities: Any = None, **more: Any) -> Mapping:
    """A mapping; JSON is YAML."""
    said = {
        "source": "s",
        "kind": kind,
        "path": str(path),
        "entities": entities or {"farmers": entity()},
        **more,
    }
    return parse(json.dumps(said), "s.yml")


def read(mapping: Mapping, store: Store, run: str = "r1", **more: Any) -> dict[str, Tally]:
    source = open_source(mapping)
    try:
        return extract(mapping, source, store, run, **more)
    finally:
        source.close()


def load_all(store: Store, mapping: Mapping) -> None:
    """As if Odoo had taken everything that waits."""
    for name in mapping.entities:
        waiting = store.staged(name, limit=100_000)
        store.loaded([(record, number, "") for number, record in enumerate(waiting, start=1)])
    store.commit_marks(store.noted("run"))


def fates(store: Store, name: str = "farmers") -> dict[str, Any]:
    """Key (or place) of every row -> its values, or the codes of why it was set aside."""
    found: dict[str, Any] = {record.key: record.values for record in store.staged(name, limit=100_000)}
    for reject in store.rejects(name):
        at = reject.key or f"@{reject.position}"
        codes = [problem.code for problem in reject.problems]
        found[at if at not in found else f"{at}@{reject.position}"] = codes
    return found
