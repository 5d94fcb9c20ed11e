# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _holds, _proof, _signer, _sshsig
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._holder import Owner
from ansible_collections.dfr.golive.plugins.module_utils._holds import Asked, Hold, Word
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal
from paper_country import NOW, PaperCountry, make_keys

BASIS = "3f" * 32
LIMIT = timedelta(minutes=30)
TEAMS = ("national_it", "fao")
PEOPLE = ("head-of-it", "deputy-of-it", "project-lead")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> PaperCountry:
    country = PaperCountry(tmp_path_factory.mktemp("country"), make_keys(tmp_path_factory.mktemp("keys")))
    country.make()
    return country


@pytest.fixture
def country(made: PaperCountry, tmp_path: Path) -> PaperCountry:
    return made.copy(tmp_path)


@pytest.fixture
def asked(country: PaperCountry) -> Asked:
    return Asked(country.folder, "tonga", "tonga-1", Hold("lock_config", TEAMS, LIMIT), BASIS, NOW, NOW)


def word(person: str = "project-lead", **other: Any) -> Word:
    team = "fao" if person == "project-lead" else "national_it"
    return replace(Word("tonga", "tonga-1", "lock_config", BASIS, team, person, "go", "", NOW), **other)


def sign(country: PaperCountry, asked: Asked, one: Word, key: str = "", space: str = _holds.SPACE) -> Path:
    path = asked.words / one.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(one.raw())
    _sshsig.sign(path, country.keys / (key or one.signer), space)
    return path


def all_sign(country: PaperCountry, asked: Asked) -> None:
    for person in PEOPLE:
        sign(country, asked, word(person))


def test_nobody_has_said_anything(asked: Asked) -> None:
    standing = _holds.look(asked, NOW)
    assert not standing.released
    assert standing.missing == [
        "National IT has 0 of 2: head-of-it or deputy-of-it",
        "FAO has 0 of 1: project-lead",
    ]
    assert _holds.over(asked, standing, NOW) is None


def test_everybody_says_go(country: PaperCountry, asked: Asked) -> None:
    all_sign(country, asked)
    standing = _holds.look(asked, NOW)
    assert standing.released
    assert [one["signer"] for one in standing.approvals] == ["deputy-of-it", "head-of-it", "project-lead"]
    assert len(standing.papers) == 6


def test_a_team_short_of_its_quorum_is_waited_for(country: PaperCountry, asked: Asked) -> None:
    sign(country, asked, word())
    sign(country, asked, word("head-of-it"))
    assert _holds.look(asked, NOW).missing == ["National IT has 1 of 2: deputy-of-it"]


def test_a_word_without_its_signature_is_on_its_way(country: PaperCountry, asked: Asked) -> None:
    sign(country, asked, word()).with_name("lock_config.project-lead.json.sig").unlink()
    standing = _holds.look(asked, NOW)
    assert (standing.doubts, len(standing.missing)) == ([], 2)


def test_one_no_go_refuses_at_once_and_gives_its_reason(country: PaperCountry, asked: Asked) -> None:
    all_sign(country, asked)
    sign(country, asked, word(decision="no-go", reason="Hectares differ"))
    standing = _holds.look(asked, NOW)
    refused = _holds.over(asked, standing, NOW)
    assert not standing.released
    assert refused is not None
    assert "project-lead says no-go for FAO: Hectares differ" in refused.sentence


def test_the_wait_has_an_end_that_names_who_is_missing(country: PaperCountry, asked: Asked) -> None:
    sign(country, asked, word())
    standing = _holds.look(asked, NOW + LIMIT)
    ended = _holds.over(asked, standing, NOW + LIMIT)
    assert ended is not None
    assert "after 30 minutes" in ended.sentence
    assert "National IT has 0 of 2: head-of-it or deputy-of-it" in ended.sentence


