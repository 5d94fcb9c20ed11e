# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is this machine ready: rights, programs, libraries, clock, files. Reads only."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed

PACKAGES = {
    "psycopg": "python3-psycopg",
    "pymysql": "python3-pymysql",
    "dns": "python3-dnspython",
    "odoorpc": "python3-odoorpc",
    "passlib": "python3-passlib",
    "requests": "python3-requests",
    "yaml": "python3-yaml",
    "pg_dump": "postgresql-client",
    "pg_restore": "postgresql-client",
    "psql": "postgresql-client",
    "docker": "docker.io or docker-ce-cli",
    "crontab": "cron",
}
"""Which Debian package brings a library or program, where the names differ."""

PREPARE = "Run playbooks/prepare.yml"


def wanted(by_group: Mapping[str, Sequence[str]], groups: Sequence[str]) -> list[str]:
    """What a host needs for all the groups it is in."""
    return sorted({name for group in groups for name in by_group.get(group) or ()})


def right(name: str, euid: int) -> Gate:
    if euid == 0:
        return passed(f"sudo.{name}", "Tasks run as root.")
    return failed(
        f"sudo.{name}",
        f"Tasks on {name} run as user id {euid}, not as root.",
        f"Give ansible_user of {name} sudo without a password, and set ansible_become: true for it.",
    )


def python(name: str, version: tuple[int, ...], least: str) -> Gate:
    seen = ".".join(str(part) for part in version[:3])
    if version >= numbers(least):
        return passed(f"python.{name}", f"Python {seen}.")
    return failed(
        f"python.{name}",
        f"Python {seen} on {name} is older than {least}.",
        f"Install a newer Python there and point ansible_python_interpreter of {name} to it.",
    )


def system(name: str, release: Mapping[str, str], least: Mapping[str, str]) -> Gate:
    """The distribution is one we know, in a version we know."""
    kind, version = release.get("ID", ""), release.get("VERSION_ID", "")
    label = release.get("PRETTY_NAME") or f"{kind} {version}".strip() or "an unnamed system"
    if kind in least and version and numbers(version) >= numbers(least[kind]):
        return passed(f"system.{name}", f"{label}.")
    known = ", ".join(f"{item} {oldest} or newer" for item, oldest in least.items())
    return failed(
        f"system.{name}",
        f"{name} runs {label}; supported are {known}.",
        "Use a supported system, or add it to preflight_systems once you have rehearsed on it.",
    )


def libraries(name: str, needed: Sequence[str], find: Callable[[str], Any]) -> Gate:
    missing = [library for library in needed if find(library) is None]
    if not missing:
        return passed(f"libraries.{name}", f"{', '.join(needed) or 'none'} needed, none missing.")
    packages = ", ".join(PACKAGES.get(library, f"python3-{library}") for library in missing)
    return failed(
        f"libraries.{name}",
        f"The Python libraries {', '.join(missing)} are missing on {name}.",
        f"{PREPARE}, or install {packages}.",
    )


def programs(name: str, needed: Sequence[str], find: Callable[[str], Any]) -> Gate:
    missing = [program for program in needed if find(program) is None]
    if not missing:
        return passed(f"programs.{name}", f"{', '.join(needed) or 'none'} needed, none missing.")
    packages = ", ".join(sorted({PACKAGES.get(program, program) for program in missing}))
    return failed(
        f"programs.{name}",
        f"The programs {', '.join(missing)} are missing on {name}.",
        f"{PREPARE}, or install {packages}.",
    )


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def os_release() -> dict[str, str]:
    try:
        return dict(platform.freedesktop_os_release())
    except OSError as exc:
        raise ProbeError(f"The system doesn't say what it is: {one_line(exc)}.") from exc


def probe_host(params: Mapping[str, Any], *, clock: Callable[[], float] = time.time) -> dict[str, Any]:
    """All of a host's gates, and the facts that only make sense beside another host's."""
    name = params["name"]
    arrived = clock()
    needed = wanted(params["libraries"], params["groups"])
    tools = wanted(params["programs"], params["groups"])
    gates = [
        right(name, os.geteuid()),
        ask(f"system.{name}", lambda: system(name, os_release(), params["systems"])),
        python(name, numbers(platform.python_version()), params["python"]),
        libraries(name, needed, importlib.util.find_spec),
        programs(name, tools, shutil.which),
    ]
    facts: dict[str, Any] = {"name": name, "arrived": arrived, "left": clock()}
    return {"gates": [gate.as_dict() for gate in gates], "facts": facts}


def clock_against(sent: float, arrived: float, left: float, received: float) -> dict[str, float]:
    """How far a host's clock is from the controller's: ``clock_offset`` seconds, give or take ``clock_error`` seconds.

    The way there and back may take unequally long, so the offset is only known to half of the time spent on the way
    (RFC 5905, section 8).

    Args:
        sent, received: the controller's clock before the question and after the answer, seconds since the epoch.
        arrived, left: the host's clock, likewise.
    """
    return {
        "clock_offset": ((arrived - sent) + (left - received)) / 2,
        "clock_error": ((received - sent) - (left - arrived)) / 2,
    }


def probe_storage(params: Mapping[str, Any]) -> dict[str, Any]:
    """An application's files on its machine: there, and owned by it."""
    name = params["name"]
    filestore = Path(params["filestore_path"])

    def files() -> Gate:
        owner = owner_of(filestore, f"golive_applications.{name}.filestore_path")
        if owner != params["owner"]:
            raise GoliveError(
                f"{filestore} on {params['vm']} belongs to {owner}, the inventory says {params['owner']}.",
                remedy=f"Correct golive_applications.{name}.owner, or the owner of the folder.",
            )
        return passed(f"storage.{name}", f"{filestore} is there and belongs to {owner}.")

    def config() -> Gate:
        path = Path(params["config_path"])
        owner_of(path, f"golive_applications.{name}.config_path")
        if not os.access(path, os.R_OK) or not stat.S_ISREG(path.stat().st_mode):
            raise GoliveError(
                f"{path} on {params['vm']} is not a readable file.",
                remedy=f"Correct golive_applications.{name}.config_path.",
            )
        return passed(f"config.{name}", f"{path} is there.")

    gates = [ask(f"storage.{name}", files), ask(f"config.{name}", config)]
    return {"gates": [gate.as_dict() for gate in gates], "facts": {}}


def owner_of(path: Path, variable: str) -> str:
    try:
        found = path.stat()
    except FileNotFoundError:
        raise GoliveError(f"{path} does not exist on this host.", remedy=f"Correct {variable}.") from None
    except OSError as exc:
        raise ProbeError(f"{path} can't be looked at: {one_line(exc.strerror or exc)}.") from exc
    return f"{found.st_uid}:{found.st_gid}"
