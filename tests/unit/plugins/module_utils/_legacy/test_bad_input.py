# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Input as it really comes, in a table: each row loaded right or set aside for the right reason; none stops others."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import Store
from legacy import entity, fates, load_all, mapping_of, read

DATES = [{"date": {"formats": ["%d/%m/%Y", "%Y-%m-%d", "%d.%m.%y", "%d %b %Y", "%B %d, %Y"], "excel": 1900}}]
EITHER = [{"date": {"formats": ["%d/%m/%Y", "%m/%d/%Y"]}}]
COMMA = [{"number": {"decimal": ",", "group": "."}}]
POINT = [{"number": {"decimal": ".", "group": ","}}]
SPACE = [{"number": {"decimal": ",", "group": " "}}]
QUOTE = [{"number": {"decimal": ".", "group": "'"}}]
WHOLE = [{"number": {"integer": True}}]
CODES = [{"codes": {"map": {"F": "female", "M": "male", "01": "north", "NO": "northern"}}}]
YESNO = [{"boolean": {"true": ["oui", "yes", "1"], "false": ["non", "no", "0"]}}]
LAT = [{"coordinate": {"axis": "latitude"}}]
LON = [{"coordinate": {"axis": "longitude"}}]
ACRES = [{"unit": {"from": "acre", "to": "ha", "round": 4}}]
TITLE = ["trim", {"case": "title"}]
EMPTY = [{"empty": ["N/A", "-", "néant"]}]

