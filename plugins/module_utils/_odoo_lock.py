# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""lock_config's four verbs over database and settings file together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import (
    _fence_postgres,
    _health,
    _odoo,
    _odoo_config,
    _odoo_settings,
    _postgres,
    _users,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    DriftError,
    GoliveError,
    ProbeError,
    one_line,
)
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed
from ansible_collections.dfr.golive.plugins.module_utils._odoo import Odoo, OdooLogin, OdooRefusedError
from ansible_collections.dfr.golive.plugins.module_utils._odoo_settings import KEPT_BEFORE, KEPT_LOCK, Wanted
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin

BEFORE_SUFFIX = ".before-golive"
MINIMUM_MASTER_PASSWORD = 12


def maintenance(login: PostgresLogin) -> PostgresLogin:
    return login.to(login.maintenance_database)


# -- gate ------------------------------------------------------------------------------------------


def gates(
    login: PostgresLogin, wanted: Wanted, forbidden: Sequence[str], *, synced_marker: str
) -> list[Gate]:
    """May the settings be made final? Changes nothing.

    Args:
        synced_marker: the database that `sync_data` leaves behind when it has swapped; empty to not ask.
    """
    with_data: list[tuple[str, Callable[[Any], Gate]]] = [
        ("database.identity", lambda conn: _gate_identity(conn, wanted)),
        ("data.not_neutralised", _gate_neutralised),
        ("data.addresses", lambda conn: _gate_addresses(conn, wanted, forbidden)),
        ("data.accounts", lambda conn: _gate_accounts(conn, wanted)),
        ("data.waves", lambda conn: _gate_waves(conn, login, wanted)),
    ]

    def asked(name: str, probe: Callable[[Any], Gate]) -> Gate:
        def in_the_database() -> Gate:
            with _postgres.connect(login) as conn:
                conn.read_only = True
                return _translated(lambda: probe(conn))

        return ask(name, in_the_database)

    found = [ask("variables", lambda: _gate_variables(wanted))]
    found.append(ask("config.file", lambda: _gate_config(wanted)))
    if synced_marker:
        found.append(ask("database.synced", lambda: _gate_synced(login, synced_marker)))
    found.append(ask("before.state", lambda: _gate_before(login)))
    found += [asked(name, probe) for name, probe in with_data]
    return found


def _translated(work: Callable[[], Gate]) -> Gate:
    """A query that breaks is an answer that didn't come."""
    psycopg = _postgres.driver()
    try:
        return work()
    except psycopg.Error as exc:
        raise ProbeError(
            f"The question to PostgreSQL broke: {one_line(exc)}.",
            remedy="Check that this is an Odoo database.",
        ) from exc


def _gate_variables(wanted: Wanted) -> Gate:
    missing = [
        name
        for name, value in (
            ("golive_fqdn", wanted.base_url.removeprefix("https://")),
            ("lock_config_master_password", wanted.master_password),
            ("lock_config_mail_servers", wanted.mail_servers),
            ("enable_users_waves", wanted.waves),
        )
        if not value
    ]
    if missing:
        return failed("variables", f"{', '.join(missing)} has no value.", "Set it in the inventory.")
    if len(wanted.master_password) < MINIMUM_MASTER_PASSWORD:
        return failed(
            "variables",
            f"lock_config_master_password has fewer than {MINIMUM_MASTER_PASSWORD} characters.",
            "Choose a longer one and keep it in the vault.",
        )
    if wanted.workers < 1:
        return failed("variables", "lock_config_workers is below 1.", "Production needs worker processes.")
    wanted.all_parameters()
    _odoo_config.wanted_options(wanted.database, "", wanted.workers, wanted.conf)
    return passed("variables", f"settings for {wanted.base_url} are complete")


def _gate_config(wanted: Wanted) -> Gate:
    file = _odoo_config.read_file(wanted.config_path)
    options = _odoo_config.parse(file.text)
    _odoo_config.can_be_replaced(wanted.config_path)
    if options.get("dev_mode", "").strip().lower() not in ("", "false", "none"):
        return failed(
            "config.file",
            f"{wanted.config_path} switches on dev_mode.",
            "Remove dev_mode from it: it shows the program's inside to users.",
        )
    return passed("config.file", f"{wanted.config_path} has {len(options)} keys and can be replaced")


