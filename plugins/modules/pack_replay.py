#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pack applied to a database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pack_replay
short_description: Apply a pack of writes to a database, once and only once
version_added: "1.0.0"
description:
  - A pack is what M(dfr.golive.reverse_path) writes when a country goes back after users were let in.
  - It is applied in one transaction, in the order in which it was written, after every row has been found to be
    what it was before the pack. Where every row already is what the pack makes of it, there is nothing to do.
    Everything else is a conflict, and is refused with the tables named; nothing is changed then.
  - Files of attachments are not moved; they lie in the pack's folder C(files).
author:
  - the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment:
  - dfr.golive.postgres
attributes:
  check_mode:
    support: full
    description: Applies it in a transaction that is rolled back.
  diff_mode:
    support: none
    description: There are rows to show, which say who people are.
options:
  path:
    description: Folder of the pack on the managed host.
    type: path
    required: true
  digest:
    description: SHA-256 of the pack's manifest, as journal and report have it. Another pack is refused.
    type: str
    required: true
seealso:
  - module: dfr.golive.reverse_path
"""

EXAMPLES = r"""
- name: Bring into staging what was registered in production
  dfr.golive.pack_replay:
    login_host: staging-db
    login_user: dfr_golive
    login_password: "{{ golive_databases.staging.password }}"
    database: dfr_staging
    path: /var/lib/dfr-golive/packs/tonga-20260301T200000Z
    digest: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  delegate_to: production
"""

RETURN = r"""
writes:
  description: How many writes were applied; 0 when they had been before.
  returned: success
  type: int
rows:
  description: How many rows the pack is about.
  returned: success
  type: int
state:
  description: V(applied), or V(applied earlier).
  returned: success
  type: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._postgres import POSTGRES_OPTIONS, PostgresLogin
from ansible_collections.dfr.golive.plugins.module_utils._replay import replay


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    return replay(
        PostgresLogin.from_params(params), Path(params["path"]), params["digest"], dry=module.check_mode
    )


def main() -> None:
    run_module(
        AnsibleModule(
            argument_spec={
                **POSTGRES_OPTIONS,
                "path": {"type": "path", "required": True},
                "digest": {"type": "str", "required": True},
            },
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
