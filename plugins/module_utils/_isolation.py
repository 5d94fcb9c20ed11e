# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fences a host of a rehearsal off from what is live, and proves that it is: by the kernel's word, not by silence.

The host's own kernel is told to refuse each live address (a route of the type *prohibit*), and then asked: only its own
refusal counts. A time-out, a closed port or an answer would all say that packets left the host.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import socket
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, failed, passed, unknown

REFUSED_HERE = errno.EACCES
TIMEOUT_SECONDS = 3.0

Run = Callable[[list[str]], str]


@dataclass(frozen=True)
class Target:
    """A live address that must be out of reach.

    Attributes:
        address: an IP address, or a name of the public DNS.
        port: one that would answer.
        variable: where the live inventory names it.
    """

    address: str
    port: int
    variable: str


def run_command(command: list[str]) -> str:
    """
    Raises:
        ProbeError: it can't be started, fails, or gives no answer.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ProbeError(
            f"{command[0]} gave no answer: {one_line(exc)}.", remedy=f"Install {command[0]}."
        ) from exc
    if done.returncode != 0:
        raise ProbeError(f"{' '.join(command)} failed: {one_line(done.stderr or done.stdout)}.")
    return done.stdout


def numbers(target: Target) -> list[str]:
    """The addresses behind a target as this host sees them; none for a name that it can't resolve."""
    try:
        return [str(ipaddress.ip_address(target.address))]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(target.address, target.port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return []
    return sorted({str(entry[4][0]) for entry in found})


def raise_fence(addresses: Sequence[str], run: Run = run_command) -> list[str]:
    """Have the kernel refuse these addresses; which of them it didn't refuse before.

    Raises:
        ProbeError: ``ip`` couldn't do it.
    """
    known = {
        4: run(["ip", "-4", "route", "show", "type", "prohibit"]).split(),
        6: run(["ip", "-6", "route", "show", "type", "prohibit"]).split(),
    }
    new = [one for one in addresses if one not in known[ipaddress.ip_address(one).version]]
    for address in new:
        run(["ip", f"-{ipaddress.ip_address(address).version}", "route", "replace", "prohibit", address])
    return new


def knock(address: str, port: int) -> int:
    """The error number of a connection; 0 when it was made."""
    family = socket.AF_INET if ipaddress.ip_address(address).version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(TIMEOUT_SECONDS)
        try:
            sock.connect((address, port))
        except TimeoutError:
            return errno.ETIMEDOUT
        except OSError as exc:
            return exc.errno or errno.EIO
    return 0


def prove(targets: Sequence[Target], knocker: Callable[[str, int], int] = knock) -> Gate:
    """Whether this host's kernel refuses every live address."""
    name, remedy = "isolation.network", "Find out what took the host's routes away; nothing was rehearsed."
    tried = 0
    for target in targets:
        for address in numbers(target):
            tried += 1
            found = knocker(address, target.port)
            if found != REFUSED_HERE:
                how = "answers" if found == 0 else os.strerror(found).lower()
                return failed(
                    name,
                    f"{address} ({target.variable}) is live and isn't fenced off from this host: {how}.",
                    remedy,
                )
    if not tried:
        return unknown(name, "No live address is known, so nothing was proven.", "Check golive_rehearsal_of.")
    return passed(name, f"This host's kernel refuses all {tried} addresses of the live country.")


def prove_units(units: Sequence[str], run: Run = run_command) -> Gate:
    """Whether each container hangs on networks only that lead nowhere else.

    Raises:
        ProbeError: the container engine gave no answer.
    """
    name = "isolation.containers"
    if not units:
        return passed(name, "This host runs no container of the rehearsal.")
    answer = json.loads(run(["docker", "inspect", *units]))
    used = {network for one in answer for network in one["NetworkSettings"]["Networks"]}
    if len(answer) != len(units) or not used:
        raise ProbeError(f"The container engine knows {len(answer)} of {len(units)} containers.")
    open_ones = [
        one["Name"]
        for one in json.loads(run(["docker", "network", "inspect", *sorted(used)]))
        if not one["Internal"]
    ]
    if open_ones:
        return failed(
            name,
            f"{', '.join(units)} hang on {', '.join(open_ones)}, which leads out of the rehearsal.",
            "Give the rehearsal networks made with --internal, and nothing else.",
        )
    return passed(
        name, f"{', '.join(units)} hang on {', '.join(sorted(used))} only, which lead nowhere else."
    )


def isolate(targets: Sequence[Target], units: Sequence[str], dry: bool) -> tuple[bool, list[Gate]]:
    """Fence and prove.

    Raises:
        GoliveError: something live can be reached; nothing may be rehearsed.
    """
    addresses = [address for target in targets for address in numbers(target)]
    new = [] if dry else raise_fence(sorted(set(addresses)))
    gates = [prove(targets), prove_units(units)]
    shut = [gate for gate in gates if not gate.open]
    if shut and not dry:
        raise GoliveError(" ".join(gate.detail for gate in shut), remedy=shut[0].remedy)
    return bool(new), gates
