#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of check_inventory, which runs as an action plugin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: check_inventory
short_description: Read a country's inventory and report everything that is wrong with it
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Checks the variables all phases share, each phase's own variables and the inventory's groups
    against the argument specs
    of this collection, and the values against each other.
  - Reports all problems together, one sentence each, with the variable and the remedy. Values of
    secret options are never shown.
  - Refuses a rehearsal that shares an address, a name or a container with the country it rehearses, and a live run
    of an inventory that isn't armed.
  - Runs on the controller, needs no connection, takes less than a second and changes nothing.
  - Misspelt variables are found by their prefix (C(golive_) or the name of a role) and by their
    likeness to known ones.
options: {}
extends_documentation_fragment: [dfr.golive.attributes.read_only]
seealso:
  - name: inventories/template
    description: The commented starting point for a country.
    link: https://github.com/dfr-golive/dfr.golive/tree/main/inventories/template
"""

EXAMPLES = r"""
- name: Read the country before touching it
  dfr.golive.check_inventory:
  delegate_to: localhost
  become: false
"""

RETURN = r"""
msg:
  description: All problems, one line each; or that there are none.
  returned: always
  type: str
  sample: The inventory of tonga is complete and consistent (74 variables read).
rehearses:
  description: In a rehearsal, the live country it rehearses.
  type: dict
  returned: when golive_rehearsal_of is set
  contains:
    country:
      description: Its short code.
      type: str
      returned: success
    state_dir:
      description: Its golive_state_dir.
      type: str
      returned: success
    plan:
      description: Digest of its plan.
      type: str
      returned: success
    live:
      description: What has to be out of reach, each with C(address), C(port) and C(variable).
      type: list
      elements: dict
      returned: success
"""
