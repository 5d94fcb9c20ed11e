# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MariaDB and PostgreSQL as legacy sources: real servers of their own, with the rows that old registries have."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._legacy.extract import (
    Tally,
    extract,
    unchanged_since,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Mapping, parse
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import open_source
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import Store
from sandbox import IMAGES, run

PASSWORD = "quite-secret"
MARIADB = """
install -d -o mysql -g mysql /run/mysqld /data
mariadb-install-db --user=mysql --datadir=/data --skip-test-db >/dev/null
mariadbd --user=mysql --datadir=/data --bind-address=0.0.0.0 --skip-name-resolve >/dev/null 2>&1 &
for n in $(seq 100); do mariadb-admin --silent ping 2>/dev/null && break; sleep 0.2; done
mariadb -e "create database old character set latin1; create user reader@'%' identified by 'quite-secret';
grant select on old.* to reader@'%'; set global sql_mode = ''"
"""
POSTGRESQL = """
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
install -d -m 0700 -o postgres -g postgres /data
as() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
as $bin/initdb -D /data -E UTF8 --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 --no-sync >/dev/null
echo "listen_addresses = '*'" >> /data/postgresql.conf
echo 'host all all all scram-sha-256' >> /data/pg_hba.conf
install -d -m 2775 -o postgres -g postgres /var/run/postgresql
as $bin/pg_ctl -D /data -l /tmp/log -w start >/dev/null
as psql -qc "create role reader login password 'quite-secret'" -c 'create database old'
as psql -q old -c 'alter default privileges in schema public grant select on tables to reader'
"""
# The same registry in both: text in an old encoding, days that no calendar has, bytes, exact numbers, nothing at all.
MARIADB_ROWS = """
set names utf8mb4;
create table farmers (id int primary key, `full name` varchar(40), born date, seen datetime, area decimal(8,2),
  photo blob, changed timestamp not null default current_timestamp);
insert into farmers values (1, 'René', '1970-03-12', '2026-01-31 10:00:00', 2.50, x'89504e470d0a1a0a', '2026-01-01'),
  (2, 'Mele', '0000-00-00', null, null, null, '2026-01-02'), (3, null, null, null, 0, null, '2026-01-03');
"""
POSTGRESQL_ROWS = """
create table farmers (id int primary key, "full name" text, born date, seen timestamptz, area numeric, photo bytea,
  changed timestamptz not null default now());
insert into farmers values
  (1, 'René', '1970-03-12', '2026-01-31 10:00:00+00', 2.50, '\\x89504e470d0a1a0a', '2026-01-01'),
  (2, 'Mele', '-infinity', null, null, null, '2026-01-02'), (3, null, null, null, 0, null, '2026-01-03');
"""


@dataclass
class Server:
    """A database server in a container of its own."""

    kind: str
    name: str
    client: tuple[str, ...]
    login: dict[str, Any]

    def sql(self, statements: str) -> None:
        run("docker", "exec", "-i", self.name, *self.client, stdin=statements)


def _container(kind: str, image: str, setup: str, client: tuple[str, ...], port: int) -> Server:
    name = f"dfrsource-{kind}"
    run("docker", "rm", "-f", name, check=False)
    label = ("--label", "dfr.golive.lab=1")
    run("docker", "run", "-d", "--init", "--name", name, *label, "--entrypoint", "sleep", image, "infinity")
    run("docker", "exec", "-i", name, "bash", "-e", stdin=setup)
    address = run(
        "docker", "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name
    ).strip()
    login = {
        "host": address,
        "port": port,
        "user": "reader",
        "password": PASSWORD,
        "database": "old",
        "ssl_mode": "disable",
    }
    return Server(kind, name, client, login)


@pytest.fixture(scope="module", params=["mariadb", "postgresql"])
def box(request: pytest.FixtureRequest) -> Iterator[Server]:
    images = json.loads(run(sys.executable, str(IMAGES / "build.py"), timeout=1200).splitlines()[-1])
    if request.param == "mariadb":
        made = _container("mariadb", images["legacy"], MARIADB, ("mariadb", "old"), 3306)
        made.sql(MARIADB_ROWS)
    else:
        client = ("su", "postgres", "-c", "psql -X -q -v ON_ERROR_STOP=1 old")
        made = _container("postgresql", images["postgres"], POSTGRESQL, client, 5432)
        made.sql(POSTGRESQL_ROWS)
    yield made
    run("docker", "rm", "-f", "-v", made.name)


def mapping_of(server: Server, watermark: dict[str, Any], **more: Any) -> Mapping:
    fields = {
        "name": {"from": "full name"},
        "born": {"from": "born", "steps": ["date"]},
        "seen": {"from": "seen", "steps": ["datetime"]},
        "area": {"from": "area"},
        "photo": {"from": "photo", "attachment": True},
    }
    farmers = {
        "from": "farmers",
        "key": ["id"],
        "model": "dfr.farmer",
        "watermark": watermark,
        "fields": fields,
        **more,
    }
    said = {"source": "old", "kind": server.kind, "connection": "old", "entities": {"farmers": farmers}}
    return parse(json.dumps(said), "old.yml")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store.open(tmp_path / "store")) as made:
        yield made


