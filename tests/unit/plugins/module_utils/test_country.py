# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._country import home


@pytest.mark.parametrize(
    ("variable", "file"),
    [("golive_dns.ttl", "edge.yml"), ("golive_fqdn", "country.yml"), ("enable_users_waves", "users.yml")],
)
def test_the_remedy_names_the_file(variable: str, file: str) -> None:
    assert home(variable) == f"group_vars/all/{file}"
