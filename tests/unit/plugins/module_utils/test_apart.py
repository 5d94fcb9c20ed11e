# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _apart

HOSTS = {"ops": "192.0.2.10", "staging": "192.0.2.12", "production": "live.gov.test"}
LIVE: dict[str, Any] = {
    "golive_fqdn": "dfr.gov.test",
    "golive_dns": {
        "primary": "192.0.2.21",
        "secondaries": ["192.0.2.22"],
        "resolvers": ["2001:db8::1"],
        "old_address": "192.0.2.11",
        "new_address": "192.0.2.40",
    },
    "golive_proxy": {"address": "192.0.2.40", "port": 443, "unit": "proxy"},
    "golive_mail": {"host": "mail.gov.test", "port": 25},
    "golive_databases": {
        "staging": {"host": "staging-db", "port": 5432},
        "production": {"host": "192.0.2.31", "port": 5433},
    },
    "golive_legacy": {"old": {"host": "127.0.0.1", "port": 3306}},
    "golive_applications": {
        "production": {"url": "https://app.gov.test:8443", "unit": "odoo"},
        "staging": {"url": "http://staging-odoo:8069", "unit": "odoo-staging"},
    },
}
TRIAL_HOSTS = {"ops": "198.51.100.10", "staging": "198.51.100.12", "production": "198.51.100.13"}
TRIAL: dict[str, Any] = {
    "golive_fqdn": "trial.gov.test",
    "golive_dns": {
        "primary": "198.51.100.21",
        "secondaries": ["198.51.100.22"],
        "resolvers": ["198.51.100.23"],
        "old_address": "198.51.100.11",
        "new_address": "198.51.100.40",
    },
    "golive_proxy": {"address": "198.51.100.40", "port": 443, "unit": "trial-proxy"},
    "golive_mail": {"host": "mail", "port": 25},
    "golive_databases": {"staging": {"host": "staging-db"}, "production": {"host": "production-db"}},
    "golive_legacy": {"old": {"host": "127.0.0.1"}},
    "golive_applications": {
        "production": {"url": "http://production-odoo:8069", "unit": "trial-odoo"},
        "staging": {"url": "http://staging-odoo:8069", "unit": "trial-odoo-staging"},
    },
}


def shared(trial: dict[str, Any], hosts: dict[str, str]) -> list[tuple[str, str]]:
    found = _apart.shared(_apart.parts(LIVE, HOSTS), _apart.parts(trial, hosts))
    return [(here.variable, there.variable) for here, there in found]


def test_a_rehearsal_of_its_own_parts_shares_nothing() -> None:
    assert shared(TRIAL, TRIAL_HOSTS) == []


@pytest.mark.parametrize(
    ("path", "value", "there"),
    [
        ("golive_fqdn", "DFR.gov.test", "golive_fqdn"),
        ("golive_dns/primary", "192.0.2.21", "golive_dns.primary"),
        ("golive_dns/resolvers", ["2001:db8::1"], "golive_dns.resolvers[0]"),
        ("golive_dns/new_address", "192.0.2.40", "golive_proxy.address"),
        ("golive_proxy/address", "192.0.2.12", "ansible_host of staging"),
        ("golive_proxy/unit", "proxy", "golive_proxy.unit"),
        ("golive_mail/host", "mail.gov.test", "golive_mail.host"),
        (
            "golive_databases/production",
            {"host": "192.0.2.31", "port": 5999},
            "golive_databases.production.host",
        ),
        ("golive_legacy/old", {"host": "192.0.2.11"}, "golive_dns.old_address"),
        (
            "golive_applications/production",
            {"url": "http://app.gov.test"},
            "golive_applications.production.url",
        ),
        ("golive_applications/staging", {"unit": "odoo"}, "golive_applications.production.unit"),
    ],
)
def test_one_part_in_common_is_found(path: str, value: Any, there: str) -> None:
    trial = copy.deepcopy(TRIAL)
    *parents, last = path.split("/")
    target = trial
    for name in parents:
        target = target[name]
    target[last] = value
    found = shared(trial, TRIAL_HOSTS)
    assert [other for _here, other in found] == [there]
    assert found[0][0].startswith(path.replace("/", "."))


def test_a_host_in_common_is_found() -> None:
    assert shared(TRIAL, {**TRIAL_HOSTS, "production": "live.gov.test"}) == [
        ("ansible_host of production", "ansible_host of production")
    ]


def test_the_live_state_host_that_keeps_the_record_is_no_part_of_the_rehearsal() -> None:
    groups = {"golive_state": ["ops"], "dfr_production": ["production"], "golive_record": ["live_ops"]}
    addresses = {**TRIAL_HOSTS, "live_ops": "192.0.2.10"}
    assert _apart.managed(groups, addresses) == {"ops": "198.51.100.10", "production": "198.51.100.13"}


def test_what_has_to_be_out_of_reach() -> None:
    found = _apart.targets(_apart.parts(LIVE, HOSTS))
    assert [one["address"] for one in found] == [
        "192.0.2.10",
        "192.0.2.11",
        "192.0.2.12",
        "192.0.2.21",
        "192.0.2.22",
        "192.0.2.31",
        "192.0.2.40",
        "2001:db8::1",
        "app.gov.test",
        "live.gov.test",
        "mail.gov.test",
    ]
    assert {one["address"]: one["port"] for one in found}["192.0.2.31"] == 5433
