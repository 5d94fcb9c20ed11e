#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of signoffs, which runs as an action plugin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: signoffs
short_description: Read the sign-offs of the teams that must say go
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Each team's decision is one YAML file beside the inventory, with the fields team, decision (go
    or no-go), name, role, date
    and statement.
  - Returns one gate per team, and the SHA-256 of each file so that the journal can prove what was approved.
  - Runs on the controller, needs no connection and changes nothing.
extends_documentation_fragment: [dfr.golive.attributes.read_only]
options:
  path:
    description: Folder of the files, on the controller.
    type: str
    required: true
  teams:
    description: Teams that must have said go; the file of each is C(<team>.yml).
    type: list
    elements: str
    required: true
  valid_days:
    description: How many days a decision stands; V(0) for any number.
    type: int
    default: 30
  recheck:
    description:
      - Ask only whether every decision still is go, and fail when one is gone or withdrawn; the age doesn't count.
      - For a phase that was finished by an earlier run.
    type: bool
    default: false
  evidence:
    description: What other checks found; the sign-offs are added to it.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Read the sign-offs
  dfr.golive.signoffs:
    path: "{{ inventory_dir }}/signoffs"
    teams: [national_it, fao, contractor]
  check_mode: true
  register: signoffs
"""

RETURN = r"""
gates:
  description: One gate per team; empty with O(recheck).
  returned: success
  type: list
  elements: dict
  sample: [{"name": "signoff.fao", "verdict": "pass", "detail": "Project lead said go on 2026-11-20.", "remedy": ""}]
evidence:
  description: What the journal keeps.
  returned: success
  type: dict
  contains:
    signoffs:
      description: Team, decision, role, date and SHA-256 of each file.
      type: list
      elements: dict
"""
