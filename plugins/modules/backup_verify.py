#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prove that a backup restores."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_verify
short_description: Prove that a backup restores
version_added: "1.0.0"
description:
  - Compares the checksum of every part with the manifest, restores the dump into a scratch database of the
    same cluster, compares every table's rows and digest with the manifest, and reads the whole archive of
    files.
  - The scratch database is dropped whatever happens.
  - A backup of another database, a truncated or changed part fail the task.
author:
  - the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment:
  - dfr.golive.backup
attributes:
  check_mode:
    support: full
    description: Says what it would do, and changes nothing.
  diff_mode:
    support: none
    description: Has no difference to show.
options:
  path:
    description: Which set; the newest of O(run_id) when empty.
    type: path
    default: ''
  depth:
    description:
      - How far to look. V(sizes), that every part is there at its size; V(contents), that it has its checksum
        too; V(restored), all of it, with the restore.
    type: str
    choices: [sizes, contents, restored]
    default: restored
"""

EXAMPLES = r"""
- name: Prove the backup
  dfr.golive.backup_verify:
    run_id: "{{ golive_run.id }}"
    database: "{{ production_login }}"
    filestore_path: /srv/dfr/odoo/data/filestore
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
from ansible_collections.dfr.golive.plugins.module_utils._backup import BACKUP_OPTIONS, BackupPlan
from ansible_collections.dfr.golive.plugins.module_utils._backup_proof import DEPTHS, verify
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module


def work(module: AnsibleModule) -> dict[str, Any]:
    plan = BackupPlan.from_params(module.params)
    evidence = verify(plan, path=module.params["path"], depth=module.params["depth"])
    return {"changed": False, "evidence": evidence}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **BACKUP_OPTIONS,
            "path": {"type": "path", "default": ""},
            "depth": {"type": "str", "choices": list(DEPTHS), "default": DEPTHS[-1]},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
