#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring staging's database and filestore into production."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sync_database
short_description: Bring staging's database and filestore into production
version_added: "1.0.0"
description:
  - Brings the frozen staging database into C(<production>_incoming) beside production and its files into
    C(<production>.incoming), both at the same time, with production fenced meanwhile.
  - With O(method=replication) the copy is there already, see M(dfr.golive.sync_seed); what is still under way is
    drained, and every row that was touched since the last proof is compared key by key. With O(method=dump) everything
    is copied, and every table compared by row count and a 128-bit digest computed inside each database.
  - Proves every file by its name, gives the copy production's own identity, then swaps the names in one transaction.
    Production before it stays as C(<production>_before).
  - A call after a crash at any instant finishes what the earlier one began.
author:
  - the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment:
  - dfr.golive.sync
attributes:
  check_mode:
    support: full
    description: Says what it would do, and changes nothing.
  diff_mode:
    support: full
    description: Shows the names of the databases before and after.
"""

EXAMPLES = r"""
- name: Sync
  dfr.golive.sync_database:
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
state:
  description: What was found or reached.
  returned: success
  type: str
rows:
  description: Rows in all compared tables.
  returned: when data was brought
  type: int
tables:
  description: Number of compared tables.
  returned: when data was brought
  type: int
drain:
  description: The log position that was reached, what was waited for, seconds.
  returned: O(method=replication)
  type: dict
proof:
  description: Tables and rows that were compared on both sides.
  returned: O(method=replication)
  type: dict
raised:
  description: Sequences that were lifted above an existing key.
  returned: when data was brought
  type: list
  elements: str
files_brought:
  description: Files that came in this call.
  returned: when data was brought
  type: int
privileges:
  description:
    - How many privileges of production's other roles were granted in what takes its name (C(granted)), and what
      production has and staging hasn't, so that nobody could be let at it (C(without)).
  returned: when data was brought
  type: dict
identity:
  description: Parameters that took production's own values; only their names.
  returned: when data was brought
  type: list
  elements: str
warnings_of_tools:
  description: What pg_dump and pg_restore warned of.
  returned: when data was brought
  type: list
  elements: str
seconds:
  description: Measured seconds by step.
  returned: success
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._sync import rehearse, synchronise
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import (
    SYNC_OPTIONS,
    SYNC_REQUIRED_IF,
    Plan,
)


def work(module: AnsibleModule) -> dict[str, Any]:
    plan = Plan.from_params(module.params)
    if module.check_mode:
        return rehearse(plan)
    return synchronise(plan)


def main() -> None:
    module = AnsibleModule(
        argument_spec=SYNC_OPTIONS,
        required_if=SYNC_REQUIRED_IF,
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
