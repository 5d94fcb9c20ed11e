# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A source to be frozen, whatever its kind: may it be fenced, is it fenced, does it accept a write.

One class per kind of database; `SOURCES` is the list of kinds.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import (
    _fence_mariadb,
    _fence_postgres,
    _lease,
    _mariadb,
    _postgres,
)
from ansible_collections.dfr.golive.plugins.module_utils._canary import (
    Canary,
    try_mariadb,
    try_odoo,
    try_postgres,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import DriftError, GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed
from ansible_collections.dfr.golive.plugins.module_utils._mariadb import MariadbLogin
from ansible_collections.dfr.golive.plugins.module_utils._odoo import OdooLogin
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin

POLL_SECONDS = 0.5

# Both kinds' connection contracts in one spec, so that a phase needn't know which kind a source is.
SOURCE_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "required": True, "choices": ["mariadb", "postgresql"]},
    "login_host": {"type": "str", "required": True},
    "login_port": {"type": "int", "required": True},
    "login_user": {"type": "str", "required": True},
    "login_password": {"type": "str", "required": True, "no_log": True},
    "database": {"type": "str", "required": True},
    "maintenance_database": {"type": "str", "default": "postgres"},
    "ssl_mode": {
        "type": "str",
        "default": "verify-full",
        "choices": [
            "disable",
            "prefer",
            "require",
            "verify-ca",
            "verify-full",
            "verify_ca",
            "verify_identity",
        ],
    },
    "ca_cert": {"type": "path"},
    "connect_timeout": {"type": "int", "default": 10},
    "app_user": {"type": "str", "required": True},
    "app_password": {"type": "str", "required": True, "no_log": True},
    "canary_table": {"type": "str"},
    "run_id": {"type": "str", "required": True},
    "purpose": {"type": "str", "default": _fence_postgres.DEFAULT_PURPOSE},
    "exempt_roles": {
        "type": "list",
        "elements": "str",
        "default": list(_fence_postgres.DEFAULT_EXEMPT_ROLES),
    },
    "exempt_accounts": {
        "type": "list",
        "elements": "str",
        "default": list(_fence_mariadb.DEFAULT_EXEMPT_ACCOUNTS),
    },
    "odoo_url": {"type": "str"},
    "odoo_database": {"type": "str"},
    "odoo_login": {"type": "str"},
    "odoo_password": {"type": "str", "no_log": True},
    "odoo_model": {"type": "str", "default": "res.partner"},
    "odoo_ca_path": {"type": "path"},
    "odoo_timeout": {"type": "float", "default": 10},
}
SOURCE_TOGETHER = [["odoo_url", "odoo_database", "odoo_login", "odoo_password"]]
SOURCE_REQUIRED_IF = [["kind", "mariadb", ["canary_table"]]]

_AS_MARIADB = {"verify-ca": "verify_ca", "verify-full": "verify_identity", "prefer": "require"}
_AS_POSTGRES = {"verify_ca": "verify-ca", "verify_identity": "verify-full"}


@dataclass(frozen=True)
class Plan:
    """What a fence would do.

    Attributes:
        up: this run's fence is there already (a run that was interrupted comes again).
        detail: who loses what, with figures.
    """

    up: bool
    detail: str


class Source(ABC):
    """The few things a phase asks of any kind of source."""

    def __init__(self, params: dict[str, Any], database: str) -> None:
        self._params = params
        self._database = database

    def up(self) -> bool:
        """Whether this run's fence was raised, even half."""
        with self._open() as conn:
            kept, run_id = self._fence(conn)
        return kept is not None and run_id == self._params["run_id"]

    def renew(self, seconds: int) -> float:
        """A sign of life for the lease of this run's fence; when the next one is due, 0 for never."""
        if not seconds:
            return 0.0
        with self._open() as conn:
            return _lease.renew(self._lease(conn), self._params["run_id"], seconds)

    def end_lease(self) -> None:
        """The fence stays from now on, whatever becomes of the run."""
        with self._open() as conn:
            _lease.end(self._lease(conn), self._params["run_id"])

    @abstractmethod
    def plan(self) -> Plan:
        """Rehearse the fence; changes nothing."""

    @abstractmethod
    def problems(self) -> list[GoliveError]:
        """What would keep it from being raised or from holding, beyond what the rehearsal meets."""

    @abstractmethod
    def check(self) -> dict[str, Any]:
        """The evidence of a fence that is up and whole."""

    @abstractmethod
    def write(self) -> Canary:
        """Try a write as the application."""

    @abstractmethod
    def _open(self) -> AbstractContextManager[Any]:
        """The operator's connection."""

    @abstractmethod
    def _fence(self, conn: Any) -> tuple[object | None, str | None]:
        """What is kept of a fence, and the run that raised it."""

    @abstractmethod
    def _lease(self, conn: Any) -> _lease.Store: ...


