#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_keep
short_description: Keep a DNS record as it was, for the undo
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Writes what a record was into a small file on this host and syncs it to the disk before the record is
    changed.
  - What is kept first counts. A run that died half-way and comes again doesn't replace it.
attributes:
  check_mode:
    description: Says what would be kept or forgotten, and leaves the file alone.
    support: full
  diff_mode:
    description: The file is shown by RV(record).
    support: none
options:
  state:
    description:
      - V(kept) keeps O(record) unless something is kept already.
      - V(read) returns what is kept.
      - V(forgotten) removes the file, after the record has been restored.
    type: str
    choices: [kept, read, forgotten]
    required: true
  state_dir:
    description: Folder of the before-states on this host.
    type: str
    required: true
  country:
    description: Short code of the country.
    type: str
    required: true
  run_id:
    description: The run that keeps the record.
    type: str
    default: ''
  record:
    description: The record, as returned by M(dfr.golive.dns_readiness). Needed with O(state=kept).
    type: dict
    default: {}
  gates:
    description: Verdicts that have to be open before anything is kept; for use where no journal refuses them.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Keep the record as it is
  dfr.golive.dns_keep:
    state: kept
    state_dir: /var/lib/dfr-golive
    country: demo
    run_id: "{{ golive_run.id }}"
    record: "{{ readiness.record }}"

- name: Read what is kept
  dfr.golive.dns_keep:
    state: read
    state_dir: /var/lib/dfr-golive
    country: demo
  register: kept
"""

RETURN = r"""
record:
  description: The record that is kept; empty when none is.
  returned: always
  type: dict
  sample: {name: dfr.demo.example., zone: demo.example, type: A, values: [192.0.2.80], ttl: 60, source: zone}
path:
  description: The file.
  returned: always
  type: str
  sample: /var/lib/dfr-golive/demo/kept/dns.json
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _gates, _kept
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, run_module


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    path = _kept.kept_path(params["state_dir"], params["country"], "dns")
    before = _kept.recall(path)
    after = before
    if params["state"] == "kept":
        closed = [gate for gate in _gates.from_dicts(params["gates"]) if not gate.open]
        if closed:
            raise GoliveError(" ".join(gate.detail for gate in closed), remedy=closed[0].remedy)
        if before is None and not params["record"]:
            raise GoliveError(
                "What the record is now isn't known, so it can't be kept for an undo.",
                remedy="Look at the gates dns.primary and dns.record.",
            )
        state = {**params["record"], "run_id": params["run_id"], "kept_at": round(time.time())}
        after = before or state
        if before is None and not module.check_mode:
            after = _kept.keep(path, state)
    elif params["state"] == "forgotten":
        after = None
        if before is not None and not module.check_mode:
            _kept.forget(path)
    return {"changed": before != after, "record": after or {}, "path": str(path)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["kept", "read", "forgotten"], "required": True},
            "state_dir": {"type": "str", "required": True},
            "country": {"type": "str", "required": True},
            "run_id": {"type": "str", "default": ""},
            "record": {"type": "dict", "default": {}},
            "gates": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
