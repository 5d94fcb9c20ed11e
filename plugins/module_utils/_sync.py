# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the frozen staging database into production: copy beside, prove, take production's identity, swap names.

Whether production has been swapped is decided in one transaction on the maintenance database (the two renames and the
kept row); everything else follows from what exists, so that the same call finishes after a crash at any instant:

    <production>                              not begun, or undone
    <production>, <production>_incoming       copying; a repeat drops the copy and begins again
    <production>, <production>_before + kept  swapped; the filestore's directories follow
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _digest, _fence_postgres, _filestore
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    DriftError,
    GoliveError,
    ProbeError,
    one_line,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import Crew, dump, restore
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    POSTGRES_OPTIONS,
    PostgresLogin,
    connect,
    driver,
    forget,
    keep,
    recall,
    scalar,
)

if TYPE_CHECKING:
    import psycopg

KIND = "sync"
FENCE = "sync"
MAKING = "sync.incoming"
SETTINGS_TABLE = "ir_config_parameter"
WORK_PREFIX = "dfr-golive-sync-"

SIDE_OPTIONS: dict[str, Any] = {
    **POSTGRES_OPTIONS,
    "app_role": {"type": "str", "required": True},
    "uuid": {"type": "str", "required": True},
}
FILESTORE_OPTIONS: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "default": 22},
    "user": {"type": "str", "default": "dfr-filestore"},
    "key": {"type": "path", "default": "/root/.ssh/dfr_golive_filestore", "no_log": False},
    "known_hosts": {"type": "path", "default": "/root/.ssh/dfr_golive_filestore.known_hosts"},
}
SYNC_OPTIONS: dict[str, Any] = {
    "run_id": {"type": "str", "required": True},
    "method": {"type": "str", "default": "dump", "choices": ["dump", "none"]},
    "source": {"type": "dict", "options": SIDE_OPTIONS},
    "target": {"type": "dict", "required": True, "options": SIDE_OPTIONS},
    "filestore": {"type": "dict", "options": FILESTORE_OPTIONS},
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
SYNC_REQUIRED_IF = [("method", "dump", ("source", "filestore"))]


@dataclass(frozen=True)
class Side:
    """One of the two databases, and who it must be.

    Attributes:
        login: the operator's way in.
        app_role: the application's role, which owns the data.
        uuid: ``database.uuid`` as the inventory has it.
    """

    login: PostgresLogin
    app_role: str
    uuid: str

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Side:
        return cls(PostgresLogin.from_params(params), params["app_role"], params["uuid"])

    @property
    def name(self) -> str:
        return self.login.database

    def maintenance(self) -> PostgresLogin:
        return self.login.to(self.login.maintenance_database)


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


# --- identity ----------------------------------------------------------------------------------------------------


def read_identity(login: PostgresLogin, keys: tuple[str, ...]) -> dict[str, str]:
    """An Odoo database's own parameters.

    Raises:
        ProbeError: it can't be read, or isn't an Odoo database.
    """
    try:
        with connect(login) as conn:
            rows = conn.execute(
                "select key, value from public.ir_config_parameter where key = any(%s)", (list(keys),)
            ).fetchall()
    except driver().Error as exc:
        raise ProbeError(f"The identity of {login.where} can't be read: {one_line(exc)}.") from exc
    return {str(key): str(value) for key, value in rows}


def check_identity(side: Side, variable: str, login: PostgresLogin | None = None) -> None:
    """Make sure that a database is the one the inventory names.

    Raises:
        GoliveError: it is another one.
    """
    where = login or side.login
    found = read_identity(where, ("database.uuid",)).get("database.uuid")
    if found is None:
        raise ProbeError(f"The database {where.database} on {where.host} has no database.uuid.")
    if found != side.uuid:
        raise GoliveError(
            f"The database {where.database} on {where.host} is {found}, but the inventory's"
            f" golive_databases.{variable}.uuid is {side.uuid}.",
            remedy="This is another database: correct the inventory, or find out who replaced the database.",
        )


# --- the world ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """What exists in production's cluster.

    Attributes:
        databases: which of production, incoming and before exist.
        making: whether an incoming database is ours; said before it is made.
        kept: what the swap kept, if production is swapped.
        kept_run: the run that swapped.
    """

    databases: frozenset[str]
    making: bool
    kept: Any | None
    kept_run: str

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
    if plan.incoming in databases and not making:
        raise DriftError(
            f"A database {plan.incoming} exists on {plan.target.login.host} that no run of ours made.",
            remedy="Find out whose it is; rename or drop it.",
        )
    return World(databases, making, kept, kept_run)


def refuse_other_run(plan: Plan, world: World) -> None:
    if world.swapped and world.kept_run != plan.run_id:
        raise GoliveError(
            f"Production was swapped by another run ({world.kept_run}).",
            remedy="Roll that run back first, or finish it.",
        )


# --- apply -------------------------------------------------------------------------------------------------------


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


def synchronise(plan: Plan) -> dict[str, Any]:
    """Bring staging's data into production. Finishes what an earlier call began; nothing to do when it is swapped.

    Raises:
        GoliveError: a step failed or a table differs; production still has its own data, fenced for its application.
    """
    if plan.method == "none":
        check_identity(plan.target, "production")
        return {"changed": False, "seconds": {}, "state": "nothing to bring"}
    source, _remote, stores = plan.parts()
    watch = Watch()
    with speaking_of("The sync"), connect(plan.target.maintenance(), autocommit=True) as admin:
        world = look(admin, plan)
        refuse_other_run(plan, world)
        if world.swapped:
            return {
                "changed": _filestore.align(stores, swapped=True),
                "seconds": {"total": watch.total()},
                "state": "swapped earlier in this run",
            }
        check_identity(source, "staging")
        check_identity(plan.target, "production")
        _filestore.align(stores, swapped=False)
        _make_incoming(admin, plan, world)
        made = _fill(plan, watch)
        identity = _take_identity(plan)
        summary = {
            "run_id": plan.run_id,
            "uuid": plan.target.uuid,
            "rows": made["rows"],
            "tables": made["tables"],
            "raised": made["raised"],
            "files_brought": made["files"],
        }
        watch.timed("swap", lambda: _swap(admin, plan, {**summary, "seconds": watch.total()}))
        _filestore.align(stores, swapped=True)
    watch.seconds["total"] = watch.total()
    return {
        "changed": True,
        "seconds": watch.seconds,
        "state": "swapped",
        "identity": identity,
        "warnings_of_tools": made["warnings"],
        "diff": difference(plan, forward=True),
        **summary,
    }


def difference(plan: Plan, *, forward: bool) -> dict[str, str]:
    """The names before and after, for ``--diff``."""
    own = f"{plan.production}: production's own data\n"
    swapped = f"{plan.production}: staging's data\n{plan.before}: production's own data\n"
    return {"before": own if forward else swapped, "after": swapped if forward else own}


def rehearse(plan: Plan) -> dict[str, Any]:
    """What `synchronise` would do; changes nothing."""
    if plan.method == "none":
        return synchronise(plan)
    with connect(plan.target.maintenance(), autocommit=True) as admin:
        world = look(admin, plan)
        refuse_other_run(plan, world)
    if world.swapped:
        return {"changed": False, "seconds": {}, "state": "swapped earlier in this run"}
    return {
        "changed": True,
        "seconds": {},
        "state": "would be swapped",
        "diff": difference(plan, forward=True),
    }


def seed(plan: Plan, *, check: bool = False) -> dict[str, Any]:
    """Bring the files ahead of the freeze and prove them. Nothing to do once production is swapped.

    Raises:
        GoliveError: a file of an attachment is missing in staging, or can't be proven.
    """
    if plan.method == "none":
        return {"changed": False, "brought": 0, "filestore": {}}
    source, _remote, stores = plan.parts()
    with connect(plan.target.maintenance(), autocommit=True) as admin:
        if look(admin, plan).swapped:
            return {"changed": False, "brought": 0, "filestore": {}}
    check_identity(source, "staging")
    check_identity(plan.target, "production")
    if check:
        with _digest.reading(source.login) as conn:
            todo = _filestore.absent(stores.incoming, _filestore.wanted(conn))
        return {"changed": bool(todo), "brought": 0, "filestore": {"to_come": len(todo)}}
    found = _copy_files(plan, Crew(plan.limit_seconds))
    found["proof"].refuse(f"{plan.production}.incoming")
    return {
        "changed": found["brought"] > 0,
        "brought": found["brought"],
        "filestore": found["proof"].as_dict(),
    }


def _make_incoming(admin: psycopg.Connection[Any], plan: Plan, world: World) -> None:
    """An empty database beside production, closed to all but its owner, with production's own settings."""
    sql = require("psycopg.sql", "python3-psycopg")
    _drop_incoming(admin, plan, world)
    source, _remote, _stores = plan.parts()
    with connect(source.login) as conn:
        like = read_locale(conn)
    options = sql.SQL(" ").join(
        sql.SQL("{} = {}").format(sql.SQL(word), sql.Literal(value)) for word, value in like.create_options()
    )
    keep(admin, MAKING, plan.production, plan.run_id, {"database": plan.incoming})
    try:
        admin.execute(
            sql.SQL("create database {} owner = {} template = template0 {}").format(
                sql.Identifier(plan.incoming), sql.Identifier(plan.target.app_role), options
            )
        )
        admin.execute(
            sql.SQL("revoke connect, temporary on database {} from public").format(
                sql.Identifier(plan.incoming)
            )
        )
        _carry_settings(admin, plan)
    except driver().Error as exc:
        raise GoliveError(
            f"The database {plan.incoming} can't be made: {one_line(exc)}.",
            remedy="The operator needs CREATEDB and must be a member of the application's role.",
        ) from exc


def _drop_incoming(admin: psycopg.Connection[Any], plan: Plan, world: World) -> bool:
    if plan.incoming not in world.databases:
        return False
    sql = require("psycopg.sql", "python3-psycopg")
    admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(plan.incoming)))
    return True


