# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Production's final settings inside Odoo's database: written, read back, fingerprinted, restored."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import _odoo_config, _postgres, _users
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._odoo_config import ConfigFile

if TYPE_CHECKING:
    import psycopg
    from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin

KEPT_BEFORE = "lock_config"
KEPT_LOCK = "lock_config_fingerprint"
FREEZE = "web.base.url.freeze"
NEUTRALISED = "database.is_neutralized"
RETIRED_HOST = "retired.invalid"
ENCRYPTION = {"never": "none", "starttls": "starttls", "tls": "ssl"}
MAIL_FIELDS = (
    "name",
    "smtp_host",
    "smtp_port",
    "smtp_encryption",
    "smtp_authentication",
    "smtp_user",
    "smtp_pass",
    "from_filter",
    "sequence",
    "active",
)


@dataclass(frozen=True)
class MailServer:
    """An outgoing mail server as Odoo's table holds it."""

    name: str
    host: str
    port: int = 25
    encryption: str = "none"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    from_filter: str | None = None
    sequence: int = 10

    @classmethod
    def from_params(cls, raw: Mapping[str, Any], sequence: int) -> MailServer:
        return cls(
            name=raw["name"],
            host=raw["host"],
            port=raw["port"],
            encryption=ENCRYPTION[raw["tls"]],
            user=raw.get("user") or None,
            password=raw.get("password") or None,
            from_filter=raw.get("from_filter") or None,
            sequence=sequence,
        )

    def as_row(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "smtp_host": self.host,
            "smtp_port": self.port,
            "smtp_encryption": self.encryption,
            "smtp_authentication": "login",
            "smtp_user": self.user,
            "smtp_pass": self.password,
            "from_filter": self.from_filter,
            "sequence": self.sequence,
            "active": True,
        }


@dataclass(frozen=True)
class Wanted:
    """What `lock_config` makes true.

    Attributes:
        database, uuid: the production database and the identity it must already have.
        base_url: what users type.
        parameters: more ``ir.config_parameter`` keys; None removes the key.
        mail_servers: they take the place of all that came over.
        crons: scheduled actions by external id, switched on or off.
        operator_login, operator_password: production's own operator account.
        exempt_logins: never held back (the operator, the smoke account).
        waves: whose users are held back until `enable_users`.
        hold_queued_mail: mail that waited in staging's queue is cancelled instead of sent from production.
        config_path, config_gid: the settings file and the group the application reads it with.
        conf: more keys of odoo.conf; workers: its number of worker processes.
        master_password: of the database manager.
    """

    database: str
    uuid: str
    base_url: str
    config_path: str
    config_gid: int
    workers: int
    master_password: str = field(repr=False)
    operator_login: str
    operator_password: str = field(repr=False)
    parameters: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    mail_servers: Sequence[MailServer] = ()
    crons: Mapping[str, bool] = field(default_factory=dict)
    exempt_logins: Sequence[str] = ()
    waves: Sequence[Mapping[str, Any]] = ()
    conf: Mapping[str, Any] = field(default_factory=dict)
    hold_queued_mail: bool = True

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Wanted:
        """From the parameters of the module odoo_settings.

        Raises:
            GoliveError: one can't be understood.
        """
        given = params["settings"]
        gid = str(params["config_owner"]).partition(":")[2]
        if not gid.isdigit():
            raise GoliveError(
                f"The owner {params['config_owner']!r} is not a numeric uid:gid.",
                remedy="Write golive_applications.production.owner as '100:101'.",
            )
        return cls(
            database=params["database"],
            uuid=params["expected_uuid"],
            base_url=given["base_url"],
            config_path=params["config_path"],
            config_gid=int(gid),
            workers=given["workers"],
            master_password=given["master_password"],
            operator_login=params["odoo_login"],
            operator_password=params["odoo_password"],
            parameters={
                str(k): _parameter(v)
                for k, v in {**given["parameters"], **given["secret_parameters"]}.items()
            },
            mail_servers=[
                MailServer.from_params(raw, 10 * i) for i, raw in enumerate(given["mail_servers"], 1)
            ],
            crons={str(k): _switch(k, v) for k, v in given["crons"].items()},
            exempt_logins=[*dict.fromkeys([params["odoo_login"], *given["exempt_logins"]])],
            waves=given["waves"],
            conf=given["odoo_conf"],
            hold_queued_mail=given["hold_queued_mail"],
        )

    def foreign(self, addresses: Iterable[str], login: PostgresLogin) -> list[str]:
        """The forbidden addresses as names to look for; production's own are never among them."""
        return host_names(addresses, [self.base_url, login.host, login.database])

    def all_parameters(self) -> dict[str, str | None]:
        own = {"web.base.url": self.base_url, FREEZE: "True"}
        if clash := sorted(({*own, "database.uuid", "database.secret", NEUTRALISED}) & set(self.parameters)):
            raise GoliveError(
                f"lock_config_parameters sets {', '.join(clash)}, which lock_config decides itself.",
                remedy="Remove them from lock_config_parameters and lock_config_secret_parameters.",
            )
        return {**self.parameters, **own}


