#!/usr/bin/python
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: communicate
short_description: Tell audiences what happens, each once
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Sends the messages of one moment of a go-live by mail and, where one is declared, to a webhook as CloudEvents.
  - A journal of its own beside the country's says of each message that it is intended, then that it was sent, so that
    it is sent once however often the module runs. What was intended and not sent goes again under the same identifier.
  - A message is refused when the journal of the country doesn't say that it is so, as that the registry is open.
  - Without O(moment), and in check mode, it sends nothing and shows all messages with what became of each.
  - The texts are made on the controller, from the catalogues or the country's own files.
extends_documentation_fragment:
  - dfr.golive.journal
  - dfr.golive.mail
attributes:
  check_mode:
    description: Sends nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
  action:
    description: Runs partly on the controller, which makes the texts.
    support: full
options:
  title:
    description: Name of the country or registry; mails come from it.
    type: str
    required: true
  moment:
    description: Which messages to send; none when empty.
    type: str
    default: ''
    choices: ['', week_before, day_before, freeze, live, delayed, rolled_back, hypercare_end]
  audiences:
    description:
      - Who is told, each with C(name), C(language), C(to) (a list of addresses) and C(kind) (everybody, officials,
        administrators or enumerators, whose words it reads; by its name or everybody when left out).
    type: list
    elements: dict
    required: true
  webhook:
    description: Where each message goes besides, as a CloudEvent.
    type: dict
    default: {}
    suboptions:
      url:
        description: http or https.
        type: str
      secret:
        description: Shared with the receiver; signs each event as Standard Webhooks has it. None, no signature.
        type: str
  contact:
    description: Whom to ask; at the end of every message.
    type: str
    default: ''
  texts_dir:
    description: Folder on the controller with the country's own texts, C(<moment>[.<audience>].<language>.txt).
    type: str
    default: ''
  plan:
    description: The variable C(golive_plan); the night is in it.
    type: dict
    default: {}
  fqdn:
    description: The name users type.
    type: str
    required: true
  timezone:
    description: Time zone of the country, as the tz database names it.
    type: str
    required: true
  hypercare_days:
    description: Days that the registry is watched closely.
    type: int
    required: true
  note:
    description: For V(delayed), until when and what to do; a text, or one per language.
    type: raw
    default: ''
  dest:
    description: Folder on the controller for C(messages.html), which shows all messages; none is written when empty.
    type: path
    default: ''
  template:
    description: Jinja2 template of that page on the controller.
    type: path
    default: ''
  keep:
    description:
      - Lays the messages of these moments ready on the state host, for the run to send them by itself. An empty list
        takes them away. Nothing is sent now.
    type: list
    elements: str
    choices: [freeze, rolled_back]
  letters:
    description: The messages; the controller fills it in.
    type: list
    elements: dict
    default: []
  night:
    description: Start of the window; the controller fills it in.
    type: str
    default: ''
seealso:
  - module: dfr.golive.hypercare_announce
  - module: dfr.golive.plan
"""

EXAMPLES = r"""
- name: Tell everybody that data entry closes tomorrow
  dfr.golive.communicate:
    state_dir: /var/lib/dfr-golive
    country: tonga
    title: Kingdom of Tonga
    moment: day_before
    audiences:
      - {name: enumerators, kind: enumerators, language: en, to: [enumerators@tonga.example]}
    plan:
      start: "2026-11-22T20:00:00+13:00"
      end: "2026-11-23T04:00:00+13:00"
    fqdn: dfr.tonga.example
    timezone: Pacific/Tongatapu
    hypercare_days: 14
    mail_host: mail.tonga.example
    mail_sender: golive@tonga.example
"""

RETURN = r"""
told:
  description: What became of each message that was to be sent.
  type: list
  elements: dict
  returned: when a moment was given
  sample:
    - {audience: enumerators, way: mail, state: sent, sent_now: true}
messages:
  description: All messages, with what the journal says of each; empty for nothing, then intended, then sent.
  type: list
  elements: dict
  returned: unless they were laid ready
  sample:
    - {moment: day_before, audience: enumerators, way: mail, state: sent}
refused:
  description: By moment, why its messages would be refused now.
  type: dict
  returned: unless they were laid ready
text:
  description: The same for people.
  type: str
  returned: unless they were laid ready
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dfr.golive.plugins.module_utils import _communication, _kept
from ansible_collections.dfr.golive.plugins.module_utils._announce import MAIL_OPTIONS, Audience
from ansible_collections.dfr.golive.plugins.module_utils._communication import Letter
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, run_module
from ansible_collections.dfr.golive.plugins.module_utils._journal import JOURNAL_OPTIONS, Journal

MOMENTS = ["week_before", "day_before", "freeze", "live", "delayed", "rolled_back", "hypercare_end"]


def post_of(params: dict[str, Any]) -> dict[str, Any]:
    mail = {name.removeprefix("mail_"): params[name] for name in MAIL_OPTIONS if name.startswith("mail_")}
    return {
        "title": params["title"],
        "mail": mail,
        "ca_path": params["ca_path"],
        "webhook": params["webhook"],
    }


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    journal = Journal(params["state_dir"], params["country"])
    book = _communication.book(params["state_dir"], params["country"])
    if params["keep"] is not None:
        if module.check_mode:
            return {"changed": False}
        return {"changed": _communication.keep(book, params["letters"], post_of(params))}
    path = _kept.kept_path(params["state_dir"], params["country"], "announcements")
    how, letters, refused = _communication.ways_of(post_of(params), path), [], {}
    for moment in [params["moment"]] if params["moment"] else MOMENTS:
        try:
            scope = _communication.scope_of(moment, journal, params["night"])
        except GoliveError as exc:
            if params["moment"]:
                raise
            refused[moment], scope = str(exc.returned["why"]), ""
        letters += [
            Letter(moment, scope, Audience.from_dict(raw["audience"]), raw["text"])
            for raw in params["letters"]
            if raw["moment"] == moment
        ]
    result: dict[str, Any] = {"changed": False, "refused": refused}
    if params["moment"] and not module.check_mode:
        result["told"] = _communication.send(book, letters, how)
        result["changed"] = any(one["sent_now"] for one in result["told"])
    result["messages"] = _communication.shown(book, letters, how.names)
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **JOURNAL_OPTIONS,
            "title": {"type": "str", "required": True},
            "moment": {"type": "str", "default": "", "choices": ["", *MOMENTS]},
            "audiences": {"type": "list", "elements": "dict", "required": True},
            "webhook": {
                "type": "dict",
                "default": {},
                "options": {"url": {"type": "str"}, "secret": {"type": "str", "no_log": True}},
            },
            "contact": {"type": "str", "default": ""},
            "texts_dir": {"type": "str", "default": ""},
            "plan": {"type": "dict", "default": {}},
            "fqdn": {"type": "str", "required": True},
            "timezone": {"type": "str", "required": True},
            "hypercare_days": {"type": "int", "required": True},
            "note": {"type": "raw", "default": ""},
            "dest": {"type": "path", "default": ""},
            "template": {"type": "path", "default": ""},
            "keep": {"type": "list", "elements": "str", "choices": ["freeze", "rolled_back"]},
            "letters": {"type": "list", "elements": "dict", "default": []},
            "night": {"type": "str", "default": ""},
            **MAIL_OPTIONS,
        },
        supports_check_mode=True,
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
