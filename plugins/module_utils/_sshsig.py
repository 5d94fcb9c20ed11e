# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signatures by ``ssh-keygen -Y``: whose key it is is decided here, whether it holds by OpenSSH."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line

SIGNOFF = "signoff@dfr.golive"
WAIVER = "waiver@dfr.golive"
ALLOWED = "allowed_signers"
REVOKED = "revoked_keys"
PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9_@+-]{0,63}\Z")
KEY_TYPES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
_OPTION = r'[a-z-]+(?:="[^"]*")?'
_LINE = re.compile(
    rf"(\S+)[ \t]+(?:({_OPTION}(?:,{_OPTION})*)[ \t]+)?(\S+)[ \t]+([A-Za-z0-9+/=]+)(?:[ \t].*)?\Z"
)
_ARMOUR = re.compile(
    r"-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)-----END SSH SIGNATURE-----\n?\Z", re.ASCII
)
_TIMES = ("%Y%m%dZ", "%Y%m%d%H%MZ", "%Y%m%d%H%M%SZ")
_SECONDS = 20


def fingerprint(blob: bytes) -> str:
    """As ``ssh-keygen -l`` shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class Allowed:
    """One line of allowed_signers: a person, a key, and when it is valid."""

    person: str
    key: bytes
    after: datetime | None
    before: datetime | None

    def why_not(self, at: datetime) -> str:
        """Why the key isn't valid at that time; empty when it is."""
        if self.after and at < self.after:
            return f"is valid only after {self.after:%Y-%m-%d %H:%M} UTC"
        if self.before and at >= self.before:
            return f"expired on {self.before:%Y-%m-%d %H:%M} UTC"
        return ""


def read_allowed(raw: bytes, shown: str) -> list[Allowed]:
    """Every line of an allowed-signers file, each one person and one key of theirs.

    Raises:
        GoliveError: a line says more, or less, than that.
    """
    found: list[Allowed] = []
    for number, line in enumerate(_lines(raw, shown), start=1):
        if not line or line.startswith("#"):
            continue
        where = f"Line {number} of {shown}"
        match = _LINE.match(line)
        if match is None or match[3] not in KEY_TYPES:
            raise GoliveError(
                f"{where} isn't a person, options and a public key.",
                remedy=f'Write it as: <person> valid-before="20270101Z" ssh-ed25519 AAAA… in {shown}.',
            )
        if not PERSON.match(match[1]):
            raise GoliveError(
                f"{where} names {match[1]!r}; one line is for one person.",
                remedy=f"Name one person per line of {shown}, without patterns, lists or dots.",
            )
        found.append(_allowed(match, where, shown))
    by_key: dict[bytes, str] = {}
    for entry in found:
        other = by_key.setdefault(entry.key, entry.person)
        if other != entry.person:
            raise GoliveError(
                f"{shown} gives the key {fingerprint(entry.key)} to both {other} and {entry.person}.",
                remedy=f"Each person signs with a key of their own; correct {shown}.",
            )
    for key in by_key:
        if sum(1 for entry in found if entry.key == key) > 1:
            raise GoliveError(
                f"{shown} has the key {fingerprint(key)} twice.",
                remedy=f"Keep one line for it in {shown}; which validity counts is unclear.",
            )
    return found


def _allowed(match: re.Match[str], where: str, shown: str) -> Allowed:
    key = _key(match[3], match[4], where, shown)
    times: dict[str, datetime] = {}
    for option in re.findall(_OPTION, match[2] or ""):
        name, _equals, value = option.partition("=")
        if name == "namespaces":
            continue
        if name not in ("valid-after", "valid-before") or name in times:
            raise GoliveError(
                f"{where} has the option {name}, which is not taken here.",
                remedy=f"Use namespaces, valid-after and valid-before only, each once, in {shown}.",
            )
        times[name] = _time(value.strip('"'), where, shown)
    return Allowed(match[1], key, times.get("valid-after"), times.get("valid-before"))


def _time(text: str, where: str, shown: str) -> datetime:
    for form in _TIMES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise GoliveError(
        f"{where} has the time {text!r}, which isn't one of UTC.",
        remedy=f"Write it as 20270101Z or 202701011200Z in {shown}: without the Z it means another time elsewhere.",
    )


def _key(kind: str, text: str, where: str, shown: str) -> bytes:
    try:
        blob = base64.b64decode(text, validate=True)
        name, _rest = _string(blob)
    except (binascii.Error, ValueError, struct.error):
        name, blob = b"", b""
    if name != kind.encode():
        raise GoliveError(
            f"{where} has no readable public key.", remedy=f"Paste the .pub file again into {shown}."
        )
    return blob


def check_revoked(raw: bytes, shown: str) -> None:
    """A KRL, or public keys one per line: OpenSSH would read any other line as nothing revoked.

    Raises:
        GoliveError: it is neither.
    """
    if raw.startswith(b"SSHKRL\n\0"):
        return
    for number, line in enumerate(_lines(raw, shown), start=1):
        if line and not line.startswith("#"):
            words = line.split()
            if len(words) < 2 or words[0] not in KEY_TYPES:
                raise GoliveError(
                    f"Line {number} of {shown} is no public key, so nothing would be revoked by it.",
                    remedy=f"Put the whole line of the .pub file into {shown}, or a KRL made by ssh-keygen -k.",
                )
            _key(words[0], words[1], f"Line {number} of {shown}", shown)


def _lines(raw: bytes, shown: str) -> list[str]:
    try:
        return [line.strip() for line in raw.decode("ascii").splitlines()]
    except UnicodeDecodeError as exc:
        raise GoliveError(
            f"{shown} isn't ASCII text.", remedy=f"Write {shown} anew from the .pub files."
        ) from exc


