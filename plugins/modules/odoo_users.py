#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_users
short_description: Let the users of an Odoo in, wave by wave, or hold them back
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - The users are those that M(dfr.golive.odoo_settings) held back, as kept in the maintenance database.
  - Enabling goes through the application, in bulk, and counts every wave before the next begins. Holding back
    goes through the database, so that it works while the application does not.
  - An interrupted run goes on where it stopped; nobody is invited twice.
extends_documentation_fragment:
  - dfr.golive.postgres
  - dfr.golive.odoo
  - dfr.golive.reverse
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  state:
    description:
      - V(enableable) returns RV(gates) and changes nothing; with O(reverse) it asks for the way back, too.
      - V(enabled) lets every wave in.
      - V(held) holds them back again.
    type: str
    required: true
    choices: [enableable, enabled, held]
  run_id:
    description: The run that this belongs to.
    type: str
    default: ''
  expected_uuid:
    description: The C(database.uuid) of the database meant.
    type: str
    required: true
  passwords:
    description:
      - V(keep) leaves the passwords that came with the data.
      - V(invite) sends every user a mail with a link to set one.
      - V(initial) sets those of O(initial_passwords).
    type: str
    default: keep
    choices: [keep, invite, initial]
  initial_passwords:
    description: Passwords by login, for O(passwords=initial).
    type: dict
    default: {}
  fqdn:
    description: The name users type.
    type: str
    required: true
  address:
    description: Where O(fqdn) must lead.
    type: str
    required: true
  proxy_address:
    description: Where the proxy listens as seen from this host; O(address) when empty.
    type: str
    default: ''
  port:
    description: TCP port of the proxy.
    type: int
    default: 443
  resolvers:
    description: Resolvers that must lead O(fqdn) to O(address).
    type: list
    elements: str
    required: true
  check_path:
    description: A page that only the open door shows.
    type: str
    default: /web/login
"""

EXAMPLES = r"""
- name: Let everybody in
  dfr.golive.odoo_users:
    state: enabled
    run_id: 20260301T200000Z-1f2e
    login_host: db.example
    login_user: dfr_golive
    login_password: "{{ vault_operator }}"
    database: dfr_production
    odoo_url: http://odoo.example:8069
    odoo_database: dfr_production
    odoo_login: admin
    odoo_password: "{{ vault_admin }}"
    expected_uuid: 5d1f0a52-7c1e-4f0e-9a55-000000000002
    fqdn: dfr.example
    address: 192.0.2.40
    resolvers: [192.0.2.53]
"""

RETURN = r"""
gates:
  description: The gates with their verdicts.
  returned: when O(state=enableable)
  type: list
  elements: dict
  sample:
    - {name: door.closed, verdict: pass, detail: the maintenance page is shown, remedy: ''}
waves:
  description: The waves in their order, with the ids of their users and what was done.
  returned: when O(state=enabled) or O(state=held)
  type: list
  elements: dict
  sample:
    - {name: administrators, group: dfr_registry.group_administrator, ids: [7, 8], enabled: 2, welcomed: 0,
       seconds: 0.2}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _access
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._odoo import ODOO_OPTIONS, OdooLogin
from ansible_collections.dfr.golive.plugins.module_utils._postgres import POSTGRES_OPTIONS, PostgresLogin
from ansible_collections.dfr.golive.plugins.module_utils._reverse import REVERSE_OPTIONS, Way, ready


def work(module: AnsibleModule) -> dict[str, Any]:
    p = module.params
    login, odoo = PostgresLogin.from_params(p), OdooLogin.from_params(p)
    if p["state"] == "held":
        return _access.hold_again(login, check_only=module.check_mode)
    if p["state"] == "enableable":
        way = _access.Way(
            p["fqdn"],
            p["address"],
            p["resolvers"],
            p["port"],
            odoo.ca_path,
            p["odoo_timeout"],
            p["proxy_address"],
        )
        gates = _access.gates(
            login,
            way,
            check_path=p["check_path"],
            policy=p["passwords"],
            passwords=p["initial_passwords"],
            expected_uuid=p["expected_uuid"],
            run_id=p["run_id"],
        )
        gates += ready(Way.from_params(p["reverse"])) if p["reverse"] else []
        return {"changed": False, "gates": [gate.as_dict() for gate in gates]}
    if module.check_mode:
        return _access.plan(login)
    return _access.enable(
        login, odoo, policy=p["passwords"], passwords=p["initial_passwords"], run_id=p["run_id"]
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **POSTGRES_OPTIONS,
            **ODOO_OPTIONS,
            "state": {"type": "str", "required": True, "choices": ["enableable", "enabled", "held"]},
            "run_id": {"type": "str", "default": ""},
            "expected_uuid": {"type": "str", "required": True},
            "passwords": {
                "type": "str",
                "default": "keep",
                "choices": ["keep", "invite", "initial"],
                "no_log": False,
            },
            "initial_passwords": {"type": "dict", "default": {}, "no_log": True},
            "fqdn": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "proxy_address": {"type": "str", "default": ""},
            "port": {"type": "int", "default": 443},
            "resolvers": {"type": "list", "elements": "str", "required": True},
            "check_path": {"type": "str", "default": "/web/login"},
            "reverse": {"type": "dict", "options": REVERSE_OPTIONS},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