class MariadbSource(Source):
    """A MariaDB database; reading stays allowed."""

    def __init__(self, params: dict[str, Any]) -> None:
        mode = params["ssl_mode"]
        self._login = MariadbLogin.from_params({**params, "ssl_mode": _AS_MARIADB.get(mode, mode)})
        super().__init__(params, self._login.database)
        self._which: dict[str, Any] = {"run_id": params["run_id"], "purpose": params["purpose"]}

    def _open(self) -> AbstractContextManager[Any]:
        return _mariadb.connect(self._login)

    def _fence(self, conn: Any) -> tuple[object | None, str | None]:
        return _fence_mariadb.read_fence(conn, self._database, purpose=self._params["purpose"])

    def _lease(self, conn: Any) -> _lease.Store:
        return _lease.MariadbStore(conn, self._database, self._params["purpose"])

    def problems(self) -> list[GoliveError]:
        with self._open() as conn:
            return _fence_mariadb.problems(conn, self._database, self._params["exempt_accounts"])

    def plan(self) -> Plan:
        with self._open() as conn:
            outcome = _fence_mariadb.raise_fence(
                conn,
                self._database,
                **self._which,
                exempt_accounts=self._params["exempt_accounts"],
                rehearse=True,
            )
        seen = outcome.evidence
        return Plan(
            up=self.up(),
            detail=f"{_some(seen['accounts'], 'account')} lose the right to write,"
            f" {_some(seen['roles'], 'role')} are emptied, {_some(seen['events'], 'event')} pause,"
            f" {seen['sessions']} sessions end; spared: {_listed(seen['exempt'])}",
        )

    def check(self) -> dict[str, Any]:
        with self._open() as conn:
            return _fence_mariadb.check_fence(
                conn,
                self._database,
                **self._which,
                exempt_accounts=self._params["exempt_accounts"],
            )

    def write(self) -> Canary:
        app = self._login.as_user(self._params["app_user"], self._params["app_password"])
        return try_mariadb(app, self._params["canary_table"])


class PostgresSource(Source):
    """A PostgreSQL database; nobody but the operator may even connect."""

    def __init__(self, params: dict[str, Any]) -> None:
        mode = params["ssl_mode"]
        self._login = PostgresLogin.from_params({**params, "ssl_mode": _AS_POSTGRES.get(mode, mode)})
        super().__init__(params, self._login.database)
        self._which: dict[str, Any] = {
            "run_id": params["run_id"],
            "purpose": params["purpose"],
            "app_role": params["app_user"],
            "exempt_roles": params["exempt_roles"],
        }

    def _open(self) -> AbstractContextManager[Any]:
        return _postgres.connect(self._login.to(self._login.maintenance_database), autocommit=True)

    def _fence(self, conn: Any) -> tuple[object | None, str | None]:
        return _fence_postgres.read_fence(conn, self._database, purpose=self._params["purpose"])

    def _lease(self, conn: Any) -> _lease.Store:
        return _lease.PostgresStore(conn, self._database, self._params["purpose"])

    def problems(self) -> list[GoliveError]:
        return []

    def plan(self) -> Plan:
        with self._open() as conn:
            seen = _fence_postgres.raise_fence(conn, self._database, **self._which, rehearse=True).evidence
            elsewhere = _fence_postgres.owned_elsewhere(
                conn, self._database, [*seen["roles"], self._params["app_user"]]
            )
        also = f"; with their role these databases lose their application too: {', '.join(elsewhere)}"
        return Plan(
            up=self.up(),
            detail=f"{_some(seen['roles'], 'role')} lose their login,"
            f" {_some(seen['connect_revoked'], 'holder')} of CONNECT lose it,"
            f" {seen['sessions']} sessions end{also if elsewhere else ''}",
        )

    def check(self) -> dict[str, Any]:
        with self._open() as conn:
            return _fence_postgres.check_fence(conn, self._database, **self._which)

    def write(self) -> Canary:
        return try_postgres(self._login.as_role(self._params["app_user"], self._params["app_password"]))


SOURCES: dict[str, Callable[[dict[str, Any]], Source]] = {
    "mariadb": MariadbSource,
    "postgresql": PostgresSource,
}


