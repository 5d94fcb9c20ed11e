# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""May users come in, and can they? The way in as a user walks it: name, certificate, door, login."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _door, _odoo, _postgres, _users
from ansible_collections.dfr.golive.plugins.module_utils._dns import Asker, Says
from ansible_collections.dfr.golive.plugins.module_utils._door import Door, Position
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed
from ansible_collections.dfr.golive.plugins.module_utils._odoo import OdooLogin
from ansible_collections.dfr.golive.plugins.module_utils._odoo_settings import require_identity
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin
from ansible_collections.dfr.golive.plugins.module_utils._users import Wave


@dataclass(frozen=True)
class Way:
    """The way from a name to the application.

    Attributes:
        fqdn, port: what users type.
        address: where it must lead.
        proxy_address: where the proxy listens as seen from this host, if that differs.
        resolvers: asked as users' devices ask them, over the wire: this host's own host file has no say.
        ca_path: CA bundle; the system's store when empty.
        timeout: seconds for one question or request.
    """

    fqdn: str
    address: str
    resolvers: Sequence[str]
    port: int = 443
    ca_path: str | None = None
    timeout: float = 10
    proxy_address: str = ""

    @property
    def url(self) -> str:
        return f"https://{self.fqdn}" if self.port == 443 else f"https://{self.fqdn}:{self.port}"

    def door(self, check_path: str) -> Door:
        return Door(self.url, self.proxy_address or self.address, check_path, self.ca_path, self.timeout)


def resolve(way: Way, asker: Asker | None = None) -> dict[str, Any]:
    """What each resolver says about the name.

    Raises:
        GoliveError: one leads elsewhere.
        ProbeError: one says nothing usable, or there is none to ask.
    """
    if not way.resolvers:
        raise ProbeError(
            "There is no resolver to ask for the name.",
            remedy="List the users' resolvers in golive_dns.resolvers.",
        )
    said = {}
    for server in way.resolvers:
        answer = (asker or Asker(timeout=min(way.timeout, 3.0))).record(
            server, way.fqdn.rstrip(".") + ".", "A", recurse=True
        )
        if not answer.usable:
            raise ProbeError(
                f"The resolver {server} gives no usable answer for {way.fqdn}: {answer}.",
                remedy="Check that it runs and is reachable from this host.",
            )
        if answer.says is not Says.ADDRESSES or way.address not in answer.values:
            raise GoliveError(
                f"The resolver {server} leads {way.fqdn} to {answer}, not to {way.address}.",
                remedy="Run switch_dns first, or wait until the old record has expired.",
            )
        said[server] = {"addresses": list(answer.values), "ttl": answer.ttl}
    return said


# -- gate ------------------------------------------------------------------------------------------


def gates(
    login: PostgresLogin,
    way: Way,
    *,
    check_path: str,
    policy: str,
    passwords: Mapping[str, str],
    expected_uuid: str,
    run_id: str,
) -> list[Gate]:
    """May users be let in? Changes nothing."""
    return [
        ask("door.closed", lambda: _gate_door(way.door(check_path), login, run_id)),
        ask("name.leads_here", lambda: _gate_name(way)),
        ask("users.held", lambda: _gate_held(login, expected_uuid)),
        ask("users.passwords", lambda: _gate_passwords(login, policy, passwords)),
    ]


def _gate_door(door: Door, login: PostgresLogin, run_id: str) -> Gate:
    seen = _door.position(door)
    if seen is Position.OPEN and run_id and _opened_by(login) == run_id:
        return passed("door.closed", "the door is open: this run opened it before it was interrupted")
    if seen is not Position.CLOSED:
        return failed(
            "door.closed",
            f"The public already reaches the application at {door.address}.",
            "Close the door (enable_users_door_closed into golive_proxy.door_path, reload) before going on.",
        )
    return passed(
        "door.closed", f"{door.url} at {door.address} shows the maintenance page, certificate valid"
    )