def _gate_synced(login: PostgresLogin, marker: str) -> Gate:
    with _postgres.connect(maintenance(login)) as conn:
        if not _users.database_oid(conn, marker):
            return failed(
                "database.synced",
                f"There is no {marker} on {login.host}: the data has not been brought over.",
                "Run sync_data first.",
            )
    return passed("database.synced", f"{login.database} was swapped in, {marker} stands by")


def _gate_before(login: PostgresLogin) -> Gate:
    if kept_before(login) is None:
        return passed("before.state", "no settings of an earlier try are kept")
    return passed("before.state", "an earlier try was interrupted; its before-state counts")


def _gate_identity(conn: Any, wanted: Wanted) -> Gate:
    _odoo_settings.require_identity(conn, wanted.uuid)
    return passed("database.identity", f"{conn.info.dbname} is {wanted.uuid}")


def _gate_neutralised(conn: Any) -> Gate:
    signs = _odoo_settings.neutralised(conn)
    if signs:
        return failed(
            "data.not_neutralised",
            f"The data was neutralised: {', '.join(signs)}.",
            "Roll back, make staging a live copy again (jobs, mail servers, no such parameter), start anew.",
        )
    return passed("data.not_neutralised", "no trace of a neutralised copy")


def _gate_addresses(conn: Any, wanted: Wanted, names: Sequence[str]) -> Gate:
    """Staging's addresses in settings that `apply` won't overwrite."""
    file = _odoo_config.read_file(wanted.config_path)
    replaced = {f"parameter {key}" for key in wanted.all_parameters()}
    replaced |= {
        f"odoo.conf {key}" for key in _odoo_config.wanted_options(wanted.database, "", 1, wanted.conf)
    }
    book = {
        name: value
        for name, value in _odoo_settings.address_book(conn, _odoo_config.parse(file.text)).items()
        if name not in replaced and not name.startswith("mail server ")
    }
    if hits := _odoo_settings.forbidden(book, names):
        return failed(
            "data.addresses",
            f"Staging's addresses would stay: {'; '.join(hits)}.",
            "Give production's value in lock_config_parameters or lock_config_odoo_conf.",
        )
    return passed("data.addresses", f"{len(book)} settings are free of {', '.join(names) or 'nothing'}")


def _gate_accounts(conn: Any, wanted: Wanted) -> Gate:
    for login in dict.fromkeys([wanted.operator_login, *wanted.exempt_logins]):
        _odoo_settings.operator_row(conn, login)
    return passed(
        "data.accounts", f"{', '.join(dict.fromkeys([wanted.operator_login, *wanted.exempt_logins]))}: active"
    )


def _gate_waves(conn: Any, login: PostgresLogin, wanted: Wanted) -> Gate:
    kept = kept_before(login)  # a run that died half-way has held them back already
    if kept is None:
        waves = _users.members(conn, wanted.waves, wanted.exempt_logins)
    else:
        waves = [_users.Wave.from_dict(wave) for wave in kept["waves"]]
    count = sum(len(wave.ids) for wave in waves)
    empty = [wave.name for wave in waves if not wave.ids]
    if empty:
        return failed(
            "data.waves",
            f"Nobody belongs to {', '.join(empty)} in {conn.info.dbname}.",
            "Correct the group in enable_users_waves, or remove the wave.",
        )
    return passed(
        "data.waves",
        f"{count} users to hold back: " + ", ".join(f"{len(w.ids)} {w.name}" for w in waves),
    )


def kept_before(login: PostgresLogin) -> dict[str, Any] | None:
    """The before-state of this very database, or None.

    Raises:
        GoliveError: one is kept, but for another database that had the name then.
    """
    with _postgres.connect(maintenance(login)) as store:
        kept = _postgres.recall(store, KEPT_BEFORE, login.database)
        if kept is not None and int(kept["oid"]) != _users.database_oid(store, login.database):
            raise GoliveError(
                f"The settings kept before lock_config belong to another database than {login.database}.",
                remedy="Run playbooks/rollback.yml: lock_config's undo only cleans up then.",
            )
    return None if kept is None else dict(kept)


