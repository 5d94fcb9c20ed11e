# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a source between runs: every key it has, where its row went, and the rows set aside."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import (
    Attachment,
    Counts,
    ModelRef,
    Problem,
    Record,
    Ref,
    Reject,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.values import folded

FORMAT = 1
STAGED, LOADED, REJECTED, EXCLUDED, GONE = "staged", "loaded", "rejected", "excluded", "gone"
# A row that can't be told from others by its key is known by its place; no key starts with this character.
PLACE = "\x01"
# Column of a workbook of rejects that tells which row of the ledger a correction is for.
OWNER = "_row"
LOOKED_UP = 500

_TABLES = f"""
create table if not exists note (name text primary key, value text not null) without rowid;
create table if not exists ledger (
  id integer primary key, entity text not null, ident text not null, key text not null, digest text,
  state text not null, run text not null, odoo_id integer, stamp text, why text, unique (entity, ident));
create index if not exists ledger_open on ledger (entity, state) where state <> '{LOADED}';
create table if not exists staged (
  id integer primary key, entity text not null, depth integer not null, position integer not null,
  digest text not null, payload text not null);
create index if not exists staged_order on staged (entity, depth, position);
create table if not exists reject (
  id integer primary key, entity text not null, key text not null, position integer not null,
  location text not null, row text not null, problems text not null, run text not null, owner integer not null);
create index if not exists reject_owner on reject (owner);
create index if not exists reject_order on reject (entity, position);
create table if not exists once (
  entity text not null, rule integer not null, value text not null, id integer not null,
  primary key (entity, rule, value)) without rowid;
create index if not exists once_owner on once (id);
create table if not exists tree (
  id integer primary key, entity text not null, ident text not null, parent text not null);
create index if not exists tree_parent on tree (entity, parent);
"""

# Beside them: rows without a usable key that people gave one (their digest -> the key they go by), and what came in
# while the source was frozen.
_BESIDE = """
create table if not exists corrected (
  entity text not null, digest text not null, ident text not null, primary key (entity, digest)) without rowid;
create table if not exists kept (
  id integer primary key, entity text not null, depth integer not null, position integer not null,
  digest text not null, payload text not null);
create index if not exists kept_order on kept (entity, depth, position);
"""


def ident_of(key: str) -> str:
    """What makes a key the same as another for people."""
    return folded(key)


