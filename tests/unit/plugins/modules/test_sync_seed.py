# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.dfr.golive.plugins.modules import sync_seed


def test_a_new_copy_that_must_not_be_made_is_refused_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = {"run_id": "prepare", "method": "none", "target": LOGIN, "again": True, "make": False}
    with patch_module_args(given), pytest.raises(SystemExit) as ended:
        sync_seed.main()
    said = json.loads(capsys.readouterr().out)
    assert ended.value.code == 1
    assert "make forbids" in said["msg"]
    assert "prepare.yml" in said["remedy"]


LOGIN = {
    "login_host": "production",
    "login_user": "dfr_golive",
    "login_password": "made up",
    "database": "production",
    "app_role": "odoo",
    "uuid": "made-up",
}
