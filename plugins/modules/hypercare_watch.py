#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hypercare_watch
short_description: Give the hypercare watch its settings, and prove that it is at work
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - The watch is a small program on this host, started by cron. It looks at production as users see it, writes
    one line per look and one status per day, and removes itself when the agreed days are over.
attributes:
  check_mode:
    description: With O(state=proven) no look is taken; with O(state=configured) nothing is written.
    support: full
  diff_mode:
    description: The settings hold passwords and are never shown.
    support: none
options:
  state:
    description:
      - V(configured) puts the library of the watch into O(lib_dir) and writes its settings, readable for root alone. A
        watch at work keeps the moment it started; one that starts anew has what an earlier one saw moved aside.
      - V(proven) checks that every audience has been told, that the cron entry counts, and that a look taken now
        finds all well. Once the agreed days are over, the final status is enough.
    type: str
    choices: [configured, proven]
    required: true
  state_dir:
    description: Folder of the before-states on this host; the watch writes to C(<country>/watch) below it.
    type: str
    required: true
  country:
    description: Short code of the country.
    type: str
    required: true
  lib_dir:
    description: Folder of the watch on this host. Needed with O(state=configured).
    type: path
  settings:
    description: All the watch has to know but the passwords. Needed with O(state=configured).
    type: dict
    default: {}
  login_password:
    description: Password of the account that the watch logs in with.
    type: str
    default: ''
  mail_password:
    description: Password at the mail server, for the daily status.
    type: str
    default: ''
  days:
    description: How many days the watch lasts.
    type: int
    default: 14
  cron_path:
    description: The cron entry.
    type: str
    default: ''
  program:
    description: The watch's program.
    type: str
    default: ''
  python:
    description: The interpreter that runs the watch.
    type: str
    default: /usr/bin/python3
  interval_minutes:
    description: How many minutes lie between two looks.
    type: int
    default: 5
  patience_seconds:
    description: How many seconds one look may take.
    type: int
    default: 150
  recheck:
    description: Whether a good look of the last three intervals is enough.
    type: bool
    default: false
  run_id:
    description: The run that has announced.
    type: str
    default: ''
  mail_sender:
    description: Address that the announcement came from.
    type: str
    default: ''
  audiences:
    description: Who has to have been told.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Prove that the watch is at work
  dfr.golive.hypercare_watch:
    state: proven
    state_dir: /var/lib/dfr-golive
    country: demo
    cron_path: /etc/cron.d/dfr-golive-demo
    program: /opt/dfr-golive/demo/watch.py
    run_id: "{{ golive_run.id }}"
    mail_sender: golive@demo.example
    audiences:
      - {name: administrators, language: en, to: [administrators@demo.example]}
"""

RETURN = r"""
evidence:
  description: Who has been told and what the last look found.
  returned: with O(state=proven)
  type: dict
  sample:
    told: [{name: administrators, language: en, accepted: 1}]
    watch: {ended: false, samples: 1, last: {seconds: 1.2, checks: {app.health: pass}}}
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _hypercare, _kept, _watch
from ansible_collections.dfr.golive.plugins.module_utils._announce import Audience, MailServer, Postbox
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._installed import install


def configure(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    folder = _hypercare.watch_folder(params["state_dir"], params["country"])
    settings = {
        **params["settings"],
        "password": params["login_password"],
        "mail": {**params["settings"].get("mail", {}), "password": params["mail_password"]},
    }
    changed = _hypercare.install_settings(folder, settings, params["days"], check_only=module.check_mode)
    if not module.check_mode:
        changed = install(Path(params["lib_dir"]), _watch) or changed
    return {"changed": changed}


def prove(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    folder = _hypercare.watch_folder(params["state_dir"], params["country"])
    kept = _kept.kept_path(params["state_dir"], params["country"], "announcements")
    postbox = Postbox(MailServer("", 0, params["mail_sender"]), kept, "")
    audiences = [Audience.from_dict(raw) for raw in params["audiences"]]
    told = _hypercare.prove_announced(postbox, audiences, params["run_id"])
    installed = _hypercare.Installed(
        folder=folder,
        cron_path=Path(params["cron_path"]),
        command=(params["python"], params["program"], str(folder / "settings.json")),
        interval=params["interval_minutes"] * 60.0,
        patience=float(params["patience_seconds"]),
    )
    seen = _hypercare.prove_watch(installed, fresh_is_enough=params["recheck"] or module.check_mode)
    return {"changed": False, "evidence": {"told": told, "watch": seen}}


def work(module: AnsibleModule) -> dict[str, Any]:
    return configure(module) if module.params["state"] == "configured" else prove(module)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["configured", "proven"], "required": True},
            "state_dir": {"type": "str", "required": True},
            "country": {"type": "str", "required": True},
            "lib_dir": {"type": "path"},
            "settings": {"type": "dict", "default": {}},
            "login_password": {"type": "str", "default": "", "no_log": True},
            "mail_password": {"type": "str", "default": "", "no_log": True},
            "days": {"type": "int", "default": 14},
            "cron_path": {"type": "str", "default": ""},
            "program": {"type": "str", "default": ""},
            "python": {"type": "str", "default": "/usr/bin/python3"},
            "interval_minutes": {"type": "int", "default": 5},
            "patience_seconds": {"type": "int", "default": 150},
            "recheck": {"type": "bool", "default": False},
            "run_id": {"type": "str", "default": ""},
            "mail_sender": {"type": "str", "default": ""},
            "audiences": {"type": "list", "elements": "dict", "default": []},
        },
        required_if=[("state", "configured", ["lib_dir"])],
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
