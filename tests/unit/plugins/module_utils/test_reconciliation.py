# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._reconciliation import (
    CHECK_OPTIONS,
    Answer,
    Check,
    Group,
    Seen,
    Unknown,
    judge,
    parse,
    problems,
    refuse,
)

ROOT = Path(__file__).resolve().parents[4]
TOTALS = {"name": "farmers", "kind": "totals", "title": "Farmers", "table": "farmer", "by": ["province"]}
LOST = {
    "name": "lost",
    "kind": "orphans",
    "title": "Lost",
    "table": "plot",
    "column": "farmer_id",
    "parent": "farmer",
}
OWN = {"name": "own", "kind": "query", "title": "Own", "sql": "select 1"}


def seen(north: int, south: int) -> Seen:
    return Seen(str(north + south), (Group(("North",), north, ("1.5",)), Group((None,), south, ("0",))))


def verdict(raw: dict[str, Any], source: Answer, target: Answer) -> tuple[str, str]:
    result = judge(Check.from_dict(raw), source, target)
    return result.verdict.value, result.detail


def test_equal_totals_pass() -> None:
    assert verdict(TOTALS, seen(1, 2), seen(1, 2)) == ("pass", "3 in the source, 3 in the target, 2 groups.")


def test_the_same_number_in_other_groups_fails() -> None:
    result = judge(Check.from_dict(TOTALS), seen(1, 2), seen(2, 1))
    assert result.verdict.value == "fail"
    assert [row["verdict"] for row in result.rows] == ["different", "different"]
    assert result.rows[0]["group"] == ["North"]


def test_a_group_that_one_side_lacks_counts_nothing_there() -> None:
    result = judge(Check.from_dict(TOTALS), Seen("1", (Group(("North",), 1),)), Seen("0"))
    assert result.rows[0]["target"] == {"count": 0, "sums": []}
    assert result.verdict.value == "fail"


def test_no_rows_on_either_side_is_equal_but_no_answer_is_not() -> None:
    assert verdict(TOTALS, Seen("0"), Seen("0"))[0] == "pass"
    assert verdict(TOTALS, None, None)[0] == "unknown"
    assert verdict(TOTALS, Seen("0"), Unknown("gone."))[0] == "unknown"
    assert verdict(TOTALS, Unknown("gone."), None)[0] == "unknown"


def test_a_count_is_judged_on_the_target_and_before_the_move_on_the_source() -> None:
    assert verdict(LOST, Seen("3"), Seen("0"))[0] == "pass"
    assert verdict(LOST, Seen("0"), Seen("1", keys=("7",)))[1] == "1 found (records 7), at most 0 allowed."
    assert verdict(LOST, Seen("1"), None)[0] == "fail"
    assert verdict({**LOST, "at_most": 1}, None, Seen("1"))[0] == "pass"


def test_a_query_is_equal_or_limited() -> None:
    assert verdict(OWN, Seen("1.5"), Seen("1.5"))[0] == "pass"
    assert verdict(OWN, Seen("1"), Seen("2"))[0] == "fail"
    assert verdict({**OWN, "at_most": 2}, Seen("1"), Seen("2"))[0] == "pass"


def test_other_figures_have_to_be_equal_too() -> None:
    raw = {"name": "files", "kind": "attachments", "title": "Files"}
    assert verdict(raw, Seen("0", figures={"files": 2}), Seen("0", figures={"files": 1}))[0] == "fail"


def test_refusal_carries_all_results() -> None:
    good, bad = (
        judge(Check.from_dict(OWN), Seen("1"), Seen("1")),
        judge(Check.from_dict(LOST), None, Seen("1")),
    )
    refuse([good])
    with pytest.raises(GoliveError, match="1 of 2 reconciliation checks didn't pass: lost") as caught:
        refuse([good, bad])
    assert [item["name"] for item in caught.value.returned["reconciliation"]] == ["own", "lost"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "Farmers!"}, "[0].name is 'Farmers!'; use small letters"),
        ({"table": None}, "[0].table is not set, and a check of the kind totals needs it."),
        ({"at_most": 3}, "[0].at_most means nothing to a check of the kind totals."),
        ({"title": {"en": "Farmers"}}, "[0].title has no text in fr, which golive_languages declares."),
        ({"title": 7}, "[0].title has to be a text"),
        (
            {**OWN, "by": None, "table": None, "sql": "delete from farmer"},
            "[0].sql has to be one statement that",
        ),
        ({**OWN, "by": None, "table": None, "sql": "select 1; select 2"}, "without a semicolon"),
        ({**OWN, "by": None, "table": None, "at_most": -1}, "[0].at_most can't be less than 0."),
        (
            {**LOST, "by": None, "parent": ""},
            "[0].parent is not set, and a check of the kind orphans needs it.",
        ),
    ],
)
def test_what_is_wrong_with_a_declaration_is_said(change: dict[str, Any], sentence: str) -> None:
    found = [" ".join(problem) for problem in problems([{**TOTALS, **change}], ["en", "fr"])]
    assert len(found) == 1
    assert sentence in found[0]


def test_a_name_is_there_once() -> None:
    assert [where for where, _sentence in problems([TOTALS, TOTALS])] == ["[1].name"]
    with pytest.raises(GoliveError, match=r"golive_reconciliation\[1\].name is farmers, which another"):
        parse([TOTALS, TOTALS])


def test_an_option_that_was_left_out_has_its_default() -> None:
    (check,) = parse([{**dict.fromkeys(CHECK_OPTIONS), **LOST}])
    assert (check.at_most, check.options["key"], check.options["parent_column"]) == (0, "id", "id")
    assert parse([{**dict.fromkeys(CHECK_OPTIONS), **TOTALS}])[0].at_most is None


@pytest.mark.parametrize("inventory", ["demo", "template"])
def test_the_inventories_declare_one_of_every_kind(inventory: str) -> None:
    path = ROOT / "inventories" / inventory / "group_vars" / "all" / "reconciliation.yml"
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))["golive_reconciliation"]
    assert {check.kind for check in parse(declared)} == set(CHECK_OPTIONS["kind"]["choices"])
    assert not list(problems(declared, ["en", "fr"]))


def test_role_and_module_declare_the_same() -> None:
    specs = yaml.safe_load((ROOT / "roles/golive/meta/argument_specs.yml").read_text(encoding="utf-8"))
    role = specs["argument_specs"]["open"]["options"]["golive_reconciliation"]["options"]
    assert {
        name: {k: v for k, v in option.items() if k != "description"} for name, option in role.items()
    } == (CHECK_OPTIONS)
