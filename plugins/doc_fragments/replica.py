# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of what the modules about a copy share."""

from __future__ import annotations

from ansible_collections.dfr.golive.plugins.doc_fragments.postgres import CONNECTION, REACH, suboptions


class ModuleDocFragment:
    DOCUMENTATION: str = f"""
options:
  name:
    description: What the copy is for; stays the same when databases are renamed.
    type: str
    required: true
  source:
    description:
      - The database that is copied. The operator's role needs REPLICATION, and the rights of the tables'
        owners.
    type: dict
    required: true
    {suboptions(CONNECTION, 2)}
  target:
    description:
      - The copy, which need not exist.
      - The operator's role needs CREATEDB, REPLICATION and membership of O(owner) and C(pg_create_subscription);
        before PostgreSQL 16 only a superuser may make a subscription.
    type: dict
    required: true
    {suboptions(CONNECTION, 2)}
  owner:
    description: The role that owns the copy and all in it.
    type: str
    required: true
  reach:
    description: How the target's server reaches the source's server.
    type: dict
    required: true
    {suboptions(REACH, 2)}
  work_dir:
    description: Directory on the managed host for definitions and small tables on their way.
    type: path
    default: /var/lib/dfr-golive/work
  jobs:
    description: Parallel connections for copying and comparing.
    type: int
    default: 2
  limit_seconds:
    description: Limit for each step, in seconds.
    type: int
    default: 3600
requirements:
  - psycopg >= 3.1 on the managed host (Debian package python3-psycopg)
  - psql, pg_dump and pg_restore of the source's major version or newer on the managed host
"""
