# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _progress
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin
from ansible_collections.dfr.golive.plugins.module_utils._replication import Pair, Reach


def pair(folder: Path) -> Pair:
    login = PostgresLogin("here", 5432, "dfr_golive", "secret", "registry")
    return Pair("registry", login, login.to("copy"), "odoo", Reach("there", 5432, "disable"), folder)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"step": "copy", "seconds": 0.0}, "copy, 0 s so far"),
        (
            {
                "step": "copy",
                "rows": 1_200_000,
                "rows_total": 6_000_000,
                "bytes": 170 << 20,
                "seconds": 8.2,
                "seconds_left": 32.8,
            },
            "copy, 1,200,000 of about 6,000,000 rows (20 %), 170 MiB, 8 s so far, about 33 s left",
        ),
        (
            {"step": "indexes", "indexes": 3, "indexes_total": 8, "seconds": 5, "seconds_left": None},
            "indexes, 3 of 8 indexes, 5 s so far",
        ),
        (
            {"step": "follow", "behind_bytes": 3 << 20, "seconds": 1},
            "follow, 3.0 MiB of log behind, 1 s so far",
        ),
    ],
)
def test_one_line_for_people(told: dict[str, Any], said: str) -> None:
    assert _progress.sentence(told) == said


def test_more_rows_than_were_estimated_are_no_more_than_all() -> None:
    told = {"step": "copy", "rows": 300, "rows_total": 200, "bytes": 0, "seconds": 1}
    assert "(100 %)" in _progress.sentence(told)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, None), (0.005, None), (0.25, 30.0), (1.0, 0.0), (1.2, None)]
)
def test_what_is_left_follows_from_the_rate(share: float, expected: float | None) -> None:
    assert _progress.left(10, share) == expected


def test_what_was_told_is_read_by_others_and_nothing_is_made_up(tmp_path: Path) -> None:
    assert _progress.read_progress(pair(tmp_path)) == {}
    _progress.write_progress(pair(tmp_path))({"step": "analyze", "seconds": 2.0})
    read = _progress.read_progress(pair(tmp_path))
    assert read.pop("age") < 60
    assert read == {"step": "analyze", "seconds": 2.0, "sentence": "analyze, 2 s so far"}
