# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of what the backup modules share."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
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
    suboptions:
      login_host:
        description: Host name or address of the PostgreSQL server, as seen from the managed host.
        type: str
        required: true
      login_port:
        description: TCP port of the server.
        type: int
        default: 5432
      login_user:
        description: The operator's role; it needs no superuser right.
        type: str
        required: true
      login_password:
        description: Password of the operator's role.
        type: str
        required: true
      database:
        description: The database's name.
        type: str
        required: true
      maintenance_database:
        description: Another database of the same cluster, in which before-states are kept.
        type: str
        default: postgres
      ssl_mode:
        description: TLS mode, as libpq names them.
        type: str
        default: verify-full
        choices: [disable, prefer, require, verify-ca, verify-full]
      ca_cert:
        description: CA bundle on the managed host; the system's store when empty.
        type: path
      connect_timeout:
        description: Limit for opening a connection, in seconds.
        type: int
        default: 10
      app_role:
        description: The application's role, which owns the data.
        type: str
        required: true
      uuid:
        description: C(database.uuid) that this database must have.
        type: str
        required: true
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
