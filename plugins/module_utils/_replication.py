# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy that follows its source by logical replication: what belongs to it, how far it is, its last drain, its end.

Everything it makes carries one name (`Pair.label`), so that what a crash leaves behind is found again without any
memory of ours: on the source a publication and two slots, on the copy a subscription, a publication and a slot. What
is remembered (the stage, the fingerprint of the definitions, the replica identities before) lies in the ``kept``
tables of the maintenance databases.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._catalogue import (
    Relation,
    read_relations,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    DriftError,
    GoliveError,
    one_line,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    POSTGRES_OPTIONS,
    PostgresLogin,
    connect,
    driver,
    forget,
    keep,
    prepare_kept,
    recall,
    scalar,
)
from ansible_collections.dfr.golive.plugins.module_utils._wal import (
    Slot,
    lsn_text,
    read_slots,
)

if TYPE_CHECKING:
    import psycopg

KIND = "replication"
REPLICA_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "source": {"type": "dict", "required": True, "options": POSTGRES_OPTIONS},
    "target": {"type": "dict", "required": True, "options": POSTGRES_OPTIONS},
    "owner": {"type": "str", "required": True},
    "reach": {
        "type": "dict",
        "required": True,
        "options": {
            "host": {"type": "str", "required": True},
            "port": {"type": "int", "default": 5432},
            "ssl_mode": POSTGRES_OPTIONS["ssl_mode"],
            "ca_cert": {"type": "str"},
        },
    },
    "work_dir": {"type": "path", "default": "/var/lib/dfr-golive/work"},
    "jobs": {"type": "int", "default": 2},
    "limit_seconds": {"type": "int", "default": 3600},
}
IDENTITY_KIND = "replication.identity"
POLL_SECONDS = 0.05
# Subscriptions of roles that aren't superusers came with this version.
OWN_SUBSCRIPTIONS = 160000


@dataclass(frozen=True)
class Reach:
    """How the target's *server* reaches the source's server; may differ from how we reach it.

    Attributes:
        host, port: as the target's server sees them.
        ssl_mode: libpq's.
        ca_cert: path on the target's server; None for the system's store.
    """

    host: str
    port: int
    ssl_mode: str
    ca_cert: str | None = None


@dataclass(frozen=True)
class Pair:
    """A source and its copy.

    Attributes:
        name: what the copy is for, for example production's name; stays when databases are renamed.
        source: the operator's way into the source.
        target: the operator's way into the copy, under the name it has now.
        owner: the role that owns the copy and all in it.
        reach: how the target's server reaches the source's.
        work_dir: where a dump may lie while it is on its way.
        jobs: parallel connections for each of dump, restore and comparison.
        limit_seconds: for a whole seed, proof or drain.
    """

    name: str
    source: PostgresLogin
    target: PostgresLogin
    owner: str
    reach: Reach
    work_dir: Path
    jobs: int = 2
    limit_seconds: int = 3600

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Pair:
        """From a module's parameters, see `REPLICA_OPTIONS`."""
        reach = params["reach"]
        return cls(
            name=params["name"],
            source=PostgresLogin.from_params(params["source"]),
            target=PostgresLogin.from_params(params["target"]),
            owner=params["owner"],
            reach=Reach(reach["host"], reach["port"], reach["ssl_mode"], reach["ca_cert"] or None),
            work_dir=Path(params["work_dir"]),
            jobs=params["jobs"],
            limit_seconds=params["limit_seconds"],
        )

    @property
    def label(self) -> str:
        """The name of the publication and the subscription, and the beginning of the slots' names."""
        plain = re.sub(r"[^a-z0-9]+", "_", self.name.lower())[:24].strip("_")
        whole = f"{self.source.database}>{self.target.host}:{self.target.port}/{self.name}"
        return f"dfr_golive_{plain}_{hashlib.sha256(whole.encode()).hexdigest()[:8]}"

    @property
    def tracking(self) -> str:
        """The name of the slots and publications that say which rows were touched."""
        return f"{self.label}_touched"

    def source_admin(self) -> PostgresLogin:
        return self.source.to(self.source.maintenance_database)

    def target_admin(self) -> PostgresLogin:
        return self.target.to(self.target.maintenance_database)

    def renamed(self, database: str) -> Pair:
        """The same pair once the copy has another name."""
        return replace(self, target=self.target.to(database))


