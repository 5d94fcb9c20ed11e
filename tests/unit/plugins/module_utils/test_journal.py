# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _chain, _journal
from ansible_collections.dfr.golive.plugins.module_utils._chain import GENESIS, JournalDamageError, between
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._holder import LockLostError, Owner
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal

OWNER = Owner(user="ops", host="laptop", pid=7, started="1", boot_id="b", pid_namespace="p")


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Journal:
    return Journal(tmp_path / "state", "demo", clock)


def write(journal: Journal, count: int) -> str:
    """That many records, by one session; the session."""
    with journal.writing() as writer:
        session = writer.take("demo-1", "golive", OWNER, 900).session
        for number in range(count):
            writer.append(session, "note", reason=f"number {number}")
    return session


def test_nothing_has_ever_run(journal: Journal) -> None:
    reading, holder = journal.read()
    assert (reading.records, reading.head, reading.torn, holder) == ([], GENESIS, b"", None)
    assert not journal.folder.exists()


def test_records_are_chained(journal: Journal) -> None:
    write(journal, 3)
    reading, holder = journal.read()
    assert [r["seq"] for r in reading.records] == [1, 2, 3]
    assert reading.records[0]["prev"] == GENESIS
    assert reading.records[2]["prev"] == reading.records[1]["hash"]
    assert reading.head == reading.records[2]["hash"]
    assert reading.records[0]["time"] == "2026-11-22T00:30:02.000000Z"
    assert holder is not None
    assert holder.heartbeat == reading.records[2]["time"]


def test_nobody_else_can_read_the_folder(journal: Journal) -> None:
    write(journal, 1)
    journal.keep_evidence("demo-1", "sync_data", "tables", [])
    assert {oct(p.stat().st_mode & 0o077) for p in journal.folder.rglob("*")} == {"0o0"}
    assert journal.folder.stat().st_mode & 0o077 == 0


def test_a_clock_that_was_set_back_is_told_once_and_its_time_is_true(journal: Journal, clock: Clock) -> None:
    session = write(journal, 1)
    clock.now -= timedelta(hours=1)
    with journal.writing() as writer:
        corrected = writer.append(session, "note")
        after = writer.append(session, "note")
    before = journal.read()[0].records[0]
    assert 3590 < corrected["clock_set_back"] < 3600
    assert between(corrected["time"], before["time"]) == corrected["clock_set_back"]
    assert between(before["time"], corrected["time"]) == 0
    assert "clock_set_back" not in after


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (
            lambda lines: [lines[0], lines[1].replace("number 1", "number 9"), *lines[2:]],
            "record 2 doesn't match",
        ),
        (lambda lines: [lines[0], *lines[2:]], "broken chain at record 2"),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], "broken chain at record 2"),
        (lambda lines: [*lines, lines[3]], "broken chain at record 5"),
        (
            lambda lines: lines[:2],
            "ends at record 2, but 4 records were acknowledged: the last ones were removed",
        ),
        (lambda lines: [], "ends at record 0, but 4 records were acknowledged: it is empty or gone"),
        (lambda lines: [lines[0], "{}", *lines[2:]], "no readable record 2"),
        (lambda lines: [lines[0], "", *lines[1:]], "no readable record 2"),
        (lambda lines: [lines[0], lines[1][:30], *lines[2:]], "no readable record 2"),
        (lambda lines: [lines[0], _chain.seal({"country": "demo"}), *lines[2:]], "isn't one of ours"),
    ],
)
def test_damage_is_named(journal: Journal, damage: Callable[[list[str]], list[str]], says: str) -> None:
    write(journal, 4)
    lines = journal.path.read_text().splitlines()
    journal.path.write_text("".join(f"{line}\n" for line in damage(lines)))
    with pytest.raises(JournalDamageError, match=says) as caught:
        journal.read()
    assert "Restore" in caught.value.remedy
    before = journal.path.read_bytes()
    with pytest.raises(JournalDamageError), journal.writing():
        pass
    assert journal.path.read_bytes() == before


