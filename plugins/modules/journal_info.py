#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: journal_info
short_description: Read where a country stands from its journal
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment: [dfr.golive.journal]
description:
  - Reads and proves the journal of a country on the state host, the evidence kept with it included, and
    computes from it where the country stands. It takes no lock and changes nothing.
  - A country for which nothing has ever run is an answer, not an error.
attributes:
  check_mode:
    description: Can run in check mode and changes nothing.
    support: full
  diff_mode:
    description: Shows what it changes.
    support: none
options:
  run_id:
    description: The run to tell of; the last one when empty.
    type: str
    default: ''
  evidence:
    description: Evidence files to return, each as C(phase/name). All others are only proven.
    type: list
    elements: str
    default: []
  for_report:
    description: Return the evidence that M(dfr.golive.report) shows as well.
    type: bool
    default: false
  inventory:
    description: The inventory as it is typed on the command line, for the commands in RV(text).
    type: str
    default: ''
seealso:
  - module: dfr.golive.journal
  - module: dfr.golive.report
"""

EXAMPLES = r"""
- name: Read where this country stands
  dfr.golive.journal_info:
    state_dir: /var/lib/dfr-golive
    country: tonga
  register: info

- name: Say it
  ansible.builtin.debug:
    msg: "{{ info.text }}"
"""

RETURN = r"""
country:
  description: The country.
  type: str
  returned: success
journal:
  description: Its path, how many records it holds, the hash of the last one, and the bytes of a
    half-written line at its end.
  type: dict
  returned: success
  sample: {path: /var/lib/dfr-golive/tonga/journal.jsonl, records: 31, head: 0f3c, torn_bytes: 0}
lock:
  description: Who holds the lock; empty when it is free.
  type: dict
  returned: success
runs:
  description: All runs, the oldest first, each with C(id), C(mode), C(outcome), C(started) and C(finished).
  type: list
  elements: dict
  returned: success
run:
  description: The run in full, with its phases and its freeze window; empty when nothing has ever run.
  type: dict
  returned: success
timeline:
  description: What the run spent its time on, each span with C(kind), C(phase), C(begin), C(end) and C(seconds).
  type: list
  elements: dict
  returned: success
usual:
  description: Seconds that each phase took in this country's earlier runs, or else in its rehearsals, by its name.
  type: dict
  returned: success
evidence:
  description: The evidence that was asked for and exists, by C(phase/name).
  type: dict
  returned: success
watch:
  description:
    - With O(for_report), what the hypercare watch of a live country has seen; empty before its first look.
    - C(days) are the statuses it has written, C(since) and C(whole) the same for what came since and for all of it,
      C(series) the figures of each check over time.
  type: dict
  returned: success
evidence_proven:
  description: How many evidence files of the run agree with their digests.
  type: int
  returned: success
text:
  description: Where the country stands, for people, with the commands that lead on and back.
  type: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._journal import JOURNAL_OPTIONS, Journal
from ansible_collections.dfr.golive.plugins.module_utils._report import inform


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    journal = Journal(params["state_dir"], params["country"])
    return {
        "changed": False,
        **inform(
            journal,
            params["run_id"],
            params["evidence"],
            params["inventory"],
            for_report=params["for_report"],
        ),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **JOURNAL_OPTIONS,
            "run_id": {"type": "str", "default": ""},
            "evidence": {"type": "list", "elements": "str", "default": []},
            "for_report": {"type": "bool", "default": False},
            "inventory": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
