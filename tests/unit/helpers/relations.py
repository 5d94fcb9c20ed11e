# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A table of a catalogue, for the tests of what judges one."""

from __future__ import annotations

from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation


def relation(name: str, **more: Any) -> Relation:
    facts: dict[str, Any] = {
        "schema": "public",
        "name": name,
        "oid": 1,
        "columns": (),
        "key": ("id",),
        "identity": "d",
        "index": "",
        "owner": "odoo",
        "persistence": "p",
        "rows": 1,
        "bytes": 1,
    }
    return Relation(**{**facts, **more})