def _carry_settings(admin: psycopg.Connection[Any], plan: Plan) -> None:
    """Production's ``alter database ... set`` belong to production, whichever data it holds."""
    sql = require("psycopg.sql", "python3-psycopg")
    rows = admin.execute(
        "select unnest(s.setconfig), r.rolname from pg_catalog.pg_db_role_setting s"
        " join pg_catalog.pg_database d on d.oid = s.setdatabase"
        " left join pg_catalog.pg_roles r on r.oid = s.setrole where d.datname = %s",
        (plan.production,),
    ).fetchall()
    limit = scalar(
        admin, "select datconnlimit from pg_catalog.pg_database where datname = %s", (plan.production,)
    )
    incoming = sql.Identifier(plan.incoming)
    with admin.transaction():
        for setting, role in rows:
            name, _equals, value = str(setting).partition("=")
            admin.execute("select pg_catalog.set_config(%s, %s, true)", (name, value))
            whom = sql.SQL("database {}").format(incoming)
            if role is not None:
                whom = sql.SQL("role {} in {}").format(sql.Identifier(role), whom)
            admin.execute(
                sql.SQL("alter {} set {} from current").format(
                    whom, sql.SQL(".").join(sql.Identifier(part) for part in name.split("."))
                )
            )
        admin.execute(sql.SQL("alter database {} connection limit {}").format(incoming, sql.Literal(limit)))


