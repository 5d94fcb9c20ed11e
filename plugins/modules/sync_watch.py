#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the watch over the log that is held back looks at."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sync_watch
short_description: Install the watch over the log that is held back
version_added: "1.0.0"
description:
  - Puts a watch on this host, and its settings beside it. From the seeding of the copy until that is settled or
    dropped it looks how much log staging's and production's servers keep for it. It warns at half the limit, and drops
    the slots of a server past it, so that no disk fills; why is kept for the gate on the night.
  - The settings hold the operators' and the mail server's passwords, and are root's alone.
author:
  - the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment:
  - dfr.golive.sync
  - dfr.golive.mail
attributes:
  check_mode:
    support: full
    description: Says what it would do, and changes nothing.
  diff_mode:
    support: none
    description: Shows the names of the databases before and after.
options:
  country:
    description: The country's short name, for the mails.
    type: str
    required: true
  settings_path:
    description: Where the settings go; the watch itself and what it remembers lie beside them.
    type: path
    required: true
  cron_path:
    description: The file that makes cron start the watch; it removes it when it ends.
    type: path
    required: true
  to:
    description: Addresses that are warned; nobody but the log of the watch when empty.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Watch the log
  dfr.golive.sync_watch:
    run_id: prepare
    source: "{{ staging_login }}"
    target: "{{ production_login }}"
    filestore:
      path: /srv/dfr/odoo/data/filestore
      owner: "100:101"
      host: staging.example.org
    replication:
      reach:
        host: staging-db.example.org
    country: tonga
    settings_path: /var/lib/dfr-golive/slot-watch/settings.json
    cron_path: /etc/cron.d/dfr_golive_slots
    mail_host: mail.example.org
    mail_sender: golive@example.org
  delegate_to: production
"""

RETURN = r"""
needed:
  description: Whether there is anything to watch; not once production is swapped.
  returned: success
  type: bool
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _kept, _slot_watch
from ansible_collections.dfr.golive.plugins.module_utils._announce import MAIL_OPTIONS
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._installed import install
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import (
    SYNC_OPTIONS,
    SYNC_REQUIRED_IF,
    Plan,
    look,
)


def work(module: AnsibleModule) -> dict[str, Any]:
    plan, params = Plan.from_params(module.params), module.params
    if plan.method != "replication":
        return {"changed": False, "needed": False}
    with connect(plan.target.maintenance(), autocommit=True) as admin:
        world = look(admin, plan)
    if world.swapped:
        return {"changed": False, "needed": False}
    pair = plan.pair()
    path = Path(params["settings_path"])
    if not world.copy and not module.check_mode:
        # It retires when the copy it has seen is gone; this one it has not seen yet.
        _kept.forget(path.with_name("state.json"))
    wanted = {
        "country": params["country"],
        "name": pair.name,
        "label": pair.label,
        "sides": {"staging": vars(pair.source_admin()), "production": vars(pair.target_admin())},
        "limit_bytes": plan.follow().wal_bytes,
        "mail": {name.removeprefix("mail_"): params[name] for name in MAIL_OPTIONS},
        "to": params["to"],
        "installed": [params["cron_path"]],
    }
    changed = _kept.recall(path) != wanted
    if not module.check_mode:
        if changed:
            _kept.replace(path, wanted)
        changed = install(path.parent, _slot_watch) or changed
    return {"changed": changed, "needed": True}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **SYNC_OPTIONS,
            **MAIL_OPTIONS,
            "country": {"type": "str", "required": True},
            "settings_path": {"type": "path", "required": True},
            "cron_path": {"type": "path", "required": True},
            "to": {"type": "list", "elements": "str", "default": []},
        },
        required_if=SYNC_REQUIRED_IF,
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
