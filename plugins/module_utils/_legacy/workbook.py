# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A workbook is a zip of XML, and both can be made to explode: what is refused before anything is unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Limits
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import unreadable

MAX_ENTRIES = 10_000
# Compressed less than this many times nothing is suspicious in a small file.
SMALL = 10_485_760
BLOCK = 1 << 20


def open_workbook(path: Path, limits: Limits) -> zipfile.ZipFile:
    """A workbook's zip, once its directory shows that it stays within the limits.

    Raises:
        GoliveError: not a workbook, or one that would unpack into too much, or XML with a document type.
    """
    try:
        book = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as exc:
        raise unreadable(path, exc) from exc
    try:
        _check_directory(book, path, limits)
        for part in book.infolist():
            if part.filename.lower().endswith((".xml", ".rels")):
                _check_start(book, part.filename, path)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as exc:
        book.close()
        raise unreadable(path, exc) from exc
    except GoliveError:
        book.close()
        raise
    return book


def _check_directory(book: zipfile.ZipFile, path: Path, limits: Limits) -> None:
    parts = book.infolist()
    unpacked = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts) or 1
    if len(parts) > MAX_ENTRIES or unpacked > limits.max_unpacked_bytes:
        raise GoliveError(
            f"{path} would unpack into {unpacked} bytes and {len(parts)} parts; at most {limits.max_unpacked_bytes}.",
            remedy="If it really is that big, raise limits.max_unpacked_bytes in the mapping.",
        )
    if unpacked > SMALL and unpacked / packed > limits.max_ratio:
        raise GoliveError(
            f"{path} would unpack into {unpacked // packed} times its size, at most {limits.max_ratio}: a zip bomb.",
            remedy="Ask where the file comes from; if it is right, raise limits.max_ratio in the mapping.",
        )


def _check_start(book: zipfile.ZipFile, name: str, path: Path) -> None:
    """No workbook has a document type: it is there to define entities that grow, or that read other files."""
    with book.open(name) as part:
        start = part.read(65_536)
    text = start.decode("utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1", "replace")
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
        raise GoliveError(
            f"{path} declares a document type in {name}: an entity bomb, or worse.",
            remedy="Ask where the file comes from; save it anew with a spreadsheet program.",
        )


def blocks(part: IO[bytes], limit: int, path: Path) -> Iterator[bytes]:
    """The bytes of a part, counted as they come: a directory can lie about sizes."""
    total = 0
    try:
        while block := part.read(BLOCK):
            total += len(block)
            if total > limit:
                raise GoliveError(
                    f"{path} unpacks into more than it says.",
                    remedy="Ask where the file comes from: a zip bomb.",
                )
            yield block
    except (OSError, zipfile.BadZipFile, EOFError) as exc:
        raise GoliveError(
            f"{path} is damaged: {one_line(exc)}.", remedy="Copy it again from where it comes from."
        ) from exc
