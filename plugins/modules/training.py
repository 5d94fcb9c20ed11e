#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: training
short_description: Write a role's training on the controller, or score it
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment: [dfr.golive.plan]
description:
  - A training is a role's own steps of the plan with planted incidents and three choices at each, written into
    C(<artifacts_dir>/<country>/training/) with a file of decisions to fill in. Nothing is asked at the keyboard.
  - With O(decisions) it scores them, and writes what was decided and what would have been best beside it. Two right
    decisions of three pass, as long as none would have done harm.
  - The same role, seed and plan make the same training, and the same decisions the same score.
  - It runs on the controller only.
attributes:
  check_mode:
    description: Writes nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
  action:
    description: Runs wholly on the controller.
    support: full
options:
  role:
    description: Whose training; national_it, fao, contractor, administrator or enumerator.
    type: str
    required: true
  seed:
    description: Orders the choices; another seed, another order.
    type: int
    default: 1
  decisions:
    description: The filled-in file on the controller; none, and the training is written.
    type: path
    default: ''
seealso:
  - module: dfr.golive.plan
"""

EXAMPLES = r"""
- name: Write the training of the enumerators
  dfr.golive.training:
    role: enumerator
    country: tonga
    title: Kingdom of Tonga
    timezone: Pacific/Tongatapu
    languages: [en]
    rehearsals: []
    signoffs: "{{ inventory_dir }}/signoffs"
    ttl: 60
    hypercare_days: 14
    templates: "{{ role_path }}/templates"
"""

RETURN = r"""
result:
  description: The score, as in C(<role>-<seed>.result.json); empty without decisions.
  type: dict
  returned: success
  contains:
    passed:
      description: Whether enough was decided right, and nothing that does harm.
      type: bool
      returned: with decisions
    percent:
      description: Of the decisions, how many were the best.
      type: float
      returned: with decisions
    harmful:
      description: Incidents at which harm was decided.
      type: list
      elements: str
      returned: with decisions
text:
  description: The same for people.
  type: str
  returned: success
"""