def _opened_by(login: PostgresLogin) -> str:
    """The run that let users in, if any; kept before it opens the door."""
    with _postgres.connect(login.to(login.maintenance_database)) as store:
        kept = _postgres.recall(store, _users.KEPT_OPENING, login.database)
    return "" if kept is None else str(kept["run_id"])


def _gate_name(way: Way) -> Gate:
    said = resolve(way)
    return passed("name.leads_here", f"{', '.join(said)}: {way.fqdn} leads to {way.address}")


def _gate_held(login: PostgresLogin, expected_uuid: str) -> Gate:
    waves = held(login)
    with _postgres.connect(login) as conn:
        conn.read_only = True
        require_identity(conn, expected_uuid)
        known = int(
            _postgres.scalar(
                conn,
                "select count(*) from res_users where id = any(%s)",
                ([i for wave in waves for i in wave.ids],),
            )
        )
        active = sum(_users.active_count(conn, wave) for wave in waves)
    total = sum(len(wave.ids) for wave in waves)
    if not total:
        return failed(
            "users.held", "Nobody was held back.", "Check enable_users_waves, then run lock_config."
        )
    if known != total:
        return failed(
            "users.held",
            f"{total - known} of {total} users held back are no longer in {login.database}.",
            "Find out who removed them; roll back to before lock_config to hold anew.",
        )
    counts = ", ".join(f"{len(wave.ids)} {wave.name}" for wave in waves)
    # After an interrupted try some are active already: the door is closed, so nobody has come in.
    return passed("users.held", f"{counts} known; {active} of {total} active behind the closed door")


def _gate_passwords(login: PostgresLogin, policy: str, passwords: Mapping[str, str]) -> Gate:
    name = "users.passwords"
    if policy == "keep":
        return passed(name, "passwords came with the data")
    waves = held(login)
    with _postgres.connect(login) as conn:
        conn.read_only = True
        if policy == "initial":
            lacking = _users.initial_password_gaps(conn, waves, passwords)
            if lacking:
                return failed(
                    name,
                    f"{len(lacking)} users have no initial password, the first: {', '.join(lacking[:5])}.",
                    "Add them to enable_users_initial_passwords in the vault.",
                )
            return passed(name, f"an initial password for all {sum(len(w.ids) for w in waves)} users")
        if not _users.has_signup(conn):
            return failed(name, "Odoo's module auth_signup is not installed.", "Install it, or use keep.")
        lacking = _users.without_email(conn, waves)
        if lacking:
            return failed(
                name,
                f"{len(lacking)} users have no e-mail address, the first: {', '.join(lacking[:5])}.",
                "Add their addresses, or use the policy initial.",
            )
    return passed(name, f"{sum(len(w.ids) for w in waves)} users can be invited by mail")


def held(login: PostgresLogin) -> list[Wave]:
    with _postgres.connect(login.to(login.maintenance_database)) as store:
        return _users.held(store, login.database)


# -- apply and undo --------------------------------------------------------------------------------


def enable(
    login: PostgresLogin,
    odoo: OdooLogin,
    *,
    policy: str,
    passwords: Mapping[str, str],
    run_id: str,
) -> dict[str, Any]:
    """Let every wave in, in order; each is complete before the next begins."""
    session = _odoo.connect(odoo)
    waves = held(login)
    report, served = [], 0
    store_login = login.to(login.maintenance_database)
    with (
        _postgres.connect(store_login, autocommit=True) as store,
        _postgres.connect(login, autocommit=True) as data,
    ):

        def welcome(wave: Wave) -> int:
            return _users.welcome(
                session, store, data, wave, policy=policy, passwords=passwords, run_id=run_id
            )

        for wave in waves:
            start = time.monotonic()
            # Passwords are set while their users are out; an invitation can only reach who is in.
            welcomed = welcome(wave) if policy == "initial" else 0
            enabled = _users.enable_wave(session, wave)
            welcomed += welcome(wave) if policy == "invite" else 0
            served += enabled + welcomed
            seconds = round(time.monotonic() - start, 3)
            report.append({**wave.as_dict(), "enabled": enabled, "welcomed": welcomed, "seconds": seconds})
        _postgres.forget(store, _users.KEPT_OPENING, login.database)
        _postgres.keep(store, _users.KEPT_OPENING, login.database, run_id, {"run_id": run_id})
    return {"changed": served > 0, "waves": report}


