# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One measured figure, and the file that holds them all (schema dfr.golive/bench/1)."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts"
BENCH = ARTIFACTS / "bench.json"


def figure(
    name: str,
    ours: float | Sequence[float],
    unit: str = "s",
    *,
    size_bytes: int | None = None,
    rows: int | None = None,
    peer: float | Sequence[float] | None = None,
    peer_name: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One result: of several measurements the median counts, and all of them are told.

    Args:
        name: as in the schema.
        ours, peer: what was measured, once or several times.
        unit: s for seconds.
        size_bytes, rows: of what it was measured on.
        peer_name: what the same was done with.
        more: further fields.
    """
    measured = {}
    values: dict[str, float | None] = {}
    for side, value in (("ours", ours), ("peer", peer)):
        several = [value] if isinstance(value, (int, float)) else list(value or [])
        values[side] = round(statistics.median(several), 3) if several else None
        if len(several) > 1:
            measured[f"{side}_all"] = [round(v, 3) for v in several]
            measured[f"{side}_min"] = round(min(several), 3)
    mine, theirs = values["ours"], values["peer"]
    return {
        "name": name,
        "size_bytes": size_bytes,
        "rows": rows or None,
        "ours": mine,
        "peer": theirs,
        "peer_name": peer_name,
        "ratio": round(mine / theirs, 3) if mine is not None and theirs else None,
        "unit": unit,
        **measured,
        **more,
    }


def write(results: Sequence[dict[str, Any]], *, whole: bool) -> None:
    """Put the figures into the file; where only some were measured, the others of an earlier run stay."""
    kept: list[dict[str, Any]] = []
    if not whole and BENCH.is_file():
        new = {item["name"] for item in results}
        kept = [
            item
            for item in json.loads(BENCH.read_text(encoding="utf-8"))["results"]
            if item["name"] not in new
        ]
    bench = {
        "schema": "dfr.golive/bench/1",
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "load_before": os.getloadavg()[0],
        },
        "results": [*kept, *results],
    }
    ARTIFACTS.mkdir(exist_ok=True)
    BENCH.write_text(json.dumps(bench, indent=2) + "\n", encoding="utf-8")
