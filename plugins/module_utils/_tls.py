# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which certificate a server shows for a name, judged as a browser would judge it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line

# OpenSSL's X509_V_ERR_* that mean something an operator can act upon.
_NOT_YET_VALID, _EXPIRED, _HOSTNAME, _ADDRESS = 9, 10, 62, 64
_NO_CHAIN = {
    18: "it is signed by itself",
    19: "its chain ends in a certificate that signs itself and isn't in the CA bundle",
    20: "its issuer isn't in the CA bundle and wasn't sent along",
    21: "its chain can't be built",
    2: "its issuer isn't in the CA bundle and wasn't sent along",
}
# X509_V_FLAG_NO_CHECK_TIME: only used to read the dates out of a certificate already refused for them.
_NO_CHECK_TIME = 0x200000


class CertificateError(GoliveError):
    """The server answered, and what it showed is not good for the name.

    Attributes:
        reason: ``expired``, ``not_yet_valid``, ``wrong_name``, ``unknown_ca``, ``too_old`` or ``handshake``.
    """

    def __init__(self, reason: str, sentence: str, *, remedy: str = "") -> None:
        super().__init__(sentence, remedy=remedy)
        self.reason = reason


@dataclass(frozen=True)
class Certificate:
    """A certificate that passed every check.

    Attributes:
        address, port: where it was served.
        name: the name asked for (SNI) and verified.
        subject, issuer: their common names, or the whole distinguished name when there is none.
        names: what the certificate is valid for (subject alternative names).
        not_before, not_after: UTC.
        days_left: whole days until ``not_after``, rounded down.
        protocol: for example ``TLSv1.3``.
    """

    address: str
    port: int
    name: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    days_left: int
    protocol: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "address": self.address,
            "port": self.port,
            "name": self.name,
            "subject": self.subject,
            "issuer": self.issuer,
            "names": list(self.names),
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
            "days_left": self.days_left,
            "protocol": self.protocol,
        }


def utc_now() -> datetime:
    return datetime.now(UTC)


def trust(ca_path: str) -> ssl.SSLContext:
    """A client context that trusts one CA bundle, or the system's store when ``ca_path`` is empty.

    Raises:
        GoliveError: the bundle can't be read.
    """
    try:
        context = ssl.create_default_context(cafile=ca_path or None)
    except (OSError, ssl.SSLError) as exc:
        raise GoliveError(
            f"The CA bundle {ca_path} can't be read on this host: {one_line(exc)}.",
            remedy="Check golive_ca_path, and that playbooks/prepare.yml ran.",
        ) from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def probe_certificate(
    address: str,
    port: int,
    name: str,
    *,
    ca_path: str = "",
    timeout: float = 10.0,
    now: Callable[[], datetime] = utc_now,
) -> Certificate:
    """Ask ``address:port`` for the certificate of ``name`` and verify chain, name and dates.

    Raises:
        CertificateError: a certificate was shown (or a handshake tried) and it isn't acceptable.
        ProbeError: nothing usable came back: refused, unreachable or silent for ``timeout`` seconds.
        GoliveError: the CA bundle is unreadable.
    """
    context = trust(ca_path)
    where = f"{address}:{port}"
    try:
        raw, protocol = _handshake(context, address, port, name, timeout)
    except ssl.SSLCertVerificationError as exc:
        raise _explain(exc, address, port, name, ca_path, timeout) from exc
    except ssl.SSLError as exc:
        raise _explain_handshake(exc, where, name) from exc
    except OSError as exc:
        raise _unreachable(exc, where, name, timeout) from exc
    not_before, not_after = _date(raw, "notBefore"), _date(raw, "notAfter")
    return Certificate(
        address=address,
        port=port,
        name=name,
        subject=_common_name(raw.get("subject", ())),
        issuer=_common_name(raw.get("issuer", ())),
        names=_names(raw),
        not_before=not_before,
        not_after=not_after,
        days_left=(not_after - now()).days,
        protocol=protocol,
    )


def require_days(certificate: Certificate, days: int) -> Certificate:
    """The certificate itself, if it stays valid for ``days`` more days.

    Raises:
        CertificateError: it ends sooner.
    """
    if certificate.days_left < days:
        raise CertificateError(
            "expires_soon",
            f"The certificate of {certificate.name} at {certificate.address}:{certificate.port} ends on"
            f" {certificate.not_after:%Y-%m-%d %H:%M} UTC, in {certificate.days_left} days;"
            f" at least {days} are asked for.",
            remedy="Renew the certificate on the proxy and reload it.",
        )
    return certificate


