# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs that wait for different servers, at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


def together(*jobs: Callable[[], Any]) -> None:
    """Run the jobs at the same time; raise the first failure once all have ended."""
    errors: list[Exception] = []

    def guarded(job: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            try:
                job()
            except Exception as exc:  # noqa: BLE001 - handed to the caller below
                errors.append(exc)

        return run

    threads = [threading.Thread(target=guarded(job), daemon=True) for job in jobs[1:]]
    for thread in threads:
        thread.start()
    guarded(jobs[0])()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
