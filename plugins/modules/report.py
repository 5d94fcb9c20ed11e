#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Write the report of a run on the controller
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Writes C(report.json) (schema C(dfr.golive/report/1)) and C(report.html) of one run from what
    M(dfr.golive.journal_info) returned, into C(<artifacts_dir>/<country>/<run_id>/), and points C(latest)
    beside that folder at it.
  - It runs on the controller only. The files change when the journal does, so writing the same report
    again changes nothing.
attributes:
  check_mode:
    description: Writes nothing.
    support: full
  diff_mode:
    description: Shows what it changes.
    support: none
  action:
    description: Runs wholly on the controller.
    support: full
options:
  info:
    description: What M(dfr.golive.journal_info) returned, asked with its evidence C(sync_data/tables).
    type: dict
    required: true
  title:
    description: Name of the country for people; its code when empty.
    type: str
    default: ''
  artifacts_dir:
    description:
      - Folder on the controller.
      - When empty, C(artifacts) beside the folder C(inventories) the inventory lies in, or in the current
        folder when there is none.
    type: str
    default: ''
  template:
    description: Jinja2 template of C(report.html) on the controller.
    type: path
    required: true
seealso:
  - module: dfr.golive.journal_info
requirements:
  - jinja2 on the controller, which ansible-core brings
"""

EXAMPLES = r"""
- name: Read the journal
  dfr.golive.journal_info:
    state_dir: /var/lib/dfr-golive
    country: tonga
    evidence: [sync_data/tables]
  register: info

- name: Write the report
  dfr.golive.report:
    info: "{{ info }}"
    title: Kingdom of Tonga
    template: "{{ role_path }}/templates/report.html.j2"
"""

RETURN = r"""
json:
  description: Path of report.json on the controller; empty in check mode.
  type: str
  returned: success
html:
  description: Path of report.html on the controller; empty in check mode.
  type: str
  returned: success
outcome:
  description: What the run came to, as the report says it.
  type: str
  returned: success
text:
  description: The report in a few lines, for people.
  type: str
  returned: success
"""
