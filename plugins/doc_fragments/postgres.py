# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the PostgreSQL connection contract."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
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
    description: Password of O(login_user).
    type: str
    required: true
  database:
    description: The database the task is about.
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
requirements:
  - psycopg >= 3.1 on the managed host (Debian package python3-psycopg)
"""
