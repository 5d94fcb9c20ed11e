# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The opening of PostgreSQL's protocol, against a server that plays one part at a time."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _knock
from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._knock import knock
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin

OK = b"R" + struct.pack("!ii", 8, 0)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def error(sqlstate: str, text: str) -> bytes:
    return message(b"E", f"SFATAL\0VFATAL\0C{sqlstate}\0M{text}\0\0".encode())


@contextmanager
def server(play: Callable[[socket.socket], None]) -> Iterator[PostgresLogin]:
    """One connection, played on a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _peer = listener.accept()
            with sock:
                (size,) = struct.unpack("!i", sock.recv(4))
                sock.recv(size - 4)
                play(sock)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        yield PostgresLogin("127.0.0.1", port, "odoo", "pw", "reg", ssl_mode="disable", connect_timeout=5)
        thread.join(5)


def says(*parts: bytes) -> Callable[[socket.socket], None]:
    return lambda sock: sock.sendall(b"".join(parts))


def test_an_open_door() -> None:
    settings = message(b"S", b"in_hot_standby\0off\0")
    with server(says(OK, settings, message(b"Z", b"I"))) as login:
        answer = knock(login)
    assert answer.opened
    assert answer.settings == {"in_hot_standby": "off"}


def test_a_refusal_after_the_password_is_an_answer_in_any_language() -> None:
    with server(says(OK, error("28000", "le rôle « odoo » n'est pas autorisé à se connecter"))) as login:
        answer = knock(login)
    assert not answer.opened
    assert answer.sqlstate == "28000"


@pytest.mark.parametrize("sqlstate", ["28P01", "28000", "3D000", "53300"])
def test_a_refusal_before_the_password_counts_is_none(sqlstate: str) -> None:
    with server(says(error(sqlstate, "no"))) as login, pytest.raises(ProbeError, match=sqlstate):
        knock(login)


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        OK,
        message(b"R", struct.pack("!i", 7)),
        message(b"R", b""),
        message(b"E", b"\0"),
        b"R" + struct.pack("!i", 1 << 30),
    ],
)
def test_no_sense_is_no_answer(part: bytes) -> None:
    with server(says(part)) as login, pytest.raises(ProbeError):
        knock(login)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    login = PostgresLogin("127.0.0.1", port, "odoo", "pw", "reg", ssl_mode="disable", connect_timeout=2)
    with pytest.raises(ProbeError, match="No usable answer"):
        knock(login)


def test_a_password_never_goes_in_clear() -> None:
    with server(says(message(b"R", struct.pack("!i", 3)))) as login, pytest.raises(ProbeError, match="TLS"):
        knock(login)


def test_tls_is_not_given_up() -> None:
    with server(says(b"N")) as login, pytest.raises(ProbeError, match="verify-full asks for it"):
        knock(login.__class__(**{**vars(login), "ssl_mode": "verify-full"}))


def test_md5_as_the_server_checks_it() -> None:
    login = PostgresLogin("h", 1, "u", "p", "d")
    assert _knock._md5(login, b"\1\2\3\4") == b"md5facdc455923b0a58efea84a6d9ee0e76"


def test_scram_as_the_standard_shows_it() -> None:
    """RFC 7677, section 3, with the user name PostgreSQL leaves empty put back."""
    scram = _knock._Scram("pencil", nonce="rOprNGfwEbeRWgbNEkqO")
    scram._bare = f"n=user,r={scram._nonce}"
    answer = scram.final(
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    assert answer.endswith(b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")


def test_somebody_elses_nonce_is_refused() -> None:
    with pytest.raises(ValueError, match="nonce"):
        _knock._Scram("pencil", nonce="ours").final(b"r=theirs,s=W22Z,i=4096")
