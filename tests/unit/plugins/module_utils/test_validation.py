# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _validation
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._reconciliation import Check, Group, Seen, judge

TEMPLATE = Path(__file__).resolve().parents[4] / "roles/golive/templates/validation.html.j2"
TITLE = {"en": "Farmers by <province>", "fr": "Agriculteurs par <province>"}
TOTALS = {
    "name": "farmers",
    "kind": "totals",
    "title": TITLE,
    "table": "farmer",
    "by": ["province"],
    "sum": ["ha"],
    "labels": {"ha": "Hectares", "North": {"en": "North", "fr": "Nord"}},
}
LOST = {"name": "lost", "kind": "orphans", "title": "Lost", "table": "p", "column": "f", "parent": "f"}
NORTH = Seen("12345", (Group(("North",), 12345, ("1000.123456",)),))


def facts(**more: Any) -> dict[str, Any]:
    """What a run has to tell whose data is sound."""
    table = {
        "name": "farmer",
        "source_rows": 3,
        "target_rows": 3,
        "source_digest": "1f",
        "target_digest": "1f",
    }
    checks = [
        judge(Check.from_dict(TOTALS), NORTH, NORTH),
        judge(Check.from_dict(LOST), Seen("0"), Seen("0")),
    ]
    return {
        "country": "demo",
        "title": "Lab & country",
        "run_id": "r1",
        "mode": "live",
        "withdrawn": False,
        "compared": {"at": "2026-11-22T04:06:22+00:00", "tables": 1, "rows": 12345},
        "method": "dump",
        "failure": "",
        "sources": [{"name": "staging", "kind": "postgresql", "rows": 3, "rejected": 0}],
        "tables": [{**table, "verdict": "equal"}],
        "differences": [],
        "sequences": 4,
        "filestore": {"files": 2, "bytes": 1500000, "missing": 0, "corrupt": 0, "verdict": "equal"},
        "reconciliation": [check.as_dict() for check in checks],
        "declared": 2,
        "journal": {"records": 57, "head": "ab" * 32},
        **more,
    }


def failing() -> list[dict[str, Any]]:
    checks = [
        judge(Check.from_dict(TOTALS), NORTH, Seen("0")),
        judge(Check.from_dict(LOST), Seen("0"), Seen("2", keys=("7", "9"))),
    ]
    return [check.as_dict() for check in checks]


TABLE = facts()["tables"][0]


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({}, "valid"),
        ({"tables": [], "method": "none"}, "valid"),
        ({"tables": [{**TABLE, "verdict": "declared"}]}, "valid"),
        ({"tables": [{**TABLE, "verdict": "different"}]}, "invalid"),
        ({"tables": [TABLE, {**TABLE, "verdict": "missing"}]}, "invalid"),
        ({"tables": [{**TABLE, "verdict": "never heard of"}]}, "invalid"),
        ({"filestore": {"verdict": "different"}}, "invalid"),
        ({"reconciliation": failing()}, "invalid"),
        ({"differences": [{"table": "farmer"}]}, "invalid"),
        ({"failure": "It differs."}, "invalid"),
        ({"reconciliation": []}, "incomplete"),
        ({"tables": [], "compared": {"at": ""}}, "incomplete"),
        ({"withdrawn": True, "failure": "It differs."}, "withdrawn"),
    ],
)
def test_the_outcome(more: dict[str, Any], outcome: str) -> None:
    assert _validation.conclude(facts(**more))["outcome"] == outcome


def test_the_digest_is_that_of_the_file() -> None:
    result = _validation.conclude(facts())
    assert _validation.digest(result) == hashlib.sha256(_validation.text(result).encode()).hexdigest()
    assert json.loads(_validation.text(result)) == result
    assert _validation.digest(result) != _validation.digest({**result, "outcome": "invalid"})


