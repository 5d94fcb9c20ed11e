# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup on the lab's production VM, with a pair of databases of the test's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import datalab
import pytest
from datalab import PRODUCTION_FILES, Pair, connected, module, on_vm

DIRECTORY = "/srv/dfr/backup/synctest"


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Production with staging's data in it, as the sync leaves it."""
    made = Pair("synctest_backup")
    made.make()
    made.fence()
    assert module("sync_database", made.args())["state"] == "swapped"
    on_vm("production", f"rm -rf {DIRECTORY}; mkdir -m 0700 -p {DIRECTORY}")
    try:
        yield made
    finally:
        on_vm("production", f"rm -rf {DIRECTORY}")
        made.drop()


def args(pair: Pair, **more: Any) -> dict[str, Any]:
    return {
        "run_id": pair.run_id,
        "database": pair.side("production"),
        "filestore_path": PRODUCTION_FILES,
        "directory": DIRECTORY,
        **more,
    }


@pytest.fixture
def taken(pair: Pair) -> Iterator[str]:
    found = module("backup_take", args(pair))
    assert "path" in found, found
    yield found["path"]
    on_vm("production", f"rm -rf {found['path']}")


def verdicts(found: dict[str, Any]) -> dict[str, str]:
    return {gate["name"]: gate["verdict"] for gate in found["gates"]}


def scratches() -> int:
    with connected("production", "postgres") as conn:
        row = conn.execute(
            "select count(*) from pg_database where datname like 'synctest_backup_scratch%'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_taken_and_proven(pair: Pair, taken: str) -> None:
    evidence = module("backup_verify", args(pair, path=taken))["evidence"]
    assert evidence["restored"]["verdict"] == "equal"
    assert evidence["restored"]["rows"] > 1000
    assert evidence["filestore"]["files"] == 20
    assert scratches() == 0
    assert on_vm("production", f"find {taken} -printf '%u %m\\n' | sort -u").split() == [
        "root",
        "600",
        "root",
        "700",
    ]
    # later, after users have written, it is still there
    pair.sql("production", "insert into no_key values (77, 'after')")
    assert module("backup_verify", args(pair, depth="contents"))["evidence"]["path"] == taken
    pair.sql("production", "delete from no_key where a = 77")


def test_it_restores_by_hand(pair: Pair, taken: str) -> None:
    manifest = json.loads(on_vm("production", f"cat {taken}/manifest.json"))
    assert manifest["tables"]["farmer"]["rows"] == 500
    assert manifest["uuid"] == pair.uuids["production"]
    listed = on_vm("production", f"tar -tf {taken}/filestore.tar | wc -l")
    assert listed.strip() == "20"


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (
            "f=$(ls -S database/*.zst | head -1); printf X | dd of=$f bs=1 seek=20 conv=notrunc 2>/dev/null",
            "checksum",
        ),
        ("f=$(ls -S database/*.zst | head -1); truncate -s -10 $f", "bytes instead of"),
        ("rm database/toc.dat", "database/toc.dat is missing"),
        ("printf X | dd of=filestore.tar bs=1 seek=600 conv=notrunc 2>/dev/null", "checksum"),
        ("rm manifest.json", "no manifest"),
    ],
)
def test_a_damaged_set_is_caught(pair: Pair, taken: str, plant: str, sentence: str) -> None:
    on_vm("production", f"cd {taken}; {plant}")
    refused = module("backup_verify", args(pair, path=taken))
    assert refused["failed"]
    assert sentence in refused["msg"]
    assert scratches() == 0


def test_a_dump_that_restores_something_else_is_caught(pair: Pair, taken: str) -> None:
    """Checksums alone would pass: manifest and dump agree in size and sum, the rows don't."""
    forge = (
        "import json, sys; p = sys.argv[1] + '/manifest.json'; m = json.load(open(p));"
        " m['tables']['farmer']['digest'] = '0' * 32; json.dump(m, open(p, 'w'))"
    )
    on_vm("production", f'python3 -c "{forge}" {taken}')
    refused = module("backup_verify", args(pair, path=taken))
    assert "farmer is different: 500 rows" in refused["msg"]
    assert scratches() == 0


