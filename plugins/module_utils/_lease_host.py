# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease's timer on a host: what it is made of, putting it there, and whether it would be at work."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import (
    _errors,
    _fence_mariadb,
    _fence_postgres,
    _hypercare,
    _kept,
    _lease,
    _lease_timer,
    _mariadb,
    _mariadb_grants,
    _mariadb_world,
    _postgres,
    _postgres_sessions,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, failed, passed

PACKAGE = _lease_timer.__name__.rpartition(".")[0]
# What the timer is made of.
PARTS: tuple[ModuleType, ...] = (
    _errors, _fence_mariadb, _fence_postgres, _kept, _lease, _lease_timer, _mariadb, _mariadb_grants, _mariadb_world,
    _postgres, _postgres_sessions,
)  # fmt: skip
PROGRAM = f"""import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))

from {PACKAGE}._lease_timer import main

sys.exit(main(sys.argv[1:]))
"""


@dataclass(frozen=True)
class Place:
    """Where the timer of a country is on a host.

    Attributes:
        lib_dir: the program and its library.
        state_dir: the folder of the small files.
        cron_path: the entry that starts it.
        python: what runs it.
    """

    lib_dir: Path
    state_dir: Path
    cron_path: Path
    python: str

    def files(self) -> dict[Path, str]:
        """Every file of it, with its content."""
        package = self.lib_dir / "lib" / PACKAGE.replace(".", "/")
        wanted = {
            package / f"{part.__name__.rpartition('.')[2]}.py": inspect.getsource(part) for part in PARTS
        }
        program = self.lib_dir / "lease.py"
        wanted[program] = PROGRAM
        wanted[self.cron_path] = (
            f"* * * * * root {self.python} {program} {self.state_dir} >> {self.state_dir}/timer.log 2>&1\n"
        )
        return wanted

    def lacks(self) -> list[Path]:
        """What isn't there, or isn't as it must be."""
        return [path for path, text in self.files().items() if _read(path) != text]

    def install(self) -> None:
        """Put it there; cron's entry comes last."""
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, text in self.files().items():
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            beside = path.with_name(f".{path.name}.new")
            beside.write_text(text, encoding="utf-8")
            beside.chmod(0o644)
            beside.replace(path)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def lease_gate(params: dict[str, Any]) -> Gate:
    """Would the fence of this source be lifted if the run stalled?"""
    name, seconds, least = (
        f"freeze.{params['name']}.lease",
        params["lease_seconds"],
        params["lease_minimum_seconds"],
    )
    if not seconds:
        return passed(name, "The fence has no lease: it stays until a run lifts it.")
    if seconds <= least:
        return failed(
            name,
            f"The lease of {seconds} s is no longer than a phase inside the window may take ({least} s).",
            "Raise freeze_legacy_lease_seconds, or lower golive_phase_limit_seconds.",
        )
    place = Place(
        Path(params["lib_dir"]), Path(params["state_dir"]), Path(params["cron_path"]), params["python"]
    )
    lacking = place.lacks()
    if lacking:
        return failed(
            name,
            f"The timer that would lift the fence lacks {len(lacking)} files on this host ({lacking[0]}).",
            "Run playbooks/prepare.yml.",
        )
    try:
        _hypercare.cron_runs()
    except ProbeError:
        raise
    except GoliveError:
        return failed(
            name,
            "No cron daemon runs on this host, so nothing would lift the fence of a run that stalls.",
            "Start cron there; or set freeze_legacy_lease_seconds to 0 and answer for it.",
        )
    return passed(name, f"Without a sign of life for {seconds} s the timer on this host lifts the fence.")
