# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dfr.golive.plugins.action.report import artifacts_folder


@pytest.mark.parametrize(
    ("asked", "inventories", "folder"),
    [
        ("/srv/reports", ["/x/inventories/demo"], "/srv/reports"),
        ("", ["/x/inventories/demo"], "/x/artifacts"),
        ("", ["/x/inventories/demo/hosts.yml"], "/x/artifacts"),
        ("", ["/x/inventories/africa/kenya"], "/x/artifacts"),
        ("", ["ops,", "/x/inventories/demo"], "/x/artifacts"),
        ("", ["/etc/ansible/hosts"], "/cwd/artifacts"),
        ("", ["ops,"], "/cwd/artifacts"),
        ("", [], "/cwd/artifacts"),
    ],
)
def test_where_reports_go(
    asked: str, inventories: list[str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "cwd", lambda: Path("/cwd"))
    assert artifacts_folder(asked, inventories) == Path(folder)
