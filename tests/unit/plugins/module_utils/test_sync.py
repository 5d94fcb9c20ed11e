# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _sync
from ansible_collections.dfr.golive.plugins.module_utils._errors import DriftError, GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._sync import Locale, Plan, World

SIDE = {
    "login_host": "db",
    "login_port": 5432,
    "login_user": "op",
    "login_password": "s3cret",
    "database": "prod",
    "maintenance_database": "postgres",
    "ssl_mode": "verify-full",
    "ca_cert": None,
    "connect_timeout": 10,
    "app_role": "odoo",
    "uuid": "u-prod",
}
FILES = {
    "path": "/files",
    "owner": "100:101",
    "host": "staging",
    "port": 22,
    "user": "reader",
    "key": "/k",
    "known_hosts": "/h",
}


def plan(**more: Any) -> Plan:
    params = {
        "run_id": "run-1",
        "method": "dump",
        "target": SIDE,
        "source": {**SIDE, "database": "stg", "uuid": "u-stg"},
        "filestore": FILES,
        "identity_keys": ["database.uuid", "database.secret"],
        "exempt_roles": ["postgres"],
        "work_dir": "/work",
        "jobs": 2,
        "limit_seconds": 60,
    }
    return Plan.from_params({**params, **more})


def test_names_beside_production() -> None:
    found = plan()
    assert (found.incoming, found.before) == ("prod_incoming", "prod_before")
    _source, remote, stores = found.parts()
    assert remote.database == "stg"
    assert str(stores.incoming) == "/files/prod.incoming"


def test_a_name_that_would_be_cut_off_is_refused() -> None:
    with pytest.raises(GoliveError, match="too long"):
        plan(target={**SIDE, "database": "p" * 60})


def test_method_none_has_no_parts() -> None:
    with pytest.raises(GoliveError, match="no source"):
        plan(method="none", source=None, filestore=None).parts()


class Cluster:
    """Answers `look`: which databases exist, and what is kept."""

    def __init__(self, *databases: str) -> None:
        self.databases = databases

    def execute(self, _query: str, params: Any) -> Cluster:
        self.asked = params[0]
        return self

    def fetchall(self) -> list[tuple[str]]:
        return [(name,) for name in self.databases if name in self.asked]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    monkeypatch.setattr(_sync, "recall", lambda _conn, kind, _name: rows.get(kind))
    return rows


def look(*databases: str) -> World:
    cluster: Any = Cluster(*databases)
    return _sync.look(cluster, plan())


def test_look_recognises_what_our_steps_leave(kept: dict[str, Any]) -> None:
    assert not look("prod").swapped
    kept["sync.incoming"] = {"database": "prod_incoming"}
    world = look("prod", "prod_incoming")
    assert not world.swapped
    assert world.making
    kept.clear()
    kept["sync"] = {"run_id": "run-1"}
    world = look("prod", "prod_before")
    assert world.swapped
    assert world.kept_run == "run-1"


@pytest.mark.parametrize(
    ("databases", "rows", "sentence"),
    [
        ((), {}, "doesn't exist"),
        (("prod", "prod_before"), {}, "no run of ours swapped"),
        (("prod",), {"sync": {"run_id": "run-1"}}, "no longer there to go back to"),
        (("prod", "prod_incoming"), {}, "no run of ours made"),
    ],
)
def test_look_refuses_what_somebody_else_did(
    kept: dict[str, Any], databases: tuple[str, ...], rows: dict[str, Any], sentence: str
) -> None:
    kept.update(rows)
    with pytest.raises(DriftError, match=sentence):
        look(*databases)


def test_another_run_s_swap_is_left_alone() -> None:
    world = World(
        frozenset({"prod", "prod_before"}), making=False, kept={"run_id": "run-0"}, kept_run="run-0"
    )
    with pytest.raises(GoliveError, match="another run"):
        _sync.refuse_other_run(plan(), world)
    _sync.refuse_other_run(plan(), replace(world, kept_run="run-1"))


def test_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, str] = {"database.uuid": "u-prod"}
    monkeypatch.setattr(_sync, "read_identity", lambda _login, _keys: found)
    _sync.check_identity(plan().target, "production")
    found["database.uuid"] = "another"
    with pytest.raises(GoliveError, match=r"golive_databases.production.uuid"):
        _sync.check_identity(plan().target, "production")
    found.clear()
    with pytest.raises(ProbeError, match=r"no database.uuid"):
        _sync.check_identity(plan().target, "production")


def test_only_identity_may_differ() -> None:
    keys = ("database.uuid", "database.secret")
    same = {"web.base.url": "1", "database.uuid": "2", "database.secret": "3"}
    assert _sync.declared_keys(same, {**same, "database.uuid": "9"}, keys) == ["database.uuid"]
    with pytest.raises(GoliveError, match=r"web.base.url"):
        _sync.declared_keys(same, {**same, "web.base.url": "9"}, keys)
    with pytest.raises(GoliveError, match="extra"):
        _sync.declared_keys(same, {**same, "extra": "9"}, keys)


@pytest.mark.parametrize(
    ("locale", "options"),
    [
        (
            Locale("UTF8", "c", "C.UTF-8", "C.UTF-8", "", ""),
            [("encoding", "UTF8"), ("lc_collate", "C.UTF-8"), ("lc_ctype", "C.UTF-8")],
        ),
        (
            Locale("UTF8", "i", "C", "C", "fr", "&a < b"),
            [
                ("encoding", "UTF8"),
                ("lc_collate", "C"),
                ("lc_ctype", "C"),
                ("locale_provider", "icu"),
                ("icu_locale", "fr"),
                ("icu_rules", "&a < b"),
            ],
        ),
    ],
)
def test_the_copy_sorts_as_the_source(locale: Locale, options: list[tuple[str, str]]) -> None:
    assert locale.create_options() == options


def test_work_dir_is_cleaned_of_our_own_leftovers_only(tmp_path: Any) -> None:
    (tmp_path / f"{_sync.WORK_PREFIX}x").mkdir()
    (tmp_path / "other").mkdir()
    _sync.clean_work_dir(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["other"]
    with pytest.raises(GoliveError, match=r"prepare.yml"):
        _sync.clean_work_dir(tmp_path / "nowhere")
