# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of host_readiness: its own clock, read before a machine is asked and after it has answered."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.dfr.golive.plugins.module_utils import _ready_host

MODULE = "dfr.golive.host_readiness"
# The answer with the shortest way tells most, as in the clock filter of NTP (RFC 5905).
TRIES = 3
PRECISE_SECONDS = 0.5


class ActionModule(ActionBase):  # type: ignore[misc]
    """Asks one machine, and holds its clock against the controller's."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        best = self._asked(task_vars)
        for _again in range(TRIES - 1):
            if "facts" not in best or best["facts"]["clock_error"] <= PRECISE_SECONDS:
                break
            answer = self._asked(task_vars)
            if "facts" not in answer:
                return answer
            best = min(best, answer, key=lambda one: float(one["facts"]["clock_error"]))
        return best

    def _asked(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        sent = time.time()
        answer: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args=dict(self._task.args), task_vars=task_vars
        )
        received = time.time()
        if "facts" in answer:
            seen = answer["facts"]
            seen.update(_ready_host.clock_against(sent, seen["arrived"], seen["left"], received))
        return answer
