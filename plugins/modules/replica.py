#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a copy of a PostgreSQL database that follows it and is proven equal."""

from __future__ import annotations

DOCUMENTATION = r"""
module: replica
short_description: Make a copy of a PostgreSQL database that follows it and is proven equal
version_added: "1.0.0"
description:
  - Copies the definitions and rows of a database through one snapshot into another server, in parallel,
    lets the copy follow by logical replication, and compares all rows of both sides while both are in use.
    Nothing of this disturbs the source's users.
  - A repeat goes on where the last call ended. When the managed host or a server died while rows came, the tables that
    were whole by then are kept if they are half of the database or more, and the target's server brings the others by
    its own table synchronisation; otherwise all rows come again. What comes after (indexes, following, proof) goes
    on. Once the copy is proven, a repeat compares what was touched since and
    so keeps the later cutover short.
  - With O(state=absent) and one of the two servers down, everything on the other is dropped, the call fails and names
    what is left and where; the same call finishes later.
  - Tables without a usable key get a replica identity for the time being and are listed. Unlogged tables,
    large objects, triggers that always fire, rows that policies hide from the operator and tables of other owners are
    refused by name.
author:
  - the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment:
  - dfr.golive.replica
attributes:
  check_mode:
    support: full
    description: Says whether it would change something, and changes nothing.
  diff_mode:
    support: none
    description: There is nothing to show.
options:
  state:
    description:
      - V(absent) drops the copy and everything that was made for it on both servers, wherever an earlier
        call stopped.
    type: str
    choices: [present, absent]
    default: present
  show_seconds:
    description:
      - How often the progress is shown while the copy is made, in seconds; V(0) waits in silence. The copy is
        made in the background, so a controller that goes away ends nothing; meanwhile another call is refused
        by name.
    type: int
    default: 5
"""

EXAMPLES = r"""
- name: Make the copy
  dfr.golive.replica:
    name: registry
    source: "{{ source_login }}"
    target: "{{ target_login }}"
    owner: odoo
    reach:
      host: source.example.org
"""

RETURN = r"""
stage:
  description: How far the copy is.
  returned: O(state=present)
  type: str
seconds:
  description: Measured seconds of each step of the copying.
  returned: O(state=present)
  type: dict
evidence:
  description: >-
    Tables, rows, tables without a key, replica identities that were set; C(brought_again) names the tables that the
    target's server brought itself after an earlier call was cut short.
  returned: O(state=present)
  type: dict
proof:
  description: Tables and rows compared, and what is left for the cutover.
  returned: O(state=present)
  type: dict
dropped:
  description: What was dropped.
  returned: O(state=absent), also when it fails
  type: list
  elements: str
pending:
  description: What may still be there, with its server and the reason.
  returned: O(state=absent), when it fails because a server doesn't answer
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._delta import prove
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._progress import Told, progress_file, write_progress
from ansible_collections.dfr.golive.plugins.module_utils._replication import REPLICA_OPTIONS, Pair
from ansible_collections.dfr.golive.plugins.module_utils._seed import discard, seed
from ansible_collections.dfr.golive.plugins.module_utils._subscription import status


def work(module: AnsibleModule) -> dict[str, Any]:
    pair = Pair.from_params(module.params)
    wanted = module.params["state"]
    if module.check_mode:
        stage = status(pair)["stage"]
        return {"changed": stage != ("proven" if wanted == "present" else "none"), "stage": stage}
    if wanted == "absent":
        return discard(pair)
    tell = write_progress(pair)
    seeded = seed(pair, tell=tell)
    with Told(pair, "proof", tell):
        proof = prove(pair)
    progress_file(pair).unlink(missing_ok=True)
    return {
        **seeded,
        "stage": "proven",
        "changed": seeded["changed"] or proof["kind"] == "full",
        "proof": proof,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **REPLICA_OPTIONS,
            "show_seconds": {"type": "int", "default": 5},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
