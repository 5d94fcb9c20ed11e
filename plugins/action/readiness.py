# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of readiness: what the probes registered goes in, one list and one table come out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.dfr.golive.plugins.module_utils import _gates, _readiness, _rehearsals, _runtimes
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._rehearsals import Rehearsal

OPTIONS: dict[str, Any] = {
    "hosts": {"type": "raw", "required": True},
    "expected_hosts": {"type": "list", "elements": "str", "required": True},
    "conductor": {"type": "str", "required": True},
    "databases": {"type": "raw", "required": True},
    "expected_databases": {"type": "dict", "required": True},
    "applications": {"type": "raw", "required": True},
    "storage": {"type": "raw", "required": True},
    "expected_applications": {"type": "dict", "required": True},
    "door": {"type": "raw", "required": True},
    "runtimes": {"type": "list", "elements": "dict", "default": []},
    "expected_runtimes": {"type": "dict", "default": {}},
    "rooms": {"type": "dict", "default": {}},
    "signoffs": {"type": "raw"},
    "rehearsals": {"type": "list", "elements": "dict"},
    "rehearsal_days": {"type": "int", "default": 30},
    "plan": {"type": "path"},
    "max_skew_seconds": {"type": "float", "default": 2.0},
}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Judges on the controller; needs no connection and changes nothing."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(OPTIONS)
        try:
            result.update(judge(options))
        except GoliveError as exc:
            result.update(failed=True, msg=str(exc), remedy=exc.remedy)
        return result


def armed(options: Mapping[str, Any]) -> _gates.Gate:
    """Whether the plan that is about to run has been rehearsed."""
    known = [Rehearsal(**raw) for raw in options["rehearsals"]]
    plan = _rehearsals.plan_digest(Path(options["plan"]))
    return _rehearsals.armed(known, plan, options["rehearsal_days"], datetime.now(UTC))


def judge(options: Mapping[str, Any]) -> dict[str, Any]:
    """Everything preflight knows, in the order a reader wants it."""
    collected = _readiness.Collected()
    conductor = options["conductor"]
    databases, applications = options["expected_databases"], options["expected_applications"]
    _readiness.read_hosts(collected, options["hosts"], options["expected_hosts"])
    _readiness.read_probes(collected, "database", options["databases"], databases, "database")
    _readiness.read_probes(collected, "application", options["applications"], applications, "application")
    _readiness.read_probes(collected, "storage", options["storage"], applications, "filestore")
    collected.gates += _runtimes.ready(options["expected_runtimes"], options["runtimes"], collected.reachable)
    _readiness.compare(collected, options["max_skew_seconds"], conductor)
    _readiness.read_probes(collected, "door", options["door"], {"production": conductor}, "door")
    _readiness.read_rooms(collected, options["rooms"])
    signoffs = options["signoffs"]
    if signoffs is not None:
        _readiness.read_probes(collected, "signoffs", signoffs, {"signoffs": conductor}, "sign-offs")
    if options.get("rehearsals") is not None and options["rehearsal_days"] > 0:
        collected.gates.append(_gates.ask("rehearsal", lambda: armed(options)))
    gates = _readiness.require_gates(_readiness.once(collected.gates))
    signed = (signoffs or {}).get("evidence") or {"signoffs": []}
    return {
        "changed": False,
        "gates": [gate.as_dict() for gate in gates],
        "table": _gates.table(gates),
        "summary": _readiness.summary(gates),
        "reachable": collected.reachable,
        "evidence": {
            **signed,
            "checks": len(gates),
            "files": {
                "preflight": {"gates": [gate.as_dict() for gate in gates], "facts": collected.facts},
            },
        },
    }
