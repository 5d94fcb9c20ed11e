#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Production as it was before the sync."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sync_undo
short_description: Take production back to what it was before the sync
version_added: "1.0.0"
description:
  - Swaps the names back, lifts the fence that M(dfr.golive.sync_database) raised. The filestore that came stays as a
    seed for the next try.
  - A copy that can go on following staging is kept, so that another night needs no new seed; any other is dropped with
    everything that was made for it on both servers.
  - Safe when the sync never ran or stopped half-way; refuses a swap that another run made.
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
- name: Undo
  dfr.golive.sync_undo:
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
restart:
  description: Whether the application has to be restarted to find its own data.
  returned: success
  type: bool
copy_kept:
  description: Whether a copy follows staging again, for another night.
  returned: when data was brought
  type: bool
state:
  description: What was found or reached.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._sync import rehearse_undo, undo
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import (
    SYNC_OPTIONS,
    SYNC_REQUIRED_IF,
    Plan,
)


def work(module: AnsibleModule) -> dict[str, Any]:
    plan = Plan.from_params(module.params)
    if module.check_mode:
        return rehearse_undo(plan)
    return undo(plan)


def main() -> None:
    module = AnsibleModule(
        argument_spec=SYNC_OPTIONS,
        required_if=SYNC_REQUIRED_IF,
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
