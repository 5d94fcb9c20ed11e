#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_health
short_description: Check that an Odoo and its database are well
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Asks the application's health page and PostgreSQL, registers as an enumerator and rolls that away, takes
    the time of pages and searches; every figure is compared with its limit.
  - No answer is never health. A hanging worker runs into O(odoo_timeout).
extends_documentation_fragment:
  - dfr.golive.postgres
  - dfr.golive.odoo
attributes:
  check_mode:
    description: With O(scope=full) the registration is left out, for it writes and removes a record.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  scope:
    description:
      - V(gate) returns RV(gates) - does the application answer, and is the database the one meant.
      - V(full) measures everything and fails when anything is beyond its limit.
      - V(quick) asks the health page and logs in as an enumerator.
    type: str
    required: true
    choices: [gate, full, quick]
  expected_uuid:
    description: The C(database.uuid) of the database meant.
    type: str
    required: true
  smoke_login:
    description: Login of the enumerator that tries things out.
    type: str
    required: true
  smoke_password:
    description: Password of O(smoke_login).
    type: str
    required: true
  registration:
    description: What is registered and rolled away.
    type: dict
    required: true
    suboptions:
      model:
        description: The Odoo model.
        type: str
        required: true
      code_field:
        description: A unique text field of it, which gets the probe's mark.
        type: str
        default: code
      prefix:
        description: How every mark begins; records with it that a crashed probe left are removed first.
        type: str
        default: GOLIVE-PROBE-
      values:
        description: The other fields.
        type: dict
        default: {}
  pages:
    description: Paths of pages whose time is taken.
    type: list
    elements: str
    default: [/web/login]
  page_seconds:
    description: Limit for a page, in seconds.
    type: float
    default: 3.0
  page_samples:
    description: How often each page is asked for.
    type: int
    default: 5
  api_p95_seconds:
    description: Limit for 95 of 100 searches, in seconds.
    type: float
    default: 0.5
  api_samples:
    description: How many searches are made.
    type: int
    default: 40
  api_parallel:
    description: How many clients search at once.
    type: int
    default: 4
  connections_percent:
    description: Limit for the share of PostgreSQL's connections in use, in percent.
    type: float
    default: 80.0
  transaction_seconds:
    description: Limit for the age of the oldest transaction, in seconds.
    type: float
    default: 60.0
  lock_wait_seconds:
    description: A session that waits longer for a lock is a finding, in seconds.
    type: float
    default: 5.0
  wraparound_percent:
    description: Limit for the age of the oldest row version, in percent of what PostgreSQL can bear.
    type: float
    default: 50.0
"""

EXAMPLES = r"""
- name: Check everything
  dfr.golive.odoo_health:
    scope: full
    login_host: db.example
    login_user: dfr_golive
    login_password: "{{ vault_operator }}"
    database: dfr_production
    odoo_url: http://odoo.example:8069
    odoo_database: dfr_production
    odoo_login: admin
    odoo_password: "{{ vault_admin }}"
    expected_uuid: 5d1f0a52-7c1e-4f0e-9a55-000000000002
    smoke_login: smoke.enumerator
    smoke_password: "{{ vault_smoke }}"
    registration:
      model: dfr.farmer
      values: {name: Go-live probe, village: Probe}
"""

RETURN = r"""
gates:
  description: The gates with their verdicts.
  returned: when O(scope=gate)
  type: list
  elements: dict
  sample:
    - {name: app.answers, verdict: pass, detail: /web/health says pass, remedy: ''}
evidence:
  description: All findings and figures, for the journal.
  returned: when O(scope=full) or O(scope=quick)
  type: dict
  sample: {checks: 9, pages: {/web/login: {p50: 0.03, p95: 0.05, max: 0.05}}}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _checkup
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._health import Limits, Registration
from ansible_collections.dfr.golive.plugins.module_utils._odoo import ODOO_OPTIONS, OdooLogin
from ansible_collections.dfr.golive.plugins.module_utils._postgres import POSTGRES_OPTIONS, PostgresLogin

LIMITS = {
    "page_seconds": {"type": "float", "default": 3.0},
    "page_samples": {"type": "int", "default": 5},
    "api_p95_seconds": {"type": "float", "default": 0.5},
    "api_samples": {"type": "int", "default": 40},
    "api_parallel": {"type": "int", "default": 4},
    "connections_percent": {"type": "float", "default": 80.0},
    "transaction_seconds": {"type": "float", "default": 60.0},
    "lock_wait_seconds": {"type": "float", "default": 5.0},
    "wraparound_percent": {"type": "float", "default": 50.0},
}


def work(module: AnsibleModule) -> dict[str, Any]:
    p = module.params
    login, odoo = PostgresLogin.from_params(p), OdooLogin.from_params(p)
    smoke = odoo.as_user(p["smoke_login"], p["smoke_password"])
    if p["scope"] == "gate":
        gates = _checkup.gates(login, smoke, p["expected_uuid"])
        return {"changed": False, "gates": [gate.as_dict() for gate in gates]}
    if p["scope"] == "quick":
        return {"changed": False, "evidence": _checkup.quick(login, smoke, p["expected_uuid"])}
    evidence = _checkup.full(
        login,
        odoo,
        smoke,
        p["expected_uuid"],
        None if module.check_mode else Registration(**p["registration"]),
        p["registration"]["model"],
        p["pages"],
        Limits(**{name: p[name] for name in LIMITS}),
    )
    return {"changed": False, "evidence": evidence}


def main() -> None:
    registration = {
        "model": {"type": "str", "required": True},
        "code_field": {"type": "str", "default": "code"},
        "prefix": {"type": "str", "default": "GOLIVE-PROBE-"},
        "values": {"type": "dict", "default": {}},
    }
    module = AnsibleModule(
        argument_spec={
            **POSTGRES_OPTIONS,
            **ODOO_OPTIONS,
            **LIMITS,
            "scope": {"type": "str", "required": True, "choices": ["gate", "full", "quick"]},
            "expected_uuid": {"type": "str", "required": True},
            "smoke_login": {"type": "str", "required": True},
            "smoke_password": {"type": "str", "required": True, "no_log": True},
            "registration": {"type": "dict", "required": True, "options": registration},
            "pages": {"type": "list", "elements": "str", "default": ["/web/login"]},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
