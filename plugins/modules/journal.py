#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: journal
short_description: Journal one event of a go-live
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment: [dfr.golive.journal]
description:
  - Appends one record to the journal of a country on the state host, and comes back when it is on the disk.
  - A phase may only begin when every gate passed or was waived; what refuses it is journalled too.
  - Only the session that holds the lock of the country can append.
attributes:
  check_mode:
    description: Appends nothing; gates are judged all the same.
    support: full
  diff_mode:
    description: Shows what it changes.
    support: none
  action:
    description: Runs partly on the controller, which waits for the signed words of O(holds), and adds the steps
      that a phase was made of to the evidence of its V(finish), where P(dfr.golive.progress#callback) saw them.
    support: full
options:
  run_id:
    description: The run, as M(dfr.golive.run_open) returned it; empty in check mode.
    type: str
    required: true
  session:
    description: The session, as M(dfr.golive.run_open) returned it; empty in check mode.
    type: str
    required: true
  observers:
    description: Who looks on. None of them can fail the task; what goes wrong with one is a warning.
    type: dict
    suboptions:
      metrics_dir:
        description:
          - Folder on the state host that a Prometheus node exporter's textfile collector reads; a file
            C(dfr_golive_<country>.prom) is replaced in it after each record.
        type: path
      events_url:
        description:
          - Where each record is sent as a CloudEvent (structured JSON), in order and at least once.
          - A process of its own sends; what a receiver didn't take comes with the next event.
        type: str
      events_secret:
        description:
          - Shared with the receiver; signs each event as Standard Webhooks has it (HMAC-SHA256). None, no signature.
        type: str
      ca_path:
        description: CA bundle for the receiver's certificate; the system's store when left out.
        type: path
  event:
    description:
      - What happens.
      - V(fail) and V(undo_fail) also end the session and give the lock back, so that anybody can go on.
      - V(finalize) says that the way back was closed.
      - V(lost) is V(fail) or V(undo_fail) of whatever the session was doing, for when a host was lost and the
        phase can't say so itself.
      - V(close) ends it with the outcome that the journal proves.
      - V(hold_begin) asks people to say go before a phase begins, and waits for their signed words. The task
        returns when each team has its quorum, and fails when somebody says no-go or the limit is reached.
      - V(hold_finish) is what the controller asks for by itself when they have come.
    type: str
    required: true
    choices:
      [begin, hold_begin, hold_finish, finish, fail, undo_begin, undo_finish, undo_fail, note, finalize, lost, close]
  phase:
    description: The phase it happens in; empty for V(close), V(lost), V(finalize) and a V(note) about the whole run.
    type: str
    default: ''
  gates:
    description: For V(begin), what the phase's gates said; an empty list is refused, since silence isn't a
      pass.
    type: list
    elements: dict
    default: []
  holds:
    description:
      - The phases that wait for people's signed words, each with C(teams) and C(limit_minutes).
      - At V(hold_begin) the controller polls C(holds/<run>) in O(signoffs); nothing is asked at the keyboard.
      - At V(begin) one of these phases is refused unless its hold was released in this run.
    type: dict
    default: {}
  signoffs:
    description: Folder C(signoffs) of the inventory, with C(criteria.yml) and C(allowed_signers); for V(hold_begin).
    type: path
  result:
    description:
      - For V(finish), V(undo_finish), V(hold_finish) and V(finalize), what was done in a few figures; no secrets and no
        personal data.
      - Its key C(files) holds evidence too long for a record. Each entry becomes a file of that name on
        the state host, of which the journal keeps the digest.
    type: dict
    default: {}
  reason:
    description: For V(fail), V(undo_fail), V(lost), V(note) and V(finalize), one sentence.
    type: str
    default: ''
  task:
    description: For V(fail) and V(undo_fail), the name of the task that failed.
    type: str
    default: ''
  approver:
    description: For V(finalize), who has approved it.
    type: str
    default: ''
  recheck:
    description: For V(fail), that a phase done before was found changed; the phase itself stays done.
    type: bool
    default: false
  triggers:
    description: For V(fail), the country's C(golive_triggers); what they decide is journalled too.
    type: list
    elements: dict
    default: []
  limit_seconds:
    description:
      - For V(begin) and V(undo_begin), how long the phase may take at most before its lock counts as abandoned.
      - 0 for the limit that the run was opened with.
    type: int
    default: 0
  out_of_order:
    description: For V(begin), why the phase may begin although an earlier one isn't done; journalled.
    type: str
    default: ''
  last_safe:
    description:
      - For V(begin) of a phase of the freeze window, the last safe moment to turn back, as M(dfr.golive.run_open)
        returned it.
      - Past it the phase is refused, unless O(past_last_safe) says who decided to go on and why, which is journalled.
    type: str
    default: ''
  past_last_safe:
    description: The decision of the teams.
    type: dict
    default: {}
    suboptions:
      choice:
        description: V(go_on), or nothing.
        type: str
      by:
        description: Who answers for it, by function.
        type: str
      because:
        description: Why.
        type: str
seealso:
  - module: dfr.golive.run_open
  - module: dfr.golive.journal_info
"""

EXAMPLES = r"""
- name: Journal the gates and what is about to be done
  dfr.golive.journal:
    state_dir: /var/lib/dfr-golive
    country: tonga
    run_id: "{{ golive_run.id }}"
    session: "{{ golive_run.session }}"
    event: begin
    phase: freeze_legacy
    gates: "{{ gate.gates }}"

- name: Journal what was done
  dfr.golive.journal:
    state_dir: /var/lib/dfr-golive
    country: tonga
    run_id: "{{ golive_run.id }}"
    session: "{{ golive_run.session }}"
    event: finish
    phase: freeze_legacy
    result:
      sessions_ended: 14
"""

RETURN = r"""
event:
  description: What was journalled.
  type: str
  returned: success
phase:
  description: Of which phase; empty where it is the run's.
  type: str
  returned: success
seq:
  description: Number of the record; 0 in check mode.
  type: int
  returned: success
head:
  description: Hash of the last record.
  type: str
  returned: success
seconds:
  description: For V(finish), seconds since the phase began; otherwise 0.
  type: float
  returned: success
decision:
  description: For V(fail), what a trigger decided; empty when none did.
  type: dict
  returned: success
  contains:
    trigger:
      description: Its name.
      type: str
      returned: when one did
    action:
      description: roll_back, hold or notify.
      type: str
      returned: when one did
    because:
      description: One sentence.
      type: str
      returned: when one did
    values:
      description: What it was based on.
      type: dict
      returned: when one did
released:
  description: Whether people have released this hold in this run already.
  type: bool
  returned: for V(hold_begin)
basis:
  description: Hash of the record with which the run asked first; what people sign names it.
  type: str
  returned: for V(hold_begin)
since:
  description: When the run asked first, UTC.
  type: str
  returned: for V(hold_begin)
outcome:
  description: For V(close), what the run came to (live, rolled_back, stopped); otherwise empty.
  type: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _observers, _open
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._journal import JOURNAL_OPTIONS, Journal
from ansible_collections.dfr.golive.plugins.module_utils._observers import OBSERVER_OPTIONS


def work(module: AnsibleModule) -> dict[str, Any]:
    journal = Journal(module.params["state_dir"], module.params["country"])
    if module.check_mode:
        return _open.judge(journal, module.params)
    result = _open.journal_event(journal, module.params)
    _observers.tell(journal, module.params["observers"], module.warn)
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **JOURNAL_OPTIONS,
            "run_id": {"type": "str", "required": True},
            "session": {"type": "str", "required": True},
            "event": {
                "type": "str",
                "required": True,
                "choices": [
                    "begin",
                    "hold_begin",
                    "hold_finish",
                    "finish",
                    "fail",
                    "undo_begin",
                    "undo_finish",
                    "undo_fail",
                    "note",
                    "finalize",
                    "lost",
                    "close",
                ],
            },
            "phase": {"type": "str", "default": ""},
            "gates": {"type": "list", "elements": "dict", "default": []},
            "result": {"type": "dict", "default": {}},
            "reason": {"type": "str", "default": ""},
            "task": {"type": "str", "default": ""},
            "approver": {"type": "str", "default": ""},
            "recheck": {"type": "bool", "default": False},
            "limit_seconds": {"type": "int", "default": 0},
            "triggers": {"type": "list", "elements": "dict", "default": []},
            "out_of_order": {"type": "str", "default": ""},
            "holds": {"type": "dict", "default": {}},
            "signoffs": {"type": "path"},
            "last_safe": {"type": "str", "default": ""},
            "past_last_safe": {
                "type": "dict",
                "default": {},
                "options": {"choice": {"type": "str"}, "by": {"type": "str"}, "because": {"type": "str"}},
            },
            **OBSERVER_OPTIONS,
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
