# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every kind of source can do, and the one place that chooses among them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity, Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Problem

Row = tuple[Any, ...]


@dataclass
class Stream:
    """The rows of one entity, read once and in order.

    Attributes:
        header: names of the columns.
        rows: position (line, row or number), values in the header's order, and what is wrong with the whole row.
        place: how a position is called, for example ``farmers.csv, line``.
        full: all rows of the source, not just those past the watermark.
    """

    header: tuple[str, ...]
    rows: Iterator[tuple[int, Row, Problem | None]]
    place: str
    full: bool = True


class Source(Protocol):
    """A source that is open."""

    def tables(self) -> list[str]:
        """Tables, sheets, files or groups it has."""

    def mark(self, entity: Entity) -> Any:
        """Where it stands now: what a later run compares with; None when the entity has no watermark."""

    def stream(self, entity: Entity, since: Any) -> Stream:
        """Its rows, from a mark on where the watermark allows, otherwise all."""

    def count(self, entity: Entity) -> int | None:
        """Rows it has by its own account; None where only reading tells."""

    def lookup(self, table: str, key: str, value: str) -> dict[str, Any]:
        """Another table as folded key -> value."""

    def close(self) -> None:
        """Let go of files and connections."""


def open_source(mapping: Mapping, login: dict[str, Any] | None = None) -> Source:
    """Open the source of a mapping.

    Args:
        mapping: the mapping.
        login: databases: host, port, user, password, database, ssl_mode, ca_cert.

    Raises:
        GoliveError: it can't be opened, or is of a form that is refused.
    """
    # Here and not above, for they need this module; by name, for Ansible sends along what it sees imported.
    from ansible_collections.dfr.golive.plugins.module_utils._legacy import (
        read_csv,
        read_kobo,
        read_ods,
        read_sql,
        read_xlsx,
    )

    readers: dict[str, Callable[[Mapping, dict[str, Any]], Source]] = {
        "csv": read_csv.open_source,
        "xlsx": read_xlsx.open_source,
        "ods": read_ods.open_source,
        "kobo": read_kobo.open_source,
    }
    return readers.get(mapping.kind, read_sql.open_source)(mapping, login or {})


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise unreadable(path, exc) from exc


def unreadable(path: Path, exc: Exception) -> GoliveError:
    return GoliveError(
        f"{path} can't be read: {one_line(exc)}.",
        remedy="Check path in the mapping and the file on the managed host.",
    )


def unique_names(cells: list[str]) -> tuple[str, ...]:
    """A header's names; a column without one is called by its place."""
    return tuple(
        cell.strip().lstrip("\ufeff") or f"column {number}" for number, cell in enumerate(cells, start=1)
    )
