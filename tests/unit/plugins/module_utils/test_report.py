# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _open, _rehearsals, _report, _validation
from ansible_collections.dfr.golive.plugins.module_utils._chain import JournalDamageError
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._holder import Owner
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal
from ansible_collections.dfr.golive.plugins.module_utils._open import Request
from ansible_collections.dfr.golive.plugins.module_utils._phases import NAMES
from ansible_collections.dfr.golive.plugins.plugin_utils import _report_page

ROLE = Path(__file__).resolve().parents[4] / "roles/golive"
TEMPLATE = ROLE / "templates/report.html.j2"
SCHEMA = json.loads((ROLE / "files/report.schema.json").read_text(encoding="utf-8"))
OWNER = Owner(user="ops", host="laptop", pid=7, started="70", boot_id="b", pid_namespace="p")
TABLE = {
    "name": "<b>farmer</b>",
    "source_rows": 3,
    "target_rows": 3,
    "source_digest": "1f",
    "target_digest": "1f",
    "verdict": "equal",
}
RESULTS: dict[str, dict[str, Any]] = {
    "preflight": {"signoffs": [{"team": "IT & data", "by": "<i>it</i>"}, "plain"]},
    "freeze_legacy": {
        "loaded": {
            "old": {
                "farmers": {"source": 9, "loaded": 4, "rejected": 1, "load": {"seconds": 0.5}},
                "plots": {"source": 3, "loaded": 0, "rejected": 0},
            }
        }
    },
    "sync_data": {
        "sources": [{"name": "staging", "kind": "postgresql", "rows": 3, "rejected": 0, "seconds": 1.5}],
        "filestore": {"files": 2, "bytes": 10, "missing": 0, "corrupt": 0, "verdict": "equal"},
        "files": {"tables": [TABLE]},
    },
}


class Story:
    """A journal made of events, for looking at it from outside."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)
        self.journal = Journal(folder / "state", "demo", self.clock)
        self.run: dict[str, Any] = {}

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def open(self, intent: str = "golive") -> None:
        request = Request(mode="live", intent=intent, until="", takeover="", limit_seconds=900, owner=OWNER)
        self.run = _open.open_run(self.journal, request)["run"]

    def event(self, event: str, phase: str = "", **more: Any) -> None:
        gates = [{"name": "g.<x>", "verdict": "pass", "detail": "80 % & more", "remedy": ""}]
        asked = {"gates": gates, "result": {}, "reason": "", "task": "", "recheck": False, "out_of_order": ""}
        asked |= {"limit_seconds": 0, "triggers": []}
        ids = {"run_id": self.run["id"], "session": self.run["session"]}
        _open.journal_event(self.journal, {**asked, **ids, "event": event, "phase": phase, **more})

    def through(self, last: str) -> None:
        for name in NAMES[: NAMES.index(last) + 1]:
            self.event("begin", name)
            self.event("finish", name, result=RESULTS.get(name, {}))

    def fail(self, phase: str) -> None:
        self.event("begin", phase)
        self.event("fail", phase, reason="no <space> left", task="Copy")

    def info(self) -> dict[str, Any]:
        told = _report.inform(self.journal, "", [], "inventories/demo", for_report=True)
        through_ansible: dict[str, Any] = json.loads(json.dumps(told))
        return through_ansible

    def text(self) -> str:
        return str(self.info()["text"])


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


class Tags(HTMLParser):
    """Every tag closed, and what there is of them."""

    VOID = frozenset({"meta", "br", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tell(story: Story, name: str) -> None:
    """A run in one of the states it can be in."""
    story.open()
    if name == "live":
        story.through("start_hypercare")
        story.event("close")
    elif name == "stopped":
        story.through("freeze_legacy")
        story.fail("sync_data")
    elif name == "rolled_back":
        story.through("sync_data")
        story.event("close")
        story.open("rollback")
        for phase in story.run["undo"]:
            story.event("undo_begin", phase)
            story.event("undo_finish", phase)
        story.event("close")
    elif name == "refused":
        with pytest.raises(GoliveError):
            story.event(
                "begin", "preflight", gates=[{"name": "g", "verdict": "fail", "detail": "d", "remedy": "r"}]
            )
        story.event("fail", "preflight", reason="closed")


@pytest.mark.parametrize("name", ["new", "live", "stopped", "rolled_back", "refused"])
def test_the_report_follows_its_schema(story: Story, name: str, tmp_path: Path) -> None:
    tell(story, name)
    report = _report.build(story.info(), "Lab & <country>")
    jsonschema.validate(report, SCHEMA)
    assert report["outcome"] == {"new": "stopped", "refused": "stopped"}.get(name, name)
    html = _report_page.page(report, ["fr"], "UTC", TEMPLATE)
    assert {"header", "main", "article", "nav", "h1", "table"} <= Tags(html).seen
    assert "Lab &amp; &lt;country&gt;" in html
    assert not re.search(r"<(b|i|x|space)>", html)
    assert not re.search(r"""(src|href)=["']?(https?:)?//|<script""", html)
    folder, changed = _report.write(report, {"report.html": html}, tmp_path / "artifacts")
    assert changed
    assert json.loads((folder / "report.json").read_text()) == report
    assert (folder / "report.html").read_text() == html
    latest = tmp_path / "artifacts/demo/latest"
    assert latest.readlink() == Path(report["run_id"])
    assert not _report.write(report, {"report.html": html}, tmp_path / "artifacts")[1]
    assert sorted(p.name for p in (tmp_path / "artifacts/demo").iterdir()) == sorted(
        ["latest", report["run_id"]]
    )


