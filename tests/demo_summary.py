# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``make demo`` says at the end: the freeze window by phase, and where the report is."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(path: Path) -> int:
    report = json.loads(path.read_text(encoding="utf-8"))
    window = report["freeze_window"]
    print(f"\n{report['country']}: {report['outcome']}, run {report['run_id']}\n")
    for phase in report["phases"]:
        print(f"  {phase['name']:<16} {phase['status']:<10} {phase['seconds'] or 0:7.1f} s")
    seconds = window["seconds"]
    if seconds is None:
        print("\nThe freeze window was not closed.")
    else:
        print(
            f"\nFreeze window: {seconds:.1f} s, of which {window['human_seconds']:.1f} s waiting for people."
        )
    print(f"Report: {path.with_suffix('.html').resolve()}")
    return 0 if report["outcome"] == "live" else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
