#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_door
short_description: Open or close the public's door at a reverse proxy
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Writes the small file that the proxy includes, has the proxy read it, and waits until the public sees it.
  - A door that does not open is put back as it was; one that does not close keeps the closed content.
attributes:
  check_mode:
    description: Says whether anything would change and changes nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  state:
    description: What the public is to get - the application, or the maintenance page with status 503.
    type: str
    required: true
    choices: [open, closed]
  path:
    description: Path of the file on this host; it must exist.
    type: path
    required: true
  content:
    description: What the file holds in O(state).
    type: str
    required: true
  runtime:
    description: How the proxy runs on this host.
    type: str
    required: true
    choices: [docker, podman, systemd]
  unit:
    description: Its container or unit.
    type: str
    required: true
  fqdn:
    description: The name users type; the certificate must be its own.
    type: str
    required: true
  address:
    description: Where the proxy listens.
    type: str
    required: true
  port:
    description: TCP port of the proxy.
    type: int
    default: 443
  ca_path:
    description: CA bundle on this host; the system's store when empty.
    type: path
  check_path:
    description: A page that only the open door shows.
    type: str
    default: /web/login
  limit_seconds:
    description: How long to wait for the public to see it, in seconds.
    type: float
    default: 20
"""

EXAMPLES = r"""
- name: Open the door
  dfr.golive.proxy_door:
    state: open
    path: /srv/dfr/proxy/door.conf
    content: set $dfr_door open;
    runtime: docker
    unit: proxy
    fqdn: dfr.example
    address: 192.0.2.40
"""

RETURN = r"""
door:
  description: Where the door is now.
  returned: success
  type: str
  sample: open
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _door
from ansible_collections.dfr.golive.plugins.module_utils._access import Way
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module


def work(module: AnsibleModule) -> dict[str, Any]:
    p = module.params
    way = Way(p["fqdn"], p["address"], (), p["port"], p["ca_path"] or None)
    changed = _door.move(
        way.door(p["check_path"]),
        _door.Position(p["state"]),
        path=p["path"],
        content=p["content"],
        runtime=p["runtime"],
        unit=p["unit"],
        limit=p["limit_seconds"],
        check_only=module.check_mode,
    )
    return {"changed": changed, "door": p["state"]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "required": True, "choices": ["open", "closed"]},
            "path": {"type": "path", "required": True},
            "content": {"type": "str", "required": True},
            "runtime": {"type": "str", "required": True, "choices": ["docker", "podman", "systemd"]},
            "unit": {"type": "str", "required": True},
            "fqdn": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "port": {"type": "int", "default": 443},
            "ca_path": {"type": "path"},
            "check_path": {"type": "str", "default": "/web/login"},
            "limit_seconds": {"type": "float", "default": 20},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
