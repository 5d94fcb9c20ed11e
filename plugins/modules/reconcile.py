#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: reconcile
short_description: Ask what a country declares must hold for its registry
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Evaluates named checks inside one or two PostgreSQL databases, both at once, each through one read-only snapshot.
  - Totals, and a query without O(checks[].at_most), have to be equal on both sides. Orphans, duplicates and attachments
    that contradict their file are counted, and the target may have O(checks[].at_most) of them.
  - With one side alone, equality can't be judged; it is asked whether each check can be evaluated, and
    the counts are judged.
  - A table or column that isn't there, a statement over its limit and a right that is missing make a check V(unknown),
    and V(unknown) doesn't pass.
  - No value of a record is returned but those of O(checks[].by), of which there may be 500 at the most; faulty
    records are named by their key, or by a digest of it when it is no number.
attributes:
  check_mode:
    description: Reads only, with and without check mode.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  filestore:
    description: Directory of the target's files on this host, to check attachments against; left out when empty.
    type: path
  checks:
    description: What must hold.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Short and stable, in small letters, digits and C(_).
        type: str
        required: true
      kind:
        description:
          - V(totals) counts rows and sums columns by group.
          - V(orphans) are records that refer to a parent that isn't there.
          - V(duplicates) are values that several records have.
          - V(attachments) are Odoo's, which have to lie in the filestore under the digest the database has of them.
          - V(query) is a statement of your own that returns one number.
        type: str
        required: true
        choices: [totals, orphans, duplicates, attachments, query]
      title:
        description: What people read; a text, or a dictionary with one for each language.
        type: raw
        required: true
      table:
        description: The table, with its schema unless that is C(public).
        type: str
      by:
        description: V(totals) - columns to group by.
        type: list
        elements: str
      sum:
        description: V(totals) - columns to sum up, as exact numbers.
        type: list
        elements: str
      labels:
        description:
          - V(totals) - what people read instead of a column's name or a value in it; each a text, or a dictionary
            with one for each language.
        type: dict
      column:
        description: V(orphans) - the column that refers to the parent; empty ones aren't counted.
        type: str
      parent:
        description: V(orphans) - the parent's table.
        type: str
      parent_column:
        description: V(orphans) - the parent's key, C(id) unless given.
        type: str
      columns:
        description: V(duplicates) - columns that together must be there once; records with an empty one don't count.
        type: list
        elements: str
      normalise:
        description: V(duplicates) - whether case, spaces and punctuation make no difference; V(true) unless given.
        type: bool
      key:
        description: The column by which faulty records are named, C(id) unless given.
        type: str
      sql:
        description: V(query) - one statement, run in a read-only transaction with C(public) as search path.
        type: str
      at_most:
        description: How many the target may have; 0 unless given. A V(query) without it has to be equal on both sides.
        type: int
  enforce:
    description: Whether a check that doesn't pass fails the task.
    type: bool
    default: true
  jobs:
    description: Parallel connections for each side.
    type: int
    default: 2
  limit_seconds:
    description: Limit for each statement.
    type: int
    default: 600
extends_documentation_fragment: dfr.golive.postgres.source_and_target
"""

EXAMPLES = r"""
- name: Compare what officials know
  dfr.golive.reconcile:
    source: "{{ staging_login }}"
    target: "{{ production_login }}"
    checks:
      - name: farmers_by_province
        kind: totals
        title: {en: Farmers by province, fr: Agriculteurs par province}
        table: dfr_farmer
        by: [province, status]
      - name: national_id_twice
        kind: duplicates
        title: National ids that several farmers have
        table: dfr_farmer
        columns: [national_id]
        at_most: 12
  delegate_to: production
"""

RETURN = r"""
reconciliation:
  description: Each check with its verdict and both sides' figures, in the order of the declaration.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The check.
      type: str
    verdict:
      description: V(pass), V(fail) or V(unknown).
      type: str
    detail:
      description: One sentence with the figures.
      type: str
    rows:
      description: Totals, group by group, with both sides' counts and sums.
      type: list
      elements: dict
    source:
      description: What the source answered.
      type: dict
    target:
      description: What the target answered.
      type: dict
gates:
  description: The same as gates.
  returned: success
  type: list
  elements: dict
seconds:
  description: How long it took.
  returned: success
  type: float
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module
from ansible_collections.dfr.golive.plugins.module_utils._postgres import POSTGRES_OPTIONS, PostgresLogin
from ansible_collections.dfr.golive.plugins.module_utils._reconciliation import CHECK_OPTIONS, parse, refuse
from ansible_collections.dfr.golive.plugins.module_utils._reconciliation_probes import evaluate


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    begun = time.monotonic()
    sides = {
        name: PostgresLogin.from_params(params[name]) if params[name] else None
        for name in ("source", "target")
    }
    results = evaluate(
        parse(params["checks"]),
        **sides,
        filestore=Path(params["filestore"]) if params["filestore"] else None,
        jobs=params["jobs"],
        limit_seconds=params["limit_seconds"],
    )
    if params["enforce"]:
        refuse(results)
    return {
        "changed": False,
        "reconciliation": [result.as_dict() for result in results],
        "gates": [result.gate().as_dict() for result in results],
        "seconds": round(time.monotonic() - begun, 3),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "dict", "options": POSTGRES_OPTIONS},
            "target": {"type": "dict", "options": POSTGRES_OPTIONS},
            "filestore": {"type": "path"},
            "checks": {"type": "list", "elements": "dict", "required": True, "options": CHECK_OPTIONS},
            "enforce": {"type": "bool", "default": True},
            "jobs": {"type": "int", "default": 2},
            "limit_seconds": {"type": "int", "default": 600},
        },
        required_one_of=[("source", "target")],
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
