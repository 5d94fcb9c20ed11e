#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of window_modules, which runs as an action plugin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: window_modules
short_description: Assemble the modules of the freeze window before it opens
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Before Ansible sends a module for the first time in a run, it assembles the module with everything it imports, which
    takes the controller about a third of a second each. Whatever the tasks of the freeze window call is assembled here,
    while people still write; Ansible keeps it for the rest of the run.
  - What is called is read from the tasks themselves, for this country's providers and runtimes. A module that isn't
    installed is named now, with nothing frozen.
  - Runs on the controller, needs no connection and changes nothing.
extends_documentation_fragment: [dfr.golive.attributes.read_only]
options:
  phases:
    description: The phases that are about to be played; those outside of the freeze window are passed over.
    type: list
    elements: str
    required: true
  chosen:
    description: What the inventory chooses among the files of a folder, by the expression in the file's name.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Assemble the modules of the freeze window
  dfr.golive.window_modules:
    phases: "{{ golive_run.plan }}"
    chosen:
      golive_dns.provider: "{{ golive_dns.provider }}"
      golive_applications.production.runtime: "{{ golive_applications.production.runtime }}"
"""

RETURN = r"""
modules:
  description: The full names of the modules that are assembled.
  returned: success
  type: list
  elements: str
  sample: [dfr.golive.journal, dfr.golive.sync_database]
"""
