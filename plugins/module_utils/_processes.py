# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's process table: who we are, and whether an earlier ansible-playbook is gone."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

from ansible_collections.dfr.golive.plugins.module_utils._holder import Owner


class Processes:
    """The process table below ``root``; where there is none, nothing is proven and nobody is gone."""

    def __init__(self, root: Path = Path("/proc"), own_pid: int | None = None) -> None:
        self._root = root
        self._own = os.getppid() if own_pid is None else own_pid

    def owner(self, user: str) -> Owner:
        """The ``ansible-playbook`` that we work for; an action plugin is a child of it."""
        return Owner(
            user=user,
            host=socket.gethostname(),
            pid=self._own,
            started=self._started(self._own),
            boot_id=self._text(self._root / "sys/kernel/random/boot_id"),
            pid_namespace=self._namespace(),
            command=self._command(self._own),
        )

    def gone(self, owner: Owner) -> bool:
        """That process has ended; only to be asked for an owner on this machine."""
        return bool(owner.started) and self._started(owner.pid) != owner.started

    def orphans(self, owner: Owner) -> list[int]:
        """Children of a gone ``ansible-playbook`` that still work.

        They carry its command line, began after it, and belong to no other process with that command line.
        """
        found = []
        for folder in self._root.glob("[0-9]*"):
            pid = int(folder.name)
            parent = self._stat(pid, 1)
            if (
                owner.command
                and pid != self._own
                and self._command(pid) == owner.command
                and self._command(int(parent or 0)) != owner.command
                and int(self._started(pid) or 0) >= int(owner.started or 0)
                and self._stat(pid, 0) != "Z"
            ):
                found.append(pid)
        return sorted(found)

    def _started(self, pid: int) -> str:
        return self._stat(pid, 19)

    def _stat(self, pid: int, field: int) -> str:
        """A field of ``stat`` counted from the one after the command's name, which may hold blanks."""
        fields = self._text(self._root / str(pid) / "stat").rpartition(")")[2].split()
        return fields[field] if len(fields) > field else ""

    def _command(self, pid: int) -> str:
        line = self._text(self._root / str(pid) / "cmdline")
        return hashlib.sha256(line.encode()).hexdigest()[:16] if line else ""

    def _namespace(self) -> str:
        try:
            return str((self._root / "self/ns/pid").readlink())
        except OSError:
            return ""

    @staticmethod
    def _text(path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""