def test_what_is_usual_comes_from_the_rehearsals_until_a_run_has_said_it(story: Story) -> None:
    def rehearse(name: str, seconds: float) -> None:
        book = Journal(story.journal.folder.parent, "demo-rehearsals", story.clock)
        _rehearsals.keep(
            book, _rehearsals.Rehearsal(name, "sha256:0", True, {"sync_data": seconds, "clone": 3.0})
        )

    rehearse("demo-r-1", 9.0)
    story.open()
    rehearse("demo-r-2", 90.0)  # after it began
    assert story.info()["usual"] == {"sync_data": 9.0}


def test_a_live_report(story: Story) -> None:
    tell(story, "live")
    info = story.info()
    report = _report.build(info)
    assert report["title"] == "demo"
    assert report["failure"] is None
    assert report["sync"]["tables"] == [TABLE]
    assert report["sync"]["filestore"]["files"] == 2
    assert report["signoffs"] == RESULTS["preflight"]["signoffs"]
    assert report["journal"]["head"] == info["journal"]["head"]
    assert info["evidence_proven"] == 1
    window = report["freeze_window"]
    assert sum(part["seconds"] for part in window["split"]) == window["seconds"]
    text = _report.closing_text(report)
    assert "demo is live: all 9 phases" in text
    assert "switch_dns" in text
    handed_on = _report.stats(report)
    assert (handed_on["outcome"], len(handed_on["done"]), handed_on["window_open"]) == ("live", 9, False)
    assert handed_on["window_seconds"] == window["seconds"]
    assert handed_on["journal_head"] == info["journal"]["head"]


@pytest.mark.parametrize(
    ("name", "declared", "outcome"),
    [
        ("live", 0, "valid"),
        ("live", 1, "incomplete"),
        ("new", 0, "incomplete"),
        ("refused", 0, "incomplete"),
        ("stopped", 0, "invalid"),
        ("rolled_back", 0, "withdrawn"),
    ],
)
def test_what_is_to_be_signed_says_what_the_run_came_to(
    story: Story, name: str, declared: int, outcome: str
) -> None:
    tell(story, name)
    result = _validation.build(story.info(), "Lab", declared)
    assert result["outcome"] == outcome
    html = _validation.page(result, ["en", "fr"], "UTC", ROLE / "templates/validation.html.j2")
    assert _validation.digest(result) in html


def test_a_check_that_closed_the_door_makes_it_invalid(story: Story) -> None:
    story.open()
    story.through("switch_dns")
    gate = {"name": "reconciliation.farmers", "verdict": "fail", "detail": "3 found.", "remedy": "r"}
    with pytest.raises(GoliveError):
        story.event("begin", "enable_users", gates=[gate])
    result = _validation.build(story.info(), "Lab", 1)
    assert (result["outcome"], result["failure"]) == ("invalid", "3 found.")


