# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The timer beside a fenced source: cron starts it every minute, and it lifts a fence whose lease has run out.

It knows the fences of its host by the small files that raising them writes: with nothing frozen there is none, and it
leaves at once. It runs without Ansible, from a copy of the few files it needs; `_lease_host` puts them there.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.dfr.golive.plugins.module_utils import (
    _fence_mariadb,
    _fence_postgres,
    _kept,
    _lease,
    _mariadb,
    _postgres,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line

LAPSES = "lapses.log"


# --- what raising and lifting a fence leave on the host -----------------------------------------------------


def armed_path(folder: str, kind: str, database: str) -> Path:
    return Path(folder) / f"{kind}-{database}.json"


def arm(folder: str, kind: str, params: dict[str, Any], purpose: str) -> None:
    """Before a fence goes up: what lifting it needs, in a file that is root's alone."""
    login = {
        name: params[name]
        for name in (
            "login_host", "login_port", "login_user", "login_password", "database", "maintenance_database",
            "ssl_mode", "ca_cert", "connect_timeout",
        )
        if name in params
    }  # fmt: skip
    settings = {"kind": kind, "purpose": purpose, "run_id": params["run_id"], "login": login}
    _kept.replace(armed_path(folder, kind, params["database"]), settings)


def disarm(folder: str, kind: str, database: str) -> None:
    _kept.forget(armed_path(folder, kind, database))


# --- the timer ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fence:
    """A fence on this host: its lease, and how it is lifted if it is still that run's."""

    store: _lease.Store
    lift: Callable[[], dict[str, Any]]


@contextmanager
def opened(settings: dict[str, Any]) -> Iterator[Fence]:
    """The fence that a file tells of."""
    purpose, run_id, login = settings["purpose"], settings["run_id"], settings["login"]
    database = login["database"]
    if settings["kind"] == "postgresql":
        postgres = _postgres.PostgresLogin.from_params(login)
        with _postgres.connect(postgres.to(postgres.maintenance_database), autocommit=True) as conn:
            yield Fence(
                _lease.PostgresStore(conn, database, purpose),
                lambda: _fence_postgres.lift_fence(conn, database, purpose=purpose, only_run=run_id).evidence,
            )
    else:
        with _mariadb.connect(_mariadb.MariadbLogin.from_params(login)) as conn:
            yield Fence(
                _lease.MariadbStore(conn, database, purpose),
                lambda: _fence_mariadb.lift_fence(conn, database, purpose=purpose, only_run=run_id).evidence,
            )


def look(path: Path) -> str:
    """Look at one fence, and lift it if its lease has run out; what there is to say."""
    settings = _kept.recall(path)
    if settings is None:
        return ""
    run_id, database = settings["run_id"], settings["login"]["database"]
    with opened(settings) as fence:
        fence.store.lapse(run_id)
        lease = fence.store.read()
        if lease is not None and lease.run_id == run_id and lease.state == _lease.HELD:
            return ""
        if lease is None or lease.run_id != run_id or lease.state == _lease.ENDED:
            _kept.forget(path)
            return f"The fence around {database} needs no timer any more."
        lifted = fence.lift()
    _remember(
        path.parent / LAPSES,
        {"run_id": run_id, "database": database, "until": lease.until, "lapsed": lease.at, **lifted},
    )
    _kept.forget(path)
    return f"The lease of run {run_id} ran out: the fence around {database} is lifted."


def _remember(path: Path, record: dict[str, Any]) -> None:
    line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds"), **record}) + "\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(line)
        out.flush()
        os.fsync(out.fileno())


def main(arguments: Sequence[str], out: TextIO = sys.stdout) -> int:
    """``<program> <folder>``: 0 when all that is due was done; what failed is tried again a minute later."""
    folder = Path(arguments[0])
    failed = False
    if not folder.is_dir():
        return 0
    with (folder / ".timer").open("a") as alone:
        try:
            fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        for path in sorted(folder.glob("*.json")):
            try:
                said = look(path)
            except (GoliveError, OSError, KeyError, TypeError) as exc:
                failed, said = True, f"{path.name}: {one_line(exc)}"
            if said:
                out.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {said}\n")
    return 2 if failed else 0
