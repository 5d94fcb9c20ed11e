# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _pack
from ansible_collections.dfr.golive.plugins.module_utils._changes import Change, Row
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError

AT = datetime(2026, 3, 1, tzinfo=UTC)


def change(op: str, before: Row | None, after: Row | None) -> Change:
    return Change(0, 7, AT, op, "public", "dfr_farmer", before, after)


NEW: Row = {"id": "1", "name": "Ana", "create_uid": "6"}
CHANGES = [
    change("insert", None, NEW),
    change("update", NEW, {**NEW, "name": "Lu"}),
    change("delete", {"id": "2", "name": "Old", "create_uid": "6"}, None),
]


def made(folder: Path) -> dict[str, object]:
    summary = _pack.spool(folder / ".making", iter(CHANGES), {("public", "dfr_farmer"): ("id",)})
    names = _pack.Names({"6": "enumerator"}, {("dfr_farmer", "1"): "legacy.f1"})
    return _pack.finish(folder / ".making", folder / "run", names, summary, {"country": "demo"}, None)


def test_a_pack_is_read_by_people_and_by_programs(tmp_path: Path) -> None:
    said = made(tmp_path)
    assert (said["writes"], said["rows"]) == (3, 2)
    manifest = _pack.check(tmp_path / "run", str(said["digest"]))
    assert manifest["tables"] == {"dfr_farmer": {"insert": 1, "update": 1, "delete": 1}}
    lines = (tmp_path / "run/tables/dfr_farmer.csv").read_text(encoding="utf-8").splitlines()
    assert lines[1].startswith("1,2026-03-01 00:00:00 UTC,enumerator,insert,1,legacy.f1,")
    assert "1 new, 1 changed, 1 deleted" in (tmp_path / "run/README.txt").read_text(encoding="utf-8")
    assert [(c.op, c.before, c.after) for c in _pack.read_lines(tmp_path / "run")] == [
        (c.op, c.before, c.after) for c in CHANGES
    ]
    assert {path.stat().st_mode & 0o77 for path in (tmp_path / "run").rglob("*")} == {0}


def test_a_pack_that_was_touched_is_refused(tmp_path: Path) -> None:
    digest = str(made(tmp_path)["digest"])
    with pytest.raises(GoliveError, match="is not the one"):
        _pack.check(tmp_path / "run", "0" * 64)
    (tmp_path / "run/extra").write_text("x", encoding="utf-8")
    with pytest.raises(GoliveError, match="changed, added or removed, for example extra"):
        _pack.check(tmp_path / "run", digest)


def test_what_all_changes_of_a_row_come_to() -> None:
    net = _pack.net_effect(CHANGES, lambda _change, row: (row["id"],))
    assert net[("public", "dfr_farmer", ("1",))] == _pack.Net(None, CHANGES[1].after)
    assert net[("public", "dfr_farmer", ("2",))] == _pack.Net(CHANGES[2].before, None)
    broken = [CHANGES[0], change("update", {"id": "1"}, {"id": "1"})]
    with pytest.raises(GoliveError, match="isn't whole"):
        _pack.net_effect(broken, lambda _change, row: (row["id"],))


@pytest.mark.parametrize(
    ("value", "shown"),
    [("=1+1", "'=1+1"), ("@x", "'@x"), ("-21.5", "-21.5"), ("-cmd", "'-cmd"), (None, "")],
)
def test_a_value_is_never_a_formula(value: str | None, shown: str) -> None:
    assert _pack.harmless(value) == shown