# (what, steps, the cell, what the field must be or the reason why the row is set aside)
CELLS: list[tuple[str, list[Any], str, Any]] = [
    ("plain", [], "Ana", "Ana"),
    ("nothing", [], "", None),
    ("only spaces", ["trim"], "   ", None),
    ("spaces at the ends and between", ["trim"], "  Ana   Taufa ", "Ana Taufa"),
    ("a no-break space", ["trim"], "\u00a0Ana\u00a0Taufa", "Ana Taufa"),
    ("a zero-width space", ["trim"], "Ana\u200b", "Ana"),
    ("a line break in a cell", ["trim"], "Ana\nTaufa", "Ana Taufa"),
    ("a NUL byte", [], "An\0a", ["control_character"]),
    ("a bell", [], "An\x07a", ["control_character"]),
    ("a replacement character", [], "Ren\ufffd", ["broken_encoding"]),
    ("combining accents are composed", [], "Rene\u0301", "René"),
    ("composed accents stay", [], "René", "René"),
    ("a right-to-left name", [], "محمد بن علي", "محمد بن علي"),
    ("Hebrew and Latin", [], "דוד David", "דוד David"),
    ("an ʻokina", TITLE, "MANUʻA", "Manuʻa"),
    ("macrons", TITLE, "MĀHINA", "Māhina"),
    ("an apostrophe", TITLE, "o'neil", "O'neil"),
    ("a hyphen", TITLE, "JEAN-MARIE", "Jean-Marie"),
    ("an emoji", [], "Ana 🌱", "Ana 🌱"),
    ("an apostrophe like SQL", [], "'; drop table farmers; --", "'; drop table farmers; --"),
    ("a formula is a name like any other", [], "=1+1", "=1+1"),
    ("a cell of 2 MB", [], "x" * 2_000_000, ["cell_too_large"]),
    ("a cell of 2 MB, two bytes each", [], "é" * 1_000_000, ["cell_too_large"]),
    ("a cut cell that came back", [], "a long text… [cut]", ["cell_truncated"]),
    ("N/A is nothing", EMPTY, "n/a", None),
    ("a dash is nothing", EMPTY, " - ", None),
    ("an accented word for nothing", EMPTY, "NÉANT", None),
    # dates: text in five styles, serials, days that never were
    ("date d/m/Y", DATES, "12/03/1970", "1970-03-12"),
    ("date without zeros", DATES, "1/3/1970", "1970-03-01"),
    ("date ISO", DATES, "1970-03-12", "1970-03-12"),
    ("date two-digit year", DATES, "12.03.70", "1970-03-12"),
    ("date two-digit year of this century", DATES, "12.03.05", "2005-03-12"),
    ("date with a month's name", DATES, "12 Mar 1970", "1970-03-12"),
    ("date with a French month", DATES, "12 févr. 1970", "1970-02-12"),
    ("date with a long English month", DATES, "March 12, 1970", "1970-03-12"),
    ("date with Arabic digits", DATES, "١٢/٠٣/١٩٧٠", "1970-03-12"),
    ("date as a serial", DATES, "25639", "1970-03-12"),
    ("date as a serial with a time", DATES, "25639.75", "1970-03-12"),
    ("serial 1", DATES, "1", "1900-01-01"),
    ("serial 59", DATES, "59", "1900-02-28"),
    ("serial 60 is 1900-02-29", DATES, "60", ["no_such_day"]),
    ("serial 61", DATES, "61", "1900-03-01"),
    ("serial 0", DATES, "0", ["no_such_day"]),
    ("a serial beyond the calendar", DATES, "2958466", ["not_a_date"]),
    ("serial of 1904", [{"date": {"excel": 1904}}], "24177", "1970-03-12"),
    ("1900-02-29 as text", DATES, "29/02/1900", ["no_such_day"]),
    ("2000-02-29 was", DATES, "29/02/2000", "2000-02-29"),
    ("the 31st of April", DATES, "31/04/1970", ["no_such_day"]),
    ("month 13", DATES, "12/13/1970", ["no_such_day"]),
    ("0000-00-00", DATES, "0000-00-00", ["no_such_day"]),
    ("a month nobody knows", DATES, "12 Foo 1970", ["not_a_date"]),
    ("words for a date", DATES, "unknown", ["not_a_date"]),
    ("two readings of a date", EITHER, "03/04/1970", ["ambiguous_date"]),
    ("two formats, one reading", EITHER, "25/04/1970", "1970-04-25"),
    ("two formats, the same day", EITHER, "04/04/1970", "1970-04-04"),
    ("a moment with an offset", ["datetime"], "2026-01-31T10:00:00+13:00", "2026-01-30 21:00:00"),
    ("a moment with Z", ["datetime"], "2026-01-31T10:00:00.123Z", "2026-01-31 10:00:00"),
    (
        "a moment of a clock",
        [{"datetime": {"timezone": "Pacific/Tongatapu"}}],
        "2026-01-31 10:00:00",
        "2026-01-30 21:00:00",
    ),
    ("an hour that is none", ["datetime"], "2026-01-31 25:00:00", ["no_such_day"]),
    # numbers with local separators
    ("number plain", ["number"], "1234.5", 1234.5),
    ("number comma", COMMA, "1.234,5", 1234.5),
    ("number comma, no groups", COMMA, "1234,5", 1234.5),
    ("number English", POINT, "1,234.5", 1234.5),
    ("number with spaces", SPACE, "1 234,5", 1234.5),
    ("number with thin spaces", SPACE, "1\u202f234,5", 1234.5),
    ("number Swiss", QUOTE, "1’234.5", 1234.5),
    ("number either way", ["number"], "1,234", ["ambiguous_number"]),
    ("number with the other's separators", COMMA, "1,234.5", ["not_a_number"]),
    ("groups of the wrong size", POINT, "1,23,4", ["not_a_number"]),
    ("number negative in parentheses", ["number"], "(12.5)", -12.5),
    ("number with the minus behind", ["number"], "12.5-", -12.5),
    ("number with a real minus", ["number"], "−12.5", -12.5),
    ("number with a unit", ["number"], "12 ha", ["not_a_number"]),
    ("number in words", ["number"], "twelve", ["not_a_number"]),
    ("not a number", ["number"], "nan", ["not_a_number"]),
    ("infinity", ["number"], "inf", ["not_a_number"]),
    ("a number beyond all", ["number"], "1e999", ["not_a_number"]),
    ("scientific", ["number"], "1.5e3", 1500.0),
    ("Arabic digits", ["number"], "١٢", 12.0),
    ("a whole number", WHOLE, "12", 12),
    ("a whole number with a point", WHOLE, "12.0", 12),
    ("not whole", WHOLE, "12.5", ["not_whole"]),
    ("acres", ACRES, "2.5", 1.0117),
    ("acres in words", ACRES, "two", ["not_a_number"]),
    # codes
    ("a code", CODES, "F", "female"),
    ("a code in small letters", CODES, " f ", "female"),
    ("a code with its zero", CODES, "01", "north"),
    ("a code without its zero", CODES, "1", ["unknown_code"]),
    ("NO is a code, not false", CODES, "NO", "northern"),
    ("an unknown code", CODES, "X", ["unknown_code"]),
    ("yes in French", YESNO, "Oui", True),
    ("no in French", YESNO, "NON", False),
    ("neither yes nor no", YESNO, "peut-être", ["not_a_boolean"]),
    ("a part", [{"split": {"by": "/", "part": 2}}], "a/b", "b"),
    ("the last part", [{"split": {"by": "/", "part": -1}}], "a/b/c", "c"),
    ("a part that is not there", [{"split": {"by": "/", "part": 3}}], "a/b", ["no_such_part"]),
    ("an expression", [{"expression": "'L' + pad(value, 8)"}], "12", "L00000012"),
    (
        "an expression of nothing to divide by",
        [{"expression": "1 / number(value)"}],
        "0",
        ["expression_failed"],
    ),
    ("an expression of text", [{"expression": "number(value) * 2"}], "x", ["expression_failed"]),
    # coordinates
    ("degrees", LAT, "-21.1393", -21.1393),
    ("degrees with a comma", LAT, "-21,1393", -21.1393),
    ("degrees south", LAT, "21.1393 S", -21.1393),
    ("degrees south in front", LAT, "S21.1393", -21.1393),
    ("degrees, minutes, seconds", LAT, "21°08'21.5\" S", -21.1393056),
    ("degrees and minutes", LON, "175° 12.25' W", -175.2041667),
    ("degrees west in French", LON, "175,2042 O", -175.2042),
    ("degrees with spaces", LAT, "21 08 21.5 S", -21.1393056),
    ("latitude of a pair", LAT, "-21.1393, -175.2042", -21.1393),
    ("longitude of a pair", LON, "21.1393S 175.2042W", -175.2042),
    ("longitude of a geopoint", LON, "-21.1393 -175.2042 12.0 4.5", -175.2042),
    ("latitude beyond the pole", LAT, "-175.2", ["not_a_coordinate"]),
    ("longitude beyond the circle", LON, "181", ["not_a_coordinate"]),
    ("a latitude that says east", LAT, "21.1 E", ["not_a_coordinate"]),
    ("sixty minutes", LAT, "21°60' S", ["not_a_coordinate"]),
    ("a sign and a hemisphere", LAT, "-21.1 S", ["not_a_coordinate"]),
    ("a village for a coordinate", LAT, "Nukuʻalofa", ["not_a_coordinate"]),
]

