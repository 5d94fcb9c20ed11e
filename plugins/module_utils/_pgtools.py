# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running pg_dump, pg_restore, rsync and their like: exit code and stderr read, a limit, and nothing left running."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin, connect

# Nothing of ours survives a crash of the server half-made: the copy has a name of its own until it is proven, and the
# swap that gives it the final one commits synchronously, which flushes all that came before.
FAST_RESTORE = "-c synchronous_commit=off -c maintenance_work_mem=256MB"

ENVIRONMENTS_OWN = ("--no-tablespaces", "--no-publications", "--no-subscriptions")

DEFINITIONS = "pre-data"
SECTIONS = (DEFINITIONS, "data", "post-data")


class Crew:
    """Programs and threads that belong together: when one fails, the others are ended.

    Args:
        limit_seconds: for all of them together.
    """

    def __init__(self, limit_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + limit_seconds
        self._limit = limit_seconds
        self._stop = threading.Event()
        self._reason = ""

    def remaining(self) -> int:
        """Whole seconds left, at least one: for limits that others keep for us."""
        return max(1, int(self._end - self._clock()))

    def stop(self) -> None:
        self._stop.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def run(
        self,
        argv: Sequence[str],
        *,
        what: str,
        env: Mapping[str, str],
        stdin: bytes = b"",
        dispensable: str = "",
    ) -> tuple[str, list[str]]:
        """Run a program to its end.

        Args:
            argv: the command line; never a secret.
            what: how people call it, for the sentence when it fails.
            env: what is added to a minimal environment; passwords go here.
            stdin: what it reads.
            dispensable: a setting that pg_restore may be refused.

        Returns:
            Its standard output, and the warnings it wrote to standard error.

        Raises:
            GoliveError: it isn't there, failed, wrote an error or took too long.
        """
        program = shutil.which(argv[0])
        if program is None:
            raise GoliveError(
                f"The program {argv[0]} is missing on this host.",
                remedy="Run playbooks/prepare.yml, it installs it.",
            )
        base = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "TMPDIR")}
        try:
            process = subprocess.Popen(
                [program, *argv[1:]],
                env={**base, "LC_ALL": "C.UTF-8", **env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as exc:
            raise GoliveError(f"{what} can't start: {one_line(exc)}.") from exc
        threading.Thread(target=self._watch, args=(process,), daemon=True).start()
        raw_out, raw_err = process.communicate(stdin)
        out, err = raw_out.decode(errors="replace"), raw_err.decode(errors="replace")
        if process.returncode < 0 and self._clock() >= self._end:
            raise GoliveError(f"{what} took longer than {self._limit:g} s and was ended.")
        code = process.returncode
        if dispensable and code == _REFUSED_SOMETHING:
            all_of_it, err = refused_only(err, dispensable)
            code = 0 if all_of_it else code
        if code != 0:
            raise GoliveError(f"{what} failed with exit code {code}: {told(err) or 'it said nothing'}.")
        errors = [
            line for line in err.splitlines() if re.search(r"\b(error|fatal|panic):", line, re.IGNORECASE)
        ]
        if errors:
            raise GoliveError(f"{what} ended well but wrote: {one_line(errors[0])}.")
        return out, [one_line(line, 200) for line in err.splitlines() if line.strip()]

    def pipe(
        self,
        first: Sequence[str],
        second: Sequence[str],
        *,
        what: str,
        env_first: Mapping[str, str],
        env_second: Mapping[str, str],
    ) -> None:
        """Run two programs, the first writing to the second, to their ends; nothing passes through us.

        Raises:
            GoliveError: either isn't there, failed or took too long.
        """
        base = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "TMPDIR")}
        running: list[subprocess.Popen[bytes]] = []
        with tempfile.TemporaryFile() as errors:
            try:
                for argv, env in ((first, env_first), (second, env_second)):
                    running.append(
                        subprocess.Popen(
                            argv,
                            env={**base, "LC_ALL": "C.UTF-8", **env},
                            stdin=running[0].stdout if running else subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL if running else subprocess.PIPE,
                            stderr=errors,
                            start_new_session=True,
                        )
                    )
            except OSError as exc:
                for process in running:
                    process.kill()
                raise GoliveError(f"{what} can't start: {one_line(exc)}.") from exc
            if running[0].stdout is not None:
                running[0].stdout.close()  # so that the first ends when the second does
            for process in running:
                threading.Thread(target=self._watch, args=(process,), daemon=True).start()
            codes = [process.wait() for process in running]
            errors.seek(0)
            err = errors.read().decode(errors="replace")
        if any(code < 0 for code in codes) and self._clock() >= self._end:
            raise GoliveError(f"{what} took longer than {self._limit:g} s and was ended.")
        if any(codes):
            raise GoliveError(f"{what} failed with exit codes {codes}: {told(err) or 'it said nothing'}.")

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None:
            if self._stop.wait(0.05) or self._clock() >= self._end:
                for sig in (signal.SIGTERM, signal.SIGKILL):
                    if process.poll() is not None:
                        return
                    try:
                        os.killpg(process.pid, sig)
                    except ProcessLookupError:
                        return
                    try:
                        process.wait(5)
                    except subprocess.TimeoutExpired:
                        continue
                return

    def together(self, **jobs: Callable[[], Any]) -> dict[str, Any]:
        """Run the jobs at the same time; the first failure stops the others and is raised."""
        with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
            futures = {name: pool.submit(job) for name, job in jobs.items()}
            done, _pending = wait(futures.values(), return_when=FIRST_EXCEPTION)
            first = next((f.exception() for f in done if f.exception() is not None), None)
            if first is not None:
                self.stop()
                raise first
        return {name: future.result() for name, future in futures.items()}


