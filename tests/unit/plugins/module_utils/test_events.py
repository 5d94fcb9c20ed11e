# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _events
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._events import Receiver
from ansible_collections.dfr.golive.plugins.module_utils._holder import Owner
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal

RECEIVER = Receiver("http://wallboard.test/", "shared")
OWNER = Owner(user="operator", host="controller")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path, "demo")
    with made.writing() as writer:
        holder = writer.take("demo-1", "golive", OWNER, 900)
        writer.append(holder.session, "open", mode="live")
        writer.append(holder.session, "fail", "sync_data", reason="No.\nAnd more.", result={"rows": 3})
    return made


class Inbox:
    """A receiver that takes so many events and then no more."""

    def __init__(self, room: int = 99) -> None:
        self.room = room
        self.events: list[dict[str, Any]] = []

    def __call__(self, receiver: Receiver, body: bytes, headers: dict[str, str]) -> None:
        if len(self.events) >= self.room:
            raise OSError("full")
        self.events.append(json.loads(body))


def test_events_come_in_order_and_once(journal: Journal) -> None:
    inbox = Inbox()
    assert _events.deliver(journal, RECEIVER, inbox) == 2
    assert [event["data"]["seq"] for event in inbox.events] == [1, 2]
    assert _events.deliver(journal, RECEIVER, inbox) == 0


def test_what_was_missed_comes_with_the_next(journal: Journal) -> None:
    assert _events.deliver(journal, RECEIVER, Inbox(1)) == 1
    inbox = Inbox()
    assert _events.deliver(journal, RECEIVER, inbox) == 1
    assert inbox.events[0]["data"]["seq"] == 2


def test_who_finds_another_at_it_leaves(journal: Journal) -> None:
    with _events._alone(journal) as alone:
        assert alone
        assert _events.deliver(journal, RECEIVER, Inbox()) == 0


def test_what_is_journalled_meanwhile_is_sent_too(journal: Journal) -> None:
    inbox = Inbox()

    def send(receiver: Receiver, body: bytes, headers: dict[str, str]) -> None:
        inbox(receiver, body, headers)
        if len(inbox.events) == 1:
            with journal.writing() as writer:
                assert writer.holder is not None
                writer.append(writer.holder.session, "note", reason="later")

    assert _events.deliver(journal, RECEIVER, send) == 3


def test_an_event_tells_what_happened_and_no_results(journal: Journal) -> None:
    inbox = Inbox()
    _events.deliver(journal, RECEIVER, inbox)
    event = inbox.events[1]
    assert event["specversion"] == "1.0"
    assert (event["type"], event["source"], event["subject"]) == (
        "dfr.golive.fail",
        "/dfr-golive/demo",
        "sync_data",
    )
    assert event["data"]["reason"] == "No."
    assert "result" not in event["data"]
    assert len({event["id"] for event in inbox.events}) == 2


def test_the_signature_can_be_checked_by_who_knows_the_secret() -> None:
    body, headers = _events.signed({"id": "demo/7"}, "shared", 12.9)
    message = b"demo/7.12." + body
    mac = base64.b64encode(hmac.new(b"shared", message, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{mac}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("demo/7", "12")
    assert "webhook-signature" not in _events.signed({"id": "x"}, "", 0)[1]


@pytest.mark.parametrize("url", ["file:///etc/shadow", "wallboard", "https://", "ftp://wallboard.test/"])
def test_another_address_is_refused(url: str) -> None:
    with pytest.raises(GoliveError, match="web address"):
        Receiver.from_dict({"url": url})


def test_the_secret_is_not_shown() -> None:
    assert "shared" not in repr(RECEIVER)


@pytest.fixture
def wallboard() -> Iterator[tuple[str, list[bytes]]]:
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", bodies
    server.shutdown()
    server.server_close()


def until(condition: Any) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_process_of_its_own_delivers(journal: Journal, wallboard: tuple[str, list[bytes]]) -> None:
    url, bodies = wallboard
    _events.deliver_apart(journal, Receiver(url))
    assert until(lambda: len(bodies) == 2)


def test_nobody_waits_for_a_receiver_that_is_away(journal: Journal) -> None:
    _events.deliver_apart(journal, Receiver("http://127.0.0.1:9/"))
    assert until(lambda: (journal.folder / "events.lock").exists())
    assert not (journal.folder / "events.json").exists()


def test_a_process_apart_has_what_it_sends_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible removes a module's archive as the module ends; what isn't loaded by then is out of reach."""
    needed = "ansible.module_utils.urls"
    monkeypatch.delitem(sys.modules, needed, raising=False)
    found = tmp_path / "found"
    _events.apart(lambda: found.write_text(str(needed in sys.modules)))
    assert until(lambda: found.exists() and found.read_text() == "True")
