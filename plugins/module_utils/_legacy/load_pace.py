# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many records one call to Odoo takes along.

A call has a price of its own, so small ones waste the servers' time; a long one meets their time limit (120 s, as Odoo
comes), and all of it is undone when it is cut short. What a record takes differs by a hundred between models.
"""

from __future__ import annotations

# What the first calls take, before anything is known of the model.
FIRST = 1000
CALL_SECONDS = 2.0


class Pace:
    """As many records as Odoo takes in about `CALL_SECONDS`.

    Args:
        most: records, however fast they are.

    Attributes:
        rows: records for the next call.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.rows = min(FIRST, most)

    def learn(self, rows: int, seconds: float) -> None:
        """A call with that many rows took that long. A small one that was fast says nothing: its own price is in it."""
        if seconds <= CALL_SECONDS and 2 * rows < self.rows:
            return
        fitting = int(rows * CALL_SECONDS / seconds) if seconds > 0 else self._most
        self.rows = max(1, min(fitting, max(2 * rows, self.rows), self._most))
