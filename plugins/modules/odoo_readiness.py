#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_readiness
short_description: Ask whether an Odoo lets the operator and the smoke account in
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Logs in as the administrator of the inventory and, where asked, as the account that tries things
    out. Changes nothing.
  - A bad verdict doesn't fail the task; it is returned as a gate.
extends_documentation_fragment: [dfr.golive.odoo, dfr.golive.attributes.read_only]
options:
  name:
    description: The application's key in C(golive_applications).
    type: str
    required: true
  smoke_login:
    description: Login of the account that tries things out; not asked when empty.
    type: str
    default: ''
  smoke_password:
    description: Password of O(smoke_login).
    type: str
    default: ''
"""

EXAMPLES = r"""
- name: Ask staging's Odoo
  dfr.golive.odoo_readiness:
    name: staging
    odoo_url: http://staging-odoo:8069
    odoo_database: dfr_staging
    odoo_login: admin
    odoo_password: "{{ secret_staging_admin }}"
    smoke_login: smoke.enumerator
    smoke_password: "{{ secret_smoke }}"
"""

RETURN = r"""
gates:
  description: One verdict per question.
  returned: success
  type: list
  elements: dict
  sample:
    - name: application.staging
      verdict: pass
      detail: "admin logs in, Odoo 19.0."
      remedy: ''
facts:
  description: What only makes sense beside another answer; M(dfr.golive.readiness) compares it.
  returned: success
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._odoo import ODOO_OPTIONS, OdooLogin
from ansible_collections.dfr.golive.plugins.module_utils._ready_service import probe_application

OPTIONS: dict[str, Any] = {
    **ODOO_OPTIONS,
    "name": {"type": "str", "required": True},
    "smoke_login": {"type": "str", "default": ""},
    "smoke_password": {"type": "str", "default": "", "no_log": True},
}


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    answer = probe_application(
        OdooLogin.from_params(params),
        end=params["name"],
        smoke_login=params["smoke_login"],
        smoke_password=params["smoke_password"],
    )
    return {"changed": False, **answer}


def main() -> None:
    run_module(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
