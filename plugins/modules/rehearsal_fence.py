#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rehearsal_fence
short_description: Fence a host of a rehearsal off from what is live, and prove it
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Has the host's kernel refuse every address of the live country (routes of the type C(prohibit)), then tries to
    connect to each. Only the kernel's own refusal counts; a time-out, a closed port or an answer fails the task.
  - The rehearsal's containers on this host have to hang on networks only that the engine calls internal.
  - Needs C(ip) of iproute2, root, and C(docker) where there are O(units).
options:
  targets:
    description: The live country's addresses, as M(dfr.golive.check_inventory) returns them in a rehearsal.
    type: list
    elements: dict
    required: true
    suboptions:
      address:
        description: An IP address, or a name that this host may resolve.
        type: str
        required: true
      port:
        description: A port that would answer.
        type: int
        required: true
      variable:
        description: Where the live inventory names it.
        type: str
        required: true
  units:
    description: Containers of the rehearsal on this host.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Raises nothing and fails for nothing; the gates say what can be reached now.
    support: full
  diff_mode:
    description: What is fenced off is in O(targets).
    support: none
seealso:
  - module: dfr.golive.check_inventory
"""

EXAMPLES = r"""
- name: Put what is live out of reach
  dfr.golive.rehearsal_fence:
    targets: "{{ rehearse_apart.live }}"
    units: [trial-production-odoo, trial-production-proxy]
"""

RETURN = r"""
gates:
  description: What was proven.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "isolation.network", "verdict": "pass", "detail": "…", "remedy": ""}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _isolation
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module


def work(module: AnsibleModule) -> dict[str, Any]:
    targets = [_isolation.Target(**raw) for raw in module.params["targets"]]
    changed, gates = _isolation.isolate(targets, module.params["units"], module.check_mode)
    return {"changed": changed, "gates": [gate.as_dict() for gate in gates]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "targets": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "address": {"type": "str", "required": True},
                    "port": {"type": "int", "required": True},
                    "variable": {"type": "str", "required": True},
                },
            },
            "units": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