@dataclass
class Memory:
    """What is kept about a pair in the target's maintenance database.

    Attributes:
        stage: begun, copied (rows), restored (indexes), following or proven.
        source_database: whose copy it is.
        copy: the copy's name when it was made.
        position: the log position of the copy's snapshot.
        fingerprint: the source's definitions in that snapshot.
        evidence: figures of what was done, by step.
        round: number of proofs so far; rows touched since the last one carry it.
        files: by table the numbers of both sides' files at the last proof.
    """

    stage: str
    source_database: str
    copy: str
    position: int = 0
    fingerprint: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)
    round: int = 0
    files: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def load(cls, conn: psycopg.Connection[Any], pair: Pair) -> Memory | None:
        state = recall(conn, KIND, pair.name)
        if state is None:
            return None
        memory = cls(**state)
        if memory.source_database != pair.source.database:
            raise GoliveError(
                f"{pair.name} already is in the making as a copy of {memory.source_database}, not of"
                f" {pair.source.database}.",
                remedy="Undo that one first.",
            )
        return memory

    def save(self, conn: psycopg.Connection[Any], pair: Pair) -> None:
        prepare_kept(conn)
        conn.execute(
            "insert into dfr_golive.kept (kind, name, run_id, state) values (%s, %s, 'prepare', %s)"
            " on conflict (kind, name) do update set state = excluded.state",
            (KIND, pair.name, json.dumps(self.__dict__)),
        )


STAGES = ("begun", "copied", "restored", "following", "proven")


def demand(pair: Pair, stage: str) -> Memory:
    """What is remembered of a pair that must have come at least so far.

    Raises:
        GoliveError: it hasn't.
    """
    with connect(pair.target_admin()) as conn:
        memory = Memory.load(conn, pair)
    if memory is None or STAGES.index(memory.stage) < STAGES.index(stage):
        raise GoliveError(
            f"The copy of {pair.source.database} for {pair.name} is"
            f" {'not begun' if memory is None else memory.stage}, it must be {stage}.",
            remedy="Run playbooks/prepare.yml to its end.",
        )
    return memory


# --- replica identities ------------------------------------------------------------------------------------------


def choose_identities(relations: tuple[Relation, ...]) -> dict[str, tuple[Relation, str]]:
    """The tables whose updates could not be published as they are, with the clause that makes it possible."""
    chosen = {}
    for relation in relations:
        if relation.identity == "n" or (
            relation.identity == "d" and (relation.keyless or relation.index != "")
        ):
            if relation.index:
                chosen[relation.label] = (relation, f"using index {relation.index}")
            elif relation.keyless:
                chosen[relation.label] = (relation, "full")
            else:
                chosen[relation.label] = (relation, "default")
    return chosen


def set_identities(pair: Pair) -> list[str]:
    """Make every table publishable; what was true before is kept. Returns one sentence for each altered table."""
    sql = require("psycopg.sql", "python3-psycopg")
    with connect(pair.source) as conn:
        chosen = choose_identities(read_relations(conn))
        before = {
            name: [r.schema, r.name, {"d": "default", "n": "nothing"}[r.identity]]
            for name, (r, _c) in chosen.items()
        }
        if before:
            with connect(pair.source_admin()) as admin:
                keep(admin, IDENTITY_KIND, f"{pair.source.database} {pair.label}", "prepare", before)
        said = []
        for name, (relation, clause) in chosen.items():
            word, _space, index = clause.partition("using index ")
            conn.execute(
                sql.SQL("alter table only {} replica identity {}").format(
                    relation.identifier(),
                    sql.SQL("using index {}").format(sql.Identifier(index)) if index else sql.SQL(word),
                )
            )
            said.append(f"{name}: {clause}")
    return said


