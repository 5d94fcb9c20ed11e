#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of the way back to what production was."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sync_finalize
short_description: Drop what production was before the sync
version_added: "1.0.0"
description:
  - Drops C(<production>_before) and its files, which M(dfr.golive.sync_database) set aside. M(dfr.golive.sync_undo) has
    nothing to go back to any more.
  - Does nothing the second time. Refuses what another run set aside.
author:
  - the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment:
  - dfr.golive.sync
attributes:
  check_mode:
    support: full
    description: Says what it would drop, and changes nothing.
  diff_mode:
    support: none
    description: RV(dropped) says it.
"""

EXAMPLES = r"""
- name: Close the way back
  dfr.golive.sync_finalize:
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
dropped:
  description: What was dropped.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._sync import finalize
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import (
    SYNC_OPTIONS,
    SYNC_REQUIRED_IF,
    Plan,
)


def work(module: AnsibleModule) -> dict[str, Any]:
    return finalize(Plan.from_params(module.params), check_only=module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec=SYNC_OPTIONS,
        required_if=SYNC_REQUIRED_IF,
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
