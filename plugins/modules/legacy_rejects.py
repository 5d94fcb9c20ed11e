#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: legacy_rejects
short_description: Export the rows of a legacy source that were set aside
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Writes a workbook in the source's own shape; beside each row the reasons in several languages and what may be right.
  - People correct it; M(dfr.golive.legacy_late) reads it back.
  - A text that a spreadsheet program would take for a formula has an apostrophe in front, taken away on the way back.
attributes:
  check_mode:
    description: Nothing is written in check mode.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
extends_documentation_fragment:
  - dfr.golive.legacy
  - dfr.golive.legacy.connection
options:
  path:
    description: The workbook on the managed host; made anew, readable by root only.
    type: path
    required: true
  languages:
    description: Of the reasons; a catalogue is needed for each.
    type: list
    elements: str
    default: [en, fr]
"""

EXAMPLES = r"""
- name: Write down what was set aside
  dfr.golive.legacy_rejects:
    mapping: "{{ lookup('ansible.builtin.file', 'legacy/old_registry.yml') }}"
    store: /var/lib/dfr-golive/legacy/old_registry.sqlite
    path: /var/lib/dfr-golive/legacy/old_registry.rejects.xlsx
"""

RETURN = r"""
entities:
  description: Rows written for each entity.
  returned: not in check mode
  type: dict
  sample: {farmers: 12, plots: 3}
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._language import languages
from ansible_collections.dfr.golive.plugins.module_utils._legacy.options import (
    LEGACY_OPTIONS,
    alone,
    mapping_of,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.rejects import export


def work(module: AnsibleModule) -> dict[str, Any]:
    p = module.params
    mapping = mapping_of(p)
    told = languages(p["languages"])
    if module.check_mode:
        return {"changed": True}
    with alone(Path(p["store"])) as store:
        return {"changed": True, "entities": export(mapping, store, Path(p["path"]), told)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **LEGACY_OPTIONS,
            "path": {"type": "path", "required": True},
            "languages": {"type": "list", "elements": "str", "default": ["en", "fr"]},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
