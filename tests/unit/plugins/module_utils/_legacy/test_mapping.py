# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mapping is read whole or refused with file, line and remedy; schema, parser and the shipped file agree."""

from __future__ import annotations

import json
import string
from pathlib import Path

import jsonschema
import pytest
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._language import LANGUAGES, SOURCE, Language
from ansible_collections.dfr.golive.plugins.module_utils._legacy import schema
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import (
    EntityTarget,
    Limits,
    ModelTarget,
    parse,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.reasons import REASONS, in_words
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Problem
from ansible_collections.dfr.golive.plugins.module_utils._legacy.rules import COMPILED
from ansible_collections.dfr.golive.plugins.module_utils._legacy.transform import STEPS, WHOLE

ROOT = Path(__file__).resolve().parents[5]
SHIPPED = ROOT / "docs" / "legacy-mapping.schema.json"
GOOD = """\
source: registry
kind: csv
path: /srv/legacy
entities:
  households:
    from: households.csv
    key: [no]
    model: dfr.household
    fields:
      name: {from: name}
  farmers:
    from: farmers.csv
    key: [no]
    model: dfr.farmer
    fields:
      name: {from: [given, surname], steps: [trim, {concatenate: ' '}]}
      household_id: {from: hh, reference: households}
      country_id: {from: country, reference: {model: res.country, field: code}}
      district: {from: dist, steps: [{codes: {map: {NO: North, 01: First}}}]}
    rules:
      - range: {field: district, max: 2000-01-01}
    deduplicate: [{fields: [name], action: link}]
"""


def test_a_good_mapping() -> None:
    found = parse(GOOD, "registry.yml")
    farmers = found.entities["farmers"]
    assert list(found.entities) == ["households", "farmers"]
    assert farmers.fields["household_id"].reference == EntityTarget("households")
    assert farmers.fields["country_id"].reference == ModelTarget("res.country", "code")
    assert farmers.conflict == "reject"
    assert farmers.deduplicate[0].fields == ("name",)


def test_codes_stay_the_words_they_are() -> None:
    """YAML makes false of NO, 1 of 01 and a date of 2000-01-01; a code list must not lose them."""
    farmers = parse(GOOD, "registry.yml").entities["farmers"]
    assert farmers.fields["district"].steps[0].options["map"] == {"NO": "North", "01": "First"}
    assert farmers.rules[0].options["max"] == "2000-01-01"


WRONG = [
    ("not YAML", "source: [", "source: [", "line 2: this is not YAML"),
    ("an unknown word", "kind: csv", "kind: csv\nknd: x", "line 3 .knd.: knd is not known here"),
    ("another kind", "kind: csv", "kind: access", "line 2 .kind.: 'access' is not possible here"),
    (
        "something missing",
        "    key: [no]\n    model: dfr.household\n",
        "    key: [no]\n",
        "line 5 .*: model is missing",
    ),
    ("said twice", "path: /srv/legacy", "path: /a\npath: /b", "line 4: path is said twice"),
    ("no path", "path: /srv/legacy\n", "", "line 2 .kind.: A source of kind csv needs a path"),
    (
        "no connection",
        "kind: csv",
        "kind: mariadb",
        "line 2 .kind.: A source of kind mariadb needs a connection",
    ),
    ("children before parents", "reference: households", "reference: farms", "line 17 .*points to farms"),
    ("a rule on nothing", "{field: district, max", "{field: destrict, max", "line 21 .*names destrict"),
    ("a field from nowhere", "{from: name}", "{steps: [trim]}", "line 10 .*comes from nowhere"),
    ("columns that are not joined", ", {concatenate: ' '}", "", "line 16 .*several columns"),
    ("a step nobody knows", "steps: [trim,", "steps: [trimm,", "line 16"),
    (
        "a duplicate by nothing",
        "{fields: [name], action",
        "{fields: [nom], action",
        "line 22 .*nom is not a field",
    ),
    ("a name with capitals", "source: registry", "source: Registry", "line 1"),
    (
        "an update mark in a file",
        "    key: [no]\n    model: dfr.farmer",
        "    key: [no]\n    watermark: {kind: updated_at, column: x}\n    model: dfr.farmer",
        "for databases",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentence"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_wrong_mapping_is_refused_with_its_line(old: str, new: str, sentence: str) -> None:
    assert old in GOOD or old == "source: ["
    text = "source: [" if old == "source: [" else GOOD.replace(old, new, 1)
    with pytest.raises(GoliveError, match=r"registry\.yml, ") as refused:
        parse(text + "\n", "registry.yml")
    assert refused.match(sentence)
    assert refused.value.remedy


def test_the_fingerprint_is_of_what_decides() -> None:
    one = parse(GOOD, "a").fingerprint
    assert parse(GOOD.replace("path: /srv/legacy", "path: /elsewhere"), "b").fingerprint == one
    assert parse(GOOD.replace("concatenate: ' '", "concatenate: '-'"), "c").fingerprint != one


def test_the_shipped_schema_is_the_parsers() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.SCHEMA)
    assert json.loads(SHIPPED.read_text(encoding="utf-8")) == schema.SCHEMA


def test_schema_and_engine_know_the_same_words() -> None:
    assert set(schema.STEPS) == {*STEPS, *WHOLE, "lookup"}
    assert set(schema.RULES) == {*COMPILED, "unique"}
    assert set(schema.LIMITS) == set(Limits.__dataclass_fields__)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "inventories").glob("*/legacy/*.yml")), ids=lambda path: path.name
)
def test_the_inventories_mappings_are_good(path: Path) -> None:
    assert parse(path.read_text(encoding="utf-8"), path.name).entities


def test_every_reason_is_said_in_every_language() -> None:
    for code in LANGUAGES:
        for sentence in REASONS.values():
            blanks = {blank: "x" for _text, blank, *_rest in string.Formatter().parse(sentence) if blank}
            assert Language(code).say(sentence, **blanks) != (sentence if code != SOURCE else "")
    problem = Problem("area", "too_small", {"field": "area", "value": "-1", "bound": "0"})
    assert in_words(problem, Language("fr")) == "area vaut -1, le minimum est 0."


def test_a_check_brings_its_own_words() -> None:
    problem = Problem("check", "check_failed", {"en": "Too young.", "fr": "Trop jeune."})
    assert [in_words(problem, Language(code)) for code in ("en", "fr")] == [
        "check: Too young.",
        "check: Trop jeune.",
    ]
