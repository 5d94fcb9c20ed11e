# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is brought where and how, and which state of production that finds.

Whether production has been swapped is decided in one transaction on the maintenance database (the two renames and the
kept row); everything else follows from what exists, so that the same call finishes after a crash at any instant:

    <production>                              not begun, or undone
    <production>, <production>_incoming       a copy: by dump in the making, or following staging
    <production>, <production>_before + kept  swapped; the filestore's directories follow
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _fence_postgres, _filestore, _replication
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    DriftError,
    GoliveError,
    ProbeError,
    one_line,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    connect,
    driver,
    recall,
)
from ansible_collections.dfr.golive.plugins.module_utils._replication import REPLICA_OPTIONS, Pair, Reach
from ansible_collections.dfr.golive.plugins.module_utils._side import SIDE_OPTIONS, Side

if TYPE_CHECKING:
    import psycopg

KIND = "sync"
FENCE = "sync"
MAKING = "sync.incoming"
COPY = _replication.KIND

FILESTORE_OPTIONS: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "default": 22},
    "user": {"type": "str", "default": "dfr-filestore"},
    "key": {"type": "path", "default": "/root/.ssh/dfr_golive_filestore", "no_log": False},
    "known_hosts": {"type": "path", "default": "/root/.ssh/dfr_golive_filestore.known_hosts"},
}
REPLICATION_OPTIONS: dict[str, Any] = {
    "reach": REPLICA_OPTIONS["reach"],
    "drain_seconds": {"type": "int", "default": 60},
    "lag_bytes": {"type": "int", "default": 64 << 20},
    "lag_seconds": {"type": "int", "default": 60},
    "wal_bytes": {"type": "int", "default": 10 << 30},
    "verify": {"type": "str", "default": "touched", "choices": ["touched", "full"]},
}
SYNC_OPTIONS: dict[str, Any] = {
    "run_id": {"type": "str", "required": True},
    "method": {"type": "str", "default": "replication", "choices": ["replication", "dump", "none"]},
    "source": {"type": "dict", "options": SIDE_OPTIONS},
    "target": {"type": "dict", "required": True, "options": SIDE_OPTIONS},
    "filestore": {"type": "dict", "options": FILESTORE_OPTIONS},
    "replication": {"type": "dict", "options": REPLICATION_OPTIONS},
    "identity_keys": {
        "type": "list",
        "elements": "str",
        "default": ["database.uuid", "database.secret", "database.create_date"],
        "no_log": False,
    },
    "exempt_roles": {"type": "list", "elements": "str", "default": ["postgres"]},
    "work_dir": {"type": "path", "default": "/var/lib/dfr-golive/work"},
    "jobs": {"type": "int", "default": 2},
    "limit_seconds": {"type": "int", "default": 3600},
}
SYNC_REQUIRED_IF = [
    ("method", "replication", ("source", "filestore", "replication")),
    ("method", "dump", ("source", "filestore")),
]


@dataclass(frozen=True)
class Following:
    """How a copy follows, and how far it may be behind.

    Attributes:
        reach: how production's database server reaches staging's.
        drain_seconds: limit for applying what is still under way once staging is frozen.
        lag_bytes, lag_seconds: how far behind the copy may be when the data is about to be frozen.
        wal_bytes: log that staging's server may keep for the copy.
        full: in the window every row is compared before the swap, not only those touched since the last proof.
    """

    reach: Reach
    drain_seconds: int
    lag_bytes: int
    lag_seconds: int
    wal_bytes: int
    full: bool = False

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Following:
        reach = params["reach"]
        return cls(
            Reach(reach["host"], reach["port"], reach["ssl_mode"], reach["ca_cert"] or None),
            params["drain_seconds"],
            params["lag_bytes"],
            params["lag_seconds"],
            params["wal_bytes"],
            params["verify"] == "full",
        )


