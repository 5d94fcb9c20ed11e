# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a role's documentation says and what the role does are the same thing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
VERBS = ("main", "gate", "apply", "verify", "undo")
TYPES = {"str": str, "path": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def defaults(role: str) -> dict[str, Any]:
    path = ROOT / "roles" / role / "defaults" / "main.yml"
    return load(path) if path.exists() else {}


def entries(role: str) -> dict[str, dict[str, Any]]:
    path = ROOT / "roles" / role / "meta" / "argument_specs.yml"
    assert path.exists(), f"roles/{role} has no argument_specs.yml"
    return load(path)["argument_specs"]


def options(role: str) -> dict[str, dict[str, Any]]:
    """Every option of every entry point."""
    return {
        name: option
        for entry in entries(role).values()
        for name, option in (entry.get("options") or {}).items()
    }


def test_every_phase_is_a_role() -> None:
    assert len(NAMES) == 9
    assert set(NAMES) <= set(ROLES)


@pytest.mark.parametrize("role", NAMES)
@pytest.mark.parametrize("verb", VERBS)
def test_every_phase_has_every_verb(role: str, verb: str) -> None:
    assert (ROOT / "roles" / role / "tasks" / f"{verb}.yml").exists()
    entry = entries(role).get(verb)
    assert entry is not None, f"roles/{role}: no argument spec for {verb}"
    assert entry.get("short_description")
    assert "options" in entry


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_is_a_task_file(role: str) -> None:
    shapes = {"legacy_source"} if role == "golive" else set()
    for entry in set(entries(role)) - shapes:
        assert (ROOT / "roles" / role / "tasks" / f"{entry}.yml").exists(), f"{role}: {entry}"


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_specs_agree(role: str) -> None:
    specified = options(role)
    for name, value in defaults(role).items():
        assert name in specified, f"{name} has a default and no spec"
        for entry, spec in entries(role).items():
            option = (spec.get("options") or {}).get(name)
            if option is None:
                continue
            where = f"{role}.{entry}: {name}"
            assert "default" in option, f"{where} has a default in defaults/main.yml only"
            assert option["default"] == value, where
            assert type(option["default"]) is type(value), f"{where}: {value!r} and {option['default']!r}"


@pytest.mark.parametrize("role", ROLES)
def test_no_spec_promises_a_default_that_is_not_there(role: str) -> None:
    own = defaults(role)
    for name, option in options(role).items():
        if "default" in option and name.startswith(f"{role}_"):
            assert name in own, f"{name} has a default in the spec only"


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_of_their_type(role: str) -> None:
    for name, option in options(role).items():
        value = option.get("default")
        assert option.get("description"), f"{name} has no description"
        if value is None or (isinstance(value, str) and "{{" in value):
            continue
        wanted = TYPES.get(option.get("type", "str"))
        if wanted is None:
            continue
        assert isinstance(value, wanted), f"{name}: {value!r} is no {option.get('type', 'str')}"
        assert isinstance(value, bool) == (wanted is bool), f"{name}: {value!r}"


@pytest.mark.parametrize("role", ROLES)
def test_variables_carry_the_name_of_their_role(role: str) -> None:
    for name in defaults(role):
        assert name.startswith(f"{role}_"), f"roles/{role} has a default for {name}"


@pytest.mark.parametrize("role", NAMES)
def test_the_readme_names_every_public_variable(role: str) -> None:
    path = ROOT / "roles" / role / "README.md"
    assert path.exists(), f"roles/{role} has no README.md"
    text = path.read_text(encoding="utf-8")
    missing = [name for name in defaults(role) if f"`{name}`" not in text]
    assert not missing, f"roles/{role}/README.md doesn't mention {', '.join(missing)}"


@pytest.mark.parametrize("role", NAMES)
@pytest.mark.parametrize("heading", ["Idempotence", "Atomicity", "Roll-back"])
def test_the_readme_has_its_sections(role: str, heading: str) -> None:
    text = (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8")
    assert f"# {heading}" in text


@pytest.mark.parametrize("inventory", ["demo", "template"])
def test_inventories_have_the_same_files_and_variables(inventory: str) -> None:
    """The lab differs from a real country in values only."""
    folder = ROOT / "inventories" / inventory / "group_vars" / "all"
    other = ROOT / "inventories" / {"demo": "template", "template": "demo"}[inventory] / "group_vars" / "all"
    here = {path.name: path for path in folder.glob("*.yml")}
    assert here
    for name, path in here.items():
        assert (other / name).exists(), f"{name} is in {inventory} only"
        mine, theirs = load(path), load(other / name)
        shared = {key for key in mine if key.startswith("golive_")}
        assert shared == {key for key in theirs if key.startswith("golive_")}, name
        for key in shared:
            assert keys(mine[key]) == keys(theirs[key]), key


def keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: keys(inner) for key, inner in value.items()}
    return None
