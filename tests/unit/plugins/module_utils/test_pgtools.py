# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _pgtools
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import Crew
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin

LOGIN = PostgresLogin("db", 5432, "op", "s3cret", "prod")


def python(code: str, crew: Crew | None = None, **more: Any) -> tuple[str, list[str]]:
    return (crew or Crew(10)).run([sys.executable, "-c", code], what="The program", env={}, **more)


def test_output_and_warnings_come_back() -> None:
    out, warnings = python("import sys; print(sys.stdin.read()); print('hm', file=sys.stderr)", stdin=b"in")
    assert out.strip() == "in"
    assert warnings == ["hm"]


def test_a_bad_exit_code_is_a_failure_with_the_line_that_says_why() -> None:
    code = "import sys; print('pg_x: chatter\\npg_x: error: disk full\\nmore', file=sys.stderr); sys.exit(3)"
    with pytest.raises(GoliveError, match="The program failed with exit code 3: pg_x: error: disk full"):
        python(code)


def test_an_error_line_is_a_failure_even_with_exit_code_0() -> None:
    with pytest.raises(GoliveError, match="ended well but wrote"):
        python("import sys; print('pg_restore: error: lost a table', file=sys.stderr)")


def test_a_missing_program_names_the_remedy() -> None:
    with pytest.raises(GoliveError, match=r"no_such_thing is missing.*prepare.yml"):
        Crew(1).run(["no_such_thing"], what="It", env={})


def test_the_environment_is_minimal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    out, _warnings = Crew(10).run(
        [sys.executable, "-c", "import os; print(os.environ.get('PGSERVICE'), os.environ['X'])"],
        what="It",
        env={"X": "1"},
    )
    assert out.split() == ["None", "1"]


def test_the_limit_ends_the_program_and_its_children() -> None:
    start = time.monotonic()
    code = "import subprocess; subprocess.run(['sleep', '30'])"
    with pytest.raises(GoliveError, match=r"longer than 0\.3 s"):
        python(code, Crew(0.3))
    assert time.monotonic() - start < 6


def test_the_first_failure_ends_the_others() -> None:
    crew = Crew(30)
    start = time.monotonic()

    def fail() -> None:
        raise GoliveError("broken")

    with pytest.raises(GoliveError, match="broken"):
        crew.together(slow=lambda: python("import time; time.sleep(20)", crew), quick=fail)
    assert time.monotonic() - start < 8
    assert crew.stopped


def test_together_returns_by_name() -> None:
    assert Crew(5).together(a=lambda: 1, b=lambda: 2) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("compress", "major", "option"),
    [("zstd:1", 17, "zstd:1"), ("none", 17, "none"), ("none", 15, "0"), ("zstd:1", 15, "1"), ("6", 13, "6")],
)
def test_compress_option(compress: str, major: int, option: str) -> None:
    assert _pgtools.compress_option(compress, major) == option


def test_passwords_never_reach_a_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def run(_self: Crew, argv: list[str], *, env: dict[str, str], **_more: Any) -> tuple[str, list[str]]:
        seen.append((argv, env))
        return "pg_dump (PostgreSQL) 17.2", []

    monkeypatch.setattr(Crew, "run", run)
    _pgtools.dump(Crew(5), LOGIN, "/d", snapshot="s", jobs=2)
    monkeypatch.setattr(_pgtools, "connect", lambda _login: server(170004))
    _pgtools.restore(Crew(5), LOGIN, "/d", jobs=2, role="app")
    for argv, env in seen:
        assert "s3cret" not in " ".join(argv)
        assert env.get("PGPASSWORD", "s3cret") == "s3cret"
    assert "--exit-on-error" in seen[-1][0]
    assert "--role=app" in seen[-1][0]


def server(version: int) -> contextlib.AbstractContextManager[Any]:
    return contextlib.nullcontext(SimpleNamespace(info=SimpleNamespace(server_version=version)))


REFUSED = """pg_restore: error: could not execute query: FEHLER:  unbekannt: "transaction_timeout"
Command was: SET transaction_timeout = 0;
"""
IGNORED = "pg_restore: warning: errors ignored on restore: 3\n"


