# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of signoffs: the files lie beside the inventory, no managed host is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.dfr.golive.plugins.module_utils import _signoffs
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate


class ActionModule(ActionBase):  # type: ignore[misc]
    """Reads files on the controller; needs no connection and changes nothing."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            {
                "path": {"type": "str", "required": True},
                "teams": {"type": "list", "elements": "str", "required": True},
                "valid_days": {"type": "int", "default": 30},
                "recheck": {"type": "bool", "default": False},
                "evidence": {"type": "dict", "default": {}},
            }
        )
        folder = Path(options["path"])
        teams = [str(team) for team in options["teams"]]
        result["changed"] = False
        gates: list[Gate] = []
        try:
            if options["recheck"]:
                found = _signoffs.confirm(folder, teams)
            else:
                today = datetime.now(UTC).date()
                gates, found = _signoffs.gates(folder, teams, today, options["valid_days"])
        except GoliveError as exc:
            result.update(failed=True, msg=str(exc), remedy=exc.remedy)
            return result
        result["gates"] = [gate.as_dict() for gate in gates]
        result["evidence"] = {**options["evidence"], "signoffs": [signoff.as_dict() for signoff in found]}
        return result
