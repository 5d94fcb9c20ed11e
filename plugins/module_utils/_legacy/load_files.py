# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Photos and attachments into Odoo: sent only where Odoo's checksum says that it hasn't got them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import Target
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Attachment, Record


class FileChangedError(GoliveError):
    """A file is no longer what it was when its row was read."""


def embedded(record: Record) -> dict[str, str]:
    """The record's binary fields, as Odoo takes them.

    Raises:
        FileChangedError: a file is gone or another one by now.
    """
    return {file.field: _content(file) for file in record.attachments if file.field}


def outdated(target: Target, model: str, records: Mapping[int, Record]) -> dict[int, dict[str, str]]:
    """The binary fields whose content in Odoo isn't the source's: id -> field -> content."""
    wanted = {
        (record_id, file.field): file
        for record_id, record in records.items()
        for file in record.attachments
        if file.field
    }
    if not wanted:
        return {}
    there = target.find(
        "ir.attachment",
        [
            ("res_model", "=", model),
            ("res_id", "in", sorted({record_id for record_id, _field in wanted})),
            ("res_field", "in", sorted({name for _record, name in wanted})),
        ],
        ["res_id", "res_field", "checksum"],
    )
    checksums = {(row["res_id"], row["res_field"]): row["checksum"] for row in there}
    changes: dict[int, dict[str, str]] = {}
    for (record_id, name), file in wanted.items():
        if checksums.get((record_id, name)) != file.sha1:
            changes.setdefault(record_id, {})[name] = _content(file)
    return changes


def beside(target: Target, model: str, pairs: Sequence[tuple[Record, int]]) -> bool:
    """Attachments that belong to no field: made unless the record has one with that content.

    Returns:
        Whether any was made.
    """
    wanted = [
        (record_id, file) for record, record_id in pairs for file in record.attachments if not file.field
    ]
    if not wanted:
        return False
    there = target.find(
        "ir.attachment",
        [
            ("res_model", "=", model),
            ("res_id", "in", sorted({record_id for record_id, _file in wanted})),
            ("res_field", "=", False),
        ],
        ["res_id", "checksum"],
    )
    known = {(row["res_id"], row["checksum"]) for row in there}
    rows: list[dict[str, Any]] = [
        {
            "name": file.name,
            "res_model": model,
            "res_id": record_id,
            "mimetype": file.mimetype,
            "datas": _content(file),
        }
        for record_id, file in wanted
        if (record_id, file.sha1) not in known
    ]
    if rows:
        target.create("ir.attachment", rows)
    return bool(rows)


def _content(file: Attachment) -> str:
    try:
        content = Path(file.path).read_bytes()
    except OSError as exc:
        raise FileChangedError(f"The file {file.name} can't be read: {exc.strerror}.") from exc
    if hashlib.sha1(content).hexdigest() != file.sha1:  # noqa: S324 (Odoo's own name for a content)
        raise FileChangedError(f"The file {file.name} changed since its row was read.")
    return base64.b64encode(content).decode()