def _string(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack(">I", data[:4])
    if length > len(data) - 4:
        raise ValueError("cut off")
    return data[4 : 4 + length], data[4 + length :]


@dataclass(frozen=True)
class Signature:
    """What a signature says of itself; nothing of it is proven yet."""

    key: bytes
    namespace: str
    raw: bytes


def read_signature(raw: bytes, shown: str) -> Signature:
    """
    Raises:
        GoliveError: it isn't one ``ssh-keygen -Y sign`` makes.
    """
    try:
        armour = _ARMOUR.match(raw.decode("ascii").replace("\r\n", "\n"))
        data = base64.b64decode(armour[1].replace("\n", ""), validate=True) if armour else b""
        key, rest = _string(data[10:])
        space, _rest = _string(rest)
        namespace = space.decode("ascii")
    except (ValueError, binascii.Error, struct.error):
        data = b""
    if data[:10] != b"SSHSIG\0\0\0\1":
        raise GoliveError(
            f"{shown} is no signature by ssh-keygen -Y sign.",
            remedy=f"Sign again and put the .sig file at {shown}.",
        )
    return Signature(key, namespace, raw)


@dataclass(frozen=True)
class Keys:
    """Who may sign: both files as they were read, and what they say."""

    allowed_raw: bytes
    revoked_raw: bytes
    entries: Sequence[Allowed]

    @classmethod
    def read(cls, allowed: bytes, revoked: bytes, folder: str) -> Keys:
        check_revoked(revoked, f"{folder}/{REVOKED}")
        return cls(allowed, revoked, read_allowed(allowed, f"{folder}/{ALLOWED}"))

    def owner(self, key: bytes) -> Allowed | None:
        return next((entry for entry in self.entries if entry.key == key), None)

    def verify(
        self,
        data: bytes,
        signature: Signature,
        person: str,
        space: str,
        times: Sequence[datetime],
        shown: str,
    ) -> None:
        """The person signed these bytes for this purpose, with a key valid at each of the times.

        Raises:
            GoliveError: not so; the sentence says what isn't.
            ProbeError: ssh-keygen gave no answer.
        """
        again = f"Ask {person} to sign again and put the new {shown} there."
        if signature.namespace != space:
            raise GoliveError(
                f"{shown} was made for {signature.namespace!r}, not for {space!r}.",
                remedy=f"Sign with roles/preflight/files/signoff.py, or ssh-keygen -Y sign -n {space}, for {shown}.",
            )
        entry = self.owner(signature.key)
        if entry is None:
            raise GoliveError(
                f"{shown} was made with the key {fingerprint(signature.key)}, which nobody has in {ALLOWED}.",
                remedy=f"{again} The key has to be in {ALLOWED}.",
            )
        if entry.person != person:
            raise GoliveError(
                f"{shown} was made with the key of {entry.person}, not of {person}.", remedy=again
            )
        for at in times:
            reason = entry.why_not(at)
            if reason:
                raise GoliveError(
                    f"The key {fingerprint(entry.key)} of {person}, used for {shown}, {reason}.",
                    remedy=f"{again} Give {person} a new key in {ALLOWED} first.",
                )
        with tempfile.TemporaryDirectory(prefix="dfr-golive-") as name:
            folder = Path(name)
            for file, content in (
                (ALLOWED, self.allowed_raw),
                (REVOKED, self.revoked_raw),
                ("sig", signature.raw),
            ):
                (folder / file).write_bytes(content)
            for at in dict.fromkeys(times):
                self._ask(folder, data, person, space, at, shown)

    @staticmethod
    def _ask(folder: Path, data: bytes, person: str, space: str, at: datetime, shown: str) -> None:
        command = ["ssh-keygen", "-Y", "verify", "-f", str(folder / ALLOWED), "-I", person, "-n", space]
        command += ["-s", str(folder / "sig"), f"-Overify-time={at.astimezone(UTC):%Y%m%d%H%M%SZ}"]
        done = _run([*command, "-r", str(folder / REVOKED)], data)
        if done.returncode == 0:
            return
        again = f"Ask {person} to sign again and put the new {shown} there."
        if _run(command, data).returncode == 0:
            raise GoliveError(
                f"{shown} was made with a key of {person} that is revoked in {REVOKED}.", remedy=again
            )
        raise GoliveError(
            f"{shown} doesn't belong to the file beside it: one of them was altered"
            f" ({one_line(done.stderr.decode(errors='replace'), 160)}).",
            remedy=again,
        )


def _run(command: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command,
            input=data,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ProbeError(
            f"ssh-keygen gave no answer: {one_line(exc, 160)}.",
            remedy="Install openssh-client, 8.9 or newer.",
        ) from exc


def sign(path: Path, key: Path, space: str) -> Path:
    """Sign a file; ssh-keygen itself asks for a passphrase or a touch. Returns the signature's path.

    Raises:
        GoliveError: it couldn't be signed.
    """
    target = path.with_name(path.name + ".sig")
    target.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", space, str(path)]
    try:
        done = subprocess.run(command, check=False)
    except OSError as exc:
        raise GoliveError(f"ssh-keygen can't be started: {exc}.", remedy="Install openssh-client.") from exc
    if done.returncode != 0 or not target.exists():
        raise GoliveError(
            f"{path.name} could not be signed with {key}; ssh-keygen said why above.",
            remedy="Give the private key's file, or its public one with the key in ssh-agent.",
        )
    return target
