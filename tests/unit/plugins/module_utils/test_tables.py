# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Column, Relation
from ansible_collections.dfr.golive.plugins.module_utils._tables import Tables

COLUMNS = (Column("id", 1, "int4", "pg_catalog.int4"),)
FARMER = Relation("public", "farmer", 1, COLUMNS, ("id",), "d", "", "odoo", "p", 10, 8192, 1, 4711)


def test_a_table_written_anew_on_either_side_has_another_file() -> None:
    name = ("public", "farmer")
    before = Tables({name: FARMER}, {name: replace(FARMER, file=4712)})
    assert before.files() == {"farmer": [4711, 4712]}
    assert before.label(name) == "farmer"
    for side in ("source", "target"):
        after = replace(before, **{side: {name: replace(FARMER, file=5000)}})
        assert after.files() != before.files()
