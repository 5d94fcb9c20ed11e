#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Say how far a copy is and how much log is kept for it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: replica_info
short_description: Say how far a copy is and how much log is kept for it
version_added: "1.0.0"
description:
  - Reads the stage, the lag, the state of each slot with the write-ahead log that the servers keep for it,
    and what is left behind on either server.
author:
  - the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment:
  - dfr.golive.replica
attributes:
  check_mode:
    support: full
    description: Changes nothing, with and without check mode.
  diff_mode:
    support: none
    description: There is nothing to show.
"""

EXAMPLES = r"""
- name: Look at the copy
  dfr.golive.replica_info:
    name: registry
    source: "{{ source_login }}"
    target: "{{ target_login }}"
    owner: odoo
    reach:
      host: source.example.org
"""

RETURN = r"""
stage:
  description: V(none), V(begun), V(copied), V(restored), V(following) or V(proven).
  returned: success
  type: str
behind_bytes:
  description: Write-ahead log that the copy hasn't confirmed.
  returned: success
  type: int
slots:
  description:
    - For each slot the log retained, its status and the log that may still come before it is lost, in
      bytes.
  returned: success
  type: dict
progress:
  description:
    - How far the copying is, as this host last read it; empty when nothing was begun here or all is done.
    - The step is one of C(copy), C(indexes), C(analyze), C(follow) and C(proof).
  returned: success
  type: dict
  sample:
    step: copy
    rows: 1200000
    rows_total: 6000000
    bytes: 170000000
    seconds: 8.2
    seconds_left: 32.8
    age: 0.7
    sentence: copy, 1,200,000 of about 6,000,000 rows (20 %), 162 MiB, 8 s so far, about 33 s left
worker:
  description: Whether the apply worker runs.
  returned: success
  type: bool
remains:
  description: Slots, publications and subscriptions of this copy that exist on either server.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._leftovers import remains
from ansible_collections.dfr.golive.plugins.module_utils._progress import read_progress
from ansible_collections.dfr.golive.plugins.module_utils._replication import REPLICA_OPTIONS, Pair
from ansible_collections.dfr.golive.plugins.module_utils._subscription import status


def work(module: AnsibleModule) -> dict[str, Any]:
    pair = Pair.from_params(module.params)
    return {"changed": False, **status(pair), "progress": read_progress(pair), "remains": remains(pair)}


def main() -> None:
    module = AnsibleModule(argument_spec=REPLICA_OPTIONS, supports_check_mode=True)
    run_module(module, work)


if __name__ == "__main__":
    main()
