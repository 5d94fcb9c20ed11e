# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Odoo in memory, and the store's part that the loading needs: for tests of what the loading decides."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import (
    FieldMeta,
    RowRefusedError,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Record, Reject

FIELDS = {
    "dfr.farmer": {
        "name": FieldMeta("char"),
        "national_id": FieldMeta("char"),
        "area": FieldMeta("float", 2),
        "consent": FieldMeta("boolean"),
        "photo": FieldMeta("binary"),
        "parent_id": FieldMeta("many2one", relation="dfr.farmer"),
        "country_id": FieldMeta("many2one", relation="res.country"),
        "active": FieldMeta("boolean"),
    },
    "dfr.plot": {
        "name": FieldMeta("char"),
        "farmer_id": FieldMeta("many2one", relation="dfr.farmer"),
    },
    "ir.model.data": {},
    "ir.attachment": {},
    "res.country": {"code": FieldMeta("char")},
}


class FakeOdoo:
    """Keeps records per model; refuses rows that ``bad`` finds fault with.

    Attributes:
        tables: model -> id -> values.
        calls: (method, model, number of rows), in order.
        nameless: external ids that an add-on's own ``create`` loses.
        fault: called before every call with method and model; raise from it to break one.
    """

    def __init__(self, bad: Callable[[dict[str, Any]], str] = lambda _row: "") -> None:
        self.tables: dict[str, dict[int, dict[str, Any]]] = {model: {} for model in FIELDS}
        self.calls: list[tuple[str, str, int]] = []
        self.fault: Callable[[str, str], None] = lambda _method, _model: None
        self.nameless: frozenset[str] = frozenset()
        self._bad = bad
        self._ids = itertools.count(100)
        self._lock = threading.RLock()
        self._time = 0

    def _call(self, method: str, model: str, rows: int) -> None:
        self.calls.append((method, model, rows))
        self.fault(method, model)

    def user(self) -> int:
        return 2

    def fields(self, model: str) -> dict[str, FieldMeta]:
        return FIELDS[model]

    def may(self, model: str, operation: str) -> bool:
        return True

    def newest(self, model: str) -> int:
        return max(self.tables[model], default=0)

    def find(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], *, limit: int | None = None
    ) -> list[dict[str, Any]]:
        with self._lock:
            self._call("find", model, 0)
            rows = [
                {"id": i, **{name: row.get(name, False) for name in fields}}
                for i, row in sorted(self.tables[model].items())
                if all(_holds({"id": i, **row}, *term) for term in domain)
            ]
            return rows[:limit]

    def count(self, model: str, domain: Sequence[Any]) -> int:
        return len(self.find(model, domain, []))

    def create(self, model: str, rows: Sequence[dict[str, Any]]) -> list[int]:
        with self._lock:
            self._call("create", model, len(rows))
            self._refuse(rows)
            ids = [next(self._ids) for _row in rows]
            now = self._now()
            for record, row in zip(ids, rows, strict=True):
                self.tables[model][record] = {**row, "create_uid": 2, "create_date": now, "write_date": now}
            return ids

    def load(self, model: str, module: str, rows: Sequence[tuple[str, dict[str, Any]]]) -> list[int]:
        with self._lock:
            self._call("load", model, len(rows))
            return self._named(model, module, rows)

    def create_named(self, model: str, module: str, rows: Sequence[tuple[str, dict[str, Any]]]) -> list[int]:
        with self._lock:
            self._call("create_named", model, len(rows))
            return self._named(model, module, rows, self.nameless)

    def _named(
        self,
        model: str,
        module: str,
        rows: Sequence[tuple[str, dict[str, Any]]],
        nameless: frozenset[str] = frozenset(),
    ) -> list[int]:
        taken = [name for name, _values in rows if f"{module}.{name}" in self.xids()]
        assert not taken, "the name is taken away from the record that has it"
        ids = self.create(model, [values for _name, values in rows])
        for (name, _values), record in zip(rows, ids, strict=True):
            if name not in nameless:
                said = {"module": module, "name": name, "model": model, "res_id": record, "noupdate": True}
                self.tables["ir.model.data"][next(self._ids)] = said
        return ids

    def write(self, model: str, changes: Sequence[tuple[int, dict[str, Any]]]) -> dict[int, str]:
        with self._lock:
            self._call("write", model, len(changes))
            self._refuse([values for _record, values in changes])
            now = self._now()
            for record, values in changes:
                self.tables[model][record].update(values, write_date=now)
            return {record: now for record, _values in changes[1:]}  # the rest has to be asked for

    def unlink(self, model: str, ids: Sequence[int]) -> None:
        with self._lock:
            self._call("unlink", model, len(ids))
            self._refuse([self.tables[model][record] for record in ids])
            for record in ids:
                del self.tables[model][record]
            names = self.tables["ir.model.data"]
            for name in [n for n, row in names.items() if row["model"] == model and row["res_id"] in ids]:
                del names[name]

    def typed(self, model: str, record: int, **values: Any) -> None:
        """What a person does in the registry."""
        self.tables[model][record].update(values, write_date=self._now())

    def xids(self) -> dict[str, int]:
        return {f"{r['module']}.{r['name']}": r["res_id"] for r in self.tables["ir.model.data"].values()}

    def _refuse(self, rows: Iterable[dict[str, Any]]) -> None:
        for row in rows:
            if self._bad(row):
                raise RowRefusedError(self._bad(row))

    def _now(self) -> str:
        self._time += 1
        return f"2026-01-01 {self._time // 3600:02d}:{self._time // 60 % 60:02d}:{self._time % 60:02d}"