class Page(HTMLParser):
    """What a page is made of: its elements by language, its table headers, its words."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.seen: list[tuple[str, dict[str, str | None], str]] = []
        self.words: dict[str, list[str]] = {}
        self.feed(text)
        assert self.open == []

    @property
    def language(self) -> str:
        """Of the reading we are in; what all languages share is in none."""
        return next((str(attrs["lang"]) for tag, attrs in self.open if tag == "article"), "")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append((tag, dict(attrs)))
        self.seen.append((tag, dict(attrs), self.language))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and not {"style", "title"} & {tag for tag, _attrs in self.open}:
            self.words.setdefault(self.language, []).append(
                " ".join(data.replace("\n", " ").split(" ")).strip()
            )

    def count(self, tag: str, language: str) -> int:
        return sum(found == tag and where == language for found, _attrs, where in self.seen)


def page(**more: Any) -> tuple[Page, str]:
    result = _validation.conclude(facts(**more))
    html = _validation.page(result, ["en", "fr"], "Pacific/Tongatapu", TEMPLATE)
    return Page(html), _validation.digest(result)


@pytest.mark.parametrize(
    ("language", "heading", "outcome", "moment", "number"),
    [
        ("en", "Validation report", "Valid", "22 November 2026, 17:06:22 Pacific/Tongatapu", "12,345"),
        (
            "fr",
            "Rapport de validation",
            "Valide",
            "22 novembre 2026 à 17:06:22 Pacific/Tongatapu",
            "12\u202f345",
        ),
    ],
)
def test_each_language_is_complete(
    language: str, heading: str, outcome: str, moment: str, number: str
) -> None:
    found, digest = page()
    assert {heading, outcome, moment, number, digest, "Hectares"} <= set(found.words[language])
    north, colon = {"en": ("North", ":"), "fr": ("Nord", "\u00a0:")}[language]
    assert {north, TITLE[language] + colon} <= set(found.words[language])
    assert found.count("article", language) == found.count("h1", language) == 1
    places = {"en": "Name Function Place and date Signature", "fr": "Nom Fonction Lieu et date Signature"}
    assert places[language] in " ".join(found.words[language])


def test_both_languages_have_the_same_structure() -> None:
    found, _digest = page(reconciliation=failing(), differences=[{"table": "t", "key": "k", "columns": {}}])
    for tag in ("section", "h2", "h3", "table", "caption", "th", "td", "dt", "dd", "code"):
        assert found.count(tag, "en") == found.count(tag, "fr") > 0, tag


def test_the_page_can_be_read_by_everybody_and_needs_nothing() -> None:
    found, _digest = page()
    tags = [tag for tag, _attrs, _language in found.seen]
    assert tags.count("main") == 1
    assert {"header", "nav", "article", "section"} <= set(tags)
    assert not {"script", "link", "img"} & set(tags)
    for tag, attrs, _language in found.seen:
        assert tag != "th" or attrs.get("scope") in ("col", "row")
        assert tag != "html" or attrs.get("lang") == "en"
        assert "style" not in attrs
        assert not str(attrs.get("href", "#")).startswith("http")
    ids = [attrs["id"] for _tag, attrs, _language in found.seen if "id" in attrs]
    assert len(ids) == len(set(ids))
    labels = {attrs["aria-labelledby"] for _tag, attrs, _language in found.seen if "aria-labelledby" in attrs}
    assert labels <= set(ids)


def test_what_is_wrong_is_printed() -> None:
    found, _digest = page(
        reconciliation=failing(),
        failure="farmer differs.",
        differences=[
            {"table": "farmer", "key": "id=7", "verdict": "changed", "columns": {"phone": ["aa1", "bb2"]}}
        ],
    )
    assert {"Non valide", "non respecté", "Enregistrements\u00a0: 7, 9.", "modifié", "id=7"} <= set(
        found.words["fr"]
    )
    assert {"Not valid", "farmer differs.", "aa1", "bb2"} <= set(found.words["en"])


def test_values_are_escaped() -> None:
    result = _validation.conclude(facts())
    html = _validation.page(result, ["en"], "UTC", TEMPLATE)
    assert "Lab &amp; country" in html
    assert "Farmers by &lt;province&gt;" in html
    assert "<nav" not in html


def test_a_language_without_catalogue_is_refused() -> None:
    with pytest.raises(GoliveError, match="no catalogue"):
        _validation.page(_validation.conclude(facts()), ["xx"], "UTC", TEMPLATE)


def test_a_zone_the_controller_lacks_is_shown_as_it_is_kept() -> None:
    result = _validation.conclude(facts())
    assert "04:06:22 UTC" in _validation.page(result, ["en"], "Pacific/Nowhere", TEMPLATE)


def test_a_move_without_a_go_live() -> None:
    asked = {
        "title": "Land",
        "cutover": {},
        "differences": [],
        "failure": "",
        "reconciliation": [],
        "declared": 0,
    }
    proof = {"kind": "touched", "tables": 3, "rows": 40000, "sequences": 7}
    done = {"proof": proof, "drain": {"position": "1/7A0B33F8"}}

    def made(**more: Any) -> tuple[dict[str, Any], str]:
        result = _validation.of_pair({**asked, **more}, "2026-11-22T04:06:22+00:00")
        return result, _validation.page(result, ["en"], "UTC", TEMPLATE)

    result, html = made(cutover=done)
    assert result["outcome"] == "valid"
    assert "Rows compared again: 40,000." in html
    assert "1/7A0B33F8" in html
    result, html = made(cutover={"proof": {**proof, "kind": "full"}})
    assert "Rows in production: 40,000, in 3 tables" in html
    assert made(cutover=done, declared=1)[0]["outcome"] == "incomplete"
    assert made(cutover=done, reconciliation=failing(), declared=2)[0]["outcome"] == "invalid"
    assert made(failure="It differs.")[0]["outcome"] == "invalid"
    assert made()[0]["outcome"] == "incomplete"


def test_figures_from_before_the_freeze_are_said_to_be_so() -> None:
    legend = "Figures of the full comparison before the freeze"
    assert legend not in " ".join(page()[0].words[""])
    found, _digest = page(
        tables=[{**TABLE, "as_of": "full comparison before the freeze", "touched_rows": 2}],
        compared={"at": "2026-11-22T04:06:22+00:00", "kind": "touched", "tables": 1, "rows": 3, "again": 2},
    )
    assert legend in " ".join(found.words[""])
    assert "Every row was compared before the freeze" in " ".join(found.words["en"])
