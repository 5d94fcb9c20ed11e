# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A source from end to end: a CSV file, the real store, an Odoo in memory."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Verdict
from ansible_collections.dfr.golive.plugins.module_utils._legacy import readiness, verdict
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load import Terms
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Duplicate, parse
from ansible_collections.dfr.golive.plugins.module_utils._legacy.options import alone
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Counts, Reject
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import Store
from ansible_collections.dfr.golive.plugins.module_utils._legacy.way import Way, ended, replay
from fake_odoo import FakeOdoo

MAPPING = """
source: old
kind: csv
path: {path}
entities:
  farmers:
    from: farmers.csv
    key: [no]
    watermark: {{kind: file_digest}}
    model: dfr.farmer
    fields:
      name: {{from: name, steps: [trim]}}
      area: {{from: area, steps: [number]}}
    rules: [{{required: [name]}}]
    conflict: reject
    deletions: {deletions}
"""


class Night:
    """One source, its file, its store and an Odoo."""

    def __init__(self, folder: Path, deletions: str = "report") -> None:
        self.file = folder / "farmers.csv"
        self.mapping = parse(MAPPING.format(path=self.file, deletions=deletions), "old.yml")
        self.store = Store.open(folder / "old.sqlite")
        self.odoo = FakeOdoo(lambda row: "An area is not negative." if row.get("area", 0) < 0 else "")
        self.limit = 0
        self.agreed: dict[tuple[str, str], verdict.Exceptional] = {}
        self.runs = 0
        self.over = False
        self.quarantine = folder / "quarantine"
        self.quarantine.mkdir()

    def write(self, *rows: tuple[object, str, object], path: Path | None = None) -> Path:
        file = path or self.file
        lines = "".join(f"{no},{name},{area}\n" for no, name, area in rows)
        file.write_text(f"no,name,area\n{lines}", encoding="utf-8")
        return file

    def way(self) -> Way:
        self.runs += 1
        terms = Terms(2, until=0 if self.over else float("inf"), sleep=lambda _seconds: None)
        return Way(self.mapping, {}, self.store, self.odoo, f"run{self.runs}", terms, self.agreed, self.limit)

    def farmers(self) -> dict[str, Any]:
        return {row["name"]: row["area"] for row in self.odoo.tables["dfr.farmer"].values()}


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    made = Night(tmp_path)
    yield made
    made.store.close()


def sums(figures: dict[str, Any]) -> tuple[int, ...]:
    found = figures["entities"]["farmers"]
    return tuple(found[name] for name in ("source", "loaded", "unchanged", "rejected", "excluded"))


def test_every_key_is_accounted_for_run_after_run(night):
    night.write((1, "Ana", 2), (2, "Sione", 3), (3, "Mele", 1))
    assert sums(night.way().transfer()) == (3, 3, 0, 0, 0)
    night.write((1, "Ana", 2), (2, "Sione", 4), (3, "Mele", 1), (4, "Lupe", 1))
    assert sums(night.way().transfer(frozen=True)) == (4, 2, 2, 0, 0)
    assert night.farmers() == {"Ana": 2, "Sione": 4, "Mele": 1, "Lupe": 1}


def test_rejects_of_both_halves_are_judged_together_and_figures_come_with_the_no(night):
    night.write((1, "Ana", -2), (2, "", 3), (3, "Mele", 1))
    with pytest.raises(GoliveError, match="2 rows are set aside") as caught:
        night.way().transfer()
    assert sums(caught.value.returned) == (3, 1, 0, 2, 0)
    night.agreed = verdict.exceptions(
        [
            {"entity": "farmers", "key": "2", "owner": "National IT", "reason": "dead"},
            {"entity": "farmers", "key": "9", "owner": "National IT", "reason": "typo"},
        ],
        "old",
    )
    night.limit = 1
    figures = night.way().transfer()
    assert figures["exceptions"] == {"excepted": 1, "open": 1, "stale": ["farmers 9"]}


