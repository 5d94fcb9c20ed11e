# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail to audiences, each once, whatever happens in between.

Exactly once can't be had over SMTP: a sender that dies after the server took the message and before it noted
so can't know. What is to be sent is noted before, what was accepted after, address by address; in the gap
between the two the message goes out again, under the same Message-ID, so that mail servers and readers can
tell that it is the same. A second copy does less harm than an audience that never hears of it.

Nothing here imports Ansible: the hypercare watch runs this file on its own.
"""

from __future__ import annotations

import hashlib
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address, Group
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _kept
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._tls import trust, utc_now

_ADDRESS = re.compile(r"[^@\s<>,;:\"()\\]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


MAIL_OPTIONS: dict[str, Any] = {
    "mail_host": {"type": "str", "required": True},
    "mail_port": {"type": "int", "default": 25},
    "mail_sender": {"type": "str", "required": True},
    "mail_user": {"type": "str", "default": ""},
    "mail_password": {"type": "str", "default": "", "no_log": True},
    "mail_tls": {"type": "str", "default": "never", "choices": ["never", "starttls", "tls"]},
    "ca_path": {"type": "str", "default": ""},
}


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed over, see golive_mail.

    Attributes:
        tls: ``never``, ``starttls`` (must be offered) or ``tls`` (from the first byte).
        ca_path: CA bundle for the server's certificate; the system's store when empty.
        timeout: seconds for each step of the conversation.
    """

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    tls: str = "never"
    ca_path: str = ""
    timeout: float = 15.0

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> MailServer:
        """From a module's parameters, see `MAIL_OPTIONS`."""
        named = {name.removeprefix("mail_"): params[name] for name in MAIL_OPTIONS}
        return cls(**named)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], ca_path: str = "") -> MailServer:
        return cls(
            host=str(raw["host"]),
            port=int(raw["port"]),
            sender=str(raw["sender"]),
            user=str(raw.get("user") or ""),
            password=str(raw.get("password") or ""),
            tls=str(raw.get("tls") or "never"),
            ca_path=ca_path,
        )

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def domain(self) -> str:
        return self.sender.rpartition("@")[2]


@dataclass(frozen=True)
class Audience:
    """Some people who are told the same, in the same language."""

    name: str
    language: str
    to: tuple[str, ...]

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Audience:
        to = raw.get("to") or ()
        return cls(
            str(raw.get("name") or ""),
            str(raw.get("language") or ""),
            (to,) if isinstance(to, str) else tuple(map(str, to)),
        )


def check_audiences(audiences: Sequence[Audience], languages: Sequence[str]) -> str:
    """Whether there is somebody to tell, at addresses that can be, in a language that there is.

    Raises:
        GoliveError: the first thing that is wrong.
    """
    remedy = "Correct start_hypercare_audiences: a list of {name, language, to: [addresses]}."
    if not audiences:
        raise GoliveError(
            "start_hypercare_audiences is empty: nobody would hear that the registry is open.", remedy=remedy
        )
    names = [audience.name for audience in audiences]
    for audience in audiences:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", audience.name):
            raise GoliveError(
                f"An audience is called {audience.name!r}; use letters, digits, - and _.",
                remedy=remedy,
            )
        if names.count(audience.name) > 1:
            raise GoliveError(f"The audience {audience.name} is there twice.", remedy=remedy)
        if audience.language not in languages:
            raise GoliveError(
                f"There is no announcement in the language {audience.language!r} of the audience"
                f" {audience.name}; there is {', '.join(sorted(languages)) or 'none'}.",
                remedy="Add announcement.<language>.txt.j2 to the folder of start_hypercare_templates_dir.",
            )
        if not audience.to:
            raise GoliveError(f"The audience {audience.name} has no address.", remedy=remedy)
        for number, address in enumerate(audience.to, 1):
            if not _ADDRESS.fullmatch(address):
                raise GoliveError(
                    f"Address {number} of the audience {audience.name} isn't a mail address.", remedy=remedy
                )
    total = sum(len(audience.to) for audience in audiences)
    return f"{len(audiences)} audiences with {total} addresses: {', '.join(names)}."


