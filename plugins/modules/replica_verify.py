#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare a drained copy with its frozen source."""

from __future__ import annotations

DOCUMENTATION = r"""
module: replica_verify
short_description: Compare a drained copy with its frozen source
version_added: "1.0.0"
description:
  - Compares every row that was touched on either side since the proof, key by key, or with O(full) every
    row there is; then the sequences. Fails when anything differs, and names it.
  - Changes nothing in either database; the keys it read from the write-ahead log are remembered in the
    maintenance database of the target.
author:
  - the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment:
  - dfr.golive.replica
attributes:
  check_mode:
    support: full
    description: The comparison itself is made in check mode too.
  diff_mode:
    support: none
    description: There is nothing to show.
options:
  full:
    description: Compare every row instead of those touched since the proof.
    type: bool
    default: false
  settle:
    description:
      - Afterwards drop subscription, slots and publications; the copy then stands alone. Not in check mode.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Compare everything once more
  dfr.golive.replica_verify:
    name: registry
    source: "{{ source_login }}"
    target: "{{ target_login }}"
    owner: odoo
    reach:
      host: source.example.org
    full: true
"""

RETURN = r"""
proof:
  description: Rows and tables compared.
  returned: success
  type: dict
dropped:
  description: What was dropped.
  returned: O(settle=true)
  type: list
  elements: str
differences:
  description: Each row that differs with its key, columns and the digests of both values; never a value.
  returned: when rows differ
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._delta import verify
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._leftovers import clear
from ansible_collections.dfr.golive.plugins.module_utils._replication import (
    REPLICA_OPTIONS,
    Pair,
)


def work(module: AnsibleModule) -> dict[str, Any]:
    pair = Pair.from_params(module.params)
    proof = verify(pair, full=module.params["full"])
    if not module.params["settle"] or module.check_mode:
        return {"changed": False, "proof": proof}
    return {**clear(pair), "proof": proof}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **REPLICA_OPTIONS,
            "full": {"type": "bool", "default": False},
            "settle": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