def test_a_row_that_comes_after_the_reading_is_noticed(night, monkeypatch):
    night.write((1, "Ana", 2))
    way = night.way()
    load = Way._load

    def meanwhile(self: Way, *said: Any) -> Any:
        night.write((1, "Ana", 2), (2, "Late", 2))
        return load(self, *said)

    monkeypatch.setattr(Way, "_load", meanwhile)
    with pytest.raises(GoliveError, match="moved after it was read: farmers"):
        way.transfer(frozen=True)


def test_what_came_in_the_window_is_compared_until_it_is_right(night, monkeypatch):
    night.write((1, "Ana", 2), (2, "Sione", 3))
    night.way().transfer()
    night.write((1, "Ana", 2), (2, "Sione", 4), (3, "Mele", 1), (4, "Lupe", 1))
    load = Way._load

    def and_something_else_writes(self: Way, *said: Any) -> Any:
        tallies = load(self, *said)
        for row in night.odoo.tables["dfr.farmer"].values():
            row["area"] = 9.0 if row["name"] == "Mele" else row["area"]
        return tallies

    with monkeypatch.context() as patched:
        patched.setattr(Way, "_load", and_something_else_writes)
        with pytest.raises(GoliveError, match="of 3 records 1 differ and 0 are missing") as caught:
            night.way().transfer(frozen=True)
    assert caught.value.returned["compared"]["farmers"]["different"] == {"3": ["area"]}
    with pytest.raises(
        GoliveError, match="of 3 records 1 differ"
    ):  # a repetition loads nothing and forgets nothing
        night.way().transfer(frozen=True)
    record = next(i for i, row in night.odoo.tables["dfr.farmer"].items() if row["name"] == "Mele")
    night.odoo.tables["dfr.farmer"][record]["area"] = 1.0
    assert night.way().transfer(frozen=True)["compared"]["farmers"]["equal"] == 3
    assert night.way().transfer(frozen=True)["compared"]["farmers"]["compared"] == 0


WITH_PLOTS = """
source: old
kind: csv
path: {path}
entities:
  farmers:
    {{from: farmers.csv, key: [no], watermark: {{kind: file_digest}}, model: dfr.farmer,
      fields: {{name: {{from: name}}}}}}
  plots:
    {{from: plots.csv, key: [no], watermark: {{kind: file_digest}}, model: dfr.plot,
      fields: {{name: {{from: name}}, farmer_id: {{from: farmer, reference: farmers}}}}}}
"""


@pytest.fixture
def plots(night, tmp_path) -> Path:
    """A night whose farmers have a plot each."""
    night.mapping = parse(WITH_PLOTS.format(path=tmp_path), "old.yml")
    night.write(*((no, f"Farmer {no}", 1) for no in range(20)))
    file = tmp_path / "plots.csv"
    file.write_text(
        "no,name,farmer\n" + "".join(f"{no},Plot {no},{no}\n" for no in range(20)), encoding="utf-8"
    )
    return file


def test_plots_are_read_while_odoo_makes_the_farmers(night, plots):
    read = threading.Event()
    note = night.store.note
    night.store.note = lambda name, value: (note(name, value), read.set() if name == "next_marks" else None)

    def slow(method: str, model: str) -> None:
        if (method, model) == ("load", "dfr.farmer") and not read.wait(20):
            raise ProbeError("the plots aren't read before the farmers are made")

    night.odoo.fault = slow
    figures = night.way().transfer()
    assert {name: found["loaded"] for name, found in figures["entities"].items()} == {
        "farmers": 20,
        "plots": 20,
    }


def test_rows_are_loaded_while_later_rows_of_the_same_table_are_read(night):
    night.write(*((no, f"Farmer {no}", 1) for no in range(1200)))
    loading = threading.Event()
    note = night.store.note

    def at_the_end(name: str, value: object) -> None:
        if name == "source":
            assert loading.wait(20), "everything is read before anything is loaded"
        note(name, value)

    night.store.note = at_the_end
    night.odoo.fault = lambda method, _model: loading.set() if method == "load" else None
    assert sums(night.way().transfer()) == (1200, 1200, 0, 0, 0)
    assert len(night.farmers()) == 1200