def _parameter(value: Any) -> str | None:
    return None if value is None else str(value)


def _switch(name: object, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise GoliveError(f"lock_config_crons says {value!r} for {name}, not true or false.")


# -- reading ---------------------------------------------------------------------------------------


def parameters(conn: psycopg.Connection[Any]) -> dict[str, str]:
    """All system parameters.

    Raises:
        ProbeError: there are none; then this is no Odoo database that can be judged.
    """
    rows = conn.execute("select key, value from ir_config_parameter").fetchall()
    if not rows:
        raise ProbeError(
            f"{conn.info.dbname} has no system parameters.", remedy="Check that Odoo's data is in it."
        )
    return {str(key): str(value) for key, value in rows}


def require_identity(conn: psycopg.Connection[Any], expected: str) -> None:
    """Stop unless this is the database that the inventory means.

    Raises:
        GoliveError: another database.
        ProbeError: it has no identity.
    """
    found = parameters(conn).get("database.uuid", "")
    if not found:
        raise ProbeError(
            f"{conn.info.dbname} has no database.uuid.",
            remedy="Check golive_databases: this is no Odoo database.",
        )
    if found != expected:
        raise GoliveError(
            f"The database {conn.info.dbname} on {conn.info.host} has the identity {found},"
            f" the inventory says {expected}.",
            remedy="It isn't the database meant; check golive_databases.production (host, database, uuid).",
        )


def has_column(conn: psycopg.Connection[Any], table: str, column: str) -> bool:
    return bool(
        _postgres.scalar(
            conn,
            "select exists (select from information_schema.columns"
            " where table_schema = current_schema() and table_name = %s and column_name = %s)",
            (table, column),
        )
    )


def neutralised(conn: psycopg.Connection[Any]) -> list[str]:
    """What a neutralised copy left behind; such a database sends no mail and runs no job."""
    signs = []
    if parameters(conn).get(NEUTRALISED, "").strip().lower() in ("true", "1", "t"):
        signs.append(f"parameter {NEUTRALISED}")
    rows = conn.execute("select name from ir_mail_server where name ilike 'neutralization%'").fetchall()
    signs += [f"mail server {row[0]!r}" for row in rows]
    if has_column(conn, "ir_act_server", "webhook_url"):
        count = _postgres.scalar(
            conn, "select count(*) from ir_act_server where webhook_url ilike 'neutralization%'"
        )
        if count:
            signs.append(f"{count} disabled webhooks")
    return signs


def mail_rows(conn: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """All mail servers with all their columns; those in use first."""
    rows = conn.execute(
        "select to_jsonb(m) from ir_mail_server as m order by active desc, sequence, id"
    ).fetchall()
    return [dict(row[0]) for row in rows]


# Where an address of another environment may hide, apart from parameters and mail servers.
_ADDRESSES = (
    ("fetchmail_server", "server", "incoming mail server", "name"),
    ("website", "domain", "website", "name"),
    ("ir_act_server", "webhook_url", "webhook", "id"),
    ("auth_oauth_provider", "auth_endpoint", "login provider", "name"),
)


def address_book(conn: psycopg.Connection[Any], config: Mapping[str, str]) -> dict[str, str]:
    """Every setting that may hold an address, by a name people understand."""
    book = {f"parameter {key}": value for key, value in parameters(conn).items()}
    for row in mail_rows(conn):
        for key in ("smtp_host", "smtp_user", "from_filter"):
            book[f"mail server {row['name']!r} {key}"] = str(row.get(key) or "")
    for table, column, title, label in _ADDRESSES:
        if has_column(conn, table, column):
            query = (
                _postgres.driver()
                .sql.SQL("select {}::text, {}::text from {} where {} is not null")
                .format(*(_postgres.driver().sql.Identifier(n) for n in (label, column, table, column)))
            )
            for name, value in conn.execute(query).fetchall():
                book[f"{title} {name} {column}"] = str(value)
    for key, value in config.items():
        book[f"odoo.conf {key}"] = value
    return book


def host_names(addresses: Iterable[str], own: Iterable[str]) -> list[str]:
    """URLs and names reduced to what to look for; production's own names are never forbidden."""

    def bare(address: str) -> str:
        text = address.strip().lower()
        return (urllib.parse.urlsplit(text).hostname or "") if "://" in text else text

    ours = {bare(address) for address in own}
    return sorted({name for name in map(bare, addresses) if name} - ours)


def forbidden(book: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """Settings that still hold one of the names, as ``setting contains name``; never their value."""
    hits = []
    for name in names:
        pattern = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])", re.IGNORECASE)
        hits += [f"{setting} contains {name}" for setting, value in book.items() if pattern.search(value)]
    return sorted(hits)


# -- keeping and writing ---------------------------------------------------------------------------


def before_state(
    conn: psycopg.Connection[Any], wanted: Wanted, oid: int, config: ConfigFile
) -> dict[str, Any]:
    """All that `apply` is going to change, as it is now."""
    now = parameters(conn)
    keys = wanted.all_parameters()
    operator = operator_row(conn, wanted.operator_login)
    waves = _users.members(conn, wanted.waves, wanted.exempt_logins)
    return {
        "oid": oid,
        "parameters": {key: now.get(key) for key in keys},
        "mail_servers": mail_rows(conn),
        "crons": {str(i): active for i, active in cron_states(conn, wanted.crons).values()},
        "queued_mail": queued_mail(conn) if wanted.hold_queued_mail else [],
        "operator": {"id": operator[0], "password": operator[1]},
        "waves": [wave.as_dict() for wave in waves],
        "config": {"mode": config.mode, "uid": config.uid, "gid": config.gid, "digest": config.digest},
    }


def operator_row(conn: psycopg.Connection[Any], login: str) -> tuple[int, str | None]:
    row = conn.execute("select id, password from res_users where login = %s and active", (login,)).fetchone()
    if row is None:
        raise GoliveError(
            f"The account {login} is not an active user of {conn.info.dbname}.",
            remedy="Name an account that came with the data (golive_applications, check_health_login).",
        )
    return int(row[0]), row[1]


def cron_states(conn: psycopg.Connection[Any], crons: Mapping[str, bool]) -> dict[str, tuple[int, bool]]:
    """Id and state of scheduled actions by external id."""
    found: dict[str, tuple[int, bool]] = {}
    for external in crons:
        module, _dot, name = external.partition(".")
        row = conn.execute(
            "select c.id, c.active from ir_cron as c join ir_model_data as d on d.res_id = c.id"
            " where d.model = 'ir.cron' and d.module = %s and d.name = %s",
            (module, name),
        ).fetchone()
        if row is None:
            raise GoliveError(
                f"The scheduled action {external} is not in {conn.info.dbname}.",
                remedy="Correct it in lock_config_crons (an external id, module.name).",
            )
        found[external] = (int(row[0]), bool(row[1]))
    return found


def queued_mail(conn: psycopg.Connection[Any]) -> list[int]:
    if not has_column(conn, "mail_mail", "state"):
        return []
    return [int(r[0]) for r in conn.execute("select id from mail_mail where state = 'outgoing' order by id")]


def write(conn: psycopg.Connection[Any], wanted: Wanted, kept: Mapping[str, Any]) -> list[str]:
    """Set everything in the caller's one transaction; return the names of what changed."""
    changed = write_parameters(conn, wanted.all_parameters())
    changed += write_mail_servers(conn, wanted.mail_servers)
    for external, (cron, active) in cron_states(conn, wanted.crons).items():
        if active != wanted.crons[external]:
            conn.execute("update ir_cron set active = %s where id = %s", (wanted.crons[external], cron))
            changed.append(f"scheduled action {external}")
    if kept["queued_mail"]:
        cancelled = conn.execute(
            "update mail_mail set state = 'cancel' where state = 'outgoing' and id = any(%s) returning id",
            (kept["queued_mail"],),
        ).fetchall()
        changed += [f"{len(cancelled)} queued mails"] if cancelled else []
    operator, stored = operator_row(conn, wanted.operator_login)
    if not _odoo_config.verifies(wanted.operator_password, stored or ""):
        hashed = _odoo_config.hash_password(wanted.operator_password)
        conn.execute("update res_users set password = %s where id = %s", (hashed, operator))
        changed.append(f"password of {wanted.operator_login}")
    for wave in kept["waves"]:
        count = _users.set_active(conn, wave["ids"], active=False)
        changed += [f"{count} {wave['name']} held back"] if count else []
    return changed


def write_parameters(conn: psycopg.Connection[Any], wanted: Mapping[str, str | None]) -> list[str]:
    now = parameters(conn)
    changed = []
    for key, value in wanted.items():
        if now.get(key) == value:
            continue
        if value is None:
            conn.execute("delete from ir_config_parameter where key = %s", (key,))
        else:
            conn.execute(
                "insert into ir_config_parameter (key, value, create_date, write_date)"
                " values (%s, %s, now() at time zone 'utc', now() at time zone 'utc')"
                " on conflict (key) do update set value = excluded.value, write_date = excluded.write_date",
                (key, value),
            )
        changed.append(f"parameter {key}")
    return changed


def write_mail_servers(conn: psycopg.Connection[Any], wanted: Sequence[MailServer]) -> list[str]:
    """Overwrite row by row, so that what refers to a mail server refers to production's afterwards.

    Rows that are left over are emptied and archived, not deleted, for the same reason.
    """
    rows = mail_rows(conn)
    targets = [server.as_row() for server in wanted]
    retired = dict.fromkeys(MAIL_FIELDS) | {
        "name": "Retired at go-live",
        "smtp_host": RETIRED_HOST,
        "smtp_port": 25,
        "smtp_encryption": "none",
        "smtp_authentication": "login",
        "sequence": 99,
        "active": False,
    }
    targets += [retired] * (len(rows) - len(targets))
    changed = []
    assignments = ", ".join(f"{key} = %({key})s" for key in MAIL_FIELDS)
    for index, target in enumerate(targets):
        if index >= len(rows):
            names, values = ", ".join(MAIL_FIELDS), ", ".join(f"%({key})s" for key in MAIL_FIELDS)
            conn.execute(f"insert into ir_mail_server ({names}) values ({values})", target)  # noqa: S608
            changed.append(f"mail server {target['name']}")
        elif any(rows[index].get(key) != target[key] for key in MAIL_FIELDS):
            conn.execute(
                f"update ir_mail_server set {assignments} where id = %(id)s",  # noqa: S608
                {**target, "id": rows[index]["id"]},
            )
            changed.append(f"mail server {target['name']}")
    return changed


def restore(conn: psycopg.Connection[Any], kept: Mapping[str, Any]) -> list[str]:
    """Write a before-state back in the caller's one transaction."""
    changed = write_parameters(conn, kept["parameters"])
    changed += restore_mail_servers(conn, kept["mail_servers"])
    for cron, active in kept["crons"].items():
        conn.execute("update ir_cron set active = %s where id = %s", (active, int(cron)))
    restore_rows(conn, kept)
    for wave in kept["waves"]:
        count = _users.set_active(conn, wave["ids"], active=True)
        changed += [f"{count} {wave['name']} as before"] if count else []
    return changed


def restore_rows(conn: psycopg.Connection[Any], kept: Mapping[str, Any]) -> None:
    """What was changed in tables that belong to the country: mail that was held, and the operator's password."""
    if kept["queued_mail"]:
        conn.execute(
            "update mail_mail set state = 'outgoing' where state = 'cancel' and id = any(%s)",
            (kept["queued_mail"],),
        )
    operator = kept["operator"]
    conn.execute(
        "update res_users set password = %(password)s where id = %(id)s and password is distinct from %(password)s",
        operator,
    )


def restore_mail_servers(conn: psycopg.Connection[Any], before: Sequence[Mapping[str, Any]]) -> list[str]:
    ids = [int(row["id"]) for row in before]
    conn.execute("delete from ir_mail_server where id <> all(%s)", (ids,))
    if not before:
        return []
    sql = _postgres.driver().sql
    columns = [sql.Identifier(key) for key in before[0]]
    assignments = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(column) for column in columns)
    conn.execute(
        sql.SQL(
            "insert into ir_mail_server ({columns}) select {columns}"
            " from jsonb_populate_recordset(null::ir_mail_server, %s::jsonb)"
            " on conflict (id) do update set {assignments}"
        ).format(columns=sql.SQL(", ").join(columns), assignments=assignments),
        (json.dumps(list(before)),),
    )
    return [f"{len(before)} mail servers"]


