# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A source and its copy: what is made for logical replication between them, and what is remembered of it.

Everything it makes carries one name (`Pair.label`), so that what a crash leaves behind is found again without any
memory of ours: on the source a publication and two slots, on the copy a subscription, a publication and a slot. What
is remembered (the stage, the fingerprint of the definitions, the replica identities before) lies in the ``kept``
tables of the maintenance databases.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils._catalogue import (
    Relation,
    read_relations,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    GoliveError,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    POSTGRES_OPTIONS,
    PostgresLogin,
    connect,
    forget,
    keep,
    prepare_kept,
    recall,
    scalar,
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
        stage: begun, copying (definitions are there, rows come), completing (the server brings the rest of the rows
            itself, after an earlier call was cut short), copied (rows), restored (indexes), following or proven.
        source_database: whose copy it is.
        copy: the copy's name when it was made.
        position: the log position of the copy's snapshot.
        fingerprint: the source's definitions in that snapshot.
        evidence: figures of what was done, by step.
        round: number of proofs so far; rows touched since the last one carry it.
        files: by table the numbers of both sides' files at the last proof.
        streamed: the big tables, whose rows come from server to server.
        roomy: schema and name of those of them whose pages are left room on until all rows are there.
        there: those of them whose rows are all in the copy, safe from a crash of its server.
        small: whether all rows of all other tables are.
    """

    stage: str
    source_database: str
    copy: str
    position: int = 0
    fingerprint: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)
    round: int = 0
    files: dict[str, list[int]] = field(default_factory=dict)
    streamed: list[str] = field(default_factory=list)
    roomy: list[tuple[str, str]] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    small: bool = False

    @property
    def missing(self) -> set[str]:
        """The big tables whose rows aren't all in the copy."""
        return set(self.streamed) - set(self.there)

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


STAGES = ("begun", "copying", "completing", "copied", "restored", "following", "proven")


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
