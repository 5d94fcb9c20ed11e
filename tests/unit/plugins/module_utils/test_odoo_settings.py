# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _odoo_settings as settings
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError


def params(**given: Any) -> dict[str, Any]:
    inner = {
        "base_url": "https://dfr.demo.test",
        "master_password": "m" * 12,
        "workers": 2,
        "odoo_conf": {},
        "parameters": {},
        "secret_parameters": {},
        "crons": {},
        "mail_servers": [],
        "hold_queued_mail": True,
        "waves": [],
        "exempt_logins": ["smoke"],
    }
    return {
        "database": "dfr_production",
        "expected_uuid": "u",
        "config_path": "/etc/odoo.conf",
        "config_owner": given.pop("config_owner", "100:101"),
        "odoo_login": "admin",
        "odoo_password": "planted-secret-1",
        "settings": inner | given,
    }


def test_wanted_reads_the_module_and_hides_secrets() -> None:
    server = {
        "name": "P",
        "host": "mail",
        "port": 465,
        "tls": "tls",
        "user": "u",
        "password": "planted-secret-2",
    }
    wanted = settings.Wanted.from_params(
        params(
            parameters={"a": 1, "gone": None},
            secret_parameters={"k": "planted-secret-3"},
            mail_servers=[server],
            crons={"base.x": False},
        )
    )
    assert wanted.config_gid == 101
    assert wanted.exempt_logins == ["admin", "smoke"]
    assert wanted.all_parameters() == {
        "a": "1",
        "gone": None,
        "k": "planted-secret-3",
        "web.base.url": "https://dfr.demo.test",
        "web.base.url.freeze": "True",
    }
    assert wanted.mail_servers[0].as_row()["smtp_encryption"] == "ssl"
    assert "planted-secret" not in repr(wanted)


@pytest.mark.parametrize("owner", ["odoo:odoo", "100", ""])
def test_an_owner_that_is_no_number_is_refused(owner: str) -> None:
    with pytest.raises(GoliveError):
        settings.Wanted.from_params(params(config_owner=owner))


def test_keys_that_lock_config_decides_are_refused() -> None:
    wanted = settings.Wanted.from_params(params(parameters={"web.base.url": "http://x"}))
    with pytest.raises(GoliveError) as error:
        wanted.all_parameters()
    assert "web.base.url" in str(error.value)


def test_a_cron_is_on_or_off() -> None:
    with pytest.raises(GoliveError):
        settings.Wanted.from_params(params(crons={"base.x": "maybe"}))


def test_host_names_leave_production_s_own_out() -> None:
    names = settings.host_names(
        ["http://Staging-Odoo:8069", "db", "", "dfr_staging", "https://dfr.demo.test/x"],
        ["https://dfr.demo.test", "db"],
    )
    assert names == ["dfr_staging", "staging-odoo"]


@pytest.mark.parametrize(
    ("value", "hit"),
    [
        ("http://staging-odoo:8069/web", True),
        ("STAGING-ODOO", True),
        ("x@staging-odoo.demo.test", True),
        ("my-staging-odoo", False),
        ("staging-odoo2", False),
        ("production", False),
    ],
)
def test_forbidden_finds_names_not_parts_of_names(value: str, hit: bool) -> None:
    hits = settings.forbidden({"parameter report.url": value}, ["staging-odoo"])
    assert hits == (["parameter report.url contains staging-odoo"] if hit else [])


def test_the_fingerprint_shows_drift_by_name_and_no_value() -> None:
    found = {"odoo.conf admin_passwd": "planted-secret", "parameter web.base.url": "https://a", "gone": "1"}
    lock = settings.new_lock(found, ["web.base.url"])
    assert "planted-secret" not in str(lock)
    assert settings.drift(lock, found) == []
    assert lock["fingerprint"] == settings.fingerprint(settings.sealed(found, lock["salt"]))
    world = {"odoo.conf admin_passwd": "planted-secret", "parameter web.base.url": "http://b", "new": "2"}
    assert settings.drift(lock, world) == ["gone (gone)", "new (new)", "parameter web.base.url (changed)"]


def test_equal_values_of_two_settings_are_sealed_differently() -> None:
    seals = settings.sealed({"a": "x", "b": "x"}, "salt")
    assert seals["a"] != seals["b"]
    assert settings.sealed({"a": "x"}, "other")["a"] != seals["a"]
