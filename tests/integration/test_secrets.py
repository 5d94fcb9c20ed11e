# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No secret in output, journal, evidence or report, at any verbosity."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from edgelab import on
from variants import DEMO, Variant

SECRETS: dict[str, str] = yaml.safe_load((DEMO / "group_vars" / "all" / "secrets.yml").read_text())


@pytest.fixture
def variant(tmp_path: Path) -> Iterator[Variant]:
    made = Variant(tmp_path)
    yield made
    made.remove()


def spellings(secret: str) -> set[str]:
    """A secret as it may be written by a program that means well."""
    plain = secret.encode()
    return {secret, base64.b64encode(plain).decode(), plain.hex(), repr(secret)[1:-1]}


def leaks(text: str, secrets: dict[str, str]) -> list[str]:
    return [
        name for name, secret in secrets.items() if any(spelling in text for spelling in spellings(secret))
    ]


def test_the_search_finds_what_is_there() -> None:
    """A search over the wrong thing is always green."""
    assert len(SECRETS) >= 10
    for name, secret in SECRETS.items():
        assert leaks(f"x{secret}y", SECRETS) == [name]
        assert leaks(base64.b64encode(secret.encode()).decode(), SECRETS) == [name]


def everything(variant: Variant, output: str) -> str:
    logs = on("ops", "cat /var/log/*.log /var/log/syslog /var/log/auth.log 2>/dev/null", check=False)
    return "\n".join([output, variant.everything_kept(), logs])


def test_a_preflight_that_passes_shows_no_secret(variant: Variant) -> None:
    run = variant.preflight("-vvvv")
    assert run.code == 0, run.output[-3000:]
    assert re.search("ESTABLISH SSH CONNECTION", run.output), "the highest verbosity was on"
    kept = everything(variant, run.output)
    assert "preflight" in variant.everything_kept()
    assert leaks(kept, SECRETS) == []


def test_planted_canaries_are_nowhere(variant: Variant) -> None:
    """Every secret wrong: every refusal is told, none of them repeats what was refused."""
    canaries = {name: f"canary{number:02d}-5e2c9f17" for number, name in enumerate(SECRETS)}
    canaries["secret_dns_key"] = base64.b64encode(b"canary-of-the-tsig-key-5e2c9f17!").decode()
    for name, value in canaries.items():
        variant.set("secrets.yml", name, value)
    run = variant.preflight("-vvvv")
    assert run.code != 0
    # The refusals were really provoked.
    for told in (
        "golive_databases.staging.password",
        "golive_applications.production",
        "golive_dns.key_secret",
    ):
        assert told in run.output
    assert leaks(everything(variant, run.output), canaries) == []


def test_a_wrong_inventory_shows_no_secret(variant: Variant) -> None:
    canaries = {name: f"canary{number:02d}-7b11aa03" for number, name in enumerate(SECRETS)}
    for name, value in canaries.items():
        variant.set("secrets.yml", name, value)
    # A secret of the wrong type, in the wrong place and next to something misspelt.
    variant.set("databases.yml", "golive_databases.staging.password", ["{{ secret_staging_operator }}"])
    variant.set("edge.yml", "golive_dns.key_secrte", "{{ secret_dns_key }}")
    run = variant.preflight("-vvvv")
    assert run.code != 0
    assert "golive_databases.staging.password has to be a text" in run.said
    assert "did you mean golive_dns.key_secret?" in run.said
    assert leaks(everything(variant, run.output), canaries) == []