def test_a_journal_rewritten_from_the_start(journal: Journal, tmp_path: Path) -> None:
    write(journal, 3)
    other = Journal(tmp_path / "other", "demo")
    write(other, 3)
    journal.path.write_bytes(other.path.read_bytes())
    with pytest.raises(JournalDamageError, match="another record 3 than the one that was acknowledged"):
        journal.read()


def test_the_whole_file_gone(journal: Journal) -> None:
    write(journal, 3)
    journal.path.unlink()
    with pytest.raises(JournalDamageError, match="it is empty or gone"):
        journal.read()


def test_another_country(journal: Journal, tmp_path: Path) -> None:
    write(journal, 2)
    other = Journal(tmp_path / "state", "tonga")
    journal.folder.rename(other.folder)
    with pytest.raises(
        JournalDamageError, match=r"Record 1 .* belongs to the country 'demo', not to 'tonga'"
    ):
        other.read()


@pytest.mark.parametrize("half", [b'{"country":"demo","ev', b"\0\0\0\0", b"x"])
def test_a_torn_last_line_is_set_aside(journal: Journal, half: bytes) -> None:
    session = write(journal, 2)
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + half)
    assert journal.read()[0].torn == half
    assert journal.path.read_bytes() == whole + half
    with journal.writing() as writer:
        assert len(writer.records) == 2
        assert [t["file"] for t in writer.unreported_torn()] == ["journal.torn-1"]
        writer.append(session, "torn", **writer.unreported_torn()[0])
        assert writer.unreported_torn() == []
    assert (journal.folder / "journal.torn-1").read_bytes() == half
    assert [r["event"] for r in journal.read()[0].records] == ["note", "note", "torn"]


def test_every_cut_of_the_last_line(journal: Journal) -> None:
    """Killed at any byte of the last write: either the record was acknowledged, or it is set aside."""
    session = write(journal, 2)
    two = journal.path.read_bytes()
    with journal.writing() as writer:
        head = journal.head_path.read_bytes()
        writer.append(session, "note")
    three = journal.path.read_bytes()
    for size in range(len(two), len(three)):
        journal.path.write_bytes(three[:size])
        journal.head_path.write_bytes(head)
        reading, _ = journal.read()
        assert len(reading.records) == 2
        assert reading.torn == three[len(two) : size]
    journal.path.write_bytes(three)
    assert len(journal.read()[0].records) == 3


def test_an_acknowledged_record_cannot_be_called_torn(journal: Journal) -> None:
    write(journal, 2)
    journal.path.write_bytes(journal.path.read_bytes()[:-1])
    with pytest.raises(JournalDamageError, match="2 records were acknowledged"):
        journal.read()


def test_a_lost_lock(journal: Journal) -> None:
    first = write(journal, 1)
    other = Owner(user="ana", host="desk", pid=9)
    with journal.writing() as writer:
        second = writer.take("demo-1", "golive", other, 900).session
        writer.append(second, "open", owner=other.as_dict())
    with journal.writing() as writer, pytest.raises(LockLostError, match="taken over by ana@desk"):
        writer.append(first, "note")
    with journal.writing() as writer:
        writer.release(second)
    with journal.writing() as writer, pytest.raises(LockLostError, match="taken over by ana@desk"):
        writer.append(first, "note")
    with journal.writing() as writer, pytest.raises(LockLostError, match="no longer holds the lock of demo"):
        writer.append(second, "note")
    assert not journal.lock_path.exists()


def test_a_disk_that_is_full(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    session = write(journal, 2)
    before = journal.path.read_bytes()
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:10]))
    with (
        journal.writing() as writer,
        pytest.raises(GoliveError, match=r"Can't write .*10 of .* bytes fitted"),
    ):
        writer.append(session, "note")
    monkeypatch.undo()
    assert journal.path.read_bytes() == before


