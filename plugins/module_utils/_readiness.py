# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight's judgement: what every probe brought, what is missing, what only two answers together can tell.

Absence is never a pass: a host, database or room that was asked and gave no gate becomes one of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._gates import (
    Gate,
    Verdict,
    ask,
    failed,
    from_dicts,
    passed,
    unknown,
)

ENDS = ("staging", "production")


@dataclass
class Collected:
    """Gates in the order they were asked, and the facts of each kind by name."""

    gates: list[Gate] = field(default_factory=list)
    facts: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    reachable: list[str] = field(default_factory=list)

    def fact(self, kind: str, name: str) -> dict[str, Any]:
        """A probe's facts.

        Raises:
            ProbeError: it gave none.
        """
        found = self.facts.get(kind, {}).get(name)
        if not found:
            raise ProbeError(f"Not compared: {name} gave no answer.", remedy="Settle its own line first.")
        return found


def items(registered: Any) -> list[Mapping[str, Any]]:
    """The results of a task, looped or not; nothing when it never ran."""
    if not isinstance(registered, Mapping) or not registered:
        return []
    results = registered.get("results")
    return (
        [item for item in results if isinstance(item, Mapping)] if isinstance(results, list) else [registered]
    )


def said(item: Mapping[str, Any]) -> str:
    return one_line(item.get("msg") or "no message", 300)


def read_hosts(collected: Collected, registered: Any, expected: Sequence[str]) -> None:
    """Every host of the inventory: unreachable, broken, or ready to be asked."""
    by_name = {str(item.get("item", "")): item for item in items(registered)}
    for host in expected:
        item = by_name.get(host, {})
        if item.get("unreachable"):
            collected.gates.append(
                failed(
                    f"host.{host}",
                    f"The host {host} is unreachable: {said(item)}",
                    f"Check that {host} is up, and its ansible_host, ansible_user and SSH key in hosts.yml.",
                )
            )
        elif item.get("failed") or "gates" not in item:
            collected.gates.append(
                unknown(
                    f"host.{host}",
                    f"The host {host} could not be asked: {said(item)}",
                    f"Check Python, and sudo of ansible_user, on {host}.",
                )
            )
        else:
            collected.gates.append(passed(f"host.{host}", "Reached over its connection."))
            collected.gates += from_dicts(item["gates"])
            collected.facts.setdefault("host", {})[host] = dict(item.get("facts") or {})
            collected.reachable.append(host)


def read_probes(
    collected: Collected, kind: str, registered: Any, expected: Mapping[str, str], what: str
) -> None:
    """One kind of probe, run once per name on that name's host.

    Args:
        kind: prefix of the gate that stands for a missing answer, and key of the facts.
        registered: the result of the (looped) task.
        expected: name -> host it was asked from.
        what: for people, for example ``database``.
    """
    alone = next(iter(expected), "")
    by_name = {str(item.get("item", alone)): item for item in items(registered)}
    for name, host in expected.items():
        item = by_name.get(name, {})
        if host not in collected.reachable:
            collected.gates.append(
                unknown(
                    f"{kind}.{name}",
                    f"The {what} {name} was not asked, for its host {host} gave no answer.",
                    f"Settle host.{host} first.",
                )
            )
        elif item.get("failed") or item.get("unreachable") or not item.get("gates"):
            collected.gates.append(
                unknown(
                    f"{kind}.{name}",
                    f"The {what} {name} could not be asked from {host}: {said(item)}",
                    f"Settle what {host} says.",
                )
            )
        else:
            collected.gates += from_dicts(item["gates"])
            collected.facts.setdefault(kind, {})[name] = dict(item.get("facts") or {})


def read_rooms(collected: Collected, rooms: Mapping[str, Sequence[Any]]) -> None:
    """The gates that later phases ask again, asked early; a room without a gate is unknown.

    A gate asked already under the same name is listed once, the worse verdict of the two.
    """
    for room, tasks in rooms.items():
        found: list[Gate] = []
        broken = ""
        for registered in tasks:
            for item in items(registered):
                if item.get("failed") or item.get("unreachable"):
                    broken = broken or said(item)
                elif isinstance(item.get("gates"), list):
                    found += from_dicts(item["gates"])
        if broken or not found:
            found.append(
                unknown(
                    f"phase.{room}",
                    f"The gate of {room} could not be asked: {broken or 'it gave no verdict.'}",
                    "Settle the lines above first; if it stays, run the phase's own gate.",
                )
            )
        collected.gates += found