RULED = {
    "name": {"from": "name"},
    "area": {"from": "area", "steps": ["number"]},
    "lat": {"from": "lat", "steps": ["number"]},
    "lon": {"from": "lon", "steps": ["number"]},
    "born": {"from": "born", "steps": ["date"]},
    "hired": {"from": "hired", "steps": ["date"]},
    "nid": {"from": "nid"},
    "status": {"from": "status"},
}
RULES: list[Any] = [
    {"required": ["name"]},
    {"range": {"field": "area", "min": 0, "max": 1000}},
    {"range": {"field": "born", "min": "1900-01-01", "max": "today"}},
    {"coordinates": {"latitude": "lat", "longitude": "lon", "within": [-25, -177, -15, -173]}},
    {
        "check": {
            "expression": "hired >= born",
            "says": {"en": "hired before birth", "fr": "engagé avant sa naissance"},
        }
    },
    {"format": {"field": "nid", "pattern": "[0-9]{6}"}},
    {"unique": ["nid"]},
    {"length": {"field": "name", "max": 40}},
    {"one_of": {"field": "status", "values": ["draft", "validated"]}},
]
# (what, what the row says, the reasons; none when it is good)
RULED_ROWS: list[tuple[str, dict[str, str], list[str]]] = [
    ("good", {}, []),
    ("no name", {"name": ""}, ["required"]),
    ("a negative area", {"area": "-2.5"}, ["too_small"]),
    ("an area of a country", {"area": "74800"}, ["too_large"]),
    ("born tomorrow", {"born": "2999-01-01"}, ["too_large", "check_failed"]),
    ("born in 1899", {"born": "1899-12-31"}, ["too_small"]),
    ("hired before birth", {"hired": "1950-01-01"}, ["check_failed"]),
    ("never hired", {"hired": ""}, []),
    ("latitude and longitude swapped", {"lat": "-175.2", "lon": "-21.1"}, ["swapped_coordinates"]),
    ("null island", {"lat": "0", "lon": "0"}, ["null_island"]),
    ("a lost sign", {"lat": "21.1", "lon": "175.2"}, ["outside_country"]),
    ("half a point", {"lat": "-21.1", "lon": ""}, ["half_a_point"]),
    ("no point at all", {"lat": "", "lon": ""}, []),
    ("a number with spaces", {"nid": "123 456"}, ["wrong_format"]),
    ("a number too short", {"nid": "123"}, ["wrong_format"]),
    ("a number that another has", {"nid": "000001"}, ["not_unique"]),
    ("a long name", {"name": "x" * 41}, ["too_long"]),
    ("a status in capitals", {"status": "DRAFT"}, ["not_one_of"]),
    (
        "three things at once",
        {"name": "", "area": "-1", "nid": "x"},
        ["required", "too_small", "wrong_format"],
    ),
]

