#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back once users are in."""

from __future__ import annotations

DOCUMENTATION = r"""
module: reverse_path
short_description: Keep what users write in production, and bring it back when the country goes back
version_added: "1.0.0"
description:
  - V(prepared) belongs right after production was swapped in, while both databases are fenced. From then on a
    slot in production keeps every write with the row before it; with O(reverse.mode=replication) staging applies each
    write as it comes, through a subscription of its own. Where there are phases, M(dfr.golive.sync_verify) does it.
  - V(brought_back) fences production, writes the pack, waits until staging has everything, compares every row
    that was written to on both sides, sets sequences and brings the new files. With O(reverse.mode=pack) staging is
    left as it is, and the pack holds everything.
  - Tables that say something about an environment and nothing about the country (identity, addresses, mail
    servers, jobs) never go back; RV(excluded) names them.
  - The pack holds personal data. It lies in O(reverse.pack_dir) for root alone; only digests and counts are returned.
author:
  - the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment:
  - dfr.golive.reverse
attributes:
  check_mode:
    support: full
    description:
      - Asks what has to be asked, says what would be done and changes nothing.
      - With O(state=brought_back) it reads every write that is kept, so that what can't be brought back is known
        before production is closed.
  diff_mode:
    support: none
    description: There are rows to show, which say who people are.
options:
  state:
    description:
      - V(preparable) and V(ready) only ask, and return gates. The first belongs before the freeze, the second before
        the door opens.
      - V(absent) drops subscription, slots and publication and gives the tables their replica identities back. Packs
        stay.
    type: str
    required: true
    choices: [preparable, prepared, ready, brought_back, absent]
  reverse:
    required: true
requirements:
  - psycopg >= 3.1 on the managed host (Debian package python3-psycopg)
  - rsync and ssh on the managed host
seealso:
  - module: dfr.golive.pack_replay
"""

EXAMPLES = r"""
- name: Keep what users will write
  dfr.golive.reverse_path:
    state: prepared
    reverse:
      run_id: "{{ golive_run.id }}"
      country: tonga
      mode: replication
      production: "{{ production_login }}"
      staging: "{{ staging_login }}"
      reach: {host: production-db.internal}
      pack_dir: /var/lib/dfr-golive/packs
      filestore:
        path: /srv/dfr/odoo/data/filestore
        staging_owner: "100:101"
        host: staging.example.org
        user: dfr-filestore
        key: /root/.ssh/dfr_golive_back
        known_hosts: /root/.ssh/dfr_golive_back.known_hosts
  delegate_to: production
"""

RETURN = r"""
gates:
  description: What was asked.
  returned: with O(state=preparable) and O(state=ready)
  type: list
  elements: dict
evidence:
  description: What came back. Writes, rows, seconds, the digest of the pack and the verdict; no personal data.
  returned: with O(state=prepared) and O(state=brought_back)
  type: dict
excluded:
  description: Tables that never go back, with the reason.
  returned: with O(state=prepared)
  type: dict
dropped:
  description: What was removed.
  returned: with O(state=absent)
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _bring_back, _reverse
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._reverse import REVERSE_OPTIONS, Way


def work(module: AnsibleModule) -> dict[str, Any]:
    state = module.params["state"]
    way = Way.from_params(module.params["reverse"])
    if state in ("preparable", "ready"):
        gates = _reverse.preparable(way) if state == "preparable" else _reverse.ready(way)
        return {"changed": False, "gates": [gate.as_dict() for gate in gates]}
    if state == "prepared":
        if module.check_mode:
            return {"changed": way.mode != "none" and _reverse.remembered(way) is None, "evidence": {}}
        made = _reverse.prepare(way)
        return {"changed": made.pop("changed"), "evidence": made, "excluded": _reverse.ENVIRONMENT}
    if state == "brought_back":
        if module.check_mode:
            _bring_back.refuse_unreadable(way)
            return {"changed": True, "evidence": {}}
        return _bring_back.bring_back(way)
    if module.check_mode:
        return {"changed": _reverse.remembered(way) is not None, "dropped": []}
    return _reverse.drop(way)


def main() -> None:
    states = ["preparable", "prepared", "ready", "brought_back", "absent"]
    run_module(
        AnsibleModule(
            argument_spec={
                "state": {"type": "str", "required": True, "choices": states},
                "reverse": {"type": "dict", "required": True, "options": REVERSE_OPTIONS},
            },
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
