# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _sync_identity
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from sync_plans import plan


def test_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, str] = {"database.uuid": "u-prod"}
    monkeypatch.setattr(_sync_identity, "read_identity", lambda _login, _keys: found)
    _sync_identity.check_identity(plan().target, "production")
    found["database.uuid"] = "another"
    with pytest.raises(GoliveError, match=r"golive_databases.production.uuid"):
        _sync_identity.check_identity(plan().target, "production")
    found.clear()
    with pytest.raises(ProbeError, match=r"no database.uuid"):
        _sync_identity.check_identity(plan().target, "production")


def test_only_identity_may_differ() -> None:
    keys = ("database.uuid", "database.secret")
    same = {"web.base.url": "1", "database.uuid": "2", "database.secret": "3"}
    assert _sync_identity.declared_keys(same, {**same, "database.uuid": "9"}, keys) == ["database.uuid"]
    with pytest.raises(GoliveError, match=r"web.base.url"):
        _sync_identity.declared_keys(same, {**same, "web.base.url": "9"}, keys)
    with pytest.raises(GoliveError, match="extra"):
        _sync_identity.declared_keys(same, {**same, "extra": "9"}, keys)
