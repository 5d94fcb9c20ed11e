#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hypercare_readiness
short_description: Ask whether hypercare may start
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Asks whether the mail server takes mail from the sender, whether the audiences can be told in their languages,
    and whether this host can run the watch. No mail is sent and nothing is changed.
requirements:
  - a cron daemon, tzdata, dnspython and OdooRPC on the host that executes the module
extends_documentation_fragment:
  - dfr.golive.mail
  - dfr.golive.mail.audiences
  - dfr.golive.attributes.read_only
options:
  templates:
    description: Paths of the announcement templates there are, C(announcement.<language>.txt.j2).
    type: list
    elements: str
    required: true
  days:
    description: How many days the watch lasts.
    type: int
    required: true
  interval_minutes:
    description: How many minutes lie between two looks.
    type: int
    required: true
  timezone:
    description: Time zone of the country.
    type: str
    required: true
  status_hour:
    description: From what hour of the day on the status of the day before is written.
    type: int
    required: true
  status_to:
    description: Addresses that get the daily status.
    type: list
    elements: str
    default: []
  python:
    description: The interpreter that runs the watch.
    type: str
    default: /usr/bin/python3
"""

EXAMPLES = r"""
- name: May hypercare start?
  dfr.golive.hypercare_readiness:
    mail_host: mail.example
    mail_port: 25
    mail_sender: golive@demo.example
    audiences:
      - {name: administrators, language: en, to: [administrators@demo.example]}
    templates: [templates/announcement.en.txt.j2]
    days: 14
    interval_minutes: 5
    timezone: Pacific/Tongatapu
    status_hour: 7
  register: readiness
"""

RETURN = r"""
gates:
  description: One verdict per question.
  returned: always
  type: list
  elements: dict
  sample:
    - name: hypercare.mail
      verdict: pass
      detail: "mail.example:25 takes mail from golive@demo.example, without TLS."
      remedy: ''
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _hypercare
from ansible_collections.dfr.golive.plugins.module_utils._announce import MAIL_OPTIONS, Audience, MailServer
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    gates = _hypercare.gates(
        server=MailServer.from_params(params),
        audiences=[Audience.from_dict(raw) for raw in params["audiences"]],
        templates=params["templates"],
        schedule=_hypercare.Schedule(
            days=params["days"],
            interval_minutes=params["interval_minutes"],
            timezone=params["timezone"],
            status_hour=params["status_hour"],
            status_to=tuple(params["status_to"]),
        ),
        python=params["python"],
    )
    return {"changed": False, "gates": [gate.as_dict() for gate in gates]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **MAIL_OPTIONS,
            "audiences": {"type": "list", "elements": "dict", "required": True},
            "templates": {"type": "list", "elements": "str", "required": True},
            "days": {"type": "int", "required": True},
            "interval_minutes": {"type": "int", "required": True},
            "timezone": {"type": "str", "required": True},
            "status_hour": {"type": "int", "required": True},
            "status_to": {"type": "list", "elements": "str", "default": []},
            "python": {"type": "str", "default": "/usr/bin/python3"},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