def _holds(row: dict[str, Any], field: str, operator: str, wanted: Any) -> bool:
    have = row.get(field, False)
    if operator == "=like":
        return str(have).startswith(wanted.replace("\\", "").rstrip("%"))
    tests: dict[str, Callable[[], bool]] = {
        "=": lambda: have == wanted,
        "in": lambda: have in wanted,
        ">": lambda: have > wanted,
        ">=": lambda: have >= wanted,
    }
    return tests[operator]()


class MemoryLedger:
    """The store, as far as the loading sees it."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.waiting: dict[str, dict[str, Record]] = {}
        self.done: dict[str, dict[str, tuple[int, str]]] = {}
        self.rejects: list[Reject] = []
        self.left_out: list[tuple[str, str]] = []
        self.notes: dict[str, Any] = {}
        self.stage(records)

    def stage(self, records: Iterable[Record]) -> None:
        for record in records:
            self.waiting.setdefault(record.entity, {})[record.key] = record

    def staged(self, entity: str, *, after: tuple[int, int] = (-1, -1), limit: int = 1000) -> list[Record]:
        found = sorted(self.waiting.get(entity, {}).values(), key=lambda r: (r.depth, r.position))
        done = self.done.get(entity, {})
        return [
            replace(record, odoo_id=done[record.key][0], stamp=done[record.key][1])
            if record.key in done
            else record
            for record in found
            if (record.depth, record.position) > after
        ][:limit]

    def ids(self, entity: str, keys: Iterable[str]) -> dict[str, int]:
        done = self.done.get(entity, {})
        return {key: done[key][0] for key in keys if key in done}

    def loaded(self, done: Sequence[tuple[Record, int, str]]) -> None:
        for record, odoo_id, stamp in done:
            self.waiting[record.entity].pop(record.key, None)
            self.done.setdefault(record.entity, {})[record.key] = (odoo_id, stamp)

    def rejected(self, rejects: Iterable[Reject]) -> None:
        for reject in rejects:
            del self.waiting[reject.entity][reject.key]
            self.rejects.append(reject)

    def excluded(self, entity: str, left_out: Iterable[tuple[str, str]]) -> None:
        for key, code in left_out:
            del self.waiting[entity][key]
            self.left_out.append((key, code))

    def note(self, name: str, value: Any) -> None:
        self.notes[name] = value

    def noted(self, name: str) -> Any:
        return self.notes.get(name)
