# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The copy is made on any day before the freeze: everything through the slot's snapshot, then it follows.

Why not the subscription's own initial copy: it needs the indexes first (or a second pass), takes one slot per table and
took longer. It only brings the rest of a copy that was cut short (`_tablesync`). A copy through the snapshot of exactly
the slot's position is as exact, runs in parallel and builds the indexes after the rows. ``pg_dump`` and ``pg_restore``
bring the definitions and whatever is small; the rows of big tables flow from server to server through a pipe of two
``psql``, binary where that is safe, and never touch this host's disk.

The stages are remembered as they are reached, so that a repeat goes on where the last call ended: the slot keeps the
changes meanwhile. Big tables that were whole are kept; the rows of the others come again, because the snapshot they
belong to ended with the call.
"""

from __future__ import annotations

import queue
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _digest
from ansible_collections.dfr.golive.plugins.module_utils._alone import alone
from ansible_collections.dfr.golive.plugins.module_utils._catalogue import (
    Relation,
    read_fingerprint,
    read_relations,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    GoliveError,
    ProbeError,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._leftovers import drop_what_answers, forget_pair
from ansible_collections.dfr.golive.plugins.module_utils._locale import create_database, read_locale
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import (
    ENVIRONMENTS_OWN,
    Crew,
    dump,
    refuse_old_programs,
    restore,
    split_contents,
    table_of_contents,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    connect,
    scalar,
)
from ansible_collections.dfr.golive.plugins.module_utils._progress import Tell, Told, nobody, progress_file
from ansible_collections.dfr.golive.plugins.module_utils._replication import (
    STAGES,
    Memory,
    Pair,
    set_identities,
)
from ansible_collections.dfr.golive.plugins.module_utils._stream import (
    Piece,
    cut,
    forget_room,
    leave_room,
    stream_piece,
    tables_without_fillfactor,
)
from ansible_collections.dfr.golive.plugins.module_utils._subscription import (
    disable,
    introduce,
    refuse_unless_may_subscribe,
    subscribe,
    wait_applied,
)
from ansible_collections.dfr.golive.plugins.module_utils._tablesync import (
    forget_names,
    hand_over,
    wait_brought,
    worth_keeping,
)
from ansible_collections.dfr.golive.plugins.module_utils._unfollowed import refuse_unfollowed
from ansible_collections.dfr.golive.plugins.module_utils._wal import (
    current_position,
    exporting_slot,
    publish,
    read_slots,
)

if TYPE_CHECKING:
    import psycopg

# What an earlier call may have made goes first.
AGAIN = ("--clean", "--if-exists")


def seed(pair: Pair, *, tell: Tell = nobody) -> dict[str, Any]:
    """Make the copy, or go on with it, until it follows its source. Nothing to do when it does.

    Args:
        pair: source and copy.
        tell: is told the progress about once a second.

    Raises:
        GoliveError: a step failed; repeat to go on.
    """
    with alone(pair):
        return _seed(pair, tell)


def _seed(pair: Pair, tell: Tell) -> dict[str, Any]:
    watch = _Watch()
    memory = _resume(pair)
    again = memory is not None
    if memory is None:
        memory = _begin(pair)
        _copy(pair, memory, watch, tell)
    if memory.stage == "copying":
        _bring_rest(pair, memory, watch, tell)
    if memory.stage == "completing":
        _complete(pair, memory, watch, tell)
    if memory.stage == "copied":
        _finish(pair, memory, watch, tell, *(AGAIN if again else ()))
    if memory.stage == "restored":
        with Told(pair, "follow", tell):
            watch.timed("follow", lambda: _follow(pair, memory))
    elif not watch.seconds:
        subscribe(pair)
        return {"changed": False, "stage": memory.stage, "seconds": {}, "evidence": memory.evidence}
    return {
        "changed": True,
        "stage": memory.stage,
        "seconds": watch.seconds,
        "evidence": memory.evidence,
    }


class _Watch:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, job: Callable[[], Any]) -> Any:
        start = time.monotonic()
        try:
            return job()
        finally:
            self.seconds[name] = round(time.monotonic() - start, 3)


def dump_directory(pair: Pair) -> Path:
    return pair.work_dir / f"dfr-golive-seed-{pair.label}"


def _resume(pair: Pair) -> Memory | None:
    """What an earlier call reached that is still worth going on with; what isn't is cleared away."""
    with connect(pair.target_admin(), autocommit=True) as admin:
        memory = Memory.load(admin, pair)
        there = _exists(admin, pair.target.database)
    with connect(pair.source) as conn:
        slot = read_slots(conn, pair.label).get(pair.label)
    if memory is not None and there and slot is not None and not slot.lost and _useful(pair, memory):
        return memory
    if memory is None and there:
        raise GoliveError(
            f"A database {pair.target.database} exists on {pair.target.host} that no run of ours made.",
            remedy="Find out whose it is; rename or drop it.",
        )
    _discard(pair)
    return None