def test_a_table_that_breaks_at_its_end_has_nothing_twice_afterwards(night):
    night.write(*((no, f"Farmer {no}", 1) for no in range(1700)))
    night.mapping = replace(night.mapping, limits=replace(night.mapping.limits, max_rows=1600))
    with pytest.raises(GoliveError, match="more than 1600 rows"):
        night.way().transfer()
    early = len(night.farmers())
    assert 0 < early < 1700
    night.mapping = replace(night.mapping, limits=replace(night.mapping.limits, max_rows=1700))
    assert sums(night.way().transfer()) == (1700, 1700 - early, early, 0, 0)
    assert len(night.odoo.tables["dfr.farmer"]) == 1700


def test_a_source_that_breaks_meanwhile_takes_nothing_back(night, plots):
    text = plots.read_text(encoding="utf-8")
    plots.write_text("no,name\n", encoding="utf-8")
    with pytest.raises(GoliveError, match="has no column farmer"):
        night.way().transfer()
    assert len(night.odoo.tables["dfr.farmer"]) == 20
    plots.write_text(text, encoding="utf-8")
    figures = night.way().transfer()
    assert (figures["entities"]["farmers"]["unchanged"], figures["entities"]["plots"]["loaded"]) == (20, 20)
    assert len(night.odoo.tables["dfr.farmer"]) == 20


def test_a_slice_of_time_reads_all_whatever_it_loads(night, plots):
    night.over = True
    assert not night.way().transfer()["done"]
    night.over = False
    night.runs -= 1
    figures = night.way().transfer(read=False)
    assert {name: found["loaded"] for name, found in figures["entities"].items()} == {
        "farmers": 20,
        "plots": 20,
    }


def test_the_window_learns_only_what_was_written_since(night, monkeypatch):
    alike = (Duplicate(("name",), "reject"),)
    farmers = replace(night.mapping.entities["farmers"], deduplicate=alike)
    night.mapping = replace(night.mapping, entities={"farmers": farmers})
    since: list[str] = []
    find = night.odoo.find

    def listening(model: str, domain: Any, fields: Any, **more: Any) -> Any:
        since.extend(said for name, how, said in domain if (name, how) == ("write_date", ">="))
        return find(model, domain, fields, **more)

    monkeypatch.setattr(night.odoo, "find", listening)
    night.write(*((n, f"F{n}", 1) for n in range(1, 4)))
    night.way().transfer()
    newest = max(str(row["write_date"]) for row in night.odoo.tables["dfr.farmer"].values())
    with closing(sqlite3.connect(night.store.path.with_suffix(".twins"))) as index:
        assert index.execute("select written from mark").fetchall() == [(newest,)]
    night.write(*((n, f"F{n}", 1) for n in range(1, 5)))
    night.way().transfer(frozen=True)
    assert len(since) == 1


def test_what_was_set_aside_is_not_missing(night):
    night.mapping = replace(
        night.mapping,
        entities={name: replace(said, conflict="keep") for name, said in night.mapping.entities.items()},
    )
    night.write((1, "Ana", 2))
    night.way().transfer()
    night.odoo.unlink("dfr.farmer", list(night.odoo.tables["dfr.farmer"]))
    night.write((1, "Ana", 3))
    assert sums(night.way().transfer(frozen=True)) == (1, 0, 0, 0, 1)
    assert night.way().reconcile(every=1)["farmers"].holds


@pytest.mark.parametrize("policy", ["report", "archive", "delete"])
def test_deletions_only_as_the_mapping_says(tmp_path, policy):
    night = Night(tmp_path, policy)
    night.write((1, "Ana", 2), (2, "Sione", 3))
    night.way().transfer()
    night.write((1, "Ana", 2))
    gone = night.way().transfer()["gone"]["farmers"]
    assert (gone["found"], gone["applied"]) == (1, 0 if policy == "report" else 1)
    assert len(night.farmers()) == (1 if policy == "delete" else 2)
    archived = [r for r in night.odoo.tables["dfr.farmer"].values() if r.get("active") is False]
    assert len(archived) == (1 if policy == "archive" else 0)
    night.store.close()


