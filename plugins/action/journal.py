# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of journal: which steps the phase was made of."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.dfr.golive.plugins.plugin_utils._steps import STEPS, with_steps

MODULE = "dfr.golive.journal"


class ActionModule(ActionBase):  # type: ignore[misc]
    """Journals an event; the steps go with the end of a phase, as evidence."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        answer: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args=with_steps(self._task.args, STEPS.taken), task_vars=task_vars
        )
        return answer
