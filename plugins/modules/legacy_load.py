#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: legacy_load
short_description: Load what is new in a legacy source into Odoo, and account for every row
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Reads the rows past the watermark, loads them through Odoo's own interface with an external id each, follows
    deletions as the mapping says, and fails unless loaded, unchanged, rejected and excluded rows add up to all rows.
  - May be killed at any moment and run again; no row is made twice.
  - With O(frozen), a run that has this behind it gets the same figures again and Odoo isn't asked, unless the source
    moved.
attributes:
  check_mode:
    description: Nothing is read or loaded in check mode.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
extends_documentation_fragment:
  - dfr.golive.legacy
  - dfr.golive.legacy.connection
  - dfr.golive.odoo
options:
  run_id:
    description: On whose behalf.
    type: str
    required: true
  workers:
    description: Requests to Odoo at the same time; as many as Odoo has workers.
    type: int
    default: 2
  read:
    description: Read the source first; without it only what already waits is loaded.
    type: bool
    default: true
  frozen:
    description:
      - Prove afterwards that nothing was added since the source was read, and compare each row that came in with the
        record in Odoo, field by field.
    type: bool
    default: false
  slice_seconds:
    description: Stop taking new rows after so many seconds and return RV(done) as false; 0 for no limit.
    type: float
    default: 0
  max_rejects:
    description: Rows that may be set aside without anybody answering for them.
    type: int
    default: 0
  exceptions:
    description: Rows that somebody answers for leaving behind.
    type: list
    elements: dict
    default: []
    suboptions:
      entity:
        description: Entity of the mapping.
        type: str
        required: true
      key:
        description: Key in the source.
        type: str
        required: true
      owner:
        description: Who answers for it.
        type: str
        required: true
      reason:
        description: Why it stays behind.
        type: str
        required: true
"""

EXAMPLES = r"""
- name: Load what came since the last time
  dfr.golive.legacy_load:
    mapping: "{{ lookup('ansible.builtin.file', 'legacy/old_registry.yml') }}"
    store: /var/lib/dfr-golive/legacy/old_registry.sqlite
    run_id: prepare
    connection: {host: 127.0.0.1, port: 3306, user: dfr_golive, password: "{{ vault_old }}", database: old_registry}
    odoo_url: http://staging-odoo:8069
    odoo_database: dfr_staging
    odoo_login: admin
    odoo_password: "{{ vault_admin }}"
"""

RETURN = r"""
done:
  description: Whether all that waited is loaded; otherwise call again with O(read=false).
  returned: success
  type: bool
entities:
  description: For each entity where its rows went, and what loading it took.
  returned: success
  type: dict
  sample: {farmers: {source: 5000, loaded: 12, unchanged: 4987, rejected: 1, excluded: 0, staged: 0, gone: 0}}
gone:
  description: For each entity, rows that left the source, and what was done about them.
  returned: when done
  type: dict
exceptions:
  description: Rejected rows that somebody answers for, those nobody does, and entries of the list that no row needs.
  returned: when done
  type: dict
compared:
  description: With O(frozen), for each entity what comparing the rows that came in brought.
  returned: when done
  type: dict
  sample: {farmers: {compared: 12, equal: 12, edited: 0, unknown: 0, newer: 0, differing: 0, missing: []}}
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load import Terms
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import OdooTarget
from ansible_collections.dfr.golive.plugins.module_utils._legacy.options import (
    LEGACY_OPTIONS,
    alone,
    login_of,
    mapping_of,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.verdict import exceptions
from ansible_collections.dfr.golive.plugins.module_utils._legacy.way import Way, ended
from ansible_collections.dfr.golive.plugins.module_utils._odoo import ODOO_OPTIONS, OdooLogin


def work(module: AnsibleModule) -> dict[str, Any]:
    p = module.params
    mapping = mapping_of(p)
    agreed = exceptions(p["exceptions"], mapping.name)
    if module.check_mode:
        return {"changed": False, "done": False, "entities": {}}
    until = time.monotonic() + p["slice_seconds"] if p["slice_seconds"] else float("inf")
    with alone(Path(p["store"])) as store:
        before = ended(mapping, login_of(p), store, p["run_id"]) if p["frozen"] else None
        if before is not None:
            return {"changed": False, **before}
        way = Way(
            mapping,
            login_of(p),
            store,
            OdooTarget(OdooLogin.from_params(p)),
            p["run_id"],
            Terms(workers=p["workers"], until=until),
            agreed,
            p["max_rejects"],
        )
        figures = way.transfer(read=p["read"], frozen=p["frozen"])
    moved = sum(found["loaded"] for found in figures["entities"].values())
    return {"changed": moved > 0, **figures}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **LEGACY_OPTIONS,
            **ODOO_OPTIONS,
            "run_id": {"type": "str", "required": True},
            "workers": {"type": "int", "default": 2},
            "read": {"type": "bool", "default": True},
            "frozen": {"type": "bool", "default": False},
            "slice_seconds": {"type": "float", "default": 0},
            "max_rejects": {"type": "int", "default": 0},
            "exceptions": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "entity": {"type": "str", "required": True},
                    "key": {"type": "str", "required": True, "no_log": False},
                    "owner": {"type": "str", "required": True},
                    "reason": {"type": "str", "required": True},
                },
            },
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