def _fill(plan: Plan, watch: Watch) -> dict[str, Any]:
    """Copy database and files at the same time, with production fenced meanwhile; prove both."""
    crew = Crew(plan.limit_seconds)
    found = crew.together(
        database=lambda: watch.timed("database", lambda: _copy_database(plan, crew, watch)),
        files=lambda: watch.timed("filestore", lambda: _copy_files(plan, crew)),
        fence=lambda: watch.timed("fence", lambda: _raise_fence(plan)),
    )
    proof: _filestore.Proof = found["files"]["proof"]
    proof.refuse(f"{plan.production}.incoming")
    return {**found["database"], "files": found["files"]["brought"]}


def _raise_fence(plan: Plan) -> None:
    with connect(plan.target.maintenance(), autocommit=True) as admin:
        _fence_postgres.raise_fence(
            admin,
            plan.production,
            run_id=plan.run_id,
            app_role=plan.target.app_role,
            purpose=FENCE,
            exempt_roles=plan.exempt_roles,
        )


def _copy_files(plan: Plan, crew: Crew) -> dict[str, Any]:
    source, remote, stores = plan.parts()
    with _digest.reading(source.login) as conn:
        names = _filestore.wanted(conn)
    brought = _filestore.pull(crew, remote, stores, names)
    proof = _filestore.prove(stores.incoming, names, memory=stores.memory, jobs=plan.jobs)
    if proof.corrupt:
        _filestore.heal(stores, proof)
        brought += _filestore.pull(crew, remote, stores, names)
        proof = _filestore.prove(stores.incoming, names, memory=stores.memory, jobs=plan.jobs)
    return {"brought": brought, "proof": proof}


