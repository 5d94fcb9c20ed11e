# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KoboToolbox and ODK exports: submissions as JSON, with repeat groups and media, read one submission at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line, require
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity, Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Problem
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import (
    Row,
    Stream,
    file_digest,
    unreadable,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.values import as_text, folded

SUBMISSION = "."
# Columns that every row of a repeat group has beside its own: the submission it belongs to and its place there.
PARENT, PLACE = "_submission", "_index"
ARRAYS = {"results": "results.item", "value": "value.item"}


def open_source(mapping: Mapping, _login: dict[str, Any]) -> KoboSource:
    """An export: an array of submissions, or an object with them in ``results`` (KoboToolbox) or ``value`` (ODK)."""
    return KoboSource(mapping)


class KoboSource:
    """An export that is there."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._path = Path(mapping.path)
        self._ijson = require("ijson", "python3-ijson")
        self._open: list[IO[bytes]] = []

    def close(self) -> None:
        while self._open:
            self._open.pop().close()

    def mark(self, entity: Entity) -> Any:
        return file_digest(self._path) if entity.watermark.kind == "file_digest" else None

    def count(self, _entity: Entity) -> int | None:
        return None

    def tables(self) -> list[str]:
        groups: dict[str, None] = {SUBMISSION: None}
        for submission in self._submissions():
            if isinstance(submission, dict):
                groups.update(dict.fromkeys(_groups(submission)))
        return list(groups)

    def stream(self, entity: Entity, _since: Any) -> Stream:
        header = self._header(entity.origin)
        if len(header) > self._mapping.limits.max_columns:
            raise GoliveError(
                f"{self._path} has {len(header)} questions, the limit is {self._mapping.limits.max_columns}.",
                remedy="If that is right, raise limits.max_columns in the mapping.",
            )
        return Stream(header, self._rows(entity.origin, header), f"{self._path.name}, {entity.origin},")

    def lookup(self, table: str, key: str, value: str) -> dict[str, Any]:
        header = self._header(table)
        if key not in header or value not in header:
            raise GoliveError(f"{table} has no question {key} or {value}.", remedy="Correct the lookup.")
        places = header.index(key), header.index(value)
        return {
            folded(as_text(r[places[0]])): r[places[1]]
            for _n, r, wrong in self._rows(table, header)
            if not wrong
        }

    def _header(self, group: str) -> tuple[str, ...]:
        """Questions that any row answers: a submission leaves out what was not asked."""
        names: dict[str, None] = {}
        for row in self._records(group):
            if isinstance(row, dict):
                names.update(dict.fromkeys(row))
        return tuple(names)

    def _rows(self, group: str, header: tuple[str, ...]) -> Iterator[tuple[int, Row, Problem | None]]:
        for number, row in enumerate(self._records(group), start=1):
            if isinstance(row, dict):
                yield number, tuple(row.get(name) for name in header), None
            else:
                problem = Problem("", "broken_record", {"why": "not a submission"})
                yield number, (as_text(row),) + (None,) * (len(header) - 1), problem

    def _records(self, group: str) -> Iterator[Any]:
        """Rows of a group, flat: answers only."""
        for submission in self._submissions():
            if not isinstance(submission, dict):
                if group == SUBMISSION:
                    yield submission
                continue
            rows = [submission] if group == SUBMISSION else submission.get(group) or []
            for place, row in enumerate(rows, start=1):
                if group == SUBMISSION or not isinstance(row, dict):
                    yield _flat(row) if isinstance(row, dict) else row
                    continue
                identity = submission.get("_uuid") or submission.get("__id") or submission.get("_id")
                yield {PARENT: as_text(identity), PLACE: place, **_flat(row)}

    def _submissions(self) -> Iterator[Any]:
        errors = (self._ijson.JSONError, UnicodeDecodeError, ValueError)
        try:
            with self._path.open("rb") as file:
                start = file.read(3)
                file.seek(3 if start == b"\xef\xbb\xbf" else 0)
                yield from self._ijson.items(file, self._where(), use_float=True)
        except errors as exc:
            raise GoliveError(
                f"{self._path} is not the JSON of an export: {one_line(exc)}.", remedy="Export it again."
            ) from exc
        except OSError as exc:
            raise unreadable(self._path, exc) from exc

    def _where(self) -> str:
        """Where the submissions are: at the top, or in the first array that such exports have."""
        with self._path.open("rb") as file:
            start = file.read(3)
            file.seek(3 if start == b"\xef\xbb\xbf" else 0)
            for prefix, event, _value in self._ijson.parse(file):
                if event == "start_array" and prefix == "":
                    return "item"
                if event == "start_array" and prefix in ARRAYS:
                    return ARRAYS[prefix]
        raise GoliveError(f"{self._path} holds no submissions.", remedy="Export the submissions as JSON.")


def _groups(submission: dict[str, Any]) -> list[str]:
    return [name for name, value in submission.items() if _is_group(name, value)]


def _is_group(name: str, value: Any) -> bool:
    return (
        isinstance(value, list) and not name.startswith("_") and any(isinstance(one, dict) for one in value)
    )


def _flat(row: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Answers by their path, groups unfolded; repeat groups are entities of their own."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and "coordinates" not in value:
            found.update(_flat(value, f"{before}{name}/"))
        elif isinstance(value, dict):
            longitude, latitude = (value["coordinates"] or [None, None])[:2]
            found[before + name] = f"{latitude} {longitude}"
        elif isinstance(value, list):
            if not _is_group(name, value) and not name.startswith("_"):
                found[before + name] = json.dumps(value, ensure_ascii=False)
        else:
            found[before + name] = value
    return found
