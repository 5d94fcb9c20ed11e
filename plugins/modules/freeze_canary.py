#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: freeze_canary
short_description: Prove that a frozen source refuses a write, or that a thawed one accepts it
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Tries to write as whoever registers does, and leaves nothing behind. In MariaDB it inserts, updates and deletes
    no row, in a transaction that is rolled back; in PostgreSQL it logs in; in the application it logs in and asks for
    the right to create.
  - Only a refusal for want of privilege counts. A server that isn't reached, a password that is wrong or a table that
    isn't there fails the task, because it proves nothing.
  - O(expect=refused) also reads the fence itself, and fails when it isn't this run's, or when any account or session
    got through it meanwhile.
extends_documentation_fragment:
  - dfr.golive.freeze_source
  - dfr.golive.attributes.read_only
options:
  expect:
    description: What has to become of the write.
    type: str
    required: true
    choices: [accepted, refused]
  limit_seconds:
    description:
      - How long to wait until every write is accepted, or until the application answers at all, in seconds. It needs a
        moment to find its database, and may stumble for a moment when it has lost it.
    type: float
    default: 60
  lease_seconds:
    description:
      - With O(expect=refused), a sign of life for the fence's lease, which is good for so many seconds from now on.
      - The task fails when the lease has run out before, and says when the fence was lifted.
      - 0 for a fence without a lease.
    type: int
    default: 0
seealso:
  - module: dfr.golive.freeze_readiness
"""

EXAMPLES = r"""
- name: Nothing is written to the old registry any more
  dfr.golive.freeze_canary:
    expect: refused
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
"""

RETURN = r"""
lease_due:
  description: When the lease wants its next sign of life, in seconds since 1970; 0 for never.
  returned: success
  type: float
evidence:
  description: What the fence took, and what became of each way in.
  returned: success
  type: dict
  contains:
    name:
      description: The source.
      returned: always
      type: str
    kind:
      description: Its kind.
      returned: always
      type: str
    refused:
      description: Way in -> by what it was refused.
      returned: O(expect=refused)
      type: dict
    accepted:
      description: Way in -> what was accepted.
      returned: O(expect=accepted)
      type: dict
    sessions_ended:
      description: How many sessions the fence ended.
      returned: O(expect=refused)
      type: int
    seconds:
      description: Seconds that raising the fence took, or that it took until writes were accepted again.
      returned: always
      type: float
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._freeze import (
    SOURCE_OPTIONS,
    SOURCE_REQUIRED_IF,
    SOURCE_TOGETHER,
    SOURCES,
    expect_accepted,
    expect_refused,
)


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    source = SOURCES[params["kind"]](params)
    lease_due = 0.0
    if params["expect"] == "refused":
        lease_due = source.renew(params["lease_seconds"])
        evidence = expect_refused(params, source, params["limit_seconds"])
    else:
        evidence = expect_accepted(params, source, params["limit_seconds"])
    return {"changed": False, "evidence": evidence, "lease_due": lease_due}


def main() -> None:
    spec = {
        **SOURCE_OPTIONS,
        "expect": {"type": "str", "required": True, "choices": ["accepted", "refused"]},
        "limit_seconds": {"type": "float", "default": 60},
        "lease_seconds": {"type": "int", "default": 0},
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