def _copy_database(plan: Plan, crew: Crew, watch: Watch) -> dict[str, Any]:
    """Dump, restore, compare. The dump and the source's digests see the same snapshot."""
    source, _remote, _stores = plan.parts()
    incoming = plan.target.login.to(plan.incoming)
    clean_work_dir(plan.work_dir)
    directory = tempfile.mkdtemp(prefix=WORK_PREFIX, dir=plan.work_dir)
    inner = Crew(crew.remaining())
    try:
        with _digest.reading(source.login, limit_seconds=crew.remaining()) as conn:
            snapshot = _digest.export_snapshot(conn)
            algorithm = common_algorithm(source.login, plan.target.login)

            def move() -> list[str]:
                warnings: list[str] = watch.timed(
                    "dump",
                    lambda: dump(inner, source.login, f"{directory}/dump", snapshot=snapshot, jobs=plan.jobs),
                )
                warnings += watch.timed(
                    "restore",
                    lambda: restore(
                        inner, incoming, f"{directory}/dump", jobs=plan.jobs, role=plan.target.app_role
                    ),
                )
                return warnings

            found = inner.together(
                move=move,
                source=lambda: _digest.digest_tables(
                    source.login,
                    algorithm=algorithm,
                    jobs=1,
                    snapshot=snapshot,
                    limit_seconds=inner.remaining(),
                ),
            )
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    raised = _raise_sequences(incoming)
    after = inner.together(
        target=lambda: watch.timed(
            "digests",
            lambda: _digest.digest_tables(
                incoming, algorithm=algorithm, jobs=plan.jobs, limit_seconds=inner.remaining()
            ),
        ),
        analyze=lambda: watch.timed("analyze", lambda: _analyze(incoming)),
    )
    comparisons = _digest.compare(found["source"], after["target"])
    _digest.refuse_differences(comparisons, source.name, plan.incoming)
    return {
        "rows": sum(item.target_rows for item in comparisons),
        "tables": len(comparisons),
        "raised": raised,
        "warnings": found["move"],
    }


def clean_work_dir(work_dir: Path) -> None:
    """Remove what a killed run left; there is one run at a time (the journal is the lock).

    Raises:
        GoliveError: the directory isn't there.
    """
    if not work_dir.is_dir():
        raise GoliveError(
            f"The working directory {work_dir} doesn't exist on this host.",
            remedy="Run playbooks/prepare.yml.",
        )
    for entry in work_dir.glob(f"{WORK_PREFIX}*"):
        shutil.rmtree(entry)


