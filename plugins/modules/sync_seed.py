#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy of staging beside production that follows it until the night."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sync_seed
short_description: Make the copy that follows staging until the go-live
version_added: "1.0.0"
description:
  - Makes C(<production>_incoming) beside production, days before the freeze, through one snapshot and with the indexes
    after the rows; lets it follow staging by logical replication, and compares both sides in full.
  - Repeat it at will. It goes on where an earlier call stopped; of a copy that follows it proves what was touched since
    the last time, and lets the servers forget the log of it.
  - A copy that is of no use any more (definitions changed in staging, log was lost, no subscription) is dropped
    and made anew, and RV(ignore:why_again) says why.
  - Nothing to do once production is swapped, or with another O(method) than V(replication).
author:
  - the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment:
  - dfr.golive.sync
attributes:
  check_mode:
    support: full
    description: Says what it would do, and changes nothing.
  diff_mode:
    support: none
    description: Shows the names of the databases before and after.
options:
  again:
    description: Drop a copy that is there, and make a new one.
    type: bool
    default: false
  make:
    description: >-
      Make a copy where none is of use. With V(false) only what was touched since the last time is proven, and the
      call fails when there is no proven copy: on the night, right before the freeze.
    type: bool
    default: true
  show_seconds:
    description:
      - Show the progress (step, rows, bytes, time left) at most every so many seconds, while the copy is made in the
        background; a controller that goes away ends nothing. V(0) waits in silence.
    type: float
    default: 5
"""

EXAMPLES = r"""
- name: Seed
  dfr.golive.sync_seed:
    run_id: prepare
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
stage:
  description: How far the copy is, V(proven) when all is well; V(swapped) when there is nothing to do.
  returned: success
  type: str
why_again:
  description: Why an earlier copy was dropped; empty when none was.
  returned: O(method=replication)
  type: str
seconds:
  description: Measured seconds of each step of the copying; empty when the copy was there.
  returned: O(method=replication)
  type: dict
evidence:
  description: >-
    Tables, rows, tables without a key, replica identities that were set; C(brought_again) names the tables that the
    target's server brought itself after an earlier call was cut short.
  returned: when the copy was made or is there
  type: dict
proof:
  description: Tables and rows compared.
  returned: when the copy was made or is there
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, run_module
from ansible_collections.dfr.golive.plugins.module_utils._subscription import status
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import (
    SYNC_OPTIONS,
    SYNC_REQUIRED_IF,
    Plan,
)
from ansible_collections.dfr.golive.plugins.module_utils._sync_replication import seed


def work(module: AnsibleModule) -> dict[str, Any]:
    if module.params["again"] and not module.params["make"]:
        raise GoliveError(
            "again asks for a new copy, and make forbids to make one.",
            remedy="Leave one of them out; a new copy is made days before the night, by playbooks/prepare.yml.",
        )
    plan = Plan.from_params(module.params)
    if plan.method != "replication":
        return {"changed": False, "stage": "none"}
    if module.check_mode:
        stage = status(plan.pair())["stage"]
        return {"changed": module.params["make"] and stage != "proven", "stage": stage}
    done = seed(plan, again=module.params["again"], make=module.params["make"])
    # One line for each table: for the journal on the night, not for the terminal.
    done.get("evidence", {}).pop("tables", None)
    return done


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **SYNC_OPTIONS,
            "again": {"type": "bool", "default": False},
            "make": {"type": "bool", "default": True},
            "show_seconds": {"type": "float", "default": 5},
        },
        required_if=SYNC_REQUIRED_IF,
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