def compare(collected: Collected, max_skew_seconds: float, conductor: str) -> None:
    """What only two answers together can tell; the databases' servers are compared by the gate of sync_data."""
    questions: dict[str, Callable[[], Gate]] = {
        "odoo.series": lambda: series(collected),
        "odoo.modules": lambda: modules(collected),
    }
    for name, question in questions.items():
        collected.gates.append(ask(name, question))
    for host in collected.reachable:
        if host != conductor:
            collected.gates.append(
                ask(f"clock.{host}", lambda host=host: clock(collected, host, conductor, max_skew_seconds))  # type: ignore[misc]
            )


def series(collected: Collected) -> Gate:
    """Both applications and both databases are of one Odoo series (19.0, not 18.0)."""
    seen = {}
    for end in ENDS:
        base = collected.fact("database", end)["modules"].get("base")
        if not base:
            raise ProbeError(f"The database of {end} doesn't say which Odoo made it.")
        seen[f"{end}'s database"] = ".".join(str(base).split(".")[:2])
        version = collected.fact("application", end)["version"]
        if not version:
            raise ProbeError(f"The application of {end} doesn't say its version.")
        # Odoo says 19.0 or 19.0-20251001 or 19.0+e.
        number = re.match(r"\d+\.\d+", str(version))
        seen[f"{end}'s application"] = number[0] if number else str(version)
    if len(set(seen.values())) == 1:
        return passed("odoo.series", f"Odoo {next(iter(seen.values()))} on both ends.")
    return failed(
        "odoo.series",
        "Not one Odoo series: " + ", ".join(f"{what} {value}" for what, value in seen.items()) + ".",
        "Bring both ends to one series first; a go-live is no upgrade.",
    )


def modules(collected: Collected) -> Gate:
    """Every addon staging uses is on production, in the same version."""
    source, target = (collected.fact("database", end) for end in ENDS)
    missing = [name for name in source["modules"] if name not in target["known_modules"]]
    if missing:
        return failed(
            "odoo.modules",
            f"Production doesn't know {len(missing)} of staging's addons:"
            f" {one_line(', '.join(missing), 200)}.",
            "Install the same addons on production's application, then update its list of apps.",
        )
    other = [
        f"{name} {version} on staging, {target['modules'][name]} on production"
        for name, version in source["modules"].items()
        if name in target["modules"] and target["modules"][name] != version
    ]
    if other:
        return failed(
            "odoo.modules",
            f"Addons in different versions: {one_line('; '.join(other), 200)}.",
            "Bring both ends to the same versions.",
        )
    return passed("odoo.modules", f"All {len(source['modules'])} addons of staging are known to production.")


def clock(collected: Collected, host: str, conductor: str, most: float) -> Gate:
    """The difference of two clocks, each read against the controller's. Too slow an answer tells nothing of a clock."""
    mine, theirs = (collected.fact("host", name) for name in (host, conductor))
    offset = mine["clock_offset"] - theirs["clock_offset"]
    error = mine["clock_error"] + theirs["clock_error"]
    if abs(offset) - error <= most < error:
        return unknown(
            f"clock.{host}",
            f"The answers of {host} and {conductor} took so long that their clocks could only be compared to"
            f" {error:.1f} s, {most:g} s are allowed.",
            "Ask again when machines and network are less busy, or raise preflight_max_skew_seconds.",
        )
    if abs(offset) <= most:
        return passed(f"clock.{host}", f"{offset:+.1f} s against {conductor}, known to {error:.1f} s.")
    return failed(
        f"clock.{host}",
        f"The clock of {host} is {offset:+.1f} s off that of {conductor}, {most:g} s are allowed.",
        f"Turn on time synchronisation on {host} and {conductor} (preflight_max_skew_seconds is the limit).",
    )


def once(gates: Iterable[Gate]) -> list[Gate]:
    """Each name once, with the worst verdict anybody gave it, where it was first asked."""
    rank = {Verdict.PASS: 0, Verdict.WAIVED: 1, Verdict.UNKNOWN: 2, Verdict.FAIL: 3}
    worst: dict[str, Gate] = {}
    for gate in gates:
        if gate.name not in worst or rank[gate.verdict] > rank[worst[gate.name].verdict]:
            worst[gate.name] = gate
    return list(worst.values())


def require_gates(gates: Sequence[Gate]) -> Sequence[Gate]:
    if not gates:
        raise GoliveError("Preflight asked nothing, so it can't say yes.", remedy="This is a defect.")
    return gates


def closed(gates: Iterable[Gate]) -> Iterator[Gate]:
    return (gate for gate in gates if not gate.open)


def summary(gates: Sequence[Gate]) -> str:
    shut = list(closed(gates))
    if not shut:
        return f"All {len(gates)} checks pass."
    return f"{len(shut)} of {len(gates)} checks do not pass: {', '.join(gate.name for gate in shut)}."
