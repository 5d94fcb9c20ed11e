# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gates: a question, its verdict, and what to do when the verdict is no."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError


class Verdict(str, Enum):
    """What a gate says. Only *pass* and *waived* let a run go on."""

    PASS = "pass"  # noqa: S105 (a verdict, not a password)
    FAIL = "fail"
    UNKNOWN = "unknown"
    WAIVED = "waived"


@dataclass(frozen=True)
class Gate:
    """One checked condition.

    Attributes:
        name: short and stable, ``<what>.<which>``, for example ``disk.production``.
        verdict: see `Verdict`.
        detail: what was seen, one sentence with figures and units.
        remedy: what to do when it isn't a pass; empty otherwise.
    """

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""

    @property
    def open(self) -> bool:
        return self.verdict in (Verdict.PASS, Verdict.WAIVED)

    def as_dict(self) -> dict[str, str]:
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "detail": self.detail,
            "remedy": self.remedy,
        }


def passed(name: str, detail: str) -> Gate:
    return Gate(name, Verdict.PASS, detail)


def failed(name: str, detail: str, remedy: str) -> Gate:
    return Gate(name, Verdict.FAIL, detail, remedy)


def unknown(name: str, detail: str, remedy: str = "") -> Gate:
    return Gate(name, Verdict.UNKNOWN, detail, remedy)


def ask(name: str, probe: Callable[[], Gate]) -> Gate:
    """Ask one gate; a probe that breaks is *unknown*, never a pass.

    A `ProbeError` is an answer that didn't come; any other `GoliveError` is a clear no.
    """
    try:
        return probe()
    except ProbeError as exc:
        return unknown(name, exc.sentence, exc.remedy)
    except GoliveError as exc:
        return failed(name, exc.sentence, exc.remedy)


def from_dicts(raw: Iterable[Any]) -> list[Gate]:
    """Read gates back from what a module returned.

    Raises:
        GoliveError: an item isn't a gate; silence is never read as a pass.
    """
    gates = []
    for item in raw:
        try:
            gates.append(
                Gate(
                    str(item["name"]),
                    Verdict(item["verdict"]),
                    str(item["detail"]),
                    str(item.get("remedy", "")),
                )
            )
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise GoliveError(f"A probe returned something that isn't a gate: {item!r}.") from exc
    return gates


def table(gates: Iterable[Gate]) -> str:
    """All gates as plain text, one line each, the closed ones with their remedy below."""
    rows = list(gates)
    width = max((len(g.name) for g in rows), default=0)
    lines = []
    for gate in rows:
        lines.append(f"{gate.verdict.value.upper():<8} {gate.name:<{width}}  {gate.detail}")
        if not gate.open and gate.remedy:
            lines.append(f"{'':<8} {'':<{width}}  -> {gate.remedy}")
    return "\n".join(lines)
