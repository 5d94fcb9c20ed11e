# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of the country, asked from outside: the stories' judges, and the writers' own logs."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/stories"))

import outside  # noqa: E402

JUDGES = {"live": "judge_live", "rolled_back": "judge_as_before"}


@dataclass(frozen=True)
class Ledger:
    """What the writers were told is safe, and what of it isn't there exactly once."""

    acknowledged: int
    lost: int
    duplicated: int


def verdict(end: str) -> str:
    """Empty when the judge agrees that the country ended so; otherwise what it saw."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=line", f"tests/stories/{JUDGES[end]}.py"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode == 0:
        return ""
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return " | ".join(failed)[:1000] or done.stdout[-600:] + done.stderr[-300:]


def ledger(end: str) -> Ledger:
    """Every acknowledged record in production (live) or in its source (rolled back), exactly once.

    Legacy's records stay in legacy either way: it is fenced for writing, and people look things up in it.
    """
    environment, database = ("production", "dfr_production") if end == "live" else ("staging", "dfr_staging")
    registry = outside.psql(environment, database, "select id, national_id from dfr_farmer")
    legacy = outside.mariadb("select reg_no, natid from old_registry.farmers")
    acknowledged = lost = duplicated = 0
    for host, rows, split in (("staging", registry, "|"), ("legacy", legacy, "\t")):
        written = set(outside.acknowledged(host))
        found = [row.split(split, 1) for row in rows]
        ids = {int(number) for number, _ in found}
        people = Counter(person for _, person in found if person.startswith("W"))
        acknowledged += len(written)
        lost += len(written - ids)
        duplicated += sum(1 for seen in people.values() if seen > 1)
    return Ledger(acknowledged, lost, duplicated)
