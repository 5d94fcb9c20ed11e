# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases as sources: MariaDB and MySQL, PostgreSQL, SQL Server, SQLite; read in one snapshot, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _mariadb
from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    GoliveError,
    ProbeError,
    one_line,
    require,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity, Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Problem
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import Row, Stream, file_digest
from ansible_collections.dfr.golive.plugins.module_utils._legacy.values import as_text, folded

DIALECTS = {
    "mariadb": "mysql+pymysql",
    "postgresql": "postgresql+psycopg",
    "sqlserver": "mssql+pymssql",
    "sqlite": "sqlite",
}
PORTS = {"mariadb": 3306, "postgresql": 5432, "sqlserver": 1433}
MAX_LOOKUP = 200_000
FETCHED = 1000


def open_source(mapping: Mapping, login: dict[str, Any]) -> SqlSource:
    """Connect, and keep one read-only snapshot for all that is read."""
    sqlalchemy = require("sqlalchemy", "python3-sqlalchemy")
    if int(sqlalchemy.__version__.split(".")[0]) < 2:
        raise GoliveError(
            f"SQLAlchemy {sqlalchemy.__version__} on this host is too old to read databases.",
            remedy="Read from a host with Debian 13 or Ubuntu 24.04, or newer.",
        )
    engine = _engine(sqlalchemy, mapping, login)
    where = login.get("host") or mapping.path
    with _asking(sqlalchemy, f"{mapping.name} ({mapping.kind} on {where})"):
        connection = engine.connect()
    return SqlSource(sqlalchemy, mapping, engine, connection)


def _engine(sqlalchemy: Any, mapping: Mapping, login: dict[str, Any]) -> Any:
    if mapping.kind == "sqlite":
        path = Path(mapping.path)
        if not path.is_file():
            raise GoliveError(f"{path} is not a file on this host.", remedy="Check path in the mapping.")
        url = sqlalchemy.URL.create(
            "sqlite", database=f"file:{path.resolve()}", query={"mode": "ro", "uri": "true"}
        )
        engine = sqlalchemy.create_engine(url)

        def broken_text_stays_visible(raw: Any, _record: Any) -> None:
            raw.text_factory = lambda data: data.decode("utf-8", "surrogateescape")

        sqlalchemy.event.listen(engine, "connect", broken_text_stays_visible)
        return engine
    url = sqlalchemy.URL.create(
        DIALECTS[mapping.kind],
        username=login["user"],
        password=login["password"],
        host=login["host"],
        port=login.get("port") or PORTS[mapping.kind],
        database=login["database"],
    )
    options = {"isolation_level": "REPEATABLE READ"} if mapping.kind in ("mariadb", "postgresql") else {}
    engine = sqlalchemy.create_engine(url, connect_args=_arguments(mapping.kind, login), **options)
    _prepare(sqlalchemy, engine, mapping.kind, login)
    return engine


def _arguments(kind: str, login: dict[str, Any]) -> dict[str, Any]:
    mode, authority = login.get("ssl_mode") or "", login.get("ca_cert") or None
    if kind == "mariadb":
        context = _mariadb.tls_context(_maria(login))
        return {"ssl": context, "ssl_disabled": context is None, "charset": "utf8mb4", "connect_timeout": 10}
    if kind == "postgresql":
        trusted = {"sslrootcert": authority} if authority else {}
        return {
            "sslmode": mode or "verify-full",
            "connect_timeout": 10,
            # Where row security would hide records, reading fails.
            "options": "-c datestyle=ISO -c row_security=off",
            **trusted,
        }
    # FreeTDS checks the server's name and authority as freetds.conf says.
    return {"login_timeout": 10, "charset": "UTF-8", "encryption": "off" if mode == "disable" else "require"}


def _maria(login: dict[str, Any]) -> _mariadb.MariadbLogin:
    return _mariadb.MariadbLogin(
        host=login["host"],
        port=login.get("port") or PORTS["mariadb"],
        user=login["user"],
        password=login["password"],
        database=login["database"],
        ssl_mode=login.get("ssl_mode") or "verify_identity",
        ca_cert=login.get("ca_cert") or None,
    )


def _prepare(sqlalchemy: Any, engine: Any, kind: str, login: dict[str, Any]) -> None:
    def prepare(raw: Any, _record: Any) -> None:
        if kind == "mariadb":
            at = _maria(login)
            if at.ssl_mode != "disable":
                _mariadb.demand_tls(raw, at)
        elif kind == "postgresql":
            # Days that Python's calendar does not have (infinity, 4714 BC) must not end the whole reading.
            loader = require("psycopg.types.string", "python3-psycopg").TextLoader
            for name in ("date", "timestamp", "timestamptz", "interval"):
                raw.adapters.register_loader(name, loader)

    sqlalchemy.event.listen(engine, "connect", prepare)


@contextmanager
def _asking(sqlalchemy: Any, what: str) -> Iterator[None]:
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, OSError) as exc:
        cause = getattr(exc, "orig", None) or exc
        raise ProbeError(
            f"{what} can't be read: {one_line(cause)}.",
            remedy="Check the source, its account and its rights.",
        ) from exc


