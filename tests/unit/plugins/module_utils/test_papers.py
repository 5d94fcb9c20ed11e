# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Healthy go-lives pass; every forged, stale, misplaced or unreadable paper is refused by a sentence with its file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _manifest, _papers
from ansible_collections.dfr.golive.plugins.module_utils._errors import DriftError, GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, Verdict, failed
from paper_attacks import ATTACKS, FAO, LEAD, Change, bug, bug_and, remove, revoke, validity
from paper_country import BUGS, NOW, PaperCountry, make_keys


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperCountry]:
    """A country as it should be, with a collection of two files."""
    root = tmp_path_factory.mktemp("country")
    collection = root / "collection"
    (collection / "plugins").mkdir(parents=True)
    (collection / "plugins" / "one.py").write_text("1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_manifest, "COLLECTION", collection)
        made = PaperCountry(root, make_keys(tmp_path_factory.mktemp("keys")))
        made.make()
        yield made


@pytest.fixture
def country(signed: PaperCountry, tmp_path: Path) -> PaperCountry:
    return signed.copy(tmp_path)


def shut(gates: list[Gate]) -> list[Gate]:
    return [gate for gate in gates if not gate.open]


def test_a_signed_country_passes_and_says_who_signed(country: PaperCountry) -> None:
    found = country.found()
    assert not shut(found.gates)
    assert len([gate for gate in found.gates if gate.name.startswith("criterion.")]) == 4
    assert [(one["team"], one["signer"]) for one in found.journalled["signoffs"]] == [
        ("contractor", "delivery-lead"),
        ("fao", "project-lead"),
        ("national_it", "deputy-of-it"),
        ("national_it", "head-of-it"),
    ]
    assert all(one["key"].startswith("SHA256:") for one in found.journalled["signoffs"])
    assert {"name": "bugs", "verdict": "pass"} in found.journalled["decided"]["criteria"]
    assert set(found.kept["files"]) >= {"allowed_signers", FAO, f"{FAO}.sig"}


@pytest.mark.parametrize("case", ATTACKS)
def test_an_attack_is_refused_by_a_sentence_with_file_and_remedy(case: str, country: PaperCountry) -> None:
    change, file, sentence = ATTACKS[case]
    change(country)
    try:
        closed = shut(country.judge())
    except GoliveError as exc:
        closed = [failed("refused", exc.sentence, exc.remedy)]
    told = [gate for gate in closed if sentence in gate.detail and file in gate.detail + gate.remedy]
    assert told, [gate.detail for gate in closed]
    assert told[0].remedy
    assert told[0].detail.endswith(".")


def test_there_are_enough_attacks() -> None:
    assert len(ATTACKS) >= 60


HEALTHY: dict[str, Change] = {
    "one of a quorum of one is enough": lambda c: None,
    "a key with a validity": validity(LEAD, 'valid-after="20260101Z",valid-before="20270101Z"'),
    "a key for our namespaces only": validity(LEAD, 'namespaces="signoff@dfr.golive,waiver@dfr.golive"'),
    "somebody else's key is revoked": revoke("stranger"),
    "comments": lambda c: c.write("revoked_keys", "# nobody yet\n\n"),
    "a failing criterion that its owner waives": bug_and(lambda c: c.waive("bugs", "delivery-lead")),
    "a withheld criterion that is waived": lambda c: (
        c.sign(LEAD, withheld=("migration",)),
        c.waive("migration", LEAD),
    ),
    "hidden files and editors' copies": lambda c: (
        (c.inventory / ".lab").mkdir(),
        (c.inventory / "hosts.yml~").write_text("x"),
    ),
    "new evidence": lambda c: c.json("evidence/bugs.json", {**BUGS, "issues": []}),
}


@pytest.mark.parametrize("case", HEALTHY)
def test_what_is_right_passes(case: str, country: PaperCountry) -> None:
    HEALTHY[case](country)
    assert shut(country.judge()) == []


def test_other_code_than_was_signed(
    country: PaperCountry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "collection"
    (other / "plugins").mkdir(parents=True)
    (other / "plugins" / "one.py").write_text("2\n")
    monkeypatch.setattr(_manifest, "COLLECTION", other)
    closed = shut(country.judge())
    assert closed
    assert any("collection.digest: other files run" in gate.detail for gate in closed)


def test_a_signature_from_before_the_last_run_was_for_that_one(country: PaperCountry) -> None:
    def run(finished: str, mode: str = "live") -> dict[str, str]:
        return {"id": "x", "mode": mode, "outcome": "rolled_back", "finished": finished}

    closed = shut(country.judge(runs=[run("2026-11-22T05:30:00.000000Z")]))
    assert any("for the run that ended at 2026-11-22T05:30:00Z" in gate.detail for gate in closed)
    assert not shut(country.judge(runs=[run("2026-11-22T04:30:00.000000Z")]))
    assert not shut(country.judge(runs=[run("2026-11-22T05:30:00.000000Z", "rehearsal")]))


def test_a_withheld_criterion_stops(country: PaperCountry) -> None:
    country.sign(LEAD, withheld=("migration",))
    (gate,) = shut(country.judge())
    assert (gate.name, gate.verdict) == ("criterion.migration", Verdict.FAIL)
    assert "project-lead doesn't vouch for it" in gate.detail


def test_an_unanswered_question_cannot_be_waived(country: PaperCountry) -> None:
    country.waive("bugs", "delivery-lead")
    (country.folder / "evidence" / "bugs.json").unlink()
    (gate,) = shut(country.judge())
    assert gate.verdict is Verdict.UNKNOWN


def test_a_team_without_a_go_vouches_for_nothing(country: PaperCountry) -> None:
    remove(FAO, f"{FAO}.sig")(country)
    assert {gate.name: gate.verdict for gate in shut(country.judge())} == {
        "signoff.fao": Verdict.FAIL,
        "criterion.migration": Verdict.UNKNOWN,
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"extra": ["golive_until", "golive_fqdn"]}, "-e gives golive_fqdn, which nobody signed."),
        ({"sources": ["/elsewhere/hosts.yml"]}, "-i gives /elsewhere/hosts.yml, which nobody signed."),
    ],
)
def test_the_command_line_is_no_way_around(
    country: PaperCountry, options: dict[str, Any], sentence: str
) -> None:
    (gate,) = shut(country.judge(**options))
    assert gate.detail == sentence
    assert gate.remedy


