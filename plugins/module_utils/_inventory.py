# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a country's inventory as a careful colleague would: everything wrong with it, at once.

Works on plain data: the action plugin brings the templated variables, the argument specs and the groups.
A value never appears in a sentence when its option is secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.dfr.golive.plugins.module_utils._coherence import check_together
from ansible_collections.dfr.golive.plugins.module_utils._country import (
    PLACEHOLDER,
    Broken,
    Country,
    Problem,
    home,
    is_secret,
    suggestion,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import one_line

SHAPES = {"golive_legacy": "legacy_source"}
"""Variables with free keys -> the entry point of roles/golive that describes one entry."""

RUNTIME_NAMES = frozenset(
    {
        "golive_closed",
        "golive_failed",
        "golive_info",
        "golive_stop_event",
        "golive_gates",
        "golive_opened",
        "golive_phase",
        "golive_read",
        "golive_recheck",
        "golive_result",
        "golive_run",
        "golive_unit",
    }
)
"""What the playbooks themselves set while they run."""

TYPE_WORDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a dictionary",
    "path": "a path",
}


def first_sentence(description: Any) -> str:
    text = description[0] if isinstance(description, list) and description else description or ""
    return one_line(text, 160).split(". ")[0].rstrip(".")


def check(country: Country) -> list[Problem]:
    """All problems of an inventory, in reading order and without repetition."""
    problems = [
        *check_names(country),
        *check_shared(country),
        *check_phases(country),
        *check_together(country),
    ]
    return list(dict.fromkeys(problems))


# -- names ------------------------------------------------------


def known_names(country: Country) -> dict[str, list[str]]:
    """Role -> the variables of its entry points; shapes aren't variables."""
    return {
        role: sorted(
            {
                name
                for entry, options in entries.items()
                if not (role == "golive" and entry in SHAPES.values())
                for name in options
            }
        )
        for role, entries in country.specs.items()
    }


def check_names(country: Country) -> Iterator[Problem]:
    """Misspelt variables: a role's prefix that no spec knows, or nearly the name of one."""
    by_role = known_names(country)
    known = {name for names in by_role.values() for name in names}
    everything = sorted(known)
    for name in sorted(country.names - known - RUNTIME_NAMES - country.registered):
        role = max((r for r in by_role if name.startswith(f"{r}_")), key=len, default="")
        near = difflib.get_close_matches(name, everything, n=1, cutoff=0.7 if role else 0.92)
        if role or near:
            yield Problem(
                name,
                f"{name} is not a variable of this collection"
                + (f"; did you mean {near[0]}?" if near else "."),
                "Correct the name in the inventory, or remove it.",
            )


# -- one value against its spec ---------------------------------


def check_shared(country: Country) -> Iterator[Problem]:
    """The golive_* variables every phase shares."""
    options = country.specs.get("golive", {}).get("open", {})
    yield from check_options("", options, country.values)
    for variable, entry in SHAPES.items():
        shape = country.specs.get("golive", {}).get(entry, {})
        sources = country.values.get(variable)
        if isinstance(sources, Mapping):
            for name, source in sources.items():
                yield from check_option(f"{variable}.{name}", {"type": "dict", "options": shape}, source)


def check_phases(country: Country) -> Iterator[Problem]:
    """The variables of each phase's role."""
    for role in country.phases:
        options = country.specs.get(role, {}).get("main", {})
        own = {name: option for name, option in options.items() if name.startswith(f"{role}_")}
        yield from check_options("", own, country.values)


def check_options(
    prefix: str, options: Mapping[str, Any], values: Mapping[str, Any], secret: bool = False
) -> Iterator[Problem]:
    """The options of one dictionary; with a prefix also the keys nobody knows."""
    if prefix:
        for key in values:
            if key not in options:
                name = f"{prefix}.{key}"
                yield Problem(
                    name,
                    f"{name} is not an option of {prefix}"
                    + suggestion(name, (f"{prefix}.{known}" for known in options)),
                    f"Correct it in {home(prefix)}, or remove it.",
                )
    for key, option in options.items():
        name = f"{prefix}.{key}" if prefix else key
        value = values.get(key)
        if value is not None:
            yield from check_option(name, option, value, secret)
        elif option.get("required"):
            what = first_sentence(option.get("description"))
            yield Problem(
                name, f"{name} is not set.", f"Add it to {home(name)}" + (f" ({what})." if what else ".")
            )


def check_option(name: str, option: Mapping[str, Any], value: Any, secret: bool = False) -> Iterator[Problem]:
    """One value: computable, of its type, among its choices, and so on inwards."""
    secret = secret or is_secret(name, option)
    if isinstance(value, Broken):
        place = "group_vars/all/secrets.yml" if secret else home(name)
        yield Problem(name, f"{name} {value.reason}.", f"Define it in {place}.")
        return
    kind = option.get("type", "str")
    inner = option.get("options")
    if kind == "dict" and isinstance(value, Mapping):
        if inner:
            yield from check_options(name, inner, value, secret)
        else:
            yield from broken_inside(name, value)
        return
    if kind == "list" and isinstance(value, list | tuple):
        element = {"type": option.get("elements", "raw"), "options": inner, "choices": option.get("choices")}
        if option.get("required") and not value:
            yield Problem(name, f"{name} is empty.", f"Give at least one entry in {home(name)}.")
        for index, item in enumerate(value):
            yield from check_option(f"{name}[{index}]", element, item, secret)
        return
    yield from check_leaf(name, option, kind, value, secret)


def check_leaf(
    name: str, option: Mapping[str, Any], kind: str, value: Any, secret: bool
) -> Iterator[Problem]:
    shown = "" if secret else f", not {one_line(repr(value), 60)}"
    place = "group_vars/all/secrets.yml" if secret else home(name)
    if isinstance(value, str) and PLACEHOLDER in value:
        yield Problem(
            name, f"{name} still says {PLACEHOLDER}.", f"Write this country's own value in {place}."
        )
        return
    if kind == "str" and isinstance(value, Mapping | list | tuple):
        yield Problem(
            name, f"{name} has to be a text, not a {type(value).__name__}.", f"Correct it in {home(name)}."
        )
        return
    spec = {"value": {key: option[key] for key in ("type", "choices") if option.get(key)}}
    if (
        kind not in ("raw", None)
        and ArgumentSpecValidator({"value": {"type": kind}}).validate({"value": value}).error_messages
    ):
        yield Problem(
            name, f"{name} has to be {TYPE_WORDS.get(kind, kind)}{shown}.", f"Correct it in {home(name)}."
        )
    elif ArgumentSpecValidator(spec).validate({"value": value}).error_messages:
        known = ", ".join(str(choice) or "''" for choice in option["choices"])
        yield Problem(name, f"{name} has to be one of {known}{shown}.", f"Correct it in {home(name)}.")
    elif option.get("required") and isinstance(value, str) and not value.strip():
        yield Problem(name, f"{name} is empty.", f"Set it in {home(name)}.")


def broken_inside(name: str, value: Any) -> Iterator[Problem]:
    """What can't be computed inside a dictionary without a spec of its own."""
    if isinstance(value, Broken):
        yield Problem(
            name, f"{name} {value.reason}.", f"Define it in group_vars/all/secrets.yml or {home(name)}."
        )
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from broken_inside(f"{name}.{key}", item)
