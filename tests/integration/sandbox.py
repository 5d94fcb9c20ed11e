# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two PostgreSQL servers and a host of their own, for tests that kill, cut and fill them.

The images are the lab's; other major versions are made from Debian's packages once. ``DFR_SANDBOX_IMAGES`` may name
others: a JSON object with the keys ``vm``, ``13``, ``15``, ``17``, ``18``.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "molecule" / "default" / "images"
SUITES = {"13": "bullseye", "15": "bookworm", "18": "sid"}
WORK = "/var/lib/dfr-golive/work"
NUMBERS = itertools.count(1)

# A killed server loses nothing that the system's cache holds, so the disk's own pace needn't be waited for.
SETUP = r"""
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
as() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
install -d -m 0700 -o postgres -g postgres /data
install -d -m 2775 -o postgres -g postgres /var/run/postgresql
as $bin/initdb -D /data -E UTF8 --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 --no-sync >/dev/null
cat >> /data/postgresql.conf <<'CONF'
listen_addresses = '*'
wal_level = logical
max_connections = 100
shared_buffers = 128MB
checkpoint_timeout = 15min
max_wal_size = 2GB
max_slot_wal_keep_size = 4GB
password_encryption = scram-sha-256
wal_receiver_timeout = 10s
wal_sender_timeout = 10s
wal_retrieve_retry_interval = 500ms
autovacuum = off
fsync = off
full_page_writes = off
CONF
printf '%s\n' 'local all all trust' 'host all all all scram-sha-256' > /data/pg_hba.conf
as $bin/pg_ctl -D /data -l /var/lib/postgresql/log -w -s start
"""
ROLES = """
create role odoo login password 'application';
create role dfr_golive login createdb createrole replication password 'operator';
grant odoo to dfr_golive with admin option;
grant pg_signal_backend, pg_monitor to dfr_golive;
grant connect, create on database postgres to dfr_golive;
"""


def run(*argv: str, stdin: str = "", check: bool = True, timeout: float = 300) -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=timeout)
    assert not check or done.returncode == 0, f"{' '.join(argv[:6])}: {done.stderr[-2000:]}"
    return done.stdout


def make_network(name: str) -> None:
    """A network that `make clean-lab` removes, should its own test be killed."""
    run("docker", "network", "create", "--label", "dfr.golive.lab=1", name)


@functools.cache
def image(what: str) -> str:
    """The image of a major version of PostgreSQL, or of the host (``vm``)."""
    given = json.loads(os.environ.get("DFR_SANDBOX_IMAGES", "{}"))
    if what in given:
        return str(given[what])
    if what in ("17", "vm"):
        refs = json.loads(run(sys.executable, str(IMAGES / "build.py"), timeout=1200).splitlines()[-1])
        return str(refs["postgres" if what == "17" else "vm"])
    name = f"dfrlab/postgres-{what}"
    if not run("docker", "images", "-q", name):
        with tempfile.TemporaryDirectory() as folder:
            tar = f"{folder}/root.tar"
            run(
                "mmdebstrap",
                "--variant=minbase",
                '--aptopt=Acquire::Check-Valid-Until "false"',
                '--aptopt=APT::Install-Recommends "false"',
                f"--include=postgresql-{what}",
                SUITES[what],
                tar,
                timeout=900,
            )
            run("docker", "import", "--change", "LABEL dfr.golive.lab=1", tar, name)
    return name


