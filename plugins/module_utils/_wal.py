# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logical replication slots, and reading from one which rows were touched.

Why this can't miss a row: every insert, update, delete and truncate of a logged table is in the write-ahead log,
whoever made it (the application, the apply worker, a session with triggers switched off) and whether or not it
changed a value; a slot keeps that log from its own position on, through crashes, and decodes every committed
transaction after it. An update of the key names both rows, a truncate the whole table. A slot that lost log says so
(``wal_status`` lost), and a publication that lost a table is found by its list; then nothing is concluded. What the
log doesn't hold or can't decode is looked at otherwise: unlogged tables and large objects are refused, definitions
have a fingerprint, a table that a definition wrote anew has another file and is compared whole, sequences are
compared one by one.

The messages are taken apart inside the database. Only distinct keys come out, some thousand lines in one value, so that
neither memory nor time here grows with the number of changes.
"""
# ruff: noqa: S608 - identifiers are composed by psycopg.sql; what f-strings put in here are our own constants and oids

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    GoliveError,
    ProbeError,
    one_line,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    PostgresLogin,
    connect,
    driver,
    recall,
    scalar,
)

if TYPE_CHECKING:
    import psycopg

PLUGIN = "pgoutput"
LINES_PER_VALUE = 2000
# Column lists of publications came with this version; before it every message carries the whole row.
COLUMN_LISTS = 150000


# --- slots -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slot:
    """A logical slot as the server describes it.

    Attributes:
        name: unique in the cluster.
        database: whose changes it decodes.
        active: somebody reads from it now.
        confirmed: everything up to here has been applied and flushed by the reader (a log position).
        retained_bytes: log that the server keeps for it.
        status: reserved, extended, unreserved or lost.
        spare_bytes: log that may still be written before it is lost; None without a limit.
    """

    name: str
    database: str
    active: bool
    confirmed: int
    retained_bytes: int
    status: str
    spare_bytes: int | None

    @property
    def lost(self) -> bool:
        return self.status == "lost"


def to_lsn(text: str) -> int:
    """``16/B374D848`` as a number of bytes."""
    high, _slash, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def lsn_text(position: int) -> str:
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def read_slots(conn: psycopg.Connection[Any], prefix: str) -> dict[str, Slot]:
    """The cluster's logical slots whose names begin so."""
    rows = conn.execute(
        "select slot_name::text, coalesce(database::text, ''), active, coalesce(confirmed_flush_lsn, '0/0')::text,"
        " coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::int8, coalesce(wal_status, 'lost'),"
        " safe_wal_size from pg_catalog.pg_replication_slots"
        " where slot_type = 'logical' and starts_with(slot_name::text, %s)",
        (prefix,),
    ).fetchall()
    return {
        str(name): Slot(
            str(name), str(database), bool(active), to_lsn(confirmed), int(kept), str(status), spare
        )
        for name, database, active, confirmed, kept, status, spare in rows
    }


TABLESYNC = "replication.tablesync"


def read_all_slots(admin: psycopg.Connection[Any], prefix: str) -> dict[str, Slot]:
    """`read_slots`, and those that the other server has made on this one to complete a copy.

    Args:
        admin: to the maintenance database, where their names are kept.
        prefix: the pair's label.
    """
    found = read_slots(admin, prefix)
    names = recall(admin, TABLESYNC, prefix)
    if names is not None:
        made = read_slots(admin, names["begin"])
        found.update({name: slot for name, slot in made.items() if name.endswith(names["end"])})
    return found


def create_slot(conn: psycopg.Connection[Any], name: str, *, limit_seconds: int = 120) -> int:
    """Make a slot in the current database; returns its position.

    Raises:
        GoliveError: it can't be made; a transaction that stays open holds it up, and is named.
    """
    errors = driver().errors
    try:
        with conn.transaction():
            conn.execute("select set_config('statement_timeout', %s, true)", (f"{limit_seconds}s",))
            # Writing and waiting for slots don't go together: the slot comes first in its transaction.
            lsn = scalar(
                conn, "select lsn::text from pg_create_logical_replication_slot(%s, %s)", (name, PLUGIN)
            )
    except errors.QueryCanceled as exc:
        raise GoliveError(
            f"The slot {name} wasn't made within {limit_seconds} s: {_oldest(conn)}.",
            remedy="End that transaction, then repeat: a slot starts between transactions.",
        ) from exc
    except errors.Error as exc:
        raise _slot_refused(name, exc) from exc
    return to_lsn(lsn)