def _useful(pair: Pair, memory: Memory) -> bool:
    if STAGES.index(memory.stage) >= STAGES.index("restored"):
        return True
    if memory.stage == "begun" or not (dump_directory(pair) / "toc.dat").is_file():
        return False
    with _digest.reading(pair.source) as conn:
        return worth_keeping(memory, read_relations(conn), read_fingerprint(conn))


def _exists(admin: psycopg.Connection[Any], database: str) -> bool:
    return bool(scalar(admin, "select count(*) from pg_catalog.pg_database where datname = %s", (database,)))


def drop_copy(admin: psycopg.Connection[Any], pair: Pair) -> bool:
    """Drop the copy's database if one of ours is there.

    Raises:
        GoliveError: a database of that name is there that we didn't make.
    """
    sql = require("psycopg.sql", "python3-psycopg")
    if not _exists(admin, pair.target.database):
        return False
    memory = Memory.load(admin, pair)
    if memory is None or memory.copy != pair.target.database:
        raise GoliveError(
            f"A database {pair.target.database} exists on {pair.target.host} that no run of ours made.",
            remedy="Find out whose it is; rename or drop it.",
        )
    admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(pair.target.database)))
    return True


def discard(pair: Pair) -> dict[str, Any]:
    """The undo of a seed, wherever it stopped: what follows, what was kept, the dump, and the copy itself.

    Raises:
        GoliveError: a server can't be reached or refuses; repeat then.
    """
    with ExitStack() as stack:
        # Nobody can be at work on a copy whose server is gone, and the source still has slots to lose.
        with suppress(ProbeError):
            stack.enter_context(alone(pair))
        return _discard(pair)


def _discard(pair: Pair) -> dict[str, Any]:
    clearing = drop_what_answers(pair, copy_stays=False)
    shutil.rmtree(dump_directory(pair), ignore_errors=True)
    progress_file(pair).unlink(missing_ok=True)
    clearing.attempt("the copy", pair.target_admin(), lambda: _drop_copy(pair))
    clearing.refuse_pending()
    with connect(pair.target_admin(), autocommit=True) as admin:
        forget_pair(admin, pair)
    return {"changed": bool(clearing.dropped), "dropped": clearing.dropped}


def _drop_copy(pair: Pair) -> list[str]:
    with connect(pair.target_admin(), autocommit=True) as admin:
        return [f"database {pair.target.database}"] if drop_copy(admin, pair) else []