def _handshake(
    context: ssl.SSLContext, address: str, port: int, name: str, timeout: float
) -> tuple[dict[str, Any], str]:
    with (
        socket.create_connection((address, port), timeout=timeout) as raw,
        context.wrap_socket(raw, server_hostname=name) as tls,
    ):
        certificate: Any = tls.getpeercert()
        return certificate or {}, tls.version() or "unknown"


def _explain(
    exc: ssl.SSLCertVerificationError, address: str, port: int, name: str, ca_path: str, timeout: float
) -> GoliveError:
    """OpenSSL's refusal as a sentence; a second look, with that one check off, gets the dates and names."""
    where = f"{address}:{port}"
    code = exc.verify_code
    if code in (_HOSTNAME, _ADDRESS):
        seen = _look_again(address, port, name, ca_path, timeout)
        good_for = ", ".join(_names(seen)) or "no name at all"
        return CertificateError(
            "wrong_name",
            f"The certificate served at {where} is not valid for {name}; it is valid for {good_for}.",
            remedy=f"Install the certificate of {name} on the proxy, or correct golive_fqdn.",
        )
    if code in (_EXPIRED, _NOT_YET_VALID):
        seen = _look_again(address, port, name, ca_path, timeout)
        key, verb = ("notAfter", "expired") if code == _EXPIRED else ("notBefore", "starts only")
        when = f" on {_date(seen, key):%Y-%m-%d %H:%M} UTC" if key in seen else ""
        return CertificateError(
            "expired" if code == _EXPIRED else "not_yet_valid",
            f"The certificate of {name} served at {where} {verb}{when}.",
            remedy="Install a valid certificate on the proxy, and check the clocks of both hosts.",
        )
    bundle = ca_path or "the system's CA store"
    why = _NO_CHAIN.get(code, one_line(exc.verify_message))
    return CertificateError(
        "unknown_ca",
        f"The certificate of {name} served at {where} is not trusted by {bundle}: {why}.",
        remedy="Serve the full chain, or put the issuing CA into the bundle of golive_ca_path.",
    )


def _look_again(address: str, port: int, name: str, ca_path: str, timeout: float) -> dict[str, Any]:
    """The refused certificate's contents, its chain still verified; empty when it can't be had."""
    context = trust(ca_path)
    context.check_hostname = False
    context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
    try:
        return _handshake(context, address, port, name, timeout)[0]
    except (OSError, ssl.SSLError):
        return {}


def _explain_handshake(exc: ssl.SSLError, where: str, name: str) -> GoliveError:
    text = one_line(exc.reason or exc)
    if "PROTOCOL_VERSION" in text or "UNSUPPORTED_PROTOCOL" in text:
        return CertificateError(
            "too_old",
            f"The server at {where} offers nothing newer than TLS 1.1 for {name}.",
            remedy="Allow TLS 1.2 and 1.3 on the proxy.",
        )
    return CertificateError(
        "handshake",
        f"The server at {where} doesn't complete a TLS handshake for {name}: {text}.",
        remedy="Check that this port speaks TLS and that the proxy has a certificate for the name.",
    )


def _unreachable(exc: OSError, where: str, name: str, timeout: float) -> ProbeError:
    if isinstance(exc, TimeoutError):
        why = f"no answer within {timeout:g} s"
    elif isinstance(exc, ConnectionRefusedError):
        why = "connection refused, nothing listens there"
    elif isinstance(exc, ConnectionResetError):
        why = "the connection was cut during the handshake"
    else:
        why = one_line(exc)
    return ProbeError(
        f"The certificate of {name} could not be read at {where}: {why}.",
        remedy="Check that the proxy runs and that this host may reach it.",
    )


def _date(raw: dict[str, Any], key: str) -> datetime:
    try:
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(raw[key]), UTC)
    except (KeyError, ValueError) as exc:
        raise ProbeError(f"The certificate carries no readable {key}.") from exc


def _names(raw: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(value) for kind, value in raw.get("subjectAltName", ()) if kind in ("DNS", "IP Address"))


def _common_name(parts: Iterable[Iterable[tuple[str, str]]]) -> str:
    pairs = [pair for rdn in parts for pair in rdn]
    common = [value for key, value in pairs if key == "commonName"]
    return common[0] if common else ", ".join(f"{key}={value}" for key, value in pairs)
