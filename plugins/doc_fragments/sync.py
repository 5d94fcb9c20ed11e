# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of what the sync modules share."""

from __future__ import annotations

from ansible_collections.dfr.golive.plugins.doc_fragments.postgres import APPLICATION, REACH, suboptions


class ModuleDocFragment:
    DOCUMENTATION: str = f"""
options:
  run_id:
    description: The run on whose behalf this is done.
    type: str
    required: true
  method:
    description:
      - How the data moves. V(replication) drains a copy that was made before and follows staging, so that the
        time depends on what changed; V(dump) copies the whole database in parallel;
        V(none) is for a country that starts empty.
    type: str
    default: replication
    choices: [replication, dump, none]
  source:
    description: The frozen staging database. Required unless O(method=none).
    type: dict
    {suboptions(APPLICATION, 2)}
  target:
    description: The production database.
    type: dict
    required: true
    {suboptions(APPLICATION, 2)}
  filestore:
    description: Where the files lie and come from. Required unless O(method=none).
    type: dict
    suboptions:
      path:
        description: Production's directory of filestores on the managed host.
        type: path
        required: true
      owner:
        description: Numeric C(uid:gid) of production's application.
        type: str
        required: true
      host:
        description: The host that holds staging's filestore, as seen from the managed host.
        type: str
        required: true
      port:
        description: Its SSH port.
        type: int
        default: 22
      user:
        description: The account there that may only read the filestore.
        type: str
        default: dfr-filestore
      key:
        description: The private key for it on the managed host.
        type: path
        default: /root/.ssh/dfr_golive_filestore
      known_hosts:
        description: File on the managed host that pins the other host's key.
        type: path
        default: /root/.ssh/dfr_golive_filestore.known_hosts
  replication:
    description: How the copy follows staging. Required if O(method=replication).
    type: dict
    suboptions:
      reach:
        description: How production's database server reaches staging's.
        type: dict
        required: true
        {suboptions(REACH, 4)}
      drain_seconds:
        description: Limit for applying what is still under way once staging is frozen, in seconds.
        type: int
        default: 60
      lag_bytes:
        description: Log that the copy may be behind when the data is about to be frozen, in bytes.
        type: int
        default: 67108864
      lag_seconds:
        description: Seconds that the copy may be behind then.
        type: int
        default: 60
      wal_bytes:
        description: Log that a server may keep for the copy, in bytes.
        type: int
        default: 10737418240
      verify:
        description:
          - What is compared before the names are swapped, V(touched) for the rows that were touched since the last
            proof, V(full) for every row.
        type: str
        default: touched
        choices: [touched, full]
  identity_keys:
    description: Parameters of C(ir_config_parameter) that are production's own and never come from staging.
    type: list
    elements: str
    default: [database.uuid, database.secret, database.create_date]
  exempt_roles:
    description: Roles the fences leave alone, such as superusers that people answer for.
    type: list
    elements: str
    default: [postgres]
  work_dir:
    description: Directory on the managed host for what is on its way.
    type: path
    default: /var/lib/dfr-golive/work
  jobs:
    description: Parallel connections for each of dump, restore and comparison.
    type: int
    default: 2
  limit_seconds:
    description: Limit for the whole task, in seconds.
    type: int
    default: 3600
requirements:
  - psycopg >= 3.1 on the managed host (Debian package python3-psycopg)
  - pg_dump and pg_restore of the source's major version or newer
  - rsync
"""
