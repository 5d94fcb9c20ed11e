# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of what the backup modules share."""

from __future__ import annotations

from ansible_collections.dfr.golive.plugins.doc_fragments.postgres import APPLICATION, suboptions


class ModuleDocFragment:
    DOCUMENTATION: str = f"""
options:
  run_id:
    description: The run on whose behalf this is done; part of the backup's name.
    type: str
    required: true
  method:
    description: How the backup is taken. V(pg_dump) makes one directory of database and filestore.
    type: str
    default: pg_dump
    choices: [pg_dump]
  database:
    description: The production database.
    type: dict
    required: true
    {suboptions(APPLICATION, 2)}
  filestore_path:
    description: Production's directory of filestores on the managed host.
    type: path
    required: true
  directory:
    description: Where backups lie on the managed host; only root may read it.
    type: path
    default: /srv/dfr/backup
  compress:
    description: C(--compress) of pg_dump.
    type: str
    default: zstd:1
  jobs:
    description: Parallel connections for each of dump, restore and digests.
    type: int
    default: 2
  limit_seconds:
    description: Limit for the whole task, in seconds.
    type: int
    default: 3600
requirements:
  - psycopg >= 3.1 on the managed host (Debian package python3-psycopg)
  - pg_dump and pg_restore of the server's major version or newer
"""