# -- apply -----------------------------------------------------------------------------------------


def apply(
    login: PostgresLogin,
    wanted: Wanted,
    run_id: str,
    *,
    fence_purpose: str,
    check_only: bool = False,
) -> dict[str, Any]:
    """Keep what is, then make it what it has to be; the application stays out until all of it is true."""
    file = _odoo_config.read_file(wanted.config_path)
    kept = kept_before(login)
    with _postgres.connect(login) as conn:
        _odoo_settings.require_identity(conn, wanted.uuid)
        if kept is None:
            kept = _keep(login, conn, wanted, file, run_id, fence_purpose, check_only=check_only)
        changed = _odoo_settings.write(conn, wanted, kept)
        if check_only:
            conn.rollback()
    changed += write_config(file, wanted, check_only=check_only)
    if not check_only:
        remember_lock(login, wanted, run_id)
        if let_in(login, fence_purpose):
            changed.append("the application may connect")
    return {"changed": bool(changed), "changes": changed}


def _keep(
    login: PostgresLogin,
    conn: Any,
    wanted: Wanted,
    file: _odoo_config.ConfigFile,
    run_id: str,
    fence_purpose: str,
    *,
    check_only: bool,
) -> dict[str, Any]:
    with _postgres.connect(maintenance(login)) as store:
        oid = _users.database_oid(store, login.database)
        fence = _fence_postgres.read_fence(store, login.database, purpose=fence_purpose)[0]
        state = _odoo_settings.before_state(conn, wanted, oid, file)
        state["fenced"] = fence is not None
        if check_only:
            return state
        keep_file(file)
        held = {"oid": oid, "waves": state["waves"]}
        _postgres.keep(store, _users.KEPT_HELD, login.database, run_id, held)
        return dict(_postgres.keep(store, KEPT_BEFORE, login.database, run_id, state))


def remember_lock(login: PostgresLogin, wanted: Wanted, run_id: str) -> None:
    """Fingerprint what was just written; every later check compares with it."""
    keys = wanted.all_parameters()
    file = _odoo_config.read_file(wanted.config_path)
    with _postgres.connect(login) as conn, _postgres.connect(maintenance(login)) as store:
        lock = _odoo_settings.new_lock(_odoo_settings.settings(conn, file, keys), keys)
        _postgres.forget(store, KEPT_LOCK, login.database)
        _postgres.keep(store, KEPT_LOCK, login.database, run_id, lock)


def let_in(login: PostgresLogin, purpose: str) -> bool:
    """Lift the fence that `sync_data` left around production; nothing to do where there is none."""
    with _postgres.connect(maintenance(login), autocommit=True) as conn:
        return _fence_postgres.lift_fence(conn, login.database, purpose=purpose).changed


def keep_out(login: PostgresLogin, purpose: str, app_role: str, run_id: str) -> bool:
    """The fence again as `sync_data` left it, so that its undo finds what it expects."""
    with _postgres.connect(maintenance(login), autocommit=True) as conn:
        if _fence_postgres.read_fence(conn, login.database, purpose=purpose)[0] is not None:
            return False
        return _fence_postgres.raise_fence(
            conn, login.database, run_id=run_id, app_role=app_role, purpose=purpose
        ).changed


def keep_file(file: _odoo_config.ConfigFile) -> None:
    """A copy beside the settings file, for root only; an older copy of an earlier try stays."""
    copy = file.path + BEFORE_SUFFIX
    if not Path(copy).exists():
        _odoo_config.write_atomically(copy, file.text, mode=0o600, uid=0, gid=0)


