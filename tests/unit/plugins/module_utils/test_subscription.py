# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _subscription
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError


def admin(version: int) -> Any:
    return SimpleNamespace(info=SimpleNamespace(server_version=version, user="op", host="production"))


def answering(monkeypatch: pytest.MonkeyPatch, *, superuser: bool, member: bool) -> None:
    monkeypatch.setattr(
        _subscription,
        "scalar",
        lambda _conn, query: superuser if "rolsuper" in query else member,
    )


@pytest.mark.parametrize(
    ("version", "superuser", "member"),
    [(160000, False, True), (160000, True, False), (150000, True, False)],
)
def test_who_may_subscribe(
    monkeypatch: pytest.MonkeyPatch, version: int, superuser: bool, member: bool
) -> None:
    answering(monkeypatch, superuser=superuser, member=member)
    _subscription.refuse_unless_may_subscribe(admin(version))


@pytest.mark.parametrize(
    ("version", "member", "remedy"),
    [
        (160000, False, "grant pg_create_subscription to op"),
        (150000, True, "Before PostgreSQL 16 only a superuser may"),
    ],
)
def test_who_may_not_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, version: int, member: bool, remedy: str
) -> None:
    answering(monkeypatch, superuser=False, member=member)
    with pytest.raises(GoliveError, match=f"PostgreSQL {version // 10000}") as refused:
        _subscription.refuse_unless_may_subscribe(admin(version))
    assert remedy in str(refused.value)
