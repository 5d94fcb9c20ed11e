#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring the filestore ahead of the freeze."""

from __future__ import annotations

DOCUMENTATION = r"""
module: filestore_seed
short_description: Bring staging's files ahead of the freeze
version_added: "1.0.0"
description:
  - Brings the files of staging's attachments into C(<production>.incoming) and proves each by its name, so
    that in the freeze window only new ones have to come.
  - Does nothing once production has been swapped. May be repeated at any time.
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
"""

EXAMPLES = r"""
- name: Seed the filestore
  dfr.golive.filestore_seed:
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
filestore:
  description: Files, bytes, and how many were read now, missing or corrupt.
  returned: success
  type: dict
brought:
  description: Files that came in this call.
  returned: success
  type: int
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._sync import seed_files
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import (
    SYNC_OPTIONS,
    SYNC_REQUIRED_IF,
    Plan,
)


def work(module: AnsibleModule) -> dict[str, Any]:
    return seed_files(Plan.from_params(module.params), check=module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec=SYNC_OPTIONS,
        required_if=SYNC_REQUIRED_IF,
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
