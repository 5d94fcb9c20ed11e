# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of a source to be frozen, whatever its kind."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  name:
    description: What people call the source; part of the gates' names.
    type: str
    required: true
  kind:
    description: Kind of the database.
    type: str
    required: true
    choices: [mariadb, postgresql]
  login_host:
    description: Host name or address of the server, as seen from the managed host.
    type: str
    required: true
  login_port:
    description: TCP port of the server.
    type: int
    required: true
  login_user:
    description: The operator's account or role.
    type: str
    required: true
  login_password:
    description: Password of O(login_user).
    type: str
    required: true
  database:
    description: The database to be frozen.
    type: str
    required: true
  maintenance_database:
    description: PostgreSQL only. Another database of the same cluster, in which before-states are kept.
    type: str
    default: postgres
  ssl_mode:
    description: TLS mode, as either server's own client names them.
    type: str
    default: verify-full
    choices: [disable, prefer, require, verify-ca, verify-full, verify_ca, verify_identity]
  ca_cert:
    description: CA bundle on the managed host; the system's store when empty.
    type: path
  connect_timeout:
    description: Limit for opening a connection, in seconds.
    type: int
    default: 10
  app_user:
    description: The account or role that data entry uses.
    type: str
    required: true
  app_password:
    description: Password of O(app_user); the canary uses it.
    type: str
    required: true
  canary_table:
    description: The table the canary tries to write to; O(kind=mariadb) needs it.
    type: str
  run_id:
    description: The run that raises the fence; a fence of another run closes the gate.
    type: str
    required: true
  purpose:
    description: Names the fence, so that one database can carry several.
    type: str
    default: freeze
  exempt_roles:
    description: PostgreSQL roles that are left alone. People answer for them.
    type: list
    elements: str
    default: [postgres]
  exempt_accounts:
    description: MariaDB accounts that are left alone, as C(user@host). People answer for them.
    type: list
    elements: str
    default: [root@localhost, mysql@localhost, mariadb.sys@localhost]
  odoo_url:
    description: Where the application over this database answers; without it, no application is asked.
    type: str
  odoo_database:
    description: The application's name of the database.
    type: str
  odoo_login:
    description: A login that may create records.
    type: str
  odoo_password:
    description: Password of O(odoo_login).
    type: str
  odoo_model:
    description: The model for which the right to create is asked.
    type: str
    default: res.partner
  odoo_ca_path:
    description: CA bundle for an https O(odoo_url); the system's store when empty.
    type: path
  odoo_timeout:
    description: Limit for one request to the application, in seconds.
    type: float
    default: 10
requirements:
  - psycopg >= 3.1, PyMySQL >= 1.0 or OdooRPC >= 0.9 on the managed host, whichever the source needs
"""