# (what, the file, what becomes of its rows by key or @line)
FILES: list[tuple[str, bytes, dict[str, Any]]] = [
    ("a byte order mark", "\ufeffid,name\n1,René\n".encode(), {"1": "René"}),
    ("UTF-16 with a mark", "id,name\n1,René\n".encode("utf-16"), {"1": "René"}),
    ("UTF-32 with a mark", "id,name\n1,René\n".encode("utf-32"), {"1": "René"}),
    ("one byte that is no UTF-8", b"id,name\n1,Ren\xe9\n2,Ana\n", {"1": ["broken_encoding"], "2": "Ana"}),
    (
        "half a character at the end",
        "id,name\n1,Ana\n2,René".encode()[:-1],
        {"1": "Ana", "2": ["broken_encoding"]},
    ),
    ("mixed line ends", b"id,name\r\n1,Ana\n2,Mele\r3,Lupe\r\n", {"1": "Ana", "2": "Mele", "3": "Lupe"}),
    ("no line end at the end", b"id,name\n1,Ana", {"1": "Ana"}),
    ("empty lines", b"id,name\n\n1,Ana\n\n\n2,Mele\n,\n", {"1": "Ana", "2": "Mele"}),
    ("semicolons", b"id;name\n1;Taufa, Ana\n", {"1": "Taufa, Ana"}),
    ("tabs", b"id\tname\n1\tAna\n", {"1": "Ana"}),
    ("bars", b"id|name\n1|Ana\n", {"1": "Ana"}),
    ("quotes doubled", b'id,name\n1,"Ana ""Nana"" Taufa"\n', {"1": 'Ana "Nana" Taufa'}),
    ("a line break in quotes", b'id,name\n1,"Ana\nTaufa"\n2,Mele\n', {"1": "Ana\nTaufa", "2": "Mele"}),
    (
        "a quote that never closes",
        b'id,name\n1,"Ana\n2,Mele\n3,Lupe\n',
        {"@2": ["unclosed_quote"], "2": "Mele", "3": "Lupe"},
    ),
    ("a quote inside a word", b'id,name\n1,Ana "Nana"\n2,Mele\n', {"1": 'Ana "Nana"', "2": "Mele"}),
    ("a column too many", b"id,name\n1,Ana,x\n2,Mele\n", {"@2": ["wrong_columns"], "2": "Mele"}),
    ("a column too few", b"id,name\n1\n2,Mele\n", {"@2": ["wrong_columns"], "2": "Mele"}),
    (
        "a row of a million columns",
        b"id,name\n" + b"," * 999_999 + b"x\n2,Mele\n",
        {"@2": ["wrong_columns"], "2": "Mele"},
    ),
    ("no key", b"id,name\n,Ana\n2,Mele\n", {"@2": ["key_missing"], "2": "Mele"}),
    ("a key of spaces", b"id,name\n  ,Ana\n2,Mele\n", {"@2": ["key_missing"], "2": "Mele"}),
    ("a NUL byte in the key", b"id,name\n1\x002,Ana\n2,Mele\n", {"@2": ["control_character"], "2": "Mele"}),
    ("the same key twice", b"id,name\nA1,Ana\nA1,Mele\n", {"A1": "Ana", "A1@3": ["duplicate_key"]}),
    ("keys apart in case only", b"id,name\nA1,Ana\na1,Mele\n", {"A1": "Ana", "a1": ["duplicate_key_folded"]}),
    (
        "keys apart in spaces only",
        b"id,name\nA 1,Ana\nA  1 ,Mele\n",
        {"A 1": "Ana", "A  1": ["duplicate_key_folded"]},
    ),
    (
        "keys apart in accents' encoding",
        "id,name\né1,Ana\ne\u03011,Mele\n".encode(),
        {"é1": "Ana", "e\u03011": ["duplicate_key_folded"]},
    ),
    ("keys with a zero in front", b"id,name\n01,Ana\n1,Mele\n", {"01": "Ana", "1": "Mele"}),
    ("only a header", b"id,name\n", {}),
    ("columns in another order and case", b"NAME, Id \nAna,1\n", {"1": "Ana"}),
]

# (what, parent of each row, what becomes of it: its depth or its reason)
TREES: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("children before their parents", {"c": "b", "b": "a", "a": ""}, {"a": 0, "b": 1, "c": 2}),
    ("its own parent", {"a": "a", "b": ""}, {"a": ["self_parent"], "b": 0}),
    (
        "two that are each other's",
        {"a": "b", "b": "a", "c": ""},
        {"a": ["circular_parent"], "b": ["circular_parent"], "c": 0},
    ),
    (
        "a circle of three and one below it",
        {"a": "b", "b": "c", "c": "a", "d": "a"},
        {**{key: ["circular_parent"] for key in "abc"}, "d": ["parent_rejected"]},
    ),
    (
        "a parent that is not there",
        {"a": "z", "b": "a"},
        {"a": ["missing_reference"], "b": ["parent_rejected"]},
    ),
    ("a parent in other letters", {"A": "", "b": "a"}, {"A": 0, "b": 1}),
]