@pytest.mark.parametrize(
    ("stderr", "why"),
    [
        (REFUSED + IGNORED, ""),
        # Two workers who speak at once.
        ("pg_restore: pg_restore: error: error: " + 2 * REFUSED[len("pg_restore: error: ") :] + IGNORED, ""),
        (
            REFUSED + "pg_restore: error: COPY failed for table x: disk full\n" + REFUSED + IGNORED,
            "disk full",
        ),
        (REFUSED + "pg_restore: error: a worker process died unexpectedly\n", "died unexpectedly"),
        (
            REFUSED
            + "pg_restore: error: could not execute query: ERROR:  no such type\nCommand was: CREATE;\n",
            "no such type",
        ),
        (
            "pg_restore: error: connection to server failed: FATAL:  no pg_hba.conf entry\n",
            "no pg_hba.conf entry",
        ),
        (IGNORED, "errors ignored on restore"),
        ("", "it said nothing"),
    ],
)
def test_an_older_server_may_refuse_the_time_limit_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stderr: str, why: str
) -> None:
    program = tmp_path / "pg_restore"
    program.write_text(f"#!{sys.executable}\nimport sys; sys.stderr.write({stderr!r}); sys.exit(1)\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for version in (130023, 150007, 160001):
        monkeypatch.setattr(_pgtools, "connect", lambda _login, version=version: server(version))
        with pytest.raises(GoliveError, match=why) if why else contextlib.nullcontext():
            _pgtools.restore(Crew(9), LOGIN, "/d", jobs=2, sections=["data"])
    monkeypatch.setattr(_pgtools, "connect", lambda _login: server(170000))
    with pytest.raises(GoliveError, match="failed with exit code 1"):
        _pgtools.restore(Crew(9), LOGIN, "/d", jobs=2, sections=["data"])


def test_definitions_come_without_the_time_limit() -> None:
    settings = b"SET lock_timeout = 0;\nSET transaction_timeout = 0;\nSET client_encoding = 'UTF8';\n"
    text = b"COMMENT ON TABLE t IS '\nSET transaction_timeout = 0;\n';\n"
    assert (
        _pgtools.without_time_limit(settings + text)
        == b"SET lock_timeout = 0;\nSET client_encoding = 'UTF8';\n" + text
    )


def test_listing_knows_tables_with_data(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "; comment\n3456; 1259 16385 TABLE public farmer odoo\n"
        "4567; 0 16385 TABLE DATA public farmer odoo\n4568; 0 16399 TABLE DATA extra Odd Name odoo\n"
    )
    monkeypatch.setattr(Crew, "run", lambda *_a, **_k: (text, []))
    assert _pgtools.listing(Crew(5), "/d") == ["public farmer", "extra Odd Name"]


def test_a_version_we_cannot_read_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Crew, "run", lambda *_a, **_k: ("hello", []))
    with pytest.raises(ProbeError, match="answered 'hello'"):
        _pgtools.client_major()


def test_column_options_that_only_their_server_knows_stay_behind() -> None:
    body = b"CREATE FUNCTION f() AS 'pg_attver=1 is a text here';\n"
    table = (
        b"CREATE TABLE public.t (\n    a integer\n);\n"
        b"ALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=26504944);\n"
        b'ALTER TABLE ONLY public.t ALTER COLUMN "b (c" SET (n_distinct=-0.5, pg_attver=1);\n'
        b"ALTER FOREIGN TABLE ONLY public.u ALTER COLUMN a SET (pg_attver=2, n_distinct=5);\n"
        b"ALTER TABLE ONLY public.t ALTER COLUMN name SET (n_distinct_inherited=7);\n"
    )
    latin = b"COMMENT ON TABLE public.t IS 'caf\xe9';\n"
    assert (
        _pgtools.without_servers_own(body + table + latin)
        == body
        + (
            b"CREATE TABLE public.t (\n    a integer\n);\n"
            b'ALTER TABLE ONLY public.t ALTER COLUMN "b (c" SET (n_distinct=-0.5);\n'
            b"ALTER FOREIGN TABLE ONLY public.u ALTER COLUMN a SET (n_distinct=5);\n"
            b"ALTER TABLE ONLY public.t ALTER COLUMN name SET (n_distinct_inherited=7);\n"
        )
        + latin
    )


@pytest.mark.parametrize(
    ("source", "target", "version"),
    [(17, 18, 17), (17, 18, 18), (13, 15, 16), (13, 15, 18), (16, 16, 18), (17, 15, 17)],
)
def test_programs_that_can_do_it(
    monkeypatch: pytest.MonkeyPatch, source: int, target: int, version: int
) -> None:
    monkeypatch.setattr(_pgtools, "client_major", lambda _program: version)
    assert _pgtools.refuse_old_programs(source, target) == (
        f"source {source}, target {target}, pg_dump {version}, pg_restore {version}"
    )


@pytest.mark.parametrize("majors", [(17, 18), (18, 17)])
def test_programs_that_cannot(monkeypatch: pytest.MonkeyPatch, majors: tuple[int, int]) -> None:
    monkeypatch.setattr(_pgtools, "client_major", lambda _program: 16)
    with pytest.raises(GoliveError, match=f"too old for PostgreSQL {majors[0]}") as refused:
        _pgtools.refuse_old_programs(*majors)
    assert "Install postgresql-client-18" in refused.value.remedy


def test_what_needs_all_rows_waits_with_its_comments() -> None:
    contents = """;
; Archive created at 2026-11-23 20:00:00 UTC
;
215; 1259 16402 TABLE public letter odoo
3456; 2606 16409 CONSTRAINT public letter letter_pkey odoo
3457; 1259 16410 INDEX public FK CONSTRAINT odoo
3460; 2606 16420 FK CONSTRAINT public reply reply_letter_id_fkey odoo
3461; 0 0 COMMENT public CONSTRAINT reply_letter_id_fkey ON reply odoo
3300; 0 16430 MATERIALIZED VIEW DATA public answered odoo
"""
    now, later = (part.splitlines() for part in _pgtools.split_contents(contents))
    assert [line.split(";")[0] for line in now] == ["215", "3456", "3457"]
    assert [line.split(";")[0] for line in later] == ["3460", "3461", "3300"]