def test_who_came_in_the_last_moment_counts(country: PaperCountry, asked: Asked) -> None:
    all_sign(country, asked)
    standing = _holds.look(asked, NOW + LIMIT)
    assert standing.released
    assert _holds.over(asked, standing, NOW + LIMIT) is None


def test_people_read_who_is_missing_and_for_how_long(asked: Asked) -> None:
    said = _holds.waiting(asked, _holds.look(asked, NOW), NOW + timedelta(minutes=7, seconds=30))
    assert (
        "HOLD before lock_config (validation of the data that came over): waiting for 7 min, 22 min left"
        in said
    )
    assert "missing: FAO has 0 of 1: project-lead" in said


def another_run(country: PaperCountry, asked: Asked) -> None:
    path = sign(country, asked, word(run_id="tonga-0"))
    assert path.exists()


def altered(country: PaperCountry, asked: Asked) -> None:
    path = sign(country, asked, word(decision="no-go", reason="No"))
    path.write_bytes(word().raw())


def linked(country: PaperCountry, asked: Asked) -> None:
    path = sign(country, asked, word())
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def revoked(country: PaperCountry, asked: Asked) -> None:
    sign(country, asked, word())
    (country.folder / "revoked_keys").write_bytes((country.keys / "project-lead.pub").read_bytes())


BELIEVED_NOT: list[tuple[str, Callable[[PaperCountry, Asked], object]]] = [
    ("another run_id", another_run),
    ("another basis", lambda c, a: sign(c, a, word(basis="00" * 32))),
    ("another country", lambda c, a: sign(c, a, word(country="samoa"))),
    ("key of stranger|nobody has", lambda c, a: sign(c, a, word(), key="stranger")),
    ("key of head-of-it, not of project-lead", lambda c, a: sign(c, a, word(), key="head-of-it")),
    ("was made for 'signoff@dfr.golive'", lambda c, a: sign(c, a, word(), space=_sshsig.SIGNOFF)),
    ("doesn't sign for national_it", lambda c, a: sign(c, a, word(team="national_it"))),
    ("doesn't sign for contractor", lambda c, a: sign(c, a, word("delivery-lead", team="contractor"))),
    ("outside of the time", lambda c, a: sign(c, a, word(signed=NOW - timedelta(hours=1)))),
    ("outside of the time", lambda c, a: sign(c, a, word(signed=NOW + timedelta(hours=1)))),
    ("no-go without a reason", lambda c, a: sign(c, a, word(decision="no-go"))),
    ("has to be go or no-go", lambda c, a: sign(c, a, word(decision="maybe"))),
    ("altered", altered),
    ("symbolic link", linked),
    ("revoked", revoked),
]


@pytest.mark.parametrize(("why", "plant"), BELIEVED_NOT)
def test_what_cannot_be_believed_does_not_count_and_is_shown(
    country: PaperCountry, asked: Asked, why: str, plant: Callable[[PaperCountry, Asked], object]
) -> None:
    plant(country, asked)
    standing = _holds.look(asked, NOW)
    assert (standing.approvals, standing.refusals, len(standing.missing)) == ([], [], 2)
    assert len(standing.doubts) == 1
    assert any(part in standing.doubts[0] for part in why.split("|")), standing.doubts
    assert "not believed: " in _holds.waiting(asked, standing, NOW)


def test_a_word_for_another_phase_is_not_looked_at(country: PaperCountry, asked: Asked) -> None:
    sign(country, asked, word(phase="switch_dns"))
    assert _holds.look(asked, NOW).doubts == []


def test_a_folder_full_of_files_is_refused(asked: Asked) -> None:
    asked.words.mkdir(parents=True)
    for number in range(51):
        (asked.words / f"lock_config.{number}.json").touch()
    with pytest.raises(GoliveError, match="51 files"):
        _holds.look(asked, NOW)


