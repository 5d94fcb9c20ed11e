#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: legacy_readiness
short_description: Ask whether the night may begin as far as a legacy source is concerned
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - The first full load is over, no more rows are set aside than agreed, every entity has a watermark that will prove
    that nothing was added, and Odoo takes every field of the mapping from this login.
extends_documentation_fragment:
  - dfr.golive.legacy
  - dfr.golive.legacy.connection
  - dfr.golive.odoo
  - dfr.golive.attributes.read_only
options:
  run_id:
    description: Who asks; a run that was interrupted between the fences may go on with what it began.
    type: str
    default: ''
  max_rejects:
    description: Rows that may be set aside without anybody answering for them.
    type: int
    default: 0
  exceptions:
    description: Rows that somebody answers for leaving behind, as in M(dfr.golive.legacy_load).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Ask about the old registry
  dfr.golive.legacy_readiness:
    mapping: "{{ lookup('ansible.builtin.file', 'legacy/old_registry.yml') }}"
    store: /var/lib/dfr-golive/legacy/old_registry.sqlite
    odoo_url: http://staging-odoo:8069
    odoo_database: dfr_staging
    odoo_login: admin
    odoo_password: "{{ vault_admin }}"
"""

RETURN = r"""
gates:
  description: Each question with its verdict.
  returned: success
  type: list
  elements: dict
  sample: [{name: legacy.old_registry.loaded, verdict: pass, detail: 5000 farmers, remedy: ""}]
"""

from contextlib import closing
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, run_module
from ansible_collections.dfr.golive.plugins.module_utils._gates import failed
from ansible_collections.dfr.golive.plugins.module_utils._legacy import readiness, verdict
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import OdooTarget
from ansible_collections.dfr.golive.plugins.module_utils._legacy.options import LEGACY_OPTIONS, mapping_of
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import Store
from ansible_collections.dfr.golive.plugins.module_utils._odoo import ODOO_OPTIONS, OdooLogin


def work(module: AnsibleModule) -> dict[str, Any]:
    p = module.params
    path = Path(p["store"])
    try:
        mapping = mapping_of(p)
        agreed = verdict.exceptions(p["exceptions"], mapping.name)
    except GoliveError as exc:
        gate = failed(f"legacy.{path.stem}.mapping", exc.sentence, exc.remedy)
        return {"changed": False, "gates": [gate.as_dict()]}
    if not path.exists():
        gate = failed(
            f"legacy.{mapping.name}.loaded", "The source was never loaded.", "Run playbooks/prepare.yml."
        )
        return {"changed": False, "gates": [gate.as_dict()]}
    with closing(Store.open(path)) as store:
        gates = readiness.gates(
            mapping,
            store,
            lambda: verdict.standing(
                (reject for name in mapping.entities for reject in store.rejects(name)), agreed
            ),
            lambda: OdooTarget(OdooLogin.from_params(p)),
            p["max_rejects"],
            p["run_id"],
        )
    return {"changed": False, "gates": [gate.as_dict() for gate in gates]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **LEGACY_OPTIONS,
            **ODOO_OPTIONS,
            "run_id": {"type": "str", "default": ""},
            "max_rejects": {"type": "int", "default": 0},
            "exceptions": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
