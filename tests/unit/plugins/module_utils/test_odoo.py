# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _odoo
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError

ROOT = Path(__file__).resolve().parents[4]


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/hang":
            threading.Event().wait(2)
        status = 503 if self.path == "/closed" else 302 if self.path == "/away" else 200
        body = self.headers.get("Host", "").encode()
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[int]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield httpd.server_port
    httpd.shutdown()
    httpd.server_close()


def test_fetch_goes_to_the_address_and_asks_for_the_name(server: int) -> None:
    page = _odoo.fetch(f"http://no-such-host.invalid:{server}/", address="127.0.0.1", timeout=5)
    assert (page.status, page.body) == (200, f"no-such-host.invalid:{server}")


def test_a_maintenance_page_is_an_answer(server: int) -> None:
    assert _odoo.fetch(f"http://127.0.0.1:{server}/closed").status == 503


def test_a_redirect_can_be_an_answer(server: int) -> None:
    assert _odoo.fetch(f"http://127.0.0.1:{server}/away", follow=False).status == 302
    assert _odoo.fetch(f"http://127.0.0.1:{server}/away").status == 200


def test_hanging_runs_into_the_limit(server: int) -> None:
    with pytest.raises(ProbeError) as error:
        _odoo.fetch(f"http://127.0.0.1:{server}/hang", timeout=0.2)
    assert "timed out" in str(error.value)


def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(ProbeError) as error:
        _odoo.fetch("http://127.0.0.1:9/", timeout=1)
    assert "refused" in str(error.value).lower()


def test_a_wrong_certificate_is_a_no_and_not_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = ssl.SSLCertVerificationError(1, "certificate verify failed")
    wrong.verify_message = "Hostname mismatch"
    monkeypatch.setattr(_odoo, "_socket_to", lambda *_: (_ for _ in ()).throw(wrong))
    with pytest.raises(GoliveError) as error:
        _odoo.fetch("https://127.0.0.1:9/")
    assert not isinstance(error.value, ProbeError)
    assert "Hostname mismatch" in str(error.value)


def test_a_ca_bundle_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(GoliveError) as error:
        _odoo.fetch("https://127.0.0.1:9/", ca_path=str(tmp_path / "none.pem"), timeout=1)
    assert "golive_ca_path" in str(error.value)


def test_the_password_never_shows() -> None:
    login = _odoo.OdooLogin("http://o", "d", "admin", "planted-secret")
    assert "planted-secret" not in repr(login)
    assert "planted-secret" not in login.where


@pytest.mark.parametrize("url", ["odoo:8069", "ftp://odoo", "http://odoo/web", "http://"])
def test_an_address_that_is_none_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_odoo, "require", lambda *_: None)
    with pytest.raises(GoliveError) as error:
        _odoo.connect(_odoo.OdooLogin(url, "d", "admin", "planted-secret"))
    assert "planted-secret" not in str(error.value)


def test_every_request_names_the_database_in_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    openers: list[Any] = []

    def client(**given: Any) -> Any:
        openers.append(given["opener"])
        return SimpleNamespace(login=lambda *_who: None)

    driver = SimpleNamespace(ODOO=client, error=ERRORS)
    monkeypatch.setattr(_odoo, "require", lambda *_: driver)
    _odoo.connect(_odoo.OdooLogin("http://o", "d", "admin", "planted-secret"))
    assert ("X-Odoo-Database", "d") in openers[0].addheaders


class _RPCError(Exception):
    pass


class _Error(Exception):
    pass


ERRORS = SimpleNamespace(RPCError=_RPCError, Error=_Error)


def session(answer: Any) -> _odoo.Odoo:
    def execute_kw(*_args: Any) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    client = SimpleNamespace(execute_kw=execute_kw, db=SimpleNamespace(list=execute_kw))
    return _odoo.Odoo(_odoo.OdooLogin("http://o", "d", "admin", "planted-secret"), client, ERRORS)


def test_counts_are_numbers_or_no_answer() -> None:
    assert session(3).count("dfr.farmer", []) == 3
    for broken in (None, False, [], "3"):
        with pytest.raises(ProbeError):
            session(broken).count("dfr.farmer", [])
    with pytest.raises(ProbeError):
        session(None).rows("dfr.farmer", [], ["id"])


def test_a_no_differs_from_silence() -> None:
    with pytest.raises(_odoo.OdooRefusedError):
        session(_RPCError("Access Denied")).count("dfr.farmer", [])
    for silence in (
        TimeoutError(),
        ConnectionResetError("reset"),
        _Error("odd"),
        KeyError("data"),
        ValueError("x"),
    ):
        with pytest.raises(ProbeError):
            session(silence).count("dfr.farmer", [])


def test_wait_for_says_what_was_missing() -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def probe() -> str:
        if now[0] < 3:
            raise ProbeError("not yet")
        return "there"

    answer, waited = _odoo.wait_for("it", probe, limit=10, clock=lambda: now[0], sleep=sleep)
    assert answer == "there"
    assert 3 <= waited < 6
    now[0] = 0.0
    with pytest.raises(ProbeError) as error:
        _odoo.wait_for("it", probe, limit=1, clock=lambda: now[0], sleep=sleep)
    assert "limit 1 s" in str(error.value)
    assert "not yet" in str(error.value)


def test_a_clear_no_is_not_waited_for() -> None:
    def refused() -> None:
        raise _odoo.OdooRefusedError("wrong password")

    with pytest.raises(_odoo.OdooRefusedError):
        _odoo.wait_for("it", refused, limit=10, sleep=lambda _s: pytest.fail("waited"))


def test_the_watch_can_import_it_without_ansible(tmp_path: Path) -> None:
    """The hypercare watch copies module_utils into a tree of its own and has no Ansible."""
    place = tmp_path / "ansible_collections" / "dfr" / "golive" / "plugins"
    place.mkdir(parents=True)
    (place / "module_utils").symlink_to(ROOT / "plugins" / "module_utils")
    script = (
        "import sys; sys.modules['ansible'] = None; sys.path.insert(0, sys.argv[1])\n"
        "from ansible_collections.dfr.golive.plugins.module_utils import _health, _odoo\n"
        "assert not [m for m in sys.modules if m.startswith('ansible.')]\n"
    )
    subprocess.run([sys.executable, "-S", "-c", script, str(tmp_path)], check=True)
