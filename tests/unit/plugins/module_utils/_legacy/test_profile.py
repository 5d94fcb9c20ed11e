# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a first look sees, and that what it proposes can be read as a mapping and reads the source."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import parse
from ansible_collections.dfr.golive.plugins.module_utils._legacy.profile import Column, profile, propose
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import open_source
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import Store
from legacy import mapping_of, read

HEADER = "Nom,No,dob,area,sex,lat,phone\n"


def look(tmp_path: Path, rows: list[str]) -> tuple[dict[str, Column], str]:
    path = tmp_path / "Farmers 2020.csv"
    path.write_bytes(HEADER.encode() + "".join(rows).encode("utf-8", "surrogateescape"))
    mapping = mapping_of("csv", path)
    source = open_source(mapping)
    found = profile(mapping, source, [], 1000)
    source.close()
    return {column.name: column for column in found[path.name]}, propose(mapping, found)


def row(n: int, **said: str) -> str:
    cells = {
        "nom": f"Ana {n}",
        "no": f"A{n}",
        "dob": f"{1 + n % 28:02d}/{1 + n % 12:02d}/19{n:02d}",
        "area": f"{n}.5",
        "sex": "FM"[n % 2],
        "lat": f"-21.{n:04d} S"[1:],
        "phone": f"0{n:06d}",
    }
    return ",".join({**cells, **said}.values()) + "\n"


def test_kinds_of_columns(tmp_path: Path) -> None:
    columns, _proposal = look(tmp_path, [row(n) for n in range(10, 90)])
    assert {name: column.kind for name, column in columns.items()} == {
        "Nom": "text",
        "No": "text",
        "dob": "date",
        "area": "number",
        "sex": "code",
        "lat": "coordinate",
        "phone": "text",
    }
    assert columns["dob"].formats == ("%d/%m/%Y",)
    assert columns["sex"].codes == {"F": 40, "M": 40}
    assert (columns["No"].distinct, columns["No"].rows, columns["No"].empty) == (80, 80, 0)


def test_what_is_suspicious_is_said(tmp_path: Path) -> None:
    rows = [row(n) for n in range(10, 90)]
    odd = [
        row(90, nom=" Ana 90 "),
        row(91, dob="01/01/1850"),
        row(92, dob=""),
        row(93, nom="ANA 12"),
        row(94, nom="\udce9"),
    ]
    columns, _proposal = look(tmp_path, rows + odd)
    assert "1 with spaces at the ends" in columns["Nom"].notes
    assert "1 with bytes that are no text" in columns["Nom"].notes
    assert "1 values that differ only in case or spaces" in columns["Nom"].notes
    assert any("not UTF-8" in note for note in columns["Nom"].notes)
    assert any(note.startswith("1 dates before 1905") for note in columns["dob"].notes)
    assert columns["dob"].empty == 1


def test_dates_that_two_formats_read_alike(tmp_path: Path) -> None:
    columns, _proposal = look(
        tmp_path, [row(n, dob=f"0{1 + n % 9}/0{1 + n % 8}/1970") for n in range(10, 90)]
    )
    assert any("read alike" in note for note in columns["dob"].notes)


def test_the_proposal_is_a_mapping_that_reads_the_source(tmp_path: Path) -> None:
    _columns, proposal = look(tmp_path, [row(n) for n in range(10, 90)])
    mapping = parse(proposal, "proposal.yml")
    entity = mapping.entities["farmers_2020"]
    assert entity.key == ("No",)
    store = Store.open(tmp_path / "store")
    assert read(mapping, store)["farmers_2020"].staged == 80
