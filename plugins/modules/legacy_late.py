#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: legacy_late
short_description: Replay late arrivals and corrected rows out of a quarantine, each file once
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Takes every file of a folder through the mapping of its source, oldest first, then moves it to the folder C(done).
  - The same file is never replayed twice, and a row that is in Odoo already is not made again.
  - Corrected rejects come back the same way, in the form in which they were exported.
attributes:
  check_mode:
    description: Only says what waits in check mode.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
extends_documentation_fragment:
  - dfr.golive.legacy
  - dfr.golive.legacy.connection
  - dfr.golive.odoo
options:
  folder:
    description: The quarantine, a folder on the managed host. Files whose name begins with a dot are left alone.
    type: path
    required: true
  run_id:
    description: On whose behalf.
    type: str
    required: true
  workers:
    description: Requests to Odoo at the same time.
    type: int
    default: 2
"""

EXAMPLES = r"""
- name: Replay what the tablets sent after the switch
  dfr.golive.legacy_late:
    folder: /var/lib/dfr-golive/legacy/old_registry.quarantine
    mapping: "{{ lookup('ansible.builtin.file', 'legacy/old_registry.yml') }}"
    store: /var/lib/dfr-golive/legacy/old_registry.sqlite
    run_id: late-2026-11-22
    odoo_url: http://production-odoo:8069
    odoo_database: dfr_production
    odoo_login: admin
    odoo_password: "{{ vault_admin }}"
"""

RETURN = r"""
waiting:
  description: Names of the files that wait, in check mode.
  returned: in check mode
  type: list
  elements: str
files:
  description: For each file whether it was replayed, or by which run it had been, and where its rows went.
  returned: success
  type: list
  elements: dict
  sample: [{file: farmers-tablet-7.csv, replayed: true, entities: {farmers: {loaded: 12, rejected: 1}}}]
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load import Terms
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import OdooTarget
from ansible_collections.dfr.golive.plugins.module_utils._legacy.options import (
    LEGACY_OPTIONS,
    alone,
    mapping_of,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.way import Way, replay, waiting
from ansible_collections.dfr.golive.plugins.module_utils._odoo import ODOO_OPTIONS, OdooLogin


def work(module: AnsibleModule) -> dict[str, Any]:
    p = module.params
    mapping = mapping_of(p)
    folder = Path(p["folder"])
    names = [path.name for path in waiting(folder)]
    if module.check_mode or not names:
        return {"changed": bool(names), "waiting": names, "files": []}
    with alone(Path(p["store"])) as store:
        target = OdooTarget(OdooLogin.from_params(p))
        files = replay(Way(mapping, {}, store, target, p["run_id"], Terms(workers=p["workers"])), folder)
    return {"changed": True, "waiting": [], "files": files}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **LEGACY_OPTIONS,
            **ODOO_OPTIONS,
            "folder": {"type": "path", "required": True},
            "run_id": {"type": "str", "required": True},
            "workers": {"type": "int", "default": 2},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
