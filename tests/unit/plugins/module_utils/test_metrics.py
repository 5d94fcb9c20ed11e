# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import stat
from pathlib import Path

from ansible_collections.dfr.golive.plugins.module_utils import _metrics
from ansible_collections.dfr.golive.plugins.module_utils._run import compute

RECORDS = [
    {"seq": 1, "time": "2026-11-22T00:00:00.000000Z", "session": "a", "event": "open", "phase": "", "run_id": 'd"1'},
    {"seq": 2, "time": "2026-11-22T00:00:01.000000Z", "session": "a", "event": "begin", "phase": "freeze_legacy",
     "run_id": 'd"1', "gates": []},
]  # fmt: skip
END = {**RECORDS[1], "seq": 3, "event": "finish", "time": "2026-11-22T00:00:03.500000Z"}


def samples(text: str) -> dict[str, float]:
    return {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line[0] != "#"
    }


def test_a_country_that_never_ran() -> None:
    assert samples(_metrics.render("demo", None, [])) == {'dfr_golive_journal_records{country="demo"}': 0}


def test_a_run_in_its_freeze_window() -> None:
    found = samples(_metrics.render("demo", compute(RECORDS, "a")[-1], RECORDS))
    assert found['dfr_golive_freeze_window_open{country="demo"}'] == 1
    assert found['dfr_golive_phase_state{country="demo",phase="freeze_legacy",state="running"}'] == 1
    assert found['dfr_golive_phase_state{country="demo",phase="freeze_legacy",state="succeeded"}'] == 0
    assert found['dfr_golive_phase_attempts{country="demo",phase="freeze_legacy"}'] == 1
    assert found['dfr_golive_run_outcome{country="demo",run_id="d\\"1",mode="live",outcome="open"}'] == 1
    assert not any("phase_seconds" in name for name in found)


def test_the_seconds_of_a_phase() -> None:
    records = [*RECORDS, END]
    found = samples(_metrics.render("demo", compute(records, "a")[-1], records))
    assert found['dfr_golive_phase_seconds{country="demo",phase="freeze_legacy"}'] == 2.5


def test_every_family_is_introduced_once_and_named_as_the_format_wants() -> None:
    lines = _metrics.render("demo", compute(RECORDS, "a")[-1], RECORDS).splitlines()
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names)) > 5
    sample = re.compile(r'(\w+)\{country="demo"(,\w+="(\\.|[^"\\])*")*\} -?[0-9.e+]+')
    for line in lines:
        if not line.startswith("#"):
            found = sample.fullmatch(line)
            assert found, line
            assert found[1] in names


def test_the_exporter_may_read_the_file(tmp_path: Path) -> None:
    _metrics.publish(str(tmp_path), "demo", compute(RECORDS), RECORDS)
    (path,) = tmp_path.iterdir()
    assert path.name == "dfr_golive_demo.prom"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
