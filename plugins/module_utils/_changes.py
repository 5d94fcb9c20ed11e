# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every write that a slot has kept, in the order of their commits: which row, what it was, what it became, when.

Where `_wal` only asks which rows were touched, this reads the values too. It needs the replica identity FULL on the
published tables: only then does the log hold a row's whole state before an update or a delete.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._wal import lsn_text

if TYPE_CHECKING:
    import psycopg

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
OPERATIONS = {b"I": "insert", b"U": "update", b"D": "delete"}

Row = dict[str, "str | None"]


@dataclass(frozen=True)
class Change:
    """One row, written once.

    Attributes:
        position: of its transaction's commit in the log.
        xid: its transaction.
        at: when that was committed.
        op: insert, update or delete.
        schema, table: where.
        before, after: the row's values as text by column; None where there is no row.
    """

    position: int
    xid: int
    at: datetime
    op: str
    schema: str
    table: str
    before: Row | None
    after: Row | None

    @property
    def row(self) -> Row:
        return self.after or self.before or {}


@dataclass(frozen=True)
class _Relation:
    schema: str
    table: str
    full: bool
    columns: tuple[str, ...]


class Decoder:
    """Takes pgoutput's messages apart (protocol version 1, values as text), in the order the server gives them."""

    def __init__(self) -> None:
        self._relations: dict[int, _Relation] = {}
        self._commit, self._at, self._xid = 0, EPOCH, 0

    def feed(self, message: bytes) -> Iterator[Change]:
        """The change of one message; none for those that only frame others.

        Raises:
            ProbeError: a message that nobody knows.
            GoliveError: a table was truncated, or its rows before aren't in the log.
        """
        kind = message[:1]
        if kind == b"B":
            self._commit, micros, self._xid = struct.unpack_from(">QqI", message, 1)
            self._at = EPOCH + timedelta(microseconds=micros)
        elif kind == b"R":
            self._learn(message)
        elif kind in OPERATIONS:
            yield self._change(kind, message)
        elif kind == b"T":
            names = [self._named(oid) for oid in struct.unpack_from(f">{_count(message)}I", message, 6)]
            raise GoliveError(
                f"Somebody emptied {', '.join(f'{r.schema}.{r.table}' for r in names)} at {self._at:%Y-%m-%d %H:%M}"
                " (TRUNCATE): the log doesn't hold the rows that were there.",
                remedy="What was in it before is in the backup; this way back can't bring it.",
            )
        elif kind not in (b"C", b"O", b"Y", b"M"):
            raise ProbeError(f"The write-ahead log holds a message of the unknown kind {kind!r}.")

    def _learn(self, message: bytes) -> None:
        (oid,) = struct.unpack_from(">I", message, 1)
        schema, at = _text(message, 5)
        table, at = _text(message, at)
        full = message[at : at + 1] == b"f"
        (count,) = struct.unpack_from(">h", message, at + 1)
        at += 3
        columns = []
        for _column in range(count):
            name, at = _text(message, at + 1)
            columns.append(name)
            at += 8
        self._relations[oid] = _Relation(schema or "pg_catalog", table, full, tuple(columns))

    def _named(self, oid: int) -> _Relation:
        try:
            return self._relations[oid]
        except KeyError:
            raise ProbeError(f"The write-ahead log names a table {oid} that it never described.") from None

    def _change(self, kind: bytes, message: bytes) -> Change:
        (oid,) = struct.unpack_from(">I", message, 1)
        relation = self._named(oid)
        before: Row | None = None
        after: Row | None = None
        at = 5
        if message[at : at + 1] == b"O":
            before, at = _row(relation, message, at + 1, None)
        elif kind != b"I":
            raise GoliveError(
                f"The log doesn't hold what the rows of {relation.schema}.{relation.table} were before.",
                remedy="Somebody took its REPLICA IDENTITY FULL away after the door opened.",
            )
        if message[at : at + 1] == b"N":
            after, at = _row(relation, message, at + 1, before)
        return Change(
            self._commit,
            self._xid,
            self._at,
            OPERATIONS[kind],
            relation.schema,
            relation.table,
            before,
            after,
        )


def _count(message: bytes) -> int:
    (count,) = struct.unpack_from(">I", message, 1)
    return int(count)


def _text(message: bytes, start: int) -> tuple[str, int]:
    end = message.index(b"\0", start)
    return message[start:end].decode(), end + 1


def _row(relation: _Relation, message: bytes, start: int, before: Row | None) -> tuple[Row, int]:
    """A row's values; what an update left where it was (and the log doesn't repeat) comes from the row before."""
    (count,) = struct.unpack_from(">h", message, start)
    if count != len(relation.columns):
        raise ProbeError(
            f"The log holds {count} values for the {len(relation.columns)} columns of {relation.table}."
        )
    row: Row = {}
    at = start + 2
    for name in relation.columns:
        kind = message[at : at + 1]
        at += 1
        if kind == b"n":
            row[name] = None
        elif kind == b"t":
            (size,) = struct.unpack_from(">i", message, at)
            row[name] = message[at + 4 : at + 4 + size].decode()
            at += 4 + size
        elif kind == b"u" and before is not None and name in before:
            row[name] = before[name]
        else:
            raise ProbeError(
                f"The log holds a value of {relation.table}.{name} that can't be read ({kind!r})."
            )
    return row, at


def read_changes(conn: psycopg.Connection[Any], slot: str, publication: str, upto: int) -> Iterator[Change]:
    """Every change that was committed up to a position, in order. Consumes nothing: it may be read again.

    Args:
        conn: to the slot's database, in the canonical session settings (`_digest.reading`): values come as text.
        slot: whose changes.
        publication: the tables.
        upto: the last position.
    """
    with conn.cursor("dfr_golive_changes") as cursor:
        cursor.itersize = 2000
        cursor.execute(
            "select data from pg_catalog.pg_logical_slot_peek_binary_changes(%s, %s::pg_lsn, null,"
            " 'proto_version', '1', 'publication_names', %s)",
            (slot, lsn_text(upto), publication),
        )
        yield from decode(bytes(data) for (data,) in cursor)


def decode(messages: Iterable[bytes]) -> Iterator[Change]:
    decoder = Decoder()
    for message in messages:
        yield from decoder.feed(message)