@dataclass(frozen=True)
class Plan:
    """What is to be brought where, and how. ``method`` none has no source and no files."""

    run_id: str
    method: str
    target: Side
    source: Side | None
    remote: _filestore.Remote | None
    stores: _filestore.Stores | None
    identity_keys: tuple[str, ...]
    exempt_roles: tuple[str, ...]
    work_dir: Path
    jobs: int
    limit_seconds: int
    following: Following | None = None

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Plan:
        """From a module's parameters, see `SYNC_OPTIONS`.

        Raises:
            GoliveError: the names we derive from production's would not fit.
        """
        target = Side.from_params(params["target"])
        if len(f"{target.name}_incoming".encode()) > 63:
            raise GoliveError(
                f"The database name {target.name} is too long for {target.name}_incoming beside it.",
                remedy="Use a production database name of at most 54 bytes.",
            )
        source = Side.from_params(params["source"]) if params.get("source") else None
        files = params.get("filestore")
        remote = stores = None
        if files and source:
            remote = _filestore.Remote(
                host=files["host"],
                port=files["port"],
                user=files["user"],
                key=files["key"],
                known_hosts=files["known_hosts"],
                database=source.name,
            )
            stores = _filestore.Stores(Path(files["path"]), target.name, files["owner"])
        return cls(
            run_id=params["run_id"],
            method=params["method"],
            target=target,
            source=source,
            remote=remote,
            stores=stores,
            identity_keys=tuple(params["identity_keys"]),
            exempt_roles=tuple(params["exempt_roles"]),
            work_dir=Path(params["work_dir"]),
            jobs=params["jobs"],
            limit_seconds=params["limit_seconds"],
            following=Following.from_params(params["replication"]) if params.get("replication") else None,
        )

    @property
    def production(self) -> str:
        return self.target.name

    @property
    def incoming(self) -> str:
        return f"{self.target.name}_incoming"

    @property
    def before(self) -> str:
        return f"{self.target.name}_before"

    def parts(self) -> tuple[Side, _filestore.Remote, _filestore.Stores]:
        """Source, remote files and local directories; only ``method`` none lacks them."""
        if self.source is None or self.remote is None or self.stores is None:
            raise GoliveError("This method moves data, but no source or no filestore is given.")
        return self.source, self.remote, self.stores

    def pair(self, database: str = "") -> Pair:
        """Staging and its copy, under the name it has now: ``<production>_incoming`` until the swap."""
        source, _remote, _stores = self.parts()
        login = source.login
        # Without a following only the way back is asked for, and that reaches both servers from here.
        reach = self.following.reach if self.following else Reach(login.host, login.port, login.ssl_mode)
        return Pair(
            name=self.production,
            source=login,
            target=self.target.login.to(database or self.incoming),
            owner=self.target.app_role,
            reach=reach,
            work_dir=self.work_dir,
            jobs=self.jobs,
            limit_seconds=self.limit_seconds,
        )

    def follow(self) -> Following:
        if self.following is None:
            raise GoliveError("The method replication needs to know how the copy follows.")
        return self.following


@dataclass(frozen=True)
class World:
    """What exists in production's cluster.

    Attributes:
        databases: which of production, incoming and before exist.
        making: whether an incoming database is a dump's of ours; said before it is made.
        copy: how far a copy that follows staging came, as `_replication` calls its stages; empty when there is none.
        kept: what the swap kept, if production is swapped.
        kept_run: the run that swapped.
    """

    databases: frozenset[str]
    making: bool
    kept: Any | None
    kept_run: str
    copy: str = ""

    @property
    def swapped(self) -> bool:
        return self.kept is not None


def look(admin: psycopg.Connection[Any], plan: Plan) -> World:
    """Recognise the state of production.

    Raises:
        DriftError: a state that none of our steps leaves; somebody else's hand.
    """
    names = (plan.production, plan.incoming, plan.before)
    rows = admin.execute(
        "select datname from pg_catalog.pg_database where datname = any(%s)", (list(names),)
    ).fetchall()
    databases = frozenset(str(row[0]) for row in rows)
    kept = recall(admin, KIND, plan.production)
    kept_run = str(kept.get("run_id", "")) if kept is not None else ""
    if plan.production not in databases:
        raise DriftError(
            f"The production database {plan.production} doesn't exist on {plan.target.login.host}.",
            remedy="Check golive_databases.production, or find out who renamed it.",
        )
    if kept is None and plan.before in databases:
        raise DriftError(
            f"A database {plan.before} exists on {plan.target.login.host}, but no run of ours swapped it there.",
            remedy="Find out whose it is; rename or drop it.",
        )
    if kept is not None and plan.before not in databases:
        raise DriftError(
            f"Run {kept_run} swapped {plan.production}, but {plan.before} is no longer there to go back to.",
            remedy="If that go-live is over, delete the row sync of dfr_golive.kept in the maintenance database.",
        )
    making = recall(admin, MAKING, plan.production) is not None
    following = recall(admin, COPY, plan.production)
    copy = "" if following is None else str(following["stage"])
    if plan.incoming in databases and not making and not copy:
        raise DriftError(
            f"A database {plan.incoming} exists on {plan.target.login.host} that no run of ours made.",
            remedy="Find out whose it is; rename or drop it.",
        )
    return World(databases, making, kept, kept_run, copy)


def refuse_other_run(plan: Plan, world: World) -> None:
    if world.swapped and world.kept_run != plan.run_id:
        raise GoliveError(
            f"Production was swapped by another run ({world.kept_run}).",
            remedy="Roll that run back first, or finish it.",
        )


class Watch:
    """Measured seconds, by name."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, job: Callable[[], Any]) -> Any:
        start = self._clock()
        try:
            return job()
        finally:
            self.seconds[name] = round(self._clock() - start, 3)

    def total(self) -> float:
        return round(self._clock() - self._start, 3)


@contextmanager
def speaking_of(what: str) -> Iterator[None]:
    """A refusal of the database that nobody foresaw, as a sentence."""
    errors = driver()
    try:
        yield
    except errors.OperationalError as exc:
        raise ProbeError(f"{what} stopped, the database didn't answer: {one_line(exc)}.") from exc
    except errors.Error as exc:
        raise GoliveError(f"{what} stopped, the database refused: {one_line(exc)}.") from exc


def check_source_fence(plan: Plan) -> dict[str, Any]:
    """Staging must be fenced by this run: what isn't frozen can't be proven."""
    source, _remote, _stores = plan.parts()
    with connect(source.maintenance(), autocommit=True) as admin:
        return _fence_postgres.check_fence(
            admin, source.name, run_id=plan.run_id, app_role=source.app_role, exempt_roles=plan.exempt_roles
        )
