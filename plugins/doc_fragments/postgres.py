# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the PostgreSQL connection contract: as a module's own options, and as those of each side."""

from __future__ import annotations

from textwrap import indent

CONNECTION = r"""
login_host:
  description: Host name or address of the PostgreSQL server, as seen from the managed host.
  type: str
  required: true
login_port:
  description: TCP port of the server.
  type: int
  default: 5432
login_user:
  description: The operator's role there; it needs no superuser right.
  type: str
  required: true
login_password:
  description: Password of the operator's role.
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
"""
APPLICATION = (
    CONNECTION
    + r"""
app_role:
  description: The application's role, which owns the data.
  type: str
  required: true
uuid:
  description: Odoo's C(database.uuid), which this database must have.
  type: str
  required: true
"""
)
REACH = r"""
host:
  description: Host name or address as the server that connects sees it.
  type: str
  required: true
port:
  description: TCP port.
  type: int
  default: 5432
ssl_mode:
  description: TLS mode, as libpq names them.
  type: str
  default: verify-full
  choices: [disable, prefer, require, verify-ca, verify-full]
ca_cert:
  description: CA bundle on the server that connects; the system's store when empty.
  type: str
"""
REQUIREMENTS = """
requirements:
  - psycopg >= 3.1 on the managed host (Debian package python3-psycopg)
"""


def suboptions(options: str, depth: int = 3) -> str:
    """The key ``suboptions`` of an option, at so many levels of two blanks.

    A fragment that is put together is annotated as ``str``: ansible-test takes plain assignments for literals.
    """
    return indent(f"suboptions:{indent(options, '  ')}", "  " * depth).strip()


class ModuleDocFragment:
    DOCUMENTATION: str = f"options:{indent(CONNECTION, '  ')}{REQUIREMENTS}"

    SOURCE_AND_TARGET: str = f"""
options:
  source:
    description: The database the data comes from. The operator's role has to be allowed to read all tables.
    type: dict
    {suboptions(CONNECTION, 2)}
  target:
    description: The database the data goes to.
    type: dict
    {suboptions(CONNECTION, 2)}
{REQUIREMENTS}"""
