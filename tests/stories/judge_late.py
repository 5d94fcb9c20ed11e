# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The day after: a tablet that was offline, rows set aside, corrected by people, loaded again; each once.

The tests build on each other: the tablet's file, the same file again, what was set aside, the corrections.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import openpyxl
import outside
import pytest

FOLDER = "/var/lib/dfr-golive/legacy"
QUARANTINE = f"{FOLDER}/old_registry.quarantine"
REJECTS = f"{FOLDER}/old_registry.rejects.xlsx"
HEADER = "reg_no,surname,given,sex,dob,natid,mobile,vid\n"
GOOD = """\
9000001,TAUFA,Late,F,12/03/1985,0990000001,7700001,3
9000002,LOLO,Late,M,01/12/1990,0990000002,7700002,4
"""
NO_SUCH_DAY = "9000003,MAHE,Late,F,31/02/1985,0990000003,7700003,5\n"
NO_SUCH_VILLAGE = "9000004,FONUA,=1+1,M,01/01/1980,0990000004,7700004,4000\n"


def play(playbook: str) -> None:
    code, said = outside.play(playbook)
    assert code == 0, said[-4000:]


def put(local: Path, name: str) -> None:
    subprocess.run(
        ["docker", "cp", "-q", str(local), f"{outside.PREFIX}legacy:{QUARANTINE}/{name}"], check=True
    )


def fetch(local: Path) -> None:
    subprocess.run(["docker", "cp", "-q", f"{outside.PREFIX}legacy:{REJECTS}", str(local)], check=True)


def arrivals() -> list[str]:
    """The late ones in production: code, name, day of birth, village."""
    return outside.psql(
        "production",
        "dfr_production",
        "select code, name, birth_date, village from dfr_farmer where code like 'L09%' order by code",
    )


@pytest.fixture(scope="module")
def twice() -> str:
    """A row whose number somebody in the registry has already: nobody can correct that, so it stays behind."""
    there = outside.psql(
        "production", "dfr_production", "select national_id from dfr_farmer where code = 'F00000007'"
    )
    return f"9000005,KAMA,Late,F,02/02/1992,{there[0]},7700005,6\n"


@pytest.fixture(scope="module")
def tablet(tmp_path_factory: pytest.TempPathFactory, twice: str) -> Path:
    path = tmp_path_factory.mktemp("late") / "farmers-tablet-7.csv"
    path.write_text(HEADER + GOOD + NO_SUCH_DAY + NO_SUCH_VILLAGE + twice, encoding="utf-8")
    return path


def test_a_tablets_good_rows_come_in_and_the_others_are_kept(tablet: Path) -> None:
    before = int(outside.psql("production", "dfr_production", "select count(*) from dfr_farmer")[0])
    put(tablet, tablet.name)
    play("late_arrivals")
    assert [row.split("|")[:3] for row in arrivals()] == [
        ["L09000001", "Late Taufa", "1985-03-12"],
        ["L09000002", "Late Lolo", "1990-12-01"],
    ]
    assert all(row.split("|")[3] for row in arrivals())
    after = int(outside.psql("production", "dfr_production", "select count(*) from dfr_farmer")[0])
    assert after == before + 2
    assert outside.container("legacy").run(f"ls {QUARANTINE}").stdout.split() == ["done"]


def test_the_same_file_again_under_another_name_brings_nothing(tablet: Path) -> None:
    put(tablet, "farmers-once-more.csv")
    play("late_arrivals")
    assert len(arrivals()) == 2


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rejects") / "rejects.xlsx"
    play("rejects")
    kept = outside.container("legacy").file(REJECTS)
    assert (kept.mode, kept.user) == (0o600, "root")
    fetch(path)
    return path


def rows_of(sheet: Any) -> tuple[dict[str, int], dict[int, list[Any]]]:
    """Place of each column, and each row by its number in the old registry."""
    lines = [list(line) for line in sheet.iter_rows()]
    columns = {cell.value: place for place, cell in enumerate(lines[0])}
    return columns, {int(line[columns["reg_no"]].value): line for line in lines[1:]}


def test_what_was_set_aside_says_why_and_is_no_formula(workbook: Path) -> None:
    columns, rows = rows_of(openpyxl.load_workbook(workbook)["farmers"])
    assert sorted(rows) == [9000003, 9000004, 9000005]

    def said(row: int, column: str) -> str:
        return str(rows[row][columns[column]].value)

    assert "31/02/1985" in said(9000003, "_reason_en")
    assert "n'existe pas" in said(9000003, "_reason_fr")
    assert said(9000004, "given") == "'=1+1"
    assert rows[9000004][columns["given"]].data_type == "s"
    assert "the same national_id" in said(9000005, "_reason_en")


def test_corrected_rows_come_in_and_what_nobody_corrected_stays(workbook: Path) -> None:
    book = openpyxl.load_workbook(workbook)
    columns, rows = rows_of(book["farmers"])
    rows[9000003][columns["dob"]].value = "28/02/1985"
    rows[9000004][columns["vid"]].value = 4
    book.save(workbook)
    put(workbook, "corrected.xlsx")
    play("late_arrivals")
    assert [row.split("|")[:3] for row in arrivals()[2:]] == [
        ["L09000003", "Late Mahe", "1985-02-28"],
        ["L09000004", "=1+1 Fonua", "1980-01-01"],
    ]
    assert len(arrivals()) == 4


def test_a_second_export_holds_only_what_is_left(tmp_path: Path) -> None:
    play("rejects")
    path = tmp_path / "left.xlsx"
    fetch(path)
    _columns, rows = rows_of(openpyxl.load_workbook(path)["farmers"])
    assert sorted(rows) == [9000005]


def test_every_late_record_can_be_traced_to_its_row() -> None:
    query = (
        "select d.name, f.code from ir_model_data d join dfr_farmer f on f.id = res_id and model = 'dfr.farmer'"
        " where module = '__legacy_old_registry' and f.code like 'L09%' order by 1"
    )
    assert outside.psql("production", "dfr_production", query) == [
        f"farmers-900000{n}|L0900000{n}" for n in range(1, 5)
    ]