def plan(login: PostgresLogin) -> dict[str, Any]:
    """What `enable` would do, for check mode."""
    waves = held(login)
    with _postgres.connect(login) as conn:
        conn.read_only = True
        inactive = [len(wave.ids) - _users.active_count(conn, wave) for wave in waves]
    report = [
        {**wave.as_dict(), "enabled": count, "welcomed": 0, "seconds": 0.0}
        for wave, count in zip(waves, inactive, strict=True)
    ]
    return {"changed": any(inactive), "waves": report}


def hold_again(login: PostgresLogin, *, check_only: bool) -> dict[str, Any]:
    """Hold back again whoever was held; nothing known means nothing to undo. Needs no running application."""
    with _postgres.connect(login.to(login.maintenance_database)) as store:
        if _postgres.recall(store, _users.KEPT_HELD, login.database) is None:
            return {"changed": False, "waves": []}
        waves = _users.held(store, login.database)
        if not check_only:
            _postgres.forget(store, _users.KEPT_OPENING, login.database)
    report = []
    with _postgres.connect(login) as conn:
        for wave in waves:
            count = _users.set_active(conn, wave.ids, active=False)
            report.append({**wave.as_dict(), "held": count})
        if check_only:
            conn.rollback()
    return {"changed": any(row["held"] for row in report), "waves": report}


# -- verify ----------------------------------------------------------------------------------------


def walk_in(
    way: Way,
    smoke: OdooLogin,
    operator: OdooLogin,
    waves: Sequence[Wave],
    *,
    check_path: str,
    limit: float,
) -> dict[str, Any]:
    """Come in as a user does: ask the resolvers, verify the certificate, find the door open, log in.

    The connection goes to the address that a resolver gave, not to what this host's own files say.

    Raises:
        GoliveError: some step leads elsewhere, or a wave isn't fully in.
        ProbeError: some step gave no usable answer within the limit.
    """
    said, waited = _odoo.wait_for("the resolvers", lambda: resolve(way), limit=limit)
    address = way.address
    door = replace(way.door(check_path), address=address)
    _odoo.wait_for(
        "the door to be open", lambda: _door.require(door, Position.OPEN), limit=max(limit - waited, 1)
    )
    page = _odoo.fetch(way.url + check_path, ca_path=way.ca_path, timeout=way.timeout, address=address)
    if page.status != 200 or 'name="password"' not in page.body:
        raise GoliveError(
            f"{way.url}{check_path} answers with status {page.status} and no form to log in with.",
            remedy="Look at it in a browser: another page may be in the way.",
        )
    start = time.monotonic()
    smoke_session = _odoo.connect(smoke.at(way.url, address))
    who = smoke_session.rows("res.users", [("id", "=", smoke_session.uid)], ["login"])
    if [row["login"] for row in who] != [smoke.login]:
        raise ProbeError(f"Logged in as {smoke.login} at {way.url}, but Odoo doesn't say who that is.")
    seconds = time.monotonic() - start
    if waves:
        session = _odoo.connect(operator.at(way.url, address))
        for wave in waves:
            _users.require_fully_active(session, wave)
    return {
        "url": way.url,
        "resolvers": said,
        "address": address,
        "login_seconds": round(seconds, 3),
        "page_seconds": round(page.seconds, 3),
        "active": {wave.name: len(wave.ids) for wave in waves},
    }