@contextmanager
def connected(server: MailServer) -> Iterator[smtplib.SMTP]:
    """A conversation with the mail server: greeted, encrypted and logged in as golive_mail says.

    Raises:
        ProbeError: it doesn't answer, or not as a mail server does.
        GoliveError: it answers, and says no: no TLS, a bad certificate, a wrong password.
    """
    try:
        smtp = _greet(server)
    except smtplib.SMTPException as exc:
        raise ProbeError(
            f"The mail server {server.where} doesn't greet as one: {one_line(exc)}.",
            remedy="Check golive_mail.host, golive_mail.port and golive_mail.tls.",
        ) from exc
    except ssl.SSLCertVerificationError as exc:
        raise _bad_certificate(server, exc) from exc
    except OSError as exc:
        raise _silent(server, exc) from exc
    try:
        _log_in(smtp, server)
        yield smtp
        smtp.quit()
    except ssl.SSLCertVerificationError as exc:
        raise _bad_certificate(server, exc) from exc
    except OSError as exc:  # SMTPException is one; what a caller must tell apart it has caught itself
        raise _silent(server, exc) from exc
    finally:
        smtp.close()


def _greet(server: MailServer) -> smtplib.SMTP:
    name = socket.gethostname()
    if server.tls == "tls":
        return smtplib.SMTP_SSL(
            server.host, server.port, name, timeout=server.timeout, context=trust(server.ca_path)
        )
    return smtplib.SMTP(server.host, server.port, name, timeout=server.timeout)


def _log_in(smtp: smtplib.SMTP, server: MailServer) -> None:
    smtp.ehlo_or_helo_if_needed()
    if server.tls == "starttls":
        if not smtp.has_extn("starttls"):
            raise GoliveError(
                f"The mail server {server.where} doesn't offer STARTTLS.",
                remedy="Have it offer STARTTLS, or choose another golive_mail.tls.",
            )
        smtp.starttls(context=trust(server.ca_path))
        smtp.ehlo()
    if not server.user:
        return
    try:
        smtp.login(server.user, server.password)
    except smtplib.SMTPAuthenticationError as exc:
        raise GoliveError(
            f"The mail server {server.where} refuses the login {server.user}: {exc.smtp_code}.",
            remedy="Correct golive_mail.user and golive_mail.password.",
        ) from exc
    except smtplib.SMTPNotSupportedError as exc:
        raise GoliveError(
            f"The mail server {server.where} takes no login on this connection.",
            remedy="Empty golive_mail.user, or choose the golive_mail.tls it wants for logins.",
        ) from exc


def _silent(server: MailServer, exc: OSError) -> ProbeError:
    why = "no answer in time" if isinstance(exc, TimeoutError) else one_line(exc, 160)
    return ProbeError(
        f"The mail server {server.where} gives no usable answer: {why}.",
        remedy="Check that it runs, golive_mail.host and golive_mail.port, and the firewall.",
    )


def _bad_certificate(server: MailServer, exc: ssl.SSLCertVerificationError) -> GoliveError:
    return GoliveError(
        f"The certificate of the mail server {server.where} isn't good: {one_line(exc.verify_message)}.",
        remedy="Mend the certificate, or put its CA into the bundle of golive_ca_path.",
    )


def check_server(server: MailServer) -> str:
    """Whether the server would take mail from our sender; no mail is sent.

    Raises:
        ProbeError, GoliveError: as `connected`, or the sender is refused.
    """
    with connected(server) as smtp:
        code, said = smtp.mail(server.sender)
        smtp.rset()
    if code != 250:
        raise GoliveError(
            f"The mail server {server.where} takes no mail from {server.sender}: {code} {_text(said)}.",
            remedy="Correct golive_mail.sender, or let this host send through the server.",
        )
    how = {"never": "without TLS", "starttls": "over STARTTLS", "tls": "over TLS"}[server.tls]
    return f"{server.where} takes mail from {server.sender}, {how}."


def _text(said: bytes | str) -> str:
    return one_line(said.decode("utf-8", "replace") if isinstance(said, bytes) else said, 120)


def split_text(text: str) -> tuple[str, str]:
    """A rendered template: ``Subject: ...`` on its first line, then the body.

    Raises:
        GoliveError: no subject, or no body.
    """
    first, _line, rest = text.strip().partition("\n")
    subject, body = first.removeprefix("Subject:").strip(), rest.strip()
    if first == first.removeprefix("Subject:") or not subject or not body:
        raise GoliveError(
            "An announcement has to start with a line 'Subject: ...', followed by an empty line and the text."
        )
    return subject, body + "\n"


