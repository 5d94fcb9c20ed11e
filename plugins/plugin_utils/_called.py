# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which modules the tasks of a role call, found by following its files as Ansible does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError

ACTION = re.compile(r"[a-z_]+\.[a-z_]+\.[a-z_0-9]+")
EXPRESSION = re.compile(r"{{ *([\w.]+) *}}")
FILES = ("ansible.builtin.import_tasks", "ansible.builtin.include_tasks")
ROLES = ("ansible.builtin.import_role", "ansible.builtin.include_role")


def called(
    roles: Path, names: Iterable[str], chosen: Mapping[str, str], read: Callable[[Path], Any]
) -> list[str]:
    """The modules that these roles call where all goes well: what only a ``rescue`` calls isn't among them.

    Args:
        roles: the folder of this collection's roles.
        names: the roles.
        chosen: the value of each expression that a file's name may hold, for example ``golive_dns.provider``.
        read: what a YAML file says.

    Returns:
        Their full names, each once, sorted.

    Raises:
        GoliveError: a file's name holds an expression of another kind.
    """
    seen: set[Path] = set()
    found: set[str] = set()

    def value(expression: re.Match[str]) -> str:
        if expression[1] not in chosen:
            raise GoliveError(f"A task's file depends on {expression[1]}, which isn't among what was chosen.")
        return chosen[expression[1]]

    def file(role: str, name: str) -> None:
        path = roles / role / "tasks" / EXPRESSION.sub(value, name)
        path = path if path.suffix else path.with_suffix(".yml")
        if path not in seen:
            seen.add(path)
            tasks(role, read(path) or [])

    def tasks(role: str, items: Iterable[Mapping[str, Any]]) -> None:
        for task in items:
            for part in ("block", "always"):
                tasks(role, task.get(part, []))
            for action, options in task.items():
                if action in FILES:
                    file(role, options if isinstance(options, str) else options["file"])
                elif action in ROLES:
                    file(options["name"].rpartition(".")[2], options.get("tasks_from", "main"))
                elif ACTION.fullmatch(action):
                    found.add(action)

    for name in names:
        file(name, "main")
    return sorted(found)
