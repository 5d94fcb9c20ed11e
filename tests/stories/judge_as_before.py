# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a rollback everything is as it was before the go-live, and both old systems take records again."""

from __future__ import annotations

import os

import outside
import pytest


@pytest.mark.parametrize("host", ["legacy", "staging"])
def test_the_writer_writes_again(host: str) -> None:
    before = len(outside.acknowledged(host))
    outside.eventually(lambda: len(outside.acknowledged(host)) > before, f"{host} acknowledges a new record")


def test_legacy_kept_every_acknowledged_record() -> None:
    acknowledged = set(outside.acknowledged("legacy"))
    assert (
        acknowledged - {int(row) for row in outside.mariadb("select reg_no from old_registry.farmers")}
        == set()
    )


def test_staging_kept_every_acknowledged_record() -> None:
    acknowledged = set(outside.acknowledged("staging"))
    rows = outside.psql("staging", "dfr_staging", "select id from dfr_farmer")
    assert acknowledged - {int(row) for row in rows} == set()


@pytest.mark.parametrize("server", outside.NAME_SERVERS)
def test_the_name_answers_as_before(server: str) -> None:
    assert outside.addresses(server) == [outside.LEGACY]


def test_production_is_closed_in_two_languages() -> None:
    status, text = outside.Browser(outside.PROXY).request("GET", "/web/login")
    assert status == 503
    assert 'lang="en"' in text
    assert 'lang="fr"' in text


COPY = "dfr_production_incoming"


def production_names() -> set[str]:
    return set(
        outside.psql("production", "postgres", "select datname from pg_database where datname like 'dfr%'")
    )


def test_a_copy_is_kept_only_where_it_follows_and_no_slot_is_an_orphan() -> None:
    slots = outside.psql(
        "staging", "postgres", "select slot_name from pg_replication_slots where wal_status <> 'lost'"
    )
    following = outside.psql(
        "production", "postgres", "select count(*) from pg_subscription where subenabled"
    )
    published = outside.psql("staging", "dfr_staging", "select count(*) from pg_publication")
    assert (len(slots), following, published) == (
        (2, ["1"], ["2"]) if COPY in production_names() else (0, ["0"], ["0"])
    )
    if os.environ.get("STORY_LAST_PHASE") in ("preflight", "freeze_legacy"):
        assert COPY in production_names()  # another night needs no new seed


def test_production_is_its_own_empty_self() -> None:
    assert production_names() - {COPY} == {"dfr_production"}
    uuid = outside.psql(
        "production", "dfr_production", "select value from ir_config_parameter where key = 'database.uuid'"
    )
    assert uuid == ["5d1f0a52-7c1e-4f0e-9a55-000000000002"]
    assert outside.psql("production", "dfr_production", "select count(*) from dfr_farmer") == ["0"]
    conf = outside.container("production").file("/srv/dfr/odoo/etc/odoo.conf").content_string
    assert "pbkdf2" not in conf


def test_production_runs_on_its_own_database() -> None:
    ask = "import urllib.request as u; u.urlopen('http://production-odoo:8069/web/health', timeout=10)"
    outside.eventually(
        lambda: outside.container("production").run("python3 -c %s", ask).rc == 0,
        "production's application answers",
    )


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_no_before_state_is_left_behind(environment: str) -> None:
    there = outside.psql(environment, "postgres", "select to_regclass('dfr_golive.kept') is not null")
    if there == ["t"]:
        kept = outside.psql(environment, "postgres", "select kind from dfr_golive.kept")
        assert set(kept) <= ({"replication"} if COPY in production_names() else set())


def test_the_report_says_so() -> None:
    report = outside.report()
    assert report["outcome"] == "rolled_back"
