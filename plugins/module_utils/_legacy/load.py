# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was staged goes into Odoo: parents before children, several workers, nothing twice, nothing lost.

One thread reads and writes the store and decides; the workers only talk to Odoo. A row and its external id are one
transaction there: by Odoo's `load` where that takes the row as it is, else by `create`, for `load` looks up every
reference by itself. An add-on's own `create` can lose the id; that is asked for some pages at once and the lost are
named, so a killed run can leave some that lack their name. Until a page is in the store, the store holds where to look
for its rows, and the next run adopts them instead of making them again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Protocol

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_batch import Loader, Outcome, Row
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_links import Links
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_pace import Pace
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import (
    PLAIN,
    FieldMeta,
    Target,
    external_name,
    named,
    names_of,
    space,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_twins import Twins, value_of
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_values import fingerprint
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Record, Reject

# A request whose sender died may still be at work in Odoo for this long.
SETTLE_SECONDS = 60
# A question costs Odoo as much as the making of some hundred rows.
PROVEN_TOGETHER = 4000
_BATCH_BYTES = 8_000_000


class Ledger(Protocol):
    """What the loading needs of the store; see `_legacy.store.Store`."""

    def staged(
        self, entity: str, *, after: tuple[int, int] = (-1, -1), limit: int = 1000
    ) -> list[Record]: ...

    def ids(self, entity: str, keys: Iterable[str]) -> dict[str, int]: ...

    def loaded(self, done: Sequence[tuple[Record, int, str]]) -> None: ...

    def rejected(self, rejects: Iterable[Reject]) -> None: ...

    def excluded(self, entity: str, left_out: Iterable[tuple[str, str]]) -> None: ...

    def note(self, name: str, value: Any) -> None: ...

    def noted(self, name: str) -> Any: ...


class Reading(Protocol):
    """A source that is still being read into the store; see `_legacy.extract.Reading`."""

    def through(self, entity: str, rows: float = ...) -> None: ...

    def go_on(self) -> bool: ...


@dataclass
class Tally:
    """What the loading of an entity came to.

    Attributes:
        inserted, updated, same: rows that are in Odoo now; the same ones needed no write.
        rejected, excluded: rows set aside by the loading.
        adopted: rows that a killed run had left without their external id.
        seconds: from the first page to the last answer.
        done: whether nothing of it is left.
    """

    inserted: int = 0
    updated: int = 0
    same: int = 0
    rejected: int = 0
    excluded: int = 0
    adopted: int = 0
    seconds: float = 0.0
    done: bool = False


@dataclass(frozen=True)
class Terms:
    """How a load goes about it.

    Attributes:
        workers: requests to Odoo at the same time; as many as Odoo has workers.
        until: stop taking new pages at this moment of ``clock``; what is under way is finished.
        clock, now, sleep: monotonic seconds, seconds since the epoch, and a pause.
    """

    workers: int = 2
    until: float = float("inf")
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


def load(
    source: str,
    entities: Mapping[str, Entity],
    store: Ledger,
    target: Target,
    twins: Twins,
    terms: Terms,
    reading: Reading | None = None,
) -> dict[str, Tally]:
    """Load all that is staged, entity by entity in the mapping's order.

    Args:
        source, entities: the name and the mapping of what is loaded.
        store, target: from where, into what.
        twins: what the registry has already.
        terms: how.
        reading: what fills the store. It goes on while Odoo is at work: an entity is loaded while its own later rows
            are read, and those of the next ones. What is left when the time is up is read then.

    Raises:
        ProbeError: Odoo stopped answering; what was acknowledged is in the store, and a repetition goes on.
        OdooRefusedError: the login lacks a right.
    """
    tallies: dict[str, Tally] = {}
    # Rows that an earlier run left stand among those that come, and parents may stand behind their children.
    whole = {name for name, entity in entities.items() if entity.parent or store.staged(name, limit=1)}
    with ThreadPoolExecutor(terms.workers, thread_name_prefix="legacy") as pool:
        for name, entity in entities.items():
            if reading and name in whole:
                reading.through(name)
            tallies[name] = _Entity(source, entity, store, target, twins, terms, pool, reading).run()
            if not tallies[name].done:
                break
    while reading and reading.go_on():
        pass
    return tallies


@dataclass(frozen=True)
class _Sent:
    """Rows on their way into Odoo, and the newest record that it had when they were sent."""

    rows: list[Row]
    newest: int


@dataclass
class _Entity:
    source: str
    entity: Entity
    store: Ledger
    target: Target
    twins: Twins
    terms: Terms
    pool: ThreadPoolExecutor
    reading: Reading | None
    tally: Tally = field(default_factory=Tally)

    def run(self) -> Tally:
        begun = self.terms.clock()
        self._pace = Pace(self.entity.batch)
        records = self._page((-1, -1))
        self.tally.done = True
        if not records:
            return self.tally
        self._begin()
        try:
            later = [row for page in self._pages(records) for row in self._send(page)]
            self._drain(0)
            while later and self.tally.done:
                # Rows that are like one that was under way: by now it is known what became of that one.
                page, later = later[: self._pace.rows], later[self._pace.rows :]
                later += self._send(page)
                self._drain(0)
        finally:
            self._collect(wait(self._under_way).done if self._under_way else set(), quiet=True)
            self._keep()
        self.tally.seconds = round(self.terms.clock() - begun, 3)
        return self.tally

    def _begin(self) -> None:
        model = self.entity.model
        self._fields: Mapping[str, FieldMeta] = self.target.fields(model)
        strangers = sorted(self.entity.fields.keys() - self._fields.keys())
        if strangers:
            raise GoliveError(
                f"{model} has no field {strangers[0]}, which the mapping of {self.source}.{self.entity.name} fills.",
                remedy="Correct the mapping, or install the add-on that brings the field.",
            )
        self._loader = Loader(
            self.target,
            self.source,
            self.entity.name,
            model,
            self._fields,
            self.entity.conflict,
            all(self._fields[name].type in PLAIN for name in self.entity.fields),
            self.terms.clock,
            self.terms.sleep,
        )
        self._links = Links(self.store, self.target)
        self._under_way: dict[Future[Outcome], _Sent] = {}
        self._settled: list[tuple[_Sent, Outcome]] = []
        self._claims: set[tuple[tuple[str, ...], str]] = set()
        self._note = f"under_way.{self.entity.name}"
        left = self.store.noted(self._note)
        self._newest = left["after"] if left else self.target.newest(model)
        self._orphans = self._left_behind(left) if left else {}
        # The store is behind Odoo only after a run that was killed, or when it was lost.
        self._doubt = bool(left) or (
            self.store.noted(f"begun.{self.entity.name}") is None
            and self.target.count("ir.model.data", names_of(self.source, self.entity.name)) > 0
        )
        for rule in self.entity.deduplicate:
            self.twins.refresh(model, rule.fields)

    def _left_behind(self, left: Mapping[str, Any]) -> dict[str, list[int]]:
        """Records that a killed run made and didn't get to name, by what is in them."""
        self.terms.sleep(max(0.0, left["at"] + SETTLE_SECONDS - self.terms.now()))
        model = self.entity.model
        mine = [("id", ">", left["after"]), ("create_uid", "=", left["user"])]
        names = [name for name, said in self.entity.fields.items() if not said.attachment]
        rows = self.target.find(model, mine, names)
        known = {
            row["res_id"]
            for row in self.target.find(
                "ir.model.data",
                [("model", "=", model), ("res_id", "in", [row["id"] for row in rows])],
                ["res_id"],
            )
        }
        found: dict[str, list[int]] = {}
        for row in rows:
            if row["id"] not in known:
                digest = fingerprint({name: row[name] for name in names}, self._fields)
                found.setdefault(digest, []).append(row["id"])
        return found

    def _pages(self, first: list[Record]) -> Iterator[list[Record]]:
        """Staged records, a page at a time; a page never holds a record and its parent."""
        records = first
        while records:
            for depth in sorted({record.depth for record in records}):
                page = [record for record in records if record.depth == depth]
                if depth != self._depth:
                    self._drain(0)
                    self._depth = depth
                if self.terms.clock() >= self.terms.until:
                    self.tally.done = False
                    return
                yield page
            last = records[-1]
            records = self._page((last.depth, last.position))

    _depth = 0
    _taken = 0

    def _page(self, after: tuple[int, int]) -> list[Record]:
        """The next records that wait, as many as go in one request; read from the source as far as it takes."""
        name, size = self.entity.name, self._pace.rows
        if self.reading:
            self.reading.through(name, self._taken + size)
        page = self.store.staged(name, after=after, limit=size)
        self._taken += len(page)
        return page

    def _send(self, records: Sequence[Record]) -> list[Record]:
        """Hand a page to a worker; returns the records that have to wait for one under way."""
        good, rejects = self._links.resolve(records)
        rows, more, later = self._planned(good)
        self._set_aside([*rejects, *more])
        for portion in _portions(rows):
            self._drain(self.terms.workers)
            future = self.pool.submit(self._loader.settle, portion)
            self._under_way[future] = _Sent(portion, self._newest)
            self._remember()
        return later

    def _planned(
        self, good: Sequence[tuple[Record, dict[str, Any]]]
    ) -> tuple[list[Row], list[Reject], list[Record]]:
        new = [(record, values) for record, values in good if record.odoo_id is None]
        names = {record.key: external_name(self.entity.name, record.key) for record, _values in new}
        there = named(self.target, space(self.source), list(names.values())) if self._doubt and names else {}
        twins = self._twins_of(values for record, values in new if names[record.key] not in there)
        rows: list[Row] = []
        rejects: list[Reject] = []
        later: list[Record] = []
        for record, values in good:
            if record.odoo_id is not None:
                rows.append(Row(record, values, record.odoo_id, record.stamp, name_it=False))
            elif names[record.key] in there:
                rows.append(Row(record, values, there[names[record.key]], name_it=False))
            elif self._orphans and (ours := self._orphans.get(fingerprint(values, self._fields))):
                self.tally.adopted += 1
                rows.append(Row(record, values, ours.pop()))
            else:
                self._new(record, values, twins, rows, rejects, later)
        return rows, rejects, later

    def _twins_of(self, new: Iterable[dict[str, Any]]) -> dict[tuple[str, ...], dict[str, int]]:
        """For each rule what the registry has already of these rows."""
        there = list(new)
        return {
            rule.fields: self.twins.find(
                self.entity.model, rule.fields, [_value(rule.fields, values) for values in there]
            )
            for rule in self.entity.deduplicate
        }

    def _new(
        self,
        record: Record,
        values: dict[str, Any],
        twins: Mapping[tuple[str, ...], Mapping[str, int]],
        rows: list[Row],
        rejects: list[Reject],
        later: list[Record],
    ) -> None:
        """A row that isn't in Odoo under its own name: somebody may have registered the same one."""
        for rule in self.entity.deduplicate:
            said = {
                "fields": ", ".join(rule.fields),
                "value": ", ".join(str(values.get(name)) for name in rule.fields),
            }
            value = _value(rule.fields, values)
            if (rule.fields, value) in self._claims:
                later.append(record)
                return
            twin = twins[rule.fields].get(value)
            if twin is not None and rule.action == "reject":
                rejects.append(Reject.of(record, "duplicate_in_dfr", {**said, "id": str(twin)}))
                return
            if twin is not None:
                rows.append(Row(record, values, twin))
                return
        self._claims |= self._claims_of(values)
        rows.append(Row(record, values))

    def _claims_of(self, values: Mapping[str, Any]) -> set[tuple[tuple[str, ...], str]]:
        claims = {(rule.fields, _value(rule.fields, values)) for rule in self.entity.deduplicate}
        return {(fields, value) for fields, value in claims if value}

    def _drain(self, left: int) -> None:
        """Wait until no more than ``left`` pages are under way."""
        while len(self._under_way) > left:
            done = {future for future in self._under_way if future.done()}
            if done or not (self.reading and self.reading.go_on()):
                self._collect(done or wait(self._under_way, return_when=FIRST_COMPLETED).done)

    def _collect(self, done: Iterable[Future[Outcome]], *, quiet: bool = False) -> None:
        """Take what Odoo acknowledged, before any failure is passed on."""
        failures = []
        for future in done:
            problem = future.exception()
            if problem is not None:
                failures.append(problem)
            else:
                sent, outcome = self._under_way.pop(future), future.result()
                self._pace.learn(len(sent.rows), outcome.seconds)
                self._settled.append((sent, outcome))
        unproven = sum(len(outcome.unproven) for _sent, outcome in self._settled)
        if not 0 < unproven < PROVEN_TOGETHER or not self._under_way:
            self._keep()
        if failures and not quiet:
            raise failures[0]

    def _keep(self) -> None:
        """Put what was taken into the store, once every record has its name."""
        if not self._settled:
            return
        self._loader.prove_named([pair for _sent, outcome in self._settled for pair in outcome.unproven])
        for sent, outcome in self._settled:
            self._keep_page(outcome, sent.rows)
        self._settled = []
        self._remember()

    def _keep_page(self, outcome: Outcome, rows: Sequence[Row]) -> None:
        values = {row.record.key: row.values for row in rows}
        if outcome.loaded:
            self.store.loaded(outcome.loaded)
            self._newest = max(self._newest, *(found for _record, found, _stamp in outcome.loaded))
        if outcome.excluded:
            self.store.excluded(self.entity.name, outcome.excluded)
        self._set_aside(outcome.rejects)
        for rule in self.entity.deduplicate:
            done = ((values[record.key], found) for record, found, _stamp in outcome.loaded)
            self.twins.learn(self.entity.model, rule.fields, done)
        if self._claims:
            for row in rows:
                self._claims -= self._claims_of(row.values)
        self.tally.inserted += outcome.inserted
        self.tally.updated += outcome.updated
        self.tally.same += outcome.same
        self.tally.excluded += len(outcome.excluded)

    def _set_aside(self, rejects: Sequence[Reject]) -> None:
        if rejects:
            self.store.rejected(rejects)
            self.tally.rejected += len(rejects)

    def _remember(self) -> None:
        """Where rows without a name would be, should this process die now."""
        waiting = [*self._under_way.values(), *(sent for sent, _outcome in self._settled)]
        if not waiting:
            self.store.note(self._note, None)
            self.store.note(f"begun.{self.entity.name}", True)
            return
        after = min(sent.newest for sent in waiting)
        self.store.note(self._note, {"after": after, "at": self.terms.now(), "user": self.target.user()})


def _value(fields: Sequence[str], values: Mapping[str, Any]) -> str:
    return value_of([values.get(name) for name in fields])


def _portions(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """A page in parts that Odoo takes in one request: photos make it heavy."""
    part: list[Row] = []
    weight = 0
    for row in rows:
        heavy = sum(file.size for file in row.record.attachments)
        if part and weight + heavy > _BATCH_BYTES:
            yield part
            part, weight = [], 0
        part.append(row)
        weight += heavy
    if part:
        yield part