def told(stderr: str) -> str:
    """The line of a program's standard error that says what went wrong."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    loud = [line for line in lines if re.search(r"error|fatal|failed|refused|denied", line, re.IGNORECASE)]
    return one_line((loud or lines or [""])[0])


# What pg_restore ends with when it went on although the server refused statements.
_REFUSED_SOMETHING = 1


def refused_only(stderr: str, setting: str) -> tuple[bool, str]:
    """Whether pg_restore was refused this setting and nothing else; and what it wrote of anything else.

    Counted, not read line by line: its workers write at the same time, and only what one call prints stays together.
    A server says its errors in a language of its own, pg_restore in ours.
    """
    refusals = stderr.count(f"Command was: SET {setting} = ")
    every = refusals > 0 and stderr.count("error: ") == refusals
    return every, "" if every else "\n".join(line for line in stderr.splitlines() if setting not in line)


def client_major(program: str = "pg_dump") -> int:
    """The major version of a PostgreSQL program on this host.

    Raises:
        ProbeError: it isn't there or says nothing we understand.
    """
    out, _warnings = Crew(30).run([program, "--version"], what=program, env={})
    found = re.search(r"\) (\d+)", out)
    if found is None:
        raise ProbeError(f"{program} --version answered {one_line(out)!r}.")
    return int(found.group(1))


# Servers know it from this version on; programs from this version on set it on each of their connections.
_KNOWS_TRANSACTION_TIMEOUT = 17
_TRANSACTION_TIMEOUT = "transaction_timeout"


def refuse_old_programs(source: int, target: int) -> str:
    """That this host's programs can dump one major version and fill another; gives all of them.

    An older target is no reason to refuse: what it doesn't know is found out by whoever tries the definitions.

    Raises:
        GoliveError: a program is older than the source.
        ProbeError: a program says nothing we understand.
    """
    clients = {program: client_major(program) for program in ("pg_dump", "pg_restore")}
    said = f"source {source}, target {target}, " + ", ".join(f"{k} {v}" for k, v in clients.items())
    if min(clients.values()) < source:
        raise GoliveError(
            f"The programs of this host are too old for PostgreSQL {source} ({said}).",
            remedy=f"Install postgresql-client-{max(source, target)} on it.",
        )
    return said


def compress_option(compress: str, major: int) -> str:
    """pg_dump's ``--compress``; before 16 it only knows gzip's levels."""
    if major >= 16 or compress.isdigit():
        return compress
    return "0" if compress == "none" else "1"


def dump(
    crew: Crew,
    login: PostgresLogin,
    directory: str,
    *,
    snapshot: str,
    jobs: int,
    compress: str = "none",
    durable: bool = False,
    more: Sequence[str] = (),
) -> list[str]:
    """Dump a database as a directory, through an exported snapshot, ``more`` being options. Returns the warnings."""
    return crew.run(
        [
            "pg_dump",
            "--format=directory",
            f"--jobs={jobs}",
            f"--compress={compress_option(compress, client_major())}",
            f"--snapshot={snapshot}",
            "--lock-wait-timeout=30s",
            "--no-password",
            *([] if durable else ["--no-sync"]),
            *more,
            f"--file={directory}",
        ],
        what=f"pg_dump of {login.database} on {login.host}",
        env=login.libpq_environment(),
    )[1]


def restore(
    crew: Crew,
    login: PostgresLogin,
    directory: str,
    *,
    jobs: int,
    role: str | None = None,
    sections: Sequence[str] = SECTIONS,
    more: Sequence[str] = (),
) -> list[str]:
    """Restore such a directory, or its ``sections``, into the database of ``login``; its objects belong to ``role``.

    What is each environment's own doesn't travel: owners, privileges, tablespaces, publications and subscriptions.
    """
    what = f"pg_restore into {login.database} on {login.host}"
    env = {**login.libpq_environment(), "PGOPTIONS": FAST_RESTORE}
    common = [
        "--no-owner",
        "--no-privileges",
        *ENVIRONMENTS_OWN,
        "--no-password",
        *([f"--role={role}"] if role else []),
        *more,
    ]
    with connect(login) as conn:
        old = conn.info.server_version // 10000 < _KNOWS_TRANSACTION_TIMEOUT
    rest = [section for section in sections if section != DEFINITIONS]
    warnings = []
    if DEFINITIONS in sections:
        with tempfile.NamedTemporaryFile() as script:
            argv = ["pg_restore", *common, f"--section={DEFINITIONS}", f"--file={script.name}", directory]
            warnings += crew.run(argv, what=what, env=env)[1]
            statements = without_servers_own(Path(script.name).read_bytes())
        psql = ["psql", "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
        warnings += crew.run(
            [*psql, f"--dbname={login.database}"],
            what=what,
            env=env,
            stdin=without_time_limit(statements) if old else statements,
        )[1]
    if rest:
        argv = ["pg_restore", *common, f"--jobs={jobs}", f"--dbname={login.database}"]
        argv += [f"--section={section}" for section in rest]
        argv += [] if old else ["--exit-on-error"]
        warnings += crew.run(
            [*argv, directory], what=what, env=env, dispensable=_TRANSACTION_TIMEOUT if old else ""
        )[1]
    return warnings


# Column options that a server sets by itself, as 15.20 does: no other server takes them.
_OPTIONS = re.compile(rb"^(ALTER (?:FOREIGN )?TABLE ONLY .+ ALTER COLUMN .+ SET )\((.*)\);\n", re.MULTILINE)
_SERVERS_OWN = b"pg_attver="


def without_servers_own(statements: bytes) -> bytes:
    """A dump's definitions without the column options that the source's server keeps for itself.

    Its own pg_dump leaves them out; that of another major version knows nothing of them.
    """

    def kept(found: re.Match[bytes]) -> bytes:
        options = [o for o in found[2].split(b", ") if not o.startswith(_SERVERS_OWN)]
        return found[1] + b"(" + b", ".join(options) + b");\n" if options else b""

    return _OPTIONS.sub(kept, statements)


def without_time_limit(statements: bytes) -> bytes:
    """A dump's definitions without lifting a limit which the server doesn't have."""
    return statements.replace(f"\nSET {_TRANSACTION_TIMEOUT} = 0;\n".encode(), b"\n", 1)


# What needs the rows of all tables, and what is said of it.
_NEEDS_ALL_ROWS = re.compile(r"^\d+; \d+ \d+ (?:FK CONSTRAINT|MATERIALIZED VIEW DATA|COMMENT) ")


def split_contents(contents: str) -> tuple[str, str]:
    """A dump's table of contents in two: what can be made while tables lack rows, and what then must wait.

    A foreign key is checked when it is made, a materialised view is filled; comments wait with what they may belong to.
    """
    lines = [line for line in contents.splitlines() if line and not line.startswith(";")]
    later = [line for line in lines if _NEEDS_ALL_ROWS.match(line)]
    now = [line for line in lines if not _NEEDS_ALL_ROWS.match(line)]
    return "\n".join([*now, ""]), "\n".join([*later, ""])


def table_of_contents(crew: Crew, directory: str) -> str:
    """What ``pg_restore --list`` says of a dump, which ``--use-list`` takes."""
    return crew.run(["pg_restore", "--list", directory], what=f"pg_restore --list of {directory}", env={})[0]


def listing(crew: Crew, directory: str) -> list[str]:
    """``schema table`` of every table whose data the dump's table of contents lists."""
    contents = table_of_contents(crew, directory)
    found = re.findall(r"^\d+; \d+ \d+ TABLE DATA (\S+) (.+) \S+$", contents, re.MULTILINE)
    return [f"{schema} {name}" for schema, name in found]
