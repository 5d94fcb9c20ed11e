# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""odoo.conf: read, changed key by key with everything else left as it stands, written atomically."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    GoliveError,
    ProbeError,
    one_line,
    require,
)

SECTION = "options"
LOCKED_MODE = 0o440
# What passlib's context in Odoo 19 asks for; fewer and Odoo would hash again at every start.
HASH_ROUNDS = 600_000
# Keys that the inventory may not set here: others own them, or they'd loosen what is being locked.
RESERVED_KEYS = frozenset(
    {"admin_passwd", "data_dir", "db_name", "dbfilter", "dev_mode", "list_db", "proxy_mode"}
)
_HEADER = re.compile(r"^\[(?P<name>[^\]]+)\]\s*$")
_OPTION = re.compile(r"^(?P<key>[A-Za-z_][\w.-]*)\s*[=:]\s*(?P<value>.*)$")


@dataclass(frozen=True)
class ConfigFile:
    """A file as it lies there.

    Attributes:
        path: where.
        text: its content.
        mode, uid, gid: who may read it.
    """

    path: str
    text: str
    mode: int
    uid: int
    gid: int

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def read_file(path: str) -> ConfigFile:
    """Read a settings file.

    Raises:
        GoliveError: it isn't there or isn't a regular file.
        ProbeError: it can't be read.
    """
    try:
        info = Path(path).stat()
        if not stat.S_ISREG(info.st_mode):
            raise GoliveError(
                f"{path} is not a regular file.", remedy="Check config_path in golive_applications."
            )
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise GoliveError(
            f"The settings file {path} does not exist on this host.",
            remedy="Check config_path in golive_applications: the path on the VM, not in the container.",
        ) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise ProbeError(
            f"The settings file {path} can't be read: {one_line(exc)}.",
            remedy="Check that it is odoo.conf, and that the play becomes root.",
        ) from exc
    return ConfigFile(path, text, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)


_MEND = "Correct odoo.conf on production's host (config_path in golive_applications)."


def parse(text: str) -> dict[str, str]:
    """The keys of the ``[options]`` section, lower case, with their values.

    Raises:
        ProbeError: the text isn't settings (no section, a key twice, a line that is neither).
    """
    found: dict[str, str] = {}
    section = ""
    key = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", ";")):
            continue
        if header := _HEADER.match(line):
            section, key = header["name"], ""
            continue
        if not section:
            raise ProbeError(f"Line {number} of the settings stands before any section.", remedy=_MEND)
        if section != SECTION:
            continue
        if line[0].isspace() and key:
            found[key] = f"{found[key]}\n{stripped}".strip()
            continue
        option = _OPTION.match(line)
        if option is None:
            raise ProbeError(f"Line {number} of the settings is neither a key nor a comment.", remedy=_MEND)
        key = option["key"].lower()
        if key in found:
            raise ProbeError(
                f"The settings name {key} twice (line {number}); Odoo would not start with them."
            )
        found[key] = option["value"].strip()
    if not section:
        raise ProbeError("The settings have no [options] section.", remedy=_MEND)
    return found


def edit(text: str, wanted: Mapping[str, str]) -> str:
    """The text with ``wanted`` keys set in ``[options]``; every other line stays as it is."""
    parse(text)
    for key, value in wanted.items():
        if "\n" in value or "\r" in value:
            raise GoliveError(f"The value of {key} spans several lines.", remedy="Write it on one line.")
    left = {key.lower(): value for key, value in wanted.items()}
    lines: list[str] = []
    section = ""
    dropping = False
    end_of_section = -1
    for line in text.splitlines():
        header = _HEADER.match(line)
        if header:
            section, dropping = header["name"], False
        blank = not line.strip()
        if dropping and not blank and line[0].isspace():
            continue
        dropping = False
        option = None if header or blank or line[0] in "#;" or line[0].isspace() else _OPTION.match(line)
        if section == SECTION and option and option["key"].lower() in left:
            key = option["key"].lower()
            lines.append(f"{option['key']} = {left.pop(key)}")
            dropping = True
        else:
            lines.append(line)
        if section == SECTION and not blank:
            end_of_section = len(lines)
    lines[end_of_section:end_of_section] = [f"{key} = {value}" for key, value in left.items()]
    return "\n".join(lines) + "\n"


def wanted_options(
    database: str, admin_hash: str, workers: int, extra: Mapping[str, object]
) -> dict[str, str]:
    """What a production's ``[options]`` must hold."""
    if reserved := sorted(RESERVED_KEYS & {key.lower() for key in extra}):
        raise GoliveError(
            f"lock_config_odoo_conf sets {', '.join(reserved)}, which lock_config decides itself.",
            remedy="Remove them from lock_config_odoo_conf.",
        )
    wanted = {
        "admin_passwd": admin_hash,
        "db_name": database,
        "dbfilter": f"^{re.escape(database)}$",
        "list_db": "False",
        "proxy_mode": "True",
        "workers": str(workers),
    }
    return wanted | {key.lower(): as_text(value) for key, value in extra.items()}


def as_text(value: object) -> str:
    """A YAML value the way odoo.conf writes it."""
    if value is None:
        return "False"
    if isinstance(value, (list, tuple)):
        return ",".join(str(item) for item in value)
    return str(value)


def hash_password(password: str, rounds: int = HASH_ROUNDS) -> str:
    """A hash that Odoo verifies (users and master password alike)."""
    hashes = require("passlib.hash", "python3-passlib")
    return str(hashes.pbkdf2_sha512.using(rounds=rounds).hash(password))


def verifies(password: str, stored: str) -> bool:
    """Is ``stored`` a hash of ``password``? Plain text never is."""
    hashes = require("passlib.hash", "python3-passlib")
    if not hashes.pbkdf2_sha512.identify(stored):
        return False
    try:
        return bool(hashes.pbkdf2_sha512.verify(password, stored))
    except ValueError:
        return False


def write_atomically(path: str, text: str, *, mode: int, uid: int, gid: int) -> None:
    """Replace the file in one step, with its rights set before anybody can open it."""
    folder = Path(path).parent
    try:
        handle, name = tempfile.mkstemp(prefix=".dfr-golive-", dir=folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fchown(file.fileno(), uid, gid)
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as exc:
        raise GoliveError(
            f"{path} can't be written: {one_line(exc)}.",
            remedy="The folder must be writable for root and on a file system with space left.",
        ) from exc


def can_be_replaced(path: str) -> None:
    """Prove that a file may be made beside ``path``, without touching it.

    Raises:
        GoliveError: it may not.
    """
    folder = Path(path).parent
    read_only = bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    if read_only or not os.access(folder, os.W_OK | os.X_OK):
        raise GoliveError(
            f"The folder {folder} is not writable{' (mounted read-only)' if read_only else ''}.",
            remedy="Share it with the VM writable, or check that the play becomes root.",
        )
    if os.path.ismount(path):
        raise GoliveError(
            f"{path} is mounted as a single file and can't be replaced atomically.",
            remedy="Mount its folder instead.",
        )
