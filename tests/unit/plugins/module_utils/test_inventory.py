# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.dfr.golive.plugins.module_utils._country import PLACEHOLDER, Broken, Country
from ansible_collections.dfr.golive.plugins.module_utils._inventory import check

ROOT = Path(__file__).resolve().parents[4]
SECRET = "canary-5e1f"

PREFLIGHT = {
    "main": {
        "preflight_max_skew_seconds": {"type": "float", "default": 2.0, "description": "Seconds."},
        "preflight_signoff_teams": {
            "type": "list",
            "elements": "str",
            "default": [],
            "description": "Teams.",
        },
    }
}


def golive_spec() -> dict[str, Any]:
    path = ROOT / "roles" / "golive" / "meta" / "argument_specs.yml"
    entries = yaml.safe_load(path.read_text())["argument_specs"]
    return {entry: spec.get("options") or {} for entry, spec in entries.items()}


def healthy() -> dict[str, Any]:
    """The variables of a country that has nothing wrong with it."""
    database = {
        "kind": "postgresql",
        "maintenance_database": "postgres",
        "ssl_mode": "verify-full",
        "port": 5432,
        "user": "dfr_golive",
        "password": SECRET,
        "database": "dfr",
        "app_role": "odoo",
        "app_password": SECRET,
    }
    application = {
        "kind": "odoo",
        "url": "http://odoo:8069",
        "login": "admin",
        "password": SECRET,
        "runtime": "docker",
        "unit": "odoo",
        "config_path": "/srv/odoo.conf",
        "filestore_path": "/srv/filestore",
        "owner": "100:101",
    }
    return {
        "golive_country": "tonga",
        "golive_country_title": "Tonga",
        "golive_languages": ["fr", "en"],
        "golive_timezone": "Pacific/Tongatapu",
        "golive_fqdn": "dfr.gov.test",
        "golive_legacy": {
            "old": {
                "kind": "mariadb",
                "port": 3306,
                "ssl_mode": "verify_ca",
                "vm": "legacy",
                "host": "127.0.0.1",
                "user": "dfr_golive",
                "password": SECRET,
                "database": "old",
                "app_user": "app",
                "app_password": SECRET,
                "canary_table": "farmers",
            }
        },
        "golive_databases": {
            "staging": {
                **database,
                "vm": "staging",
                "host": "staging-db",
                "uuid": "5d1f0a52-7c1e-4f0e-9a55-000000000001",
            },
            "production": {
                **database,
                "vm": "production",
                "host": "production-db",
                "uuid": "5d1f0a52-7c1e-4f0e-9a55-000000000002",
            },
        },
        "golive_applications": {
            "staging": {**application, "vm": "staging", "database": "staging"},
            "production": {**application, "vm": "production", "database": "production"},
        },
        "golive_proxy": {
            "kind": "nginx",
            "port": 443,
            "vm": "production",
            "runtime": "docker",
            "unit": "proxy",
            "door_path": "/srv/door.conf",
            "address": "192.0.2.40",
        },
        "golive_dns": {
            "provider": "nsupdate",
            "vm": "ops",
            "zone": "gov.test",
            "record": "dfr",
            "ttl": 60,
            "primary": "192.0.2.21",
            "secondaries": ["192.0.2.22"],
            "resolvers": ["2001:db8::1"],
            "old_address": "192.0.2.11",
            "new_address": "192.0.2.40",
            "key_name": "dfr.",
            "key_algorithm": "hmac-sha256",
            "key_secret": "Y2FuYXJ5LTVlMWY=",
        },
        "golive_mail": {
            "host": "mail",
            "port": 25,
            "sender": "a@b.test",
            "tls": "never",
            "user": "",
            "password": "",
        },
    }


def country(values: dict[str, Any], **other: Any) -> Country:
    settings: dict[str, Any] = {
        "values": values,
        "names": frozenset(values),
        "specs": {"golive": golive_spec(), "preflight": PREFLIGHT},
        "phases": ["preflight"],
        "groups": {
            "golive_state": ["ops"],
            "dfr_legacy": ["legacy"],
            "dfr_staging": ["staging"],
            "dfr_production": ["production"],
        },
        "folder": "tonga",
        "providers": ["nsupdate"],
        "runtimes": ["docker", "systemd"],
    }
    return Country(**{**settings, **other})


def sentences(values: dict[str, Any], **other: Any) -> list[str]:
    return [str(problem) for problem in check(country(values, **other))]


