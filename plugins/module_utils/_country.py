# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A country's inventory as plain data, what can be wrong with it, and how a value is found in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _apart

PLACEHOLDER = "CHANGE-ME"
"""What inventories/template holds where a country must write its own value."""

HOME_FILES = {
    "golive_legacy": "legacy.yml",
    "golive_databases": "databases.yml",
    "golive_applications": "applications.yml",
    "golive_proxy": "edge.yml",
    "golive_dns": "edge.yml",
    "golive_mail": "edge.yml",
    "check_health_login": "users.yml",
    "check_health_password": "users.yml",
    "enable_users": "users.yml",
    "golive_reconciliation": "reconciliation.yml",
    "golive_communication": "hypercare.yml",
    "golive_plan": "plan.yml",
    "start_hypercare": "hypercare.yml",
}
"""Where inventories/template keeps a variable, longest prefix first; everything else is in country.yml."""

SECRET_NAME = re.compile(r"(password|secret|token|passphrase|private_key)$")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and what to do about it."""

    variable: str
    sentence: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}".strip()

    def as_dict(self) -> dict[str, str]:
        return {"variable": self.variable, "sentence": self.sentence, "remedy": self.remedy}


@dataclass(frozen=True)
class Broken:
    """Stands where a value should be that can't be computed; ``reason`` holds no value."""

    reason: str


@dataclass(frozen=True)
class Country:
    """Everything there is to judge.

    Attributes:
        values: every variable the specs know and the inventory sets, templated; what can't be is `Broken`.
        names: every variable name that is set for the state host, known or not.
        specs: role -> entry point -> options, from the roles' argument_specs.yml.
        phases: the roles of the phases; their entry point ``main`` must be satisfied.
        groups: group -> hosts of the inventory.
        folder: name of the inventory's folder when it lies in ``inventories/``, else empty.
        providers: known name server providers.
        runtimes: known runtimes.
        registered: names that hold the result of an earlier task, no variables of the inventory.
        addresses: host -> ansible_host.
        live: in a rehearsal, the parts of the country it rehearses; None when they couldn't be read.
    """

    values: Mapping[str, Any]
    names: frozenset[str]
    specs: Mapping[str, Mapping[str, Mapping[str, Any]]]
    phases: Sequence[str]
    groups: Mapping[str, Sequence[str]]
    folder: str = ""
    providers: Sequence[str] = ()
    runtimes: Sequence[str] = ()
    registered: frozenset[str] = field(default_factory=frozenset)
    addresses: Mapping[str, str] = field(default_factory=dict)
    live: Sequence[_apart.Part] | None = None


def home(variable: str) -> str:
    """The file of the inventory in which a variable belongs."""
    for prefix in sorted(HOME_FILES, key=len, reverse=True):
        if variable.startswith(prefix):
            return f"group_vars/all/{HOME_FILES[prefix]}"
    return "group_vars/all/country.yml"


def is_secret(name: str, option: Mapping[str, Any]) -> bool:
    return bool(option.get("no_log")) or SECRET_NAME.search(name) is not None


def suggestion(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else "."


def get(values: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, or None when it isn't there or can't be computed."""
    found: Any = values
    for key in path.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return None if isinstance(found, Broken) else found


def text(values: Mapping[str, Any], path: str) -> str:
    found = get(values, path)
    return (
        "" if found is None or isinstance(found, Mapping | list) or PLACEHOLDER in str(found) else str(found)
    )


def names_of(values: Mapping[str, Any], path: str) -> list[str]:
    found = get(values, path)
    return [str(key) for key in found] if isinstance(found, Mapping) else []
