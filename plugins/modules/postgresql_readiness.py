#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_readiness
short_description: Ask whether a database is the one meant, and what the operator may do there
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Logs in as the operator and as the application's role, compares the database's uuid with the
    inventory, asks for each right
    that the phases need, and reads what has to agree between the two ends. Changes nothing.
  - A bad verdict doesn't fail the task; it is returned as a gate. The remedy of a missing right is
    the statement that grants it.
extends_documentation_fragment: [dfr.golive.postgres, dfr.golive.attributes.read_only]
options:
  name:
    description: The database's key in C(golive_databases).
    type: str
    required: true
    choices: [staging, production]
  uuid:
    description: The C(database.uuid) that the database has to carry.
    type: str
    required: true
  app_role:
    description: The application's role.
    type: str
    required: true
  app_password:
    description: Password of O(app_role).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Ask production's database
  dfr.golive.postgresql_readiness:
    name: production
    login_host: db.example
    login_user: dfr_golive
    login_password: "{{ secret_production_operator }}"
    database: dfr_production
    uuid: 5d1f0a52-7c1e-4f0e-9a55-000000000002
    app_role: odoo
    app_password: "{{ secret_production_app }}"
"""

RETURN = r"""
gates:
  description: One verdict per question.
  returned: success
  type: list
  elements: dict
  sample:
    - name: identity.production
      verdict: pass
      detail: "dfr_production carries the uuid of the inventory."
      remedy: ''
facts:
  description: What only makes sense beside another answer; M(dfr.golive.readiness) compares it.
  returned: success
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._postgres import POSTGRES_OPTIONS, PostgresLogin
from ansible_collections.dfr.golive.plugins.module_utils._ready_postgres import probe_postgres

OPTIONS: dict[str, Any] = {
    **POSTGRES_OPTIONS,
    "name": {"type": "str", "required": True, "choices": ["staging", "production"]},
    "uuid": {"type": "str", "required": True},
    "app_role": {"type": "str", "required": True},
    "app_password": {"type": "str", "required": True, "no_log": True},
}


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    answer = probe_postgres(
        PostgresLogin.from_params(params),
        end=params["name"],
        app_role=params["app_role"],
        app_password=params["app_password"],
        expected_uuid=params["uuid"],
    )
    return {"changed": False, **answer}


def main() -> None:
    run_module(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
