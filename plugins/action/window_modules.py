# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Assembles the freeze window's modules on the controller, where Ansible keeps each for the rest of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._phases import WINDOW
from ansible_collections.dfr.golive.plugins.plugin_utils._called import called

ROLES = Path(__file__).resolve().parents[2] / "roles"
OPTIONS: dict[str, Any] = {
    "phases": {"type": "list", "elements": "str", "required": True},
    "chosen": {"type": "dict", "required": True},
}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs on the controller alone; needs no connection and changes nothing."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True
    _VALID_ARGS: frozenset[str] = frozenset(OPTIONS)

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(OPTIONS)
        phases = [name for name in options["phases"] if name in WINDOW]
        result["changed"] = False
        try:
            result["modules"] = called(ROLES, phases, options["chosen"], self._read)
            for name in result["modules"]:
                self._assemble(name, task_vars)
        except GoliveError as exc:
            return {**result, "failed": True, "msg": str(exc), "remedy": exc.remedy}
        result["msg"] = f"{len(result['modules'])} modules are assembled."
        return result

    def _assemble(self, name: str, task_vars: dict[str, Any] | None) -> None:
        try:
            self._configure_module(name, {}, task_vars)
        except AnsibleError as exc:
            raise GoliveError(
                f"The freeze window needs the module {name}: {one_line(exc)}",
                remedy=f"Install {name.rpartition('.')[0]} on the controller, in the version galaxy.yml names.",
            ) from exc

    def _read(self, path: Path) -> Any:
        return self._loader.load_from_file(str(path))
