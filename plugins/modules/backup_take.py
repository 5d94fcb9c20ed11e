#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take one consistent set of database and filestore."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_take
short_description: Take one consistent set of database and filestore
version_added: "1.0.0"
description:
  - One exported snapshot is what the dump and the digests of all tables see; the files are packed while it
    is open, and each is checked against its name.
  - The set gets its final name when it is whole, flushed and listed. A half one is removed, also what a
    crash left.
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
- name: Take the backup
  dfr.golive.backup_take:
    run_id: "{{ golive_run.id }}"
    database: "{{ production_login }}"
    filestore_path: /srv/dfr/odoo/data/filestore
  delegate_to: production
"""

RETURN = r"""
path:
  description: The directory of the set.
  returned: when a set was taken
  type: str
rows:
  description: Rows in all tables.
  returned: when a set was taken
  type: int
tables:
  description: Number of tables.
  returned: when a set was taken
  type: int
files:
  description: Number of files of the filestore.
  returned: when a set was taken
  type: int
bytes:
  description: Size of the set.
  returned: when a set was taken
  type: int
seconds:
  description: Measured seconds by step.
  returned: when a set was taken
  type: dict
"""

import datetime as dt
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._backup import BACKUP_OPTIONS, BackupPlan, take
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module


def work(module: AnsibleModule) -> dict[str, Any]:
    plan = BackupPlan.from_params(module.params)
    if module.check_mode:
        return {"changed": True}
    return take(plan, now=dt.datetime.now(dt.UTC))


def main() -> None:
    module = AnsibleModule(
        argument_spec=BACKUP_OPTIONS,
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
