# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each message once, and only what the journal of the country says is so."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _communication, _events, _open
from ansible_collections.dfr.golive.plugins.module_utils._announce import Audience, MailServer, Postbox
from ansible_collections.dfr.golive.plugins.module_utils._communication import Letter, Ways
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._holder import Owner
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES

HOOK = _events.Receiver("https://wall.example/", secret="shared")
TEXT = "Subject: Closed\n\nThe old registry is closed.\n"
NIGHT = "2026-11-22T07:00:00.000000Z"


class Post:
    """A mail server and a webhook that remember, and may die at a chosen call."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.die_before: set[str] = set()
        self.die_after: set[str] = set()

    @contextmanager
    def open_server(self, _server: MailServer) -> Iterator[Any]:
        yield self

    def send_message(self, message: Any, _sender: str, to: list[str]) -> dict[str, Any]:
        if to[0] in self.die_before:
            raise smtplib.SMTPServerDisconnected("gone")
        self.mails.append(f"{message['Message-ID']} {to[0]}")
        if to[0] in self.die_after:
            raise KeyboardInterrupt
        return {}

    def take(self, _receiver: _events.Receiver, body: bytes, headers: dict[str, str]) -> None:
        if "webhook" in self.die_before:
            raise OSError("refused")
        assert headers["webhook-signature"].startswith("v1,")
        self.events.append(json.loads(body))


@pytest.fixture
def post() -> Post:
    return Post()


def ways(folder: Path, post: Post, hook: bool = True) -> Ways:
    server = MailServer("mail", 25, "golive@tonga.example")
    box = Postbox(server, folder / "kept.json", "Tonga", open_server=post.open_server)
    return Ways(box, HOOK if hook else None, post.take)


def letters(moment: str = "freeze", scope: str = "run-1", count: int = 2) -> list[Letter]:
    return [
        Letter(moment, scope, Audience(f"a{number}", "en", (f"a{number}@tonga.example",)), TEXT)
        for number in range(count)
    ]


def events(book: Journal) -> list[str]:
    return [f"{r['event']} {r['key']}" for r in book.read()[0].records]


def test_each_message_is_intended_then_sent_and_never_again(tmp_path: Path, post: Post) -> None:
    book = _communication.book(tmp_path, "tonga")
    first = _communication.send(book, letters(), ways(tmp_path, post))
    assert [one["sent_now"] for one in first] == [True] * 4
    assert events(book)[:2] == ["intended run-1/freeze/a0/mail", "sent run-1/freeze/a0/mail"]
    again = _communication.send(book, letters(), ways(tmp_path, post))
    assert [one["sent_now"] for one in again] == [False] * 4
    assert len(post.mails) == len(post.events) == 2
    assert len(events(book)) == 8
    assert not book.lock_path.exists()


def test_another_run_is_told_anew(tmp_path: Path, post: Post) -> None:
    book = _communication.book(tmp_path, "tonga")
    for scope in ("run-1", "run-2"):
        _communication.send(book, letters(scope=scope), ways(tmp_path, post))
    assert len(post.mails) == 4


def test_one_that_can_not_be_told_keeps_nobody_else_from_it(tmp_path: Path, post: Post) -> None:
    book = _communication.book(tmp_path, "tonga")
    post.die_before = {"a0@tonga.example"}
    with pytest.raises(GoliveError, match=r"1 of 4 messages could not be sent. a0 by mail") as refused:
        _communication.send(book, letters(), ways(tmp_path, post))
    assert len(refused.value.returned["told"]) == 3
    post.die_before = set()
    told = _communication.send(book, letters(), ways(tmp_path, post))
    assert [one["sent_now"] for one in told] == [True, False, False, False]


def test_a_sender_that_dies_before_the_note_sends_again_under_the_same_name(
    tmp_path: Path, post: Post
) -> None:
    book = _communication.book(tmp_path, "tonga")
    post.die_after = {"a0@tonga.example"}
    with pytest.raises(KeyboardInterrupt):
        _communication.send(book, letters(count=1), ways(tmp_path, post))
    assert events(book) == ["intended run-1/freeze/a0/mail"]
    post.die_after = set()
    _communication.send(book, letters(count=1), ways(tmp_path, post))
    assert len(post.mails) == 2
    assert len(set(post.mails)) == 1


def test_two_at_once_are_refused_and_a_dead_one_is_succeeded(tmp_path: Path, post: Post) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    book = Journal(tmp_path, "tonga-messages", lambda: now)
    with book.writing() as writer:
        writer.take("messages", "tell", Owner(), _communication.LIMIT_SECONDS)
    with pytest.raises(GoliveError, match="by another process") as refused:
        _communication.send(book, letters(), ways(tmp_path, post))
    assert refused.value.remedy
    assert not post.mails
    now += timedelta(seconds=_communication.LIMIT_SECONDS + 1)
    assert len(_communication.send(book, letters(), ways(tmp_path, post))) == 4


def test_the_book_has_neither_addresses_nor_texts(tmp_path: Path, post: Post) -> None:
    book = _communication.book(tmp_path, "tonga")
    _communication.send(book, letters(), ways(tmp_path, post))
    raw = book.path.read_text(encoding="utf-8")
    assert "a0@tonga.example" not in raw.replace("<freeze.run-1.a0@tonga.example>", "")
    assert "old registry" not in raw


def test_a_webhook_gets_a_cloud_event_with_the_text(tmp_path: Path, post: Post) -> None:
    _communication.send(_communication.book(tmp_path, "tonga"), letters(count=1), ways(tmp_path, post))
    (event,) = post.events
    assert event["type"] == "dfr.golive.message"
    assert event["id"] == "run-1/freeze/a0/webhook"
    assert event["data"]["text"] == "The old registry is closed.\n"


def test_a_webhook_that_refuses_is_named(tmp_path: Path, post: Post) -> None:
    post.die_before = {"webhook"}
    with pytest.raises(GoliveError, match="a0 by webhook: refused"):
        _communication.send(_communication.book(tmp_path, "tonga"), letters(count=1), ways(tmp_path, post))


def test_what_start_hypercare_announced_is_not_announced_twice(tmp_path: Path, post: Post) -> None:
    how = ways(tmp_path, post, hook=False)
    (letter,) = letters("live", count=1)
    assert how.mail is not None
    how.mail.announce(letter.audience, TEXT, how.mail.message_id("announcement", "run-1", "a0"))
    _communication.send(_communication.book(tmp_path, "tonga"), [letter], how)
    assert len(post.mails) == 1


# --- what the journal says is so ------------------------------------------------------------------------------------


def told(folder: Path, until: str = "", outcome: str = "") -> Journal:
    """The journal of a country that came so far."""
    journal = Journal(folder, "tonga")
    if not until:
        return journal
    request = _open.Request("live", "golive", "", "", 900, Owner())
    run = _open.open_run(journal, request)["run"]
    base = {
        "gates": [{"name": "g", "verdict": "pass", "detail": "", "remedy": ""}],
        "result": {},
        "reason": "",
        "task": "",
        "recheck": False,
    }
    more = {
        "out_of_order": "",
        "limit_seconds": 0,
        "triggers": [],
        "run_id": run["id"],
        "session": run["session"],
    }
    for name in NAMES[: NAMES.index(until) + 1]:
        for event in ("begin", "finish"):
            _open.journal_event(journal, {**base, **more, "event": event, "phase": name})
    if outcome == "rolled_back":
        _open.journal_event(journal, {**base, **more, "event": "fail", "phase": until})
        run = _open.open_run(journal, _open.Request("live", "rollback", "", "", 900, Owner()))["run"]
        more |= {"session": run["session"]}
        for name in run["undo"]:
            for event in ("undo_begin", "undo_finish"):
                _open.journal_event(journal, {**base, **more, "event": event, "phase": name})
    if outcome:
        _open.journal_event(journal, {**base, **more, "event": "close", "phase": ""})
    return journal


STATES: dict[str, tuple[str, str]] = {
    "nothing": ("", ""),
    "preflight": ("preflight", ""),
    "frozen": ("sync_data", ""),
    "open": ("enable_users", ""),
    "live": ("start_hypercare", "live"),
    "back": ("lock_config", "rolled_back"),
}
MAY = {
    "week_before": {"nothing", "preflight", "frozen", "open", "back"},
    "day_before": {"nothing", "preflight", "frozen", "open", "back"},
    "delayed": {"nothing", "preflight", "frozen", "open", "back"},
    "freeze": {"frozen"},
    "live": {"open", "live"},
    "rolled_back": {"back"},
    "hypercare_end": {"live"},
}


@pytest.mark.parametrize("moment", MAY)
@pytest.mark.parametrize("state", STATES)
def test_nobody_is_told_what_is_not_so(tmp_path: Path, moment: str, state: str) -> None:
    journal = told(tmp_path, *STATES[state])
    if state in MAY[moment]:
        scope = _communication.scope_of(moment, journal, NIGHT)
        assert (
            scope == NIGHT
            if moment in ("week_before", "day_before", "delayed")
            else scope.startswith("tonga-")
        )
        return
    with pytest.raises(GoliveError, match=f"{moment} isn't sent") as refused:
        _communication.scope_of(moment, journal, NIGHT)
    assert "status.yml" in refused.value.remedy


# --- what the run sends by itself -------------------------------------------------------------------------------------

POST = {
    "title": "Tonga",
    "mail": {"host": "mail", "port": 25, "sender": "golive@tonga.example"},
    "webhook": {"url": HOOK.url},
}


def kept(moment: str) -> dict[str, Any]:
    return {
        "moment": moment,
        "audience": {"name": "a0", "language": "en", "to": ["a0@tonga.example"]},
        "text": TEXT,
    }


def test_messages_are_laid_ready_once_and_taken_away(tmp_path: Path) -> None:
    book = _communication.book(tmp_path, "tonga")
    assert _communication.keep(book, [kept("freeze")], POST)
    assert not _communication.keep(book, [kept("freeze")], POST)
    assert _communication.outbox(book).stat().st_mode & 0o777 == 0o600
    assert _communication.keep(book, [], POST)
    assert not _communication.keep(book, [], POST)
    assert not _communication.outbox(book).exists()


@pytest.mark.parametrize(
    ("record", "moment"),
    [
        ({"event": "begin", "phase": "freeze_legacy"}, "freeze"),
        ({"event": "begin", "phase": "sync_data"}, ""),
        ({"event": "refused", "phase": "freeze_legacy"}, ""),
        ({"event": "close", "phase": "", "outcome": "rolled_back"}, "rolled_back"),
        ({"event": "close", "phase": "", "outcome": "live"}, ""),
        ({"event": "stop", "phase": "", "outcome": "stopped"}, ""),
    ],
)
def test_only_two_records_call_for_a_message(record: dict[str, str], moment: str) -> None:
    assert _communication.moment_of(record) == moment


def test_what_lies_ready_is_sent_when_it_is_so_and_once(
    tmp_path: Path, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, book = told(tmp_path, "freeze_legacy"), _communication.book(tmp_path, "tonga")
    _communication.keep(book, [kept("freeze"), kept("rolled_back")], POST)
    monkeypatch.setattr(_communication, "ways_of", lambda _post, path: ways(path.parent, post))
    for _again in range(2):
        _communication.send_kept(journal, book, "freeze", post.take)
    assert len(post.mails) == len(post.events) == 1
    with pytest.raises(GoliveError, match="wasn't rolled back"):
        _communication.send_kept(journal, book, "rolled_back", post.take)


def test_a_run_tells_apart_from_itself_and_only_where_something_lies_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(_events, "apart", lambda work: work())
    monkeypatch.setattr(_communication, "send_kept", lambda _journal, _book, moment: sent.append(moment))
    journal = told(tmp_path, "lock_config", "rolled_back")
    _communication.tell_apart(journal)
    assert not sent
    _communication.keep(_communication.book(tmp_path, "tonga"), [kept("rolled_back")], POST)
    _communication.tell_apart(journal)
    assert sent == ["rolled_back"]


def test_a_webhook_that_is_no_address_is_refused() -> None:
    with pytest.raises(GoliveError, match="isn't a web address"):
        _events.Receiver.from_dict({"url": "file:///etc/passwd"})


def test_silence_of_the_mail_server_is_an_error(tmp_path: Path, post: Post) -> None:
    @contextmanager
    def silent(_server: MailServer) -> Iterator[Any]:
        raise ProbeError("no answer")
        yield

    how = ways(tmp_path, post, hook=False)
    assert how.mail is not None
    how.mail.open_server = silent
    with pytest.raises(GoliveError, match="no answer"):
        _communication.send(_communication.book(tmp_path, "tonga"), letters(count=1), how)