@dataclass
class Server:
    """One PostgreSQL server in a container."""

    name: str
    major: str
    network: str
    options: tuple[str, ...] = ()

    def start(self) -> None:
        run("docker", "rm", "-f", self.name, check=False)
        run(
            *("docker", "run", "-d", "--init", "--name", self.name, "--hostname", self.name),
            *(
                "--network",
                self.network,
                *self.options,
                "--entrypoint",
                "sleep",
                image(self.major),
                "infinity",
            ),
        )
        run("docker", "exec", "-i", self.name, "bash", stdin=SETUP)
        self.psql(ROLES)
        if int(self.major) >= 14:
            self.psql("grant pg_read_all_data to dfr_golive")
        else:
            self.psql("alter role dfr_golive superuser")
        if int(self.major) >= 16:
            self.psql(
                "grant pg_create_subscription to dfr_golive;"
                "grant odoo to dfr_golive with admin true, inherit true, set true"
            )

    @property
    def address(self) -> str:
        form = '{{(index .NetworkSettings.Networks "' + self.network + '").IPAddress}}'
        return run("docker", "inspect", "-f", form, self.name).strip()

    def psql(self, statements: str, database: str = "postgres", user: str = "postgres") -> str:
        return run(
            *("docker", "exec", "-i", self.name, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1"),
            *("-U", user, "-d", database),
            stdin=statements,
        ).strip()

    def bash(self, script: str, *, check: bool = True) -> str:
        return run("docker", "exec", "-i", self.name, "bash", stdin=script, check=check)

    def connect(
        self, database: str, user: str = "odoo", password: str = "application"
    ) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=self.address,
            dbname=database,
            user=user,
            password=password,
            autocommit=True,
            connect_timeout=5,
        )

    def kill(self) -> None:
        """kill -9 of the whole server."""
        self.bash(
            "kill -9 $(head -1 /data/postmaster.pid); sleep 0.3; pkill -9 -u postgres; true", check=False
        )

    def restart(self, mode: str = "start") -> None:
        self.bash(
            "bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1); rm -f /tmp/.s*\n"
            f"setpriv --reuid=postgres --regid=postgres --init-groups $bin/pg_ctl -D /data"
            f" -l /var/lib/postgresql/log -w -t 60 -s -m fast {mode}"
        )

    def log(self) -> str:
        return self.bash("cat /var/lib/postgresql/log")