def common_algorithm(*logins: PostgresLogin) -> str:
    versions = []
    for login in logins:
        with connect(login) as conn:
            versions.append(conn.info.server_version)
    return _digest.algorithm_for(*versions)


def _raise_sequences(login: PostgresLogin) -> list[str]:
    """Lift every sequence whose next value already exists as a key. Returns their names."""
    raised = []
    with connect(login) as conn:
        for state in _digest.read_sequences(conn).values():
            if not state.safe:
                conn.execute(
                    "select pg_catalog.setval(format('%%I.%%I', %s::text, %s::text)::regclass, %s, true)",
                    (state.schema, state.relation, state.greatest_key),
                )
                raised.append(state.name)
    return raised


def _analyze(login: PostgresLogin) -> None:
    """Statistics, so that the first users don't pay for missing ones."""
    with connect(login, autocommit=True) as conn:
        conn.execute("set client_min_messages = error")
        conn.execute("analyze")


def _take_identity(plan: Plan) -> list[str]:
    """Give the copy production's own identity parameters. Returns their keys, never their values."""
    own = read_identity(plan.target.login, plan.identity_keys)
    missing = [key for key in plan.identity_keys if key not in own]
    if missing:
        raise GoliveError(
            f"Production lacks the parameters {', '.join(missing)} that make its identity.",
            remedy="Start production's Odoo once, it makes them; or shorten sync_data_identity_keys.",
        )
    with connect(plan.target.login.to(plan.incoming)) as conn:
        for key in plan.identity_keys:
            done = conn.execute(
                "update public.ir_config_parameter set value = %s where key = %s", (own[key], key)
            ).rowcount
            if done != 1:
                raise GoliveError(f"Staging has {done} parameters {key} instead of one.")
    return list(plan.identity_keys)


def _end_sessions(admin: psycopg.Connection[Any], *databases: str) -> None:
    admin.execute(
        "select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity"
        " where datname = any(%s) and pid <> pg_catalog.pg_backend_pid() and backend_type = 'client backend'",
        (list(databases),),
    )


def _rename_together(
    admin: psycopg.Connection[Any],
    renames: list[tuple[str, str]],
    also: Callable[[], None],
    limit_seconds: float = 60,
) -> None:
    """Rename databases in one transaction, with ``also`` in it; sessions are ended, and again if one slipped in."""
    sql = require("psycopg.sql", "python3-psycopg")
    errors = driver().errors
    end = time.monotonic() + limit_seconds
    while True:
        _end_sessions(admin, *(old for old, _new in renames))
        try:
            with admin.transaction():
                also()
                for old, new in renames:
                    admin.execute(
                        sql.SQL("alter database {} rename to {}").format(
                            sql.Identifier(old), sql.Identifier(new)
                        )
                    )
        except errors.ObjectInUse as exc:
            if time.monotonic() >= end:
                raise GoliveError(
                    f"After {limit_seconds:g} s somebody is still connected: {one_line(exc)}.",
                    remedy="Find and end that session, then repeat.",
                ) from exc
            time.sleep(0.2)
        except errors.Error as exc:
            raise GoliveError(f"Renaming the databases failed, nothing changed: {one_line(exc)}.") from exc
        else:
            return


def _swap(admin: psycopg.Connection[Any], plan: Plan, state: dict[str, Any]) -> None:
    """Incoming takes production's name, and the kept row says so, in one transaction."""

    def also() -> None:
        kept = keep(admin, KIND, plan.production, plan.run_id, state)
        if kept.get("run_id") != plan.run_id:
            raise GoliveError(f"Production was swapped by another run ({kept.get('run_id')}) meanwhile.")
        _open_like_production(admin, plan)
        forget(admin, MAKING, plan.production)

    _rename_together(admin, [(plan.production, plan.before), (plan.incoming, plan.production)], also)


