#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_proof
short_description: Prove that every name server gives the same address
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Asks the primary, the secondaries and the resolvers again and again, with growing pauses, until all of
    them give exactly the wanted addresses in the same round.
  - Resolvers are asked only once the authoritative servers agree, so that none fetches the old address from a
    secondary that lags. A resolver that still holds the old answer is waited for.
  - How far each server has come is returned on success and on time-out alike.
extends_documentation_fragment: [dfr.golive.attributes.read_only]
requirements:
  - dnspython on the host that executes the module (Debian package python3-dnspython)
options:
  zone:
    description: The DNS zone.
    type: str
    required: true
  record:
    description: Name of the record, relative to O(zone); V(@) for the zone itself.
    type: str
    required: true
  addresses:
    description: The IPv4 addresses wanted, exactly; empty when there should be no record.
    type: list
    elements: str
    required: true
  primary:
    description: Address of the primary server; empty to leave it out.
    type: str
    default: ''
  secondaries:
    description: Addresses of the other authoritative servers.
    type: list
    elements: str
    default: []
  resolvers:
    description: Addresses of the resolvers.
    type: list
    elements: str
    default: []
  limit_seconds:
    description: How many seconds to wait at most; with V(0) everybody is asked once.
    type: int
    default: 300
  old_ttl_seconds:
    description: For how many seconds a resolver may keep the old answer; the limit is never shorter.
    type: int
    default: 0
  timeout_seconds:
    description: Seconds for each of the two tries of a question.
    type: float
    default: 2
  before:
    description: What the servers said before the change, put into the evidence.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Prove that the name points to production
  dfr.golive.dns_proof:
    zone: demo.example
    record: dfr
    addresses: [192.0.2.90]
    primary: 192.0.2.21
    secondaries: [192.0.2.22]
    resolvers: [192.0.2.53]
    limit_seconds: 300
    old_ttl_seconds: 60
"""

RETURN = r"""
progress:
  description: How far each server has come.
  returned: on success and on time-out
  type: list
  elements: dict
  sample:
    - {server: 192.0.2.53, role: resolver, answer: 192.0.2.90 (ttl 60 s), says: addresses, ttl: 60, asked: 4,
       agreed: true, seconds: 12.3}
seconds:
  description: How long it took.
  returned: on success and on time-out
  type: float
  sample: 12.3
rounds:
  description: How many rounds of questions it took.
  returned: on success and on time-out
  type: int
  sample: 9
evidence:
  description: The same for the journal, with what each server said before.
  returned: success
  type: dict
  sample: {name: dfr.demo.example., addresses: [192.0.2.90], seconds: 12.3, rounds: 9, servers: []}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._dns import Asker, absolute, prove, targets_of
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    return {
        "changed": False,
        **prove(
            name=absolute(params["record"], params["zone"]),
            wanted=[address for address in params["addresses"] if address],
            targets=targets_of(params["primary"], params["secondaries"], params["resolvers"]),
            asker=Asker(timeout=params["timeout_seconds"]),
            limit=params["limit_seconds"],
            old_ttl=params["old_ttl_seconds"],
            before=params["before"],
        ),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "zone": {"type": "str", "required": True},
            "record": {"type": "str", "required": True},
            "addresses": {"type": "list", "elements": "str", "required": True},
            "primary": {"type": "str", "default": ""},
            "secondaries": {"type": "list", "elements": "str", "default": []},
            "resolvers": {"type": "list", "elements": "str", "default": []},
            "limit_seconds": {"type": "int", "default": 300},
            "old_ttl_seconds": {"type": "int", "default": 0},
            "timeout_seconds": {"type": "float", "default": 2},
            "before": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
