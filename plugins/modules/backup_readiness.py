#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gates before the backup."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_readiness
short_description: Ask whether a backup can be taken
version_added: "1.0.0"
description:
  - Checks the database's identity, the target directory, disk, tools and rights.
  - Reads only. Never fails for a bad verdict; a question without an answer has the verdict V(unknown).
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
"""

EXAMPLES = r"""
- name: Ask
  dfr.golive.backup_readiness:
    run_id: "{{ golive_run.id }}"
    database: "{{ production_login }}"
    filestore_path: /srv/dfr/odoo/data/filestore
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
from ansible_collections.dfr.golive.plugins.module_utils._backup import BACKUP_OPTIONS, BackupPlan
from ansible_collections.dfr.golive.plugins.module_utils._backup_gates import readiness
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module


def work(module: AnsibleModule) -> dict[str, Any]:
    gates = readiness(BackupPlan.from_params(module.params))
    return {"changed": False, "gates": [gate.as_dict() for gate in gates]}


def main() -> None:
    module = AnsibleModule(
        argument_spec=BACKUP_OPTIONS,
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