def compose(
    server: MailServer, *, title: str, to: str, text: str, message_id: str, now: datetime
) -> EmailMessage:
    """A plain-text message in UTF-8 to a named group; the addresses travel in the envelope only."""
    subject, body = split_text(text)
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = Address(title, addr_spec=server.sender)
    message["To"] = Group(to, ())
    message["Subject"] = subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body, charset="utf-8", cte="quoted-printable")
    return message


def deliver(
    smtp: smtplib.SMTP, server: MailServer, message: EmailMessage, to: Sequence[str]
) -> dict[str, str]:
    """Hand one message over for several addresses; returns the refused ones with the server's words.

    Raises:
        GoliveError: the server takes neither sender nor text.
        ProbeError: the conversation broke; whether the message was taken isn't known.
    """
    try:
        refused = smtp.send_message(message, server.sender, list(to))
    except smtplib.SMTPRecipientsRefused as exc:
        refused = exc.recipients
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as exc:
        raise GoliveError(
            f"The mail server {server.where} refuses the message: {exc.smtp_code} {_text(exc.smtp_error)}.",
            remedy="Ask whoever runs the mail server; golive_mail.sender may not be allowed.",
        ) from exc
    return {address: f"{code} {_text(said)}" for address, (code, said) in refused.items()}


def _mark(address: str) -> str:
    """What is noted instead of an address: enough to know it again, not to read it."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()[:16]


def _veiled(address: str) -> str:
    local, _at, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


@dataclass(frozen=True)
class Told:
    """What became of one audience.

    Attributes:
        name: the audience.
        message_id: the message's, the same on every try.
        accepted: addresses that the server has accepted, in all runs together.
        sent_now: addresses that it accepted in this run.
    """

    name: str
    message_id: str
    accepted: int
    sent_now: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "message_id": self.message_id,
            "accepted": self.accepted,
            "sent_now": self.sent_now,
        }


class Postbox:
    """Announces to audiences and remembers it in a file, see the head of this module.

    Attributes:
        server: see `MailServer`.
        path: the file; ``{message id: {audience, intended, accepted: [marks], sent}}``.
        title: display name of the sender.
        open_server: replaced in tests.
    """

    def __init__(
        self,
        server: MailServer,
        path: Path,
        title: str,
        *,
        now: Callable[[], datetime] = utc_now,
        open_server: Callable[[MailServer], Any] = connected,
    ) -> None:
        self.server, self.path, self.title = server, path, title
        self.now, self.open_server = now, open_server

    def message_id(self, *parts: str) -> str:
        safe = ".".join(re.sub(r"[^A-Za-z0-9_-]+", "-", part) for part in parts)
        return f"<{safe}@{self.server.domain}>"

    def missing(self, audience: Audience, message_id: str) -> tuple[str, ...]:
        """Addresses of an audience that the server hasn't accepted yet."""
        done = (_kept.recall(self.path) or {}).get(message_id, {}).get("accepted", [])
        return tuple(address for address in audience.to if _mark(address) not in done)

    def announce(self, audience: Audience, text: str, message_id: str) -> Told:
        """Tell one audience, leaving out who has been told.

        Raises:
            GoliveError: some address or the whole message was refused.
            ProbeError: the conversation broke.
        """
        missing = self.missing(audience, message_id)
        if missing:
            message = compose(
                self.server,
                title=self.title,
                to=audience.name,
                text=text,
                message_id=message_id,
                now=self.now(),
            )
            self._note(audience, message_id, accepted=())
            with self.open_server(self.server) as smtp:
                refused = deliver(smtp, self.server, message, missing)
            self._note(audience, message_id, accepted=[a for a in missing if a not in refused])
            if refused:
                address, said = next(iter(refused.items()))
                raise GoliveError(
                    f"{len(refused)} of {len(audience.to)} addresses of the audience {audience.name} were"
                    f" refused, the first is {_veiled(address)}: {said}.",
                    remedy="Correct start_hypercare_audiences and run again; who was told isn't told twice.",
                )
        return Told(audience.name, message_id, len(audience.to), len(missing))

    def _note(self, audience: Audience, message_id: str, accepted: Sequence[str]) -> None:
        state = _kept.recall(self.path) or {}
        stamp = self.now().astimezone(UTC).isoformat(timespec="seconds")
        entry = state.setdefault(
            message_id, {"audience": audience.name, "intended": stamp, "accepted": [], "sent": None}
        )
        entry["accepted"] = sorted({*entry["accepted"], *map(_mark, accepted)})
        if all(_mark(address) in entry["accepted"] for address in audience.to):
            entry["sent"] = stamp
        _kept.replace(self.path, state)
