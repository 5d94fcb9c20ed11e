# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the measurements and writes artifacts/bench.json.

Everything is measured in one run on one machine, ours and the peer side by side. ``BENCH`` chooses by the beginnings of
names (``BENCH=verify,sync.initial_copy``), ``SIZES`` the sizes of the registry (``SIZES=50MB,1GB``).

Each room of this folder has ``NAMES``, what it measures, and ``measure(wanted, sizes)``, which yields the figures of
the names for which ``wanted`` is true.
"""

from __future__ import annotations

import json
import os
import sys

import figures
import legacy
import recovery
import replication
import report
import window

ROOMS = (window, recovery, replication, legacy, report)
SIZES = "50MB,1GB,4GB"
UNITS = {"MB": 1 << 20, "GB": 1 << 30}


def size(text: str) -> int:
    """``50MB`` in bytes."""
    return int(float(text[:-2]) * UNITS[text[-2:].upper()])


def main() -> int:
    chosen = tuple(filter(None, os.environ.get("BENCH", "").split(",")))
    sizes = tuple(size(text) for text in (os.environ.get("SIZES") or SIZES).split(","))

    def wanted(name: str) -> bool:
        return not chosen or name.startswith(chosen)

    rooms = [room for room in ROOMS if any(wanted(name) for name in room.NAMES)]
    if not rooms:
        names = ", ".join(name for room in ROOMS for name in room.NAMES)
        sys.stderr.write(f"BENCH={','.join(chosen)} chooses nothing; there are {names}.\n")
        return 2
    results = []
    for room in rooms:
        for found in room.measure(wanted, sizes):
            results.append(found)
            print(json.dumps(found), flush=True)
            figures.write(results, whole=not chosen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
