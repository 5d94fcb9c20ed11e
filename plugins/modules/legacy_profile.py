#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: legacy_profile
short_description: Look at a legacy source and propose a first mapping
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Reads tables, sheets or files of a source and says what their columns hold - kinds, empty and different values,
    suspicious dates, encodings, code lists.
  - Proposes a mapping from that. Apart from the values of code lists no row's content is returned.
extends_documentation_fragment: [dfr.golive.attributes.read_only, dfr.golive.legacy.connection]
options:
  name:
    description: Name of the source.
    type: str
    required: true
  kind:
    description: What the source is.
    type: str
    required: true
    choices: [mariadb, postgresql, sqlserver, sqlite, csv, xlsx, ods, kobo]
  path:
    description: The file, or folder of CSV files, on the managed host.
    type: path
    default: ''
  encoding:
    description: Of CSV files; found out when empty.
    type: str
    default: ''
  tables:
    description: What to look at; all there is when empty.
    type: list
    elements: str
    default: []
  max_rows:
    description: Rows looked at in each.
    type: int
    default: 200000
requirements:
  - SQLAlchemy >= 2, openpyxl or ijson on the managed host, as the kind of the source asks for
"""

EXAMPLES = r"""
- name: What is in the ministry's workbook?
  dfr.golive.legacy_profile:
    name: ministry
    kind: xlsx
    path: /srv/legacy/farmers.xlsx
  register: seen
"""

RETURN = r"""
tables:
  description: What each column of each table holds.
  returned: success
  type: dict
  sample: {farmers: [{name: dob, kind: date, formats: ['%d/%m/%Y'], rows: 5000, empty: 12, distinct: 3988, notes: []}]}
mapping:
  description: The proposed mapping, YAML.
  returned: success
  type: str
  sample: |-
    source: ministry
    kind: xlsx
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Limits, Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.options import LEGACY_OPTIONS, login_of
from ansible_collections.dfr.golive.plugins.module_utils._legacy.profile import profile, propose
from ansible_collections.dfr.golive.plugins.module_utils._legacy.schema import KINDS
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import open_source


def work(module: AnsibleModule) -> dict[str, Any]:
    p = module.params
    login = login_of(p)
    mapping = Mapping(
        name=p["name"],
        kind=p["kind"],
        connection=p["name"] if login else "",
        path=p["path"],
        media="",
        encoding=p["encoding"],
        delimiter="",
        quote=None,
        entities={},
        limits=Limits(),
        fingerprint="",
    )
    source = open_source(mapping, login)
    try:
        found = profile(mapping, source, p["tables"], p["max_rows"])
    finally:
        source.close()
    tables = {table: [asdict(column) for column in columns] for table, columns in found.items()}
    return {"changed": False, "tables": tables, "mapping": propose(mapping, found)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "kind": {"type": "str", "required": True, "choices": list(KINDS)},
            "path": {"type": "path", "default": ""},
            "encoding": {"type": "str", "default": ""},
            "connection": LEGACY_OPTIONS["connection"],
            "tables": {"type": "list", "elements": "str", "default": []},
            "max_rows": {"type": "int", "default": 200000},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