def test_a_truncated_dump_with_a_matching_manifest_does_not_restore(pair: Pair, taken: str) -> None:
    forge = (
        "import hashlib, json, os, sys; d = sys.argv[1]; p = d + '/manifest.json'; m = json.load(open(p));"
        " f = max((n for n in m['parts'] if n.endswith('zst')), key=lambda n: m['parts'][n]['bytes']);"
        " os.truncate(d + '/' + f, m['parts'][f]['bytes'] // 2); b = open(d + '/' + f, 'rb').read();"
        " m['parts'][f] = {'bytes': len(b), 'sha256': hashlib.sha256(b).hexdigest()}; json.dump(m, open(p, 'w'))"
    )
    on_vm("production", f'python3 -c "{forge}" {taken}')
    refused = module("backup_verify", args(pair, path=taken))
    assert "pg_restore" in refused["msg"]
    assert scratches() == 0


def test_another_database_s_backup_is_caught(pair: Pair, taken: str) -> None:
    other = {**args(pair, path=taken), "database": {**pair.side("production"), "uuid": "another"}}
    assert "not of synctest_backup (another)" in module("backup_verify", other)["msg"]
    del other["path"]
    assert "golive_databases.production.uuid" in module("backup_take", other)["msg"]


def test_a_failed_backup_leaves_nothing(pair: Pair) -> None:
    on_vm("production", f"cd {PRODUCTION_FILES}; mv {pair.name} {pair.name}.away; mkdir {pair.name}")
    try:
        refused = module("backup_take", args(pair))
        assert "attachments of synctest_backup have no file" in refused["msg"]
        assert "pg_dump" in module("backup_take", args(pair, compress="nonsense"))["msg"]
        assert on_vm("production", f"ls {DIRECTORY}").strip() == ""
    finally:
        on_vm("production", f"cd {PRODUCTION_FILES}; rmdir {pair.name}; mv {pair.name}.away {pair.name}")


def test_leftovers_are_reported_and_removed(pair: Pair) -> None:
    on_vm("production", f"mkdir {DIRECTORY}/{pair.name}-run-x.partial")
    found = module("backup_readiness", args(pair))
    assert set(verdicts(found).values()) == {"pass"}
    assert any("will be removed" in gate["detail"] for gate in found["gates"])
    path = module("backup_take", args(pair))["path"]
    assert on_vm("production", f"ls {DIRECTORY}").split() == [path.rsplit("/", 1)[1]]
    on_vm("production", f"rm -r {path}")


def test_gates_that_say_no_or_get_no_answer(pair: Pair) -> None:
    assert verdicts(module("backup_readiness", args(pair, directory="/nowhere")))["backup.target"] == "fail"
    assert verdicts(module("backup_readiness", args(pair, directory="/nowhere")))["backup.disk"] == "unknown"
    on_vm("production", f"mkdir -m 0755 {DIRECTORY}/open")
    assert (
        verdicts(module("backup_readiness", args(pair, directory=f"{DIRECTORY}/open")))["backup.target"]
        == "fail"
    )
    on_vm("production", f"rmdir {DIRECTORY}/open")
    wrong = {**args(pair), "database": {**pair.side("production"), "login_password": "wrong"}}
    found = verdicts(module("backup_readiness", wrong))
    assert found["database.production"] == found["backup.tools"] == found["backup.rights"] == "unknown"
    assert found["backup.target"] == "pass"


def test_check_mode_takes_nothing(pair: Pair) -> None:
    assert module("backup_take", args(pair), check=True)["changed"]
    assert on_vm("production", f"ls {DIRECTORY}").strip() == ""
    assert "There is no backup" in module("backup_verify", args(pair))["msg"]
    assert datalab.WORK