def changed(path: str, value: Any) -> dict[str, Any]:
    """Healthy variables with one value replaced; ``...`` removes it."""
    values = copy.deepcopy(healthy())
    *parents, last = path.split("/")
    target = values
    for key in parents:
        target = target[key]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return values


def test_a_healthy_country_has_no_problem() -> None:
    assert sentences(healthy()) == []


def test_a_country_without_legacy_has_no_problem() -> None:
    groups = {"golive_state": ["ops"], "dfr_staging": ["staging"], "dfr_production": ["production"]}
    assert sentences(changed("golive_legacy", {}), groups=groups) == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("golive_fqdn", ..., "golive_fqdn is not set."),
        ("golive_fqdn", "", "golive_fqdn is empty."),
        (
            "golive_fqdn",
            "https://dfr.gov.test/",
            "golive_fqdn 'https://dfr.gov.test/' is not a full host name",
        ),
        (
            "golive_fqdn",
            "dfr.other.test",
            "golive_fqdn dfr.other.test is not inside golive_dns.zone gov.test.",
        ),
        ("golive_fqdn", PLACEHOLDER, f"golive_fqdn still says {PLACEHOLDER}."),
        ("golive_languages", [], "golive_languages is empty."),
        (
            "golive_languages",
            ["en", "xx"],
            "golive_languages names xx, and there is no catalogue for it; there is en, fr.",
        ),
        (
            "golive_reconciliation",
            [{"name": "farmers", "kind": "total", "title": "Farmers"}],
            "golive_reconciliation[0].kind has to be one of totals,",
        ),
        (
            "golive_reconciliation",
            [{"name": "farmers", "kind": "totals", "title": {"en": "Farmers", "fr": ""}, "table": "farmer"}],
            "golive_reconciliation[0].title has no text in fr, which golive_languages declares.",
        ),
        (
            "golive_holds",
            {"sync_data": {"teams": ["fao"], "limit_minutes": 5}},
            "golive_holds.sync_data is no hold point.",
        ),
        ("golive_timezone", "Pacific/Nowhere", "golive_timezone 'Pacific/Nowhere' is not a time zone."),
        ("golive_mode", "rehersal", "golive_mode has to be one of live, rehearsal, not 'rehersal'."),
        ("golive_until", "sync", "golive_until has to be one of '', preflight,"),
        ("golive_country", "samoa", "golive_country is samoa, but the inventory is inventories/tonga"),
        ("golive_country", "Tonga!", "golive_country has to be a short code"),
        (
            "golive_databases/staging/port",
            "abc",
            "golive_databases.staging.port has to be a whole number, not 'abc'.",
        ),
        ("golive_databases/staging/port", 70000, "golive_databases.staging.port 70000 is not a port number"),
        ("golive_databases/staging/password", ..., "golive_databases.staging.password is not set."),
        (
            "golive_databases/staging/kind",
            "oracle",
            "golive_databases.staging.kind has to be one of postgresql",
        ),
        ("golive_databases/staging/passwort", "x", "did you mean golive_databases.staging.password?"),
        ("golive_databases/productoin", {}, "did you mean golive_databases.production?"),
        (
            "golive_databases/staging/vm",
            "stagin",
            "names stagin, which is not a host of the inventory; did you mean staging?",
        ),
        ("golive_databases/staging/uuid", "1234", "golive_databases.staging.uuid '1234' is not a uuid."),
        (
            "golive_databases/production/uuid",
            "5d1f0a52-7c1e-4f0e-9a55-000000000001",
            "golive_databases.staging.uuid and golive_databases.production.uuid are the same.",
        ),
        ("golive_databases/production/host", "staging-db", "are the same database."),
        ("golive_databases", "text", "golive_databases has to be a dictionary, not 'text'."),
        ("golive_legacy/old/canary_table", ..., "golive_legacy.old.canary_table is not set."),
        ("golive_legacy/old/knid", "x", "did you mean golive_legacy.old.kind?"),
        ("golive_legacy/old", "text", "golive_legacy.old has to be a dictionary, not 'text'."),
        (
            "golive_applications/production/runtime",
            "podman",
            "'podman' is unknown; known are docker, systemd.",
        ),
        ("golive_applications/production/owner", "odoo", "has to be '<uid>:<gid>' in figures, not 'odoo'."),
        ("golive_applications/production/database", "dfr_production", "is not a key of golive_databases"),
        ("golive_applications/production/url", "odoo:8069", "has to start with http:// or https://"),
        (
            "golive_proxy/address",
            "proxy.gov.test",
            "golive_proxy.address 'proxy.gov.test' is not an IP address.",
        ),
        ("golive_dns/provider", "route54", "golive_dns.provider 'route54' is unknown; known are nsupdate."),
        ("golive_dns/ttl", 0, "golive_dns.ttl 0 is not a time to live in seconds"),
        ("golive_dns/ttl", "soon", "golive_dns.ttl has to be a whole number, not 'soon'."),
        ("golive_dns/resolvers", ["ns.test"], "golive_dns.resolvers[0] 'ns.test' is not an IP address."),
        ("golive_dns/resolvers", [], "golive_dns.resolvers is empty."),
        (
            "golive_dns/record",
            "www",
            "golive_dns.record 'www' in gov.test does not make golive_fqdn dfr.gov.test.",
        ),
        ("golive_dns/new_address", "192.0.2.11", "are both 192.0.2.11."),
        ("golive_dns/key_name", ..., "golive_dns.key_name is not set, and the provider nsupdate needs it."),
        ("golive_mail/user", ..., "golive_mail.user is not set."),
        ("golive_mail/tls", "ssl", "golive_mail.tls has to be one of never, starttls, tls, not 'ssl'."),
        ("preflight_max_skew_seconds", "two", "preflight_max_skew_seconds has to be a number, not 'two'."),
    ],
)
def test_one_wrong_value_is_one_sentence_with_a_remedy(path: str, value: Any, expected: str) -> None:
    problems = check(country(changed(path, value)))
    assert len(problems) == 1, [str(problem) for problem in problems]
    assert expected in problems[0].sentence
    assert problems[0].remedy.endswith(".")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "golive_databses",
            "golive_databses is not a variable of this collection; did you mean golive_databases?",
        ),
        ("preflight_max_skew", "did you mean preflight_max_skew_seconds?"),
        ("golive_wholly_unheard_of_thing", "is not a variable of this collection."),
        ("goliv_country_title", "did you mean golive_country_title?"),
    ],
)
def test_misspelt_variables(name: str, expected: str) -> None:
    found = sentences(healthy(), names=frozenset([*healthy(), name]))
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize("name", ["golive_run", "ntp_servers", "my_golive", "group_names", "country"])
def test_other_peoples_variables_are_left_alone(name: str) -> None:
    assert sentences(healthy(), names=frozenset([*healthy(), name])) == []


