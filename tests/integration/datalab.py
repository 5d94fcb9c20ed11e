# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small pair of databases of the test's own on the lab's two servers: the shared ones are left alone."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = ROOT / "inventories/demo"
SECRETS = {"staging": "lab-staging-operator", "production": "lab-production-operator"}
STAGING_FILES = "/srv/dfr/odoo/data/filestore"
PRODUCTION_FILES = "/srv/dfr/odoo/data/synctest"
WORK = "/var/lib/dfr-golive/work"
APP = "synctest_app"

SCHEMA = """
create table ir_config_parameter (id serial primary key, key text unique not null, value text not null);
create table ir_attachment (id serial primary key, name text, store_fname text, file_size int);
create table farmer (
    id serial primary key, code text not null unique, name varchar(80), birth date, area numeric, lat float8,
    seen timestamptz, props jsonb, tags text[], raw bytea, note json, active bool default true, "Odd Name" point
);
create index farmer_name on farmer (name);
create table plot (id bigserial primary key, farmer_id int not null references farmer, area numeric);
create table no_key (a int, b text);
create unlogged table scratch (a int);
create table empty_one (a int);
create table events (at date not null, what text) partition by range (at);
create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01');
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
create view farmer_names as select id, name from farmer;
create schema extra;
create table extra.thing (id int generated always as identity primary key, label text);
create sequence free_number start 1000;
create function shout(t text) returns text language sql immutable as $$ select upper(t) $$;
"""

ROWS = """
insert into farmer (code, name, birth, area, lat, seen, props, tags, raw, note, "Odd Name")
select 'F' || i, 'name ' || md5(i::text), date '1950-01-01' + i % 9000, i / 100.0, i / 7.0,
       timestamptz '2020-01-01 00:00Z' + i * interval '1 minute', jsonb_build_object('a', i, 'b', array[i, 1]),
       array['x', i::text], decode(md5(i::text), 'hex'), json_build_object('k', i), point(i, -i)
  from generate_series(1, %(rows)s) i;
insert into plot (farmer_id, area) select id, area * 2 from farmer;
insert into no_key select i %% 3, 'same' from generate_series(1, 30) i;
insert into scratch values (1), (2);
insert into events select date '2025-06-01' + i, 'event ' || i from generate_series(1, 300) i;
insert into extra.thing (label) select 'l' || i from generate_series(1, 5) i;
select nextval('free_number');
"""


def address(server: str) -> str:
    return {"staging": "10.28.50.31", "production": "10.28.52.31"}[server]


@contextmanager
def connected(server: str, database: str, *, autocommit: bool = True) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(
        host=f"{server}-db",
        hostaddr=address(server),
        dbname=database,
        user="dfr_golive",
        password=SECRETS[server],
        sslmode="verify-full",
        sslrootcert=str(INVENTORY / ".lab/ca.pem"),
        autocommit=autocommit,
    ) as conn:
        yield conn


