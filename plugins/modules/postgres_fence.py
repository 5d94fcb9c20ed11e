#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_fence
short_description: Shut everyone but the operator out of a PostgreSQL database, and let them back in
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Raising keeps who may connect and log in, revokes CONNECT from PUBLIC and every role that has it, takes LOGIN from
    the application's role and from every role that could let itself back in (the owner, its members, the operator's
    members, superusers), all in one transaction on the maintenance database. Then it ends every session of the
    database and of these roles, and waits until nobody has been there for O(quiet_seconds).
  - Lifting gives back exactly what was taken, in one transaction, and forgets it. There is nothing to do when no fence
    is up.
  - The fence belongs to the database, not to its name. It can be renamed meanwhile.
  - LOGIN belongs to the whole cluster. Other databases of a barred role are without their application as long as the
    fence is up; M(dfr.golive.freeze_readiness) names them.
  - A prepared transaction or an enabled subscription in the database fails the task, with its name.
extends_documentation_fragment:
  - dfr.golive.postgres
attributes:
  check_mode:
    description: Goes through it in a transaction that is rolled back, ends no session, and reports what would change.
    support: full
  diff_mode:
    description: Shows who may connect and log in, before and after.
    support: full
options:
  state:
    description: Whether the fence is to be up.
    type: str
    choices: [raised, lifted]
    default: raised
  run_id:
    description: The run that raises it; a fence of another run is never taken over. O(state=raised) needs it.
    type: str
  app_role:
    description: The application's role. O(state=raised) needs it.
    type: str
  purpose:
    description: Names the fence, so that one database can carry several.
    type: str
    default: freeze
  exempt_roles:
    description: Roles that are left alone, with their sessions. People answer for them.
    type: list
    elements: str
    default: [postgres]
  limit_seconds:
    description: How long to wait until the ended sessions are gone, in seconds.
    type: float
    default: 60
  quiet_seconds:
    description: How long there must be no session before that is believed, in seconds.
    type: float
    default: 0.5
  lease_seconds:
    description:
      - How long the fence may stay without a sign of life from the run, in seconds; then the timer on this host
        lifts it.
      - 0 for a fence without a lease.
    type: int
    default: 0
  lease_dir:
    description: The folder in which the timer looks for the fences of this host.
    type: path
seealso:
  - module: dfr.golive.freeze_canary
  - module: dfr.golive.fence_timer
  - module: dfr.golive.freeze_readiness
"""

EXAMPLES = r"""
- name: Fence staging
  dfr.golive.postgres_fence:
    state: raised
    login_host: staging-db
    login_user: dfr_golive
    login_password: "{{ golive_databases.staging.password }}"
    database: dfr_staging
    app_role: odoo
    run_id: "{{ golive_run.id }}"

- name: Lift it again
  dfr.golive.postgres_fence:
    state: lifted
    login_host: staging-db
    login_user: dfr_golive
    login_password: "{{ golive_databases.staging.password }}"
    database: dfr_staging
"""

RETURN = r"""
evidence:
  description: What was done.
  returned: success
  type: dict
  contains:
    roles:
      description: The roles that lost LOGIN, or got it back.
      returned: always
      type: list
      elements: str
    connect_revoked:
      description: Who held CONNECT, PUBLIC included.
      returned: when raised
      type: list
      elements: str
    sessions_ended:
      description: How many sessions were ended, all tries of this run together.
      returned: when raised
      type: int
    seconds:
      description: Seconds it took, all tries of this run together.
      returned: when raised
      type: float
    no_longer_there:
      description: Roles or databases that were dropped meanwhile.
      returned: when lifted, and there are any
      type: list
      elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _fence_postgres, _lease, _lease_timer
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    POSTGRES_OPTIONS,
    PostgresLogin,
    connect,
)


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    login = PostgresLogin.from_params(params)
    with connect(login.to(login.maintenance_database), autocommit=True) as conn:
        lease = _lease.PostgresStore(conn, login.database, params["purpose"])
        if params["state"] == "raised":
            if params["lease_seconds"] and not module.check_mode:
                _lease_timer.arm(params["lease_dir"], "postgresql", params, params["purpose"])
                _lease.take(lease, params["run_id"], params["lease_seconds"])
            outcome = _fence_postgres.raise_fence(
                conn,
                login.database,
                run_id=params["run_id"],
                app_role=params["app_role"],
                purpose=params["purpose"],
                exempt_roles=params["exempt_roles"],
                limit_seconds=params["limit_seconds"],
                quiet_seconds=params["quiet_seconds"],
                rehearse=module.check_mode,
            )
        else:
            outcome = _fence_postgres.lift_fence(
                conn, login.database, purpose=params["purpose"], rehearse=module.check_mode
            )
            if params["lease_seconds"] and not module.check_mode:
                lease.forget()
                _lease_timer.disarm(params["lease_dir"], "postgresql", login.database)
    return {
        "changed": outcome.changed,
        "diff": {"before": outcome.before, "after": outcome.after},
        "evidence": outcome.evidence,
    }


def main() -> None:
    spec = {
        **POSTGRES_OPTIONS,
        "state": {"type": "str", "choices": ["raised", "lifted"], "default": "raised"},
        "run_id": {"type": "str"},
        "app_role": {"type": "str"},
        "purpose": {"type": "str", "default": "freeze"},
        "exempt_roles": {"type": "list", "elements": "str", "default": ["postgres"]},
        "limit_seconds": {"type": "float", "default": 60},
        "lease_seconds": {"type": "int", "default": 0},
        "lease_dir": {"type": "path"},
        "quiet_seconds": {"type": "float", "default": 0.5},
    }
    run_module(
        AnsibleModule(
            argument_spec=spec,
            supports_check_mode=True,
            required_if=[["state", "raised", ["run_id", "app_role"]]],
        ),
        work,
    )


if __name__ == "__main__":
    main()