def restore_identities(pair: Pair) -> int:
    """Give the tables back the replica identities they had. Returns how many there were."""
    sql = require("psycopg.sql", "python3-psycopg")
    name = f"{pair.source.database} {pair.label}"
    with connect(pair.source_admin(), autocommit=True) as admin:
        before = recall(admin, IDENTITY_KIND, name)
        if before is None:
            return 0
        with connect(pair.source) as conn:
            for schema, table, clause in before.values():
                if scalar(
                    conn,
                    "select to_regclass(format('%%I.%%I', %s::text, %s::text)) is not null",
                    (schema, table),
                ):
                    conn.execute(
                        sql.SQL("alter table only {} replica identity {}").format(
                            sql.Identifier(schema, table), sql.SQL(clause)
                        )
                    )
        forget(admin, IDENTITY_KIND, name)
    return len(before)


def align_target_identities(pair: Pair) -> int:
    """What `set_identities` made came over with the definitions; the finished copy should not keep it."""
    with connect(pair.source_admin()) as admin:
        before = recall(admin, IDENTITY_KIND, f"{pair.source.database} {pair.label}")
    if not before:
        return 0
    sql = require("psycopg.sql", "python3-psycopg")
    with connect(pair.target) as conn:
        for schema, table, clause in before.values():
            conn.execute(
                sql.SQL("alter table if exists only {} replica identity {}").format(
                    sql.Identifier(schema, table), sql.SQL(clause)
                )
            )
    return len(before)


# --- subscription ------------------------------------------------------------------------------------------------


def conninfo(pair: Pair) -> str:
    """How the target's server logs in on the source. Holds the password: only ever in the subscription itself."""
    psycopg = driver()
    return str(
        psycopg.conninfo.make_conninfo(
            host=pair.reach.host,
            port=pair.reach.port,
            user=pair.source.user,
            password=pair.source.password,
            dbname=pair.source.database,
            sslmode=pair.reach.ssl_mode,
            application_name=pair.label,
            connect_timeout=pair.source.connect_timeout,
            **(
                {"sslrootcert": pair.reach.ca_cert or "system"}
                if pair.reach.ssl_mode.startswith("verify")
                else {}
            ),
        )
    )


def refuse_unless_may_subscribe(admin: psycopg.Connection[Any]) -> None:
    """
    Raises:
        GoliveError: the operator may not make a subscription on the target: better known before the rows are copied.
    """
    own = admin.info.server_version >= OWN_SUBSCRIPTIONS
    superuser = "select rolsuper from pg_catalog.pg_roles where rolname = current_user"
    may = scalar(admin, superuser) or (
        own and scalar(admin, "select pg_has_role(current_user, 'pg_create_subscription', 'usage')")
    )
    if not may:
        user, version = admin.info.user, admin.info.server_version // 10000
        raise GoliveError(
            f"The role {user} may not make a subscription on {admin.info.host} (PostgreSQL {version}).",
            remedy=f"Have a superuser grant pg_create_subscription to {user}."
            if own
            else f"Before PostgreSQL 16 only a superuser may: let one alter role {user} superuser until after the"
            " cutover, or use sync_data_method: dump.",
        )


SLOT_SQL = """
select subslotname::text from pg_catalog.pg_subscription where subname = %s
   and subdbid = (select oid from pg_catalog.pg_database where datname = current_database())
"""


