# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records that the registry has already, recognised by what people mean and not by how they typed it.

Odoo can't search for a value as it would be without blanks and case, so an index of folded values lies beside the
store. It is brought up to date by what was written since, never built anew: its price follows what changed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import Target, paged
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_values import folded

FIND = "select value, id from twin where what = ? and value in ({})"
_PAGE = 5000
_ASKED = 500
# A transaction is dated when it begins and seen when it ends.
_OVERLAP = "-10 minutes"


class Twins:
    """Finds the record that another row already made, or that people registered themselves.

    Args:
        path: of the index; made when it isn't there, only this user can read it.
        target: the Odoo it is about.
    """

    def __init__(self, path: Path, target: Target) -> None:
        path.touch(mode=0o600, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        # What a crash of the machine takes from it is learned again: it was written since.
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.execute(
            "create table if not exists twin (what text, value text, id integer, primary key (what, id))"
        )
        self._db.execute("create index if not exists twin_value on twin (what, value, id)")
        self._db.execute("create table if not exists mark (what text primary key, written text)")
        self._target = target

    def close(self) -> None:
        self._db.close()

    def refresh(self, model: str, fields: Sequence[str]) -> None:
        """Learn what was written since the last time."""
        what = _what(model, fields)
        with closing(
            self._db.execute("select datetime(written, ?) from mark where what = ?", (_OVERLAP, what))
        ) as c:
            since = (c.fetchone() or ("",))[0] or ""  # nothing yet: all of it
        last, newest = 0, since
        while True:
            domain: list[Any] = [("id", ">", last), *([("write_date", ">=", since)] if since else [])]
            rows = self._target.find(model, domain, [*fields, "write_date"], limit=_PAGE)
            self._db.execute("begin")
            for row in rows:
                self._put(what, value_of([row[name] for name in fields]), row["id"])
            self._db.execute("commit")
            newest = max([newest, *(str(row["write_date"]) for row in rows)])
            if len(rows) < _PAGE:
                break
            last = rows[-1]["id"]
        self._db.execute("insert or replace into mark values (?, ?)", (what, newest))

    def find(self, model: str, fields: Sequence[str], wanted: Iterable[str]) -> dict[str, int]:
        """The records with these values (`value_of`), a page of rows at once.

        What the index says is asked of Odoo before it counts.
        """
        what = _what(model, fields)
        found: dict[str, int] = {}
        for part in paged(sorted(set(wanted) - {""}), _ASKED):
            with closing(self._db.execute(FIND.format(",".join("?" * len(part))), (what, *part))) as c:
                said = {record: value for value, record in c}
            for row in self._target.find(model, [("id", "in", list(said))], fields) if said else []:
                if value_of([row[name] for name in fields]) == said[row["id"]]:
                    found.setdefault(said[row["id"]], int(row["id"]))
        return found

    def learn(self, model: str, fields: Sequence[str], rows: Iterable[tuple[Mapping[str, Any], int]]) -> None:
        """Records that were just loaded."""
        what = _what(model, fields)
        self._db.execute("begin")
        for values, record in rows:
            self._put(what, value_of([values.get(name) for name in fields]), record)
        self._db.execute("commit")

    def _put(self, what: str, value: str, record: int) -> None:
        if value:
            self._db.execute("insert or replace into twin values (?, ?, ?)", (what, value, record))
        else:
            self._db.execute("delete from twin where what = ? and id = ?", (what, record))


def value_of(parts: Sequence[Any]) -> str:
    """The folded values as one text; empty when one of them is, for then nothing can be said."""
    words = ["" if part in (None, False) else folded(part) for part in parts]
    return json.dumps(words) if all(words) else ""


def _what(model: str, fields: Sequence[str]) -> str:
    return json.dumps([model, *fields])