def _slot_refused(name: str, exc: Exception) -> GoliveError:
    return GoliveError(
        f"The slot {name} can't be made: {one_line(exc)}.",
        remedy="The operator needs the REPLICATION attribute, the server wal_level = logical and a free"
        " max_replication_slots.",
    )


def _oldest(conn: psycopg.Connection[Any]) -> str:
    row = conn.execute(
        "select pid, usename, extract(epoch from now() - xact_start)::int from pg_catalog.pg_stat_activity"
        " where backend_xid is not null and pid <> pg_backend_pid() order by xact_start limit 1"
    ).fetchone()
    if row is None:
        return "no open transaction is seen"
    return f"session {row[0]} of {row[1]} is in a transaction for {row[2]} s"


def drop_slot(conn: psycopg.Connection[Any], name: str) -> bool:
    """Drop a slot, ending its reader if there is one. Returns whether there was one."""
    errors = driver().errors
    for attempt in range(50):
        row = conn.execute(
            "select active_pid from pg_catalog.pg_replication_slots where slot_name = %s", (name,)
        ).fetchone()
        if row is None:
            return attempt > 0
        if row[0] is not None:
            conn.execute("select pg_catalog.pg_terminate_backend(%s)", (row[0],))
        try:
            conn.execute("select pg_catalog.pg_drop_replication_slot(%s)", (name,))
        except errors.ObjectInUse:
            conn.execute("select pg_catalog.pg_sleep(0.1)")
            continue
        except errors.UndefinedObject:
            return True
        return True
    raise GoliveError(
        f"The slot {name} is in use and its reader doesn't go away.", remedy="End the reader on the server."
    )


def current_position(conn: psycopg.Connection[Any]) -> int:
    """Where the log stands, flushed, after everything that is committed now."""
    with conn.transaction():
        conn.execute("set local synchronous_commit = on")
        conn.execute("select pg_catalog.pg_logical_emit_message(true, 'dfr.golive', '')")
    return to_lsn(scalar(conn, "select pg_catalog.pg_current_wal_flush_lsn()::text"))


@contextmanager
def exporting_slot(login: PostgresLogin, name: str, *, limit_seconds: int = 120) -> Iterator[tuple[int, str]]:
    """Make a slot and hold open the snapshot of exactly its position; gives both.

    What commits before the position is in the snapshot, what commits after comes from the slot: nothing twice, nothing
    missing. The snapshot ends with this context; the slot stays.

    Raises:
        GoliveError: the slot can't be made.
        ProbeError: see `connect`.
    """
    psycopg = driver()
    options = f"-c statement_timeout={limit_seconds}s -c idle_in_transaction_session_timeout=0"
    with connect(login, autocommit=True, replication="database", options=options) as conn:
        result = conn.pgconn.exec_(
            f'CREATE_REPLICATION_SLOT "{name}" LOGICAL {PLUGIN} EXPORT_SNAPSHOT'.encode()
        )
        made = result.status == psycopg.pq.ExecStatus.TUPLES_OK
        lsn, snapshot = (result.get_value(0, 1), result.get_value(0, 2)) if made else (None, None)
        if lsn is None or snapshot is None:
            raise _slot_refused(name, GoliveError(one_line(result.get_error_message())))
        yield to_lsn(lsn.decode()), snapshot.decode()


# --- publications ------------------------------------------------------------------------------------------------


def publish(
    conn: psycopg.Connection[Any], name: str, relations: Sequence[Relation], *, keys_only: bool
) -> None:
    """Make a publication of exactly these tables.

    Args:
        conn: to the database that owns them; the operator has its owners' rights.
        name: the publication's.
        relations: the tables.
        keys_only: publish no more of a row than what identifies it (where the server can).
    """
    sql = require("psycopg.sql", "python3-psycopg")
    if not relations:
        raise GoliveError(f"The database {conn.info.dbname} has no table that could be published.")
    listed = keys_only and conn.info.server_version >= COLUMN_LISTS
    tables = sql.SQL(", ").join(
        sql.SQL("only {} ({})").format(r.identifier(), sql.SQL(", ").join(sql.Identifier(c) for c in r.key))
        if listed and r.key and r.identity != "f"
        else sql.SQL("only {}").format(r.identifier())
        for r in relations
    )
    conn.execute(sql.SQL("create publication {} for table {}").format(sql.Identifier(name), tables))


