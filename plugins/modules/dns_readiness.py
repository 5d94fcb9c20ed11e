#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_readiness
short_description: Ask whether a name may be switched to production
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Asks the primary name server, the secondaries and the resolvers everything that has to be true before an
    address record is changed, and looks at the certificate that the new address shows for the name.
  - All questions are asked, then all verdicts are returned. A question without a usable answer is V(unknown).
  - Nothing is changed. The TSIG key is proven with a signed update that deletes an address the record hasn't
    got; a name server checks key and right, and leaves the zone and its serial as they are.
  - The resolvers are asked for the zone, never for the record, so that they don't cache the old address just
    before it changes.
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
  fqdn:
    description: The name users type; the full name of O(record), and the one the certificate has to be for.
    type: str
    required: true
  primary:
    description: Address of the zone's primary server.
    type: str
    required: true
  secondaries:
    description: Addresses of the zone's other authoritative servers.
    type: list
    elements: str
    default: []
  resolvers:
    description: Addresses of resolvers that users ask; at least one.
    type: list
    elements: str
    default: []
  old_address:
    description: The IPv4 addresses that the record has before; empty when the name doesn't exist yet.
    type: list
    elements: str
    default: []
  new_address:
    description: The IPv4 address that the record gets.
    type: str
    required: true
  new_ipv6:
    description: The one IPv6 address that the name may have; empty when it may have none.
    type: str
    default: ''
  max_ttl_seconds:
    description: How many seconds anybody may keep the old answer.
    type: int
    default: 300
  provider:
    description: The chosen way to change the record.
    type: str
    required: true
  providers:
    description: Names of the ways there are.
    type: list
    elements: str
    required: true
  signed:
    description: Whether O(provider) needs a TSIG key, which is then proven.
    type: bool
    default: true
  key_name:
    description: Name of the TSIG key.
    type: str
    default: ''
  key_algorithm:
    description: Algorithm of the TSIG key.
    type: str
    default: hmac-sha256
  key_secret:
    description: Secret of the TSIG key, base64.
    type: str
    default: ''
  certificate:
    description: Whether the certificate is looked at.
    type: bool
    default: true
  certificate_port:
    description: TCP port at O(new_address) that shows the certificate.
    type: int
    default: 443
  certificate_days:
    description: How many days the certificate has to stay valid at least.
    type: int
    default: 14
  ca_path:
    description: CA bundle to verify the certificate with; empty for the system's own.
    type: str
    default: ''
  timeout_seconds:
    description: Seconds for each of the two tries of a question.
    type: float
    default: 2
  state_dir:
    description: Folder of the before-states on this host, see M(dfr.golive.dns_keep).
    type: str
    required: true
  country:
    description: Short code of the country.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: May the name be switched?
  dfr.golive.dns_readiness:
    zone: demo.example
    record: dfr
    fqdn: dfr.demo.example
    primary: 192.0.2.21
    secondaries: [192.0.2.22]
    resolvers: [192.0.2.53]
    old_address: 192.0.2.80
    new_address: 192.0.2.90
    provider: nsupdate
    providers: [manual, nsupdate]
    key_name: dfr-golive.
    key_secret: "{{ secret_dns_key }}"
    state_dir: /var/lib/dfr-golive
    country: demo
  register: readiness
"""

RETURN = r"""
gates:
  description: One verdict per question.
  returned: always
  type: list
  elements: dict
  sample:
    - name: dns.key
      verdict: pass
      detail: "The key dfr-golive. may change dfr.demo.example.: a signed update of nothing was taken."
      remedy: ''
record:
  description: The record as an undo has to restore it; empty when it isn't known.
  returned: always
  type: dict
  sample: {name: dfr.demo.example., zone: demo.example, type: A, values: [192.0.2.80], ttl: 60, source: zone}
switched:
  description: Whether the record has the new address already; false when that isn't known.
  returned: always
  type: bool
  sample: false
servers:
  description: What each server says about the record now.
  returned: always
  type: list
  elements: dict
  sample:
    - {server: 192.0.2.21, role: primary, answer: 192.0.2.80 (ttl 60 s)}
serial:
  description: Serial of the zone on the primary, or null.
  returned: always
  type: int
  sample: 2026010101
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._dns import Asker, Key
from ansible_collections.dfr.golive.plugins.module_utils._dns_readiness import Examiner, Plan
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._kept import kept_path, recall


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    plan = Plan(
        zone=params["zone"],
        record=params["record"],
        fqdn=params["fqdn"],
        primary=params["primary"],
        secondaries=tuple(params["secondaries"]),
        resolvers=tuple(params["resolvers"]),
        old=tuple(address for address in params["old_address"] if address),
        new=params["new_address"],
        new_ipv6=params["new_ipv6"],
        max_ttl=params["max_ttl_seconds"],
        provider=params["provider"],
        providers=tuple(params["providers"]),
        key=Key(params["key_name"], params["key_algorithm"], params["key_secret"]),
        signed=params["signed"],
        port=params["certificate_port"],
        ca_path=params["ca_path"],
        certificate_days=params["certificate_days"],
        kept=recall(kept_path(params["state_dir"], params["country"], "dns")),
        with_certificate=params["certificate"],
    )
    seen = Examiner(plan, Asker(timeout=params["timeout_seconds"])).examine()
    return {
        "changed": False,
        "gates": [gate.as_dict() for gate in seen.gates],
        "record": seen.record,
        "switched": seen.switched,
        "servers": list(seen.servers),
        "serial": seen.serial,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "zone": {"type": "str", "required": True},
            "record": {"type": "str", "required": True},
            "fqdn": {"type": "str", "required": True},
            "primary": {"type": "str", "required": True},
            "secondaries": {"type": "list", "elements": "str", "default": []},
            "resolvers": {"type": "list", "elements": "str", "default": []},
            "old_address": {"type": "list", "elements": "str", "default": []},
            "new_address": {"type": "str", "required": True},
            "new_ipv6": {"type": "str", "default": ""},
            "max_ttl_seconds": {"type": "int", "default": 300},
            "provider": {"type": "str", "required": True},
            "providers": {"type": "list", "elements": "str", "required": True},
            "signed": {"type": "bool", "default": True},
            "key_name": {"type": "str", "default": "", "no_log": False},
            "key_algorithm": {"type": "str", "default": "hmac-sha256", "no_log": False},
            "key_secret": {"type": "str", "default": "", "no_log": True},
            "certificate": {"type": "bool", "default": True},
            "certificate_port": {"type": "int", "default": 443},
            "certificate_days": {"type": "int", "default": 14},
            "ca_path": {"type": "str", "default": ""},
            "timeout_seconds": {"type": "float", "default": 2},
            "state_dir": {"type": "str", "required": True},
            "country": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
