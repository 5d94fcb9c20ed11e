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

    Legacy's records stay in legacy either way: it is fenced for writing, and people look things up in it. A writer
    that is started anew may register the same number again, so what counts as twice is what there is more of than in
    the source.
    """
    # The logs first: after a rollback the writers are at work, and a row is there before its line.
    written = {host: set(outside.acknowledged(host)) for host in ("staging", "legacy")}
    source = outside.psql("staging", "dfr_staging", _FARMERS)
    there = outside.psql("production", "dfr_production", _FARMERS) if end == "live" else source
    legacy = {int(row) for row in outside.mariadb("select reg_no from old_registry.farmers")}
    people = [Counter(row.split("|", 1)[1] for row in rows) for rows in (there, source)]
    lost = written["staging"] - {int(row.split("|")[0]) for row in there}
    return Ledger(
        acknowledged=sum(map(len, written.values())),
        lost=len(lost) + len(written["legacy"] - legacy),
        duplicated=(people[0] - people[1]).total(),
    )


_FARMERS = "select id, coalesce(national_id, '') from dfr_farmer"
