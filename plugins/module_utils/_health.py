# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is the application well? Findings with figures and limits; for the night, and for the watch afterwards.

Nothing here imports Ansible. A probe that gets no answer raises; a bad figure is a finding that isn't ok.
"""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _odoo
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._odoo import Odoo, OdooLogin

if TYPE_CHECKING:
    import psycopg

WRAPAROUND = 2**31
_LOG = "Look at the application's log, and whether something else answers at that address."


@dataclass(frozen=True)
class Finding:
    """One thing that was measured.

    Attributes:
        name: short and stable, ``<what>.<which>``.
        ok: within the limit?
        value, limit: the figures, in ``unit``; None where there is nothing to count.
        detail: one sentence.
    """

    name: str
    ok: bool
    detail: str
    value: float | None = None
    limit: float | None = None
    unit: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "ok": self.ok,
            "value": self.value,
            "limit": self.limit,
            "unit": self.unit,
            "detail": self.detail,
        }

    @property
    def sentence(self) -> str:
        """For whoever reads why the run stopped."""
        if self.value is None or self.limit is None:
            return f"{self.name}: {self.detail}"
        return f"{self.name} is {self.value:g} {self.unit}, limit {self.limit:g} {self.unit} ({self.detail})"


@dataclass(frozen=True)
class Limits:
    """What is still well. Seconds, percent and counts as named."""

    page_seconds: float = 3.0
    page_samples: int = 5
    api_p95_seconds: float = 0.5
    api_samples: int = 40
    api_parallel: int = 4
    connections_percent: float = 80.0
    transaction_seconds: float = 60.0
    lock_wait_seconds: float = 5.0
    wraparound_percent: float = 50.0


@dataclass(frozen=True)
class Registration:
    """A registration to try out and roll away.

    Attributes:
        model: what an enumerator registers.
        code_field: its unique field; the probe puts its own mark there.
        prefix: how every probe's mark begins: by it a crashed probe's leftover is found.
        values: the other fields.
    """

    model: str
    code_field: str = "code"
    prefix: str = "GOLIVE-PROBE-"
    values: Mapping[str, Any] = field(default_factory=dict)


def at_most(name: str, value: float, limit: float, unit: str, detail: str) -> Finding:
    return Finding(name, value <= limit, detail, round(value, 4), limit, unit)


def require_ok(findings: Iterable[Finding]) -> None:
    """Stop with every bad finding in one message.

    Raises:
        GoliveError: at least one isn't ok.
        ProbeError: there are none at all; silence is never health.
    """
    rows = list(findings)
    if not rows:
        raise ProbeError("The health checks found nothing at all.")
    if bad := [finding.sentence for finding in rows if not finding.ok]:
        raise GoliveError(
            "Production is not well: " + "; ".join(bad) + ".",
            remedy="Mend what is named, then run again; or roll back.",
        )


# -- the application -------------------------------------------------------------------------------


def web_health(login: OdooLogin) -> Finding:
    """Does ``/web/health`` say pass?

    Raises:
        ProbeError: it said nothing that can be understood.
    """
    page = _odoo.fetch(
        f"{login.url}/web/health", ca_path=login.ca_path, timeout=login.timeout, address=login.address
    )
    if page.status != 200:
        raise ProbeError(f"{login.url}/web/health answers with status {page.status}.", remedy=_LOG)
    try:
        status = json.loads(page.body)["status"]
    except (ValueError, KeyError, TypeError) as exc:
        raise ProbeError(
            f"{login.url}/web/health answers something else than health: {exc!r}.", remedy=_LOG
        ) from exc
    return Finding("app.health", status == "pass", f"/web/health says {one_line(status, 40)}")


def login_answers(login: OdooLogin) -> tuple[Odoo, Finding]:
    """A login and one read as that user."""
    start = time.monotonic()
    session = _odoo.connect(login)
    who = session.rows("res.users", [("id", "=", session.uid)], ["login"])
    if [row.get("login") for row in who] != [login.login]:
        raise ProbeError(f"Logged in as {login.login}, but Odoo doesn't say who that is.")
    seconds = time.monotonic() - start
    return session, Finding(f"app.login.{login.login}", True, f"logged in within {seconds:.2f} s")


def quick(smoke: OdooLogin) -> list[Finding]:
    """The cheap form: the application says pass, and an enumerator can log in."""
    return [web_health(smoke), login_answers(smoke)[1]]


def percentile(seconds: Sequence[float], percent: float) -> float:
    """Nearest rank. No samples is no answer.

    Raises:
        ProbeError: nothing was measured.
    """
    if not seconds:
        raise ProbeError("No samples were measured.")
    ranked = sorted(seconds)
    return ranked[max(0, math.ceil(percent / 100 * len(ranked)) - 1)]


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """The figures that go into the evidence."""
    return {
        "samples": len(seconds),
        "p50": round(percentile(seconds, 50), 4),
        "p95": round(percentile(seconds, 95), 4),
        "max": round(percentile(seconds, 100), 4),
    }


def page_latency(login: OdooLogin, path: str, limits: Limits) -> tuple[Finding, list[float]]:
    """How long a page takes, look by look; the first is warm-up and only has to answer."""
    taken = []
    for _sample in range(limits.page_samples + 1):
        page = _odoo.fetch(
            f"{login.url}{path}", ca_path=login.ca_path, timeout=login.timeout, address=login.address
        )
        if page.status != 200 or not page.body.strip():
            return Finding(f"page.{path}", False, f"answers with status {page.status}"), []
        taken.append(page.seconds)
    figures = spread(taken[1:])
    detail = f"slowest of {limits.page_samples}, median {figures['p50']:.3f} s"
    return at_most(f"page.{path}", figures["max"], limits.page_seconds, "s", detail), taken


def api_latency(login: OdooLogin, model: str, limits: Limits) -> tuple[Finding, list[float]]:
    """How long a search takes while a few clients ask at once, search by search."""

    def client(samples: int) -> list[float]:
        session = _odoo.connect(login)
        taken = []
        for _sample in range(samples + 1):
            start = time.monotonic()
            session.rows(model, [], ["display_name"], limit=80)
            taken.append(time.monotonic() - start)
        return taken[1:]

    share = max(1, math.ceil(limits.api_samples / limits.api_parallel))
    with ThreadPoolExecutor(limits.api_parallel) as pool:
        taken = [s for part in pool.map(client, [share] * limits.api_parallel) for s in part]
    figures = spread(taken)
    detail = f"p95 of {len(taken)} searches by {limits.api_parallel} at once, median {figures['p50']:.3f} s"
    return at_most("api.search", figures["p95"], limits.api_p95_seconds, "s", detail), taken


def registration(
    admin: Odoo, enumerator: Odoo, spec: Registration, token: Callable[[], str] = lambda: secrets.token_hex(6)
) -> tuple[Finding, dict[str, Any]]:
    """Register as an enumerator does, read it back, roll it away, and prove that nothing stays behind.

    Raises:
        GoliveError: it was refused, came back different, or could not be rolled away.
    """
    mark = [(spec.code_field, "=like", f"{spec.prefix}%")]
    leftovers = [int(row["id"]) for row in admin.rows(spec.model, mark, ["id"])]
    if leftovers:
        admin.call(spec.model, "unlink", leftovers)
    before = admin.count(spec.model, [])
    code = f"{spec.prefix}{token()}"
    start = time.monotonic()
    try:
        enumerator.call(spec.model, "create", {**spec.values, spec.code_field: code})
        rows = enumerator.rows(spec.model, [(spec.code_field, "=", code)], [*spec.values, spec.code_field])
        seconds = time.monotonic() - start
        differs = [] if len(rows) != 1 else _differences(rows[0], {**spec.values, spec.code_field: code})
    finally:
        _roll_away(admin, spec, code)
    after = admin.count(spec.model, [])
    figures = {
        "seconds": round(seconds, 4),
        "before": before,
        "after": after,
        "leftovers_removed": len(leftovers),
    }
    if len(rows) != 1:
        return Finding("registration", False, f"registered one, read back {len(rows)}"), figures
    if differs:
        return Finding("registration", False, f"{', '.join(differs)} came back different"), figures
    if after != before:
        return Finding(
            "registration", False, f"{before} before, {after} after the probe was removed"
        ), figures
    detail = f"registered, read back and rolled away in {seconds:.2f} s; {after} records as before"
    return Finding("registration", True, detail), figures


def _roll_away(admin: Odoo, spec: Registration, code: str) -> None:
    domain = [(spec.code_field, "=", code)]
    try:
        ids = [int(row["id"]) for row in admin.rows(spec.model, domain, ["id"])]
        if ids:
            admin.call(spec.model, "unlink", ids)
        left = admin.count(spec.model, domain)
    except GoliveError as exc:
        raise GoliveError(
            f"The probe registration {code} could not be rolled away: {exc.sentence}",
            remedy=f"Remove the {spec.model} with the code {code}, or run check_health again.",
        ) from exc
    if left:
        raise GoliveError(f"The probe registration {code} is still there after it was removed.")


def _differences(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Fields that aren't what was written; a reference is compared by its id."""
    names = []
    for name, value in wanted.items():
        found = row.get(name)
        if isinstance(found, (list, tuple)) and not isinstance(value, (list, tuple)):
            found = found[0] if found else None
        if found != value and not (isinstance(value, float) and found == _near(value)):
            names.append(name)
    return names


