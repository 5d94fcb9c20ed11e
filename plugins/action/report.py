# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the report of a run on the controller."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.dfr.golive.plugins.module_utils import _pages, _report, _validation
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.plugin_utils import _hypercare_page, _index_page, _report_page


class ActionModule(ActionBase):  # type: ignore[misc]
    """Builds the report and the validation report from what journal_info returned."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, args = self.validate_argument_spec(
            argument_spec={
                "info": {"type": "dict", "required": True},
                "title": {"type": "str", "default": ""},
                "artifacts_dir": {"type": "str", "default": ""},
                "templates": {"type": "path", "required": True},
                "languages": {"type": "list", "elements": "str", "default": ["en"]},
                "timezone": {"type": "str", "default": "UTC"},
                "declared": {"type": "int", "default": 0},
            }
        )
        folder = artifacts_folder(
            args["artifacts_dir"], (task_vars or {}).get("ansible_inventory_sources") or []
        )
        try:
            report = _report.build(args["info"], args["title"])
            result.update(changed=True, json="", html="", validation="", outcome=report["outcome"])
            if not self._task.check_mode:
                made, changed = _report.write(report, pages(report, args), folder)
                template = Path(args["templates"]) / "index.html.j2"
                index = _index_page.page(folder, args["languages"], args["timezone"], template)
                changed = _pages.write(folder, {"index.html": index}) or changed
                result.update(changed=changed, json=str(made / "report.json"))
                result.update(html=str(made / "report.html"), validation=str(made / "validation.html"))
        except (GoliveError, OSError) as exc:
            result.update(failed=True, msg=str(exc))
            return result
        result["stats"] = _report.stats(report)
        result["text"] = _report.closing_text(report)
        if result["html"]:
            result["text"] += f"\nReport: {result['html']}\nTo be signed: {result['validation']}"
        return result


def pages(report: dict[str, Any], args: dict[str, Any]) -> dict[str, str]:
    """Name to text of every file beside report.json."""
    templates, reading = Path(args["templates"]), (args["languages"], args["timezone"])
    valid = _validation.build(args["info"], args["title"], args["declared"])
    found = {
        "report.html": _report_page.page(report, *reading, templates / "report.html.j2"),
        "validation.json": _validation.text(valid),
        "validation.html": _validation.page(valid, *reading, templates / "validation.html.j2"),
    }
    watch = args["info"]["watch"]
    if watch:
        status = _hypercare_page.build(watch, report["country"], args["title"], report["run_id"])
        found["hypercare.json"] = json.dumps(status, ensure_ascii=False, sort_keys=True) + "\n"
        found["hypercare.html"] = _hypercare_page.page(status, *reading, templates / "hypercare.html.j2")
    return found


def artifacts_folder(asked: str, inventories: Iterable[str]) -> Path:
    """Where reports go: as asked; else beside the ``inventories`` folder; else in the current folder."""
    if asked:
        return Path(asked).expanduser().absolute()
    for inventory in inventories:
        for folder in (Path(inventory), *Path(inventory).parents):
            if folder.name == "inventories":
                return folder.parent.absolute() / "artifacts"
    return Path.cwd() / "artifacts"