def test_late_arrivals_once_without_duplicates(night):
    night.write((1, "Ana", 2), (2, "Sione", 3))
    night.way().transfer()
    first = night.write((2, "Sione", 3), (7, "Tablet", 1), path=night.quarantine / "farmers-tablet.csv")
    again = night.quarantine / "farmers-tablet-sent-twice.csv"
    again.write_bytes(first.read_bytes())
    os.utime(first, (1, 1))
    results = replay(night.way(), night.quarantine)
    assert [one["replayed"] for one in results] == [True, False]
    assert night.farmers() == {"Ana": 2, "Sione": 3, "Tablet": 1}
    assert len(list((night.quarantine / "done").iterdir())) == 2
    assert replay(night.way(), night.quarantine) == []
    # The source itself is read as before: what came late isn't gone from it, and isn't loaded again.
    assert night.way().transfer()["gone"]["farmers"]["applied"] == 0
    assert len(night.farmers()) == 3


def test_corrected_rejects_come_back_through_the_quarantine(night):
    night.write((1, "Ana", -2), (2, "Sione", 3))
    night.limit = 1
    night.way().transfer()
    night.write((1, "Ana", 2), path=night.quarantine / "farmers.csv")
    replay(night.way(), night.quarantine)
    assert night.farmers() == {"Ana": 2, "Sione": 3}
    assert night.way().standing().open == 0


def test_a_file_that_nobody_knows_stays_in_the_quarantine(night):
    night.write((1, "Ana", 2))
    night.way().transfer()
    night.write((1, "x", 1), path=night.quarantine / "cattle.csv")
    with pytest.raises(GoliveError, match="nothing that the mapping of old knows"):
        replay(night.way(), night.quarantine)
    assert (night.quarantine / "cattle.csv").exists()


def test_reconciliation_finds_what_differs_what_is_gone_and_what_people_changed(night):
    night.write(*((n, f"F{n}", 1) for n in range(1, 6)))
    night.way().transfer()
    assert night.way().reconcile(every=1)["farmers"].holds
    by_name = {row["name"]: i for i, row in night.odoo.tables["dfr.farmer"].items()}
    night.odoo.tables["dfr.farmer"][by_name["F1"]]["area"] = 9.0
    night.odoo.typed("dfr.farmer", by_name["F2"], area=8.0)
    night.odoo.unlink("dfr.farmer", [by_name["F3"]])
    found = night.way().reconcile(every=1)["farmers"]
    assert not found.holds
    assert (found.compared, found.equal, found.edited, found.missing) == (3, 2, 1, ["3"])
    assert found.different == {"1": ["area"]}
    assert found.sums["area"] == (3.0, 11.0)


def test_reconciliation_waits_for_rows_that_changed_in_the_source_since(night):
    night.write((1, "Ana", 2), (2, "Sione", 3))
    night.way().transfer()
    night.write((1, "Ana", 2), (2, "Sione", 4), (3, "Mele", 1))
    found = night.way().reconcile(every=1)["farmers"]
    assert found.holds
    assert (found.compared, found.newer, found.unknown) == (1, 1, 1)


def test_a_sample_is_the_same_every_time_and_smaller(night):
    night.write(*((n, f"F{n}", 1) for n in range(1, 200)))
    night.way().transfer()
    once, twice = (night.way().reconcile(every=10)["farmers"].compared for _ in range(2))
    assert once == twice
    assert 0 < once < 100


@pytest.mark.parametrize("missing", ["owner", "reason", "key", "entity"])
def test_an_exception_without_owner_or_reason_is_none(missing):
    entry = {"entity": "farmers", "key": "1", "owner": "National IT", "reason": "dead"}
    with pytest.raises(GoliveError, match=missing):
        verdict.exceptions([{**entry, missing: " "}], "old")
    with pytest.raises(GoliveError, match="twice"):
        verdict.exceptions([entry, entry], "old")