def write_config(file: _odoo_config.ConfigFile, wanted: Wanted, *, check_only: bool) -> list[str]:
    """odoo.conf with production's keys, locked: root's, and only read by the application's group."""
    now = _odoo_config.parse(file.text)
    stored = now.get("admin_passwd", "")
    if not _odoo_config.verifies(wanted.master_password, stored):
        stored = _odoo_config.hash_password(wanted.master_password)
    options = _odoo_config.wanted_options(wanted.database, stored, wanted.workers, wanted.conf)
    changed = [f"odoo.conf {key}" for key, value in options.items() if now.get(key) != value]
    if (file.mode, file.uid, file.gid) != (_odoo_config.LOCKED_MODE, 0, wanted.config_gid):
        changed.append("odoo.conf rights")
    if changed and not check_only:
        _odoo_config.write_atomically(
            file.path,
            _odoo_config.edit(file.text, options),
            mode=_odoo_config.LOCKED_MODE,
            uid=0,
            gid=wanted.config_gid,
        )
    return changed


# -- verify ----------------------------------------------------------------------------------------


def verify(
    login: PostgresLogin, odoo: OdooLogin, wanted: Wanted, forbidden: Sequence[str], *, limit: float
) -> dict[str, Any]:
    """Read everything back: from the database, from the file, and from the application that runs with them.

    Raises:
        GoliveError: something isn't as it should be; all of it in one message.
    """
    _health_finding, waited = _odoo.wait_for(
        "the application to answer", lambda: _health.web_health(odoo), limit=limit
    )
    session, more = _odoo.wait_for(
        "the application to let the operator in", lambda: _odoo.connect(odoo), limit=max(limit - waited, 1)
    )
    wrong = through_the_application(session, wanted)
    file = _odoo_config.read_file(wanted.config_path)
    with _postgres.connect(login) as conn:
        conn.read_only = True
        wrong += in_the_database(conn, wanted, file, forbidden)
        found = _odoo_settings.settings(conn, file, wanted.all_parameters())
        with _postgres.connect(maintenance(login)) as store:
            lock = require_lock(store, login)
            waves = _users.held(store, login.database)
        active = sum(_users.active_count(conn, wave) for wave in waves)
    if active:
        wrong.append(f"{active} users of the waves are active already")
    wrong += [f"{name} since it was locked" for name in _odoo_settings.drift(lock, found)]
    if wrong:
        raise GoliveError(
            "Production's settings are not final: " + "; ".join(wrong) + ".",
            remedy="Correct what is named in the inventory or the data, then run again.",
        )
    return {
        "fingerprint": lock["fingerprint"],
        "settings": len(found),
        "held_back": {wave.name: len(wave.ids) for wave in waves},
        "application_seconds": round(waited + more, 2),
        "files": {"locked_settings": sorted(found)},
    }


def through_the_application(session: Odoo, wanted: Wanted) -> list[str]:
    """What the running application says: it proves that it has read the file and sees the database."""
    wrong = []
    rows = session.rows("ir.config_parameter", [], ["key", "value"])
    seen = {str(row["key"]): str(row["value"]) for row in rows}
    for key, value in wanted.all_parameters().items():
        if seen.get(key) != value:
            wrong.append(f"the application doesn't see the parameter {key} as set")
    try:
        session.list_databases()
    except OdooRefusedError:
        pass
    else:
        wrong.append("the application still lists its databases (list_db)")
    return wrong


def in_the_database(
    conn: Any, wanted: Wanted, file: _odoo_config.ConfigFile, forbidden: Sequence[str]
) -> list[str]:
    """What database and file say."""
    _odoo_settings.require_identity(conn, wanted.uuid)
    now = _odoo_settings.parameters(conn)
    options = _odoo_config.parse(file.text)
    wrong = [f"parameter {k} is not as set" for k, v in wanted.all_parameters().items() if now.get(k) != v]
    wrong += [f"neutralised: {sign}" for sign in _odoo_settings.neutralised(conn)]
    wrong += _odoo_settings.forbidden(_odoo_settings.address_book(conn, options), forbidden)
    expected = [server.as_row() for server in wanted.mail_servers]
    active = [row for row in _odoo_settings.mail_rows(conn) if row["active"]]
    if [[row.get(k) for k in _odoo_settings.MAIL_FIELDS] for row in active] != [
        [row[k] for k in _odoo_settings.MAIL_FIELDS] for row in expected
    ]:
        wrong.append("the mail servers are not those of lock_config_mail_servers")
    options_wanted = _odoo_config.wanted_options(wanted.database, "", wanted.workers, wanted.conf)
    wrong += [
        f"odoo.conf {key} is not as set"
        for key, value in options_wanted.items()
        if key != "admin_passwd" and options.get(key) != value
    ]
    if not _odoo_config.verifies(wanted.master_password, options.get("admin_passwd", "")):
        wrong.append("odoo.conf admin_passwd is not a hash of lock_config_master_password")
    if file.mode != _odoo_config.LOCKED_MODE or file.uid != 0 or file.gid != wanted.config_gid:
        wrong.append(f"odoo.conf has the rights {file.mode:04o} {file.uid}:{file.gid}")
    return wrong


