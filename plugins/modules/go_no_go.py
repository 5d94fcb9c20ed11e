#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of go_no_go, which runs as an action plugin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: go_no_go
short_description: Judge the signatures and criteria of a go-live
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Reads the folder C(signoffs) of the inventory, verifies every signature with C(ssh-keygen -Y verify), asks every
    automatic criterion, and returns one gate per team and criterion.
  - A signature holds only while country, plan, configuration, collection, images, validation report and criteria
    are what was signed; where one has changed, the gate names it.
  - A file that can't be believed closes a gate of its own, whatever the other signatures say.
  - Runs on the controller, needs no connection and changes nothing. It needs C(ssh-keygen) of OpenSSH 8.9 or newer
    there.
extends_documentation_fragment: [dfr.golive.attributes.read_only]
options:
  path:
    description: Folder with C(criteria.yml), C(allowed_signers), C(revoked_keys), the signatures and C(evidence).
    type: path
    required: true
  country:
    description: Short code of the country; the inventory's folder has to bear it.
    type: str
    required: true
  gates:
    description: What other checks found; the criteria of the probe C(gates) look at them, and they are returned first.
    type: list
    elements: dict
    default: []
  runs:
    description:
      - Earlier runs of the country, as M(dfr.golive.run_open) returns them.
      - What was signed before the last live one ended was for that one.
    type: list
    elements: dict
    default: []
  recheck:
    description:
      - Ask only whether every signature still holds, and fail when one doesn't. Age and automatic criteria don't count.
      - For a phase that was finished by an earlier run.
    type: bool
    default: false
  containers:
    description:
      - Registered results of C(community.docker.docker_container_info), looped over the country's containers by name.
      - Each image that C(criteria.yml) declares is compared with what runs; not at a O(recheck).
    type: list
    elements: dict
    default: []
  evidence:
    description: What other checks leave for the journal; signatures, verdicts and files are added to it.
    type: dict
    default: {}
seealso:
  - module: dfr.golive.readiness
"""

EXAMPLES = r"""
- name: Ask the teams
  dfr.golive.go_no_go:
    path: "{{ inventory_dir }}/signoffs"
    country: "{{ golive_country }}"
    gates: "{{ readiness.gates }}"
    runs: "{{ golive_run.earlier }}"
  check_mode: true
  register: decided
"""

RETURN = r"""
gates:
  description: Those given, then one per refused file, team and criterion.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "signoff.fao", "verdict": "pass", "detail": "FAO says go: project-lead.", "remedy": ""}]
table:
  description: All gates as plain text.
  returned: success
  type: str
summary:
  description: How many pass, and which don't.
  returned: success
  type: str
evidence:
  description: O(evidence) with what the journal keeps.
  returned: success
  type: dict
  contains:
    signoffs:
      description: Team, signer, decision, times, fingerprint of the key and digests of each signature.
      type: list
      elements: dict
    waivers:
      description: Criterion, owner, reason, expiry, fingerprint and digests of each waiver.
      type: list
      elements: dict
    decided:
      description: Cutover, plan, collection, digest of the configuration and verdict of each criterion.
      type: dict
"""
