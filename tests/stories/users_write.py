# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users at work in production, by name over TLS, and a colleague in its database: each notes what was acknowledged.

``python users_write.py [rows]`` also writes so many rows at once, as an import would. What was acknowledged is in
artifacts/users-wrote.json; `judge_brought_back` looks for each of it in staging, exactly once.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path
from typing import Any

import outside

NOTES = outside.ROOT / "artifacts/users-wrote.json"
PIXEL = base64.b64encode(
    base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
).decode()


def as_user(login: str) -> Any:
    browser = outside.Browser()
    browser.login("dfr_production", login, "lab-user")

    def call(model: str, method: str, *args: Any) -> Any:
        path = f"/web/dataset/call_kw/{model}/{method}"
        return browser.call(path, {"model": model, "method": method, "args": list(args), "kwargs": {}})

    return call


def at_work(mark: str) -> dict[str, Any]:
    """A morning at the registry: new farmers, one with a photo, a correction, a mistake taken back, a household."""
    enumerator, administrator = as_user("enumerator001"), as_user("administrator001")
    made = {}
    for number in range(20):
        name = f"{mark} {number}, née O'Brien"
        photo = {"photo": PIXEL} if number == 0 else {}
        (made_id,) = enumerator("dfr.farmer", "create", [{"name": name, "village": "Neiafu", **photo}])
        made[name] = made_id
    (old,) = enumerator("dfr.farmer", "search", [["name", "not like", mark]], 0, 1)
    enumerator("dfr.farmer", "write", [old], {"village": mark})
    (mistake,) = enumerator("dfr.farmer", "create", [{"name": f"{mark} mistake"}])
    administrator("dfr.farmer", "unlink", [mistake])
    return {"made": made, "changed": {str(old): mark}, "deleted": [mistake]}


def in_the_database(mark: str, rows: int) -> list[str]:
    """Rows that come at once, in the application's database and without it."""
    written = outside.psql(
        "production",
        "dfr_production",
        "insert into dfr_farmer (name, code, status, create_uid, write_uid, create_date, write_date)"
        f" select '{mark} sql ' || i, '{mark}-' || i, 'draft', 2, 2, now(), now() from generate_series(1, {rows}) i"
        " returning name",
    )
    return written[:rows]  # psql's own word about it comes last


def main(rows: int) -> int:
    mark = f"W{time.time():.0f}"
    said = {"mark": mark, **at_work(mark), "imported": in_the_database(mark, rows)}
    NOTES.parent.mkdir(exist_ok=True)
    Path(NOTES).write_text(json.dumps(said, indent=1), encoding="utf-8")
    print(
        f"{mark}: {len(said['made'])} farmers by name, {len(said['imported'])} at once, one changed, one deleted"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
