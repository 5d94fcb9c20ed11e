# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loading's decisions, against an Odoo in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load import Tally, Terms, load
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import (
    PassingError,
    external_name,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_twins import FIND, Twins
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Duplicate, Entity, Field
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import (
    Attachment,
    ModelRef,
    Record,
    Ref,
)
from fake_odoo import FakeOdoo, MemoryLedger

FARMERS = Entity(
    name="farmers",
    origin="farmers",
    key=("no",),
    model="dfr.farmer",
    fields={name: Field(name, (name,)) for name in ("name", "national_id")},
    conflict="reject",
    batch=8,
)
CONSENT = replace(FARMERS, fields={**FARMERS.fields, "consent": Field("consent", ("c",))})


def farmer(key: object, entity: str = "farmers", model: str = "dfr.farmer", **more: Any) -> Record:
    values = more.pop("values", {"name": f"Farmer {key}", "national_id": f"N-{key}"})
    return replace(
        Record(
            "old",
            entity,
            str(key),
            "d",
            model,
            values,
            {},
            (),
            0,
            int(str(key).strip("abp ")),
            f"row {key}",
            {},
        ),
        **more,
    )


def consenting(n: int) -> Record:
    return farmer(n, values={"name": f"Farmer {n}", "national_id": f"N-{n}", "consent": True})


class Country:
    """An Odoo, a store and an index, loaded again and again."""

    def __init__(self, path: Path, *records: Record, bad: Any = lambda _row: "") -> None:
        self.odoo = FakeOdoo(bad)
        self.store = MemoryLedger(records)
        self.twins = Twins(path / "twins", self.odoo)
        self.now = 1000.0
        self.slept: list[float] = []

    def load(self, *entities: Entity, workers: int = 3, until: float = float("inf")) -> dict[str, Tally]:
        terms = Terms(workers, until, lambda: self.now, lambda: self.now, self.slept.append)
        found = entities or (FARMERS,)
        return load("old", {e.name: e for e in found}, self.store, self.odoo, self.twins, terms)

    def farmers(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: {"id": i, **row} for i, row in self.odoo.tables["dfr.farmer"].items()}


@pytest.fixture
def country(tmp_path: Path) -> Iterator[Any]:
    made: list[Country] = []

    def make(*records: Record, **more: Any) -> Country:
        made.append(Country(tmp_path, *records, **more))
        return made[-1]

    yield make
    for one in made:
        one.twins.close()


def test_every_row_gets_in_once_under_its_external_id(country):
    c = country(*(farmer(n) for n in range(50)))
    tally = c.load()["farmers"]
    assert (tally.inserted, tally.rejected, tally.done) == (50, 0, True)
    assert len(c.odoo.tables["dfr.farmer"]) == 50
    assert c.odoo.xids()["__legacy_old.farmers-7"] == c.store.done["farmers"]["7"][0]
    assert c.store.noted("under_way.farmers") is None


def test_the_same_rows_again_change_nothing(country):
    c = country(*(farmer(n) for n in range(20)))
    c.load()
    c.store.stage(farmer(n) for n in range(20))
    c.odoo.calls.clear()
    tally = c.load()["farmers"]
    assert (tally.inserted, tally.updated, tally.same) == (0, 0, 20)
    assert not [call for call in c.odoo.calls if call[0] in ("create", "write")]


def test_only_what_differs_is_written(country):
    c = country(*(farmer(n) for n in range(3)))
    c.load()
    c.store.stage([farmer(1, values={"name": "Farmer 1", "national_id": "N-new"}), farmer(2)])
    written: list[Any] = []
    whole = c.odoo.write
    c.odoo.write = lambda model, changes: (written.extend(changes), whole(model, changes))[1]
    tally = c.load()["farmers"]
    assert (tally.updated, tally.same) == (1, 1)
    assert [values for _id, values in written] == [{"national_id": "N-new"}]


@pytest.mark.parametrize("at", [0, 7, 8, 19, 39])
def test_a_batch_halves_until_the_bad_row_is_alone(country, at):
    c = country(
        *(farmer(n) for n in range(40)),
        bad=lambda row: "An area is not negative." if row.get("name") == f"Farmer {at}" else "",
    )
    tally = c.load()["farmers"]
    assert (tally.inserted, tally.rejected) == (39, 1)
    (reject,) = c.store.rejects
    assert (reject.key, reject.problems[0].code) == (str(at), "odoo_refused")
    assert reject.problems[0].params == {"message": "An area is not negative."}
    assert len(c.odoo.tables["dfr.farmer"]) == len(c.odoo.xids()) == 39


def test_bad_updates_are_set_aside_alone_too(country):
    c = country(
        *(farmer(n) for n in range(16)),
        bad=lambda row: "no" if row.get("national_id") == "bad" else "",
    )
    c.load()
    c.store.stage(
        farmer(n, values={"name": f"F{n}", "national_id": "bad" if n == 5 else "x"}) for n in range(16)
    )
    tally = c.load()["farmers"]
    assert (tally.updated, tally.rejected) == (15, 1)


def test_parents_first_by_depth_even_when_they_stand_later_in_the_source(country):
    entity = replace(FARMERS, fields={**FARMERS.fields, "parent_id": Field("parent_id", ("p",))})
    child = farmer(1, depth=1, references={"parent_id": Ref("farmers", "9")})
    root = farmer(9, references={"parent_id": None})
    c = country(child, root)
    assert c.load(entity)["farmers"].inserted == 2
    assert c.farmers()["Farmer 1"]["parent_id"] == c.farmers()["Farmer 9"]["id"]


def test_children_of_another_entity_and_a_parent_that_was_refused(country):
    plots = Entity("plots", "plots", ("no",), "dfr.plot", {"name": Field("name", ("n",))})
    plot = [
        farmer(
            n, "plots", "dfr.plot", values={"name": f"P{n}"}, references={"farmer_id": Ref("farmers", str(n))}
        )
        for n in (1, 2)
    ]
    c = country(farmer(1), farmer(2), *plot, bad=lambda row: "no" if row.get("name") == "Farmer 2" else "")
    c.load(FARMERS, plots)
    assert len(c.odoo.tables["dfr.plot"]) == 1
    codes = {reject.entity: reject.problems[0].code for reject in c.store.rejects}
    assert codes == {"farmers": "odoo_refused", "plots": "reference_missing"}


@pytest.mark.parametrize(("there", "code"), [(0, "lookup_missing"), (1, None), (2, "lookup_ambiguous")])
def test_lookups_must_find_exactly_one(country, there, code):
    entity = replace(FARMERS, fields={**FARMERS.fields, "country_id": Field("country_id", ("c",))})
    c = country(farmer(1, references={"country_id": ModelRef("res.country", "code", "TO")}))
    if there:
        c.odoo.create("res.country", [{"code": "TO"}] * there)
    c.load(entity)
    assert [r.problems[0].code for r in c.store.rejects] == ([code] if code else [])


@pytest.mark.parametrize("policy", ["keep", "overwrite", "reject"])
def test_a_record_that_people_changed_since(country, policy):
    c = country(farmer(1), farmer(2))
    c.load()
    c.odoo.typed("dfr.farmer", c.farmers()["Farmer 1"]["id"], national_id="typed")
    c.store.stage(farmer(n, values={"name": f"Farmer {n}", "national_id": "source"}) for n in (1, 2))
    tally = c.load(replace(FARMERS, conflict=policy))["farmers"]
    assert c.farmers()["Farmer 2"]["national_id"] == "source"
    assert c.farmers()["Farmer 1"]["national_id"] == ("source" if policy == "overwrite" else "typed")
    assert (tally.updated, tally.excluded, tally.rejected) == {
        "keep": (1, 1, 0),
        "overwrite": (2, 0, 0),
        "reject": (1, 0, 1),
    }[policy]


def test_a_later_date_alone_is_no_conflict(country):
    c = country(farmer(1))
    c.load()
    c.odoo.typed("dfr.farmer", c.farmers()["Farmer 1"]["id"], active=True)
    c.store.stage([farmer(1, values={"name": "Farmer 1", "national_id": "source"})])
    assert c.load()["farmers"].updated == 1


@pytest.mark.parametrize(
    ("policy", "ends"), [("keep", (0, 1, 0)), ("overwrite", (1, 0, 0)), ("reject", (0, 0, 1))]
)
def test_a_record_that_people_deleted_since(country, policy, ends):
    c = country(farmer(1))
    c.load()
    c.odoo.unlink("dfr.farmer", [c.farmers()["Farmer 1"]["id"]])
    c.store.stage([farmer(1)])
    tally = c.load(replace(FARMERS, conflict=policy))["farmers"]
    assert (tally.inserted, tally.excluded, tally.rejected) == ends


@pytest.mark.parametrize("names", ["went with it", "stayed"])
@pytest.mark.parametrize("more", [(), ("consent",)])
def test_a_deleted_record_that_is_made_again_has_its_name_again(country, names, more):
    entity = replace(
        FARMERS,
        conflict="overwrite",
        fields={name: Field(name, (name,)) for name in ("name", "national_id", *more)},
    )
    record = farmer(1, values={"name": "Farmer 1", "national_id": "N", **dict.fromkeys(more, True)})
    c = country(record)
    c.load(entity)
    before = c.farmers()["Farmer 1"]["id"]
    if names == "stayed":
        del c.odoo.tables["dfr.farmer"][before]  # as a database does with what it cascades to
    else:
        c.odoo.unlink("dfr.farmer", [before])
    c.store.stage([record])
    assert c.load(entity)["farmers"].inserted == 1
    assert c.odoo.xids() == {"__legacy_old.farmers-1": c.farmers()["Farmer 1"]["id"]}
    assert len(c.odoo.tables["ir.model.data"]) == 1


def test_what_was_read_or_written_isnt_asked_for_again(country):
    c = country(*(farmer(n) for n in range(8)))
    c.load()
    c.store.stage(farmer(n, values={"name": f"Farmer {n}", "national_id": f"{n % 2}"}) for n in range(8))
    c.store.stage([farmer(0)])
    c.odoo.calls.clear()
    tally = c.load()["farmers"]
    assert (tally.updated, tally.same) == (7, 1)
    # The fake, like Odoo for equal changes, keeps one date to itself.
    assert [m for m, model, _n in c.odoo.calls if model == "dfr.farmer"] == ["find", "write", "find"]
    again = {key: stamp.split(" ")[0] for key, (_id, stamp) in c.store.done["farmers"].items()}
    dates = {row["name"]: row["write_date"].replace(" ", "T") for row in c.farmers().values()}
    assert again == {name.removeprefix("Farmer "): date for name, date in dates.items()}


@pytest.mark.parametrize("action", ["link", "reject"])
def test_somebody_registered_the_same_person_already(country, action):
    entity = replace(FARMERS, conflict="overwrite", deduplicate=(Duplicate(("national_id",), action),))
    c = country(farmer(1), farmer(2))
    (typed,) = c.odoo.create("dfr.farmer", [{"name": "Typed", "national_id": " n 1"}])
    tally = c.load(entity)["farmers"]
    if action == "link":
        assert c.odoo.xids()["__legacy_old.farmers-1"] == typed
        assert (tally.inserted, tally.updated, tally.rejected) == (1, 1, 0)
    else:
        assert (tally.inserted, tally.rejected) == (1, 1)
        assert c.store.rejects[0].problems[0].code == "duplicate_in_dfr"


def test_two_rows_of_the_source_are_one_person(country):
    entity = replace(FARMERS, conflict="overwrite", deduplicate=(Duplicate(("national_id",), "reject"),))
    c = country(*(farmer(n, values={"name": f"F{n}", "national_id": "same"}) for n in range(5)))
    tally = c.load(entity)["farmers"]
    assert (tally.inserted, tally.rejected) == (1, 4)


def test_an_empty_national_id_says_nothing(country):
    entity = replace(FARMERS, deduplicate=(Duplicate(("national_id",), "reject"),))
    c = country(*(farmer(n, values={"name": f"F{n}", "national_id": None}) for n in range(5)))
    assert c.load(entity)["farmers"].inserted == 5


def test_killed_between_the_row_and_its_name_nothing_is_made_twice(country):
    c = country(*(consenting(n) for n in range(20)))
    c.odoo.nameless = frozenset(f"farmers-{n}" for n in range(20))

    def killed(method: str, model: str) -> None:
        if (method, model) == ("create", "ir.model.data"):
            raise ProbeError("No answer.")

    c.odoo.fault = killed
    with pytest.raises(ProbeError):
        c.load(CONSENT)
    left = len(c.odoo.tables["dfr.farmer"])
    assert left > 0
    assert not c.store.done
    c.odoo.fault = lambda _method, _model: None
    c.odoo.create("dfr.farmer", [{"name": "Farmer 3", "national_id": "typed by hand meanwhile"}])
    tally = c.load(CONSENT)["farmers"]
    assert (tally.adopted, tally.inserted, tally.same) == (left, 20 - left, left)
    assert len(c.odoo.tables["dfr.farmer"]) == 21
    assert len(c.odoo.xids()) == len(c.store.done["farmers"]) == 20
    assert c.slept == [60.0]


@pytest.mark.parametrize(("call", "names"), [("load", ("name",)), ("create_named", ("name", "consent"))])
def test_killed_after_odoo_made_the_rows_nothing_is_made_twice(country, call, names):
    entity = replace(FARMERS, fields={name: Field(name, (name,)) for name in names})
    c = country(*(farmer(n, values=dict.fromkeys(names, True)) for n in range(20)))
    whole = getattr(c.odoo, call)

    def unheard(model: str, module: str, rows: Any) -> list[int]:
        whole(model, module, rows)
        raise ProbeError("No answer.")

    setattr(c.odoo, call, unheard)
    with pytest.raises(ProbeError):
        c.load(entity)
    left = len(c.odoo.tables["dfr.farmer"])
    assert left == len(c.odoo.xids()) > 0
    setattr(c.odoo, call, whole)
    tally = c.load(entity)["farmers"]
    assert (tally.adopted, tally.inserted, tally.same) == (0, 20 - left, left)
    assert len(c.odoo.tables["dfr.farmer"]) == len(c.odoo.xids()) == 20
    assert ("create", "ir.model.data") not in {called[:2] for called in c.odoo.calls}
    assert c.slept == [60.0]


@pytest.mark.parametrize(
    ("fields", "calls"),
    [
        (("name", "national_id"), ["load"]),
        (("name", "consent"), ["create_named"]),
        (("country_id",), ["create_named"]),
    ],
)
def test_only_values_that_load_takes_as_they_are_go_through_it(country, fields, calls):
    entity = replace(FARMERS, fields={name: Field(name, (name,)) for name in fields})
    c = country(farmer(1, values=dict.fromkeys(fields, 1)))
    made: list[str] = []
    c.odoo.fault = lambda method, model: made.append(method) if model == "dfr.farmer" else None
    c.load(entity)
    assert [method for method in made if method in ("load", "create_named")][:1] == calls
    assert len(c.odoo.xids()) == 1


def test_names_that_an_addon_loses_are_given_in_a_second_call(country):
    entity = replace(FARMERS, fields={"name": Field("name", ("n",)), "consent": Field("consent", ("c",))})
    c = country(*(farmer(n, values={"name": f"Farmer {n}", "consent": True}) for n in range(20)))
    c.odoo.nameless = frozenset({"farmers-3", "farmers-17"})
    assert c.load(entity)["farmers"].inserted == 20
    stored = {f"__legacy_old.farmers-{key}": found[0] for key, found in c.store.done["farmers"].items()}
    assert c.odoo.xids() == stored
    given = [rows for method, model, rows in c.odoo.calls if (method, model) == ("create", "ir.model.data")]
    assert sum(given) == 2


def test_the_names_of_several_pages_are_proven_by_one_question(country):
    c = country(*(consenting(n) for n in range(56)))
    assert c.load(CONSENT)["farmers"].inserted == 56
    made = [call for call in c.odoo.calls if call[0] == "create_named"]
    asked = [call for call in c.odoo.calls if call[:2] == ("find", "ir.model.data")]
    assert len(made) == 7
    assert len(asked) <= 1 + 2  # the first is asked before anything is made
    assert len(c.store.done["farmers"]) == 56


def test_killed_before_the_names_are_proven_nothing_is_made_twice(country):
    c = country(*(consenting(n) for n in range(24)))
    c.odoo.nameless = frozenset({"farmers-5"})

    def killed(method: str, model: str) -> None:
        if (method, model) == ("find", "ir.model.data") and c.odoo.tables["dfr.farmer"]:
            raise ProbeError("No answer.")

    c.odoo.fault = killed
    with pytest.raises(ProbeError):
        c.load(CONSENT)
    assert not c.store.done
    assert len(c.odoo.tables["dfr.farmer"]) == 24
    c.odoo.fault = lambda _method, _model: None
    tally = c.load(CONSENT)["farmers"]
    assert (tally.adopted, tally.inserted, tally.same) == (1, 0, 24)
    assert len(c.odoo.tables["dfr.farmer"]) == len(c.odoo.xids()) == len(c.store.done["farmers"]) == 24


def test_what_odoo_makes_of_a_value_is_nobodys_change(country):
    c = country(farmer(1))
    whole = c.odoo.create

    def tidy(model: str, rows: Any) -> list[int]:
        return whole(model, [{**row, "name": row["name"].upper()} if "name" in row else row for row in rows])

    c.odoo.create = tidy
    c.load()
    c.store.stage([farmer(1, values={"name": "Farmer 1", "national_id": "N-new"})])
    assert c.load()["farmers"].updated == 1
    # From then on a person's hand shows.
    c.odoo.typed("dfr.farmer", c.store.done["farmers"]["1"][0], national_id="N-typed")
    c.store.stage([farmer(1, values={"name": "Farmer 1", "national_id": "N-newer"})])
    assert c.load()["farmers"].rejected == 1


def test_odoo_is_not_asked_when_it_made_what_it_was_told_to_make(country):
    c = country(*(farmer(n) for n in range(40)))
    c.load()
    asked = [call for call in c.odoo.calls if call[:2] == ("find", "dfr.farmer")]
    assert not asked
    assert {stamp.split(" ")[0] for _record, stamp in c.store.done["farmers"].values()} == {"made"}


def test_a_lost_store_makes_nothing_twice(country):
    c = country(*(farmer(n) for n in range(20)))
    c.load()
    c.store = MemoryLedger(farmer(n) for n in range(25))
    tally = c.load()["farmers"]
    assert (tally.same, tally.inserted) == (20, 5)


def test_what_odoo_acknowledged_before_it_fell_silent_is_kept(country):
    c = country(*(farmer(n) for n in range(80)))
    calls = 0

    def silent(method: str, model: str) -> None:
        nonlocal calls
        calls += (method, model) == ("create", "dfr.farmer")
        if calls > 4:
            raise ProbeError("No answer.")

    c.odoo.fault = silent
    with pytest.raises(ProbeError):
        c.load()
    assert len(c.store.done["farmers"]) == len(c.odoo.xids()) > 0


def test_two_transactions_that_met_are_tried_again(country):
    c = country(farmer(1))
    met = iter([True, True, False])

    def busy(method: str, model: str) -> None:
        if (method, model) == ("create", "dfr.farmer") and next(met):
            raise PassingError("could not serialize access")

    c.odoo.fault = busy
    assert c.load()["farmers"].inserted == 1
    assert c.slept == [0.2, 0.4]


def test_a_call_takes_no_more_rows_than_odoo_makes_in_two_seconds(country):
    c = country(*(farmer(n) for n in range(64)))

    def a_second_each(method: str, model: str) -> None:
        if (method, model) == ("load", "dfr.farmer"):
            c.now += c.odoo.calls[-1][2]

    c.odoo.fault = a_second_each
    assert c.load(workers=1)["farmers"].inserted == 64
    sizes = [rows for method, _model, rows in c.odoo.calls if method == "load"]
    # One is under way and the next two are read when the first says how long it took.
    assert sizes == [8, 8, 8, *[2] * 20]


def test_a_slice_of_time_ends_with_nothing_under_way_and_the_next_goes_on(country):
    c = country(*(farmer(n) for n in range(40)))
    assert not c.load(until=0)["farmers"].done
    assert not c.store.done
    assert c.load()["farmers"].inserted == 40


def test_photos_go_once_and_again_only_when_they_changed(country, tmp_path):
    entity = replace(FARMERS, fields={**FARMERS.fields, "photo": Field("photo", ("p",), attachment=True)})

    def photo(content: bytes, field: str) -> Attachment:
        path = tmp_path / hashlib.sha1(content).hexdigest()
        path.write_bytes(content)
        return Attachment(field, "a.png", str(path), path.name, len(content), "image/png")

    c = country(farmer(1, attachments=(photo(b"one", "photo"), photo(b"paper", ""))))
    c.load(entity)
    row = c.farmers()["Farmer 1"]
    assert row["photo"] == "b25l"
    c.odoo.create(
        "ir.attachment",
        [
            {
                "res_model": "dfr.farmer",
                "res_id": row["id"],
                "res_field": "photo",
                "checksum": hashlib.sha1(b"one").hexdigest(),
            }
        ],
    )
    free = [a for a in c.odoo.tables["ir.attachment"].values() if not a.get("res_field")]
    free[0]["checksum"] = hashlib.sha1(b"paper").hexdigest()
    c.store.stage([farmer(1, attachments=(photo(b"one", "photo"), photo(b"paper", "")))])
    assert c.load(entity)["farmers"].same == 1
    c.store.stage([farmer(1, attachments=(photo(b"two", "photo"), photo(b"paper", "")))])
    assert c.load(entity)["farmers"].updated == 1
    assert c.farmers()["Farmer 1"]["photo"] == "dHdv"
    assert len(c.odoo.tables["ir.attachment"]) == 2


def test_a_photo_that_is_gone_rejects_its_row_only(country, tmp_path):
    entity = replace(FARMERS, fields={**FARMERS.fields, "photo": Field("photo", ("p",), attachment=True)})
    lost = Attachment("photo", "a.png", str(tmp_path / "gone"), "0" * 40, 3, "image/png")
    c = country(farmer(1, attachments=(lost,)), farmer(2))
    tally = c.load(entity)["farmers"]
    assert (tally.inserted, tally.rejected) == (1, 1)


def test_a_field_odoo_has_not_stops_before_anything_is_sent(country):
    entity = replace(FARMERS, fields={"nickname": Field("nickname", ("n",))})
    c = country(farmer(1))
    with pytest.raises(GoliveError, match="has no field nickname"):
        c.load(entity)
    assert not [call for call in c.odoo.calls if call[0] == "create"]


@pytest.mark.parametrize("keys", [("A 1", "a 1", "A1", "A%201", "A.1", "é", "e\u0301", "x|y", "x/y")])
def test_external_names_have_no_blank_and_no_twins(keys):
    names = [external_name("farmers", key) for key in keys]
    assert len(set(names)) == len(keys)
    assert not [name for name in names if " " in name]


def test_finding_a_twin_reads_no_more_than_the_twins(tmp_path):
    twins = Twins(tmp_path / "twins", FakeOdoo())
    plan = twins._db.execute("explain query plan " + FIND.format("?,?"), ("w", "u", "v")).fetchall()
    assert [row[3] for row in plan] == ["SEARCH twin USING COVERING INDEX twin_value (what=? AND value=?)"]
    twins.close()


@pytest.mark.parametrize("people", [2, 40])
def test_twins_of_a_page_are_asked_for_once(country, people):
    same = Duplicate(("national_id",), "link")
    entity = replace(FARMERS, conflict="overwrite", deduplicate=(same,), batch=100)
    c = country(*(farmer(n) for n in range(people)))
    c.odoo.create("dfr.farmer", [{"name": "Typed", "national_id": f"n{n}"} for n in range(people)])
    assert c.load(entity)["farmers"].updated == people
    asked = [1 for method, model, _rows in c.odoo.calls if (method, model) == ("find", "dfr.farmer")]
    assert len(asked) == 4  # the index, the twins, what they hold, when they were written
