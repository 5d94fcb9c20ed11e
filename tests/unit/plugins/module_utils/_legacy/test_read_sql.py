# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of each database, in its own words.

MariaDB and PostgreSQL answer in tests/integration, SQLite in test_extract.py. No SQL Server is at hand: there the
statements and the connection's arguments are all that is judged.
"""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy
from ansible_collections.dfr.golive.plugins.module_utils._legacy import read_sql
from ansible_collections.dfr.golive.plugins.module_utils._legacy.read_sql import SqlSource
from legacy import entity, mapping_of
from sqlalchemy.dialects import mssql, mysql, postgresql

DIALECTS: dict[str, Any] = {
    "sqlserver": (mssql, "[naïve]] name]", "[farmers]"),
    "mariadb": (mysql, "`naïve] name`", "farmers"),
    "postgresql": (postgresql, '"naïve] name"', "farmers"),
}
ODD = "naïve] name"


class AskedError(Exception):
    """The statement was noted; there is nobody to answer it."""


class Connection:
    """A connection that only notes what it is asked."""

    def __init__(self, dialect: Any) -> None:
        self.dialect = dialect
        self.asked: list[str] = []

    def execution_options(self, **said: Any) -> Connection:
        assert said == {"stream_results": True}
        return self

    def execute(self, query: Any) -> Any:
        compiled = query.compile(dialect=self.dialect)
        self.asked.append(" ".join(f"{compiled} {list(compiled.params.values())}".split()))
        raise AskedError


@pytest.mark.parametrize("kind", list(DIALECTS))
@pytest.mark.parametrize(
    ("mark", "since", "condition", "top"),
    [
        ({"kind": "none"}, None, "", ""),
        ({"kind": "increasing_id", "column": "id"}, {"top": "7", "rows": 7}, "id > ", "7"),
        (
            {"kind": "updated_at", "column": "at", "overlap_seconds": 60},
            {"top": "2026-01-01 00:01:00", "rows": 7},
            "at >= ",
            "2026-01-01 00:00:00",
        ),
        ({"kind": "change_table", "column": "n", "table": "changes"}, {"top": "7", "rows": 7}, "n > ", "7"),
    ],
    ids=lambda value: value.get("kind", "") if isinstance(value, dict) else "",
)
def test_the_statement(kind: str, mark: dict[str, Any], since: Any, condition: str, top: str) -> None:
    dialect, quoted, table = DIALECTS[kind]
    connection = Connection(dialect.dialect())
    one = mapping_of(kind, "/", {"farmers": entity(watermark=mark)}, connection="c")  # type: ignore[arg-type]
    source = SqlSource(sqlalchemy, one, None, connection)
    source._columns = {
        name: {ODD: sqlalchemy.Text(), "photo": sqlalchemy.LargeBinary()} for name in ("farmers", "changes")
    }
    stream = source.stream(one.entities["farmers"], since)
    assert stream.header == (ODD,)
    with pytest.raises(AskedError):
        next(stream.rows)
    plain = connection.asked[0].replace("[", "").replace("]", "").replace("`", "").replace('"', "")
    assert quoted in connection.asked[0]
    assert table.strip("[]") in connection.asked[0]
    assert condition in plain
    assert plain.endswith(f"'{top}'" if top else "")
    assert bool(condition) == (" WHERE " in connection.asked[0])


def test_the_connections_arguments() -> None:
    login = {"host": "h", "user": "u", "password": "p", "database": "d"}
    assert read_sql._arguments("postgresql", login)["sslmode"] == "verify-full"
    assert read_sql._arguments("sqlserver", login)["encryption"] == "require"
    assert read_sql._arguments("sqlserver", {**login, "ssl_mode": "disable"})["encryption"] == "off"
    assert read_sql._arguments("mariadb", {**login, "ssl_mode": "disable"})["ssl_disabled"] is True
    assert read_sql._arguments("mariadb", login)["ssl"].check_hostname is True
