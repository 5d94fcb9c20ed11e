# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of check_inventory: gather variables and specs, judge, report everything at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.inventory.manager import InventoryManager
from ansible.plugins.action import ActionBase
from ansible.vars.manager import VariableManager
from ansible_collections.dfr.golive.plugins.module_utils import _apart, _rehearsals
from ansible_collections.dfr.golive.plugins.module_utils._country import SECRET_NAME, Broken, Country
from ansible_collections.dfr.golive.plugins.module_utils._inventory import check, known_names
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ROLES = Path(__file__).resolve().parents[2] / "roles"
UNDEFINED = re.compile(r"'([A-Za-z_][\w.]*)' is undefined|has no attribute '([^']+)'")


def read_specs(roles: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Role -> entry point -> options, of every role that has argument specs."""
    specs = {}
    for path in sorted(roles.glob("*/meta/argument_specs.yml")):
        content = LOADER(path.read_text(encoding="utf-8")).get_single_data()
        entries = (content or {}).get("argument_specs") or {}
        specs[path.parents[1].name] = {
            entry: (spec or {}).get("options") or {} for entry, spec in entries.items()
        }
    return specs


def read_providers(roles: Path) -> list[str]:
    return [path.stem for path in (roles / "switch_dns" / "tasks" / "providers").glob("*.yml")]


def read_runtimes(roles: Path) -> list[str]:
    return [path.name for path in (roles / "golive" / "tasks" / "runtime").glob("*") if path.is_dir()]


def undefined_reason(error: Exception) -> str:
    """Which name is missing, and nothing around it: a message may quote a template that holds a secret."""
    names = sorted({first or second for first, second in UNDEFINED.findall(str(error))})
    return f"refers to {', '.join(names)}, which is not defined" if names else "can't be computed"


def unreadable(value: Any, name: str = "") -> bool:
    """Something that can't be computed, so that nobody knows what it names; a secret names nothing."""
    if isinstance(value, Mapping):
        return any(unreadable(inner, str(key)) for key, inner in value.items())
    if isinstance(value, list):
        return any(unreadable(inner) for inner in value)
    return isinstance(value, Broken) and not SECRET_NAME.search(name)


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs on the controller alone; needs no connection and changes nothing."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True
    _VALID_ARGS: frozenset[str] = frozenset()

    def resolve(self, value: Any, templar: Any = None) -> Any:
        """A plain, templated copy; each leaf on its own, so that one bad leaf doesn't hide the others."""
        if isinstance(value, Mapping):
            return {str(key): self.resolve(item, templar) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.resolve(item, templar) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        try:
            computed = (templar or self._templar).template(value)
        except AnsibleUndefinedVariable as exc:
            return Broken(undefined_reason(exc))
        except AnsibleError as exc:
            reason = "can't be decrypted" if "vault" in type(exc).__name__.lower() else "can't be computed"
            return Broken(f"{reason} ({type(exc).__name__})")
        return self.plain(computed)

    def plain(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(key): self.plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(item) for item in value]
        return "".join(value) if isinstance(value, str) else value

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables: dict[str, Any] = task_vars or {}
        result: dict[str, Any] = super().run(tmp, variables)
        specs = read_specs(ROLES)
        country = Country(
            values={},
            names=frozenset(str(name) for name in variables if not str(name).startswith(("_", "ansible_"))),
            specs=specs,
            phases=NAMES,
            groups={str(k): [str(h) for h in v] for k, v in (variables.get("groups") or {}).items()},
            folder=self.folder(variables),
            providers=read_providers(ROLES),
            runtimes=read_runtimes(ROLES),
            addresses=self.addresses(variables),
            registered=frozenset(
                str(name)
                for name, value in variables.items()
                if isinstance(value, Mapping) and "changed" in value and "failed" in value
            ),
        )
        values = {
            name: self.resolve(variables[name])
            for names in known_names(country).values()
            for name in names
            if name in variables
        }
        other = self.other(str(values.get("golive_rehearsal_of") or ""))
        live = None if other is None else other["parts"]
        problems = check(Country(**{**vars(country), "values": values, "live": live}))
        result["changed"] = False
        name = str(values.get("golive_country") or country.folder or "the country")
        if problems:
            result["failed"] = True
            noun = "problem" if len(problems) == 1 else "problems"
            result["msg"] = (
                f"The inventory of {name} has {len(problems)} {noun}; nothing has been changed.\n"
                + "\n".join(f"- {problem}" for problem in problems)
            )
        else:
            result["msg"] = (
                f"The inventory of {name} is complete and consistent ({len(values)} variables read)."
            )
            if other is not None:
                result["rehearses"] = {
                    "country": other["country"],
                    "state_dir": other["state_dir"],
                    "plan": _rehearsals.plan_digest(Path(other["folder"]) / "signoffs"),
                    "live": _apart.targets(other["parts"]),
                }
        return result

    def other(self, folder: str) -> dict[str, Any] | None:
        """The live country that this inventory rehearses; None when there is none, or none can be read."""
        if not folder or not Path(folder).is_dir():
            return None
        inventory = InventoryManager(loader=self._loader, sources=[folder])
        group = inventory.groups.get("golive_state")
        if group is None or not group.get_hosts():
            return None
        manager = VariableManager(loader=self._loader, inventory=inventory)
        manager._extra_vars = {}  # noqa: SLF001 (what was typed is about the rehearsal; no public way)
        variables = manager.get_vars(host=group.get_hosts()[0])
        templar = self._templar.copy_with_new_env(available_variables=variables)
        values = {
            name: self.resolve(value, templar)
            for name, value in variables.items()
            if name.startswith("golive_") and name not in ("golive_reconciliation", "golive_triggers")
        }
        if unreadable(values):
            return None
        addresses = {
            host.name: str(self.resolve(manager.get_vars(host=host).get("ansible_host", host.name), templar))
            for host in inventory.get_hosts()
        }
        groups = {name: [host.name for host in one.get_hosts()] for name, one in inventory.groups.items()}
        defaults = read_specs(ROLES)["golive"]["open"]
        return {
            "folder": folder,
            "country": str(values.get("golive_country") or ""),
            "state_dir": str(values.get("golive_state_dir") or defaults["golive_state_dir"]["default"]),
            "parts": _apart.parts(values, _apart.managed(groups, addresses)),
        }

    @staticmethod
    def folder(variables: Mapping[str, Any]) -> str:
        """The inventory's folder name, when it lies where countries lie."""
        path = Path(str(variables.get("inventory_dir") or "."))
        return path.name if path.parent.name == "inventories" else ""

    @staticmethod
    def addresses(variables: Mapping[str, Any]) -> dict[str, str]:
        hosts = {host for members in (variables.get("groups") or {}).values() for host in members}
        found = variables.get("hostvars") or {}
        return {str(host): str(found[host].get("ansible_host", host)) for host in hosts if host in found}
