#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: freeze_readiness
short_description: Ask whether a source may be frozen
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Rehearses the fence. For PostgreSQL it is raised and lifted in a transaction that is rolled back; for MariaDB, which
    can't do that, the operator's own grants are held against everything that would have to be revoked.
  - Looks for what a fence would not stop, such as prepared transactions, subscriptions, replication, proxies and code
    that runs as a spared account, and for a fence of another run.
  - Lets the canary sing. Whoever registers must be able to write now, otherwise a refusal later would prove nothing.
  - Nothing is changed. A question without a usable answer is V(unknown).
extends_documentation_fragment:
  - dfr.golive.freeze_source
  - dfr.golive.attributes.read_only
options:
  taken:
    description: Names that other sources have; O(name) must not be one of them.
    type: list
    elements: str
    default: []
  lease_seconds:
    description: How long the fence may stay without a sign of life from the run, in seconds; 0 for no lease.
    type: int
    default: 0
  lease_minimum_seconds:
    description: What a phase inside the freeze window may take at most; the lease has to be longer.
    type: int
    default: 0
  lib_dir:
    description: See M(dfr.golive.fence_timer).
    type: path
    default: /opt/dfr-golive/lease
  state_dir:
    description: See M(dfr.golive.fence_timer).
    type: path
    default: /var/lib/dfr-golive/lease
  cron_path:
    description: See M(dfr.golive.fence_timer).
    type: path
    default: /etc/cron.d/dfr-golive-lease
  python:
    description: See M(dfr.golive.fence_timer).
    type: path
    default: /usr/bin/python3
seealso:
  - module: dfr.golive.freeze_canary
  - module: dfr.golive.mariadb_fence
  - module: dfr.golive.postgres_fence
"""

EXAMPLES = r"""
- name: May the old registry be frozen
  dfr.golive.freeze_readiness:
    name: old_registry
    kind: mariadb
    login_host: 127.0.0.1
    login_port: 3306
    login_user: dfr_golive
    login_password: "{{ golive_legacy.old_registry.password }}"
    database: old_registry
    app_user: registry_app
    app_password: "{{ golive_legacy.old_registry.app_password }}"
    canary_table: farmers
    run_id: "{{ golive_run.id }}"
  register: gate
"""

RETURN = r"""
gates:
  description: The verdicts.
  returned: success
  type: list
  elements: dict
  sample:
    - name: freeze.old_registry.write
      verdict: pass
      detail: INSERT on old_registry.farmers as registry_app is accepted; the same must be refused afterwards.
      remedy: ""
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._freeze import (
    SOURCE_OPTIONS,
    SOURCE_REQUIRED_IF,
    SOURCE_TOGETHER,
    SOURCES,
    readiness,
)
from ansible_collections.dfr.golive.plugins.module_utils._gates import ask
from ansible_collections.dfr.golive.plugins.module_utils._lease_host import lease_gate


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    gates = readiness(params, SOURCES[params["kind"]](params), params["taken"])
    gates.append(ask(f"freeze.{params['name']}.lease", lambda: lease_gate(params)))
    return {"changed": False, "gates": [gate.as_dict() for gate in gates]}


def main() -> None:
    spec = {
        **SOURCE_OPTIONS,
        "taken": {"type": "list", "elements": "str", "default": []},
        "lease_seconds": {"type": "int", "default": 0},
        "lease_minimum_seconds": {"type": "int", "default": 0},
        "lib_dir": {"type": "path", "default": "/opt/dfr-golive/lease"},
        "state_dir": {"type": "path", "default": "/var/lib/dfr-golive/lease"},
        "cron_path": {"type": "path", "default": "/etc/cron.d/dfr-golive-lease"},
        "python": {"type": "path", "default": "/usr/bin/python3"},
    }
    run_module(
        AnsibleModule(
            argument_spec=spec,
            supports_check_mode=True,
            required_together=SOURCE_TOGETHER,
            required_if=SOURCE_REQUIRED_IF,
        ),
        work,
    )


if __name__ == "__main__":
    main()
