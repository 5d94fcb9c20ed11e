# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real handshakes with a server in a thread: every way a certificate can be wrong has its own sentence."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _tls
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "dfr.demo.test"


class Authority:
    """A throw-away CA that writes what a server needs into one file."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(self.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .add_extension(_usage(), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *, starts: timedelta, ends: timedelta) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + starts)
            .not_valid_after(now + ends)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )
        path = self.folder / f"server-{certificate.serial_number}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return path


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "ca")


@contextlib.contextmanager
def served(pem: Path | None) -> Iterator[int]:
    """A listener on a free port: TLS with ``pem``, plain text with None."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    stop = threading.Event()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if pem:
        context.load_cert_chain(pem)

    def answer() -> None:
        while not stop.is_set():
            try:
                conn, _ = listener.accept()
            except OSError:
                continue
            with conn, contextlib.suppress(OSError):
                conn.settimeout(2)
                if pem is None:
                    conn.sendall(b"220 not TLS at all\r\n" * 4)
                    continue
                with context.wrap_socket(conn, server_side=True) as tls:
                    tls.recv(1)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        thread.join()
        listener.close()


def valid(authority: Authority, name: str = NAME, days: int = 40) -> Path:
    return authority.issue(name, starts=timedelta(days=-1), ends=timedelta(days=days))


def probe(port: int, authority: Authority, **kwargs: object) -> _tls.Certificate:
    return _tls.probe_certificate("127.0.0.1", port, NAME, ca_path=str(authority.path), timeout=2, **kwargs)


def test_a_good_certificate_is_described(authority: Authority) -> None:
    with served(valid(authority)) as port:
        seen = probe(port, authority)
    assert (seen.subject, seen.issuer, seen.names) == (NAME, "ca", (NAME,))
    assert seen.days_left == 39
    assert seen.protocol == "TLSv1.3"
    assert seen.as_dict()["not_after"] == seen.not_after.isoformat()


def test_days_left_follow_the_clock_that_was_given(authority: Authority) -> None:
    with served(valid(authority)) as port:
        seen = probe(port, authority, now=lambda: datetime.now(UTC) + timedelta(days=30))
    assert seen.days_left == 9
    with pytest.raises(_tls.CertificateError, match=r"in 9 days; at least 14 are asked for") as caught:
        _tls.require_days(seen, 14)
    assert caught.value.reason == "expires_soon"
    assert _tls.require_days(seen, 9) is seen


@pytest.mark.parametrize(
    ("starts", "ends", "reason", "words"),
    [
        (-10, -1, "expired", r"served at 127\.0\.0\.1:\d+ expired on \d{4}-"),
        (1, 10, "not_yet_valid", r"starts only on \d{4}-"),
    ],
)
def test_dates(authority: Authority, starts: int, ends: int, reason: str, words: str) -> None:
    pem = authority.issue(NAME, starts=timedelta(days=starts), ends=timedelta(days=ends))
    with served(pem) as port, pytest.raises(_tls.CertificateError, match=words) as caught:
        probe(port, authority)
    assert caught.value.reason == reason


def test_wrong_name_says_which_names_it_has(authority: Authority) -> None:
    with (
        served(valid(authority, "staging.demo.test")) as port,
        pytest.raises(
            _tls.CertificateError, match=r"not valid for dfr\.demo\.test; it is valid for stag"
        ) as e,
    ):
        probe(port, authority)
    assert e.value.reason == "wrong_name"


def test_unknown_authority(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    with (
        served(valid(other)) as port,
        pytest.raises(_tls.CertificateError, match=r"not trusted by .*ca\.pem: its issuer") as caught,
    ):
        probe(port, authority)
    assert caught.value.reason == "unknown_ca"


def test_plain_text_is_a_failed_handshake(authority: Authority) -> None:
    with served(None) as port, pytest.raises(GoliveError):
        probe(port, authority)


def test_refused_is_no_answer(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ProbeError, match="connection refused, nothing listens there"):
        probe(port, authority)


def test_silence_is_no_answer(authority: Authority) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(ProbeError, match=r"no answer within 0\.3 s"),
    ):
        _tls.probe_certificate(
            "127.0.0.1", listener.getsockname()[1], NAME, ca_path=str(authority.path), timeout=0.3
        )


def test_a_missing_bundle_names_the_variable() -> None:
    with pytest.raises(GoliveError, match="golive_ca_path"):
        _tls.probe_certificate("127.0.0.1", 1, NAME, ca_path="/nowhere/ca.pem")
