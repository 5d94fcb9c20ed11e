#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mariadb_fence
short_description: Take every right to write a MariaDB database away, and give them back
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Raising keeps all it will take in C(dfr_golive.kept) on the server, then revokes from every account and role what
    could change the database (for the server, the schema, its tables, columns and routines, and the grant tables),
    disables the schema's events, ends the sessions of these accounts and waits until what they had begun is rolled
    back.
  - Reading stays allowed, so that the registry can be looked up.
  - A right for the whole server is taken for the whole server. An account that has one can't write the server's other
    databases either as long as the fence is up.
  - MariaDB can't revoke in a transaction. Both directions can be repeated from wherever they broke off.
  - Lifting grants exactly what was revoked, enables the events again, checks that everything came back, and forgets.
    There is nothing to do when no fence is up.
  - Prepared XA transactions, replication into the server and other nodes of a cluster fail the task before it changes
    anything.
extends_documentation_fragment:
  - dfr.golive.mariadb
attributes:
  check_mode:
    description: Reads everything, changes nothing, and reports what would change.
    support: full
  diff_mode:
    description: Shows the rights to write and the enabled events, before and after.
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
  purpose:
    description: Names the fence.
    type: str
    default: freeze
  exempt_accounts:
    description: Accounts that are left alone, with their sessions, as C(user@host). People answer for them.
    type: list
    elements: str
    default: [root@localhost, mysql@localhost, mariadb.sys@localhost]
  limit_seconds:
    description: How long to wait until the ended sessions are gone, in seconds.
    type: float
    default: 60
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
- name: Fence the old registry
  dfr.golive.mariadb_fence:
    state: raised
    login_host: 127.0.0.1
    login_user: dfr_golive
    login_password: "{{ golive_legacy.old_registry.password }}"
    ssl_mode: verify_ca
    ca_cert: "{{ golive_ca_path }}"
    database: old_registry
    run_id: "{{ golive_run.id }}"

- name: Lift it again
  dfr.golive.mariadb_fence:
    state: lifted
    login_host: 127.0.0.1
    login_user: dfr_golive
    login_password: "{{ golive_legacy.old_registry.password }}"
    database: old_registry
"""

RETURN = r"""
evidence:
  description: What was done.
  returned: success
  type: dict
  contains:
    accounts:
      description: The accounts that lost the right to write, or got it back.
      returned: always
      type: list
      elements: str
    roles:
      description: The roles that lost it.
      returned: when raised
      type: list
      elements: str
    events:
      description: The events that were disabled.
      returned: when raised
      type: list
      elements: str
    exempt:
      description: The exempt accounts that exist on this server.
      returned: when raised
      type: list
      elements: str
    sessions_ended:
      description: How many sessions were ended, all tries of this run together.
      returned: when raised
      type: int
    seconds:
      description: Seconds the last try took.
      returned: when raised
      type: float
    no_longer_there:
      description: Accounts or events that were dropped, or whose last time passed, meanwhile.
      returned: when lifted, and there are any
      type: list
      elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _fence_mariadb, _lease, _lease_timer
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._mariadb import (
    MARIADB_OPTIONS,
    MariadbLogin,
    connect,
)


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    login = MariadbLogin.from_params(params)
    with connect(login) as conn:
        lease = _lease.MariadbStore(conn, login.database, params["purpose"])
        if params["state"] == "raised":
            if params["lease_seconds"] and not module.check_mode:
                _lease_timer.arm(params["lease_dir"], "mariadb", params, params["purpose"])
                _lease.take(lease, params["run_id"], params["lease_seconds"])
            outcome = _fence_mariadb.raise_fence(
                conn,
                login.database,
                run_id=params["run_id"],
                purpose=params["purpose"],
                exempt_accounts=params["exempt_accounts"],
                limit_seconds=params["limit_seconds"],
                rehearse=module.check_mode,
            )
        else:
            outcome = _fence_mariadb.lift_fence(
                conn, login.database, purpose=params["purpose"], rehearse=module.check_mode
            )
            if params["lease_seconds"] and not module.check_mode:
                lease.forget()
                _lease_timer.disarm(params["lease_dir"], "mariadb", login.database)
    return {
        "changed": outcome.changed,
        "diff": {"before": outcome.before, "after": outcome.after},
        "evidence": outcome.evidence,
    }


def main() -> None:
    spec = {
        **MARIADB_OPTIONS,
        "state": {"type": "str", "choices": ["raised", "lifted"], "default": "raised"},
        "run_id": {"type": "str"},
        "purpose": {"type": "str", "default": "freeze"},
        "exempt_accounts": {
            "type": "list",
            "elements": "str",
            "default": ["root@localhost", "mysql@localhost", "mariadb.sys@localhost"],
        },
        "limit_seconds": {"type": "float", "default": 60},
        "lease_seconds": {"type": "int", "default": 0},
        "lease_dir": {"type": "path"},
    }
    run_module(
        AnsibleModule(
            argument_spec=spec, supports_check_mode=True, required_if=[["state", "raised", ["run_id"]]]
        ),
        work,
    )


if __name__ == "__main__":
    main()
