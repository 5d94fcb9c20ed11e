# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the report of a run on the controller."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.dfr.golive.plugins.module_utils import _report
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError


class ActionModule(ActionBase):  # type: ignore[misc]
    """Builds report.json and report.html from what journal_info returned."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, args = self.validate_argument_spec(
            argument_spec={
                "info": {"type": "dict", "required": True},
                "title": {"type": "str", "default": ""},
                "artifacts_dir": {"type": "str", "default": ""},
                "template": {"type": "path", "required": True},
            }
        )
        folder = artifacts_folder(
            args["artifacts_dir"], (task_vars or {}).get("ansible_inventory_sources") or []
        )
        try:
            report = _report.build(args["info"], args["title"])
            result.update(changed=True, json="", html="", outcome=report["outcome"])
            if not self._task.check_mode:
                html = _report.render(report, Path(args["template"]).read_text(encoding="utf-8"))
                as_json, as_html, changed = _report.write(report, html, folder)
                result.update(changed=changed, json=str(as_json), html=str(as_html))
        except (GoliveError, OSError) as exc:
            result.update(failed=True, msg=str(exc))
            return result
        result["text"] = _report.closing_text(report)
        if result["html"]:
            result["text"] += f"\nReport: {result['html']}"
        return result


def artifacts_folder(asked: str, inventories: Iterable[str]) -> Path:
    """Where reports go: as asked; else beside the ``inventories`` folder; else in the current folder."""
    if asked:
        return Path(asked).expanduser().absolute()
    for inventory in inventories:
        for folder in (Path(inventory), *Path(inventory).parents):
            if folder.name == "inventories":
                return folder.parent.absolute() / "artifacts"
    return Path.cwd() / "artifacts"
