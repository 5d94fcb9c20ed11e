# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _backup_gates
from ansible_collections.dfr.golive.plugins.module_utils._backup import BackupPlan
from backups import planned


@pytest.fixture
def plan(tmp_path: Path) -> BackupPlan:
    return planned(tmp_path)


def test_target_gate(plan: BackupPlan) -> None:
    plan.directory.chmod(0o700)
    assert _backup_gates._target(plan).verdict.value == "pass"
    (plan.directory / "prod-run-0-x.partial").mkdir()
    assert "will be removed" in _backup_gates._target(plan).detail
    plan.directory.chmod(0o755)
    assert _backup_gates._target(plan).verdict.value == "fail"
