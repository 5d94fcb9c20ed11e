# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verdict over a source: every key accounted for, and no more rows left behind than was agreed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._legacy.reconcile import Comparison
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Counts, Reject


@dataclass(frozen=True)
class Exceptional:
    """A row that somebody answers for leaving behind.

    Attributes:
        entity, key: the row.
        owner: who answers for it.
        reason: why it stays behind.
    """

    entity: str
    key: str
    owner: str
    reason: str


def exceptions(raw: Iterable[Mapping[str, Any]], where: str) -> dict[tuple[str, str], Exceptional]:
    """The exception list of a source.

    Raises:
        GoliveError: an entry lacks its owner or reason, or stands there twice.
    """
    found: dict[tuple[str, str], Exceptional] = {}
    for number, entry in enumerate(raw, 1):
        said = {name: str(entry.get(name) or "").strip() for name in ("entity", "key", "owner", "reason")}
        empty = [name for name, value in said.items() if not value]
        if empty:
            raise GoliveError(
                f"Entry {number} of the exceptions of {where} has no {empty[0]}.",
                remedy="Each row left behind needs entity, key, owner and reason.",
            )
        one = Exceptional(**said)
        if (one.entity, one.key) in found:
            raise GoliveError(
                f"{one.entity} {one.key} stands twice in the exceptions of {where}.", remedy="Keep one entry."
            )
        found[one.entity, one.key] = one
    return found


@dataclass(frozen=True)
class Standing:
    """Where the rows that were set aside stand.

    Attributes:
        excepted: somebody answers for them.
        open: nobody does.
        stale: exceptions for rows that aren't rejected any more, as ``entity key``.
    """

    excepted: int
    open: int
    stale: list[str]


def standing(rejects: Iterable[Reject], agreed: Mapping[tuple[str, str], Exceptional]) -> Standing:
    """Set rejected rows against the exception list."""
    seen: set[tuple[str, str]] = set()
    open_ = 0
    for reject in rejects:
        who = (reject.entity, reject.key)
        if who in agreed:
            seen.add(who)
        else:
            open_ += 1
    stale = [f"{entity} {key}" for entity, key in agreed if (entity, key) not in seen]
    return Standing(len(seen), open_, stale)


def account(source: str, counts: Mapping[str, Counts]) -> None:
    """loaded + unchanged + rejected + excluded = source, for every entity.

    Raises:
        GoliveError: the sum doesn't hold; with all figures.
    """
    for entity, found in counts.items():
        if not found.holds:
            raise GoliveError(
                f"{source}.{entity} doesn't add up: {found.loaded} loaded + {found.unchanged} unchanged"
                f" + {found.rejected} rejected + {found.excluded} left out is not {found.source} in the source"
                f" ({found.staged} still wait).",
                remedy="Run the load again; if it stays so, keep the store and report it.",
            )


def accept(source: str, found: Standing, limit: int) -> None:
    """No more rows set aside than agreed.

    Raises:
        GoliveError: too many.
    """
    if found.open > limit:
        raise GoliveError(
            f"{source}: {found.open} rows are set aside and nobody answers for them; {limit} are agreed.",
            remedy="Have them corrected and loaded again, put them into the exception list,"
            " or agree on another load_legacy_max_rejects.",
        )


def unmoved(source: str, moved: Sequence[str]) -> None:
    """Nothing was added since the source was read.

    Raises:
        GoliveError: something was.
    """
    if moved:
        raise GoliveError(
            f"{source} moved after it was read: {', '.join(moved)}.",
            remedy="See who can still write there, fence it, then run again.",
        )


def agree(source: str, compared: Mapping[str, Comparison]) -> None:
    """The registry has what the source has.

    Raises:
        GoliveError: a record differs or is missing.
    """
    for entity, found in compared.items():
        if not found.holds:
            raise GoliveError(
                f"{source}.{entity}: of {found.compared + len(found.missing)} records {found.differing} differ"
                f" and {len(found.missing)} are missing in the registry.",
                remedy="See the keys and fields in what is returned with this, and who or what changed them.",
            )
