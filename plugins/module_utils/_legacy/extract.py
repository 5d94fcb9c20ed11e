# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a source: every row becomes a staged record, is unchanged, is set aside with its reasons, or is left out."""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._legacy.expression import Expression
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity, EntityTarget, Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Attachment, Problem, Reject
from ansible_collections.dfr.golive.plugins.module_utils._legacy.rejects import as_written
from ansible_collections.dfr.golive.plugins.module_utils._legacy.rules import Rules
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import Row, Source
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import (
    EXCLUDED,
    GONE,
    LOADED,
    OWNER,
    PLACE,
    REJECTED,
    STAGED,
    Store,
    ident_of,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.transform import (
    Outcome,
    Transformer,
    find_columns,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.tree import settle_tree
from ansible_collections.dfr.golive.plugins.module_utils._legacy.values import Invalid, as_text, shown

CHUNK = 500
_COMPACT = json.JSONEncoder(separators=(",", ":")).encode
MAGIC = ((b"\x89PNG\r\n\x1a\n", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"%PDF-", ".pdf"), (b"GIF8", ".gif"))


@dataclass
class Tally:
    """What one reading of an entity came to; read = unchanged + staged + rejected + excluded."""

    read: int = 0
    unchanged: int = 0
    staged: int = 0
    rejected: int = 0
    excluded: int = 0
    full: bool = True


@dataclass
class _Candidate:
    """A row on its way."""

    position: int
    row: Row
    problems: list[Problem]
    key: str = ""
    ident: str = ""
    digest: str = ""
    outcome: Outcome | None = None
    excluded: str = ""
    id: int = 0
    new: bool = False
    parent: str = ""
    once: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def state(self) -> str:
        return REJECTED if self.problems else EXCLUDED if self.excluded else STAGED


class Reading:
    """A source on its way into its store, a chunk at a time, so that it can go on while Odoo is at work.

    Args:
        mapping: how.
        source: open.
        store: what is known of it; afterwards it holds what waits to be loaded.
        run: on whose behalf.
        late: arrivals after the switch, or corrected rejects: nothing counts as gone and no watermark moves.

    Attributes:
        tallies: for each entity that is through what its rows came to.

    Raises (all methods):
        GoliveError: the source can't be read as the mapping says; what was read until then stays known.
    """

    def __init__(
        self, mapping: Mapping, source: Source, store: Store, run: str, *, late: bool = False
    ) -> None:
        self.tallies: dict[str, Tally] = {}
        self._begun: dict[str, Tally] = {}
        self._chunks = self._read(mapping, source, store, run, late)

    def go_on(self) -> bool:
        """Read a chunk, or end an entity; False when nothing is left."""
        return next(self._chunks, False)

    def through(self, entity: str, rows: float = float("inf")) -> None:
        """Read until an entity is through, or this many of its rows wait to be loaded."""
        while entity not in self.tallies and self._begun.get(entity, Tally()).staged < rows and self.go_on():
            pass

    def finish(self) -> dict[str, Tally]:
        """Read all that is left."""
        while self.go_on():
            pass
        return self.tallies

    def _read(
        self, mapping: Mapping, source: Source, store: Store, run: str, late: bool
    ) -> Iterator[Literal[True]]:
        anew = store.noted("fingerprint") != mapping.fingerprint
        marks = {} if anew or late else store.noted("marks") or {}
        store.note("run", run)
        next_marks: dict[str, Any] = {}
        for entity in mapping.entities.values():
            # Taken before the rows are read: what comes in meanwhile is read again by the next run, never missed.
            next_marks[entity.name] = source.mark(entity)
            extraction = _Extraction(mapping, entity, source, store, run, late)
            self._begun[entity.name] = extraction.tally
            for _chunk in extraction.run(marks.get(entity.name)):
                yield True
            self.tallies[entity.name] = extraction.tally
            yield True
        if not late:
            store.note("next_marks", next_marks)
            store.note("fingerprint", mapping.fingerprint)


def extract(
    mapping: Mapping, source: Source, store: Store, run: str, *, late: bool = False
) -> dict[str, Tally]:
    """Read a source into its store, all of it; see `Reading`."""
    return Reading(mapping, source, store, run, late=late).finish()


def unchanged_since(mapping: Mapping, source: Source, store: Store) -> list[str]:
    """The entities that moved since the last reading; none is the proof that nothing was added."""
    marks = store.noted("next_marks") or {}
    counts = store.noted("source") or {}
    moved = []
    for entity in mapping.entities.values():
        if entity.watermark.kind == "none":
            raise GoliveError(
                f"{mapping.name}: {entity.name} has no watermark, so nothing proves that no row was added.",
                remedy="Give it one; file_digest serves every file, increasing_id or updated_at most tables.",
            )
        counted = source.count(entity)
        if json.loads(json.dumps(source.mark(entity))) != marks.get(entity.name) or (
            counted is not None and counted != counts.get(entity.name)
        ):
            moved.append(entity.name)
    return moved


class _Extraction:
    """One entity's way from source to store."""

    def __init__(
        self, mapping: Mapping, entity: Entity, source: Source, store: Store, run: str, late: bool
    ) -> None:
        self.mapping = mapping
        self.entity = entity
        self.source = source
        self.store = store
        self.run_id = run
        self.late = late
        self.tally = Tally()
        self.next_id = (store.db.execute("select max(id) from ledger").fetchone()[0] or 0) + 1
        self.first_new = self.next_id
        self.seen = bytearray(self.next_id)
        self.salt = mapping.fingerprint.encode()[:64]

    def run(self, since: Any) -> Iterator[None]:
        """Read what came in since a mark; yields after each chunk."""
        entity = self.entity
        if (
            since is not None
            and since == json.loads(json.dumps(self.source.mark(entity)))
            and self._same_file()
        ):
            self._untouched()
            return
        stream = self.source.stream(entity, since)
        self.stream = stream
        self.tally.full = stream.full
        self.transformer = Transformer(
            entity, stream.header, self.mapping.limits, self, f"{entity.name} ({entity.origin})"
        )
        self.rules = Rules(entity)
        places = find_columns(entity.key, stream.header, entity.origin)
        self.key_places = [(column, places[column]) for column in entity.key]
        self.exclusions = [(Expression(one.when, ("row",)), one.because) for one in entity.exclude]
        self.owner_place = stream.header.index(OWNER) if self.late and OWNER in stream.header else None
        for chunk in _chunks(stream.rows if self.owner_place is None else _as_written(stream.rows)):
            self._work(chunk)
            yield
        if self.tally.read > self.mapping.limits.max_rows:
            raise self._too_many()
        self._finish()

    def _same_file(self) -> bool:
        return self.entity.watermark.kind == "file_digest"

    def _untouched(self) -> None:
        """The very file that was read last: every row went where it went, and what was set aside stays so."""
        rows = dict(
            self.store.db.execute(
                "select state, count(*) from ledger where entity = ? group by state", (self.entity.name,)
            ).fetchall()
        )
        self.tally = Tally(
            unchanged=rows.get(LOADED, 0),
            staged=rows.get(STAGED, 0),
            rejected=rows.get(REJECTED, 0),
            excluded=rows.get(EXCLUDED, 0),
        )
        self.tally.read = sum(
            (self.tally.unchanged, self.tally.staged, self.tally.rejected, self.tally.excluded)
        )

    def _too_many(self) -> GoliveError:
        return GoliveError(
            f"{self.entity.origin} has more than {self.mapping.limits.max_rows} rows.",
            remedy="If that is right, raise limits.max_rows in the mapping.",
        )

    # --- one chunk ------------------------------------------------------------------------------------------

    def _work(self, chunk: list[tuple[int, Row, Problem | None]]) -> None:
        self.tally.read += len(chunk)
        if self.tally.read > self.mapping.limits.max_rows:
            raise self._too_many()
        candidates = [self._identify(*one) for one in chunk]
        known = self.store.look_up(
            self.entity.name, [c.ident for c in candidates if c.ident], "id, digest, state, key"
        )
        fresh: dict[str, _Candidate] = {}
        changed = []
        for candidate in candidates:
            before = known.get(candidate.ident)
            if not candidate.key and self._known_by_correction(candidate):
                continue
            other = self._seen_before(candidate, before, fresh)
            if other is not None:
                code = "duplicate_key" if other == candidate.key else "duplicate_key_folded"
                params = {"key": shown(candidate.key), "other": shown(other)}
                candidate.problems.append(Problem("key", code, params))
                candidate.ident = self._by_place(candidate)
                if self._known_by_correction(candidate):
                    continue
                before = self.store.look_up(
                    self.entity.name, [candidate.ident], "id, digest, state, key"
                ).get(candidate.ident)
            candidate.new = before is None
            candidate.id = before[0] if before else self._new_id()
            self.seen[candidate.id] = 1
            fresh[candidate.ident] = candidate
            if before and before[2] == LOADED and before[1] == candidate.digest and not candidate.problems:
                self.tally.unchanged += 1
                continue
            changed.append(candidate)
        if not changed:
            return
        for candidate in changed:
            if not candidate.problems:
                self._transform(candidate)
        self._resolve(changed)
        with self.store.transaction():
            self._check_once(changed)
            self._write(changed)

    def _identify(self, position: int, row: Row, problem: Problem | None) -> _Candidate:
        candidate = _Candidate(position, row, [problem] if problem else [])
        if problem is None:
            parts = []
            for column, place in self.key_places:
                text = as_text(row[place]).strip()
                if not text:
                    candidate.problems.append(Problem("key", "key_missing", {"column": column}))
                elif not text.isprintable() or "\ufffd" in text:
                    candidate.problems.append(
                        Problem(
                            "key",
                            "control_character",
                            {"column": column},
                            "".join(filter(str.isprintable, text)),
                        )
                    )
                parts.append(text)
            if len(parts) > 1:
                parts = [part.replace("\\", "\\\\").replace("|", "\\|") for part in parts]
            candidate.key = "" if candidate.problems else "|".join(parts)
        candidate.ident = ident_of(candidate.key) if candidate.key else self._by_place(candidate)
        candidate.digest = hashlib.blake2b(ascii(row).encode(), digest_size=16, key=self.salt).hexdigest()
        if self.owner_place is not None and isinstance(row[self.owner_place], int):
            self._correct(candidate, row[self.owner_place])
        return candidate

    def _correct(self, candidate: _Candidate, owner: int) -> None:
        """A correction counts as the row it corrects: while the source's own row stays as it is, it is unchanged."""
        corrects = self.store.correct(owner, self.entity.name, candidate.key)
        if corrects is None:
            return
        candidate.digest, ident = corrects
        if ident[0] == PLACE:
            if candidate.key:
                params = {"key": shown(candidate.key), "other": shown(candidate.key)}
                candidate.problems.append(Problem("key", "duplicate_key", params))
            candidate.ident = ident

    def _known_by_correction(self, candidate: _Candidate) -> bool:
        """Whether this row without a usable key was given one by people, and waits or is loaded under it."""
        found = None if self.late else self.store.corrected(self.entity.name, candidate.digest)
        if found is None or self.seen[found[0]] or found[1] not in (STAGED, LOADED):
            return False
        self.seen[found[0]] = 1
        if found[1] == LOADED:
            self.tally.unchanged += 1
        else:
            self.tally.staged += 1
        return True

    def _by_place(self, candidate: _Candidate) -> str:
        return f"{PLACE}{self.run_id if self.late else ''}{candidate.position}"

    def _seen_before(
        self, candidate: _Candidate, before: tuple[Any, ...] | None, fresh: dict[str, _Candidate]
    ) -> str | None:
        """The key of the row that had this key already in this reading."""
        if candidate.ident in fresh:
            return fresh[candidate.ident].key
        if before and self.seen[before[0]] and candidate.key:
            return str(before[3])
        return None

    def _new_id(self) -> int:
        new = self.next_id
        self.next_id += 1
        self.seen.append(0)
        return new

    def _transform(self, candidate: _Candidate) -> None:
        try:
            named = (
                {"row": dict(zip(self.stream.header, candidate.row, strict=False))} if self.exclusions else {}
            )
            for expression, because in self.exclusions:
                if expression.compute(named):
                    candidate.excluded = because
                    return
        except Invalid as found:
            candidate.problems.append(Problem("exclude", found.code, found.params))
            return
        outcome = self.transformer.run(candidate.row)
        candidate.outcome = outcome
        candidate.problems += outcome.problems
        candidate.problems += self.rules.ask(outcome)
        if not candidate.problems:
            candidate.once = self.rules.once(outcome)

    # --- references and uniqueness: asked of the store for the whole chunk -----------------------------------

    def _resolve(self, candidates: list[_Candidate]) -> None:
        wanted: dict[str, dict[str, str]] = {}
        for candidate in candidates:
            for at in candidate.outcome.references.values() if candidate.outcome else ():
                if at and isinstance(at[0], EntityTarget) and at[0].entity != self.entity.name:
                    wanted.setdefault(at[0].entity, {})[ident_of(at[1])] = at[1]
        found = {e: self.store.look_up(e, list(idents), "key, state") for e, idents in wanted.items()}
        for candidate in candidates:
            if candidate.outcome:
                self._point(candidate, candidate.outcome, found)

    def _point(
        self, candidate: _Candidate, outcome: Outcome, found: dict[str, dict[str, tuple[Any, ...]]]
    ) -> None:
        for name, at in outcome.references.items():
            if at is None or not isinstance(at[0], EntityTarget):
                continue
            entity, key = at[0].entity, at[1]
            params = {"field": name, "key": shown(key), "entity": entity}
            if entity == self.entity.name:
                candidate.parent = ident_of(key)
                if candidate.parent == candidate.ident:
                    candidate.problems.append(Problem(name, "self_parent", params))
                continue
            parent = found[entity].get(ident_of(key))
            if parent is None or parent[1] == GONE:
                candidate.problems.append(Problem(name, "missing_reference", params))
            elif parent[1] in (REJECTED, EXCLUDED):
                code = "parent_rejected" if parent[1] == REJECTED else "parent_excluded"
                candidate.problems.append(Problem(name, code, params))
            else:
                outcome.references[name] = (at[0], parent[0])

    def _check_once(self, candidates: list[_Candidate]) -> None:
        if not self.rules.unique:
            return
        db, entity = self.store.db, self.entity.name
        db.executemany("delete from once where id = ?", [(c.id,) for c in candidates if not c.new])
        keys = {candidate.id: candidate.key for candidate in candidates}
        for candidate in candidates:
            for rule, value, said in () if candidate.problems else candidate.once:
                owner = db.execute(
                    "select o.id, l.key from once o left join ledger l using (id)"
                    " where o.entity = ? and o.rule = ? and o.value = ?",
                    (entity, rule, value),
                ).fetchone()
                if owner:
                    fields = ", ".join(self.rules.unique[rule])
                    params = {"field": fields, "value": said, "key": shown(keys.get(owner[0], owner[1]))}
                    candidate.problems.append(Problem(fields, "not_unique", params))
            if not candidate.problems:
                db.executemany(
                    "insert into once values (?, ?, ?, ?)",
                    [(entity, rule, value, candidate.id) for rule, value, _said in candidate.once],
                )

    # --- writing --------------------------------------------------------------------------------------------

    def _write(self, candidates: list[_Candidate]) -> None:
        db, entity = self.store.db, self.entity.name
        db.executemany(
            "insert into ledger (id, entity, ident, key, state, run, why, digest) values (?, ?, ?, ?, ?, ?, ?, ?)"
            " on conflict (id) do update set key = excluded.key, state = excluded.state, run = excluded.run,"
            " why = excluded.why, digest = coalesce(excluded.digest, digest)",
            [
                (
                    c.id,
                    entity,
                    c.ident,
                    c.key,
                    c.state,
                    self.run_id,
                    c.excluded,
                    c.digest if c.problems else None,
                )
                for c in candidates
            ],
        )
        known = [(c.id,) for c in candidates if not c.new]
        db.executemany("delete from staged where id = ?", known)
        db.executemany("delete from reject where owner = ?", known)
        if self.entity.parent:
            db.executemany(
                "insert or replace into tree values (?, ?, ?, ?)",
                [(c.id, entity, c.ident, c.parent) for c in candidates],
            )
        staged = [c for c in candidates if c.state == STAGED]
        db.executemany(
            "insert into staged values (?, ?, 0, ?, ?, ?)",
            [(c.id, entity, c.position, c.digest, self._payload(c)) for c in staged],
        )
        rejected = [c for c in candidates if c.problems]
        for candidate in rejected:
            self.store.add_reject(self._reject(candidate), self.run_id, candidate.id)
        self.tally.staged += len(staged)
        self.tally.rejected += len(rejected)
        self.tally.excluded += len(candidates) - len(staged) - len(rejected)

    def _row(self, candidate: _Candidate) -> dict[str, Any]:
        header = self.stream.header
        row = {name: _plain(value) for name, value in zip(header, candidate.row, strict=False)}
        beyond = candidate.row[len(header) :]
        return {**row, **{f"column {len(header) + n}": _plain(v) for n, v in enumerate(beyond, start=1)}}

    def _location(self, candidate: _Candidate) -> str:
        return f"{self.stream.place} {candidate.position}"

    def _reject(self, candidate: _Candidate) -> Reject:
        return Reject(
            self.entity.name,
            candidate.key,
            candidate.position,
            self._location(candidate),
            self._row(candidate),
            tuple(candidate.problems),
        )

    def _payload(self, candidate: _Candidate) -> str:
        outcome = candidate.outcome
        if outcome is None:
            raise AssertionError("a staged row was transformed")
        references: dict[str, list[str] | None] = {}
        for name, at in outcome.references.items():
            if at is None:
                references[name] = None
            elif isinstance(at[0], EntityTarget):
                references[name] = [at[0].entity, at[1]]
            else:
                references[name] = [at[0].model, at[0].field, at[1]]
        return _COMPACT(
            [
                self.mapping.name,
                self.entity.model,
                self._location(candidate),
                outcome.values,
                references,
                [asdict(one) for one in outcome.attachments],
                self._row(candidate),
            ]
        )

    def _finish(self) -> None:
        db, entity = self.store.db, self.entity.name
        with self.store.transaction():
            if self.entity.parent:
                rejected = settle_tree(self.store, self.entity, self.run_id, self.stream.place)
                self.tally.staged -= rejected
                self.tally.rejected += rejected
            sources = self.store.noted("source") or {}
            if self.late:
                sources[entity] = sources.get(entity, 0) + self.next_id - self.first_new
            elif self.stream.full:
                self._find_gone()
                sources[entity] = self.tally.read
            else:
                counted = self.source.count(self.entity)
                sources[entity] = sources.get(entity, 0) if counted is None else counted
            self.store.note("source", sources)
        db.execute("pragma wal_checkpoint(passive)")

    def _find_gone(self) -> None:
        """Rows that were known and were not met in a full reading."""
        db, entity = self.store.db, self.entity.name
        rows = db.execute("select id, odoo_id from ledger where entity = ?", (entity,))
        lost = [(row[0], row[1]) for row in rows if not self.seen[row[0]]]
        for table in ("staged where id", "once where id", "tree where id", "reject where owner"):
            db.executemany(f"delete from {table} = ?", [(one,) for one, _odoo in lost])  # noqa: S608
        db.executemany(
            "update ledger set state = ?, digest = null where id = ?",
            [(GONE, one) for one, odoo in lost if odoo is not None],
        )
        db.executemany("delete from ledger where id = ?", [(one,) for one, odoo in lost if odoo is None])

    # --- what transformations ask for -----------------------------------------------------------------------

    def lookup(self, table: str, key: str, value: str) -> dict[str, Any]:
        """Another table of the source; late arrivals come without it and use what the last reading saw."""
        name = f"lookup {table} {key} {value}"
        if self.late and table not in self.source.tables():
            remembered: dict[str, Any] | None = self.store.noted(name)
            if remembered is not None:
                return remembered
        found = {one: _plain(said) for one, said in self.source.lookup(table, key, value).items()}
        self.store.note(name, found)
        return found

    def attach(self, name: str, content: bytes | str) -> Attachment:
        """A file of a record: its bytes are kept beside the store until they are loaded."""
        limit = self.mapping.limits.max_attachment_bytes
        if isinstance(content, bytes):
            if len(content) > limit:
                raise Invalid(
                    "cell_too_large", {"column": name, "size": str(len(content)), "limit": str(limit)}
                )
            sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
            ending = next((ending for magic, ending in MAGIC if content.startswith(magic)), "")
            path = self.store.files / sha1[:2] / sha1
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_bytes(content)
            return Attachment(name, name + ending, str(path), sha1, len(content), _mimetype(name + ending))
        return self._attach_file(name, as_text(content).strip(), limit)

    def _attach_file(self, name: str, said: str, limit: int) -> Attachment:
        media = Path(self.mapping.media or self.mapping.path).resolve()
        try:
            path = (media / said).resolve()
            if not path.is_relative_to(media):
                raise Invalid("unsafe_path", {"value": shown(said)})
            size = path.stat().st_size
            if not path.is_file():
                raise Invalid("missing_file", {"value": shown(said)})
            if size > limit:
                raise Invalid("cell_too_large", {"column": name, "size": str(size), "limit": str(limit)})
            with path.open("rb") as file:
                sha1 = hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()
        except (OSError, ValueError) as exc:
            raise Invalid("missing_file", {"value": shown(said)}) from exc
        return Attachment(name, path.name, str(path), sha1, size, _mimetype(path.name))


def _mimetype(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _plain(value: Any) -> Any:
    """A cell as JSON can hold it and people would see it."""
    if value is None or isinstance(value, str | int | float):
        return value
    return f"({len(value)} bytes)" if isinstance(value, bytes | bytearray | memoryview) else as_text(value)


def _as_written(rows: Iterable[tuple[int, Row, Problem | None]]) -> Iterator[tuple[int, Row, Problem | None]]:
    """A workbook of rejects made texts neutral; here they become what they were."""
    for position, row, problem in rows:
        yield position, tuple(as_written(cell) if isinstance(cell, str) else cell for cell in row), problem


def _chunks(
    rows: Iterable[tuple[int, Row, Problem | None]],
) -> Iterator[list[tuple[int, Row, Problem | None]]]:
    running = iter(rows)
    while chunk := list(islice(running, CHUNK)):
        yield chunk