def test_secrets_are_blotted_out(journal: Journal) -> None:
    session = write(journal, 0)
    result = {"rows": 3, "login": [{"password": "canary-1", "key_secret": "canary-2", "secretary": "Ana"}]}
    with journal.writing() as writer:
        record = writer.append(session, "finish", "preflight", result=result)
    kept = journal.keep_evidence("demo-1", "sync_data", "tables", result)
    assert record["result"]["login"][0]["secretary"] == "Ana"
    text = journal.path.read_text() + (journal.folder / kept["file"]).read_text()
    assert "canary" not in text


@pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}])
def test_what_is_not_json_is_refused(journal: Journal, value: Any) -> None:
    session = write(journal, 1)
    with journal.writing() as writer, pytest.raises(GoliveError, match="isn't JSON"):
        writer.append(session, "note", reason=value)
    assert len(journal.read()[0].records) == 1


def test_accents_and_strange_text_survive(journal: Journal) -> None:
    session = write(journal, 0)
    reason = 'données – \n"{}" \udcff \u2028'
    with journal.writing() as writer:
        writer.append(session, "note", reason=reason)
    assert journal.read()[0].records[0]["reason"] == reason


def test_evidence(journal: Journal) -> None:
    kept = journal.keep_evidence("demo-1", "sync_data", "tables", [{"name": "t", "rows": 1}])
    assert kept["file"] == "evidence/demo-1/sync_data/tables.json"
    assert journal.evidence(kept) == [{"name": "t", "rows": 1}]
    path = journal.folder / kept["file"]
    path.write_text("[]")
    with pytest.raises(JournalDamageError, match="its digest differs"):
        journal.evidence(kept)
    path.unlink()
    with pytest.raises(JournalDamageError, match="can't be read"):
        journal.evidence(kept)
    with pytest.raises(JournalDamageError, match="outside"):
        journal.evidence({**kept, "file": "../../../etc/passwd"})


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden", "x\n"])
def test_evidence_keeps_to_its_folder(journal: Journal, name: str) -> None:
    with pytest.raises(GoliveError, match="evidence file's name"):
        journal.keep_evidence("demo-1", "sync_data", name, [])


@pytest.mark.parametrize("country", ["", "../demo", "Demo", "de mo", "1demo", "demo\n"])
def test_countries_that_cannot_be(tmp_path: Path, country: str) -> None:
    with pytest.raises(GoliveError, match="golive_country is"):
        Journal(tmp_path, country)


def test_a_relative_state_dir() -> None:
    with pytest.raises(GoliveError, match="isn't an absolute path"):
        Journal("state", "demo")


def test_a_state_dir_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(GoliveError, match=r"Can't make .*state/demo.*Check golive_state_dir"):
        write(Journal(tmp_path / "state", "demo"), 1)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"seq": 1}', "null"])
@pytest.mark.parametrize("name", ["head.json", "lock.json"])
def test_a_damaged_small_file(journal: Journal, name: str, text: str) -> None:
    write(journal, 2)
    (journal.folder / name).write_text(text)
    with pytest.raises(JournalDamageError, match=name):
        journal.read()


def test_a_mutex_that_is_held(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_journal, "MUTEX_LIMIT_SECONDS", 0.1)
    with journal.writing(), pytest.raises(GoliveError, match="Another process has been writing"):
        journal.read()


def _append_many(folder: Path, session: str, count: int) -> None:
    journal = Journal(folder, "demo")
    for _ in range(count):
        with journal.writing() as writer:
            writer.append(session, "note", reason="y" * 3000)


def test_two_writers_do_not_interleave(tmp_path: Path) -> None:
    session = write(Journal(tmp_path, "demo"), 0)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(tmp_path, session, 40)) for _ in range(3)]
    for process in writers:
        process.start()
    while any(process.is_alive() for process in writers):
        Journal(tmp_path, "demo").read()
    assert [process.exitcode for process in writers] == [0, 0, 0]
    reading, _ = Journal(tmp_path, "demo").read()
    assert len(reading.records) == 120
    assert reading.torn == b""
