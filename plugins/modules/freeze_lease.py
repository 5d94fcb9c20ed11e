#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: freeze_lease
short_description: Renew or end the lease of a frozen source
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - A fence is raised with a lease. Unless it is renewed, the timer on the source's host lifts the fence when it runs
    out, so that a source doesn't stay frozen for ever when a run stalls.
  - V(renewed) gives a sign of life. V(ended) says that the name has been switched; the fence then stays.
  - Whether the lease has run out is decided by its row on the fenced server and by that server's clock, in one
    statement. If it has, the task fails and says when.
extends_documentation_fragment:
  - dfr.golive.freeze_source
attributes:
  check_mode:
    description: Changes nothing and asks nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  state:
    description: What becomes of the lease.
    type: str
    choices: [renewed, ended]
    default: renewed
  lease_seconds:
    description: For V(renewed), how long it is good for from now on, in seconds.
    type: int
    default: 0
seealso:
  - module: dfr.golive.fence_timer
  - module: dfr.golive.postgres_fence
  - module: dfr.golive.mariadb_fence
"""

EXAMPLES = r"""
- name: The name has been switched, so staging stays frozen
  dfr.golive.freeze_lease:
    state: ended
    name: staging
    kind: postgresql
    login_host: staging-db
    login_port: 5432
    login_user: dfr_golive
    login_password: "{{ golive_databases.staging.password }}"
    database: dfr_staging
    app_user: odoo
    app_password: "{{ golive_databases.staging.app_password }}"
    run_id: "{{ golive_run.id }}"
"""

RETURN = r"""
lease_due:
  description: When the lease wants its next sign of life, in seconds since 1970; 0 for never.
  returned: success
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
)


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    lease_due = 0.0
    if not module.check_mode:
        source = SOURCES[params["kind"]](params)
        if params["state"] == "renewed":
            lease_due = source.renew(params["lease_seconds"])
        else:
            source.end_lease()
    return {"changed": True, "lease_due": lease_due}


def main() -> None:
    spec = {
        **SOURCE_OPTIONS,
        "state": {"type": "str", "choices": ["renewed", "ended"], "default": "renewed"},
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
