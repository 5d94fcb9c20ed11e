# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nine phases: the one registry of their names and order."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError


@dataclass(frozen=True)
class Phase:
    """One phase of a go-live.

    Attributes:
        number: its place in the runbook, from 1.
        name: its role.
        title: what it does, for people.
        opens_window: its begin is the moment from which nobody can register a farmer.
        closes_window: its finish is the moment from which users can again; its begin ends the way back.
    """

    number: int
    name: str
    title: str
    opens_window: bool = False
    closes_window: bool = False


PHASES: tuple[Phase, ...] = (
    Phase(1, "preflight", "everything is checked, nothing is changed"),
    Phase(2, "freeze_legacy", "no new record in legacy or staging", opens_window=True),
    Phase(3, "sync_data", "the last changes come over, every table is proven"),
    Phase(4, "lock_config", "production's own settings, then locked"),
    Phase(5, "check_health", "application, database, one registration rolled away"),
    Phase(6, "backup_database", "taken, restored elsewhere, compared"),
    Phase(7, "switch_dns", "the name points to production, resolvers prove it"),
    Phase(8, "enable_users", "administrators, then enumerators; the door opens", closes_window=True),
    Phase(9, "start_hypercare", "announce, watch, report every day"),
)

NAMES: tuple[str, ...] = tuple(phase.name for phase in PHASES)
BY_NAME: dict[str, Phase] = {phase.name: phase for phase in PHASES}
WINDOW_OPENS: str = next(phase.name for phase in PHASES if phase.opens_window)
WINDOW_CLOSES: str = next(phase.name for phase in PHASES if phase.closes_window)
WINDOW: tuple[str, ...] = NAMES[NAMES.index(WINDOW_OPENS) : NAMES.index(WINDOW_CLOSES) + 1]
"""The phases between the fence and the open door, both included."""


def phase_named(name: str, variable: str) -> Phase:
    """The phase of that name.

    Args:
        name: what somebody wrote.
        variable: where it was written, named in the error.

    Raises:
        GoliveError: there is no such phase.
    """
    try:
        return BY_NAME[name]
    except KeyError:
        raise GoliveError(
            f"{variable} names the phase {name!r}, which doesn't exist.",
            remedy=f"Choose one of: {', '.join(NAMES)}.",
        ) from None


def before(name: str) -> tuple[str, ...]:
    """The names of all phases that come before this one."""
    return NAMES[: BY_NAME[name].number - 1]


def until(name: str) -> list[str]:
    """The names of the phases up to and with this one; all nine when ``name`` is empty."""
    if not name:
        return list(NAMES)
    return list(NAMES[: phase_named(name, "golive_until").number])