def test_a_registered_result_is_no_variable_of_the_country() -> None:
    names = frozenset([*healthy(), "golive_something"])
    assert sentences(healthy(), names=names, registered=frozenset(["golive_something"])) == []


def test_everything_is_reported_together() -> None:
    values = changed("golive_fqdn", ...)
    del values["golive_mail"]
    values["golive_dns"]["ttl"] = "soon"
    assert len(sentences(values)) == 3


def test_an_undefined_secret_is_named() -> None:
    values = changed("golive_databases/staging/password", Broken("refers to secret_x, which is not defined"))
    (found,) = sentences(values)
    assert "golive_databases.staging.password refers to secret_x, which is not defined." in found
    assert "Define it in group_vars/all/secrets.yml." in found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("golive_databases/staging/password", [SECRET]),
        ("golive_databases/staging/password", {"a": SECRET}),
        ("golive_dns/key_secret", f"{SECRET}!"),
        ("golive_legacy/old/app_password", [SECRET]),
    ],
)
def test_no_sentence_shows_a_secret(path: str, value: Any) -> None:
    found = sentences(changed(path, value))
    assert len(found) == 1
    assert SECRET not in found[0]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ({"golive_state": []}, "exactly one host, it holds none."),
        ({"golive_state": ["ops", "legacy"]}, "exactly one host, it holds ops, legacy."),
        ({"dfr_staging": []}, "The group dfr_staging holds no host."),
        ({"dfr_legacy": []}, "The group dfr_legacy holds no host."),
    ],
)
def test_groups(groups: dict[str, list[str]], expected: str) -> None:
    base = {
        "all": ["ops", "legacy", "staging", "production"],
        "golive_state": ["ops"],
        "dfr_legacy": ["legacy"],
        "dfr_staging": ["staging"],
        "dfr_production": ["production"],
    }
    found = sentences(healthy(), groups={**base, **groups})
    assert len(found) == 1
    assert expected in found[0]


def test_a_host_whose_address_was_never_written() -> None:
    assert sentences(healthy(), addresses={"ops": PLACEHOLDER}) == [
        f"The host ops still has the ansible_host {PLACEHOLDER}. Write its address in hosts.yml."
    ]


def test_an_inventory_elsewhere_may_have_any_folder() -> None:
    assert sentences(healthy(), folder="") == []