def subscribe(pair: Pair) -> None:
    """Let the copy follow the source from the slot's position on; its rows are there already.

    Made unconnected first: a statement that can fail on the network would leave the password in the server's log. Its
    tables are known from the refresh on, which an enabled subscription alone may do; a worker that starts before skips
    what it reads of them, for good. So it has a slot that isn't there until then.

    Raises:
        GoliveError: the target refuses, or its server can't log in on the source.
    """
    sql = require("psycopg.sql", "python3-psycopg")
    name = sql.Identifier(pair.label)
    errors = driver().errors
    with connect(pair.target, autocommit=True) as conn:
        if subscription(conn, pair) is None:
            try:
                conn.execute("set client_min_messages = error")
                conn.execute(
                    sql.SQL(
                        "create subscription {} connection {} publication {} with (connect = false,"
                        " enabled = false, create_slot = false, copy_data = false, slot_name = {})"
                    ).format(name, sql.Literal(conninfo(pair)), name, sql.Literal(f"{pair.label}_later"))
                )
            except errors.Error as exc:
                raise GoliveError(
                    f"The subscription in {pair.target.database} can't be made: {one_line(exc.diag.message_primary)}.",
                    remedy="The operator needs pg_create_subscription on the target (before PostgreSQL 16: superuser).",
                ) from exc
        try:
            conn.execute(sql.SQL("alter subscription {} enable").format(name))
            conn.execute(
                sql.SQL("alter subscription {} refresh publication with (copy_data = false)").format(name)
            )
            if scalar(conn, SLOT_SQL, (pair.label,)) != pair.label:
                conn.execute(sql.SQL("alter subscription {} disable").format(name))
                conn.execute(
                    sql.SQL("alter subscription {} set (slot_name = {})").format(
                        name, sql.Literal(pair.label)
                    )
                )
                conn.execute(sql.SQL("alter subscription {} enable").format(name))
        except errors.Error as exc:
            raise GoliveError(
                f"The server {pair.target.host} can't follow {pair.source.database} on {pair.reach.host}:"
                f"{pair.reach.port}: {one_line(exc)}.",
                remedy="Let the target's server reach the source's (pg_hba.conf, firewall, certificate), and check"
                " the sync_data_reach_* variables.",
            ) from exc


@dataclass(frozen=True)
class Subscription:
    """A subscription as the target's server describes it."""

    oid: int
    enabled: bool
    worker: int | None
    received: int
    errors: int


def subscription(conn: psycopg.Connection[Any], pair: Pair) -> Subscription | None:
    # A statistics function that older servers lack is only named where it exists.
    errors = (
        "(pg_catalog.pg_stat_get_subscription_stats(s.oid)).apply_error_count"
        if conn.info.server_version >= 150000
        else "0"
    )
    row = conn.execute(
        "select s.oid, s.subenabled, t.pid, coalesce(t.latest_end_lsn - '0/0'::pg_lsn, 0)::int8,"  # noqa: S608
        f" coalesce({errors}, 0) from pg_catalog.pg_subscription s left join pg_catalog.pg_stat_subscription t"
        " on t.subid = s.oid and t.relid is null"
        " where s.subname = %s and s.subdbid = (select oid from pg_catalog.pg_database"
        " where datname = current_database())"
        " order by t.pid nulls last limit 1",
        (pair.label,),
    ).fetchone()
    return None if row is None else Subscription(*row)


def enable(pair: Pair) -> None:
    """Follow again, if somebody or a drain has stopped it."""
    sql = require("psycopg.sql", "python3-psycopg")
    with connect(pair.target, autocommit=True) as conn:
        known = subscription(conn, pair)
        if known is not None and not known.enabled:
            conn.execute(sql.SQL("alter subscription {} enable").format(sql.Identifier(pair.label)))


def disable(pair: Pair, limit_seconds: float = 30) -> None:
    """Stop following: the copy's sessions end, so that it can be renamed.

    Raises:
        GoliveError: the worker doesn't go away.
    """
    sql = require("psycopg.sql", "python3-psycopg")
    with connect(pair.target, autocommit=True) as conn:
        if subscription(conn, pair) is None:
            return
        conn.execute(sql.SQL("alter subscription {} disable").format(sql.Identifier(pair.label)))
        end = time.monotonic() + limit_seconds
        while True:
            now = subscription(conn, pair)
            if now is None or now.worker is None:
                return
            if time.monotonic() >= end:
                raise GoliveError(
                    f"The apply worker {now.worker} of {pair.target.database} doesn't end.",
                    remedy="End it on the server, then repeat.",
                )
            time.sleep(POLL_SECONDS)


def unsubscribe(pair: Pair) -> bool:
    """Drop the subscription without asking the source's server, which may be gone."""
    sql = require("psycopg.sql", "python3-psycopg")
    name = sql.Identifier(pair.label)
    with connect(pair.target, autocommit=True) as conn:
        if subscription(conn, pair) is None:
            return False
        conn.execute("set client_min_messages = error")
        conn.execute(sql.SQL("alter subscription {} disable").format(name))
        conn.execute(sql.SQL("alter subscription {} set (slot_name = none)").format(name))
        conn.execute(sql.SQL("drop subscription {}").format(name))
    return True


