#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gates before the data moves."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sync_readiness
short_description: Ask whether staging's data may move into production
version_added: "1.0.0"
description:
  - Checks both databases' identity, staging's fence, free names, rights, versions, locale, extensions,
    tables, filestore and disk; with O(reverse) also whether the way back can be prepared.
  - Reads only. Never fails for a bad verdict; a question without an answer has the verdict V(unknown).
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
  expect_fence:
    description: Whether staging must be frozen already.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Ask
  dfr.golive.sync_readiness:
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
gates:
  description: One entry for each question.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Which question.
      type: str
    verdict:
      description: V(pass), V(fail), V(unknown) or V(waived).
      type: str
    detail:
      description: What was seen.
      type: str
    remedy:
      description: What to do when it isn't a pass.
      type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._reverse import REVERSE_OPTIONS, Way, preparable
from ansible_collections.dfr.golive.plugins.module_utils._sync_gates import readiness
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import (
    SYNC_OPTIONS,
    SYNC_REQUIRED_IF,
    Plan,
)


def work(module: AnsibleModule) -> dict[str, Any]:
    plan = Plan.from_params(module.params)
    gates = readiness(plan, fenced=module.params["expect_fence"])
    if module.params["reverse"]:
        gates += preparable(Way.from_params(module.params["reverse"]), empty=plan.method == "none")
    return {"changed": False, "gates": [gate.as_dict() for gate in gates]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **SYNC_OPTIONS,
            "expect_fence": {"type": "bool", "default": True},
            "reverse": {"type": "dict", "options": REVERSE_OPTIONS},
        },
        required_if=SYNC_REQUIRED_IF,
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