def test_an_unknown_team_is_refused(asked: Asked) -> None:
    with pytest.raises(GoliveError, match="waits for opposition"):
        _holds.look(replace(asked, hold=Hold("lock_config", ("opposition",), LIMIT)), NOW)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ({"sync_data": {"teams": ["fao"], "limit_minutes": 5}}, "no hold point"),
        ({"lock_config": {"teams": [], "limit_minutes": 5}}, "names no teams"),
        ({"lock_config": {"teams": ["fao", "fao"], "limit_minutes": 5}}, "twice"),
        ({"lock_config": {"teams": ["fao"], "limit_minutes": 0}}, "waits 0 minutes"),
        ({"lock_config": {"teams": ["fao"]}}, "lacks limit_minutes"),
        ({"lock_config": {"teams": ["fao"], "limit_minutes": 5, "quorum": 1}}, "unknown field quorum"),
    ],
)
def test_a_hold_that_cannot_be_meant(raw: dict[str, Any], why: str) -> None:
    with pytest.raises(GoliveError, match=why):
        _holds.declared(raw)


def test_what_is_declared() -> None:
    raw = {"lock_config": {"teams": ["fao"], "limit_minutes": 30}}
    assert _holds.declared(raw) == {"lock_config": Hold("lock_config", ("fao",), LIMIT)}


def test_signed_by_command_and_believed_by_the_run(
    country: PaperCountry, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    for person in PEOPLE:
        command = asked.command().replace("<you>", person).replace("<your key>", str(country.keys / person))
        assert _signer.main(command.split()[2:], lambda _question, name=person: name) == 0
    said = capsys.readouterr().out
    assert "Your decision is GO: the run goes on." in said
    assert "Votre décision : GO, la bascule se poursuit." in said
    now = datetime.now(UTC)
    assert _holds.look(replace(asked, since=now, started=now), now).released


def test_a_stranger_signs_for_no_team(country: PaperCountry, asked: Asked) -> None:
    command = asked.command().replace("<you>", "stranger").replace(" --key <your key>", "")
    assert _signer.main(command.split()[2:]) == 1


def released(country: PaperCountry, root: Path, other: Word | None = None) -> Path:
    """The exported folder of a signed run whose hold was released, by ``other`` words if given."""
    found = country.found()
    journal = Journal(root / "state", "tonga", lambda: NOW)
    with journal.writing() as writer:
        session = writer.take("tonga-1", "golive", Owner(user="ops", host="laptop"), 900).session
        writer.append(session, "open", mode="live", intent="golive", kind="begin", until="", owner={})
        kept = journal.keep_evidence("tonga-1", "preflight", "signoffs", found.kept)
        writer.append(session, "begin", "preflight")
        writer.append(session, "finish", "preflight", result=found.journalled, files=[kept])
        first = writer.append(session, "hold_begin", "lock_config")
        asked = Asked(
            country.folder, "tonga", "tonga-1", Hold("lock_config", TEAMS, LIMIT), first["hash"], NOW, NOW
        )
        for person in PEOPLE:
            sign(country, asked, word(person, basis=first["hash"]))
        standing = _holds.look(asked, NOW)
        papers = dict(standing.papers)
        if other is not None:
            papers["lock_config.project-lead.json"] = other.raw().decode("ascii")
        kept = journal.keep_evidence("tonga-1", "lock_config", "hold-lock_config", papers)
        writer.append(
            session, "hold_finish", "lock_config", result={"approvals": standing.approvals}, files=[kept]
        )
        writer.release(session)
    return journal.folder


def test_years_later_the_words_that_released_a_hold_are_proven(country: PaperCountry, tmp_path: Path) -> None:
    assert [proof.run_id for proof in _proof.prove(released(country, tmp_path))] == ["tonga-1"]


def test_years_later_words_that_were_exchanged_are_missed(country: PaperCountry, tmp_path: Path) -> None:
    folder = released(country, tmp_path, other=word(basis="00" * 32))
    with pytest.raises(GoliveError, match=r"released by other words .* signed for another basis"):
        _proof.prove(folder)
