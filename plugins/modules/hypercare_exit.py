#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hypercare's exit criteria."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hypercare_exit
short_description: Ask whether hypercare may end
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment: [dfr.golive.journal]
description:
  - Holds what the hypercare watch has seen against the exit criteria that were agreed.
  - Fails with a table while one of them is open, because what follows (closing the way back) can't be undone.
attributes:
  check_mode:
    description: Changes nothing in either mode.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  interval_minutes:
    description: Minutes between two looks of the watch.
    type: int
    required: true
  days:
    description: Days since the watch began.
    type: float
    required: true
  hours:
    description: The last hours that must have been well; with 0 only the last look counts.
    type: float
    required: true
  well_percent:
    description: Share of the looks due in these hours that must have found all well, in percent.
    type: float
    required: true
"""

EXAMPLES = r"""
- name: May hypercare end
  dfr.golive.hypercare_exit:
    state_dir: /var/lib/dfr-golive
    country: tonga
    interval_minutes: 5
    days: 14
    hours: 24
    well_percent: 99
"""

RETURN = r"""
gates:
  description: One entry for each criterion, with its verdict.
  returned: always
  type: list
  elements: dict
  sample:
    - {name: hypercare.days, verdict: pass, detail: production has been watched for 15.2 of 14 days, remedy: ''}
ended:
  description: Whether the watch's agreed days are over, so that it looks no more.
  returned: success
  type: bool
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _gates
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, run_module
from ansible_collections.dfr.golive.plugins.module_utils._hypercare import watch_folder
from ansible_collections.dfr.golive.plugins.module_utils._hypercare_exit import Exit, gates, has_ended
from ansible_collections.dfr.golive.plugins.module_utils._journal import JOURNAL_OPTIONS


def work(module: AnsibleModule) -> dict[str, Any]:
    p = module.params
    folder = watch_folder(p["state_dir"], p["country"])
    found = gates(
        folder,
        Exit(p["days"], p["hours"], p["well_percent"]),
        p["interval_minutes"] * 60.0,
    )
    plain = [gate.as_dict() for gate in found]
    closed = [gate for gate in found if not gate.open]
    if closed:
        refusal = GoliveError(
            f"Hypercare can't end yet: {len(closed)} of {len(found)} exit criteria are open.\n{_gates.table(found)}\n",
            remedy="Settle each of them; the way back stays open meanwhile.",
        )
        refusal.returned = {"gates": plain}
        raise refusal
    return {"changed": False, "gates": plain, "ended": has_ended(folder)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **JOURNAL_OPTIONS,
            "interval_minutes": {"type": "int", "required": True},
            "days": {"type": "float", "required": True},
            "hours": {"type": "float", "required": True},
            "well_percent": {"type": "float", "required": True},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
