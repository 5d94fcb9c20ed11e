# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows that were set aside, from the gate that stays shut to the gate that opens: a paper register typed into CSV.

The steps build on each other. Staging gets five households and loses them again at the end, as the source does.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from datalab import module, on_vm

FOLDER = "/var/tmp/legacytest"
HEADER = "no,name,village,size\n"
ROWS = "1,Taufa,Malotea,4\n2,Lolo,Vailoa,3\n3,Mahe,Vaiuta,-2\n4,Fonua,Lotutea,many\n5,=1+1,Niutea,99\n"
MAPPING = f"""
source: paper
kind: csv
path: {FOLDER}/households.csv
entities:
  households:
    from: households.csv
    key: [no]
    watermark: {{kind: file_digest}}
    model: dfr.household
    fields:
      code: {{from: no, steps: [{{expression: "'PAPER' + pad(value, 4)"}}]}}
      name: {{from: name, steps: [trim]}}
      village: {{from: village, steps: [trim]}}
      size: {{from: size, steps: [number]}}
    rules:
      - required: [name]
      - range: {{field: size, min: 1, max: 30}}
    conflict: reject
    deletions: delete
"""
EXCEPTION = {
    "entity": "households",
    "key": "5",
    "owner": "Head of registration",
    "reason": "nobody knows them",
}
ODOO = {
    "odoo_url": "http://staging-odoo:8069",
    "odoo_database": "dfr_staging",
    "odoo_login": "admin",
    "odoo_password": "lab-staging-admin",
}
SOURCE = {"mapping": MAPPING, "mapping_name": "paper.yml", "store": f"{FOLDER}/paper.sqlite"}


def load(**more: Any) -> dict[str, Any]:
    return module("legacy_load", {**SOURCE, **ODOO, "run_id": "legacytest", **more}, vm="legacy")


def gate(**more: Any) -> tuple[str, str]:
    """Verdict and detail of the criterion about rejects."""
    answer = module("legacy_readiness", {**SOURCE, **ODOO, **more}, vm="legacy", check=True)
    (found,) = [one for one in answer["gates"] if one["name"] == "legacy.paper.rejects"]
    return found["verdict"], found["detail"]


@pytest.fixture(scope="module", autouse=True)
def register() -> Iterator[None]:
    on_vm("legacy", f"rm -rf {FOLDER}; mkdir -p {FOLDER}/quarantine")
    on_vm("legacy", f"cat > {FOLDER}/households.csv", stdin=(HEADER + ROWS).encode())
    yield
    on_vm("legacy", f"cat > {FOLDER}/households.csv", stdin=HEADER.encode())
    emptied = load()
    on_vm("legacy", f"rm -rf {FOLDER}")
    assert emptied["gone"]["households"]["applied"] == 4


def test_more_rows_than_agreed_fail_the_load_and_shut_the_gate() -> None:
    answer = load()
    assert answer["failed"]
    assert "3 rows are set aside and nobody answers for them; 0 are agreed" in answer["msg"]
    assert gate() == ("fail", "3 rows set aside (0 agreed), 0 more that somebody answers for")


def test_an_exception_answers_for_its_row_only() -> None:
    assert gate(exceptions=[EXCEPTION]) == (
        "fail",
        "2 rows set aside (0 agreed), 1 more that somebody answers for",
    )
    assert gate(max_rejects=3)[0] == "pass"


def test_corrected_rows_open_the_gate_once_somebody_answers_for_the_last() -> None:
    rejects = f"{FOLDER}/rejects.xlsx"
    module("legacy_rejects", {**SOURCE, "path": rejects, "languages": ["en", "fr"]}, vm="legacy")
    book = openpyxl.load_workbook(io.BytesIO(base64.b64decode(on_vm("legacy", f"base64 {rejects}"))))
    sheet = book["households"]
    columns = [cell.value for cell in sheet[1]]
    assert columns[:4] == ["no", "name", "village", "size"]
    rows = {str(row[0].value): row for row in sheet.iter_rows(min_row=2)}
    reasons = [str(rows[key][columns.index("_reason_fr")].value) for key in ("3", "4", "5")]
    assert reasons == [
        "size vaut -2, le minimum est 1.",
        "size: many n'est pas un nombre.",
        "size vaut 99, le maximum est 30.",
    ]
    rows["3"][3].value, rows["4"][3].value = 2, 7
    corrected = io.BytesIO()
    book.save(corrected)
    on_vm("legacy", f"cat > {FOLDER}/quarantine/corrected.xlsx", stdin=corrected.getvalue())
    late = {**SOURCE, **ODOO, "folder": f"{FOLDER}/quarantine", "run_id": "late-1"}
    (answer,) = module("legacy_late", late, vm="legacy")["files"]
    found = answer["entities"]["households"]
    assert (found["loaded"], found["rejected"]) == (2, 1)
    assert gate() == ("fail", "1 rows set aside (0 agreed), 0 more that somebody answers for")
    assert gate(exceptions=[EXCEPTION])[0] == "pass"


def test_the_source_no_longer_asks_for_what_was_corrected() -> None:
    answer = load(run_id="legacytest-2", exceptions=[EXCEPTION])
    found = answer["entities"]["households"]
    parts = [found[name] for name in ("source", "loaded", "unchanged", "rejected", "excluded")]
    assert parts == [5, 0, 4, 1, 0]
    assert answer["exceptions"] == {"excepted": 1, "open": 0, "stale": []}
