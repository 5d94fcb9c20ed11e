# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the MariaDB connection contract."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  login_host:
    description: Host name or address of the MariaDB server, as seen from the managed host.
    type: str
    required: true
  login_port:
    description: TCP port of the server.
    type: int
    default: 3306
  login_user:
    description: The operator's account.
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
  ssl_mode:
    description:
      - TLS mode. V(verify_ca) checks who signed the certificate, V(verify_identity) also whose it is.
    type: str
    default: verify_identity
    choices: [disable, require, verify_ca, verify_identity]
  ca_cert:
    description: CA bundle on the managed host; the system's store when empty.
    type: path
  connect_timeout:
    description: Limit for opening a connection, in seconds.
    type: int
    default: 10
requirements:
  - PyMySQL >= 1.0 on the managed host (Debian package python3-pymysql)
"""
