# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying, following and proving registries of several sizes, side by side with what people use instead.

Two PostgreSQL 17 servers in containers on this machine. The registry is made inside the database: two plots for each
farmer, six indexes. Ours runs where a module would run; ``pgcopydb`` and ``pg_dump | pg_restore`` run in a container
beside it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import sandbox as sb
from figures import figure
from sandbox import Sandbox, Story, run

NAMES = ("sync.initial_copy", "verify.full", "sync.fence_to_verified")
PEER = "dfrlab/bench-peer"
PEER_IMAGE = (
    "RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends pgcopydb"
    " && rm -rf /var/lib/apt/lists/*\n"
)
# What a gigabyte holds, indexes included.
FARMERS_PER_GIB = 2_000_000
REGISTRY = """
create table farmer (
    id int primary key, code varchar not null unique, name varchar not null, national_id varchar, phone varchar,
    gender varchar, birth_date date, province varchar, village varchar, status varchar, consent boolean,
    household_id int, create_date timestamp, write_date timestamp
);
create table plot (
    id bigint primary key, farmer_id int not null, area_ha numeric(10,4), latitude float8,
    longitude float8, crop varchar
);
insert into farmer select i, 'F' || lpad(i::text, 9, '0'), 'Farmer number ' || i, (i * 7919::int8)::text, '+676' || i,
    (array['f', 'm'])[1 + i % 2], date '1950-01-01' + i % 20000, 'Province ' || i % 10, 'Village ' || i % 500, 'draft',
    i % 2 = 0, i / 5, timestamp '2024-01-01' + i * interval '1.000001 s', timestamp '2025-01-01'
    from generate_series(1, {farmers}) i;
insert into plot select i, 1 + i % {farmers}, (i % 1000) / 8.0, (i % 180) / 7.0, (i % 360) / 7.0, 'crop ' || i % 12
    from generate_series(1, 2 * {farmers}) i;
create index on farmer (national_id);
create index on farmer (province, village);
create index on plot (farmer_id);
create sequence plot_seq;
select setval('plot_seq', 100000000);
analyze;
"""
# 40,000 changed rows, the same number whatever the size; {n} makes each round touch others.
DELTA = """
update farmer set status = 'validated', write_date = write_date + interval '1 s'
 where id in (select 1 + ({n} + i * 1009::int8) % {farmers} from generate_series(1, 20000) i);
insert into plot select nextval('plot_seq'), 1 + i, 1.5, 1, 2, 'taro' from generate_series(1, 18000) i;
delete from plot where id in (select id from plot where id > {n} order by id limit 2000);
"""
CPU_TIME = (
    "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null"
    " || awk '/^usage_usec/ {print $2 * 1000}' /sys/fs/cgroup/cpu.stat"
)
BARE = "select sum(hash_record_extended({0}, 0)) from {0}"
# A server that has had its users all day has the registry in its buffers; without that the sizes would compare disks.
TUNED = """
alter system set fsync = on;
alter system set full_page_writes = on;
alter system set autovacuum = on;
alter system set shared_buffers = '5GB';
alter system set max_wal_size = '8GB';
alter system set checkpoint_timeout = '30min';
alter system set max_slot_wal_keep_size = -1;
alter system set wal_compression = lz4;
"""


