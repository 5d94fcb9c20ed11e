#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rehearsal_record
short_description: Keep what a rehearsal came to, on the live country's state host
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Appends one record to the journal C(<country>-rehearsals) beside the country's own, with the digest of the plan,
    whether the rehearsal passed, and the seconds of each step. A live run asks for it.
  - It passed when all phases are done, or when it was rolled back without having failed before.
options:
  state_dir:
    description: Folder on the live state host that holds the journals of all countries.
    type: path
    required: true
  country:
    description: Short code of the live country.
    type: str
    required: true
  plan:
    description: Digest of the plan that was rehearsed, as M(dfr.golive.check_inventory) returns it.
    type: str
    required: true
  run:
    description: The rehearsal, as RV(dfr.golive.journal_info#module:run) has it.
    type: dict
    required: true
  clone_seconds:
    description: Seconds that making the clone took; 0 where nobody measured it.
    type: float
    default: 0
attributes:
  check_mode:
    description: Keeps nothing and says what would be kept.
    support: full
  diff_mode:
    description: The record is returned.
    support: none
seealso:
  - module: dfr.golive.run_open
"""

EXAMPLES = r"""
- name: Keep what the rehearsal came to
  dfr.golive.rehearsal_record:
    state_dir: /var/lib/dfr-golive
    country: tonga
    plan: "{{ golive_read.rehearses.plan }}"
    run: "{{ golive_info.run }}"
  delegate_to: "{{ groups.golive_record | first }}"
"""

RETURN = r"""
rehearsal:
  description: What is kept.
  returned: success
  type: dict
  sample: {"run_id": "tonga-rehearsal-1", "passed": true, "steps": {"sync_data": 31.2}, "reason": ""}
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _rehearsals
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._journal import JOURNAL_OPTIONS


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    rehearsal = _rehearsals.of_run(params["run"], params["plan"], params["clone_seconds"])
    book = _rehearsals.book(params["state_dir"], params["country"])
    changed = not module.check_mode and _rehearsals.keep(book, rehearsal)
    return {"changed": changed, "rehearsal": asdict(rehearsal)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **JOURNAL_OPTIONS,
            "plan": {"type": "str", "required": True},
            "run": {"type": "dict", "required": True},
            "clone_seconds": {"type": "float", "default": 0},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
