#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hypercare_announce
short_description: Mail the announcement to each audience, once
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Sends one message per audience, in plain UTF-8 text; the addresses travel in the envelope only.
  - What is about to be sent is noted in a file on this host before, and what the mail server accepted after,
    address by address. Who has been told isn't told again, however often the module runs for the same run.
  - A run that dies between the mail server's yes and the note sends again with the same Message-ID, so that the
    second copy can be known for what it is.
attributes:
  check_mode:
    description: Says who would be told, and sends nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
extends_documentation_fragment:
  - dfr.golive.mail
  - dfr.golive.mail.audiences
options:
  state_dir:
    description: Folder of the before-states on this host.
    type: str
    required: true
  country:
    description: Short code of the country.
    type: str
    required: true
  title:
    description: Name that mails come from, beside the address.
    type: str
    required: true
  run_id:
    description: The run that announces; another run announces anew.
    type: str
    required: true
  texts_path:
    description:
      - Folder on this host with C(announcement.<language>.txt) for each language. The first line is the subject,
        V(Subject:) and the subject, then an empty line, then the text.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Announce
  dfr.golive.hypercare_announce:
    state_dir: /var/lib/dfr-golive
    country: demo
    title: Farmer registry
    run_id: "{{ golive_run.id }}"
    mail_host: mail.example
    mail_port: 25
    mail_sender: golive@demo.example
    audiences:
      - {name: administrators, language: en, to: [administrators@demo.example]}
    texts_path: /var/lib/dfr-golive/demo/announcements
"""

RETURN = r"""
told:
  description: What became of each audience.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: administrators, message_id: <announcement.r1.administrators@demo.example>, accepted: 1, sent_now: 1}
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _hypercare, _kept
from ansible_collections.dfr.golive.plugins.module_utils._announce import (
    MAIL_OPTIONS,
    Audience,
    MailServer,
    Postbox,
    Told,
    check_audiences,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import run_module


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    server = MailServer.from_params(params)
    path = _kept.kept_path(params["state_dir"], params["country"], "announcements")
    postbox = Postbox(server, path, params["title"])
    audiences = [Audience.from_dict(raw) for raw in params["audiences"]]
    check_audiences(audiences, [audience.language for audience in audiences])
    told = []
    if module.check_mode:
        for audience in audiences:
            message_id = postbox.message_id("announcement", params["run_id"], audience.name)
            missing = postbox.missing(audience, message_id)
            told.append(Told(audience.name, message_id, len(audience.to) - len(missing), len(missing)))
    else:
        texts = _hypercare.read_texts(Path(params["texts_path"]), audiences)
        for audience in audiences:
            message_id = postbox.message_id("announcement", params["run_id"], audience.name)
            told.append(postbox.announce(audience, texts[audience.language], message_id))
    return {"changed": any(one.sent_now for one in told), "told": [one.as_dict() for one in told]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "str", "required": True},
            "country": {"type": "str", "required": True},
            "title": {"type": "str", "required": True},
            "run_id": {"type": "str", "required": True},
            **MAIL_OPTIONS,
            "audiences": {"type": "list", "elements": "dict", "required": True},
            "texts_path": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
