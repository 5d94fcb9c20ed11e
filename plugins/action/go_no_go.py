# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of go_no_go: what it reads lies beside the inventory, no managed host is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.dfr.golive.plugins.module_utils import _gates, _papers
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._readiness import summary

OPTIONS: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "country": {"type": "str", "required": True},
    "gates": {"type": "list", "elements": "dict", "default": []},
    "runs": {"type": "list", "elements": "dict", "default": []},
    "recheck": {"type": "bool", "default": False},
    "evidence": {"type": "dict", "default": {}},
    "containers": {"type": "list", "elements": "dict", "default": []},
}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Reads files on the controller and runs ssh-keygen there; changes nothing."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        result: dict[str, Any] = super().run(tmp, variables)
        _validation, options = self.validate_argument_spec(OPTIONS)
        result["changed"] = False
        try:
            asked = _papers.Asked(
                Path(options["path"]),
                options["country"],
                datetime.now(UTC),
                _gates.from_dicts(options["gates"]),
                options["runs"],
                options["recheck"],
                sorted(load_extra_vars(self._loader)),
                sources(variables),
                Path(str(variables["playbook_dir"])) if "playbook_dir" in variables else None,
                options["containers"],
            )
            found = _papers.judge(asked)
        except GoliveError as exc:
            result.update(failed=True, msg=str(exc), remedy=exc.remedy)
            return result
        evidence = options["evidence"]
        if not options["recheck"]:
            files = {**evidence.get("files", {}), "signoffs": found.kept}
            evidence = {**evidence, **found.journalled, "files": files}
        result.update(
            gates=[gate.as_dict() for gate in found.gates],
            table=_gates.table(found.gates),
            summary=summary(found.gates),
            evidence=evidence,
        )
        return result


def sources(variables: Mapping[str, Any]) -> list[str]:
    """The inventories this command was given."""
    given: Iterable[Any] = variables.get("ansible_inventory_sources") or []
    return [str(source) for source in given]
