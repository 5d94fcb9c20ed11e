# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the way back once users are in, for every module that prepares, asks or walks it."""

from __future__ import annotations

from ansible_collections.dfr.golive.plugins.doc_fragments.postgres import APPLICATION, REACH, suboptions


class ModuleDocFragment:
    DOCUMENTATION: str = f"""
options:
  reverse:
    description: The way back once users are in; see M(dfr.golive.reverse_path).
    type: dict
    suboptions:
      run_id:
        description: The run on whose behalf this is done.
        type: str
        required: true
      country:
        description: Short code of the country.
        type: str
        required: true
      mode:
        description:
          - V(replication) brings writes back into staging, V(pack) only into a folder.
          - With V(none) nothing is prepared, and there is no way back once users are in.
        type: str
        required: true
        choices: [replication, pack, none]
      production:
        description: Production's database.
        type: dict
        required: true
        {suboptions(APPLICATION, 4)}
      staging:
        description: Staging's database, frozen by this run.
        type: dict
        required: true
        {suboptions(APPLICATION, 4)}
      reach:
        description: How staging's server reaches production's server.
        type: dict
        required: true
        {suboptions(REACH, 4)}
      excluded_tables:
        description: More tables that belong to an environment, beside those that are known.
        type: list
        elements: str
        default: []
      exempt_roles:
        description: Roles that the fences leave alone.
        type: list
        elements: str
        default: [postgres]
      fence_purpose:
        description: Names the fence around production; its later undo lifts it under this name.
        type: str
        default: sync
      pack_dir:
        description: Folder on this host in which each run's pack gets a folder of its own.
        type: path
        required: true
      filestore:
        description: Production's filestore here, and the way to staging's.
        type: dict
        required: true
        suboptions:
          path:
            description: Directory of production's filestores on this host.
            type: path
            required: true
          staging_owner:
            description: Numeric C(uid:gid) of staging's application.
            type: str
            required: true
          host:
            description: Staging's host, as this host reaches it.
            type: str
            required: true
          port:
            description: SSH port there.
            type: int
            default: 22
          user:
            description: Account there whose key may only write below the filestores.
            type: str
            required: true
          key:
            description: Private key on this host.
            type: path
            required: true
          known_hosts:
            description: File that pins that host's key.
            type: path
            required: true
      limit_seconds:
        description: Limit for draining and for moving files, in seconds.
        type: int
        default: 600
"""