class _near(float):  # noqa: N801
    def __eq__(self, other: object) -> bool:
        return isinstance(other, (int, float)) and math.isclose(self, other, rel_tol=1e-6)

    __hash__ = float.__hash__


# -- the database ----------------------------------------------------------------------------------

_DATABASE = """
select
    (select count(*) from pg_stat_activity where backend_type = 'client backend')::float8,
    (select current_setting('max_connections')::float8
          - current_setting('superuser_reserved_connections')::float8),
    (select coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()
        and backend_type = 'client backend')::float8,
    (select count(*) from pg_index where not indisvalid or not indisready)::float8,
    (select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
      and clock_timestamp() - state_change > make_interval(secs => %(lock_wait)s))::float8,
    (select age(datfrozenxid) from pg_database where datname = current_database())::float8,
    (select pg_database_size(current_database()))::float8,
    (select pg_is_in_recovery())
"""


def database(conn: psycopg.Connection[Any], limits: Limits) -> tuple[list[Finding], dict[str, float]]:
    """How PostgreSQL is, in one question.

    Raises:
        ProbeError: no answer, or an incomplete one.
    """
    row = conn.execute(_DATABASE, {"lock_wait": limits.lock_wait_seconds}).fetchone()
    if row is None or any(value is None for value in row):
        raise ProbeError(f"PostgreSQL told only part of how {conn.info.dbname} is: {row!r}.")
    used, room, oldest, invalid, waiting, age, size = (float(value) for value in row[:7])
    findings = [
        Finding("database.primary", row[7] is False, "takes writes" if row[7] is False else "is a standby"),
        at_most(
            "database.connections",
            100 * used / room,
            limits.connections_percent,
            "%",
            f"{used:.0f} of {room:.0f}",
        ),
        at_most(
            "database.longest_transaction", oldest, limits.transaction_seconds, "s", "the oldest that runs"
        ),
        at_most("database.invalid_indexes", invalid, 0, "indexes", "not valid or not ready"),
        at_most(
            "database.lock_waits",
            waiting,
            0,
            "sessions",
            f"waiting for a lock longer than {limits.lock_wait_seconds:g} s",
        ),
        at_most(
            "database.wraparound",
            100 * age / WRAPAROUND,
            limits.wraparound_percent,
            "%",
            f"{age:.0f} transactions old",
        ),
    ]
    figures = {
        "connections": used,
        "connections_limit": room,
        "longest_transaction_seconds": round(oldest, 3),
        "size_bytes": size,
        "oldest_transaction_age": age,
    }
    return findings, figures