def test_latest_moves_on(story: Story, tmp_path: Path) -> None:
    tell(story, "rolled_back")
    first = _report.build(story.info())
    _report.write(first, {}, tmp_path / "artifacts")
    story.open()
    second = _report.build(story.info())
    _report.write(second, {}, tmp_path / "artifacts")
    assert (tmp_path / "artifacts/demo/latest").readlink() == Path(second["run_id"])
    assert (tmp_path / "artifacts/demo" / first["run_id"] / "report.json").exists()


def test_no_report_without_a_run(story: Story) -> None:
    with pytest.raises(GoliveError, match="Nothing has ever run for demo"):
        _report.build(story.info())


def test_a_folder_that_cannot_be_written(story: Story, tmp_path: Path) -> None:
    tell(story, "stopped")
    (tmp_path / "artifacts").write_text("a file")
    with pytest.raises(GoliveError, match=r"Can't write the report to .*golive_artifacts_dir"):
        _report.write(_report.build(story.info()), {}, tmp_path / "artifacts")


def test_evidence_that_was_edited(story: Story) -> None:
    tell(story, "live")
    next(story.journal.folder.rglob("tables.json")).write_text("[]")
    with pytest.raises(JournalDamageError, match="its digest differs"):
        story.info()


GO, BACK = (
    "ansible-playbook golive.yml -i inventories/demo",
    "ansible-playbook playbooks/rollback.yml -i inventories/demo",
)


def test_status_of_nothing(story: Story) -> None:
    text = story.text()
    assert "nothing has ever run" in text
    assert GO in text
    assert BACK not in text


def test_status_of_a_running_one(story: Story) -> None:
    story.open()
    story.through("freeze_legacy")
    story.event("begin", "sync_data")
    text = story.text()
    assert "is working on sync_data; 2 of 9 phases done" in text
    assert "[>] 3 sync_data" in text
    assert "Freeze window: OPEN since" in text
    assert "Lock: held by ops@laptop (process 7) for golive since" in text
    assert GO not in text
    assert "golive_takeover" not in text
    story.now += timedelta(seconds=120)
    assert "If that run is gone" in story.text()


def test_status_of_a_stopped_one(story: Story) -> None:
    tell(story, "stopped")
    text = story.text()
    assert "stopped at sync_data (failed); 2 of 9 phases done" in text
    assert "[x] 3 sync_data" in text
    assert "Last failure: sync_data" in text
    assert GO in text
    assert BACK in text
    story.open()
    story.event("begin", "sync_data")
    assert "attempt 2" in story.text()


def test_status_of_a_refused_one(story: Story) -> None:
    tell(story, "refused")
    text = story.text()
    assert "there is nothing to undo" in text
    assert BACK not in text


def test_status_of_a_live_one(story: Story) -> None:
    tell(story, "live")
    text = story.text()
    assert "demo is live since" in text
    assert GO not in text
    assert BACK not in text


def test_status_when_users_may_be_in(story: Story) -> None:
    story.open()
    story.through("switch_dns")
    story.fail("enable_users")
    text = story.text()
    assert "no longer possible: users may have been let in" in text
    assert BACK not in text


def test_status_of_rollbacks(story: Story) -> None:
    tell(story, "stopped")
    story.open("rollback")
    story.event("undo_begin", "sync_data")
    story.event("undo_fail", "sync_data", reason="stuck")
    text = story.text()
    assert "is being rolled back; left: sync_data, freeze_legacy, preflight" in text
    assert "Last failure: the undo of sync_data" in text
    assert BACK in text
    assert GO not in text
    story.open("rollback")
    for phase in story.run["undo"]:
        story.event("undo_begin", phase)
        story.event("undo_finish", phase)
    story.event("close")
    text = story.text()
    assert "was rolled back" in text
    assert f"Start:    {GO}" in text


def test_status_of_a_torn_journal(story: Story) -> None:
    tell(story, "stopped")
    with story.journal.path.open("ab") as file:
        file.write(b'{"half')
    assert "half-written record (6 bytes)" in story.text()


def test_the_old_registries_stand_beside_staging(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.open()
    story.through("sync_data")
    sources = _report.build(story.info())["sync"]["sources"]
    assert [source["name"] for source in sources] == ["old", "staging"]
    assert {key: sources[0][key] for key in ("kind", "rows", "rejected", "seconds")} == {
        "kind": "legacy",
        "rows": 12,
        "rejected": 1,
        "seconds": 0.5,
    }