def canaries(params: dict[str, Any], source: Source) -> dict[str, Callable[[], Canary]]:
    """Every way in that has to be open before the freeze and shut after it, by name."""
    ways: dict[str, Callable[[], Canary]] = {"write": source.write}
    if params["odoo_url"]:
        login = OdooLogin.from_params(params)
        ways["application"] = lambda: try_odoo(login, params["odoo_model"])
    return ways


def readiness(params: dict[str, Any], source: Source, taken: Sequence[str] = ()) -> list[Gate]:
    """May this source be frozen: the operator can, nothing would escape, and each canary sings."""
    name = params["name"]
    if name in taken:
        return [
            failed(
                f"freeze.{name}.name",
                f"Two sources are called {name}.",
                "Give the source in golive_legacy another name.",
            )
        ]
    gates = [ask(f"freeze.{name}.fence", lambda: _fence_gate(name, source))]
    if not gates[0].open:
        gates = _all_problems(name, source) or gates
    for way, tried in canaries(params, source).items():
        gate = f"freeze.{name}.{way}"
        gates.append(ask(gate, partial(_canary_gate, gate, name, tried, source)))
    return gates


def _fence_gate(name: str, source: Source) -> Gate:
    plan = source.plan()
    already = "This run's fence is up already; in all " if plan.up else ""
    return passed(f"freeze.{name}.fence", f"{already}{plan.detail}.")


def _all_problems(name: str, source: Source) -> list[Gate]:
    """All that is wrong with a source, not only the first the rehearsal stumbled over."""
    try:
        found = source.problems()
    except GoliveError:
        return []  # the rehearsal's own verdict stands
    return [
        failed(f"freeze.{name}.fence{f'.{number}' if number > 1 else ''}", p.sentence, p.remedy)
        for number, p in enumerate(found, start=1)
    ]


def _canary_gate(gate: str, name: str, tried: Callable[[], Canary], source: Source) -> Gate:
    if source.up():
        # It sang before this run raised the fence; now it must not, and verify will see to that.
        return passed(gate, "This run has raised the fence already; the canary was accepted before that.")
    canary = tried()
    if canary.accepted:
        return passed(gate, f"{canary.detail}; the same must be refused afterwards.")
    return failed(
        gate,
        f"The canary of {name} is refused before the freeze: {canary.detail}.",
        "Find out why: as long as it is refused anyway, its refusal proves nothing.",
    )


def expect_refused(
    params: dict[str, Any],
    source: Source,
    limit_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """The fence is up and whole, and every canary is refused by it.

    An application that has just lost its database may stumble for a moment: until the limit it is asked again.

    Raises:
        DriftError: a write is accepted, or the fence has a hole.
        ProbeError: a canary got no usable answer.
    """
    started = clock()
    evidence = source.check()
    refused = {}
    for way, tried in canaries(params, source).items():
        while True:
            try:
                canary = tried()
                break
            except ProbeError:
                if way == "write" or clock() - started > limit_seconds:
                    raise
            sleep(POLL_SECONDS)
        if canary.accepted:
            raise DriftError(
                f"{params['name']} still accepts a write: {canary.detail}.",
                remedy="Somebody opened a way round the fence: roll back, find it, begin again.",
            )
        refused[way] = canary.detail
    return {"name": params["name"], "kind": params["kind"], **evidence, "refused": refused}


def expect_accepted(
    params: dict[str, Any],
    source: Source,
    limit_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Every canary is accepted within the limit: an application needs a moment to find its database again.

    Raises:
        GoliveError: it is still refused when the limit is over.
    """
    started = clock()
    accepted: dict[str, str] = {}
    for way, tried in canaries(params, source).items():
        while True:
            said, problem = _attempt(tried)
            if problem is None:
                accepted[way] = said
                break
            if clock() - started > limit_seconds:
                raise GoliveError(
                    f"{params['name']} doesn't accept writes again after {limit_seconds:g} s:"
                    f" {problem.sentence}",
                    remedy=problem.remedy or "The fence is lifted; look at the application and its log.",
                )
            sleep(POLL_SECONDS)
    return {
        "name": params["name"],
        "kind": params["kind"],
        "accepted": accepted,
        "seconds": round(clock() - started, 3),
    }


def _attempt(tried: Callable[[], Canary]) -> tuple[str, GoliveError | None]:
    try:
        canary = tried()
    except ProbeError as exc:
        return "", exc
    return canary.detail, None if canary.accepted else GoliveError(f"{canary.detail}.")


def _some(names: list[str], noun: str) -> str:
    listed = f" ({_listed(names)})" if names else ""
    return f"{len(names)} {noun}{'' if len(names) == 1 else 's'}{listed}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "") if names else "nobody"