def table(rows: list[list[str]], encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(encoding, "surrogatepass")


def assert_sum(store: Store, mapping: Any, expected_rows: int | None = None) -> None:
    """Nothing is lost: before the loading, and after it."""
    for counts in store.counts("r1").values():
        assert counts.accounted == counts.source
        assert expected_rows in (None, counts.source)
    load_all(store, mapping)
    assert all(counts.holds for counts in store.counts("r1").values())


@pytest.mark.parametrize(("steps", "cell", "expected"), [c[1:] for c in CELLS], ids=[c[0] for c in CELLS])
def test_cell(tmp_path: Path, steps: list[Any], cell: str, expected: Any) -> None:
    """One cell between two good rows."""
    path = tmp_path / "s.csv"
    path.write_bytes(table([["id", "name", "x"], ["1", "Ana", ""], ["2", "Mele", cell], ["3", "Lupe", ""]]))
    fields = {"name": {"from": "name"}, "x": {"from": "x", "steps": steps}}
    mapping, store = (
        mapping_of("csv", path, {"farmers": entity(fields=fields)}),
        Store.open(tmp_path / "store"),
    )
    read(mapping, store)
    found = fates(store)
    assert found["1"]["name"] == "Ana"
    assert found["3"]["name"] == "Lupe"
    assert (found["2"] if isinstance(expected, list) else found["2"]["x"]) == expected
    assert_sum(store, mapping, 3)


@pytest.mark.parametrize(("said", "codes"), [c[1:] for c in RULED_ROWS], ids=[c[0] for c in RULED_ROWS])
def test_rule(tmp_path: Path, said: dict[str, str], codes: list[str]) -> None:
    """One row that breaks rules, between two that don't."""
    good = {
        "name": "Ana",
        "area": "2.5",
        "lat": "-21.1",
        "lon": "-175.2",
        "born": "1970-03-12",
        "hired": "1990-01-01",
        "status": "draft",
    }
    rows = [{"id": str(n), **good, "nid": f"{n:06d}", **(said if n == 2 else {})} for n in (1, 2, 3)]
    path = tmp_path / "s.csv"
    path.write_bytes(table([list(rows[0]), *(list(row.values()) for row in rows)]))
    mapping = mapping_of("csv", path, {"farmers": entity(fields=RULED, rules=RULES)})
    store = Store.open(tmp_path / "store")
    read(mapping, store)
    found = fates(store)
    assert isinstance(found["1"], dict)
    assert isinstance(found["3"], dict)
    assert (found["2"] if isinstance(found["2"], list) else []) == codes
    assert_sum(store, mapping, 3)


@pytest.mark.parametrize(("content", "expected"), [c[1:] for c in FILES], ids=[c[0] for c in FILES])
def test_csv_file(tmp_path: Path, content: bytes, expected: dict[str, Any]) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(content)
    mapping, store = mapping_of("csv", path), Store.open(tmp_path / "store")
    read(mapping, store)
    assert {k: v if isinstance(v, list) else v["name"] for k, v in fates(store).items()} == expected
    assert_sum(store, mapping, len(expected))


def test_csv_in_an_old_encoding(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes("id,name\n1,René\n".encode("cp1252"))
    store = Store.open(tmp_path / "store")
    read(mapping_of("csv", path, encoding="cp1252"), store)
    assert fates(store)["1"]["name"] == "René"


def test_a_broken_byte_brings_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(b"id,name\n1,Ren\xe9\n")
    store = Store.open(tmp_path / "store")
    read(mapping_of("csv", path), store)
    assert next(store.rejects("farmers")).problems[0].suggestion == "René"


@pytest.mark.parametrize(("parents", "expected"), [c[1:] for c in TREES], ids=[c[0] for c in TREES])
def test_tree(tmp_path: Path, parents: dict[str, str], expected: dict[str, Any]) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(table([["id", "name", "up"], *([key, "x", up] for key, up in parents.items())]))
    fields = {"name": {"from": "name"}, "parent_id": {"from": "up", "reference": "farmers"}}
    mapping, store = (
        mapping_of("csv", path, {"farmers": entity(fields=fields)}),
        Store.open(tmp_path / "store"),
    )
    read(mapping, store)
    depths: dict[str, Any] = {record.key: record.depth for record in store.staged("farmers")}
    depths.update((reject.key, [p.code for p in reject.problems]) for reject in store.rejects("farmers"))
    assert depths == expected
    assert_sum(store, mapping, len(parents))


def test_references_between_entities(tmp_path: Path) -> None:
    """A child whose parent is missing, set aside or left out goes with it; the others stay."""
    (tmp_path / "farmers.csv").write_text("id,name\n1,Ana\n2,\n3,TEST\n")
    (tmp_path / "farms.csv").write_text("id,owner\na,1\nb,2\nc,3\nd,9\ne,\nf, 1 \n")
    entities = {
        "farmers": entity(
            "farmers.csv",
            rules=[{"required": ["name"]}],
            exclude=[{"when": "row['name'] == 'TEST'", "because": "tests"}],
        ),
        "farms": entity("farms.csv", {"farmer_id": {"from": "owner", "reference": "farmers"}}),
    }
    mapping, store = mapping_of("csv", tmp_path, entities), Store.open(tmp_path / "store")
    read(mapping, store)
    farms = {record.key: record.references["farmer_id"] for record in store.staged("farms")}
    assert {key: at and (at.entity, at.key) for key, at in farms.items()} == {  # type: ignore[union-attr]
        "a": ("farmers", "1"),
        "e": None,
        "f": ("farmers", "1"),
    }
    assert {r.key: r.problems[0].code for r in store.rejects("farms")} == {
        "b": "parent_rejected",
        "c": "parent_excluded",
        "d": "missing_reference",
    }
    assert_sum(store, mapping)


# --- workbooks ----------------------------------------------------------------------------------------------


def workbook(path: Path, fill: Callable[[Any], None], title: str = "farmers") -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    fill(sheet)
    book.save(path)


def sheet_of(*rows: list[Any]) -> Callable[[Any], None]:
    def fill(sheet: Any) -> None:
        for row in rows:
            sheet.append(row)

    return fill


def merged(sheet: Any) -> None:
    sheet_of(["id", "name"], [1, "Ana"], [2, None], [3, "Lupe"])(sheet)
    sheet.merge_cells("B2:B3")


SHEETS: list[tuple[str, Callable[[Any], None], dict[str, Any], dict[str, Any]]] = [
    ("numbers as keys", sheet_of(["id", "name"], [1, "Ana"], [2.0, "Mele"]), {}, {"1": "Ana", "2": "Mele"}),
    ("a number for a name", sheet_of(["id", "name"], [1, 12]), {}, {"1": 12}),
    (
        "a date for a name",
        sheet_of(["id", "name"], [1, date(1970, 3, 12)]),
        {},
        {"1": "1970-03-12 00:00:00"},
    ),
    ("merged cells", merged, {}, {"1": "Ana", "2": "Ana", "3": "Lupe"}),
    ("merged cells left alone", merged, {"merged": "blank"}, {"1": "Ana", "2": None, "3": "Lupe"}),
    (
        "a formula never calculated",
        sheet_of(["id", "name"], [1, "=1+1"], [2, "Mele"]),
        {},
        {"1": ["formula_without_value"], "2": "Mele"},
    ),
    (
        "an error in a cell",
        sheet_of(["id", "name"], [1, "#REF!"], [2, "Mele"]),
        {},
        {"1": ["cell_error"], "2": "Mele"},
    ),
    (
        "a title above the header",
        sheet_of(["Register of farmers"], ["id", "name"], [1, "Ana"]),
        {"header": 2},
        {"1": "Ana"},
    ),
    (
        "empty rows between",
        sheet_of(["id", "name"], [], [1, "Ana"], [], [2, "Mele"]),
        {},
        {"1": "Ana", "2": "Mele"},
    ),
    (
        "a cell beyond the header",
        sheet_of(["id", "name"], [1, "Ana", "x"], [2, "Mele"]),
        {},
        {"1": ["wrong_columns"], "2": "Mele"},
    ),
    ("a right-to-left name", sheet_of(["id", "name"], [1, "محمد"]), {}, {"1": "محمد"}),
    ("a header twice, not asked for", sheet_of(["id", "name", "x", "x"], [1, "Ana", 1, 2]), {}, {"1": "Ana"}),
]


@pytest.mark.parametrize(("fill", "more", "expected"), [c[1:] for c in SHEETS], ids=[c[0] for c in SHEETS])
def test_xlsx(
    tmp_path: Path, fill: Callable[[Any], None], more: dict[str, Any], expected: dict[str, Any]
) -> None:
    path = tmp_path / "s.xlsx"
    workbook(path, fill)
    mapping, store = mapping_of("xlsx", path, {"farmers": entity(**more)}), Store.open(tmp_path / "store")
    read(mapping, store)
    found = {k.lstrip("@") if k[0] != "@" else k: v for k, v in fates(store).items()}
    values = {k: v if isinstance(v, list) else v["name"] for k, v in found.items()}
    assert {k if k[0] != "@" else str(int(k[1:]) - 1): v for k, v in values.items()} == expected
    assert_sum(store, mapping, len(expected))


ODS_ROW = "<table:table-row{more}>{cells}</table:table-row>"
ODS_CELL = '<table:table-cell office:value-type="string"{more}><text:p>{text}</text:p></table:table-cell>'


def ods(path: Path, rows: str, prolog: str = "") -> None:
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{short}:1.0"'
        for short in ("office", "table", "text")
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        book.writestr(
            "content.xml",
            f'<?xml version="1.0"?>{prolog}<office:document-content {spaces}><office:body><office:spreadsheet>'
            f'<table:table table:name="other"/><table:table table:name="farmers">{rows}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )


def ods_row(*cells: str, more: str = "") -> str:
    return ODS_ROW.format(
        cells="".join(c if c[0] == "<" else ODS_CELL.format(text=c, more="") for c in cells), more=more
    )


ODS_NOTED = ODS_CELL.replace(
    "<text:p>", "<office:annotation><text:p>ask her</text:p></office:annotation><text:p>", 1
).format(text="Ana", more="")
ODS_NUMBER = '<table:table-cell office:value-type="float" office:value="{}"/>'
ODS: list[tuple[str, str, dict[str, Any]]] = [
    ("plain", ods_row("id", "name") + ods_row("1", "Ana"), {"1": "Ana"}),
    ("numbers", ods_row("id", "name") + ods_row(ODS_NUMBER.format("1"), "Ana"), {"1": "Ana"}),
    (
        "a million empty columns and rows at the end",
        ods_row("id", "name", '<table:table-cell table:number-columns-repeated="1000000"/>')
        + ods_row("1", "Ana")
        + ODS_ROW.format(cells="<table:table-cell/>", more=' table:number-rows-repeated="1000000"'),
        {"1": "Ana"},
    ),
    (
        "merged cells",
        ods_row("id", "name")
        + ods_row("1", ODS_CELL.format(text="Ana", more=' table:number-rows-spanned="2"'))
        + ods_row("2", "<table:covered-table-cell/>"),
        {"1": "Ana", "2": "Ana"},
    ),
    (
        "a note on a cell",
        ods_row("id", "name")
        + ods_row(
            "1",
            ODS_NOTED,
        ),
        {"1": "Ana"},
    ),
    (
        "a formula never calculated",
        ods_row("id", "name")
        + ods_row("1", '<table:table-cell table:formula="of:=1+1"/>')
        + ods_row("2", "Mele"),
        {"@2": ["formula_without_value"], "2": "Mele"},
    ),
    (
        "a date",
        ods_row("id", "name")
        + ods_row("1", '<table:table-cell office:value-type="date" office:date-value="1970-03-12"/>'),
        {"1": "1970-03-12 00:00:00"},
    ),
]


@pytest.mark.parametrize(("rows", "expected"), [c[1:] for c in ODS], ids=[c[0] for c in ODS])
def test_ods(tmp_path: Path, rows: str, expected: dict[str, Any]) -> None:
    path = tmp_path / "s.ods"
    ods(path, rows)
    mapping, store = mapping_of("ods", path), Store.open(tmp_path / "store")
    read(mapping, store)
    assert {k: v if isinstance(v, list) else v["name"] for k, v in fates(store).items()} == expected
    assert_sum(store, mapping, len(expected))


# --- exports of forms ---------------------------------------------------------------------------------------

SUBMISSIONS: list[Any] = [
    {
        "_uuid": "u1",
        "who": {"name": "Ana"},
        "at": "-21.1 -175.2 0 0",
        "plots": [{"plots/area": "1.5"}, {"plots/area": "-2"}],
    },
    {"_uuid": "u2", "who": {"name": "Mele"}, "plots": []},
    "not a submission",
    {"_uuid": "", "who": {"name": "Lupe"}},
]


@pytest.mark.parametrize(
    "around",
    [lambda s: s, lambda s: {"count": 4, "results": s}, lambda s: {"value": s}],
    ids=["array", "kobo", "odk"],
)
def test_kobo(tmp_path: Path, around: Callable[[Any], Any]) -> None:
    path = tmp_path / "s.json"
    path.write_text("\ufeff" + json.dumps(around(SUBMISSIONS)), encoding="utf-8")
    entities = {
        "farmers": entity(
            ".", {"name": {"from": "who/name"}, "lat": {"from": "at", "steps": LAT}}, key=["_uuid"]
        ),
        "plots": entity(
            "plots",
            {
                "farmer_id": {"from": "_submission", "reference": "farmers"},
                "area": {"from": "plots/area", "steps": ["number"]},
            },
            key=["_submission", "_index"],
            rules=[{"range": {"field": "area", "min": 0}}],
        ),
    }
    mapping, store = mapping_of("kobo", path, entities), Store.open(tmp_path / "store")
    read(mapping, store)
    assert fates(store) == {
        "u1": {"name": "Ana", "lat": -21.1},
        "u2": {"name": "Mele", "lat": None},
        "@3": ["broken_record"],
        "@4": ["key_missing"],
    }
    assert fates(store, "plots") == {"u1|1": {"area": 1.5}, "u1|2": ["too_small"]}
    assert_sum(store, mapping)


# --- what is refused whole, before anything is read ---------------------------------------------------------


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", b"<x/>" + b" " * 30_000_000)


def entities_within(path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{"&l" + str(n - 1) + ";" if n else "ha"}">' for n in range(10))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/workbook.xml", f'<?xml version="1.0"?><!DOCTYPE x [{laughs}]><x>&l9;</x>')


def beyond_columns(path: Path) -> None:
    workbook(path, sheet_of(["id", "name"], [1, "Ana"]))
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b'r="A2"', b'r="ZZZZZ2"')
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)


REFUSED: list[tuple[str, str, Callable[[Path], Any], str]] = [
    ("a zip bomb", "xlsx", bomb, "zip bomb"),
    ("an entity bomb", "xlsx", entities_within, "entity bomb"),
    ("an entity bomb in ODS", "ods", lambda p: ods(p, "", '<!DOCTYPE x [<!ENTITY a "ha">]>'), "entity bomb"),
    (
        "a million columns in CSV",
        "csv",
        lambda p: p.write_bytes(b"id,name" + b",x" * 1_000_000),
        "the limit is 1000",
    ),
    (
        "two thousand columns in XLSX",
        "xlsx",
        lambda p: workbook(p, sheet_of(["id", *["x"] * 2000])),
        "the limit is 1000",
    ),
    ("a million columns in XLSX", "xlsx", beyond_columns, "more columns"),
    (
        "a million columns in ODS",
        "ods",
        lambda p: ods(
            p,
            ods_row(
                "id",
                ODS_CELL.format(text="x", more=' table:number-columns-repeated="1000000"'),
            ),
        ),
        "the limit is 1000",
    ),
    ("a header twice", "csv", lambda p: p.write_bytes(b"id,name,name\n1,a,b\n"), "2 times"),
    ("a header twice in XLSX", "xlsx", lambda p: workbook(p, sheet_of(["id", "name", "name"])), "2 times"),
    ("a column that is not there", "csv", lambda p: p.write_bytes(b"id,nom\n1,a\n"), "no column name"),
    ("an empty file", "csv", lambda p: p.write_bytes(b""), "no header"),
    ("a text that is no workbook", "xlsx", lambda p: p.write_bytes(b"id,name\n"), "can't be read"),
    ("another sheet", "xlsx", lambda p: workbook(p, sheet_of(["id", "name"]), "Feuil1"), "no sheet farmers"),
    ("XML that breaks off", "ods", lambda p: ods(p, "<table:table-row>"), "damaged"),
    ("JSON that breaks off", "kobo", lambda p: p.write_text('[{"id": 1'), "not the JSON"),
    ("no file", "csv", lambda p: None, "can't be read"),
]


@pytest.mark.parametrize(("kind", "make", "sentence"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_refused(tmp_path: Path, kind: str, make: Callable[[Path], Any], sentence: str) -> None:
    path = tmp_path / f"s.{kind}"
    make(path)
    store = Store.open(tmp_path / "store")
    with pytest.raises(GoliveError, match=sentence) as refused:
        read(mapping_of(kind, path), store)
    assert refused.value.remedy
    assert fates(store) == {}


def test_the_second_of_two_equal_headers_can_be_meant(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("id,name,name\n1,Ana,Mele\n")
    store = Store.open(tmp_path / "store")
    read(mapping_of("csv", path, {"farmers": entity(fields={"name": {"from": "name#2"}})}), store)
    assert fates(store)["1"]["name"] == "Mele"


def test_the_table_is_long_enough() -> None:
    assert sum(map(len, (CELLS, RULED_ROWS, FILES, TREES, SHEETS, ODS, REFUSED))) >= 120
