# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One batch of rows into Odoo: halved until a bad row is alone, the rest goes on. Runs in a worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._legacy import load_files
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import (
    FieldMeta,
    PassingError,
    RowRefusedError,
    Target,
    external_name,
    give_names,
    named,
    paged,
    space,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_values import (
    DATES,
    MADE,
    as_we_left_it,
    differing,
    digest_of,
    fingerprint,
    stamp,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Record, Reject

_T = TypeVar("_T")
_TRIES = 4


@dataclass(frozen=True)
class Row:
    """A record whose references are resolved.

    Attributes:
        record: as it was extracted.
        values: field -> what Odoo gets; many2one fields hold ids, empty ones False.
        id: the record in Odoo; None when it has to be made.
        stamp: of our last load of it; empty when it wasn't ours (then every difference is a conflict).
        name_it: whether the record in Odoo still lacks our external id.
    """

    record: Record
    values: dict[str, Any]
    id: int | None = None
    stamp: str = ""
    name_it: bool = True


Wanted = tuple[Row, dict[str, Any]]


@dataclass
class Outcome:
    """What became of a batch: every row is in exactly one of the first three.

    Attributes:
        loaded: record, id in Odoo and stamp of rows that are in Odoo as the source has them.
        rejects: rows that were set aside.
        excluded: (key, code) of rows that the DFR's own record was kept for.
        inserted, updated, same: how the loaded ones came to be.
        seconds: what it took.
        unproven: external names and ids of records that Odoo was told to name while it made them; see `prove_named`.
    """

    loaded: list[tuple[Record, int, str]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    excluded: list[tuple[str, str]] = field(default_factory=list)
    inserted: int = 0
    updated: int = 0
    same: int = 0
    seconds: float = 0.0
    unproven: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Loader:
    """How the rows of one entity get into Odoo.

    Attributes:
        target: the Odoo.
        source, entity, model: what is loaded into what.
        fields: Odoo's fields of the model.
        conflict: keep, overwrite or reject, for records that were changed in the DFR since.
        plain: whether Odoo's `load` takes all the values as they are.
        clock, sleep: monotonic seconds, and a pause until another transaction is through.
    """

    target: Target
    source: str
    entity: str
    model: str
    fields: Mapping[str, FieldMeta]
    conflict: str
    plain: bool
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def settle(self, rows: Sequence[Row]) -> Outcome:
        """Make Odoo's records what the rows say."""
        begun = self.clock()
        outcome = Outcome()
        new = [row for row in rows if row.id is None]
        if new:
            self._insert(new, outcome)
        old = [row for row in rows if row.id is not None]
        if old:
            self._update(old, outcome)
        outcome.seconds = self.clock() - begun
        return outcome

    def _insert(self, rows: Sequence[Row], outcome: Outcome) -> None:
        ready = []
        for row in rows:
            try:
                ready.append((row, {**row.values, **load_files.embedded(row.record)}))
            except load_files.FileChangedError as exc:
                outcome.rejects.append(Reject.of(row.record, "odoo_refused", {"message": exc.sentence}))

        for part, ids in self._halving(ready, self._make, outcome):
            made = [(row, record) for (row, _values), record in zip(part, ids, strict=True)]
            if not self.plain:
                outcome.unproven += [(self._external(row), record) for row, record in made]
            self._finish(made, {record: MADE for _row, record in made}, outcome)
            outcome.inserted += len(made)

    def _make(self, part: Sequence[Wanted]) -> list[int]:
        """Records in one transaction with their external ids."""
        make = self.target.load if self.plain else self.target.create_named
        rows = [(self._external(row), values) for row, values in part]
        return make(self.model, space(self.source), rows)

    def _update(self, rows: Sequence[Row], outcome: Outcome) -> None:
        names = sorted({name for row in rows for name in row.values})
        ids = [row.id for row in rows]
        current = {
            record["id"]: record
            for record in self.target.find(self.model, [("id", "in", ids)], [*names, *DATES])
        }
        files = load_files.outdated(self.target, self.model, {row.id: row.record for row in rows if row.id})
        changed: list[Wanted] = []
        as_is: list[tuple[Row, int]] = []
        for row in rows:
            found = current.get(row.id)
            if found is None:
                self._gone(row, outcome)
                continue
            wanted = {**differing(row.values, found, self.fields), **files.get(found["id"], {})}
            if wanted and self._touched(row, found):
                if self.conflict == "keep":
                    self._name_new([(row, found["id"])])
                    outcome.excluded.append((row.record.key, "kept_in_dfr"))
                    continue
                if self.conflict == "reject":
                    fields = {"fields": ", ".join(sorted(wanted))}
                    outcome.rejects.append(Reject.of(row.record, "changed_in_dfr", fields))
                    continue
            if wanted:
                changed.append((row, wanted))
            else:
                as_is.append((row, found["id"]))
        self._name_new(as_is)
        self._finish(as_is, {record: str(found["write_date"]) for record, found in current.items()}, outcome)
        outcome.same += len(as_is)
        for part, dates in self._halving(changed, self._change, outcome):
            done = [(row, row.id or 0) for row, _values in part]
            self._name_new(done)
            self._finish(done, dates, outcome)
            outcome.updated += len(part)

    def _change(self, part: Sequence[Wanted]) -> dict[int, str]:
        return self.target.write(self.model, [(row.id or 0, values) for row, values in part])

    def _touched(self, row: Row, found: Mapping[str, Any]) -> bool:
        """Whether somebody changed our fields since our last load; a later date alone doesn't say so."""
        if as_we_left_it(row.stamp, found):
            return False
        mine = {name: found.get(name) for name in row.values}
        return fingerprint(mine, self.fields) != digest_of(row.stamp)

    def _gone(self, row: Row, outcome: Outcome) -> None:
        """Deleted in the DFR since: that is a change like any other."""
        if self.conflict == "overwrite":
            self._unname(row)
            self._insert([row], outcome)
        elif self.conflict == "reject":
            outcome.rejects.append(Reject.of(row.record, "gone_in_dfr", {}))
        else:
            outcome.excluded.append((row.record.key, "gone_in_dfr"))

    def _finish(
        self,
        done: Sequence[tuple[Row, int]],
        dates: Mapping[int, str],
        outcome: Outcome,
    ) -> None:
        """What follows once the rows are in Odoo and named: files beside them, the stamp.

        Args:
            done: the rows and their records.
            dates: when Odoo wrote them, as far as that is known; Odoo is asked for the others.
            outcome: where they are counted.
        """
        if load_files.beside(self.target, self.model, [(row.record, record) for row, record in done]):
            dates = {}
        ask = [record for _row, record in done if record not in dates]
        if ask:
            dates = {**dates, **self._dates(ask)}
        for row, record in done:
            outcome.loaded.append((row.record, record, stamp(dates[record], row.values, self.fields)))

    def _name_new(self, done: Sequence[tuple[Row, int]]) -> None:
        self._name([(row, record) for row, record in done if row.name_it])

    def _name(self, made: Sequence[tuple[Row, int]]) -> None:
        self._give([(self._external(row), record) for row, record in made])

    def _give(self, pairs: Sequence[tuple[str, int]]) -> None:
        if pairs:
            self._patiently(lambda: give_names(self.target, space(self.source), self.model, pairs))

    def prove_named(self, made: Sequence[tuple[str, int]]) -> None:
        """Name what an add-on's own `create` made nameless; many pages ask one question."""
        if not made:
            return
        ids = [record for _name, record in made]
        mine = [("module", "=", space(self.source)), ("model", "=", self.model), ("res_id", "in", ids)]
        if self.target.count("ir.model.data", mine) < len(made):
            there = named(self.target, space(self.source), [name for name, _record in made])
            self._give([(name, record) for name, record in made if name not in there])

    def _external(self, row: Row) -> str:
        return external_name(self.entity, row.record.key)

    def _unname(self, row: Row) -> None:
        """A record that the database deleted with another one leaves its external id behind."""
        mine = [("module", "=", space(self.source)), ("name", "=", self._external(row))]
        left = self.target.find("ir.model.data", mine, [])
        if left:
            self.target.unlink("ir.model.data", [found["id"] for found in left])

    def _dates(self, records: Sequence[int]) -> dict[int, str]:
        """When each record was written, as Odoo says."""
        found = self.target.find(self.model, [("id", "in", list(records))], ["write_date"])
        dates = {int(row["id"]): str(row["write_date"]) for row in found}
        for record in records:
            if record not in dates:
                raise GoliveError(
                    f"Odoo has no {self.model} {record} any more, right after it was loaded.",
                    remedy="See that nobody removes records while the legacy is loaded, then repeat.",
                )
        return dates

    def _halving(
        self, rows: Sequence[Wanted], work: Callable[[Sequence[Wanted]], _T], outcome: Outcome
    ) -> Iterator[tuple[Sequence[Wanted], _T]]:
        """Do ``work`` on all; on a refusal on each half, down to the one row that is at fault.

        Yields each part that was accepted, with what the work returned.
        """
        if not rows:
            return
        try:
            answer = self._patiently(lambda: work(rows))
        except RowRefusedError as exc:
            if len(rows) == 1:
                reject = Reject.of(rows[0][0].record, "odoo_refused", {"message": exc.sentence})
                outcome.rejects.append(reject)
                return
            for half in paged(rows, (len(rows) + 1) // 2):
                yield from self._halving(half, work, outcome)
        else:
            yield rows, answer

    def _patiently(self, work: Callable[[], _T]) -> _T:
        """Once more, a moment later, when two transactions met."""
        for attempt in range(1, _TRIES):
            try:
                return work()
            except PassingError:
                self.sleep(0.2 * attempt)
        return work()
