#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Write the plan of the night and the runbooks on the controller
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
extends_documentation_fragment: [dfr.golive.plan]
description:
  - Computes the timeline of a go-live (steps, owners, dependencies, hold points, messages) with the seconds that the
    rehearsals took, and the last safe moment to turn back, which is the end of the window without the longest way back
    measured and the TTL of the name.
  - Writes C(plan.html), C(plan.json), C(plan.ics) (where the night is set) and C(runbook-<role>.html) into
    C(<artifacts_dir>/<country>/plan/). All moments are in the country's time zone.
  - It runs on the controller only. The files change when the plan does, so writing the same plan again changes nothing.
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
seealso:
  - module: dfr.golive.rehearsals_info
requirements:
  - icalendar 6 or newer on the controller, where the night is set
"""

EXAMPLES = r"""
- name: Write the plan
  dfr.golive.plan:
    country: tonga
    title: Kingdom of Tonga
    timezone: Pacific/Tongatapu
    languages: [en]
    plan:
      start: "2026-11-22T20:00:00+13:00"
      end: "2026-11-23T04:00:00+13:00"
    rehearsals: "{{ rehearsed.rehearsals }}"
    signoffs: "{{ inventory_dir }}/signoffs"
    ttl: 60
    hypercare_days: 14
    templates: "{{ role_path }}/templates"
"""

RETURN = r"""
plan:
  description: The content of plan.json.
  type: dict
  returned: success
text:
  description: The plan for a terminal.
  type: str
  returned: success
"""
