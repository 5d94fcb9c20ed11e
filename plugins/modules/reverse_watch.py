#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answer to whether the way back works, for those who have no Ansible."""

from __future__ import annotations

DOCUMENTATION = r"""
module: reverse_watch
short_description: Let a watch ask production's host whether the way back works
version_added: "1.0.0"
description:
  - Puts a small program on this host, C(answer) in O(path), that prints the gates of M(dfr.golive.reverse_path) as
    JSON. It needs no Ansible, and reads its settings, which hold the operators' passwords, from a file for root alone.
author:
  - the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment:
  - dfr.golive.reverse
attributes:
  check_mode:
    support: full
    description: Says whether something would change.
  diff_mode:
    support: none
    description: The settings hold passwords and are never shown.
options:
  path:
    description: Folder for the program and its settings.
    type: path
    required: true
  reverse:
    required: true
"""

EXAMPLES = r"""
- name: Let the watch ask for the way back
  dfr.golive.reverse_watch:
    path: /var/lib/dfr-reverse-watch
    reverse: "{{ the_way_back }}"
  delegate_to: production
"""

RETURN = r""" # """

import sys
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _kept, _reverse_watch
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._installed import install
from ansible_collections.dfr.golive.plugins.module_utils._reverse import REVERSE_OPTIONS

PROGRAM = """#!/bin/sh
# Written by dfr.golive: says whether the way back works, and takes no argument.
PYTHONPATH={folder}/lib exec {python} -B -m {module} {settings}
"""


def work(module: AnsibleModule) -> dict[str, Any]:
    folder = Path(module.params["path"])
    settings, answer = folder / "settings.json", folder / "answer"
    program = PROGRAM.format(
        folder=folder,
        python=sys.executable,
        module=_reverse_watch.__name__,
        settings=settings,
    )
    wanted = dict(module.params["reverse"])
    changed = _kept.recall(settings) != wanted or not answer.is_file() or answer.read_text() != program
    if not module.check_mode:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if changed:
            _kept.replace(settings, wanted)
            answer.write_text(program, encoding="utf-8")
            answer.chmod(0o755)
        changed = install(folder, _reverse_watch) or changed
    return {"changed": changed}


def main() -> None:
    run_module(
        AnsibleModule(
            argument_spec={
                "path": {"type": "path", "required": True},
                "reverse": {"type": "dict", "required": True, "options": REVERSE_OPTIONS},
            },
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