def read(mapping: Mapping, server: Server, store: Store, name: str) -> Tally:
    with closing(open_source(mapping, server.login)) as source:
        tally = extract(mapping, source, store, name)["farmers"]
    store.loaded([(record, int(record.key), "") for record in store.staged("farmers", limit=100_000)])
    store.commit_marks(name)
    assert store.counts(name)["farmers"].holds
    return tally


def test_values_as_the_database_holds_them(box: Server, store: Store) -> None:
    """An impossible day costs its own row, not the reading."""
    mapping = mapping_of(box, {"kind": "none"})
    with closing(open_source(mapping, box.login)) as source:
        extract(mapping, source, store, "r1")
        assert source.count(mapping.entities["farmers"]) == 3
    first, last = store.staged("farmers")
    assert first.values == {"name": "René", "born": "1970-03-12", "seen": "2026-01-31 10:00:00", "area": 2.5}
    assert Path(first.attachments[0].path).read_bytes() == b"\x89PNG\r\n\x1a\n"
    assert last.values == {"name": None, "born": None, "seen": None, "area": 0}
    (reject,) = store.rejects("farmers")
    assert (reject.key, [p.rule for p in reject.problems]) == ("2", ["born"])
    assert reject.row["full name"] == "Mele"


@pytest.mark.parametrize("kind", ["increasing_id", "updated_at"])
def test_only_what_is_past_the_mark_and_the_proof(box: Server, store: Store, kind: str) -> None:
    column = {"increasing_id": "id", "updated_at": "changed"}[kind]
    mapping = mapping_of(box, {"kind": kind, "column": column, "overlap_seconds": 0})
    box.sql("delete from farmers where id > 3")
    assert read(mapping, box, store, "r1").full is True

    def moved() -> list[str]:
        with closing(open_source(mapping, box.login)) as source:
            return unchanged_since(mapping, source, store)

    assert moved() == []
    box.sql("insert into farmers (id, changed) values (9, '2026-02-01 00:00:00')")
    assert moved() == ["farmers"]
    tally = read(mapping, box, store, "r2")
    assert (tally.full, tally.staged) == (False, 1)
    assert moved() == []


def test_many_rows_are_one_stream(box: Server, store: Store) -> None:
    """Twenty thousand rows pass without the driver holding them; the second time all are known."""
    many = {"mariadb": "seq_1_to_20000", "postgresql": "generate_series(1, 20000) as seq"}[box.kind]
    box.sql(f"create table many as select seq as id, 'x' as name from {many}")
    if box.kind == "postgresql":
        box.sql("grant select on many to reader")
    fields = {"name": {"from": "name"}}
    mapping = mapping_of(box, {"kind": "none"}, **{"from": "many", "fields": fields})
    assert read(mapping, box, store, "r1").staged == 20_000
    assert read(mapping, box, store, "r2").unchanged == 20_000


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"password": "wrong"}, "can't be read"),
        ({"port": 1}, "can't be read"),
        ({"ssl_mode": "verify"}, "can't be read"),
        ({"database": "other"}, "can't be read"),
    ],
    ids=["password", "port", "tls", "database"],
)
def test_a_source_that_does_not_answer_is_no_empty_source(
    box: Server, store: Store, change: dict[str, Any], sentence: str
) -> None:
    mapping = mapping_of(box, {"kind": "none"})
    if "ssl_mode" in change:  # neither server has a certificate that anybody vouches for
        change = {"ssl_mode": "verify_identity" if box.kind == "mariadb" else "verify-full"}
    with pytest.raises(ProbeError, match=sentence) as refused:
        open_source(mapping, {**box.login, **change})
    assert PASSWORD not in str(refused.value)


def test_rows_that_a_policy_hides_are_no_missing_rows(box: Server, store: Store) -> None:
    if box.kind != "postgresql":
        pytest.skip("MariaDB has no row security")
    box.sql("alter table farmers enable row level security; create policy few on farmers using (id > 1)")
    try:
        with pytest.raises(ProbeError, match="would be affected by row-level security policy"):
            read(mapping_of(box, {"kind": "none"}), box, store, "r1")
        assert store.counts("r1") == {}
    finally:
        box.sql("drop policy few on farmers; alter table farmers disable row level security")


def test_a_connection_that_breaks_loses_no_row(box: Server, store: Store) -> None:
    """Half read is not read: the run ends with a sentence, and the next one reads what is left."""
    mapping = mapping_of(box, {"kind": "none"})
    source = open_source(mapping, box.login)
    kill: dict[str, Callable[[], None]] = {
        "mariadb": lambda: box.sql(
            "select concat('kill ', id) into @k from information_schema.processlist where user = 'reader' limit 1;"
            " execute immediate @k"
        ),
        "postgresql": lambda: box.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'reader'"
        ),
    }
    kill[box.kind]()
    time.sleep(0.2)
    with closing(source), pytest.raises(ProbeError):
        extract(mapping, source, store, "r1")
    assert store.counts("r1") == {}
    box.sql("delete from farmers where id > 3")
    assert read(mapping, box, store, "r2").read == 3
