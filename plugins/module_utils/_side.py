# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One of the registries' databases, as modules take it: how the operator gets in, and who it must be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._odoo_settings import require_identity
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    POSTGRES_OPTIONS,
    PostgresLogin,
    connect,
)

SIDE_OPTIONS: dict[str, Any] = {
    **POSTGRES_OPTIONS,
    "app_role": {"type": "str", "required": True},
    "uuid": {"type": "str", "required": True},
}


@dataclass(frozen=True)
class Side:
    """A registry's database, and who it must be.

    Attributes:
        login: the operator's way in.
        app_role: the application's role, which owns the data.
        uuid: ``database.uuid`` as the inventory has it.
    """

    login: PostgresLogin
    app_role: str
    uuid: str

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Side:
        return cls(PostgresLogin.from_params(params), params["app_role"], params["uuid"])

    @property
    def name(self) -> str:
        return self.login.database

    def maintenance(self) -> PostgresLogin:
        return self.login.to(self.login.maintenance_database)

    def demand_identity(self) -> None:
        with connect(self.login) as conn:
            require_identity(conn, self.uuid)
