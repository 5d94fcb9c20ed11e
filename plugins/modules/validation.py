#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of validation, which runs as an action plugin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: validation
short_description: Write the validation report of a move between two databases
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Writes C(validation.json) and C(validation.html) on the controller, for somebody to read and sign, from what
    M(dfr.golive.replica_cutover) and M(dfr.golive.reconcile) returned. A go-live writes its own with its report.
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
  title:
    description: What was moved, for people.
    type: str
    required: true
  cutover:
    description: What M(dfr.golive.replica_cutover) returned; empty when it hasn't succeeded.
    type: dict
    default: {}
  differences:
    description: The rows it named when they differ.
    type: list
    elements: dict
    default: []
  failure:
    description: Why the comparison failed; empty when it didn't.
    type: str
    default: ''
  reconciliation:
    description: What M(dfr.golive.reconcile) returned under this name.
    type: list
    elements: dict
    default: []
  declared:
    description: How many checks were declared; fewer results make the report incomplete.
    type: int
    default: 0
  languages:
    description: Languages of the report, each of which needs a catalogue.
    type: list
    elements: str
    default: [en]
  timezone:
    description: Time zone of the report, as the tz database names it.
    type: str
    default: UTC
  dest:
    description: Folder on the controller.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Write what is to be signed
  dfr.golive.validation:
    title: Land registry
    cutover: "{{ cutover }}"
    dest: artifacts/land
"""

RETURN = r"""
outcome:
  description: V(valid), V(invalid) or V(incomplete).
  type: str
  returned: success
sha256:
  description: Digest of validation.json.
  type: str
  returned: success
"""
