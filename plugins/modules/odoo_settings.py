#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_settings
short_description: Make an Odoo production's settings final, lock them, and show any drift
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Writes system parameters, mail servers, scheduled actions, the operator's password and C(odoo.conf) while
    the application is still kept out of its database, holds the users of the waves back, and lifts the fence.
  - What was there before is kept once, in the maintenance database and beside C(odoo.conf).
  - The lock is the file's mode (0440, root's), C(web.base.url.freeze), and a fingerprint of salted digests in
    the maintenance database. Nothing of the lock lies in the data.
  - Run it on the host that sees C(odoo.conf) and reaches database and application.
extends_documentation_fragment:
  - dfr.golive.postgres
  - dfr.golive.odoo
requirements:
  - passlib on the managed host (Debian package python3-passlib)
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: Names of the settings that change; never their values, which may be secret.
    support: full
options:
  state:
    description:
      - V(lockable) returns RV(gates) and changes nothing.
      - V(locked) writes the settings and lifts the fence.
      - V(verified) waits for the application and reads everything back from database, file and application.
      - V(undrifted) compares every locked setting with the fingerprint.
      - V(restored) puts everything back as it was before V(locked) and raises the fence again.
    type: str
    required: true
    choices: [lockable, locked, verified, undrifted, restored]
  run_id:
    description: The run that this belongs to.
    type: str
    default: ''
  app_role:
    description: The application's database role.
    type: str
    required: true
  fence_purpose:
    description: The purpose of the fence that keeps the application out.
    type: str
    default: sync
  synced_marker:
    description: The database that the data sync leaves behind; empty to not ask for it.
    type: str
    default: ''
  expected_uuid:
    description: The C(database.uuid) of the database meant.
    type: str
    required: true
  config_path:
    description: Path of C(odoo.conf) on this host.
    type: path
    required: true
  config_owner:
    description: Numeric user and group of the application, V(uid:gid); the group reads C(odoo.conf).
    type: str
    required: true
  limit_seconds:
    description: How long to wait for the application, in seconds.
    type: float
    default: 60
  forbidden_addresses:
    description: URLs, host names or database names that no setting may hold.
    type: list
    elements: str
    default: []
  settings:
    description: What production's settings are to be.
    type: dict
    required: true
    suboptions:
      base_url:
        description: What users type, with C(https://).
        type: str
        required: true
      master_password:
        description: Password of Odoo's database manager; only its hash is written.
        type: str
        required: true
      workers:
        description: Number of worker processes.
        type: int
        required: true
      odoo_conf:
        description: More keys of C(odoo.conf).
        type: dict
        default: {}
      parameters:
        description: More system parameters; null removes one.
        type: dict
        default: {}
      secret_parameters:
        description: More system parameters whose values are secret.
        type: dict
        default: {}
      crons:
        description: Scheduled actions by external id, switched on or off.
        type: dict
        default: {}
      mail_servers:
        description: The outgoing mail servers; they take the place of those that came with the data.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name shown to administrators.
            type: str
            required: true
          host:
            description: Host name or address.
            type: str
            required: true
          port:
            description: TCP port.
            type: int
            default: 25
          tls:
            description: How the connection is protected.
            type: str
            default: never
            choices: [never, starttls, tls]
          user:
            description: User name, if the server wants one.
            type: str
            default: ''
          password:
            description: Password of O(settings.mail_servers[].user).
            type: str
            default: ''
          from_filter:
            description: Senders that it may be used for.
            type: str
            default: ''
      hold_queued_mail:
        description: Whether mail that waits in the queue that came with the data is cancelled.
        type: bool
        default: true
      waves:
        description: Whose users are held back, as dictionaries with C(name) and C(group), an external id.
        type: list
        elements: dict
        default: []
      exempt_logins:
        description: Logins that are never held back, besides O(odoo_login).
        type: list
        elements: str
        default: []
"""

EXAMPLES = r"""
- name: Make the settings final
  dfr.golive.odoo_settings:
    state: locked
    run_id: 20260301T200000Z-1f2e
    login_host: db.example
    login_user: dfr_golive
    login_password: "{{ vault_operator }}"
    database: dfr_production
    odoo_url: http://odoo.example:8069
    odoo_database: dfr_production
    odoo_login: admin
    odoo_password: "{{ vault_admin }}"
    app_role: odoo
    expected_uuid: 5d1f0a52-7c1e-4f0e-9a55-000000000002
    config_path: /srv/dfr/odoo/etc/odoo.conf
    config_owner: '100:101'
    forbidden_addresses: [http://staging.example:8069]
    settings:
      base_url: https://dfr.example
      master_password: "{{ vault_master }}"
      workers: 4
      mail_servers:
        - {name: Production, host: mail.example}
      waves:
        - {name: administrators, group: dfr_registry.group_administrator}
      exempt_logins: [smoke.enumerator]
"""

RETURN = r"""
gates:
  description: The gates with their verdicts.
  returned: when O(state=lockable)
  type: list
  elements: dict
  sample:
    - {name: database.identity, verdict: pass, detail: dfr_production is the database meant, remedy: ''}
changes:
  description: Names of what was changed, never values.
  returned: when O(state=locked) or O(state=restored)
  type: list
  elements: str
  sample: [parameter web.base.url, odoo.conf list_db, 200 enumerators held back]
restart:
  description: Whether the application has to be restarted; not while a fence keeps it out.
  returned: when O(state=restored)
  type: bool
  sample: true
evidence:
  description: Fingerprint and counts for the journal.
  returned: when O(state=verified) or O(state=undrifted)
  type: dict
  sample: {fingerprint: 5f1c, settings: 47, held_back: {administrators: 10}}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _odoo_lock
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._odoo import ODOO_OPTIONS, OdooLogin
from ansible_collections.dfr.golive.plugins.module_utils._odoo_settings import Wanted
from ansible_collections.dfr.golive.plugins.module_utils._postgres import POSTGRES_OPTIONS, PostgresLogin


def work(module: AnsibleModule) -> dict[str, Any]:
    p = module.params
    login, odoo = PostgresLogin.from_params(p), OdooLogin.from_params(p)
    if p["state"] == "restored":
        result = _odoo_lock.undo(
            login,
            p["config_path"],
            p["run_id"],
            fence_purpose=p["fence_purpose"],
            app_role=p["app_role"],
            check_only=module.check_mode,
        )
    elif p["state"] == "undrifted":
        evidence = _odoo_lock.recheck(login, p["expected_uuid"], p["config_path"])
        return {"changed": False, "evidence": evidence}
    else:
        wanted = Wanted.from_params(p)
        if p["state"] == "lockable":
            gates = _odoo_lock.gates(
                login,
                wanted,
                wanted.foreign(p["forbidden_addresses"], login),
                synced_marker=p["synced_marker"],
            )
            return {"changed": False, "gates": [gate.as_dict() for gate in gates]}
        if p["state"] == "verified":
            evidence = _odoo_lock.verify(
                login, odoo, wanted, wanted.foreign(p["forbidden_addresses"], login), limit=p["limit_seconds"]
            )
            return {"changed": False, "evidence": evidence}
        result = _odoo_lock.apply(
            login, wanted, p["run_id"], fence_purpose=p["fence_purpose"], check_only=module.check_mode
        )
    if module._diff:  # noqa: SLF001
        result["diff"] = {"before": "", "after": "".join(f"{name}\n" for name in result["changes"])}
    return result


def main() -> None:
    text = {"type": "str", "default": ""}
    mail_server = {
        "name": {"type": "str", "required": True},
        "host": {"type": "str", "required": True},
        "port": {"type": "int", "default": 25},
        "tls": {"type": "str", "default": "never", "choices": ["never", "starttls", "tls"]},
        "user": text,
        "password": {"type": "str", "default": "", "no_log": True},
        "from_filter": text,
    }
    settings = {
        "base_url": {"type": "str", "required": True},
        "master_password": {"type": "str", "required": True, "no_log": True},
        "workers": {"type": "int", "required": True},
        "odoo_conf": {"type": "dict", "default": {}},
        "parameters": {"type": "dict", "default": {}},
        "secret_parameters": {"type": "dict", "default": {}, "no_log": True},
        "crons": {"type": "dict", "default": {}},
        "mail_servers": {"type": "list", "elements": "dict", "default": [], "options": mail_server},
        "hold_queued_mail": {"type": "bool", "default": True},
        "waves": {"type": "list", "elements": "dict", "default": []},
        "exempt_logins": {"type": "list", "elements": "str", "default": []},
    }
    states = ["lockable", "locked", "verified", "undrifted", "restored"]
    module = AnsibleModule(
        argument_spec={
            **POSTGRES_OPTIONS,
            **ODOO_OPTIONS,
            "state": {"type": "str", "required": True, "choices": states},
            "run_id": text,
            "app_role": {"type": "str", "required": True},
            "fence_purpose": {"type": "str", "default": "sync"},
            "synced_marker": text,
            "expected_uuid": {"type": "str", "required": True},
            "config_path": {"type": "path", "required": True},
            "config_owner": {"type": "str", "required": True},
            "limit_seconds": {"type": "float", "default": 60},
            "forbidden_addresses": {"type": "list", "elements": "str", "default": []},
            "settings": {"type": "dict", "required": True, "options": settings},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
