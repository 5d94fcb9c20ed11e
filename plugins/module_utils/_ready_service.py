# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Do the application and the door answer as they should before the night. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _odoo
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, passed

REGISTRY = "dfr.farmer"


def administrator(login: _odoo.OdooLogin, end: str, facts: dict[str, Any]) -> Gate:
    """The administrator of the inventory gets in and may write settings."""
    try:
        session = _odoo.connect(login)
    except _odoo.OdooRefusedError as exc:
        raise GoliveError(
            exc.sentence,
            remedy=f"Correct login and password of golive_applications.{end}, or set that password in Odoo.",
        ) from exc
    facts["version"] = session.version
    if session.call("ir.config_parameter", "has_access", [], "write") is not True:
        raise GoliveError(
            f"{login.where} logs in, but is no administrator.",
            remedy=f"Name an administrator in golive_applications.{end}.login.",
        )
    return passed(f"application.{end}", f"{login.where} logs in, Odoo {session.version}.")


def smoke_account(login: _odoo.OdooLogin) -> Gate:
    """The account that tries things out gets in and may register a farmer."""
    try:
        session = _odoo.connect(login)
    except _odoo.OdooRefusedError as exc:
        raise GoliveError(
            exc.sentence,
            remedy="Correct check_health_login and check_health_password, or make that account on staging.",
        ) from exc
    if session.call(REGISTRY, "has_access", [], "create") is not True:
        raise GoliveError(
            f"{login.where} logs in, but may not register a farmer.",
            remedy="Make the account of check_health_login an enumerator on staging.",
        )
    return passed("smoke.staging", f"{login.where} logs in and may register a farmer.")


def probe_application(
    login: _odoo.OdooLogin, *, end: str, smoke_login: str = "", smoke_password: str = ""
) -> dict[str, Any]:
    """The gates of one application, and its version."""
    facts: dict[str, Any] = {"version": None}
    gates = [ask(f"application.{end}", lambda: administrator(login, end, facts))]
    if smoke_login:
        gates.append(
            ask(
                f"smoke.{end}",
                lambda: smoke_account(login.as_user(smoke_login, smoke_password)),
            )
        )
    return {"gates": [gate.as_dict() for gate in gates], "facts": facts}


def door_closed(fqdn: str, address: str, port: int, ca_path: str, timeout: float) -> Gate:
    """The public gets the maintenance page, not the application."""
    suffix = "" if port == 443 else f":{port}"
    page = _odoo.fetch(
        f"https://{fqdn}{suffix}/web/login", ca_path=ca_path, timeout=timeout, address=address, follow=False
    )
    if page.status != 503:
        raise GoliveError(
            f"Production answers {page.status} to the public at {address}:{port};"
            " its door has to be closed (503).",
            remedy="Close the door of golive_proxy; it opens in phase 8.",
        )
    return passed("door.production", f"{fqdn} at {address}:{port} answers 503, the maintenance page.")


def probe_door(params: Mapping[str, Any]) -> dict[str, Any]:
    """What the public meets."""
    ca_path, timeout = params["ca_path"] or "", params["timeout"]
    gate = ask(
        "door.production",
        lambda: door_closed(params["fqdn"], params["address"], params["port"], ca_path, timeout),
    )
    return {"gates": [gate.as_dict()], "facts": {}}
