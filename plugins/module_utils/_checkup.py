# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""check_health's questions put together: before the night's check, the whole check, and its cheap form."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _health, _postgres
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed
from ansible_collections.dfr.golive.plugins.module_utils._health import Finding, Limits, Registration
from ansible_collections.dfr.golive.plugins.module_utils._odoo import OdooLogin
from ansible_collections.dfr.golive.plugins.module_utils._odoo_settings import require_identity
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin


def gates(login: PostgresLogin, odoo: OdooLogin, expected_uuid: str) -> list[Gate]:
    """May the check begin? Changes nothing."""
    return [
        ask("app.answers", lambda: _gate_answers(odoo)),
        ask("database.identity", lambda: _gate_identity(login, expected_uuid)),
    ]


def _gate_answers(odoo: OdooLogin) -> Gate:
    finding = _health.web_health(odoo)
    if not finding.ok:
        return failed("app.answers", f"{finding.detail}.", "Look at the application's log.")
    return passed("app.answers", finding.detail)


def _gate_identity(login: PostgresLogin, expected_uuid: str) -> Gate:
    with _postgres.connect(login) as conn:
        conn.read_only = True
        require_identity(conn, expected_uuid)
    return passed("database.identity", f"{login.database} on {login.host} is {expected_uuid}")


def quick(login: PostgresLogin, smoke: OdooLogin, expected_uuid: str) -> dict[str, Any]:
    """The cheap form: the database is the one meant, the application says pass, an enumerator logs in."""
    _gate_identity(login, expected_uuid)
    findings = _health.quick(smoke)
    _health.require_ok(findings)
    return {"checks": len(findings)}


def full(
    login: PostgresLogin,
    operator: OdooLogin,
    smoke: OdooLogin,
    expected_uuid: str,
    registration: Registration | None,
    api_model: str,
    pages: Sequence[str],
    limits: Limits,
) -> dict[str, Any]:
    """Everything, with all figures; logins run side by side, latencies alone so that they are fair.

    Raises:
        GoliveError: naming every figure beyond its limit.
    """
    start = time.monotonic()
    figures: dict[str, Any] = {}
    findings: list[Finding] = [_health.web_health(smoke)]
    with ThreadPoolExecutor(3) as pool:
        database = pool.submit(_database, login, expected_uuid, limits)
        admin = pool.submit(_health.login_answers, operator)
        enumerator = pool.submit(_health.login_answers, smoke)
        found, figures["database"] = database.result()
        findings += found
        (admin_session, as_admin), (smoke_session, as_smoke) = admin.result(), enumerator.result()
    findings += [as_admin, as_smoke]
    if registration is not None:
        finding, figures["registration"] = _health.registration(admin_session, smoke_session, registration)
        findings.append(finding)
    figures["pages"] = {}
    timed: list[dict[str, Any]] = []
    for path in pages:
        finding, taken = _health.page_latency(smoke, path, limits)
        findings.append(finding)
        if taken:
            figures["pages"][path] = {**_health.spread(taken[1:]), "first": round(taken[0], 4)}
            timed.append(_timed("page", path, taken[1:], limits.page_seconds))
    finding, taken = _health.api_latency(smoke, api_model, limits)
    figures["api"] = _health.spread(taken)
    timed.append(_timed("search", api_model, taken, limits.api_p95_seconds))
    findings.append(finding)
    _health.require_ok(findings)
    seconds = round(time.monotonic() - start, 2)
    return {
        "checks": len(findings),
        "seconds": seconds,
        **figures,
        "files": {"findings": [finding.as_dict() for finding in findings], "latencies": timed},
    }


def _timed(kind: str, name: str, seconds: Sequence[float], limit: float) -> dict[str, Any]:
    """Every answer that was timed, for the report."""
    return {"kind": kind, "name": name, "limit": limit, "values": [round(value, 4) for value in seconds]}


def _database(
    login: PostgresLogin, expected_uuid: str, limits: Limits
) -> tuple[list[Finding], dict[str, float]]:
    with _postgres.connect(login) as conn:
        conn.read_only = True
        require_identity(conn, expected_uuid)
        return _health.database(conn, limits)
