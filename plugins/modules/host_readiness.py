#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_readiness
short_description: Ask whether a machine is ready for a go-live
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Looks at rights, system, Python, libraries, programs and the clock of the host it runs on.
    Changes nothing.
  - A bad verdict doesn't fail the task; it is returned as a gate.
extends_documentation_fragment: [dfr.golive.attributes.read_only]
attributes:
  action:
    description: Runs partly on the controller, which reads its own clock before and after.
    support: full
options:
  name:
    description: The host's name in the inventory.
    type: str
    required: true
  groups:
    description: The inventory groups the host is in.
    type: list
    elements: str
    required: true
  libraries:
    description: Group -> Python libraries its hosts need.
    type: dict
    default: {}
  programs:
    description: Group -> programs its hosts need.
    type: dict
    default: {}
  systems:
    description: Distribution (the C(ID) of C(/etc/os-release)) -> oldest supported version.
    type: dict
    required: true
  python:
    description: Oldest supported version of Python.
    type: str
    default: "3.11"
"""

EXAMPLES = r"""
- name: Ask a machine what it has
  dfr.golive.host_readiness:
    name: production
    groups: [dfr_production]
    libraries: {dfr_production: [psycopg]}
    programs: {dfr_production: [pg_dump, rsync]}
    systems: {debian: '12'}
  register: host
"""

RETURN = r"""
gates:
  description: One verdict per question.
  returned: success
  type: list
  elements: dict
  sample:
    - name: libraries.production
      verdict: pass
      detail: "psycopg needed, none missing."
      remedy: ''
facts:
  description:
    - What only makes sense beside another answer; M(dfr.golive.readiness) compares it.
    - C(clock_offset) says how far the host's clock is from the controller's, C(clock_error) how far that may be
      off, in seconds.
  returned: success
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._ready_host import probe_host

OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "groups": {"type": "list", "elements": "str", "required": True},
    "libraries": {"type": "dict", "default": {}},
    "programs": {"type": "dict", "default": {}},
    "systems": {"type": "dict", "required": True},
    "python": {"type": "str", "default": "3.11"},
}


def work(module: AnsibleModule) -> dict[str, Any]:
    return {"changed": False, **probe_host(module.params)}


def main() -> None:
    run_module(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
