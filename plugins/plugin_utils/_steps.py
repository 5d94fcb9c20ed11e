# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps a phase is made of, from the callback that sees them to the journal that keeps them.

The callback lives in the process that plays the playbook, and each task in a fork of it, which sees what was noted
before it began. So the task that journals a phase's end hands the steps over with it, and no file has to be shared.
Where another callback plays, there are none, and the report says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _report

MOST = 5000
"""Steps that one phase may have; a loop gone wild must not fill the state host."""
LONGEST_NAME = 120


class Steps:
    """What was done since the play began.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._began: dict[tuple[str, str], float] = {}
        self.taken: list[dict[str, Any]] = []

    def clear(self) -> None:
        """A play begins, and with it a phase."""
        self._began.clear()
        self.taken.clear()

    def begin(self, task: str, host: str) -> None:
        """A task begins on a host of the play; ``task`` is Ansible's own number for it."""
        self._began[(task, host)] = self._clock()

    def end(self, task: str, host: str, *, name: str, where: str, status: str) -> None:
        """It has ended.

        Args:
            task, host: as it began.
            name: what it is called.
            where: the host that it acted on.
            status: ``ok``, ``changed`` or ``failed``.
        """
        began = self._began.pop((task, host), None)
        if began is None or len(self.taken) >= MOST:
            return
        self.taken.append(
            {
                "name": name[:LONGEST_NAME],
                "host": where,
                "started": f"{datetime.fromtimestamp(began, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
                "seconds": round(max(0.0, self._clock() - began), 3),
                "status": status,
            }
        )


STEPS = Steps()
"""Those of this process."""


def with_steps(asked: dict[str, Any], taken: list[dict[str, Any]]) -> dict[str, Any]:
    """The arguments of the module, with the steps among the evidence of a phase that ends well."""
    if asked.get("event") != "finish" or not taken:
        return asked
    result = asked.get("result") or {}
    return {**asked, "result": {**result, "files": {**(result.get("files") or {}), _report.STEPS: taken}}}
