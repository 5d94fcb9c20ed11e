# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the Odoo connection contract."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  odoo_url:
    description: Scheme, host and port of the Odoo server as seen from the managed host, without a path.
    type: str
    required: true
  odoo_database:
    description: Name of the Odoo database.
    type: str
    required: true
  odoo_login:
    description: Login of the operator's Odoo user; it needs the Settings right.
    type: str
    required: true
  odoo_password:
    description: Password of O(odoo_login).
    type: str
    required: true
  odoo_ca_path:
    description: CA bundle on the managed host, which certificates are verified with; the system's when empty.
    type: path
  odoo_timeout:
    description: Limit for one request, in seconds.
    type: float
    default: 10
requirements:
  - OdooRPC >= 0.9 on the managed host (Debian package python3-odoorpc)
"""