class SqlSource:
    """A database that is open."""

    def __init__(self, sqlalchemy: Any, mapping: Mapping, engine: Any, connection: Any) -> None:
        self._sa = sqlalchemy
        self._mapping = mapping
        self._engine = engine
        self._connection = connection
        self._columns: dict[str, dict[str, Any]] = {}

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()

    def tables(self) -> list[str]:
        with _asking(self._sa, self._mapping.name):
            found = self._sa.inspect(self._connection)
            return sorted([*found.get_table_names(), *found.get_view_names()])

    def mark(self, entity: Entity) -> Any:
        watermark = entity.watermark
        if watermark.kind == "file_digest":
            return file_digest(Path(self._mapping.path))
        if watermark.kind == "none":
            return None
        table = self._table(watermark.table or entity.origin)
        column = self._sa.column(watermark.column)
        top, number = self._ask(
            self._sa.select(self._sa.func.max(column), self._sa.func.count()).select_from(table)
        ).one()
        return {"top": None if top is None else as_text(top), "rows": number}

    def count(self, entity: Entity) -> int | None:
        return int(
            self._ask(
                self._sa.select(self._sa.func.count()).select_from(self._table(entity.origin))
            ).scalar_one()
        )

    def stream(self, entity: Entity, since: Any) -> Stream:
        types = self._types(entity.origin)
        wanted = {column for field in entity.fields.values() for column in field.columns}
        header = tuple(
            name
            for name, kind in types.items()
            if name in wanted or not isinstance(kind, self._sa.types.LargeBinary | self._sa.types._Binary)  # noqa: SLF001
        )
        if len(header) > self._mapping.limits.max_columns:
            raise GoliveError(
                f"{entity.origin} has {len(header)} columns, the limit is {self._mapping.limits.max_columns}.",
                remedy="If that is right, raise limits.max_columns in the mapping.",
            )
        query = self._sa.select(*[self._sa.column(name) for name in header]).select_from(
            self._table(entity.origin)
        )
        past = self._past(entity, since)
        if past is not None:
            query = query.where(past)
        return Stream(header, self._rows(query), f"{entity.origin}, row", past is None)

    def _past(self, entity: Entity, since: Any) -> Any:
        """The condition for rows past a mark; None to read all."""
        watermark = entity.watermark
        if not since or watermark.kind in ("none", "file_digest") or since.get("top") is None:
            return None
        column = self._sa.column(watermark.column)
        if watermark.kind == "updated_at":
            return column >= self._as_it_is(_earlier(since["top"], watermark.overlap_seconds))
        top = self._as_it_is(since["top"])
        if watermark.kind == "increasing_id":
            return column > top
        if len(entity.key) != 1:
            raise GoliveError(
                f"{entity.name}: a change table works with one key column.", remedy="Use updated_at, or none."
            )
        changes = self._table(watermark.table)
        key = self._sa.column(entity.key[0])
        changed = self._sa.select(key).select_from(changes).where(column > top)
        return key.in_(changed)

    def _as_it_is(self, text: str) -> Any:
        """A mark without a type of its own: the database reads it as what its column is."""
        return self._sa.bindparam(None, text, type_=self._sa.types.NullType(), unique=True)

    def lookup(self, table: str, key: str, value: str) -> dict[str, Any]:
        query = self._sa.select(self._sa.column(key), self._sa.column(value)).select_from(self._table(table))
        found = self._ask(query.limit(MAX_LOOKUP + 1)).all()
        if len(found) > MAX_LOOKUP:
            raise GoliveError(
                f"{table} has more than {MAX_LOOKUP} rows: too many to look up in.",
                remedy="Make it an entity.",
            )
        return {folded(as_text(row[0])): row[1] for row in found}

    def _ask(self, query: Any) -> Any:
        with _asking(self._sa, self._mapping.name):
            return self._connection.execute(query)

    def _rows(self, query: Any) -> Iterator[tuple[int, Row, Problem | None]]:
        with _asking(self._sa, self._mapping.name):
            result = self._connection.execution_options(stream_results=True).execute(query)
            number = 0
            for part in result.yield_per(FETCHED).partitions(FETCHED):
                for row in part:
                    number += 1
                    yield number, tuple(row), None

    def _table(self, name: str) -> Any:
        self._types(name)
        schema, _dot, table = name.rpartition(".")
        return self._sa.table(table, schema=schema or None)

    def _types(self, name: str) -> dict[str, Any]:
        """Columns of a table as the database declares them."""
        if name not in self._columns:
            schema, _dot, table = name.rpartition(".")
            with _asking(self._sa, self._mapping.name):
                inspector = self._sa.inspect(self._connection)
                try:
                    found = inspector.get_columns(table, schema=schema or None)
                except self._sa.exc.NoSuchTableError:
                    found = []
            if not found:
                raise GoliveError(
                    f"{self._mapping.name} has no table {name}; it has {', '.join(self.tables()[:20])}.",
                    remedy="Correct from in the mapping, or give the account the right to read it.",
                )
            self._columns[name] = {column["name"]: column["type"] for column in found}
        return self._columns[name]


def _earlier(top: str, seconds: int) -> str:
    """A mark moved back; left alone where it is no time."""
    try:
        moment = datetime.fromisoformat(top)
    except ValueError:
        return top
    return (moment - timedelta(seconds=seconds)).isoformat(" ")
