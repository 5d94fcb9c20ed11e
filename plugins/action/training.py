# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes a role's training on the controller, or scores what a trainee has decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.dfr.golive.plugins.action import plan
from ansible_collections.dfr.golive.plugins.action.report import artifacts_folder
from ansible_collections.dfr.golive.plugins.module_utils import _pages, _training
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError

OPTIONS: dict[str, Any] = {
    **plan.OPTIONS,
    "role": {"type": "str", "required": True},
    "seed": {"type": "int", "default": 1},
    "decisions": {"type": "path", "default": ""},
}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Computes from plan and decisions alone; asks no managed host."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, args = self.validate_argument_spec(argument_spec=OPTIONS)
        sources = (task_vars or {}).get("ansible_inventory_sources") or []
        folder = artifacts_folder(args["artifacts_dir"], sources) / args["country"] / "training"
        template = Path(args["templates"]) / "training.html.j2"
        try:
            given = _training.training(plan.planned(args), args["role"], args["seed"])
            scored = None
            if args["decisions"]:
                path = Path(args["decisions"]).expanduser().absolute()
                scored = _training.score(given, _training.decisions(given, path))
            files = _training.files(given, scored, args["languages"], template)
            result.update(changed=False, result=scored or {}, text=_training.summary(given, scored))
            if not self._task.check_mode:
                result["changed"] = _pages.write(folder, _unfilled(files, folder))
                result["text"] += "".join(f"\n{folder / name}" for name in files)
        except GoliveError as exc:
            result.update(failed=True, msg=str(exc), remedy=exc.remedy)
        return result


def _unfilled(files: dict[str, str], folder: Path) -> dict[str, str]:
    """Without the file of decisions where somebody is filling it in for this very training."""
    kept = {}
    for name, text in files.items():
        path = folder / name
        if name.endswith(".decisions.yml") and path.exists():
            digest = next(line for line in text.splitlines() if line.startswith("training: "))
            if digest in path.read_text(encoding="utf-8").splitlines():
                continue
        kept[name] = text
    return kept
