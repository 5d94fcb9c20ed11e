# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _backup
from ansible_collections.dfr.golive.plugins.module_utils._backup import BackupPlan
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from backups import planned, put


@pytest.fixture
def plan(tmp_path: Path) -> BackupPlan:
    return planned(tmp_path)


def test_a_broken_file_is_not_backed_up(tmp_path: Path) -> None:
    name = put(tmp_path / "s", b"one")
    (tmp_path / "s" / name).write_bytes(b"two")
    with pytest.raises(GoliveError, match="isn't what its name says"):
        _backup.pack(tmp_path / "s", tmp_path / "a.tar")


def test_halves_are_not_sets(plan: BackupPlan) -> None:
    (plan.directory / "prod-run-1-20260101T000000Z.partial").mkdir()
    (plan.directory / "prod-run-1-20260101T000001Z").mkdir()
    (plan.directory / "prod-run-2-20260101T000001Z").mkdir()
    assert [p.name for p in plan.finished()] == ["prod-run-1-20260101T000001Z"]
    assert [p.name for p in plan.leftovers()] == ["prod-run-1-20260101T000000Z.partial"]


def test_a_dump_that_lacks_a_table_is_caught() -> None:
    _backup.check_listing(["public farmer", "extra thing"], {"farmer": 1, "extra.thing": 1})
    with pytest.raises(GoliveError, match="lacks the data of 1 tables: plot"):
        _backup.check_listing(["public farmer"], {"farmer": 1, "plot": 1})