# --- how far it is -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Progress:
    """Where the copy stands against a position of the source."""

    wanted: int
    confirmed: int
    slot: Slot | None
    subscription: Subscription | None

    @property
    def reached(self) -> bool:
        return self.confirmed >= self.wanted

    def sentence(self) -> str:
        if self.slot is None:
            return "the slot on the source is gone"
        if self.slot.lost:
            return "the source has thrown away log that the copy still needed (wal_status lost)"
        behind = f"{self.wanted - self.confirmed} bytes of log behind position {lsn_text(self.wanted)}"
        if self.subscription is None:
            return f"{behind}; there is no subscription"
        if not self.subscription.enabled:
            return f"{behind}; the subscription is disabled"
        if self.subscription.worker is None:
            return f"{behind}; no apply worker runs ({self.subscription.errors} errors so far, see the target's log)"
        return behind


def look(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], pair: Pair, wanted: int
) -> Progress:
    slot = read_slots(source, pair.label).get(pair.label)
    return Progress(wanted, slot.confirmed if slot else 0, slot, subscription(target, pair))


def wait_applied(
    pair: Pair,
    wanted: int,
    limit_seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Wait until everything committed on the source up to a position is applied and flushed in the copy.

    The judge is the source's slot: its confirmed position is what the copy's worker has reported as flushed, and the
    server would start from there after a crash of either side.

    Raises:
        GoliveError: the slot is gone or lost, or the limit has passed; with how far it came.
    """
    started = clock()
    with connect(pair.source, autocommit=True) as source, connect(pair.target, autocommit=True) as target:
        first = None
        while True:
            now = look(source, target, pair, wanted)
            first = now.confirmed if first is None else first
            if now.slot is not None and not now.slot.lost and now.reached:
                return {"seconds": round(clock() - started, 3), "bytes": max(0, now.confirmed - first)}
            if now.slot is None or now.slot.lost:
                raise DriftError(
                    f"The copy {pair.target.database} can't follow any more: {now.sentence()}.",
                    remedy="Run playbooks/prepare.yml again, it makes a new copy.",
                )
            if clock() - started >= limit_seconds:
                raise GoliveError(
                    f"After {limit_seconds:g} s the copy {pair.target.database} hasn't applied all of"
                    f" {pair.source.database}: {now.sentence()}.",
                    remedy="Nothing is lost: look at the target's log and the network between the two servers.",
                )
            # A commit that waits for its flush also flushes what the worker has applied without waiting.
            with target.transaction():
                target.execute("set local synchronous_commit = on")
                target.execute("select pg_catalog.pg_logical_emit_message(true, 'dfr.golive', '')")
            sleep(POLL_SECONDS)


def status(pair: Pair) -> dict[str, Any]:
    """Stage, lag and log kept, for people and for the gate; changes nothing.

    Raises:
        ProbeError: a server doesn't answer.
    """
    with connect(pair.target_admin()) as conn:
        memory = Memory.load(conn, pair)
        there = scalar(
            conn,
            "select count(*) from pg_catalog.pg_database where datname = %s",
            (pair.target.database,),
        )
        target_slots = read_slots(conn, pair.label)
    with connect(pair.source) as conn:
        slots = read_slots(conn, pair.label)
        position = scalar(conn, "select (pg_catalog.pg_current_wal_lsn() - '0/0'::pg_lsn)::int8")
    follower = None
    if there:
        with connect(pair.target) as conn:
            follower = subscription(conn, pair)
    main = slots.get(pair.label)
    return {
        "stage": memory.stage if memory else "none",
        "evidence": memory.evidence if memory else {},
        "behind_bytes": max(0, int(position) - main.confirmed) if main else None,
        "slots": {
            f"{side}:{slot.name}": {
                "retained_bytes": slot.retained_bytes,
                "status": slot.status,
                "active": slot.active,
                "spare_bytes": slot.spare_bytes,
            }
            for side, group in (("source", slots), ("target", target_slots))
            for slot in group.values()
        },
        "worker": bool(follower and follower.worker),
        "apply_errors": follower.errors if follower else 0,
    }