@dataclass
class Sandbox:
    """Source, target and the host between them."""

    prefix: str
    source: Server
    target: Server
    engine: subprocess.Popen[str] | None = None

    @property
    def vm(self) -> str:
        return f"{self.prefix}-vm"

    @property
    def network(self) -> str:
        return f"{self.prefix}-net"

    @property
    def link(self) -> str:
        """What the two servers replicate over."""
        return f"{self.prefix}-link"

    def start(self) -> None:
        self.stop()
        make_network(self.network)
        make_network(self.link)
        for server in (self.source, self.target):
            server.start()
        if int(self.target.major) < 16:
            self.target.psql("alter role dfr_golive superuser")
        run("docker", "network", "connect", self.link, self.target.name)
        self.mend()
        run(
            *("docker", "run", "-d", "--init", "--name", self.vm, "--network", self.network),
            *("-v", f"{ROOT}:/checkout:ro", "-e", "PYTHONPATH=/checkout/.collections"),
            *("-e", "PYTHONDONTWRITEBYTECODE=1", "--entrypoint", "sleep", image("vm"), "infinity"),
        )
        run("docker", "exec", self.vm, "mkdir", "-p", WORK)

    def stop(self) -> None:
        self.close()
        for name in (self.vm, self.source.name, self.target.name):
            run("docker", "rm", "-f", "-v", name, check=False)
        for network in (self.network, self.link):
            run("docker", "network", "rm", network, check=False)

    def open(self) -> subprocess.Popen[str]:
        """A process of the engine on the host between, which answers line by line."""
        return subprocess.Popen(
            [
                *("docker", "exec", "-i", self.vm, "python3"),
                "/checkout/tests/integration/replication_driver.py",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process that is kept, and know it gone: until then it looks as if it could still answer."""
        if self.engine is not None:
            self.engine.kill()
            self.engine.communicate()
            self.engine = None

    def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One call by the process that is kept for all of them: starting one takes longer than most calls."""
        if self.engine is None or self.engine.poll() is not None:
            self.engine = self.open()
        assert self.engine.stdin is not None
        assert self.engine.stdout is not None
        self.engine.stdin.write(json.dumps(asked) + "\n")
        self.engine.stdin.flush()
        line = self.engine.stdout.readline()
        assert line, self.engine.communicate()[1][-3000:]
        said: dict[str, Any] = json.loads(line)
        return said

    def cut(self) -> None:
        """The two servers no longer reach each other; the host between reaches both."""
        run("docker", "network", "disconnect", self.link, self.source.name)

    def mend(self) -> None:
        run(
            "docker", "network", "connect", "--alias", f"{self.source.name}-link", self.link, self.source.name
        )


def make(prefix: str, source: str = "17", target: str = "17", *options: str) -> Sandbox:
    net = f"{prefix}-net"
    return Sandbox(
        prefix,
        Server(f"{prefix}-source", source, net),
        Server(f"{prefix}-target", target, net, tuple(options)),
    )


class Story:
    """A database on the source and the copy that is made of it."""

    def __init__(self, sandbox: Sandbox, schema: str = "") -> None:
        self.sandbox = sandbox
        self.name = f"story{next(NUMBERS)}"
        self.copy = f"{self.name}_incoming"
        self.source_server, self.target_server = sandbox.source, sandbox.target
        # An earlier story's cutover leaves the application fenced out, as it should.
        self.source_server.psql("alter role odoo login")
        self.source_server.psql(f"create database {self.name} owner odoo")
        if schema:
            self.on_source(schema)

    def on_source(self, statements: str, user: str = "odoo") -> str:
        return self.source_server.psql(statements, self.name, user)

    def on_target(self, statements: str, user: str = "odoo") -> str:
        return self.target_server.psql(statements, self.copy, user)

    def asked(self, call: str, **options: Any) -> dict[str, Any]:
        keys = ("jobs", "limit_seconds")
        return {
            "call": call,
            "name": self.name,
            "source": self.source_server.name,
            "target": self.target_server.name,
            "source_database": self.name,
            "target_database": self.copy,
            "work_dir": WORK,
            **{k: options.pop(k) for k in keys if k in options},
            "options": options,
        }

    def begin(self, call: str, **options: Any) -> subprocess.Popen[str]:
        """Start a call in a process of its own and don't wait for it."""
        process = self.sandbox.open()
        assert process.stdin is not None
        process.stdin.write(json.dumps(self.asked(call, **options)))
        process.stdin.close()
        process.stdin = None
        return process

    def end(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, err[-3000:]
        said: dict[str, Any] = json.loads(out)
        return said

    def said(self, call: str, **options: Any) -> dict[str, Any]:
        """What a process of its own says, its peak of memory included."""
        return self.end(self.begin(call, **options))

    def __call__(self, call: str, **options: Any) -> Any:
        """A call that must succeed."""
        said = self.sandbox.ask(self.asked(call, **options))
        assert "error" not in said, said["error"]
        return said["result"]

    def refused(self, call: str, **options: Any) -> dict[str, Any]:
        """A call that must end in a sentence for people."""
        said = self.sandbox.ask(self.asked(call, **options))
        assert "error" in said, said
        return said

    def kill_engine(self) -> None:
        """kill -9 of everything that works on the host between."""
        run(
            *("docker", "exec", self.sandbox.vm, "bash", "-c"),
            "pkill -9 -f '[r]eplication_driver|[p]g_dump|[p]g_restore'; true",
        )
        self.sandbox.close()

    def prepared(self) -> Story:
        self("seed")
        self("prove")
        return self

    def wait_until(
        self, question: str, wanted: str = "t", seconds: float = 30, *, target: bool = False
    ) -> None:
        end = time.monotonic() + seconds
        server, database = (self.target_server, "postgres") if target else (self.source_server, self.name)
        while server.psql(question, database) != wanted:
            assert time.monotonic() < end, f"not {wanted} within {seconds} s: {question}"
            time.sleep(0.05)

    def end_of(self) -> None:
        """Both databases dropped, and nothing of the pair left."""
        if self.target_server.psql("select to_regclass('dfr_golive.kept') is null") == "f":
            kept = f"select count(*) from dfr_golive.kept where name = '{self.name}'"
            if self.target_server.psql(kept) == "1":
                self("discard")
            self.gone()
        self.target_server.psql(f"drop database if exists {self.copy}")
        self.source_server.psql(f"drop database {self.name}")

    def gone(self) -> None:
        """Nothing is left of the pair on either server."""
        assert self("remains") == []
        assert (
            self.target_server.psql("select count(*) from dfr_golive.kept where name = '" + self.name + "'")
            == "0"
        )
