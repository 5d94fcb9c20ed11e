#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_canary
short_description: Walk into an Odoo as a user does, by name
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Asks the resolvers for the name over the wire (a host file has no say), connects where they lead,
    verifies the certificate for the name, finds the login form, and logs in.
extends_documentation_fragment:
  - dfr.golive.odoo
  - dfr.golive.attributes.read_only
options:
  fqdn:
    description: The name users type; O(odoo_url) is not used.
    type: str
    required: true
  address:
    description: Where the name must lead.
    type: str
    required: true
  port:
    description: TCP port of the proxy.
    type: int
    default: 443
  resolvers:
    description: The resolvers that are asked.
    type: list
    elements: str
    required: true
  smoke_login:
    description: Login of the enumerator that tries things out.
    type: str
    required: true
  smoke_password:
    description: Password of O(smoke_login).
    type: str
    required: true
  waves:
    description: Waves as M(dfr.golive.odoo_users) returned them; all their users must be active.
    type: list
    elements: dict
    default: []
  check_path:
    description: The page with the login form.
    type: str
    default: /web/login
  limit_seconds:
    description: How long to wait for name and door, in seconds.
    type: float
    default: 30
"""

EXAMPLES = r"""
- name: Come in as a user does
  dfr.golive.odoo_canary:
    fqdn: dfr.example
    address: 192.0.2.40
    resolvers: [192.0.2.53]
    odoo_url: https://dfr.example
    odoo_database: dfr_production
    odoo_login: admin
    odoo_password: "{{ vault_admin }}"
    smoke_login: smoke.enumerator
    smoke_password: "{{ vault_smoke }}"
"""

RETURN = r"""
evidence:
  description: What each resolver said, where the connection went, and how long the login took.
  returned: success
  type: dict
  sample: {url: https://dfr.example, address: 192.0.2.40, login_seconds: 0.4, active: {administrators: 10}}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _access
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._odoo import ODOO_OPTIONS, OdooLogin
from ansible_collections.dfr.golive.plugins.module_utils._users import Wave


def work(module: AnsibleModule) -> dict[str, Any]:
    p = module.params
    operator = OdooLogin.from_params(p)
    way = _access.Way(p["fqdn"], p["address"], p["resolvers"], p["port"], operator.ca_path, p["odoo_timeout"])
    evidence = _access.walk_in(
        way,
        operator.as_user(p["smoke_login"], p["smoke_password"]),
        operator,
        [Wave.from_dict(wave) for wave in p["waves"]],
        check_path=p["check_path"],
        limit=p["limit_seconds"],
    )
    return {"changed": False, "evidence": evidence}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ODOO_OPTIONS,
            "fqdn": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "port": {"type": "int", "default": 443},
            "resolvers": {"type": "list", "elements": "str", "required": True},
            "smoke_login": {"type": "str", "required": True},
            "smoke_password": {"type": "str", "required": True, "no_log": True},
            "waves": {"type": "list", "elements": "dict", "default": []},
            "check_path": {"type": "str", "default": "/web/login"},
            "limit_seconds": {"type": "float", "default": 30},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
