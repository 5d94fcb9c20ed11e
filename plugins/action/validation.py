# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the validation report of a move without a journal, on the controller."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.dfr.golive.plugins.module_utils import _pages, _validation
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError

TEMPLATE = Path(__file__).resolve().parents[2] / "roles" / "golive" / "templates" / "validation.html.j2"
OPTIONS: dict[str, Any] = {
    "title": {"type": "str", "required": True},
    "cutover": {"type": "dict", "default": {}},
    "differences": {"type": "list", "elements": "dict", "default": []},
    "failure": {"type": "str", "default": ""},
    "reconciliation": {"type": "list", "elements": "dict", "default": []},
    "declared": {"type": "int", "default": 0},
    "languages": {"type": "list", "elements": "str", "default": ["en"]},
    "timezone": {"type": "str", "default": "UTC"},
    "dest": {"type": "path", "required": True},
}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Builds validation.json and validation.html from what the other modules returned."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, args = self.validate_argument_spec(argument_spec=OPTIONS)
        try:
            found = _validation.of_pair(args, datetime.now(UTC).isoformat(timespec="seconds"))
            page = _validation.page(found, args["languages"], args["timezone"], TEMPLATE)
            result.update(changed=True, outcome=found["outcome"], sha256=_validation.digest(found))
            if not self._task.check_mode:
                _pages.write(
                    Path(args["dest"]).absolute(),
                    {"validation.json": _validation.text(found), "validation.html": page},
                )
        except GoliveError as exc:
            result.update(failed=True, msg=str(exc), remedy=exc.remedy)
        return result