def check_published(conn: psycopg.Connection[Any], name: str, relations: Sequence[Relation]) -> None:
    """That a publication still has exactly these tables: one that was dropped and made anew has silently left it.

    Raises:
        GoliveError: it hasn't, or is gone.
    """
    listed = {
        int(row[0])
        for row in conn.execute(
            "select r.prrelid::int8 from pg_catalog.pg_publication_rel r"
            " join pg_catalog.pg_publication p on p.oid = r.prpubid where p.pubname = %s",
            (name,),
        ).fetchall()
    }
    missing = [r.label for r in relations if r.oid not in listed]
    if missing:
        raise GoliveError(
            f"{len(missing)} tables of {conn.info.dbname} aren't in the publication {name} (any more):"
            f" {', '.join(missing[:8])}.",
            remedy="Run playbooks/prepare.yml again, it makes a new copy; nobody may change definitions afterwards.",
        )


def drop_publication(conn: psycopg.Connection[Any], name: str) -> bool:
    sql = require("psycopg.sql", "python3-psycopg")
    there = scalar(conn, "select exists (select from pg_catalog.pg_publication where pubname = %s)", (name,))
    conn.execute(sql.SQL("drop publication if exists {}").format(sql.Identifier(name)))
    return bool(there)


# --- which rows were touched -------------------------------------------------------------------------------------


def positions(relation: Relation, *, column_lists: bool) -> tuple[int, ...]:
    """Where in a message's row the key's columns stand, counted from 1."""
    if column_lists and relation.identity != "f":
        return tuple(range(1, len(relation.key) + 1))
    order = [c.name for c in sorted(relation.columns, key=lambda c: c.position)]
    return tuple(order.index(name) + 1 for name in relation.key)


def _value_chain(last: int) -> str:
    """SQL that walks over a row ``t`` of a message: offset o<i> (from 0) and value v<i> of each column."""
    steps = ["cross join lateral (select 2 as o1) s0"]
    for i in range(1, last + 1):
        size = (
            f"(get_byte(t, o{i} + 1) << 24) + (get_byte(t, o{i} + 2) << 16) + (get_byte(t, o{i} + 3) << 8)"
            f" + get_byte(t, o{i} + 4)"
        )
        steps.append(
            f"cross join lateral (select case when get_byte(t, o{i}) = 116 then {size} end as l{i}) a{i}"
            f" cross join lateral (select case when l{i} is not null"
            f" then convert_from(substring(t from o{i} + 6 for l{i}), pg_client_encoding()) end as v{i},"
            f" o{i} + case when l{i} is null then 1 else 5 + l{i} end as o{i + 1}) b{i}"
        )
    return "\n".join(steps)


_OID = (
    "((get_byte(m, {0})::int8 << 24) + (get_byte(m, {1}) << 16) + (get_byte(m, {2}) << 8) + get_byte(m, {3}))"
)
OID_SQL = _OID.format(1, 2, 3, 4)


def escape_sql(expression: str) -> str:
    r"""A text as COPY reads it: backslash, tab, line feed and carriage return escaped."""
    return (
        f"replace(replace(replace(replace({expression}, E'\\\\', E'\\\\\\\\'), E'\\t', E'\\\\t'),"
        f" E'\\n', E'\\\\n'), E'\\r', E'\\\\r')"
    )