# -- the lock: a fingerprint that later shows any drift --------------------------------------------


def settings(
    conn: psycopg.Connection[Any], config: ConfigFile, parameter_keys: Iterable[str]
) -> dict[str, str]:
    """Every locked setting of the world by name, in one canonical form."""
    now = parameters(conn)
    keys = {*parameter_keys, "web.base.url", FREEZE, "database.uuid", "database.secret", NEUTRALISED}
    found = {f"parameter {key}": now.get(key, "(absent)") for key in keys}
    for row in mail_rows(conn):
        for key in MAIL_FIELDS:
            found[f"mail server {row['id']} {key}"] = json.dumps(row.get(key))
    for key, value in _odoo_config.parse(config.text).items():
        found[f"odoo.conf {key}"] = value
    found["odoo.conf (mode)"] = f"{config.mode:04o}"
    found["odoo.conf (owner)"] = f"{config.uid}:{config.gid}"
    return found


def sealed(found: Mapping[str, str], salt: str) -> dict[str, str]:
    """The settings' values as salted digests: they can be compared but not read."""
    return {
        name: hashlib.sha256(f"{salt}\0{name}\0{value}".encode()).hexdigest() for name, value in found.items()
    }


def fingerprint(seals: Mapping[str, str]) -> str:
    """One digest over all of them."""
    return hashlib.sha256("\n".join(f"{n}={seals[n]}" for n in sorted(seals)).encode()).hexdigest()


def new_lock(found: Mapping[str, str], parameter_keys: Iterable[str]) -> dict[str, Any]:
    """What is kept of the locked settings."""
    salt = secrets.token_hex(16)
    seals = sealed(found, salt)
    return {
        "salt": salt,
        "seals": seals,
        "parameters": sorted(parameter_keys),
        "fingerprint": fingerprint(seals),
    }


def drift(lock: Mapping[str, Any], found: Mapping[str, str]) -> list[str]:
    """Names of the settings that are no longer what was locked."""
    seals = sealed(found, lock["salt"])
    before: Mapping[str, str] = lock["seals"]
    changed = [f"{name} (changed)" for name in before.keys() & seals.keys() if before[name] != seals[name]]
    changed += [f"{name} (gone)" for name in before.keys() - seals.keys()]
    changed += [f"{name} (new)" for name in seals.keys() - before.keys()]
    return sorted(changed)