class Store:
    """The store of one source: an SQLite file that only root reads; several processes may use it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.db = connection
        self.path = path

    @classmethod
    def open(cls, path: str | Path) -> Store:
        """Open or make it.

        Raises:
            GoliveError: it can't be used, or a later version of this collection wrote it.
        """
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            db = sqlite3.connect(path, timeout=60, isolation_level=None)
            db.execute("pragma journal_mode = wal")
            db.execute("pragma synchronous = normal")
            version = db.execute("pragma user_version").fetchone()[0]
            if version not in (0, FORMAT):
                raise GoliveError(
                    f"{path} was written by another version of this collection (format {version}).",
                    remedy="Use that version, or move the file away to read the source anew.",
                )
            db.executescript(_BESIDE)
            if version == 0:
                db.executescript(f"begin immediate; {_TABLES} pragma user_version = {FORMAT}; commit")
        except (sqlite3.Error, OSError) as exc:
            raise GoliveError(
                f"The store {path} can't be used: {one_line(exc)}.", remedy="Check the disk and the folder."
            ) from exc
        return cls(db, path)

    def close(self) -> None:
        self.db.close()

    @property
    def files(self) -> Path:
        """Where the bytes of attachments wait."""
        return self.path.with_suffix(".files")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self.db.execute("rollback")
            raise
        self.db.execute("commit")

    # --- notes ----------------------------------------------------------------------------------------------

    def note(self, name: str, value: Any) -> None:
        """Remember something small."""
        self.db.execute("insert or replace into note values (?, ?)", (name, json.dumps(value)))

    def noted(self, name: str) -> Any:
        """What was remembered; None when nothing was."""
        found = self.db.execute("select value from note where name = ?", (name,)).fetchone()
        return json.loads(found[0]) if found else None

    # --- what waits to be loaded ----------------------------------------------------------------------------

    def staged(self, entity: str, *, after: tuple[int, int] = (-1, -1), limit: int = 1000) -> list[Record]:
        """Records that wait, parents first; page by the last one's depth and position."""
        return self._page("staged", entity, after, limit)

    def kept(self, entity: str, *, after: tuple[int, int] = (-1, -1), limit: int = 1000) -> list[Record]:
        """Records that waited when `keep` was called, in the same order."""
        return self._page("kept", entity, after, limit)

    def _page(self, table: str, entity: str, after: tuple[int, int], limit: int) -> list[Record]:
        found = self.db.execute(
            "select s.depth, s.position, s.digest, s.payload, l.key, l.id, l.odoo_id, l.stamp"  # noqa: S608
            f" from {table} s join ledger l using (id)"
            " where s.entity = ? and (s.depth, s.position) > (?, ?) order by s.depth, s.position limit ?",
            (entity, *after, limit),
        )
        return [_record(entity, *row) for row in found]

    def keep(self) -> None:
        """Keep what waits until the marks are committed, so that it can be compared once it is loaded."""
        self.db.execute("insert or replace into kept select * from staged")

    def loaded(self, done: Sequence[tuple[Record, int, str]]) -> None:
        """Records that Odoo has, their ids there and their stamps. Repeatable."""
        with self.transaction():
            run = self.noted("run") or ""
            self.db.executemany(
                "update ledger set state = ?, run = ?, odoo_id = ?, stamp = ?, digest = ? where id = ?",
                ((LOADED, run, odoo_id, stamp, one.digest, one.number) for one, odoo_id, stamp in done),
            )
            self.db.executemany("delete from staged where id = ?", ((one.number,) for one, *_of in done))

    def rejected(self, rejects: Iterable[Reject]) -> None:
        """Records that Odoo or the loading refused."""
        with self.transaction():
            run = self.noted("run") or ""
            for reject in rejects:
                self._settle(reject.entity, reject.key, REJECTED, run)
                owner = self.look_up(reject.entity, [ident_of(reject.key)], "id")[ident_of(reject.key)][0]
                self.add_reject(reject, run, owner)

    def excluded(self, entity: str, left_out: Iterable[tuple[str, str]]) -> None:
        """Records that stay as they are, and the code of why."""
        with self.transaction():
            run = self.noted("run") or ""
            for key, code in left_out:
                self._settle(entity, key, EXCLUDED, run, code)

    def _settle(self, entity: str, key: str, state: str, run: str, why: str = "") -> None:
        self.db.execute(
            "update ledger set state = ?, run = ?, why = ?,"
            " digest = coalesce((select s.digest from staged s where s.id = ledger.id), digest)"
            " where entity = ? and ident = ?",
            (state, run, why, entity, ident_of(key)),
        )
        self._unstage(entity, [ident_of(key)])

    def _unstage(self, entity: str, idents: Iterable[str]) -> None:
        self.db.executemany(
            "delete from staged where id = (select id from ledger where entity = ? and ident = ?)",
            ((entity, ident) for ident in idents),
        )

    def add_reject(self, reject: Reject, run: str, owner: int) -> None:
        """Keep a row that was set aside, in the place of what was kept of it before; inside a transaction."""
        self.db.execute("delete from reject where owner = ?", (owner,))
        self.db.execute(
            "insert into reject (entity, key, position, location, row, problems, run, owner)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                reject.entity,
                reject.key,
                reject.position,
                reject.location,
                json.dumps(reject.row, ensure_ascii=True),
                json.dumps([asdict(problem) for problem in reject.problems]),
                run,
                owner,
            ),
        )

    # --- what is known --------------------------------------------------------------------------------------

    def ids(self, entity: str, keys: Iterable[str]) -> dict[str, int]:
        """Ids in Odoo of the records that have one."""
        wanted = {ident_of(key): key for key in keys}
        found = self.look_up(entity, list(wanted), "odoo_id")
        return {wanted[ident]: odoo_id for ident, (odoo_id,) in found.items() if odoo_id is not None}

    def look_up(self, entity: str, idents: Sequence[str], columns: str) -> dict[str, tuple[Any, ...]]:
        """Columns of the ledger for these idents; those it does not have are left out."""
        found: dict[str, tuple[Any, ...]] = {}
        for start in range(0, len(idents), LOOKED_UP):
            part = idents[start : start + LOOKED_UP]
            marks = ",".join("?" * len(part))
            rows = self.db.execute(
                f"select ident, {columns} from ledger where entity = ? and ident in ({marks})",  # noqa: S608
                (entity, *part),
            )
            found.update((row[0], row[1:]) for row in rows)
        return found

    def gone(self, entity: str) -> Iterator[tuple[str, int]]:
        """Key and id in Odoo of what was loaded once and is no longer in the source."""
        yield from self.db.execute(
            "select key, odoo_id from ledger where entity = ? and state = ? order by id", (entity, GONE)
        ).fetchall()

    def forget(self, entity: str, keys: Iterable[str]) -> None:
        """Deletions that were applied, or reported and accepted."""
        with self.transaction():
            self.db.executemany(
                "delete from ledger where entity = ? and ident = ? and state = ?",
                [(entity, ident_of(key), GONE) for key in keys],
            )

    def rejects(self, entity: str) -> Iterator[Reject]:
        """Rows set aside, in the source's order."""
        for _owner, reject in self.rejects_with_owner(entity):
            yield reject

    def rejects_with_owner(self, entity: str) -> Iterator[tuple[int, Reject]]:
        """The same with their numbers in the ledger; read by pages, so that it may take its time."""
        last = (-1, -1)
        while True:
            page = self.db.execute(
                "select id, owner, key, position, location, row, problems from reject where entity = ?"
                " and (position, id) > (?, ?) order by position, id limit 1000",
                (entity, *last),
            ).fetchall()
            if not page:
                return
            for _id, owner, key, position, location, row, problems in page:
                found = tuple(Problem(**one) for one in json.loads(problems))
                yield owner, Reject(entity, key, position, location, json.loads(row), found)
            last = (page[-1][3], page[-1][0])

    def correct(self, owner: int, entity: str, key: str) -> tuple[str, str] | None:
        """Digest and ident of the row a correction is for; None when there is no such row.

        A row without a usable key gets the one that was typed, unless another row has it.
        """
        found = self.db.execute(
            "select ident, digest from ledger where id = ? and entity = ? and digest is not null",
            (owner, entity),
        ).fetchone()
        if found is None:
            return None
        ident, digest = str(found[0]), str(found[1])
        typed = ident_of(key)
        taken = self.db.execute(
            "select 1 from ledger where entity = ? and ident = ?", (entity, typed)
        ).fetchone()
        if not key or not ident.startswith(PLACE) or taken:
            return digest, ident
        with self.transaction():
            self.db.execute("update ledger set ident = ?, key = ? where id = ?", (typed, key, owner))
            self.db.execute("insert or replace into corrected values (?, ?, ?)", (entity, digest, typed))
        return digest, typed

    def corrected(self, entity: str, digest: str) -> tuple[int, str] | None:
        """Number and state of the row that people gave a key, by the digest of the row that had none."""
        found = self.db.execute(
            "select l.id, l.state from corrected c join ledger l using (entity, ident)"
            " where c.entity = ? and c.digest = ?",
            (entity, digest),
        ).fetchone()
        return (found[0], found[1]) if found else None

    def counts(self, run: str) -> dict[str, Counts]:
        """Where every row of each entity went; what was loaded by an earlier run is unchanged."""
        found: dict[str, dict[str, int]] = {
            entity: {"source": source} for entity, source in (self.noted("source") or {}).items()
        }
        for entity, state, mine, number in self.db.execute(
            "select entity, state, run = ?, count(*) from ledger group by 1, 2, 3", (run,)
        ):
            name = "unchanged" if state == LOADED and not mine else state
            counted = found.setdefault(entity, {})
            counted[name] = counted.get(name, 0) + number
        return {entity: Counts(**counted) for entity, counted in found.items()}

    def commit_marks(self, run: str) -> None:
        """The watermarks of this run become the known ones; only when nothing waits any more.

        Raises:
            GoliveError: something waits, or another run read the source since.
        """
        waiting = self.db.execute("select count(*) from staged").fetchone()[0]
        if waiting or self.noted("run") != run:
            raise GoliveError(
                f"{waiting} records of run {run} still wait to be loaded, or another run came after it.",
                remedy="Run the load again.",
            )
        with self.transaction():
            self.note("marks", {**(self.noted("marks") or {}), **(self.noted("next_marks") or {})})
            self.db.execute("delete from kept")


def _record(
    entity: str,
    depth: int,
    position: int,
    digest: str,
    payload: str,
    key: str,
    number: int,
    odoo_id: int | None,
    stamp: str | None,
) -> Record:
    source, model, location, values, references, attachments, row = json.loads(payload)
    return Record(
        source=source,
        entity=entity,
        key=key,
        digest=digest,
        model=model,
        values=values,
        references={name: _reference(said) for name, said in references.items()},
        attachments=tuple(Attachment(**one) for one in attachments),
        depth=depth,
        position=position,
        location=location,
        row=row,
        number=number,
        odoo_id=odoo_id,
        stamp=stamp or "",
    )


def _reference(said: list[str] | None) -> Ref | ModelRef | None:
    if said is None:
        return None
    return Ref(*said) if len(said) == 2 else ModelRef(*said)
