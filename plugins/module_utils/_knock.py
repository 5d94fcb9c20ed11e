# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Knock at a PostgreSQL server as a role, and hear exactly why it doesn't open.

The client library hands out the server's refusal of a login as a sentence in the server's language, without
its SQLSTATE, and doesn't say whether the password had been accepted before. Both decide whether a refusal
proves the fence, so this speaks the opening of the protocol itself: TLS, the password, the answer after it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import ssl
import struct
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin

_PROTOCOL_3 = 196608
_SSL_REQUEST = 80877103
_LARGEST_MESSAGE = 1 << 20


@dataclass(frozen=True)
class Answer:
    """What the server said once the password had been accepted.

    Attributes:
        opened: a session was opened.
        sqlstate, message: why not; empty when it was.
        settings: what the server reports of a session, for example ``in_hot_standby``.
    """

    opened: bool
    sqlstate: str = ""
    message: str = ""
    settings: dict[str, str] = field(default_factory=dict)


def knock(login: PostgresLogin) -> Answer:
    """Try to open a session, and close it at once.

    Raises:
        ProbeError: no answer, TLS failed, or the server refused before it had accepted the password.
    """
    try:
        with _open(login) as sock:
            _send_startup(sock, login)
            return _converse(sock, login)
    except (OSError, ssl.SSLError, EOFError) as exc:
        raise ProbeError(
            f"No usable answer from PostgreSQL to {login.where}: {one_line(exc) or type(exc).__name__}.",
            remedy="Check host, port and CA bundle, and that the server runs.",
        ) from exc
    except (struct.error, ValueError, KeyError, IndexError) as exc:
        raise ProbeError(f"The answer to {login.where} isn't PostgreSQL's: {one_line(exc)}.") from exc


def _open(login: PostgresLogin) -> socket.socket:
    sock = socket.create_connection((login.host, login.port), timeout=login.connect_timeout)
    try:
        if login.ssl_mode == "disable":
            return sock
        sock.sendall(struct.pack("!ii", 8, _SSL_REQUEST))
        if _exactly(sock, 1) == b"S":
            return _tls(login).wrap_socket(sock, server_hostname=login.host)
        if login.ssl_mode != "prefer":
            _without_tls(login)
    except BaseException:
        sock.close()
        raise
    return sock


def _without_tls(login: PostgresLogin) -> NoReturn:
    raise ProbeError(f"The server of {login.where} doesn't speak TLS, {login.ssl_mode} asks for it.")


def _tls(login: PostgresLogin) -> ssl.SSLContext:
    verified = login.ssl_mode.startswith("verify")
    try:
        context = ssl.create_default_context(cafile=login.ca_cert if verified else None)
    except OSError as exc:
        raise GoliveError(
            f"The CA bundle {login.ca_cert} can't be read: {one_line(exc)}.", remedy="Check golive_ca_path."
        ) from exc
    context.check_hostname = login.ssl_mode == "verify-full"
    if not verified:
        context.verify_mode = ssl.CERT_NONE
    return context


def _send_startup(sock: socket.socket, login: PostgresLogin) -> None:
    pairs = {"user": login.user, "database": login.database, "application_name": "dfr.golive canary"}
    body = b"".join(f"{key}\0{value}\0".encode() for key, value in pairs.items()) + b"\0"
    sock.sendall(struct.pack("!ii", len(body) + 8, _PROTOCOL_3) + body)


def _converse(sock: socket.socket, login: PostgresLogin) -> Answer:
    scram: _Scram | None = None
    accepted = False
    settings: dict[str, str] = {}
    for kind, body in _messages(sock):
        if kind == b"E":
            fields = _fields(body)
            if accepted:
                return Answer(False, fields["C"], one_line(fields["M"]), settings)
            raise ProbeError(
                f"PostgreSQL refused {login.where} before its password counted: {one_line(fields['M'])}"
                f" (SQLSTATE {fields['C']}).",
                remedy="Check password, database name and pg_hba.conf: this refusal proves no fence.",
            )
        if kind == b"R":
            (code,) = struct.unpack("!i", body[:4])
            if code == 0:
                accepted = True
            elif code == 3:
                _require_tls(sock, login)
                _send(sock, login.password.encode() + b"\0")
            elif code == 5:
                _send(sock, _md5(login, body[4:8]) + b"\0")
            elif code == 10:
                scram = _Scram(login.password)
                first = scram.first()
                _send(sock, b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first)
            elif code == 11 and scram is not None:
                _send(sock, scram.final(body[4:]))
            elif code != 12:
                raise ProbeError(f"PostgreSQL asks {login.where} for a way to log in that isn't a password.")
        elif kind == b"S":
            name, value, _rest = body.split(b"\0", 2)
            settings[name.decode()] = value.decode()
        elif kind == b"Z":
            sock.sendall(b"X" + struct.pack("!i", 4))
            return Answer(True, settings=settings)
    raise EOFError("the server closed the connection without a word")


def _messages(sock: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    while True:
        head = _exactly(sock, 5)
        (length,) = struct.unpack("!i", head[1:])
        if not 4 <= length <= _LARGEST_MESSAGE:
            raise ValueError(f"a message of {length} bytes")
        yield head[:1], _exactly(sock, length - 4)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise EOFError("the server closed the connection")
        data += more
    return data


def _send(sock: socket.socket, body: bytes) -> None:
    sock.sendall(b"p" + struct.pack("!i", len(body) + 4) + body)


def _fields(body: bytes) -> dict[str, str]:
    parts = (part.decode("utf-8", "replace") for part in body.split(b"\0") if part)
    return {part[0]: part[1:] for part in parts}


def _require_tls(sock: socket.socket, login: PostgresLogin) -> None:
    if not isinstance(sock, ssl.SSLSocket):
        _without_tls(login)


def _md5(login: PostgresLogin, salt: bytes) -> bytes:
    inner = hashlib.md5((login.password + login.user).encode(), usedforsecurity=False).hexdigest()
    return b"md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest().encode()


class _Scram:
    """The client's side of SCRAM-SHA-256 (RFC 5802), without channel binding."""

    def __init__(self, password: str, nonce: str = "") -> None:
        self._password = unicodedata.normalize("NFKC", password).encode()
        self._nonce = nonce or secrets.token_urlsafe(18)
        self._bare = f"n=,r={self._nonce}"

    def first(self) -> bytes:
        return f"n,,{self._bare}".encode()

    def final(self, challenge: bytes) -> bytes:
        text = challenge.decode()
        asked = dict(part.split("=", 1) for part in text.split(","))
        if not asked["r"].startswith(self._nonce):
            raise ValueError("the server's nonce isn't ours continued")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(asked["s"]), int(asked["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = f"c=biws,r={asked['r']}"
        signed = f"{self._bare},{text},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()
