# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that others bring (signatures, evidence), read as if they were hostile: bounded, no links, one meaning."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    GoliveError,
    ProbeError,
    one_line,
    require,
)

LIMIT_BYTES = 1 << 20


class MissingError(ProbeError):
    """The file isn't there."""


def sha256(raw: bytes) -> str:
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def canonical(value: Any) -> bytes:
    """The one way to write a value as JSON: sorted keys, no blanks, ASCII, a line end."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def read(folder: Path, name: str, *, limit: int = LIMIT_BYTES) -> bytes:
    """The bytes of a regular file in a folder.

    Args:
        folder: may itself be reached through a link; nothing below it may.
        name: relative, with slashes.
        limit: bytes.

    Raises:
        MissingError: it isn't there.
        ProbeError: it can't be read.
        GoliveError: it is refused: a link, outside the folder, no regular file, too long.
    """
    shown = f"{folder.name}/{name}"
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or parts[0] == "/" or "\0" in name:
        raise GoliveError(
            f"{name!r} leads out of the folder {folder.name}.",
            remedy=f"Put the file into {folder} and name it there.",
        )
    for number in range(1, len(parts) + 1):
        if folder.joinpath(*parts[:number]).is_symlink():
            raise GoliveError(
                f"{folder.name}/{'/'.join(parts[:number])} is a symbolic link.",
                remedy=f"Put the file itself at {shown}: what a link leads to can change unseen.",
            )
    try:
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise GoliveError(f"{shown} is no regular file.", remedy=f"Put a plain file at {shown}.")
            raw = stream.read(limit + 1)
    except FileNotFoundError:
        raise MissingError(
            f"{shown} is missing.", remedy=f"Put it there; README.md in {folder.name} says what it holds."
        ) from None
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENOTDIR, errno.EISDIR):
            raise GoliveError(f"{shown} is no regular file.", remedy=f"Put a plain file at {shown}.") from exc
        raise ProbeError(
            f"{shown} can't be read: {one_line(exc.strerror or exc)}.", remedy=f"Check who may read {shown}."
        ) from exc
    if len(raw) > limit:
        raise GoliveError(
            f"{shown} is longer than {limit:,} bytes.",
            remedy=f"Put the right file at {shown}; what belongs there is small.",
        )
    return raw


def parse(raw: bytes, shown: str) -> Any:
    """JSON or YAML by the name's ending, with one meaning only.

    Raises:
        GoliveError: it isn't that, a key appears twice, or it uses what makes small files huge.
    """
    try:
        text = raw.decode("utf-8")
        value = _json(text) if shown.endswith(".json") else _yaml(text)
    except _TwiceError as exc:
        raise GoliveError(
            f"{shown} has the key {exc} twice.",
            remedy=f"Keep one of them in {shown}; which one counts is unclear.",
        ) from exc
    except GoliveError:
        raise
    except UnicodeDecodeError as exc:
        raise GoliveError(f"{shown} isn't UTF-8 text.", remedy=f"Save {shown} as UTF-8.") from exc
    except (ValueError, RecursionError) as exc:
        kind = "JSON" if shown.endswith(".json") else "YAML"
        raise GoliveError(f"{shown} isn't {kind}: {one_line(exc, 120)}.", remedy=f"Correct {shown}.") from exc
    return _plain(value)


class _TwiceError(Exception):
    pass


def _json(text: str) -> Any:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in found:
            if key in seen:
                raise _TwiceError(repr(key))
            seen[key] = value
        return seen

    def constant(word: str) -> Any:
        raise ValueError(f"{word} is no number")

    return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)


def _yaml(text: str) -> Any:
    yaml = require("yaml", "python3-yaml")

    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                raise ValueError("an alias (*name) is not taken here")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [self.construct_object(key, deep=True) for key, _value in node.value]
            for number, key in enumerate(keys):
                if key in keys[:number]:
                    raise _TwiceError(repr(key))
            return super().construct_mapping(node, deep=deep)

    try:
        return yaml.load(text, Loader)
    except (yaml.YAMLError, TypeError) as exc:
        raise ValueError(one_line(exc)) from exc


def _plain(value: Any) -> Any:
    """With text for dates, so that JSON and YAML say the same."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def shaped(
    value: Any, shown: str, needed: Mapping[str, type], optional: Mapping[str, type] | None = None
) -> dict[str, Any]:
    """A mapping with exactly these fields, of these types.

    Raises:
        GoliveError: a field is missing, unknown, blank or of another type.
    """
    known = {**needed, **(optional or {})}
    listed = ", ".join(known)
    if not isinstance(value, dict):
        raise GoliveError(f"{shown} holds no fields.", remedy=f"Give {shown} the fields {listed}.")
    missing, more = [name for name in needed if name not in value], sorted(set(value) - set(known))
    if missing:
        raise GoliveError(f"{shown} lacks {', '.join(missing)}.", remedy=f"Give {shown} the fields {listed}.")
    if more:
        raise GoliveError(
            f"{shown} has the unknown field {', '.join(more)}.",
            remedy=f"Remove it from {shown}; known are {listed}.",
        )
    for name, inner in value.items():
        kind = known[name]
        right = isinstance(inner, kind) and (kind is not int or not isinstance(inner, bool))
        if not right:
            raise GoliveError(
                f"{shown} has {name} as {type(inner).__name__}; it has to be {kind.__name__}.",
                remedy=f"Correct {name} in {shown}.",
            )
        if name in needed and kind is str and not inner.strip():
            raise GoliveError(f"{shown} has a blank {name}.", remedy=f"Fill in {name} in {shown}.")
    return value


def moment(text: Any, shown: str, name: str) -> datetime:
    """A time with its zone, in UTC.

    Raises:
        GoliveError: it is no time, or of no zone.
    """
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise GoliveError(
            f"{shown} has {name} {str(text)[:40]!r}, which is no time with a zone.",
            remedy=f"Write {name} in {shown} as 2026-11-22T20:00:00+13:00.",
        )
    return found.astimezone(UTC)


def stamp(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