def _open_like_production(admin: psycopg.Connection[Any], plan: Plan) -> None:
    """Who may connect to production may connect to what takes its name (the application's role stays barred)."""
    sql = require("psycopg.sql", "python3-psycopg")
    fence, _run = _fence_postgres.read_fence(admin, plan.production, purpose=FENCE)
    if fence is None:
        raise DriftError(
            "The fence around production is gone in the middle of the sync.", remedy="Roll back."
        )
    rows = admin.execute(
        "select case when a.grantee <> 0 then pg_catalog.pg_get_userbyid(a.grantee) end, a.privilege_type,"
        " a.is_grantable from pg_catalog.pg_database d,"
        " aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a"
        " where d.datname = %s and a.privilege_type <> 'CONNECT' and a.grantee <> d.datdba",
        (plan.production,),
    ).fetchall()
    grants = [(grantee, str(privilege), bool(grantable)) for grantee, privilege, grantable in rows]
    grants += [(c.grantee, "CONNECT", c.grantable) for c in fence.connects if c.grantee != fence.owner]
    incoming = sql.Identifier(plan.incoming)
    for grantee, privilege, grantable in grants:
        admin.execute(
            sql.SQL("grant {} on database {} to {}{}").format(
                sql.SQL(privilege),
                incoming,
                sql.SQL("public") if grantee is None else sql.Identifier(grantee),
                sql.SQL(" with grant option" if grantable and grantee is not None else ""),
            )
        )
    comment = scalar(
        admin,
        "select pg_catalog.shobj_description(oid, 'pg_database') from pg_catalog.pg_database where datname = %s",
        (plan.production,),
    )
    admin.execute(sql.SQL("comment on database {} is {}").format(incoming, sql.Literal(comment)))


# --- verify ------------------------------------------------------------------------------------------------------


def verify(plan: Plan, *, recheck: bool) -> dict[str, Any]:
    """The second, independent comparison: frozen staging against production as it is now.

    Args:
        plan: what was brought where.
        recheck: only what stays true after users have written.

    Returns:
        The evidence: counts and names, and under ``files`` the list of tables.

    Raises:
        DriftError: production isn't what the swap made of it.
        GoliveError: a table, sequence, definition or file differs.
    """
    if plan.method == "none":
        check_identity(plan.target, "production")
        return {
            "method": "none",
            "sources": [],
            "filestore": {"files": 0, "bytes": 0, "missing": 0, "verdict": "equal"},
        }
    _source, _remote, stores = plan.parts()
    with connect(plan.target.maintenance(), autocommit=True) as admin:
        world = look(admin, plan)
        if not world.swapped:
            raise DriftError(
                f"{plan.production} isn't swapped: it still holds what it held before the sync.",
                remedy="Somebody went back by hand; roll back, then begin a new run.",
            )
        refuse_other_run(plan, world)
    check_identity(plan.target, "production")
    if not (stores.before.is_dir() and stores.current.is_dir()):
        raise DriftError(
            f"The filestore of {plan.production} isn't swapped as its database is.", remedy="Roll back."
        )
    if recheck:
        return {"method": plan.method, "uuid": plan.target.uuid, "before": plan.before}
    check_identity(plan.target, "production", plan.target.login.to(plan.before))
    check_source_fence(plan)
    return _compare_all(plan, world)


def check_source_fence(plan: Plan) -> dict[str, Any]:
    """Staging must be fenced by this run: what isn't frozen can't be proven."""
    source, _remote, _stores = plan.parts()
    with connect(source.maintenance(), autocommit=True) as admin:
        return _fence_postgres.check_fence(
            admin, source.name, run_id=plan.run_id, app_role=source.app_role, exempt_roles=plan.exempt_roles
        )


