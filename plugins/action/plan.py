# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the plan of the night and the runbooks on the controller."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.dfr.golive.plugins.action.report import artifacts_folder
from ansible_collections.dfr.golive.plugins.module_utils import (
    _criteria,
    _pages,
    _plan,
    _plan_pages,
    _rehearsals,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError

CALENDAR = "plan.ics"
OPTIONS: dict[str, Any] = {
    "country": {"type": "str", "required": True},
    "title": {"type": "str", "required": True},
    "timezone": {"type": "str", "required": True},
    "languages": {"type": "list", "elements": "str", "required": True},
    "plan": {"type": "dict", "default": {}},
    "holds": {"type": "dict", "default": {}},
    "rehearsals": {"type": "list", "elements": "dict", "required": True},
    "signoffs": {"type": "path", "required": True},
    "signed": {"type": "bool", "default": False},
    "ttl": {"type": "int", "required": True},
    "hypercare_days": {"type": "int", "required": True},
    "artifacts_dir": {"type": "str", "default": ""},
    "templates": {"type": "path", "required": True},
}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Computes the timeline from what was declared and rehearsed; asks no managed host."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, args = self.validate_argument_spec(argument_spec=OPTIONS)
        sources = (task_vars or {}).get("ansible_inventory_sources") or []
        folder = artifacts_folder(args["artifacts_dir"], sources) / args["country"] / "plan"
        try:
            plan = planned(args)
            result.update(plan=_plan_pages.as_dict(plan), text=_plan_pages.text(plan), changed=False)
            files = written(plan, args, folder)
            if not self._task.check_mode:
                result["changed"] = _pages.write(folder, files)
                if CALENDAR not in files and not plan.timeline.length:
                    (folder / CALENDAR).unlink(missing_ok=True)
                result["text"] += f"\nPlan: {folder / 'plan.html'}, with a runbook for each role beside it"
        except GoliveError as exc:
            result.update(failed=True, msg=str(exc), remedy=exc.remedy)
        return result


def planned(args: dict[str, Any]) -> _plan_pages.Plan:
    """
    Raises:
        GoliveError: what was declared can't be meant, or is not what the teams sign.
    """
    declared = _plan.understood(args["plan"], args["holds"])
    folder = Path(args["signoffs"])
    if args["signed"]:
        same_night(declared, _criteria.understood(_criteria.read(folder)))
    timeline = _plan.timeline(
        declared, _plan.measured(args["rehearsals"]), args["ttl"], args["hypercare_days"]
    )
    return _plan_pages.Plan(
        args["country"],
        args["title"],
        _rehearsals.plan_digest(folder),
        _plan_pages.zone_named(args["timezone"]),
        timeline,
        tuple(one["run_id"] for one in _plan.counted(args["rehearsals"])),
    )


def same_night(declared: _plan.Declared, decision: _criteria.Decision) -> None:
    """
    Raises:
        GoliveError: the plan is for another night than the signatures.
    """
    if (declared.start, declared.end) != (decision.start, decision.end):
        raise GoliveError(
            f"golive_plan and {_criteria.SHOWN} don't name the same night.",
            remedy=f"Write start and end in golive_plan as they stand in {_criteria.SHOWN}.",
        )


def written(plan: _plan_pages.Plan, args: dict[str, Any], folder: Path) -> dict[str, str]:
    """Name to text of every file; the calendar only where the plan has changed, since it carries the time it was made.

    Raises:
        GoliveError: a language without catalogue, or a library that is missing.
    """
    files = _plan_pages.files(plan, args["languages"], Path(args["templates"]))
    known = folder / "plan.json"
    same = known.exists() and known.read_text(encoding="utf-8") == files["plan.json"]
    if plan.timeline.length and not (same and (folder / CALENDAR).exists()):
        files[CALENDAR] = _plan_pages.calendar(plan, args["languages"][0], datetime.now(UTC))
    return files
