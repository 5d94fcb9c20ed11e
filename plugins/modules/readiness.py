#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of readiness, which runs as an action plugin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: readiness
short_description: Judge all of preflight's answers together
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Takes the registered results of preflight's probes, makes a gate of every answer that didn't
    come, compares what only makes
    sense beside another answer, and returns one list and one table.
  - Runs on the controller as an action plugin, needs no connection and changes nothing.
extends_documentation_fragment: [dfr.golive.attributes.read_only]
options:
  hosts:
    description: Registered result of M(dfr.golive.host_readiness), looped over the hosts.
    type: raw
    required: true
  expected_hosts:
    description: The hosts that had to answer.
    type: list
    elements: str
    required: true
  conductor:
    description: The host against whose clock the others are compared.
    type: str
    required: true
  databases:
    description: Registered result of M(dfr.golive.postgresql_readiness), looped over the keys of O(expected_databases).
    type: raw
    required: true
  expected_databases:
    description: Database -> the host it was asked from.
    type: dict
    required: true
  applications:
    description: Registered result of M(dfr.golive.odoo_readiness), looped over the keys of O(expected_applications).
    type: raw
    required: true
  storage:
    description: Registered result of M(dfr.golive.storage_readiness), looped over the keys of O(expected_applications).
    type: raw
    required: true
  expected_applications:
    description: Application -> the host it was asked from.
    type: dict
    required: true
  door:
    description: Registered result of M(dfr.golive.door_readiness).
    type: raw
    required: true
  runtimes:
    description:
      - Registered results of C(community.docker.docker_container_info) and C(ansible.builtin.systemd_service),
        looped over the items of O(expected_runtimes).
    type: list
    elements: dict
    default: []
  expected_runtimes:
    description: Part of the country -> its C(vm), C(unit) and C(runtime).
    type: dict
    default: {}
  rooms:
    description: Later phase -> list of the registered results of its gate.
    type: dict
    default: {}
  rehearsals:
    description:
      - The rehearsals of this country, as M(dfr.golive.run_open) returns them; the last one of the plan that is
        about to run must have passed. Left out in a rehearsal.
    type: list
    elements: dict
  rehearsal_days:
    description: How many days old that rehearsal may be; 0 for not asking.
    type: int
    default: 30
  plan:
    description: Folder C(signoffs) of the inventory; the plan is what its C(criteria.yml) says, with the phases.
    type: path
  signoffs:
    description: Registered result of M(dfr.golive.signoffs); left out where M(dfr.golive.go_no_go) asks the teams.
    type: raw
  max_skew_seconds:
    description: Most that two clocks may differ.
    type: float
    default: 2
"""

EXAMPLES = r"""
- name: Judge everything together
  dfr.golive.readiness:
    hosts: "{{ __preflight_hosts }}"
    expected_hosts: "{{ groups['all'] }}"
    conductor: ops
    databases: "{{ __preflight_databases }}"
    expected_databases: {staging: staging, production: production}
    applications: "{{ __preflight_applications }}"
    storage: "{{ __preflight_storage }}"
    expected_applications: {staging: staging, production: production}
    door: "{{ __preflight_door }}"
    signoffs: "{{ __preflight_signoffs }}"
  register: __preflight_gate
"""

RETURN = r"""
gates:
  description: All verdicts, each name once.
  returned: success
  type: list
  elements: dict
table:
  description: The same as plain text, one line each, remedies below.
  returned: success
  type: str
summary:
  description: How many pass, and the names of those that don't.
  returned: success
  type: str
reachable:
  description: The hosts that answered.
  returned: success
  type: list
  elements: str
evidence:
  description: What the journal keeps.
  returned: success
  type: dict
"""
