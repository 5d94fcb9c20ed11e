#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: door_readiness
short_description: Ask whether production is closed to the public
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Asks production's proxy for the application under the final name, and expects the maintenance page (503).
    Changes nothing.
  - A bad verdict doesn't fail the task; it is returned as a gate.
extends_documentation_fragment: [dfr.golive.attributes.read_only]
options:
  fqdn:
    description: The name users type.
    type: str
    required: true
  address:
    description: Address of production's proxy.
    type: str
    required: true
  port:
    description: TLS port of production's proxy.
    type: int
    default: 443
  ca_path:
    description: CA bundle to verify certificates with; the system's store when empty.
    type: str
    default: ''
  timeout:
    description: Limit for one answer, in seconds.
    type: float
    default: 10
"""

EXAMPLES = r"""
- name: Knock at the door
  dfr.golive.door_readiness:
    fqdn: dfr.example
    address: 192.0.2.40
"""

RETURN = r"""
gates:
  description: One verdict per question.
  returned: success
  type: list
  elements: dict
  sample:
    - name: door.production
      verdict: pass
      detail: "dfr.example at 192.0.2.40:443 answers 503, the maintenance page."
      remedy: ''
facts:
  description: What only makes sense beside another answer; M(dfr.golive.readiness) compares it.
  returned: success
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._ready_service import probe_door

OPTIONS: dict[str, Any] = {
    "fqdn": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "default": 443},
    "ca_path": {"type": "str", "default": ""},
    "timeout": {"type": "float", "default": 10},
}


def work(module: AnsibleModule) -> dict[str, Any]:
    return {"changed": False, **probe_door(module.params)}


def main() -> None:
    run_module(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
