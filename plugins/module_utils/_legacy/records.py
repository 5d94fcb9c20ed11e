# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What passes between reading a legacy source and loading it into Odoo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

Value: TypeAlias = "str | int | float | bool | None"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row can't be loaded.

    Attributes:
        rule: the field or rule of the mapping that found it; empty when the row itself can't be read.
        code: a key of `_legacy.reasons.REASONS`.
        params: what its sentences name.
        suggestion: a value that would be right, as people would type it; empty when nothing can be guessed.
    """

    rule: str
    code: str
    params: dict[str, str] = field(default_factory=dict)
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Ref:
    """A record of the same source: entity and source key."""

    entity: str
    key: str


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A record that Odoo has already: found by the value of one of its fields."""

    model: str
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that belongs to a record.

    Attributes:
        field: binary field it goes into; empty for an attachment beside the record.
        name: file name people see.
        path: where its bytes lie on this host.
        sha1: their digest, by which Odoo stores them.
        size: in bytes.
        mimetype: as the name or the first bytes tell.
    """

    field: str
    name: str
    path: str
    sha1: str
    size: int
    mimetype: str


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a source in Odoo's terms, ready to be loaded.

    Attributes:
        source, entity, key: who it is; together they make its external id.
        digest: of the row as it was read, under this mapping (32 hexadecimal digits).
        model: target model.
        values: field -> value; dates as ``2026-01-31``, times as ``2026-01-31 23:59:59`` in UTC, None to empty it.
        references: many2one field -> the record it points to, None to empty it.
        attachments: files that belong to it.
        depth: 0 without a parent in its own entity; a parent's depth is smaller than its children's.
        position: order in the source.
        location: where people find it, for example ``farmers.csv, line 12``.
        row: the row as it was read, in what JSON can hold.
        number: of its row in the store.
        odoo_id, stamp: of the record that an earlier load made of it; None and empty when there is none.
    """

    source: str
    entity: str
    key: str
    digest: str
    model: str
    values: dict[str, Value]
    references: dict[str, Ref | ModelRef | None]
    attachments: tuple[Attachment, ...]
    depth: int
    position: int
    location: str
    row: dict[str, Any]
    number: int = 0
    odoo_id: int | None = None
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was set aside, whole, with every reason found.

    Attributes:
        entity, key: who it is; the key is empty when the row has none that can be used.
        position, location, row: as in `Record`.
        problems: at least one.
    """

    entity: str
    key: str
    position: int
    location: str
    row: dict[str, Any]
    problems: tuple[Problem, ...]

    @classmethod
    def of(
        cls, record: Record, code: str, params: dict[str, str], *, suggestion: str = "", rule: str = ""
    ) -> Reject:
        """A record that Odoo, or the loading, refused."""
        problem = Problem(rule, code, params, suggestion)
        return cls(record.entity, record.key, record.position, record.location, record.row, (problem,))


@dataclass(frozen=True, slots=True)
class Counts:
    """Where every row of an entity went.

    Attributes:
        source: rows the source has.
        loaded: inserted or updated by this run.
        unchanged: loaded earlier and the same since.
        rejected, excluded: set aside with a reason; left out because the mapping says so.
        staged: still waiting to be loaded.
        gone: loaded earlier, no longer in the source; not part of the sum.
    """

    source: int = 0
    loaded: int = 0
    unchanged: int = 0
    rejected: int = 0
    excluded: int = 0
    staged: int = 0
    gone: int = 0

    @property
    def holds(self) -> bool:
        """Whether loaded + unchanged + rejected + excluded = source, with nothing left waiting."""
        return self.staged == 0 and self.source == self.accounted

    @property
    def accounted(self) -> int:
        return self.loaded + self.unchanged + self.rejected + self.excluded + self.staged