def on_vm(vm: str, command: str, *, stdin: bytes = b"") -> str:
    done = subprocess.run(
        ["docker", "exec", "-i", f"dfrlab-{vm}", "bash", "-euc", command],
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def module(name: str, args: dict[str, Any], *, vm: str = "production", check: bool = False) -> dict[str, Any]:
    """Run one of our modules where it belongs, as a play would."""
    play = [
        {
            "hosts": vm,
            "gather_facts": False,
            "tasks": [{"name": "It", f"dfr.golive.{name}": args, "register": "it", "ignore_errors": True}],
        }
    ]
    done = subprocess.run(
        ["ansible-playbook", "-i", str(INVENTORY), *(["--check", "--diff"] if check else []), "/dev/stdin"],
        input=json.dumps(play).encode(),
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        check=False,
    )
    text = done.stdout.decode()
    result = json.loads(text[text.index("{") :])
    found: dict[str, Any] = result["plays"][0]["tasks"][0]["hosts"][vm]
    return found


@dataclass
class Pair:
    """``name`` in staging and in production, with identities, files and a way to run the modules on them."""

    name: str
    run_id: str = "test-run"
    uuids: dict[str, str] = field(
        default_factory=lambda: {"staging": "uuid-of-staging", "production": "uuid-of-production"}
    )
    method: str = "dump"

    def side(self, server: str) -> dict[str, Any]:
        return {
            "login_host": f"{server}-db",
            "login_user": "dfr_golive",
            "login_password": SECRETS[server],
            "database": self.name,
            "ca_cert": "/etc/ssl/dfr/ca.pem",
            "app_role": APP,
            "uuid": self.uuids[server],
        }

    def args(self, **more: Any) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "method": self.method,
            "source": self.side("staging"),
            "target": self.side("production"),
            "filestore": {"path": PRODUCTION_FILES, "owner": "100:101", "host": "10.28.50.12"},
            "work_dir": WORK,
            **more,
        }

    def names(self, server: str = "production") -> set[str]:
        with connected(server, "postgres") as conn:
            rows = conn.execute(
                "select datname from pg_database where datname like %s", (f"{self.name}%",)
            ).fetchall()
        return {row[0] for row in rows}

    def parameter(self, key: str, database: str = "", server: str = "production") -> str:
        with connected(server, database or self.name) as conn:
            row = conn.execute("select value from ir_config_parameter where key = %s", (key,)).fetchone()
        assert row is not None
        return str(row[0])

    def sql(self, server: str, statement: str, database: str = "") -> None:
        """As the application's role, past its fence."""
        with connected(server, database or self.name) as conn:
            conn.execute(f"set role {APP}")
            conn.execute(statement)

    def make(self, *, rows: int = 500, files: int = 20) -> None:
        self.drop()
        for server in ("staging", "production"):
            with connected(server, "postgres") as conn:
                if conn.execute("select 1 from pg_roles where rolname = %s", (APP,)).fetchone() is None:
                    conn.execute(f"create role {APP} login password 'lab-synctest'")
                    conn.execute(f"grant {APP} to dfr_golive with inherit true, set true")
                conn.execute(f"alter role {APP} login")
                conn.execute(f"create database {self.name} owner {APP} template template0")
            with connected(server, self.name) as conn:
                conn.execute(f"set role {APP}")
                conn.execute(SCHEMA)
                conn.execute(
                    "insert into ir_config_parameter (key, value) values ('database.uuid', %s),"
                    " ('database.secret', %s), ('database.create_date', '2026-01-01'), ('web.base.url', 'http://s')",
                    (self.uuids[server], f"secret-of-{server}"),
                )
                if server == "staging":
                    conn.execute(ROWS.replace("%(rows)s", str(rows)).replace("%%", "%"))
                    contents = [f"content {i}".encode() * 50 for i in range(files)]
                    for content in contents:
                        conn.execute(
                            "insert into ir_attachment (name, store_fname, file_size) values ('f', %s, %s)",
                            (fname(content), len(content)),
                        )
                    script = "".join(
                        f"mkdir -p {fname(c)[:2]}; printf %s '{c.decode()}' > {fname(c)}\n" for c in contents
                    )
                    on_vm(
                        "staging",
                        f"mkdir -p {STAGING_FILES}/{self.name}; cd {STAGING_FILES}/{self.name}\n{script}",
                    )
        on_vm(
            "production", f"mkdir -p {PRODUCTION_FILES}/{self.name}/00; chown -R 100:101 {PRODUCTION_FILES}"
        )

    def drop(self) -> None:
        for server in ("staging", "production"):
            with connected(server, "postgres") as conn:
                for name in self.names(server):
                    conn.execute(f'drop database "{name}" with (force)')
                if conn.execute("select to_regclass('dfr_golive.kept') is not null").fetchone() == (True,):
                    conn.execute("delete from dfr_golive.kept where name = %s", (self.name,))
        on_vm("staging", f"rm -rf {STAGING_FILES}/{self.name}")
        on_vm("production", f"rm -rf {PRODUCTION_FILES}/{self.name}* {PRODUCTION_FILES}/.{self.name}*")

    def fence(self) -> None:
        from ansible_collections.dfr.golive.plugins.module_utils import _fence_postgres

        with connected("staging", "postgres") as conn:
            _fence_postgres.raise_fence(conn, self.name, run_id=self.run_id, app_role=APP)


def fname(content: bytes) -> str:
    digest = hashlib.sha1(content).hexdigest()
    return f"{digest[:2]}/{digest}"
