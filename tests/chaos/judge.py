# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of the country, asked from outside: the stories' judges, and the writers' own logs."""

from __future__ import annotations

import re
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


NOTHING = Ledger(0, 0, 0)


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

    Each attempt of a writer has a number of its own, so what is there twice by its number is one record twice; and
    production has nothing more often than staging.
    """
    # The logs first: after a rollback the writers are at work, and a row is there before its line.
    written = {host: set(outside.acknowledged(host)) for host in ("staging", "legacy")}
    source = _rows(outside.psql("staging", "dfr_staging", _FARMERS))
    there = _rows(outside.psql("production", "dfr_production", _FARMERS)) if end == "live" else source
    legacy = _rows(
        outside.mariadb("select concat(reg_no, '|', coalesce(natid, ''), '|') from old_registry.farmers")
    )
    arrived = {int(code[1:]) for _id, _number, code in there if _LOADED.match(code)}
    missing = {
        "staging": written["staging"] - {int(number) for number, *_ in there},
        "legacy": written["legacy"] - (arrived if end == "live" else {int(number) for number, *_ in legacy}),
    }
    people = [Counter(number for _id, number, _code in rows) for rows in (there, source, legacy)]
    numbers = [item for rows in (people[0], people[2]) for item in rows.items() if _WRITER.match(item[0])]
    twice = sum(count - 1 for _number, count in numbers)
    return Ledger(
        acknowledged=sum(map(len, written.values())),
        lost=sum(map(len, missing.values())),
        duplicated=max(twice, (people[0] - people[1]).total()),
    )


def _rows(lines: list[str]) -> list[tuple[str, str, str]]:
    """Id, the number that a person is known by, and the code that the old registry's people have."""
    found = [line.split("|") for line in lines]
    return [(row[0], row[1], row[2]) for row in found]


_FARMERS = "select id, coalesce(national_id, ''), coalesce(code, '') from dfr_farmer"
_WRITER = re.compile(r"[LW]\d{9,}\Z")
_LOADED = re.compile(r"L\d+\Z")
