# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A go-live as AWX plays it: in containers that are thrown away, one of them in the middle of the night."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import environment
import outside
import pytest
from environment import Job

JOURNAL = "/var/lib/dfr-golive/demo/journal.jsonl"


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """A private data directory in a lab that has been prepared and is not live."""
    assert not records(), "the lab has had its night already: make lab, playbooks/prepare.yml, then this"
    made = Job(tmp_path_factory.mktemp("private"))
    yield made
    environment.run("docker", "rm", "--force", made.number, check=False)


def records() -> list[dict[str, Any]]:
    """The journal, from the host that keeps it."""
    text = outside.container("ops").run(f"cat {JOURNAL}").stdout
    return [json.loads(line) for line in text.splitlines()]


def happened(event: str, phase: str) -> bool:
    return any(record["event"] == event and record.get("phase") == phase for record in records())


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _nothing = process.communicate(timeout=540)
    Path(environment.ROOT / "artifacts").mkdir(exist_ok=True)
    (environment.ROOT / "artifacts" / "runner.log").write_text(said, encoding="utf-8")
    return process.returncode, said


def test_a_first_job_stops_where_the_survey_says(job: Job) -> None:
    job.write({"golive_until": "preflight"})
    code, said = end(job.start("preflight"))
    assert code == 0, said[-4000:]
    assert "PREFLIGHT" in said
    assert "(1/9)" in said
    left = job.handed_on("preflight")["dfr_golive"]
    assert (left["outcome"], left["done"], left["window_open"]) == ("stopped", ["preflight"], False)


def test_a_container_is_killed_in_the_middle_of_the_night(job: Job) -> None:
    job.write({})
    process = job.start("night")
    limit = time.monotonic() + 400
    while not happened("finish", "sync_data"):
        assert process.poll() is None, end(process)[1][-4000:]
        assert time.monotonic() < limit, "sync_data did not end"
        time.sleep(0.2)
    job.kill()
    code, _said = end(process)
    assert code == 137
    assert not happened("finish", "check_health")
    assert not job.handed_on("night")


def test_a_new_container_is_told_who_has_the_lock(job: Job) -> None:
    code, said = end(job.start("refused"))
    assert code != 0
    assert "golive_takeover" in said
    assert not happened("finish", "check_health")


def test_a_new_container_takes_over_with_a_reason_and_goes_live(job: Job) -> None:
    job.write({"golive_takeover": "the node of the first job died"})
    code, said = end(job.start("again"))
    assert code == 0, said[-4000:]
    left = job.handed_on("again")["dfr_golive"]
    assert left["outcome"] == "live"
    assert left["done"] == list(outside.PHASES)
    assert not left["window_open"]
    assert left["window_seconds"] > 0
    begun = [record["phase"] for record in records() if record["event"] == "begin"]
    assert [begun.count(phase) for phase in ("freeze_legacy", "sync_data", "enable_users")] == [1, 1, 1]
    assert (job.folder / "reports" / "demo" / "latest" / "report.html").stat().st_size > 0


def test_the_country_is_live_seen_from_outside() -> None:
    acknowledged = outside.acknowledged("staging")
    rows = {int(row) for row in outside.psql("production", "dfr_production", "select id from dfr_farmer")}
    assert acknowledged
    assert set(acknowledged) <= rows
    assert {outside.addresses(server)[0] for server in outside.NAME_SERVERS} == {outside.PROXY}
    assert outside.Browser().login("dfr_production", "enumerator001", "lab-user") > 0


def test_a_job_on_a_live_country_changes_nothing(job: Job) -> None:
    before = records()
    job.write({})
    code, said = end(job.start("noop"))
    assert code == 0, said[-4000:]
    assert records() == before
