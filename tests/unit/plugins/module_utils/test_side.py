# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.dfr.golive.plugins.module_utils._side import Side
from sync_plans import SIDE


def test_a_side_knows_its_database_and_the_way_to_its_server() -> None:
    side = Side.from_params(SIDE)
    assert side.name == side.login.database
    assert (side.app_role, side.uuid) == (SIDE["app_role"], SIDE["uuid"])
    assert side.maintenance().database == side.login.maintenance_database
    assert side.maintenance().host == side.login.host
