# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users were told is safe in production is in staging after the way back: each write once, and nothing else."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import outside
import pytest
import users_write


@pytest.fixture(scope="module")
def noted() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(users_write.NOTES.read_text(encoding="utf-8"))
    return loaded


def staging(query: str) -> list[str]:
    return outside.psql("staging", "dfr_staging", query)


def test_every_acknowledged_farmer_is_there_once_under_its_number(noted: dict[str, Any]) -> None:
    rows = staging(
        f"select id, name from dfr_farmer where name like '{noted['mark']} %' and name not like '% sql %'"
    )
    assert sorted(rows) == sorted(f"{number}|{name}" for name, number in noted["made"].items())


def test_every_imported_row_is_there_once(noted: dict[str, Any]) -> None:
    rows = staging(f"select name from dfr_farmer where name like '{noted['mark']} sql %'")
    assert sorted(rows) == sorted(noted["imported"])
    assert len(rows) > 0


def test_a_change_and_a_deletion_came_too(noted: dict[str, Any]) -> None:
    for number, village in noted["changed"].items():
        assert staging(f"select village from dfr_farmer where id = {number}") == [village]
    for number in noted["deleted"]:
        assert staging(f"select count(*) from dfr_farmer where id = {number}") == ["0"]


def test_the_photo_came_with_its_file(noted: dict[str, Any]) -> None:
    first = min(noted["made"].values())
    (name,) = staging(
        "select store_fname from ir_attachment where res_model = 'dfr.farmer' and res_field = 'photo'"
        f" and res_id = {first}"
    )
    file = outside.container("staging").file(f"/srv/dfr/odoo/data/filestore/dfr_staging/{name}")
    assert file.exists
    assert hashlib.sha1(file.content, usedforsecurity=False).hexdigest() == name.split("/")[1]
    assert (file.uid, file.gid) == (100, 101)


def test_staging_gives_no_number_twice() -> None:
    assert staging("select max(id) <= (select last_value from dfr_farmer_id_seq) from dfr_farmer") == ["t"]


def test_staging_is_still_itself() -> None:
    assert staging("select value from ir_config_parameter where key = 'database.uuid'") == [
        "5d1f0a52-7c1e-4f0e-9a55-000000000001"
    ]


def test_nothing_is_left_of_the_way_back() -> None:
    for environment, database in (("staging", "dfr_staging"), ("production", "dfr_production")):
        assert outside.psql(environment, "postgres", "select slot_name from pg_replication_slots") == []
        assert outside.psql(environment, database, "select pubname from pg_publication") == []
        assert outside.psql(environment, "postgres", "select subname from pg_subscription") == []


def test_report_and_journal_say_how_much_came_back_and_never_whose(noted: dict[str, Any]) -> None:
    told = outside.report()["rollback"]
    assert told["writes"] >= len(noted["made"]) + len(noted["imported"]) + 2
    assert (told["verdict"], told["mode"]) == ("equal", "replication")
    assert told["reason"]
    assert told["approver"]
    journal = outside.container("ops").file("/var/lib/dfr-golive/demo/journal.jsonl").content_string
    assert noted["mark"] not in journal


def test_the_pack_is_root_s_alone_and_holds_the_same(noted: dict[str, Any]) -> None:
    pack = outside.report()["rollback"]["pack"]["folder"]
    vm = outside.container("production")
    assert vm.file(pack).mode & 0o077 == 0
    assert vm.file(f"{pack}/README.txt").exists
    table = vm.file(f"{pack}/tables/dfr_farmer.csv").content_string
    assert all(name in table for name in (*noted["made"], *noted["imported"]))


def test_the_pack_knows_that_staging_has_it_all_and_no_other_pack_is_taken() -> None:
    run, pack = outside.report()["run_id"], outside.report()["rollback"]["pack"]
    code, text = outside.play("replay_pack", "-e", f"pack_run={run}", "-e", f"pack_digest={pack['digest']}")
    assert code == 0, text
    assert "applied earlier" in text
    assert "changed=0 " in text
    code, text = outside.play("replay_pack", "-e", f"pack_run={run}", "-e", f"pack_digest={'0' * 64}")
    assert code != 0
    assert "is not the one that was journalled" in text
