# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Announcements against a real SMTP conversation in a thread, with faults planted in the server."""

from __future__ import annotations

import contextlib
import email
import email.policy
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _announce, _kept
from ansible_collections.dfr.golive.plugins.module_utils._announce import Audience, MailServer, Postbox
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError

TEXT = "Subject: Le registre est ouvert\n\nBonjour à tous.\n"
STAFF = Audience("staff", "fr", ("ana@demo.test", "ben@demo.test"))
WAIT = 5.0


@dataclass
class Mailbox:
    """A mail server that keeps what it takes. ``refuse``: addresses; ``die``: it hangs up at this command."""

    refuse: set[str] = field(default_factory=set)
    die: str = ""
    greeting: bytes = b"220 ready\r\n"
    sender_code: bytes = b"250 ok\r\n"
    data_code: bytes = b"250 taken\r\n"
    extensions: tuple[bytes, ...] = ()
    mails: list[tuple[list[str], bytes]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    port: int = 0

    def talk(self, conn: socket.socket) -> None:
        reader = conn.makefile("rb")
        to: list[str] = []
        conn.sendall(self.greeting)
        for raw in reader:
            line = raw.decode().strip()
            verb = line.split(":")[0].split(" ")[0].upper()
            self.commands.append(line)
            if verb == self.die:
                return
            if verb == "EHLO":
                names = [b"test", *self.extensions]
                last = len(names) - 1
                conn.sendall(
                    b"".join(b"250%s%s\r\n" % (b" " if i == last else b"-", n) for i, n in enumerate(names))
                )
            elif verb == "MAIL":
                to = []
                conn.sendall(self.sender_code)
            elif verb == "RCPT":
                address = line.split("<")[1].split(">")[0]
                if address in self.refuse:
                    conn.sendall(b"550 no such mailbox\r\n")
                else:
                    to.append(address)
                    conn.sendall(b"250 ok\r\n")
            elif verb == "DATA":
                conn.sendall(b"354 go on\r\n")
                lines = iter(reader.readline, b".\r\n")
                self.mails.append((to, b"".join(lines)))
                if self.die == "TAKEN":
                    return
                conn.sendall(self.data_code)
            elif verb == "QUIT":
                conn.sendall(b"221 bye\r\n")
                return
            elif verb == "AUTH":
                conn.sendall(b"535 wrong\r\n")
            else:
                conn.sendall(b"250 ok\r\n")

    @property
    def server(self) -> MailServer:
        return MailServer("127.0.0.1", self.port, "golive@demo.test", timeout=WAIT)


@contextlib.contextmanager
def running(mailbox: Mailbox) -> Iterator[Mailbox]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    mailbox.port = listener.getsockname()[1]
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                conn, _ = listener.accept()
            except OSError:
                continue
            conn.settimeout(WAIT)
            with conn, contextlib.suppress(OSError):
                mailbox.talk(conn)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield mailbox
    finally:
        stop.set()
        thread.join()
        listener.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "announcements.json"


def postbox(mailbox: Mailbox, path: Path) -> Postbox:
    return Postbox(mailbox.server, path, "Pays d’essai")


def announce(mailbox: Mailbox, path: Path, audience: Audience = STAFF) -> _announce.Told:
    box = postbox(mailbox, path)
    return box.announce(audience, TEXT, box.message_id("announcement", "run 1", audience.name))


def test_each_audience_is_told_once(path: Path) -> None:
    with running(Mailbox()) as mailbox:
        first, second = announce(mailbox, path), announce(mailbox, path)
    assert (first.accepted, first.sent_now, second.accepted, second.sent_now) == (2, 2, 2, 0)
    ((to, raw),) = mailbox.mails
    assert to == list(STAFF.to)
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert message["Subject"] == "Le registre est ouvert"
    assert message["Message-ID"] == "<announcement.run-1.staff@demo.test>" == first.message_id
    assert message["To"] == "staff:;"
    assert message["From"] == "Pays d’essai <golive@demo.test>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().splitlines() == ["Bonjour à tous."]
    assert message.get_content_type() == "text/plain"
    assert b"ana@demo.test" not in raw, "addresses travel in the envelope only"


def test_the_note_holds_no_address(path: Path) -> None:
    with running(Mailbox()) as mailbox:
        announce(mailbox, path)
    assert "ana" not in path.read_text()
    (entry,) = (_kept.recall(path) or {}).values()
    assert entry["sent"]
    assert len(entry["accepted"]) == 2


def test_a_death_between_the_yes_and_the_note_sends_again_under_the_same_id(path: Path) -> None:
    with running(Mailbox(die="TAKEN")) as mailbox:
        with pytest.raises(ProbeError):
            announce(mailbox, path)
        (entry,) = (_kept.recall(path) or {}).values()
        assert entry["intended"]
        assert entry["sent"] is None
        mailbox.die = ""
        assert announce(mailbox, path).sent_now == 2
    ids = {email.message_from_bytes(raw)["Message-ID"] for _, raw in mailbox.mails}
    assert len(mailbox.mails) == 2
    assert ids == {"<announcement.run-1.staff@demo.test>"}


def test_a_refused_address_is_told_and_only_it_is_tried_again(path: Path) -> None:
    with running(Mailbox(refuse={"ben@demo.test"})) as mailbox:
        with pytest.raises(
            GoliveError, match=r"1 of 2 addresses .* staff were refused.* b\*\*\*@demo\.test: 550"
        ) as e:
            announce(mailbox, path)
        assert "ben@" not in str(e.value)
        mailbox.refuse = set()
        assert announce(mailbox, path).sent_now == 1
    assert [to for to, _ in mailbox.mails] == [["ana@demo.test"], ["ben@demo.test"]]


def test_all_refused(path: Path) -> None:
    with (
        running(Mailbox(refuse=set(STAFF.to))) as mailbox,
        pytest.raises(GoliveError, match="2 of 2 addresses"),
    ):
        announce(mailbox, path)


def test_an_address_added_later_is_told_alone(path: Path) -> None:
    with running(Mailbox()) as mailbox:
        announce(mailbox, path)
        announce(mailbox, path, replace(STAFF, to=(*STAFF.to, "cleo@demo.test")))
    assert [to for to, _ in mailbox.mails] == [list(STAFF.to), ["cleo@demo.test"]]


@pytest.mark.parametrize("field_", ["sender_code", "data_code"])
def test_a_message_the_server_will_not_have(path: Path, field_: str) -> None:
    with (
        running(Mailbox(**{field_: b"554 not from you\r\n"})) as mailbox,
        pytest.raises(GoliveError, match="refuses the message: 554 not from you") as caught,
    ):
        announce(mailbox, path)
    assert not isinstance(caught.value, ProbeError)


# -- the server's gate -----------------------------------------------------------------------------


def test_a_server_in_order_is_asked_without_sending(path: Path) -> None:
    with running(Mailbox()) as mailbox:
        assert "takes mail from golive@demo.test, without TLS" in _announce.check_server(mailbox.server)
    assert mailbox.mails == []
    assert not any(c.upper().startswith(("RCPT", "DATA")) for c in mailbox.commands)


def test_a_sender_that_is_refused() -> None:
    with (
        running(Mailbox(sender_code=b"553 who are you\r\n")) as mailbox,
        pytest.raises(GoliveError, match=r"takes no mail from golive@demo\.test: 553 who are you"),
    ):
        _announce.check_server(mailbox.server)


def test_starttls_that_is_not_offered() -> None:
    with (
        running(Mailbox()) as mailbox,
        pytest.raises(GoliveError, match="doesn't offer STARTTLS") as caught,
    ):
        _announce.check_server(replace(mailbox.server, tls="starttls"))
    assert not isinstance(caught.value, ProbeError)


def test_a_wrong_password_is_refused_and_not_repeated() -> None:
    with (
        running(Mailbox(extensions=(b"AUTH PLAIN LOGIN",))) as mailbox,
        pytest.raises(GoliveError, match="refuses the login me: 535") as caught,
    ):
        _announce.check_server(replace(mailbox.server, user="me", password="canary-of-mail"))
    assert "canary" not in str(caught.value) + repr(mailbox.server)


@pytest.mark.parametrize(
    "mailbox",
    [
        Mailbox(greeting=b"554 go away\r\n"),
        Mailbox(greeting=b"HTTP/1.1 400 Bad Request\r\n"),
        Mailbox(die="EHLO"),
        Mailbox(die="MAIL"),
    ],
)
def test_a_server_that_does_not_talk_is_unknown(mailbox: Mailbox) -> None:
    with running(mailbox), pytest.raises(ProbeError):
        _announce.check_server(mailbox.server)


def test_no_server_and_a_silent_one_are_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = MailServer("127.0.0.1", port, "golive@demo.test", timeout=0.3)
        with pytest.raises(ProbeError, match="timed out"):
            _announce.check_server(server)
    with pytest.raises(ProbeError, match="refused"):
        _announce.check_server(server)


# -- texts and audiences ---------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "Hello\n\nthere", "Subject:\n\nx", "Subject: x\n\n  \n"])
def test_a_text_without_subject_or_body(text: str) -> None:
    with pytest.raises(GoliveError, match="Subject: "):
        _announce.split_text(text)


@pytest.mark.parametrize(
    ("audiences", "words"),
    [
        ([], "is empty"),
        ([Audience("", "fr", ("a@b.test",))], "is called ''"),
        ([Audience("a b", "fr", ("a@b.test",))], "is called 'a b'"),
        ([STAFF, STAFF], "there twice"),
        ([replace(STAFF, language="to")], "no announcement in the language 'to'"),
        ([replace(STAFF, to=())], "has no address"),
        ([replace(STAFF, to=("a@b.test", "nobody"))], "Address 2 of the audience staff isn't"),
        ([replace(STAFF, to=("a@b.test\nBcc: x@y.test",))], "isn't a mail address"),
    ],
)
def test_audiences_that_cannot_be_told(audiences: list[Audience], words: str) -> None:
    with pytest.raises(GoliveError, match=words):
        _announce.check_audiences(audiences, ["en", "fr"])


def test_audiences_in_order() -> None:
    assert _announce.check_audiences([STAFF], ["fr"]) == "1 audiences with 2 addresses: staff."
    assert Audience.from_dict({"name": "x", "language": "en", "to": "a@b.test"}).to == ("a@b.test",)