@pytest.mark.parametrize("lost", ["loaded", "unchanged", "rejected", "excluded"])
def test_a_sum_that_lacks_a_row_fails(lost):
    whole = Counts(source=4, loaded=1, unchanged=1, rejected=1, excluded=1)
    verdict.account("old", {"farmers": whole})
    with pytest.raises(GoliveError, match="doesn't add up"):
        verdict.account("old", {"farmers": replace(whole, **{lost: 0})})
    with pytest.raises(GoliveError, match="doesn't add up"):
        verdict.account("old", {"farmers": replace(whole, **{lost: 0}, staged=1)})


def gates(night: Night, **more: Any) -> dict[str, Verdict]:
    asked = {
        "mapping": night.mapping,
        "store": night.store,
        "standing": lambda: verdict.Standing(0, 0, []),
        "target": lambda: night.odoo,
        "limit": 0,
        **more,
    }
    return {gate.name.rpartition(".")[2]: gate.verdict for gate in readiness.gates(**asked)}


def test_gates_healthy(night):
    night.write((1, "Ana", 2))
    night.way().transfer()
    assert set(gates(night).values()) == {Verdict.PASS}


def test_gates_broken(night):
    assert gates(night)["loaded"] == Verdict.FAIL
    night.write((1, "Ana", 2))
    night.way().transfer()
    assert gates(night, standing=lambda: verdict.Standing(3, 1, []))["rejects"] == Verdict.FAIL
    farmers = night.mapping.entities["farmers"]
    unmarked = replace(farmers, watermark=replace(farmers.watermark, kind="none"))
    assert (
        gates(night, mapping=replace(night.mapping, entities={"farmers": unmarked}))["watermark"]
        == Verdict.FAIL
    )
    strange = replace(farmers, fields={"nickname": farmers.fields["name"]})
    assert gates(night, mapping=replace(night.mapping, entities={"farmers": strange}))["odoo"] == Verdict.FAIL
    night.odoo.may = lambda _model, operation: operation != "create"
    assert gates(night)["odoo"] == Verdict.FAIL
    assert gates(night, mapping=replace(night.mapping, fingerprint="other"))["loaded"] == Verdict.FAIL


def test_an_interrupted_run_goes_on_with_what_it_began(night):
    def fenced() -> Any:
        raise ProbeError("The registry is fenced.")

    night.write((1, "Ana", 2))
    night.way().transfer()
    night.write((1, "Ana", 2), (2, "Sione", 3))
    way = night.way()
    night.odoo.fault = lambda method, _model: fenced() if method == "create" else None
    with pytest.raises(ProbeError):
        way.transfer(frozen=True)
    night.odoo.fault = lambda _method, _model: None
    assert gates(night)["loaded"] == Verdict.FAIL
    assert gates(night, run=way.run)["loaded"] == Verdict.PASS
    assert ended(night.mapping, {}, night.store, way.run) is None
    figures = way.transfer(frozen=True)
    assert gates(night, run=way.run, target=fenced)["odoo"] == Verdict.PASS
    assert gates(night, run="another", target=fenced)["odoo"] == Verdict.UNKNOWN
    assert ended(night.mapping, {}, night.store, way.run) == json.loads(json.dumps(figures))
    assert ended(night.mapping, {}, night.store, "another") is None
    night.write((1, "Ana", 2), (2, "Sione", 3), (3, "Mele", 1))
    assert ended(night.mapping, {}, night.store, way.run) is None


def test_gates_that_get_no_answer(night):
    def silent() -> Any:
        raise ProbeError("No answer.")

    answers = gates(night, target=silent, standing=silent)
    assert (answers["odoo"], answers["rejects"]) == (Verdict.UNKNOWN, Verdict.UNKNOWN)


def test_only_one_process_loads_a_source(tmp_path):
    with (
        alone(tmp_path / "s.sqlite"),
        pytest.raises(GoliveError, match="Another process"),
        alone(tmp_path / "s.sqlite"),
    ):
        pass


def test_standing_counts_each_reject_once():
    rejects = [Reject("farmers", key, 1, "", {}, ()) for key in ("1", "2")]
    agreed = {("farmers", "2"): verdict.Exceptional("farmers", "2", "IT", "dead")}
    assert verdict.standing(rejects, agreed) == verdict.Standing(1, 1, [])
