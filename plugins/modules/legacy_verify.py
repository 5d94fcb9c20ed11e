#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: legacy_verify
short_description: Compare a legacy source with the registry it was loaded into
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Reads the source anew and compares, field by field, every record or one in so many; sums and groups beside it.
  - Fails when a record is missing or differs. Records that people changed since, and rows that were never loaded, are
    counted and not compared.
extends_documentation_fragment:
  - dfr.golive.legacy
  - dfr.golive.legacy.connection
  - dfr.golive.odoo
  - dfr.golive.attributes.read_only
options:
  sample:
    description: Compare one record in so many, chosen by key; 1 compares all.
    type: int
    default: 1
"""

EXAMPLES = r"""
- name: One record in ten, field by field
  dfr.golive.legacy_verify:
    sample: 10
    mapping: "{{ lookup('ansible.builtin.file', 'legacy/old_registry.yml') }}"
    store: /var/lib/dfr-golive/legacy/old_registry.sqlite
    connection: {host: 127.0.0.1, port: 3306, user: dfr_golive, password: "{{ vault_old }}", database: old_registry}
    odoo_url: http://staging-odoo:8069
    odoo_database: dfr_staging
    odoo_login: admin
    odoo_password: "{{ vault_admin }}"
"""

RETURN = r"""
entities:
  description: For each entity how many records were compared and what differed; sums and groups as (source, registry).
  returned: always
  type: dict
  sample: {farmers: {compared: 500, equal: 500, edited: 2, missing: [], groups: {gender: {male: [260, 260]}}}}
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, run_module
from ansible_collections.dfr.golive.plugins.module_utils._legacy import verdict
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import OdooTarget
from ansible_collections.dfr.golive.plugins.module_utils._legacy.options import (
    LEGACY_OPTIONS,
    alone,
    login_of,
    mapping_of,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.way import Way
from ansible_collections.dfr.golive.plugins.module_utils._odoo import ODOO_OPTIONS, OdooLogin


def work(module: AnsibleModule) -> dict[str, Any]:
    p = module.params
    mapping = mapping_of(p)
    with alone(Path(p["store"])) as store:
        way = Way(mapping, login_of(p), store, OdooTarget(OdooLogin.from_params(p)), "reconcile")
        found = way.reconcile(every=p["sample"])
    entities = {name: asdict(one) for name, one in found.items()}
    try:
        verdict.agree(mapping.name, found)
    except GoliveError as exc:
        exc.returned = {"entities": entities}
        raise
    return {"changed": False, "entities": entities}


def main() -> None:
    module = AnsibleModule(
        argument_spec={**LEGACY_OPTIONS, **ODOO_OPTIONS, "sample": {"type": "int", "default": 1}},
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
