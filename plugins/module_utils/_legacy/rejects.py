# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows set aside, as a workbook in the source's own shape: people correct it, and it is read back as a source."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line, require
from ansible_collections.dfr.golive.plugins.module_utils._language import Language
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity, Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.reasons import in_words
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Reject
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import OWNER, Store
from ansible_collections.dfr.golive.plugins.module_utils._legacy.transform import TRUNCATED
from ansible_collections.dfr.golive.plugins.module_utils._legacy.values import BROKEN, CONTROL, PLAIN

LONGEST_CELL = 32_767
MOST_ROWS = 1_048_575
REASON = "_reason_{}"
SUGGESTION, WHERE = "_suggestion", "_where"
# What a spreadsheet program takes for the start of a formula.
FORMULA = re.compile(r"^[=+\-@\t\r]")


def export(mapping: Mapping, store: Store, path: Path, languages: list[Language]) -> dict[str, int]:
    """Write what was set aside: a sheet per entity, its own columns first, then why in each language.

    Args:
        mapping: of the source.
        store: of the source.
        path: the workbook; replaced whole.
        languages: of the reasons.

    Returns:
        Rows per entity.

    Raises:
        GoliveError: it can't be written, or no workbook holds so many rows.
    """
    openpyxl = require("openpyxl", "python3-openpyxl")
    book = openpyxl.Workbook(write_only=True)
    written = {}
    for entity in mapping.entities.values():
        written[entity.name] = _sheet(openpyxl, book, entity, store, languages)
    if not book.worksheets:
        book.create_sheet("-")
    new = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        book.save(new)
        new.replace(path)
    except OSError as exc:
        raise GoliveError(
            f"{path} can't be written: {one_line(exc)}.", remedy="Check folder and disk."
        ) from exc
    return written


def _sheet(openpyxl: Any, book: Any, entity: Entity, store: Store, languages: list[Language]) -> int:
    columns: dict[str, None] = {}
    rows = 0
    for _owner, reject in store.rejects_with_owner(entity.name):
        columns.update(dict.fromkeys(reject.row))
        rows += 1
    if not rows:
        return 0
    if rows > MOST_ROWS:
        raise GoliveError(
            f"{rows} rows of {entity.name} were set aside: no sheet holds so many.",
            remedy="So many are no exceptions: correct the mapping or the source.",
        )
    sheet = book.create_sheet(entity.name[:31])
    sheet.append([*columns, *(REASON.format(one.code) for one in languages), SUGGESTION, WHERE, OWNER])
    for owner, reject in store.rejects_with_owner(entity.name):
        cells = [*(reject.row.get(name) for name in columns), *_why(reject, languages), reject.location]
        sheet.append([*(_cell(openpyxl, sheet, value) for value in cells), owner])
    return rows


def _why(reject: Reject, languages: list[Language]) -> Iterator[str]:
    for language in languages:
        yield "\n".join(in_words(problem, language) for problem in reject.problems)
    yield "\n".join(f"{p.rule}: {p.suggestion}" for p in reject.problems if p.suggestion)


def _cell(openpyxl: Any, sheet: Any, value: Any) -> Any:
    """A value as a spreadsheet can show it; a text never becomes a formula, and what can't be shown is marked."""
    if not isinstance(value, str):
        return value
    text = neutral(BROKEN.sub("�", CONTROL.sub("�", value)))
    if len(text) > LONGEST_CELL:
        text = text[: LONGEST_CELL - len(TRUNCATED)] + TRUNCATED
    cell = openpyxl.cell.WriteOnlyCell(sheet, value=text)
    cell.data_type = "s"
    return cell


def neutral(text: str) -> str:
    """A text that no spreadsheet program takes for a formula, not even after a detour over CSV."""
    return f"'{text}" if FORMULA.match(text) and not PLAIN.fullmatch(text) else text


def as_written(text: str) -> str:
    """What a text was before it was made neutral."""
    return text[1:] if text.startswith("'") and FORMULA.match(text[1:]) else text
