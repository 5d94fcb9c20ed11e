# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of what the modules of the legacy share."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  mapping:
    description: The mapping of the source, the text of its YAML file.
    type: str
    required: true
  mapping_name:
    description: How the mapping is called in messages, usually the path of its file.
    type: str
    default: the mapping
  store:
    description: File on the managed host that holds what is known of the source; made when it is missing.
    type: path
    required: true
requirements:
  - PyYAML and jsonschema on the managed host (Debian packages python3-yaml and python3-jsonschema)
"""

    CONNECTION = r"""
options:
  connection:
    description: Where the source is, for sources that are databases.
    type: dict
    default: {}
    suboptions:
      host:
        description: Host as seen from the managed host.
        type: str
      port:
        description: TCP port.
        type: int
      user:
        description: Account that may read the tables that are asked for.
        type: str
      password:
        description: Its password.
        type: str
      database:
        description: Name of the database.
        type: str
      ssl_mode:
        description: How the connection is protected.
        type: str
      ca_cert:
        description: CA bundle on the managed host.
        type: path
"""
