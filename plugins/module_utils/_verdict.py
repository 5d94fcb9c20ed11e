# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a comparison of rows found: each differing row named, and no value of it told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError


@dataclass(frozen=True)
class Difference:
    """One row that isn't the same. Holds no value, only digests under a salt of this call.

    Attributes:
        table: its label.
        key: the key's columns with their values where these say nothing about a person, else their digest.
        verdict: changed, missing (in the target), extra (in the target) or repeated.
        columns: those that differ, each with the digests of both sides.
        source_place, target_place: where the row lies (ctid), for whoever may look at it.
        raw: the key's values; never leaves this process.
    """

    table: str
    key: str
    verdict: str
    columns: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    source_place: str = ""
    target_place: str = ""
    raw: tuple[str, ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """For people and journals: without the key's values where these might say who somebody is."""
        shown = {name: value for name, value in self.__dict__.items() if name != "raw"}
        return {**shown, "columns": {name: list(pair) for name, pair in self.columns.items()}}

    def sentence(self) -> str:
        inner = f" in {', '.join(self.columns)}" if self.columns else ""
        return f"{self.table} {self.key} is {self.verdict}{inner}"


@dataclass
class Verdict:
    """What a comparison found.

    Attributes:
        compared: rows compared by key, by table label.
        whole: tables compared whole.
        differences: the named ones; ``more`` counts tables where naming stopped.
    """

    compared: dict[str, int] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    more: list[str] = field(default_factory=list)

    def refuse(self, source: str, target: str) -> None:
        """
        Raises:
            GoliveError: something differs; keys and columns are named, and returned as ``differences``.
        """
        if not self.differences and not self.more:
            return
        shown = "; ".join(item.sentence() for item in self.differences[:10])
        total = len(self.differences)
        error = GoliveError(
            f"{total}{' or more' if self.more else ''} rows differ between {source} and {target}: {shown}"
            f"{f'; and {total - 10} more' if total > 10 else ''}.",
            remedy="Find out who wrote to the copy, or why its rows weren't applied; then run playbooks/prepare.yml"
            " again.",
        )
        error.returned = {
            "differences": [item.as_dict() for item in self.differences],
            "verdicts": {
                name: "different" if any(d.table == name for d in self.differences) else "equal"
                for name in {*self.compared, *self.whole, *(d.table for d in self.differences)}
            },
        }
        raise error
