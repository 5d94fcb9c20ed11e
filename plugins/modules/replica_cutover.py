#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fence a database, drain the rest into its copy and prove it equal."""

from __future__ import annotations

DOCUMENTATION = r"""
module: replica_cutover
short_description: Fence a database, drain the rest into its copy and prove it equal
version_added: "1.0.0"
description:
  - Waits until the copy has applied what its source has written until now, and reads the log of what was
    touched, so that only the last moments are left; where that can't be done nobody is shut out.
  - Then shuts everybody but the operator out of the source, ends their sessions, waits until the copy has
    applied the source's frozen position, sets sequences, refreshes materialized views and compares every
    row that was touched since the proof.
  - Where it fails it lifts the fence that it raised; the source's users go on and the copy goes on
    following. When all is well the fence stays up.
author:
  - the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment:
  - dfr.golive.replica
attributes:
  check_mode:
    support: full
    description: Says what it would do, and changes nothing.
  diff_mode:
    support: none
    description: There is nothing to show.
options:
  state:
    description: V(absent) lifts the fence, so that the source is written to again; nothing else is done.
    type: str
    choices: [present, absent]
    default: present
  app_role:
    description: The role that writes to the source; it is fenced out, like everybody but the operator.
    type: str
    required: true
  exempt_roles:
    description: Roles the fence leaves alone, such as superusers that people answer for.
    type: list
    elements: str
    default: [postgres]
  drain_seconds:
    description: Limit for the copy to apply all that was written, before the fence and again behind it, in seconds.
    type: int
    default: 60
  full:
    description: Compare every row instead of those touched since the proof.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Cut over
  dfr.golive.replica_cutover:
    name: registry
    source: "{{ source_login }}"
    target: "{{ target_login }}"
    owner: odoo
    reach:
      host: source.example.org
    app_role: odoo
"""

RETURN = r"""
fence:
  description: Roles barred, sessions ended, seconds.
  returned: O(state=present), when not in check mode
  type: dict
drain:
  description: Position reached, definitions and sequences compared, seconds.
  returned: O(state=present), when not in check mode
  type: dict
proof:
  description: Rows and tables compared.
  returned: O(state=present), when not in check mode
  type: dict
seconds:
  description: Measured seconds of coming close, fence and drain, from fence to verified, and in all.
  returned: O(state=present), when not in check mode
  type: dict
differences:
  description: Each row that differs with its key, columns and the digests of both values; never a value.
  returned: when rows differ
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._cutover import Writers, cutover, reopen
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._replication import REPLICA_OPTIONS, Pair, demand


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    pair = Pair.from_params(params)
    if params["state"] == "absent":
        return {"changed": reopen(pair, check=module.check_mode)}
    if module.check_mode:
        demand(pair, "following" if params["full"] else "proven")
        return {"changed": True}
    writers = Writers(params["app_role"], exempt_roles=params["exempt_roles"])
    return cutover(pair, writers, full=params["full"], drain_seconds=params["drain_seconds"])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **REPLICA_OPTIONS,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "app_role": {"type": "str", "required": True},
            "exempt_roles": {"type": "list", "elements": "str", "default": ["postgres"]},
            "drain_seconds": {"type": "int", "default": 60},
            "full": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
