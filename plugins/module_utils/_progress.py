# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far the making of a copy is: read from the servers' own views while it goes on, and left in a file for others.

Rows and bytes are those that the target's COPY has taken; what is left follows from the rate so far, so it is a guess
and gets better. The file is replaced whole about once a second and goes away when the work ends well.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect, driver, scalar
from ansible_collections.dfr.golive.plugins.module_utils._replication import Pair

if TYPE_CHECKING:
    import psycopg

Tell = Callable[[dict[str, Any]], None]

INDEXES_SQL = """
select count(*) from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and i.indisvalid and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
"""


def nobody(_told: dict[str, Any]) -> None:
    """For whoever doesn't want to be told."""


def progress_file(pair: Pair) -> Path:
    return pair.work_dir / f"dfr-golive-seed-{pair.label}.json"


def write_progress(pair: Pair) -> Tell:
    """Progress into a file that ``replica_info`` reads."""
    path = progress_file(pair)

    def tell(told: dict[str, Any]) -> None:
        new = path.with_suffix(".new")
        new.write_text(json.dumps({**told, "at": time.time()}), encoding="utf-8")
        new.replace(path)

    return tell


def read_progress(pair: Pair) -> dict[str, Any]:
    """What was told last, with its age in seconds; empty when nobody is at work here."""
    try:
        told = json.loads(progress_file(pair).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {
        **{name: value for name, value in told.items() if name != "at"},
        "age": round(max(0.0, time.time() - told["at"]), 1),
        "sentence": sentence(told),
    }


def sentence(told: dict[str, Any]) -> str:
    """One line for people."""
    parts = [str(told["step"])]
    if told.get("rows_total"):
        share = min(100, 100 * told["rows"] // told["rows_total"])
        parts.append(f"{told['rows']:,} of about {told['rows_total']:,} rows ({share} %)")
        parts.append(f"{told['bytes'] / (1 << 20):,.0f} MiB")
    if told.get("indexes_total"):
        parts.append(f"{told['indexes']} of {told['indexes_total']} indexes")
    if told.get("behind_bytes") is not None:
        parts.append(f"{told['behind_bytes'] / (1 << 20):,.1f} MiB of log behind")
    parts.append(f"{told['seconds']:.0f} s so far")
    if told.get("seconds_left") is not None:
        parts.append(f"about {told['seconds_left']:.0f} s left")
    return ", ".join(parts)


def left(elapsed: float, share: float) -> float | None:
    """Seconds left after ``elapsed`` seconds for a share of the whole; None while nobody can say."""
    return round(elapsed * (1 - share) / share, 1) if 0.01 < share <= 1 else None


class Told:
    """Reads the servers' views once a second while a step runs, and tells it."""

    def __init__(self, pair: Pair, step: str, tell: Tell, relations: Sequence[Relation] = ()) -> None:
        self._pair, self._step, self._tell = pair, step, tell
        self._rows = sum(r.rows for r in relations)
        self._seen: dict[Any, tuple[int, int]] = {}
        self._indexes: int | None = None
        self._stop = threading.Event()
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._tell({"step": self._step, "seconds": 0.0})
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        look = {"copy": self._copy, "indexes": self._build, "follow": self._follow}.get(self._step)
        while look is not None and not self._stop.wait(0.5):
            try:
                with connect(self._pair.target_admin(), autocommit=True) as conn:
                    while not self._stop.wait(0.5):
                        elapsed = round(time.monotonic() - self._started, 1)
                        self._tell({"step": self._step, "seconds": elapsed, **look(conn, elapsed)})
            except (GoliveError, driver().Error):
                continue  # progress is for people; the step itself reports what goes wrong

    def _copy(self, conn: psycopg.Connection[Any], elapsed: float) -> dict[str, Any]:
        for pid, relid, tuples, size in conn.execute(
            "select pid, relid::int8, tuples_processed, bytes_processed from pg_catalog.pg_stat_progress_copy"
            " where datname = %s",
            (self._pair.target.database,),
        ).fetchall():
            self._seen[(pid, relid)] = (int(tuples), int(size))
        rows = sum(count for count, _size in self._seen.values())
        return {
            "rows": rows,
            "rows_total": self._rows,
            "bytes": sum(size for _count, size in self._seen.values()),
            "seconds_left": left(elapsed, rows / self._rows if self._rows else 0.0),
        }

    def _build(self, conn: psycopg.Connection[Any], elapsed: float) -> dict[str, Any]:
        if self._indexes is None:
            with connect(self._pair.source) as source:
                self._indexes = int(scalar(source, INDEXES_SQL))
        with connect(self._pair.target) as copy:
            built = int(scalar(copy, INDEXES_SQL))
        under_way = scalar(
            conn,
            "select coalesce(sum(blocks_done::float8 / nullif(blocks_total, 0)), 0)"
            " from pg_catalog.pg_stat_progress_create_index where datname = %s",
            (self._pair.target.database,),
        )
        share = (built + 0.5 * float(under_way)) / self._indexes if self._indexes else 0.0
        return {
            "indexes": built,
            "indexes_total": self._indexes,
            "seconds_left": left(elapsed, min(1.0, share)),
        }

    def _follow(self, _conn: psycopg.Connection[Any], _elapsed: float) -> dict[str, Any]:
        with connect(self._pair.source) as source:
            behind = scalar(
                source,
                "select coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)), 0)::int8"
                " from pg_catalog.pg_replication_slots where slot_name = %s",
                (self._pair.label,),
            )
        return {"behind_bytes": int(behind)}
