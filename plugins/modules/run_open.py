#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: run_open
short_description: Open, continue or take back the go-live of a country
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment: [dfr.golive.journal]
description:
  - Reads and proves the journal of a country on the state host, takes the lock of its one live cutover and
    says where it stands.
  - A country that is live already is left alone; no lock is taken and nothing is journalled.
  - A lock is taken over at once when its holder ran on this controller and its process is gone, when the time
    it says it is good for is over without a sign of life, or for the reason in O(takeover). Each is journalled.
    Otherwise the holder is named and the task fails.
  - A half-written last line is set aside and journalled; any other damage of the journal fails the task.
attributes:
  check_mode:
    description: Says what would be done; takes no lock and writes nothing.
    support: full
  diff_mode:
    description: Shows what it changes.
    support: none
  action:
    description: Runs partly on the controller, which adds who is asking and knows which of its processes
      are gone.
    support: full
options:
  mode:
    description: A live run or a rehearsal.
    type: str
    default: live
    choices: [live, rehearsal]
  intent:
    description: To go forward, to undo what was done, or to close the way back of a country that is live.
    type: str
    default: golive
    choices: [golive, rollback, finalize]
  until:
    description: Name of the phase to stop after; all nine when empty.
    type: str
    default: ''
  reason:
    description:
      - Why the country goes back although users were let in, or why its way back is closed. Needed for both.
    type: str
    default: ''
  approver:
    description: Who has approved it.
    type: str
    default: ''
  reverse:
    description: The way back that the inventory chooses; it must be the one that was prepared, or V(pack).
    type: str
    default: none
    choices: [replication, pack, none]
  takeover:
    description: Reason for taking the lock from whoever holds it; it isn't taken when empty.
    type: str
    default: ''
  lock_limit_seconds:
    description:
      - Each record makes the lock that is taken now good for so many seconds, the begin of a phase for that
        phase's own limit. Whoever comes later may take it when that is over.
    type: int
    default: 900
  wait_seconds:
    description:
      - How long to wait for a task that is still at work although the C(ansible-playbook) that started it
        is gone.
      - Used on the controller only.
    type: int
    default: 120
  owner:
    description: The asking process; the controller fills it in.
    type: dict
    default: {}
  gone_session:
    description: The session whose process is gone; the controller fills it in.
    type: str
    default: ''
  plan:
    description: What the country declares of its night, the variable C(golive_plan).
    type: dict
    default: {}
  holds:
    description: The hold points by phase, the variable C(golive_holds).
    type: dict
    default: {}
  ttl:
    description: TTL of the switched name, in seconds.
    type: int
    default: 0
  timezone:
    description: Time zone of the country, as the tz database names it.
    type: str
    default: UTC
seealso:
  - module: dfr.golive.journal
  - module: dfr.golive.journal_info
"""

EXAMPLES = r"""
- name: Take the lock and find out where this country stands
  dfr.golive.run_open:
    state_dir: /var/lib/dfr-golive
    country: tonga
  register: opened

- name: Say where this country stands
  ansible.builtin.debug:
    msg: "{{ opened.summary }}"
"""

RETURN = r"""
run:
  description: What the playbooks work with.
  type: dict
  returned: success
  contains:
    id:
      description: Name of the run; empty when there is nothing to roll back.
      type: str
      returned: success
    session:
      description: What every journal record proves itself with; empty when no lock was taken.
      type: str
      returned: success
    mode:
      description: live or rehearsal.
      type: str
      returned: success
    live:
      description: The country is live already; there is nothing to do but to verify.
      type: bool
      returned: success
    started:
      description: When the run began, UTC; empty for a new one.
      type: str
      returned: success
    done:
      description: Phases that are done and will only be verified.
      type: list
      elements: str
      returned: success
    plan:
      description: Phases to go through, the done ones included; empty for a rollback.
      type: list
      elements: str
      returned: success
    undo:
      description: Phases to undo, in this order; empty for a go-live.
      type: list
      elements: str
      returned: success
    earlier:
      description: Every other run of this country, with C(id), C(mode), C(outcome) and C(finished).
      type: list
      elements: dict
      returned: success
    rehearsals:
      description:
        - Every rehearsal of this country that is kept on this host, the oldest first, with C(run_id), C(plan),
          C(passed), C(steps) (seconds by step), C(reason) and C(finished).
      type: list
      elements: dict
      returned: success
    expected:
      description: Seconds each phase took in earlier runs or rehearsals (median), by name; only those that are known.
      type: dict
      returned: success
    clock:
      description: The planned night of a live run; empty where golive_plan sets none.
      type: dict
      returned: success
      sample:
        door: '2026-11-22T08:05:00.000000Z'
        end: '2026-11-22T11:00:00.000000Z'
        last_safe: '2026-11-22T10:43:00.000000Z'
        timezone: Pacific/Tongatapu
    window_open_seconds:
      description: How long the freeze window has been open, in seconds; null while it is closed.
      type: float
      returned: success
summary:
  description: The same for people.
  type: str
  returned: success
holder:
  description: Who holds the lock.
  type: dict
  returned: when it is refused for that
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._decide import Request
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._holder import Owner
from ansible_collections.dfr.golive.plugins.module_utils._journal import JOURNAL_OPTIONS, Journal
from ansible_collections.dfr.golive.plugins.module_utils._night import Learned, learned
from ansible_collections.dfr.golive.plugins.module_utils._open import open_run


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    journal = Journal(params["state_dir"], params["country"])
    live = params["mode"] == "live" and params["intent"] == "golive"
    request = Request(
        mode=params["mode"],
        intent=params["intent"],
        until=params["until"],
        takeover=params["takeover"],
        limit_seconds=params["lock_limit_seconds"],
        owner=Owner.from_dict(params["owner"]),
        gone_session=params["gone_session"],
        dry=module.check_mode,
        reason=params["reason"],
        approver=params["approver"],
        reverse=params["reverse"],
        learned=learned(params["state_dir"], params["country"], params) if live else Learned(),
    )
    # When the lock is held, the action plugin looks on the controller whether its holder is gone, and asks again.
    return open_run(journal, request)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **JOURNAL_OPTIONS,
            "mode": {"type": "str", "default": "live", "choices": ["live", "rehearsal"]},
            "intent": {"type": "str", "default": "golive", "choices": ["golive", "rollback", "finalize"]},
            "reason": {"type": "str", "default": ""},
            "approver": {"type": "str", "default": ""},
            "reverse": {"type": "str", "default": "none", "choices": ["replication", "pack", "none"]},
            "until": {"type": "str", "default": ""},
            "takeover": {"type": "str", "default": ""},
            "lock_limit_seconds": {"type": "int", "default": 900},
            "wait_seconds": {"type": "int", "default": 120},
            "owner": {"type": "dict", "default": {}},
            "gone_session": {"type": "str", "default": ""},
            "plan": {"type": "dict", "default": {}},
            "holds": {"type": "dict", "default": {}},
            "ttl": {"type": "int", "default": 0},
            "timezone": {"type": "str", "default": "UTC"},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
