# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person is shown, what they sign, and what can be proven of it years later by Python and ssh-keygen alone."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _manifest, _proof, _signer
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._gates import passed
from ansible_collections.dfr.golive.plugins.module_utils._holder import Owner
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal
from ansible_collections.dfr.golive.plugins.module_utils._language import Language
from paper_country import BUGS, CRITERIA, NOW, PEOPLE, PaperCountry, make_keys

SCRIPT = Path(__file__).resolve().parents[4] / "roles" / "preflight" / "files" / "signoff.py"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> PaperCountry:
    root = tmp_path_factory.mktemp("country")
    country = PaperCountry(root, make_keys(tmp_path_factory.mktemp("keys")))
    country.make()
    return country


@pytest.fixture
def country(made: PaperCountry, tmp_path: Path) -> PaperCountry:
    return made.copy(tmp_path)


def run(country: PaperCountry, command: str, *more: str, answer: str = "") -> int:
    return _signer.main([command, "--inventory", str(country.inventory), *more], lambda _question: answer)


def test_the_person_reads_it_in_both_languages(
    country: PaperCountry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(country, "sign", "--as", "project-lead") == 0
    said = capsys.readouterr().out
    assert "Your decision is GO" in said
    assert "[x] Migration validated" in said
    assert "Votre décision : GO" in said
    assert "Pacific/Tongatapu" in said
    assert not (country.folder / "fao.project-lead.json").read_bytes().endswith(b"x")


def test_what_is_withheld_and_refused_is_shown(country: PaperCountry) -> None:
    manifest = country.manifest("project-lead", decision="no-go", reason="Not yet", withheld=("migration",))
    said = "\n".join(_signer.words(manifest, country.decision(), Language("en")))
    assert "Your decision is NO-GO: nothing may begin. Reason: Not yet" in said
    assert "[ ] Migration validated" in said


def test_signed_by_command_and_believed_by_the_run(country: PaperCountry) -> None:
    for person in PEOPLE[:4]:
        key = str(country.keys / person)
        assert run(country, "sign", "--as", person, "--key", key, answer=person) == 0
    fresh = {**BUGS, "exported": datetime.now(UTC).isoformat()}
    country.json("evidence/bugs.json", fresh)
    assert all(gate.open for gate in country.judge(now=datetime.now(UTC)))


@pytest.mark.parametrize(
    ("arguments", "answer", "said"),
    [
        (["sign", "--as", "project-lead", "--key", "KEY"], "yes", "Nothing was signed."),
        (["sign", "--as", "stranger"], "", "signs for no team"),
        (["sign", "--as", "project-lead", "--withhold", "uat"], "", "nothing fao vouches for"),
        (["sign", "--as", "project-lead", "--days", "31"], "", "--days is 31"),
        (["sign", "--as", "project-lead", "--key", "/nowhere", "--yes"], "", "could not be signed"),
        (
            ["waive", "--as", "project-lead", "--criterion", "bugs", "--reason", "x"],
            "",
            "no criterion of fao",
        ),
        (["waive", "--as", "delivery-lead", "--criterion", "bugs", "--reason", " "], "", "needs a reason"),
    ],
)
def test_a_command_that_can_not_be_meant_signs_nothing(
    country: PaperCountry, capsys: pytest.CaptureFixture[str], arguments: list[str], answer: str, said: str
) -> None:
    for file in country.folder.glob("*.json*"):
        file.unlink()
    words = [str(country.keys / "project-lead") if word == "KEY" else word for word in arguments]
    assert run(country, *words, answer=answer) == 1
    assert said in capsys.readouterr().err
    assert not list(country.folder.glob("*.json*"))


def test_a_waiver_by_command(country: PaperCountry) -> None:
    issues = [{"id": "B-3", "severity": "critical", "state": "open"}]
    country.json("evidence/bugs.json", {**BUGS, "issues": issues, "exported": datetime.now(UTC).isoformat()})
    key = str(country.keys / "delivery-lead")
    words = ["--as", "delivery-lead", "--key", key, "--criterion", "bugs", "--reason", "Only on paper"]
    assert run(country, "waive", *words, "--yes") == 0
    (gate,) = [gate for gate in country.judge(now=datetime.now(UTC)) if gate.name == "criterion.bugs"]
    assert gate.verdict.value == "waived"
    assert "delivery-lead" in gate.detail


def journalled(country: PaperCountry, root: Path) -> Path:
    """A journal whose preflight ended with these signatures."""
    found = country.found()
    journal = Journal(str(root / "state"), "tonga")
    with journal.writing() as writer:
        taken = writer.take("tonga-20261122", "golive", Owner(user="ops", host="laptop"), 900)
        writer.append(taken.session, "open", mode="live", intent="golive", kind="begin", until="", owner={})
        gates = [gate.as_dict() for gate in found.gates]
        writer.append(taken.session, "begin", "preflight", gates=gates)
        kept = journal.keep_evidence("tonga-20261122", "preflight", "signoffs", found.kept)
        writer.append(taken.session, "finish", "preflight", result=found.journalled, files=[kept])
        writer.release(taken.session)
    return root / "state" / "tonga"


def test_years_later_without_ansible_or_network(country: PaperCountry, tmp_path: Path) -> None:
    folder = journalled(country, tmp_path)
    for name in ("mutex", "head.json"):
        (folder / name).unlink()
    command = [sys.executable, "-I", "-S", str(SCRIPT), "verify", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    assert "tonga-20261122 (open): all signatures hold." in done.stdout
    assert "fao: project-lead said go at 2026-11-22T05:00:00Z, key SHA256:" in done.stdout


def test_years_later_a_forged_journal_is_refused(country: PaperCountry, tmp_path: Path) -> None:
    folder = journalled(country, tmp_path)
    (evidence,) = (folder / "evidence").rglob("signoffs.json")
    evidence.write_text(evidence.read_text().replace("project-lead", "another-lead"))
    with pytest.raises(GoliveError, match="isn't the one that was journalled"):
        _proof.prove(folder)


def forged(kept: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(kept)), **changes}


def test_years_later_every_part_is_bound_to_the_signatures(country: PaperCountry) -> None:
    country.waive("bugs", "delivery-lead")
    country.json(
        "evidence/bugs.json", {**BUGS, "issues": [{"id": "B-3", "severity": "critical", "state": "open"}]}
    )
    kept = country.found().kept
    assert len(_proof.again(kept, "kept").signoffs) == 4
    files = {name: text for name, text in kept["files"].items() if not name.startswith("waiver")}
    lax = {
        **CRITERIA,
        "teams": {**CRITERIA["teams"], "national_it": {"title": "x", "signers": ["head-of-it"]}},
    }
    late = (NOW + timedelta(days=60)).isoformat()
    facts = json.dumps({**json.loads(kept["facts"]), "plan": "sha256:0"})
    for changes, sentence in (
        ({"files": files}, "1 open critical"),
        ({"files": {**kept["files"], "allowed_signers": "# none\n"}}, "other keys than were signed"),
        ({"decision": json.dumps(lax)}, "another plan than was signed"),
        ({"facts": facts}, "another plan than was signed"),
        ({"time": late}, "expired at"),
        ({"schema": "other"}, "is of the schema"),
        ({"gates": [passed("criterion.machines", "").as_dict()]}, "no verdict for bugs"),
    ):
        with pytest.raises(GoliveError, match=sentence):
            _proof.again(forged(kept, **changes), "kept")


def test_a_manifest_says_the_same_when_read_again(country: PaperCountry) -> None:
    manifest = country.manifest("project-lead", withheld=("migration",))
    assert _manifest.read_manifest(manifest.raw(), "x.json").raw() == manifest.raw()
