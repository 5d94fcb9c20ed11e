# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of journal: which steps a phase was made of, and the wait for signed words at a hold point."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.dfr.golive.plugins.module_utils import _holds
from ansible_collections.dfr.golive.plugins.module_utils._chain import moment
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._holds import Asked, Standing
from ansible_collections.dfr.golive.plugins.plugin_utils._steps import STEPS, with_steps

MODULE = "dfr.golive.journal"
POLL_SECONDS = 2.0
SHOW_SECONDS = 60.0
GRACE_SECONDS = 300


class ActionModule(ActionBase):  # type: ignore[misc]
    """Journals one event, with the steps of a phase that ends; a hold is journalled, waited for and released."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        folder = arguments.pop("signoffs", None)
        try:
            if arguments.get("event") == "hold_begin" and not self._task.check_mode:
                hold = _holds.declared(arguments.get("holds") or {})[str(arguments.get("phase"))]
                return self._wait(arguments, hold, Path(str(folder)), task_vars)
        except GoliveError as exc:
            return {"failed": True, "msg": str(exc), "remedy": exc.remedy}
        return self._ask(arguments, task_vars)

    def _ask(self, arguments: Mapping[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args=with_steps(dict(arguments), STEPS.taken), task_vars=task_vars
        )
        return answer

    def _wait(
        self,
        arguments: dict[str, Any],
        hold: _holds.Hold,
        folder: Path,
        task_vars: dict[str, Any] | None,
    ) -> dict[str, Any]:
        """What the task returns: a failure, or the journal's word that the hold is released."""
        limit = int(hold.limit.total_seconds()) + GRACE_SECONDS
        opened = self._ask({**arguments, "limit_seconds": limit}, task_vars)
        if opened.get("failed") or opened.get("unreachable") or opened["released"]:
            return opened
        asked = Asked(
            folder,
            str(arguments["country"]),
            str(arguments["run_id"]),
            hold,
            str(opened["basis"]),
            moment(str(opened["since"])),
            datetime.now(UTC),
        )
        Display().display(
            f"Each of them signs with: {asked.command()}\nand puts both files into {asked.words}."
        )
        standing = self._poll(asked)
        return self._ask(
            {
                **arguments,
                "event": "hold_finish",
                "gates": [],
                "result": {"approvals": standing.approvals, "files": {hold.phase: standing.papers}},
            },
            task_vars,
        )

    @staticmethod
    def _poll(asked: Asked) -> Standing:
        """The standing that releases the hold.

        Raises:
            GoliveError: somebody refuses, or the limit is reached.
        """
        shown, said = 0.0, ""
        while True:
            now = datetime.now(UTC)
            standing = _holds.look(asked, now)
            if standing.released:
                return standing
            ended = _holds.over(asked, standing, now)
            if ended is not None:
                raise ended
            news = repr((standing.missing, standing.doubts))
            if news != said or time.monotonic() - shown >= SHOW_SECONDS:
                Display().display(_holds.waiting(asked, standing, now))
                shown, said = time.monotonic(), news
            time.sleep(POLL_SECONDS)
