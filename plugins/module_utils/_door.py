# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door: one small file that the reverse proxy includes, and what the public gets to see for it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from ansible_collections.dfr.golive.plugins.module_utils import _odoo, _odoo_config
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line

CLOSED_STATUS = 503
# How a proxy is told to read its files again, by where it runs. Both keep serving while they do.
RELOAD: dict[str, tuple[str, ...]] = {
    "docker": ("docker", "kill", "--signal", "HUP"),
    "podman": ("podman", "kill", "--signal", "HUP"),
    "systemd": ("systemctl", "reload"),
}


class Position(str, Enum):
    """What the public gets: the application, or the maintenance page."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class Door:
    """Where the door is.

    Attributes:
        url: what users type, without a path.
        address: where the proxy listens, asked directly; the certificate must still be the name's.
        check_path: a page that only the open door shows.
        ca_path: CA bundle; the system's store when empty.
        timeout: seconds for one request.
    """

    url: str
    address: str
    check_path: str = "/web/login"
    ca_path: str | None = None
    timeout: float = 10


def position(door: Door) -> Position:
    """Ask the proxy as the public would.

    Raises:
        ProbeError: it answers neither with the maintenance page nor with the application.
    """
    page = _odoo.fetch(
        door.url + door.check_path,
        ca_path=door.ca_path,
        timeout=door.timeout,
        address=door.address,
        follow=False,
    )
    if page.status == CLOSED_STATUS:
        return Position.CLOSED
    if 200 <= page.status < 400:
        return Position.OPEN
    raise ProbeError(
        f"{door.url}{door.check_path} at {door.address or 'its address'} answers with status {page.status}:"
        " neither the maintenance page nor the application.",
        remedy="Look at the proxy's log and whether the application behind it runs.",
    )


def require(door: Door, wanted: Position) -> Position:
    """Stop unless the door is where it should be; it may still be moving, hence `ProbeError`."""
    seen = position(door)
    if seen is not wanted:
        raise ProbeError(f"The door at {door.address or door.url} is {seen.value}, not {wanted.value}.")
    return seen


def reload_proxy(runtime: str, unit: str, run: Callable[[Sequence[str]], None] | None = None) -> None:
    """Make the proxy read its files again."""
    command = [*RELOAD[runtime], unit]
    (run or _run)(command)


def _run(command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    except FileNotFoundError as exc:
        raise GoliveError(
            f"The program {command[0]} is missing on this host.", remedy="Run playbooks/prepare.yml."
        ) from exc
    except subprocess.TimeoutExpired as exc:
        raise ProbeError(f"`{' '.join(command)}` did not end within 30 s.") from exc
    except subprocess.CalledProcessError as exc:
        raise GoliveError(
            f"`{' '.join(command)}` failed: {one_line(exc.stderr)}.",
            remedy="Check runtime and unit of golive_proxy.",
        ) from exc


def move(
    door: Door,
    wanted: Position,
    *,
    path: str,
    content: str,
    runtime: str,
    unit: str,
    limit: float,
    check_only: bool = False,
) -> bool:
    """Write the door file, reload the proxy and wait until the public sees it; otherwise put the file back.

    Returns:
        Whether anything had to be done.
    """
    before = _odoo_config.read_file(path)
    text = content if content.endswith("\n") else content + "\n"
    if before.text == text and _is_at(door, wanted):
        return False
    if check_only:
        return True
    rights = {"mode": before.mode, "uid": before.uid, "gid": before.gid}
    _odoo_config.write_atomically(path, text, **rights)
    try:
        reload_proxy(runtime, unit)
        _odoo.wait_for(
            f"the door to be {wanted.value}", lambda: require(door, wanted), limit=limit, pause=0.1
        )
    except GoliveError as exc:
        if wanted is Position.CLOSED:
            raise  # a door that may be half closed is never opened again by a machine
        _odoo_config.write_atomically(path, before.text, **rights)
        reload_proxy(runtime, unit)
        raise GoliveError(
            f"The door did not open; it is as before: {exc.sentence}",
            remedy=exc.remedy or "Check the content of enable_users_door_open against the proxy's settings.",
        ) from exc
    return True


def _is_at(door: Door, wanted: Position) -> bool:
    try:
        return position(door) is wanted
    except GoliveError:  # whatever is wrong there, it isn't where it should be
        return False
