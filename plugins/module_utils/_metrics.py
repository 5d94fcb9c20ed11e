# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a country stands, as Prometheus metrics: one file for the node exporter's textfile collector.

The exposition format is Prometheus' own (text, version 0.0.4). The file is replaced in one step, as the collector asks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.dfr.golive.plugins.module_utils._chain import Record, moment
from ansible_collections.dfr.golive.plugins.module_utils._run import Outcome, RunState, Status

PREFIX = "dfr_golive"


def render(country: str, run: RunState | None, records: list[Record]) -> str:
    """The metrics of a country's last run; of one that never ran, only that.

    Args:
        country: short code.
        run: its last run.
        records: the whole journal.
    """
    lines: list[str] = []
    for name, kind, text, samples in _families(run, records):
        lines += [f"# HELP {PREFIX}_{name} {text}", f"# TYPE {PREFIX}_{name} {kind}"]
        lines += [
            f"{PREFIX}_{name}{{{_labels({'country': country, **labels})}}} {value}"
            for labels, value in samples
        ]
    return "\n".join(lines) + "\n"


Samples = list[tuple[dict[str, str], float]]


def _families(run: RunState | None, records: list[Record]) -> Iterator[tuple[str, str, str, Samples]]:
    yield "journal_records", "gauge", "Records in the journal of the country.", [({}, len(records))]
    if run is None:
        return
    yield (
        "last_event_timestamp_seconds",
        "gauge",
        "When the journal was last written to.",
        [({}, moment(records[-1]["time"]).timestamp())],
    )
    names = {"run_id": run.id, "mode": run.mode}
    yield (
        "run_outcome",
        "gauge",
        "What the last run came to: 1 for the outcome it has, 0 for the others.",
        [({**names, "outcome": o.value}, int(run.outcome is o)) for o in Outcome],
    )
    yield (
        "phase_state",
        "gauge",
        "What the journal says of a phase: 1 for the state it is in, 0 for the others.",
        [
            ({"phase": phase.name, "state": status.value}, int(phase.status is status))
            for phase in run.phases
            for status in Status
        ],
    )
    yield (
        "phase_seconds",
        "gauge",
        "Seconds a phase took, from its gates to its proof.",
        [({"phase": p.name}, p.seconds) for p in run.phases if p.seconds is not None],
    )
    yield (
        "phase_attempts",
        "gauge",
        "How often a phase began or was refused.",
        [({"phase": p.name}, p.attempts) for p in run.phases],
    )
    window = run.window
    is_open = window.opened is not None and window.closed is None
    yield (
        "freeze_window_open",
        "gauge",
        "Whether nobody can register a farmer right now.",
        [({}, int(is_open))],
    )
    if window.opened is not None:
        opened = moment(window.opened).timestamp()
        yield (
            "freeze_window_opened_timestamp_seconds",
            "gauge",
            "When the freeze window opened.",
            [({}, opened)],
        )
    if window.seconds is not None:
        yield (
            "freeze_window_seconds",
            "gauge",
            "How long the freeze window was open.",
            [({}, window.seconds)],
        )


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def write(path: Path, text: str) -> None:
    """Replace the file in one step; readable by the exporter, which is another account.

    Raises:
        OSError: it can't be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o644)
    draft.replace(path)


def file_name(country: str) -> str:
    """What the collector looks for: it reads ``*.prom``."""
    return f"{PREFIX}_{country}.prom"


def publish(folder: str, country: str, runs: list[RunState], records: list[Record]) -> None:
    """Write a country's metrics into the collector's folder.

    Raises:
        OSError: it can't be written.
    """
    write(Path(folder) / file_name(country), render(country, runs[-1] if runs else None, records))
