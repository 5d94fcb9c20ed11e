# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of how mail leaves, and to whom."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  mail_host:
    description: Name or address of the mail server.
    type: str
    required: true
  mail_port:
    description: TCP port of the mail server.
    type: int
    default: 25
  mail_sender:
    description: Address that mails come from.
    type: str
    required: true
  mail_user:
    description: Login at the mail server; empty for none.
    type: str
    default: ''
  mail_password:
    description: Password of O(mail_user).
    type: str
    default: ''
  mail_tls:
    description: Whether and how the connection is encrypted.
    type: str
    choices: [never, starttls, tls]
    default: never
  ca_path:
    description: CA bundle to verify the mail server with; empty for the system's own.
    type: str
    default: ''
"""

    AUDIENCES = r"""
options:
  audiences:
    description: Who is told, each with C(name), C(language) and C(to), a list of addresses.
    type: list
    elements: dict
    required: true
"""