def touched_query(relations: Sequence[Relation], *, column_lists: bool) -> str:
    """The statement that turns a slot's messages into lines of ``oid``, tab, key; a key of ``{}`` is the whole table.

    Its parameters are the slot's name, the last position, the publication's name and what each line begins with. A
    second column has the messages it can't take apart (the key itself was updated: there are two rows in them), whole.
    """
    shapes: dict[tuple[int, ...], list[int]] = {}
    whole = []
    for relation in relations:
        if relation.keyless:
            whole.append(relation.oid)
        else:
            shapes.setdefault(positions(relation, column_lists=column_lists), []).append(relation.oid)
    parts = [
        (
            f"select {OID_SQL} as relid, '{{}}'::text[] as key from changes"
            f" where get_byte(m, 0) <> 84 and {OID_SQL} = any(array[{_numbers(whole)}]::int8[])"
        ),
        (
            f"select {_OID.format('6 + 4 * i', '7 + 4 * i', '8 + 4 * i', '9 + 4 * i')} as relid, '{{}}'::text[]"
            " from changes cross join lateral generate_series(0, get_byte(m, 4) + (get_byte(m, 3) << 8) - 1) i"
            " where get_byte(m, 0) = 84"
        ),
    ]
    for shape, oids in shapes.items():
        values = ", ".join(f"v{i}" for i in shape)
        parts.append(
            f"select relid, case when array_position(array[{values}], null) is null then array[{values}]"
            " else '{}'::text[] end"
            f" from (select {OID_SQL} as relid, substring(m from 7) as t from changes"
            " where not (get_byte(m, 0) = 85 and get_byte(m, 5) <> 78) and get_byte(m, 0) <> 84"
            f" and {OID_SQL} = any(array[{_numbers(oids)}]::int8[])) x\n{_value_chain(max(shape))}"
        )
    keyed = _numbers([oid for oids in shapes.values() for oid in oids])
    return (
        "with changes as materialized (select distinct data as m from"
        " pg_catalog.pg_logical_slot_peek_binary_changes(%s, %s::pg_lsn, null,"
        " 'proto_version', '1', 'publication_names', %s)"
        " where get_byte(data, 0) in (73, 85, 68, 84)),\nfound as ("
        + "\nunion all ".join(parts)
        + "), numbered as (select relid, key, row_number() over () as n"
        " from (select distinct relid, key from found) d)\n"
        f"select string_agg(%s || relid || E'\\t' || {escape_sql('key::text')}, E'\\n') || E'\\n', null::bytea"
        f" from numbered group by n / {LINES_PER_VALUE}\n"
        "union all select null, m from changes where get_byte(m, 0) = 85 and get_byte(m, 5) <> 78"
        f" and {OID_SQL} = any(array[{keyed}]::int8[])"
    )


def _numbers(values: Iterable[int]) -> str:
    return ", ".join(str(int(value)) for value in values)


def read_row(message: bytes, start: int) -> tuple[list[str | None], int]:
    """One row of a message: its values (None for NULL and for what wasn't sent), and where it ends.

    Raises:
        ProbeError: it isn't a row.
    """
    (count,) = struct.unpack_from(">h", message, start)
    at = start + 2
    values: list[str | None] = []
    for _column in range(count):
        kind = message[at : at + 1]
        at += 1
        if kind in (b"n", b"u"):
            values.append(None)
        elif kind == b"t":
            (size,) = struct.unpack_from(">i", message, at)
            values.append(message[at + 4 : at + 4 + size].decode())
            at += 4 + size
        else:
            raise ProbeError(f"The write-ahead log holds a value of the unknown kind {kind!r}.")
    return values, at


def both_keys(message: bytes, where: Mapping[int, Sequence[int]]) -> list[tuple[int, list[str]]]:
    """The keys before and after of an update that carries the old row too.

    Args:
        message: a whole update message.
        where: the positions of the key, by table.

    Returns:
        (table, key); an empty key is the whole table.
    """
    (oid,) = struct.unpack_from(">I", message, 1)
    old, at = read_row(message, 6)
    if message[at : at + 1] != b"N":
        raise ProbeError("The write-ahead log holds an update without a new row.")
    new, _end = read_row(message, at + 1)
    found: list[tuple[int, list[str]]] = []
    for row in (
        old,
        [after if after is not None else before for before, after in zip(old, new, strict=True)],
    ):
        key = [row[i - 1] for i in where[oid]]
        known = [value for value in key if value is not None]
        found.append((oid, known if len(known) == len(key) else []))
    return found


def array_literal(values: Sequence[str]) -> str:
    return "{" + ",".join('"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"' for v in values) + "}"


def copy_escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def touched_lines(
    conn: psycopg.Connection[Any],
    slot: str,
    publication: str,
    relations: Sequence[Relation],
    upto: int,
    prefix: str = "",
) -> Iterator[str]:
    """Lines of ``oid``, tab, key: every row that transactions committed up to a position touched. Consumes nothing.

    Args:
        conn: in the canonical session settings (keys come as text).
        slot: whose changes.
        publication: what filters them.
        relations: the published tables.
        upto: the last position.
        prefix: what each line begins with.
    """
    column_lists = conn.info.server_version >= COLUMN_LISTS
    where = {r.oid: positions(r, column_lists=column_lists) for r in relations if r.key}
    query = touched_query(relations, column_lists=column_lists)
    with conn.cursor("dfr_golive_touched") as cursor:
        cursor.itersize = 50
        cursor.execute(query.encode(), (slot, lsn_text(upto), publication, prefix))
        for lines, message in cursor:
            if lines is not None:
                yield lines
            else:
                yield "".join(
                    f"{prefix}{oid}\t{copy_escape(array_literal(key))}\n"
                    for oid, key in both_keys(message, where)
                )
