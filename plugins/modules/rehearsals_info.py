#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rehearsals_info
short_description: Read what the rehearsals of a country came to
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment: [dfr.golive.journal, dfr.golive.attributes.read_only]
description:
  - Reads and proves the journal of the rehearsals on the live state host, and returns each rehearsal with its seconds.
  - A damaged journal is refused; none at all means that nothing was rehearsed.
seealso:
  - module: dfr.golive.plan
"""

EXAMPLES = r"""
- name: Read what was rehearsed
  dfr.golive.rehearsals_info:
    state_dir: /var/lib/dfr-golive
    country: tonga
  register: rehearsed
"""

RETURN = r"""
rehearsals:
  description: All of them, the oldest first.
  type: list
  elements: dict
  returned: success
  sample:
    - run_id: tonga-rehearsal-20261101T080000Z
      plan: sha256:5f2c
      passed: true
      steps: {preflight: 31.2, freeze_legacy: 9.8, rollback: 44.0}
      reason: ''
      finished: '2026-11-01T08:04:11.000000Z'
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _rehearsals
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._journal import JOURNAL_OPTIONS


def work(module: AnsibleModule) -> dict[str, Any]:
    journal = _rehearsals.book(module.params["state_dir"], module.params["country"])
    return {"changed": False, "rehearsals": [asdict(one) for one in _rehearsals.read(journal)]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **JOURNAL_OPTIONS,
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
