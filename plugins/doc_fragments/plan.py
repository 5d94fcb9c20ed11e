# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of what the plan of the night is made of."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  country:
    description: Short code of the country.
    type: str
    required: true
  title:
    description: Name of the country for people.
    type: str
    required: true
  timezone:
    description: Time zone of the country, as the tz database names it.
    type: str
    required: true
  languages:
    description: Languages of plan and runbooks, the calendar's first; each needs a catalogue.
    type: list
    elements: str
    required: true
  plan:
    description: What the country declares of its night, the variable C(golive_plan).
    type: dict
    default: {}
  holds:
    description: The hold points by phase, the variable C(golive_holds).
    type: dict
    default: {}
  rehearsals:
    description: What the rehearsals came to, as M(dfr.golive.rehearsals_info) returns them.
    type: list
    elements: dict
    required: true
  signoffs:
    description: Folder C(signoffs) of the inventory on the controller; the plan's digest is computed from it.
    type: path
    required: true
  signed:
    description: Whether the teams sign; the night must then be the one in C(criteria.yml).
    type: bool
    default: false
  ttl:
    description: TTL of the switched name, in seconds.
    type: int
    required: true
  hypercare_days:
    description: Days that the registry is watched closely.
    type: int
    required: true
  artifacts_dir:
    description:
      - Folder on the controller.
      - When empty, C(artifacts) beside the folder C(inventories) the inventory lies in, or in the current
        folder when there is none.
    type: str
    default: ''
  templates:
    description: Folder on the controller with the Jinja2 templates of the pages.
    type: path
    required: true
"""
