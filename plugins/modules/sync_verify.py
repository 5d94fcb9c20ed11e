#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare production with frozen staging."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sync_verify
short_description: Compare production with frozen staging, table by table
version_added: "1.0.0"
description:
  - The second, independent comparison after the swap. With O(method=dump) over every table, sequence, definition and
    file; with O(method=replication) over every row that was touched on either side since the full comparison before the
    freeze, every sequence, definition and file.
  - The only differences allowed are the parameters in O(identity_keys), which are listed.
  - A difference fails the task and names the table with rows and digests of both sides.
  - With O(reverse) and O(settle), the way back is prepared once all is proven. Now both databases hold the same rows
    and nobody can write to either; it keeps every write from the first one on.
author:
  - the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment:
  - dfr.golive.sync
  - dfr.golive.reverse
attributes:
  check_mode:
    support: full
    description: Says what it would do, and changes nothing.
  diff_mode:
    support: none
    description: Shows the names of the databases before and after.
options:
  recheck:
    description: Check only what stays true after users have written.
    type: bool
    default: false
  settle:
    description:
      - When all is well, drop the subscription, the slots and the publications that were made for the copy, and
        forget it.
      - A call after a crash in there goes on with that, and returns what was proven before.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Verify
  dfr.golive.sync_verify:
    run_id: "{{ golive_run.id }}"
    source: "{{ staging_login }}"
    target: "{{ production_login }}"
    filestore:
      path: /srv/dfr/odoo/data/filestore
      owner: "100:101"
      host: staging.example.org
    replication:
      reach:
        host: staging-db.example.org
  delegate_to: production
"""

RETURN = r"""
evidence:
  description: What was compared; the list of tables is under C(files).
  returned: success
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._reverse import REVERSE_OPTIONS, Way, prepare
from ansible_collections.dfr.golive.plugins.module_utils._sync import verify
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import (
    SYNC_OPTIONS,
    SYNC_REQUIRED_IF,
    Plan,
)


def work(module: AnsibleModule) -> dict[str, Any]:
    plan = Plan.from_params(module.params)
    settle = module.params["settle"] and not module.check_mode
    evidence = verify(plan, recheck=module.params["recheck"], settle=settle)
    changed = bool(evidence.get("settled"))
    if settle and module.params["reverse"] and not module.params["recheck"]:
        evidence["reverse"] = prepare(Way.from_params(module.params["reverse"]))
        changed = evidence["reverse"].pop("changed") or changed
    return {"changed": changed, "evidence": evidence}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **SYNC_OPTIONS,
            "recheck": {"type": "bool", "default": False},
            "settle": {"type": "bool", "default": False},
            "reverse": {"type": "dict", "options": REVERSE_OPTIONS},
        },
        required_if=SYNC_REQUIRED_IF,
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
