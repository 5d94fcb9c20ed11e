#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: storage_readiness
short_description: Ask whether an application's files are where the inventory says
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Looks at the filestore and the configuration file of an application on its machine. Changes nothing.
  - A bad verdict doesn't fail the task; it is returned as a gate.
extends_documentation_fragment: [dfr.golive.attributes.read_only]
options:
  name:
    description: The application's key in C(golive_applications).
    type: str
    required: true
  vm:
    description: The machine's name in the inventory.
    type: str
    required: true
  filestore_path:
    description: Folder that holds one filestore per database.
    type: path
    required: true
  config_path:
    description: The application's configuration file.
    type: path
    required: true
  owner:
    description: Numeric uid:gid that the files have to have.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Look at production's files
  dfr.golive.storage_readiness:
    name: production
    vm: production
    filestore_path: /srv/dfr/odoo/data/filestore
    config_path: /srv/dfr/odoo/etc/odoo.conf
    owner: '100:101'
"""

RETURN = r"""
gates:
  description: One verdict per question.
  returned: success
  type: list
  elements: dict
  sample:
    - name: config.production
      verdict: pass
      detail: "/srv/dfr/odoo/etc/odoo.conf is there."
      remedy: ''
facts:
  description: What only makes sense beside another answer; M(dfr.golive.readiness) compares it.
  returned: success
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._ready_host import probe_storage

OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "vm": {"type": "str", "required": True},
    "filestore_path": {"type": "path", "required": True},
    "config_path": {"type": "path", "required": True},
    "owner": {"type": "str", "required": True},
}


def work(module: AnsibleModule) -> dict[str, Any]:
    return {"changed": False, **probe_storage(module.params)}


def main() -> None:
    run_module(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
