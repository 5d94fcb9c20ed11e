# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _odoo, _ready_service
from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._gates import ask

SECRET = "canary-77aa"
LOGIN = _odoo.OdooLogin("http://odoo:8069", "dfr", "admin", SECRET)


class Session:
    version = "19.0"

    def __init__(self, access: Any) -> None:
        self.access = access

    def call(self, *_args: Any, **_kwargs: Any) -> Any:
        return self.access


def application(monkeypatch: pytest.MonkeyPatch, connect: Callable[[Any], Any]) -> dict[str, Any]:
    monkeypatch.setattr(_odoo, "connect", connect)
    return _ready_service.probe_application(LOGIN, end="staging", smoke_login="smoke", smoke_password=SECRET)


def test_an_odoo_that_lets_both_in(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = application(monkeypatch, lambda _login: Session(True))
    assert [gate["verdict"] for gate in seen["gates"]] == ["pass", "pass"]
    assert seen["facts"] == {"version": "19.0"}


@pytest.mark.parametrize("access", [False, None, 0])
def test_logging_in_is_not_enough(monkeypatch: pytest.MonkeyPatch, access: Any) -> None:
    seen = application(monkeypatch, lambda _login: Session(access))
    assert [gate["verdict"] for gate in seen["gates"]] == ["fail", "fail"]


def test_a_wrong_password_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(login: _odoo.OdooLogin) -> Any:
        raise _odoo.OdooRefusedError(f"Odoo refused login as {login.where}: Access Denied.")

    seen = application(monkeypatch, refuse)
    assert [gate["verdict"] for gate in seen["gates"]] == ["fail", "fail"]
    assert "golive_applications.staging" in seen["gates"][0]["remedy"]
    assert "check_health_password" in seen["gates"][1]["remedy"]
    assert SECRET not in str(seen)


def test_an_odoo_that_does_not_answer_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_login: _odoo.OdooLogin) -> Any:
        raise ProbeError("No answer.")

    seen = application(monkeypatch, silent)
    assert [gate["verdict"] for gate in seen["gates"]] == ["unknown", "unknown"]
    assert seen["facts"] == {"version": None}


@pytest.mark.parametrize(("status", "verdict"), [(503, "pass"), (200, "fail"), (303, "fail"), (404, "fail")])
def test_the_door(monkeypatch: pytest.MonkeyPatch, status: int, verdict: str) -> None:
    monkeypatch.setattr(_odoo, "fetch", lambda *_args, **_kwargs: _odoo.Page(status, 0.1, ""))
    gate = ask("door.production", lambda: _ready_service.door_closed("dfr.test", "192.0.2.1", 443, "", 1))
    assert gate.verdict.value == verdict
