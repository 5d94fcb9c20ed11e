# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs calls of the replication engine where a module would run; reads and writes lines of JSON. Run by `sandbox`."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import (
    _cutover,
    _delta,
    _digest,
    _drain,
    _leftovers,
    _pgtools,
    _replication,
    _seed,
    _subscription,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin, connect


def dump_and_restore(pair: _replication.Pair, sections: Sequence[str] = _pgtools.SECTIONS) -> list[str]:
    """A database as the method dump and the backup move it."""
    crew = _pgtools.Crew(pair.limit_seconds)
    with connect(pair.source) as conn, tempfile.TemporaryDirectory() as folder:
        snapshot = _digest.export_snapshot(conn)
        _pgtools.dump(crew, pair.source, f"{folder}/dump", snapshot=snapshot, jobs=pair.jobs)
        return _pgtools.restore(
            crew, pair.target, f"{folder}/dump", jobs=pair.jobs, role=pair.owner, sections=sections
        )


CALLS = {
    "dump_and_restore": dump_and_restore,
    "seed": _seed.seed,
    "discard": _seed.discard,
    "prove": _delta.prove,
    "verify": _delta.verify,
    "drain": _drain.drain,
    "clear": _leftovers.clear,
    "remains": _leftovers.remains,
    "status": _subscription.status,
    "cutover": lambda pair, **options: _cutover.cutover(pair, _cutover.Writers("odoo"), **options),
    "reopen": _cutover.reopen,
}


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    logins = {
        side: PostgresLogin(
            asked[side], 5432, "dfr_golive", "operator", asked[f"{side}_database"], ssl_mode="disable"
        )
        for side in ("source", "target")
    }
    pair = _replication.Pair(
        name=asked["name"],
        source=logins["source"],
        target=logins["target"],
        owner="odoo",
        reach=_replication.Reach(f"{asked['source']}-link", 5432, "disable"),
        work_dir=Path(asked["work_dir"]),
        jobs=asked.get("jobs", 2),
        limit_seconds=asked.get("limit_seconds", 300),
    )
    started = time.monotonic()
    try:
        said: dict[str, Any] = {"result": CALLS[asked["call"]](pair, **asked.get("options", {}))}
    except GoliveError as exc:
        said = {"error": str(exc), "kind": type(exc).__name__, **exc.returned}
    said["seconds"] = round(time.monotonic() - started, 3)
    said["peak_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return said


def main() -> None:
    """One call for each line; its answer is a line too."""
    for line in sys.stdin:
        json.dump(answer(json.loads(line)), sys.stdout)
        sys.stdout.write("\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