def measure(wanted: Callable[[str], bool], sizes: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    box = sb.make("dfrbench")
    try:
        box.start()
        for server in (box.source, box.target):
            server.psql("alter role postgres password 'bench'")
            for statement in filter(str.strip, TUNED.split(";")):
                server.psql(statement)
            server.restart("restart")
        run(
            "docker",
            "build",
            "-q",
            "-t",
            PEER,
            "-",
            stdin=f"FROM {sb.image('vm')}\n{PEER_IMAGE}",
            timeout=900,
        )
        for size in sizes:
            yield from Bench(box, size).measure(wanted)
    finally:
        box.stop()


class Bench:
    """One size of registry: its source, our copy and the peer's."""

    def __init__(self, box: Sandbox, size: int) -> None:
        self.box = box
        self.times = 3 if size < 1 << 29 else 2 if size <= 1 << 30 else 1
        self.farmers = max(20_000, int(size / (1 << 30) * FARMERS_PER_GIB))
        self.story = Story(box)
        self.story.on_source(REGISTRY.format(farmers=self.farmers))
        self.size = int(
            box.source.psql(f"select pg_database_size('{self.story.name}')"),
        )
        self.facts = {"size_bytes": self.size, "rows": 3 * self.farmers}

    def measure(self, wanted: Callable[[str], bool]) -> Iterator[dict[str, Any]]:
        story = self.story
        try:
            copied = self.seeded()
            with_peer = any(wanted(name) for name in NAMES[:2])
            if with_peer:
                peer = self.clone()
            if wanted("sync.initial_copy"):
                yield self.initial_copy(copied, peer)
            story("prove")
            if wanted("verify.full"):
                yield self.full()
            if with_peer:
                self.box.target.psql("drop database peer")
            if wanted("sync.fence_to_verified"):
                yield self.fence_to_verified()
        finally:
            for database in ("peer", "dumped"):
                self.box.target.psql(f"drop database if exists {database}")
            story.end_of()

    def settle(self) -> None:
        """What one measurement left to be written isn't the next one's to pay for."""
        for server in (self.box.source, self.box.target):
            server.psql("checkpoint")

    def seeded(self) -> dict[str, Any]:
        self.settle()
        copied = self.story.said("seed")
        assert "error" not in copied, copied
        return copied

    # --- the three figures ---

    def initial_copy(self, copied: dict[str, Any], peer: float) -> dict[str, Any]:
        ours, theirs = [copied["seconds"]], [peer]
        for _again in range(self.times - 1):
            self.story("discard")
            copied = self.seeded()
            ours.append(copied["seconds"])
            theirs.append(self.clone())
        return figure(
            "sync.initial_copy",
            ours,
            peer=theirs,
            peer_name="pgcopydb clone",
            **self.facts,
            steps=copied["result"]["seconds"],
            memory_bytes=copied["peak_kib"] * 1024,
        )

    def full(self) -> dict[str, Any]:
        ours, peer, bare = [], [], []
        worked: dict[str, list[float]] = {"ours": [], "peer": [], "bare": []}
        for _time in range(3):
            marks = [self.worked()]
            said = self.story.said("verify", full=True)
            assert said["result"]["kind"] == "full", said
            ours.append(said["seconds"])
            marks.append(self.worked())
            peer.append(self.compare("peer"))
            marks.append(self.worked())
            bare.append(max(self.bare(side) for side in ("source", "target")))
            marks.append(self.worked())
            for name, begun, ended in zip(worked, marks, marks[1:], strict=False):
                worked[name].append(ended - begun)
        found = figure(
            "verify.full",
            ours,
            peer=peer,
            peer_name="pgcopydb compare data",
            **self.facts,
            bare_scan=round(statistics.median(bare), 3),
            bare_scan_all=[round(value, 3) for value in bare],
            server_cpu_seconds={name: round(statistics.median(value), 2) for name, value in worked.items()},
            memory_bytes=said["peak_kib"] * 1024,
        )
        found["scan_ratio"] = round(found["ours"] / statistics.median(bare), 3)
        found["peer_by_ours"] = round(found["peer"] / found["ours"], 2)
        return found

    def fence_to_verified(self) -> dict[str, Any]:
        ours, split, memory = [], [], 0
        for time_number in range(3):
            self.story("seed")
            self.story("prove")
            # A copy is made days before: what it left to be written has long been written on the night itself.
            for server in (self.story.source_server, self.story.target_server):
                server.psql("checkpoint")
            self.story.on_source(DELTA.format(n=time_number * 2500, farmers=self.farmers))
            said = self.story.said("cutover")
            assert "error" not in said, said["error"]
            proof = said["result"]["proof"]
            assert sum(proof["compared"].values()) == 40_000, proof
            seconds = said["result"]["seconds"]
            ours.append(seconds["fence_to_verified"])
            split.append({name: seconds[name] for name in ("approach", "fence", "drain")})
            memory = max(memory, said["peak_kib"] * 1024)
            self.story("reopen")
        peer = [self.dump_and_restore() for _time in range(1)]
        compared = self.compare("dumped")
        found = figure(
            "sync.fence_to_verified",
            ours,
            peer=[seconds + compared for seconds in peer],
            peer_name="pg_dump | pg_restore, then pgcopydb compare data",
            **self.facts,
            changed_rows=40_000,
            steps=split,
            peer_steps={"dump_and_restore": round(peer[0], 3), "compare": round(compared, 3)},
            memory_bytes=memory,
        )
        found["peer_by_ours"] = round(found["peer"] / found["ours"], 1)
        return found

    def worked(self) -> float:
        """Seconds of processor time that both servers have taken so far: other loads of the machine don't count."""
        return sum(float(server.bash(CPU_TIME)) / 1e9 for server in (self.box.source, self.box.target))

    # --- what they are measured against ---

    def peer(self, command: str, target: str) -> float:
        """Seconds of a command in a container that reaches both servers, its own start not counted."""
        urls = {
            "PGCOPYDB_SOURCE_PGURI": f"postgres://postgres:bench@{self.box.source.name}/{self.story.name}",
            "PGCOPYDB_TARGET_PGURI": f"postgres://postgres:bench@{self.box.target.name}/{target}",
        }
        given = [word for name, value in urls.items() for word in ("-e", f"{name}={value}")]
        said = run(
            *(
                "docker",
                "run",
                "--rm",
                "-i",
                "--network",
                self.box.network,
                *given,
                "--entrypoint",
                "bash",
                PEER,
            ),
            stdin=f"set -euo pipefail\nbegun=$(date +%s.%N)\n{command}\necho; echo $begun $(date +%s.%N)\n",
            timeout=3600,
        )
        begun, ended = said.splitlines()[-1].split()
        return float(ended) - float(begun)

    def fresh(self, database: str) -> None:
        self.box.target.psql(f"drop database if exists {database}")
        self.box.target.psql(f"create database {database}")
        self.settle()

    def clone(self) -> float:
        self.fresh("peer")
        return self.peer("pgcopydb clone --no-owner --no-acl --dir /tmp/clone >/tmp/log 2>&1", "peer")

    def compare(self, target: str) -> float:
        return self.peer("pgcopydb compare data --dir /tmp/compare >/tmp/log 2>&1", target)

    def dump_and_restore(self) -> float:
        self.fresh("dumped")
        return self.peer(
            'pg_dump -Fc "$PGCOPYDB_SOURCE_PGURI" | pg_restore --no-owner --no-acl -d "$PGCOPYDB_TARGET_PGURI"',
            "dumped",
        )

    def bare(self, side: str) -> float:
        server = getattr(self.box, side)
        database = self.story.name if side == "source" else self.story.copy
        begun = time.monotonic()
        server.psql(
            "set jit = off; set max_parallel_workers_per_gather = 0;"
            + ";".join(BARE.format(table) for table in ("farmer", "plot")),
            database,
        )
        return time.monotonic() - begun
