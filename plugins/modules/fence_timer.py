#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fence_timer
short_description: Put the timer on a host that lifts a fence whose lease has run out
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Writes a small program and the few files of this collection that it needs, and an entry of cron that starts it every
    minute. It runs without Ansible and without the controller.
  - With nothing frozen it leaves at once. Otherwise it looks at the lease of each fence of its host, and lifts those
    whose lease has run out; what it lifted is written to C(lapses.log) in O(state_dir).
  - What lifting takes, the operator's password included, is in O(state_dir) only as long as the fence is up, and only
    root can read it.
attributes:
  check_mode:
    description: Says whether anything would be written.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  state:
    description: Whether the timer is to be there.
    type: str
    choices: [present, absent]
    default: present
  lib_dir:
    description: Folder for the program.
    type: path
    required: true
  state_dir:
    description: Folder in which raising a fence leaves what lifting it takes; the same as C(lease_dir) there.
    type: path
    required: true
  cron_path:
    description: The entry of cron.
    type: path
    required: true
  python:
    description: The interpreter that runs it; it must find the drivers of the host's sources.
    type: path
    default: /usr/bin/python3
seealso:
  - module: dfr.golive.freeze_lease
"""

EXAMPLES = r"""
- name: A fence that nobody renews is lifted
  dfr.golive.fence_timer:
    lib_dir: /opt/dfr-golive/tonga-lease
    state_dir: /var/lib/dfr-golive/tonga/lease
    cron_path: /etc/cron.d/dfr-golive-tonga-lease
"""

RETURN = r"""
files:
  description: The files that were written or removed, or would be.
  returned: success
  type: list
  elements: str
"""

import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, run_module
from ansible_collections.dfr.golive.plugins.module_utils._lease_host import Place


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    place = Place(
        Path(params["lib_dir"]), Path(params["state_dir"]), Path(params["cron_path"]), params["python"]
    )
    if params["state"] == "absent":
        armed = sorted(place.state_dir.glob("*.json"))
        if armed:
            raise GoliveError(
                f"A fence on this host still has a lease ({armed[0].name}).",
                remedy="Roll back or finish the run that raised it first.",
            )
        found = [path for path in (place.cron_path, place.lib_dir) if path.exists()]
        if not module.check_mode:
            place.cron_path.unlink(missing_ok=True)
            shutil.rmtree(place.lib_dir, ignore_errors=True)
        return {"changed": bool(found), "files": [str(path) for path in found]}
    lacking = place.lacks()
    if lacking and not module.check_mode:
        place.install()
    return {"changed": bool(lacking), "files": [str(path) for path in lacking]}


def main() -> None:
    spec: dict[str, Any] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "lib_dir": {"type": "path", "required": True},
        "state_dir": {"type": "path", "required": True},
        "cron_path": {"type": "path", "required": True},
        "python": {"type": "path", "default": "/usr/bin/python3"},
    }
    run_module(AnsibleModule(argument_spec=spec, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
