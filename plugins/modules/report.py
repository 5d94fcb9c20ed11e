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
  - Writes C(validation.json) and C(validation.html) beside them, in all of O(languages), for an official to sign.
  - Writes C(hypercare.json) and C(hypercare.html) once the hypercare watch has looked, and C(index.html) over
    all runs of all countries into O(artifacts_dir).
  - It runs on the controller only. What tells of a run changes when its journal does, so writing the same report
    again changes nothing; what tells of hypercare changes with each look of the watch.
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
    description: What M(dfr.golive.journal_info) returned, asked with C(for_report).
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
  templates:
    description: Folder on the controller with the Jinja2 templates of the pages.
    type: path
    required: true
  languages:
    description: Languages of the pages, each of which needs a catalogue; all but C(validation.html) are in
      English besides.
    type: list
    elements: str
    default: [en]
  timezone:
    description: Time zone of the pages, as the tz database names it.
    type: str
    default: UTC
  declared:
    description: How many checks the country declares for its data; fewer results make the validation incomplete.
    type: int
    default: 0
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
    for_report: true
  register: info

- name: Write the report
  dfr.golive.report:
    info: "{{ info }}"
    title: Kingdom of Tonga
    templates: "{{ role_path }}/templates"
    languages: [en, fr]
    timezone: Pacific/Tongatapu
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
validation:
  description: Path of validation.html on the controller; empty in check mode.
  type: str
  returned: success
outcome:
  description: What the run came to, as the report says it.
  type: str
  returned: success
stats:
  description: What the next job of a workflow may want to know, small enough to be handed on.
  type: dict
  returned: success
  contains:
    country: {description: The country., type: str}
    run_id: {description: The run., type: str}
    outcome: {description: What the run came to., type: str}
    done: {description: Phases that are done., type: list, elements: str}
    window_open: {description: Whether nobody can register a farmer now., type: bool}
    window_seconds: {description: "The freeze window, once it is closed.", type: float}
    journal_records: {description: Number of records the report was computed from., type: int}
    journal_head: {description: Hash of the last of them., type: str}
text:
  description: The report in a few lines, for people.
  type: str
  returned: success
"""