def require_lock(store: Any, login: PostgresLogin) -> dict[str, Any]:
    lock = _postgres.recall(store, KEPT_LOCK, login.database)
    if lock is None:
        raise DriftError(
            f"No fingerprint of locked settings is kept for {login.database}.",
            remedy="Run lock_config again; before users are in, after a rollback.",
        )
    return dict(lock)


def recheck(login: PostgresLogin, expected_uuid: str, config_path: str) -> dict[str, Any]:
    """The cheap form: is every locked setting still what it was?

    Raises:
        DriftError: naming each setting that isn't.
    """
    file = _odoo_config.read_file(config_path)
    with _postgres.connect(maintenance(login)) as store:
        lock = require_lock(store, login)
    with _postgres.connect(login) as conn:
        conn.read_only = True
        _odoo_settings.require_identity(conn, expected_uuid)
        found = _odoo_settings.settings(conn, file, lock["parameters"])
    if changed := _odoo_settings.drift(lock, found):
        raise DriftError(
            f"Locked settings of {login.database} have drifted: {'; '.join(changed)}.",
            remedy="Find out who changed them, set them back, and run again.",
        )
    return {"fingerprint": lock["fingerprint"], "settings": len(found)}


# -- undo ------------------------------------------------------------------------------------------


def undo(
    login: PostgresLogin,
    config_path: str,
    run_id: str,
    *,
    fence_purpose: str,
    app_role: str,
    check_only: bool = False,
) -> dict[str, Any]:
    """Everything as `apply` found it. Nothing kept means nothing to undo.

    Returns:
        With ``restart``: whether the application may connect, and so has to start with what was restored.
    """
    changed: list[str] = []
    with _postgres.connect(maintenance(login)) as store:
        kept = _postgres.recall(store, KEPT_BEFORE, login.database)
        oid = _users.database_oid(store, login.database)
    fenced = kept is not None and bool(kept["fenced"])
    if kept is not None and int(kept["oid"]) == oid:
        if fenced and not check_only and keep_out(login, fence_purpose, app_role, run_id):
            changed.append("the application is kept out")
        with _postgres.connect(login) as conn:
            changed += _odoo_settings.restore(conn, kept)
            if check_only:
                conn.rollback()
    copy = Path(config_path + BEFORE_SUFFIX)
    if copy.exists():
        changed.append("odoo.conf")
        if not check_only:
            restore_file(config_path, copy, kept)
    if not check_only:
        with _postgres.connect(maintenance(login)) as store:
            for kind in (KEPT_BEFORE, KEPT_LOCK, _users.KEPT_HELD):
                _postgres.forget(store, kind, login.database)
        copy.unlink(missing_ok=True)
    return {"changed": bool(changed), "changes": changed, "restart": bool(changed) and not fenced}


def restore_file(config_path: str, copy: Path, kept: dict[str, Any] | None) -> None:
    """The kept text with its old rights, or the rights of now where a crash kept only the text."""
    text = _odoo_config.read_file(str(copy)).text
    if kept is None:
        now = _odoo_config.read_file(config_path)
        rights = {"mode": now.mode, "uid": now.uid, "gid": now.gid}
    else:
        rights = {key: int(kept["config"][key]) for key in ("mode", "uid", "gid")}
    _odoo_config.write_atomically(config_path, text, **rights)