def test_variables_beside_a_playbook_are_no_way_around(country: PaperCountry, tmp_path: Path) -> None:
    assert not shut(country.judge(playbook=tmp_path))
    (tmp_path / "group_vars").mkdir()
    (gate,) = shut(country.judge(playbook=tmp_path))
    assert gate.detail == f"{tmp_path}/group_vars lies beside the playbook, and nobody signed it."


def test_the_command_line_may_steer(country: PaperCountry) -> None:
    sources = [str(country.inventory), str(country.inventory / "hosts.yml")]
    assert not shut(country.judge(extra=["golive_until"], sources=sources))


def test_another_countrys_inventory(country: PaperCountry) -> None:
    with pytest.raises(GoliveError, match="golive_country is samoa"):
        country.judge(country="samoa")


def test_on_a_later_run_age_does_not_count_but_the_rest_does(country: PaperCountry) -> None:
    later = NOW + timedelta(days=9)
    bug(country)
    assert not shut(country.judge(now=later, recheck=True))
    country.sign(LEAD, decision="no-go", reason="Stop it")
    with pytest.raises(DriftError, match="project-lead says no-go for FAO: Stop it"):
        country.judge(now=later, recheck=True)


def test_a_key_revoked_later_is_drift(country: PaperCountry) -> None:
    revoke(LEAD)(country)
    with pytest.raises(DriftError, match="is revoked"):
        country.judge(recheck=True)


def test_the_last_end_is_that_of_a_live_run() -> None:
    assert _papers.last_end([]) is None
    assert _papers.last_end([{"mode": "live", "finished": None}]) is None