def _begin(pair: Pair) -> Memory:
    """Remembered before anything is made: whatever happens next is found again.

    Raises:
        GoliveError: the copy can't be made or can't follow; nothing has been changed then.
    """
    with connect(pair.source) as conn:
        source = conn.info.server_version // 10000
    memory = Memory("begun", pair.source.database, pair.target.database)
    with connect(pair.target_admin(), autocommit=True) as admin:
        refuse_old_programs(source, admin.info.server_version // 10000)
        refuse_unless_may_subscribe(admin)
        memory.save(admin, pair)
    return memory


def _copy(pair: Pair, memory: Memory, watch: _Watch, tell: Tell) -> None:
    """Definitions and rows, all through the snapshot of the slot's position."""
    memory.evidence["identities"] = set_identities(pair)
    with connect(pair.source) as conn:
        relations = read_relations(conn)
        refuse_unfollowed(conn, relations)
        publish(conn, pair.label, relations, keys_only=False)
        locale = read_locale(conn)
        pieces = cut(conn, relations, pair.jobs)
        memory.streamed = sorted({piece.relation.label for piece in pieces})
        memory.roomy = tables_without_fillfactor(conn, _big(memory, relations))
    memory.evidence["rows"] = sum(r.rows for r in relations)
    memory.evidence["tables"] = len(relations)
    memory.evidence["keyless"] = [r.label for r in relations if r.keyless]
    directory = str(dump_directory(pair))
    crew = Crew(pair.limit_seconds)
    with exporting_slot(pair.source, pair.label, limit_seconds=min(600, pair.limit_seconds)) as (
        lsn,
        snapshot,
    ):
        memory.position = lsn
        with _digest.reading(pair.source, snapshot=snapshot) as conn:
            memory.fingerprint = read_fingerprint(conn)
        with Told(pair, "copy", tell, relations):
            excluded = [f"--exclude-table-data={_pattern(r)}" for r in _big(memory, relations)]
            watch.timed(
                "dump",
                lambda: dump(
                    crew,
                    pair.source,
                    directory,
                    snapshot=snapshot,
                    jobs=pair.jobs,
                    more=[*ENVIRONMENTS_OWN, *excluded],
                ),
            )
            with connect(pair.target_admin(), autocommit=True) as admin:
                drop_copy(admin, pair)
                create_database(admin, pair.target.database, locale, owner=pair.owner)
            watch.timed("definitions", lambda: _section(crew, pair, "pre-data"))
            watch.timed("introduce", lambda: introduce(pair))
            leave_room(pair, memory.roomy)
            watch.timed("rows", lambda: _rows(crew, pair, memory, pieces, snapshot, locale.encoding))
    _reach(pair, memory, "copied")


def _big(memory: Memory, relations: Sequence[Relation]) -> list[Relation]:
    return [r for r in relations if r.label in set(memory.streamed)]


def _pattern(relation: Relation) -> str:
    """A table's name as pg_dump's patterns want it: quoted, so that nothing in it is a wildcard."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in (relation.schema, relation.name))


def _section(crew: Crew, pair: Pair, section: str, *more: str) -> list[str]:
    return restore(
        crew,
        pair.target,
        str(dump_directory(pair)),
        jobs=pair.jobs,
        role=pair.owner,
        sections=[section],
        more=more,
    )


def _rows(
    crew: Crew, pair: Pair, memory: Memory, pieces: Sequence[Piece], snapshot: str, encoding: str
) -> None:
    """The small tables out of the dump, the big ones from server to server, at the same time."""
    work: queue.SimpleQueue[Piece] = queue.SimpleQueue()
    for piece in pieces:
        work.put(piece)
    under_way = Counter(piece.relation.label for piece in pieces)
    remembering = threading.Lock()

    def stream() -> None:
        while not crew.stopped:
            try:
                piece = work.get_nowait()
            except queue.Empty:
                return
            stream_piece(crew, pair, piece, snapshot, encoding)
            with remembering:
                under_way[piece.relation.label] -= 1
                if not under_way[piece.relation.label]:
                    memory.there.append(piece.relation.label)
                    remember()

    def small() -> None:
        _section(crew, pair, "data")
        with remembering:
            memory.small = True
            remember()

    def remember() -> None:
        if memory.missing or not memory.small:  # else the whole copy is remembered next
            _reach(pair, memory, "copying")

    jobs: dict[str, Callable[[], Any]] = {f"stream{i}": stream for i in range(max(1, pair.jobs))}
    crew.together(small=small, **jobs)


def _reach(pair: Pair, memory: Memory, stage: str) -> None:
    """Remember how far it is. The commit waits for the log's flush, and with it for that of all rows before."""
    memory.stage = stage
    with connect(pair.target_admin(), autocommit=True) as admin:
        memory.save(admin, pair)


def _bring_rest(pair: Pair, memory: Memory, watch: _Watch, tell: Tell) -> None:
    """After a call that was cut short: indexes on what is there, and the target's server brings the rest itself."""
    crew = Crew(pair.limit_seconds)
    with connect(pair.source) as conn:
        relations = read_relations(conn)
    if not memory.missing:
        _reach(pair, memory, "copied")
        return
    _empty(pair, [r for r in relations if r.label in memory.missing])
    keys = _contents(crew, pair, later=False)
    with Told(pair, "indexes", tell):
        watch.timed("keys", lambda: _section(crew, pair, "post-data", *AGAIN, *keys))
    hand_over(pair, [r for r in relations if r.label not in memory.missing])
    memory.evidence["brought_again"] = sorted(memory.missing)
    _reach(pair, memory, "completing")


def _complete(pair: Pair, memory: Memory, watch: _Watch, tell: Tell) -> None:
    """The server brings the rest and catches up; then what needs all rows can be made, while nothing is applied."""
    with connect(pair.source) as conn:
        missing = [r for r in read_relations(conn) if r.label in memory.missing]
    subscribe(pair)
    with Told(pair, "copy", tell, missing):
        watch.timed("rest", lambda: wait_brought(pair, pair.limit_seconds))
    disable(pair)
    forget_names(pair)
    _finish(pair, memory, watch, tell, *AGAIN, *_contents(Crew(pair.limit_seconds), pair, later=True))


def _contents(crew: Crew, pair: Pair, *, later: bool) -> list[str]:
    """pg_restore's options for a part of the dump, see `split_contents`."""
    directory = dump_directory(pair)
    at_once, waiting = split_contents(table_of_contents(crew, str(directory)))
    file = directory / "chosen.list"
    file.write_text(waiting if later else at_once, encoding="utf-8")
    return [f"--use-list={file}"]


def _empty(pair: Pair, relations: Sequence[Relation]) -> None:
    """A part of their rows may have come before the call was cut short."""
    sql = require("psycopg.sql", "python3-psycopg")
    tables = sql.SQL(", ").join(sql.SQL("only {}").format(r.identifier()) for r in relations)
    with connect(pair.target, autocommit=True) as conn:
        conn.execute(sql.SQL("truncate {}").format(tables))


def _finish(pair: Pair, memory: Memory, watch: _Watch, tell: Tell, *more: str) -> None:
    """Indexes, constraints, triggers and statistics; an earlier try may have made some.

    Args:
        more: options for pg_restore.
    """
    crew = Crew(pair.limit_seconds)
    forget_room(pair, memory.roomy)
    with Told(pair, "indexes", tell):
        watch.timed("indexes", lambda: _section(crew, pair, "post-data", *more))
    with Told(pair, "analyze", tell):
        watch.timed("analyze", lambda: _analyze(crew, pair))
    _reach(pair, memory, "restored")
    shutil.rmtree(dump_directory(pair), ignore_errors=True)


def _analyze(crew: Crew, pair: Pair) -> None:
    crew.run(
        ["vacuumdb", "--analyze-only", f"--jobs={pair.jobs}", "--no-password", "--quiet"],
        what=f"vacuumdb of {pair.target.database} on {pair.target.host}",
        env=pair.target.libpq_environment(),
    )


def _follow(pair: Pair, memory: Memory) -> None:
    subscribe(pair)
    _reach(pair, memory, "following")
    with connect(pair.source, autocommit=True) as conn:
        wanted = current_position(conn)
    memory.evidence["caught_up"] = wait_applied(pair, wanted, pair.limit_seconds)
    with connect(pair.target_admin(), autocommit=True) as admin:
        memory.save(admin, pair)
