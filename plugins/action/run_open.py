# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of run_open: who is asking, and which of its own earlier processes are gone."""

from __future__ import annotations

import getpass
import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.dfr.golive.plugins.module_utils import _processes
from ansible_collections.dfr.golive.plugins.module_utils._holder import Holder, Owner

MODULE = "dfr.golive.run_open"


class ActionModule(ActionBase):  # type: ignore[misc]
    """Opens a run in the name of this ``ansible-playbook`` process."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        processes = _processes.Processes()
        owner = processes.owner(_user())
        arguments = {**self._task.args, "owner": owner.as_dict()}
        result = self._ask(arguments, task_vars)
        held = result.get("holder")
        if result.get("failed") and held:
            holder = Holder.from_dict(held)
            if owner.same_machine(holder.owner) and processes.gone(holder.owner):
                busy = self._wait_for_orphans(
                    processes, holder.owner, int(arguments.get("wait_seconds", 120))
                )
                if busy:
                    result["msg"] = (
                        f"The ansible-playbook of {holder.owner.where} is gone, but a task it started"
                        f" is still at work (process {', '.join(map(str, busy))})."
                        " Wait for it to end, or end it, then run again."
                    )
                    return result
                result = self._ask({**arguments, "gone_session": holder.session}, task_vars)
        return result

    def _ask(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args=arguments, task_vars=task_vars
        )
        return answer

    @staticmethod
    def _wait_for_orphans(processes: _processes.Processes, owner: Owner, limit: int) -> list[int]:
        """The processes of a vanished run that outlive the limit; empty when there are none."""
        end = time.monotonic() + limit
        said = False
        while busy := processes.orphans(owner):
            if time.monotonic() >= end:
                return busy
            if not said:
                Display().display(
                    f"Waiting up to {limit} s for a task of the vanished run to end (process {busy[0]})"
                )
                said = True
            time.sleep(0.5)
        return []


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"