def _compare_all(plan: Plan, world: World) -> dict[str, Any]:
    source, _remote, stores = plan.parts()
    watch = Watch()
    crew = Crew(plan.limit_seconds)
    algorithm = common_algorithm(source.login, plan.target.login)

    def side(login: PostgresLogin) -> Callable[[], dict[str, Any]]:
        return lambda: _read_side(login, algorithm, max(1, plan.jobs // 2), plan.limit_seconds)

    def files() -> _filestore.Proof:
        with _digest.reading(plan.target.login) as conn:
            names = _filestore.wanted(conn)
        return _filestore.prove(stores.current, names, memory=stores.memory, jobs=plan.jobs)

    found = crew.together(source=side(source.login), target=side(plan.target.login), files=files)
    left, right, proof = found["source"], found["target"], found["files"]
    declared = declared_keys(left["parameters"], right["parameters"], plan.identity_keys)
    comparisons = [
        _digest.Comparison(**{**item.as_dict(), "verdict": "declared"})
        if item.name == SETTINGS_TABLE
        and item.verdict == "different"
        and item.source_rows == item.target_rows
        else item
        for item in _digest.compare(left["digests"], right["digests"])
    ]
    _digest.refuse_differences(comparisons, source.name, plan.production)
    wrong = _digest.compare_sequences(left["sequences"], right["sequences"])
    wrong += _digest.compare_structure(
        left["structure"], right["structure"], same_major=left["major"] == right["major"]
    )
    if wrong:
        raise GoliveError(
            f"{len(wrong)} sequences or definitions of {plan.production} aren't staging's: {'; '.join(wrong[:10])}.",
            remedy="Roll back, then begin a new run.",
        )
    proof.refuse(str(stores.current))
    rows = sum(item.target_rows for item in comparisons)
    return {
        "method": plan.method,
        "sources": [
            {
                "name": source.name,
                "kind": "postgresql",
                "rows": rows,
                "rejected": 0,
                "seconds": (world.kept or {}).get("seconds", 0),
            }
        ],
        "compared": {"tables": len(comparisons), "rows": rows, "seconds": watch.total()},
        "declared": {SETTINGS_TABLE: declared},
        "sequences": {"compared": len(right["sequences"]), "raised": (world.kept or {}).get("raised", [])},
        "definitions": len(right["structure"]),
        "left_out": left["left_out"],
        "filestore": proof.as_dict(),
        "files": {"tables": [item.as_dict() for item in comparisons]},
    }


def _read_side(login: PostgresLogin, algorithm: str, jobs: int, limit_seconds: int) -> dict[str, Any]:
    """Everything about one database that is compared, through one snapshot."""
    with _digest.reading(login, limit_seconds=limit_seconds) as conn:
        snapshot = _digest.export_snapshot(conn)
        layout = _digest.read_layout(conn)
        parameters = next((t for t in layout.tables if t.label == SETTINGS_TABLE), None)
        return {
            "digests": _digest.digest_tables(
                login, algorithm=algorithm, jobs=jobs, snapshot=snapshot, limit_seconds=limit_seconds
            ),
            "sequences": _digest.read_sequences(conn),
            "structure": _digest.read_structure(conn),
            "parameters": {}
            if parameters is None
            else _digest.digest_rows(conn, parameters, "key", algorithm),
            "left_out": dict(layout.left_out),
            "major": conn.info.server_version // 10000,
        }


def declared_keys(
    source: dict[str, str], target: dict[str, str], identity_keys: tuple[str, ...]
) -> list[str]:
    """The parameters that differ; only production's identity may.

    Raises:
        GoliveError: another one does.
    """
    differing = sorted(key for key in {*source, *target} if source.get(key) != target.get(key))
    strange = [key for key in differing if key not in identity_keys]
    if strange:
        raise GoliveError(
            f"{SETTINGS_TABLE} differs in more than production's identity: {', '.join(strange[:10])}.",
            remedy="Roll back, then begin a new run.",
        )
    return differing


# --- undo --------------------------------------------------------------------------------------------------------


def undo(plan: Plan) -> dict[str, Any]:
    """Production as it was before the sync: names back, copy dropped, fence lifted. Safe wherever apply stopped.

    Raises:
        GoliveError: production was swapped by another run.
    """
    if plan.method == "none":
        return {"changed": False, "restart": False, "state": "nothing was brought"}
    _source, _remote, stores = plan.parts()
    with speaking_of("The undo"), connect(plan.target.maintenance(), autocommit=True) as admin:
        world = look(admin, plan)
        refuse_other_run(plan, world)
        changed = False
        if world.swapped:
            changed = True
            if _fence_postgres.read_fence(admin, plan.production, purpose=FENCE)[0] is None:
                _raise_fence(plan)
            _drop_incoming(admin, plan, world)
            _swap_back(admin, plan)
            world = look(admin, plan)
        changed = _filestore.align(stores, swapped=False) or changed
        changed = _drop_incoming(admin, plan, world) or changed
        forget(admin, MAKING, plan.production)
        if plan.work_dir.is_dir():
            clean_work_dir(plan.work_dir)
        changed = _fence_postgres.lift_fence(admin, plan.production, purpose=FENCE).changed or changed
    check_identity(plan.target, "production")
    return {"changed": changed, "restart": changed, "state": "as before the sync"}


def rehearse_undo(plan: Plan) -> dict[str, Any]:
    """What `undo` would do; changes nothing."""
    if plan.method == "none":
        return undo(plan)
    with connect(plan.target.maintenance(), autocommit=True) as admin:
        world = look(admin, plan)
        refuse_other_run(plan, world)
        fenced = _fence_postgres.read_fence(admin, plan.production, purpose=FENCE)[0] is not None
    return {
        "changed": world.swapped or fenced or plan.incoming in world.databases,
        "restart": False,
        "state": "would be as before the sync",
        "diff": difference(plan, forward=False),
    }


def _swap_back(admin: psycopg.Connection[Any], plan: Plan) -> None:
    def also() -> None:
        # Ours again, so that a crash right after this leaves a copy that we know we may drop.
        keep(admin, MAKING, plan.production, plan.run_id, {"database": plan.incoming})
        forget(admin, KIND, plan.production)

    _rename_together(admin, [(plan.production, plan.incoming), (plan.before, plan.production)], also)


# --- locale ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Locale:
    """What decides how a database compares text; it can't be changed afterwards."""

    encoding: str
    provider: str
    collate: str
    ctype: str
    locale: str
    rules: str

    def create_options(self) -> list[tuple[str, str]]:
        """For ``create database``: the copy must sort as the source does."""
        provider = {"c": "libc", "i": "icu", "b": "builtin"}[self.provider]
        options = [("encoding", self.encoding), ("lc_collate", self.collate), ("lc_ctype", self.ctype)]
        if provider != "libc":
            options += [("locale_provider", provider), (f"{provider}_locale", self.locale)]
        if self.rules:
            options += [("icu_rules", self.rules)]
        return options


def read_locale(conn: psycopg.Connection[Any]) -> Locale:
    """The current database's; columns that an older server lacks read as libc's."""
    row = conn.execute(
        "select pg_catalog.pg_encoding_to_char(encoding), to_jsonb(d) from pg_catalog.pg_database d"
        " where datname = current_database()"
    ).fetchone()
    if row is None:
        raise ProbeError(f"The database {conn.info.dbname} doesn't know its own locale.")
    facts = row[1]
    return Locale(
        encoding=str(row[0]),
        provider=str(facts.get("datlocprovider") or "c"),
        collate=str(facts["datcollate"]),
        ctype=str(facts["datctype"]),
        locale=str(facts.get("datlocale") or facts.get("daticulocale") or ""),
        rules=str(facts.get("daticurules") or ""),
    )
