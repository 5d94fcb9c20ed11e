# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of replica: the copy is made in the background, and how far it is is shown meanwhile.

So a controller that goes away ends nothing: the copying goes on, and the next call finds it.
"""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

MODULE = "dfr.golive.replica"
INFO = "dfr.golive.replica_info"
# Nothing of ours takes longer than its own limits; this one only ends what forgot them.
BACKGROUND_SECONDS = 7 * 86400


class ActionModule(ActionBase):  # type: ignore[misc]
    """Starts the module, then asks for its progress until it has ended."""

    TRANSFERS_FILES = False
    _requires_connection = True
    module_name = MODULE

    def quiet(self, args: dict[str, Any]) -> bool:
        """Whether there is nothing to show."""
        return bool(args.get("state", "present") == "absent")

    def about(self, args: dict[str, Any]) -> dict[str, Any]:
        """What to ask for the progress with."""
        return {k: v for k, v in args.items() if k not in ("state", "show_seconds")}

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        args = {**self._task.args}
        every = float(args.get("show_seconds", 5))
        if self._task.check_mode or self.quiet(args) or not every:
            return self._ask(self.module_name, args, task_vars)
        self._task.async_val = BACKGROUND_SECONDS
        try:
            job = self._ask(self.module_name, args, task_vars, background=True)
        finally:
            self._task.async_val = 0
        if job.get("failed") or "ansible_job_id" not in job:
            return job
        common = self.about(args)
        said = ""
        pause = 0.5
        while True:
            time.sleep(pause)
            pause = min(every, pause * 2)
            result = self._ended(job["ansible_job_id"], task_vars)
            if result is not None:
                return result
            progress = self._ask(INFO, common, task_vars).get("progress") or {}
            line = str(progress.get("sentence", ""))
            if line and line != said:
                said = line
                Display().display(f"{common['name']}: {line}")

    def _ended(self, job: str, task_vars: dict[str, Any] | None) -> dict[str, Any] | None:
        """What the module returned; None while it is at work."""
        asked = {"jid": job, "_async_dir": self.get_shell_option("async_dir", default="~/.ansible_async")}
        answer = self._ask("ansible.legacy.async_status", asked, task_vars)
        if "started" in answer and not answer.get("finished"):
            return None
        self._ask("ansible.legacy.async_status", {**asked, "mode": "cleanup"}, task_vars)
        return {
            k: v
            for k, v in answer.items()
            if k not in ("ansible_job_id", "results_file", "started", "finished")
        }

    def _ask(
        self,
        module: str,
        arguments: dict[str, Any],
        task_vars: dict[str, Any] | None,
        *,
        background: bool = False,
    ) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name=module, module_args=arguments, task_vars=task_vars, wrap_async=background
        )
        return answer
