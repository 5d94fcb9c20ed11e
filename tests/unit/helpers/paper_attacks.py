# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be done to a signed go-live: each attack with the file and the words its refusal has to name."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _manifest, _sshsig
from paper_country import BUGS, CRITERIA, NOW, PaperCountry

Change = Callable[[PaperCountry], Any]


def criteria(change: Callable[[dict[str, Any]], Any]) -> Change:
    """Change criteria.yml, then have everybody sign it: so that only what it says can be refused."""

    def apply(country: PaperCountry) -> None:
        content = copy.deepcopy(CRITERIA)
        change(content)
        country.criteria(content)

    return apply


def without_a_line(country: PaperCountry, name: str, line: str) -> None:
    path = country.folder / name
    path.write_text("".join(one for one in path.read_text().splitlines(True) if not one.startswith(line)))


def link(country: PaperCountry, name: str) -> None:
    path = country.folder / name
    outside = country.inventory.parent / f"outside-{path.name}"
    shutil.move(path, outside)
    path.symlink_to(outside)


def replayed_from(**changes: Any) -> Change:
    """The signature of the project lead for another cutover or country, genuine there."""

    def apply(country: PaperCountry) -> None:
        manifest = country.manifest("project-lead")
        facts = _manifest.Facts.from_dict({**manifest.facts.as_dict(), **changes})
        country.sign("project-lead", facts=facts)

    return apply


def revoke(*people: str) -> Change:
    return lambda country: country.write(
        "revoked_keys", "".join(country.public(one) + "\n" for one in people)
    )


def krl(country: PaperCountry) -> None:
    target = country.folder / "revoked_keys"
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", target, country.keys / f"{LEAD}.pub"], check=True)


def validity(person: str, options: str) -> Change:
    """Give a person's key a validity and have all sign that."""

    def apply(country: PaperCountry) -> None:
        without_a_line(country, "allowed_signers", f"{person} ")
        with (country.folder / "allowed_signers").open("a") as stream:
            stream.write(country.line(person, options))
        for one in ("head-of-it", "deputy-of-it", "project-lead", "delivery-lead"):
            country.sign(one)

    return apply


def allow(line: Callable[[PaperCountry], str]) -> Change:
    def apply(country: PaperCountry) -> None:
        with (country.folder / "allowed_signers").open("a") as stream:
            stream.write(line(country))

    return apply


def two_signatures_of_one(country: PaperCountry) -> None:
    (country.folder / "national_it.deputy-of-it.json").unlink()
    (country.folder / "national_it.deputy-of-it.json.sig").unlink()
    country.sign("deputy-of-it", key="head-of-it")


def remove(*names: str) -> Change:
    return lambda country: [(country.folder / name).unlink() for name in names]


def unreadable(name: str) -> Change:
    def apply(country: PaperCountry) -> None:
        path = country.folder / name
        path.unlink()
        os.mkfifo(path)

    return apply


def bug(country: PaperCountry) -> None:
    issues = [*BUGS["issues"], {"id": "B-3", "severity": "critical", "state": "open"}]
    country.json("evidence/bugs.json", {**BUGS, "issues": issues})


def bug_and(change: Change) -> Change:
    def apply(country: PaperCountry) -> None:
        bug(country)
        change(country)

    return apply


FAO, LEAD = "fao.project-lead.json", "project-lead"
HEAD = "national_it.head-of-it.json"
WAIVED = "waiver.bugs.json"

ATTACKS: dict[str, tuple[Change, str, str]] = {
    # What was signed has been altered.
    "manifest altered": (lambda c: c.edit(FAO, reason="changed"), FAO, "one of them was altered"),
    "no-go turned into go": (
        lambda c: (c.sign(LEAD, decision="no-go", reason="Not ready"), c.edit(FAO, decision="go")),
        FAO,
        "one of them was altered",
    ),
    "expiry stretched": (
        lambda c: c.edit(FAO, expires="2026-12-20T00:00:00Z"),
        FAO,
        "one of them was altered",
    ),
    "signature altered": (
        lambda c: c.write(f"{FAO}.sig", (c.folder / f"{HEAD}.sig").read_bytes()),
        FAO,
        "made with the key of head-of-it",
    ),
    "report altered": (
        lambda c: c.json("evidence/validation.json", {"checks": 2}),
        FAO,
        "validation_report: another report",
    ),
    "report gone": (remove("evidence/validation.json"), "evidence/validation.json", "is missing"),
    "variable changed": (
        lambda c: (c.inventory / "group_vars/all/country.yml").write_text("golive_country: tonga\nx: 1\n"),
        FAO,
        "configuration group_vars/all/country.yml was changed",
    ),
    "variable file added": (
        lambda c: (c.inventory / "group_vars/all/more.yml").write_text("x: 1\n"),
        FAO,
        "configuration group_vars/all/more.yml is new",
    ),
    "host file removed": (
        lambda c: (c.inventory / "hosts.yml").unlink(),
        FAO,
        "configuration hosts.yml is gone",
    ),
    "image changed": (
        criteria(lambda c: c["images"].update(production="sha256:" + "2" * 64)),
        FAO,
        "image production was changed",
    ),
    "night moved": (
        criteria(lambda c: c.update(end="2026-11-23T05:00:00+13:00")),
        FAO,
        "plan: the phases, the night",
    ),
    "criterion deleted": (criteria(lambda c: c["criteria"].pop(1)), FAO, "criterion migration is gone"),
    "criterion softened": (
        criteria(lambda c: c["criteria"][2]["settings"].update(maximum=9)),
        "contractor.delivery-lead.json",
        "criterion bugs was changed",
    ),
    "criterion added": (
        criteria(lambda c: c["criteria"].append({**c["criteria"][1], "name": "other"})),
        FAO,
        "criterion other is new",
    ),
    "quorum lowered": (criteria(lambda c: c["teams"]["national_it"].pop("quorum")), HEAD, "plan:"),
    "signer added to the list": (
        allow(lambda c: c.line("stranger")),
        FAO,
        "signoffs/allowed_signers was changed",
    ),
    # Who signed.
    "wrong key": (lambda c: c.sign(LEAD, key="stranger"), FAO, "which nobody has in allowed_signers"),
    "key of another team": (lambda c: c.sign(LEAD, key="delivery-lead"), FAO, "key of delivery-lead, not of"),
    "wrong team": (
        lambda c: c.sign("delivery-lead", team="fao", name="fao.delivery-lead.json"),
        "fao.delivery-lead.json",
        "may not sign for fao",
    ),
    "no such team": (lambda c: c.sign(LEAD, team="auditor"), "auditor.project-lead.json", "which is no team"),
    "wrong principal inside": (
        lambda c: c.sign(LEAD, signer="somebody", name=FAO),
        FAO,
        "was signed as somebody for fao",
    ),
    "team inside differs": (
        lambda c: c.sign(LEAD, team="contractor", name=FAO),
        FAO,
        "was signed as project-lead for contractor",
    ),
    "one person for two teams": (
        criteria(lambda c: c["teams"]["fao"]["signers"].append("head-of-it")),
        "criteria.yml",
        "sign for both national_it and fao",
    ),
    "one key for two people": (
        allow(lambda c: c.line("observer", key=LEAD)),
        "allowed_signers",
        "to both project-lead and observer",
    ),
    "a key twice with two validities": (
        allow(lambda c: c.line(LEAD, 'valid-after="20200101Z"')),
        "allowed_signers",
        "twice",
    ),
    "a second signature of one person": (
        two_signatures_of_one,
        "deputy-of-it.json",
        "key of head-of-it, not of",
    ),
    "quorum not reached": (
        remove("national_it.deputy-of-it.json", "national_it.deputy-of-it.json.sig"),
        "national_it",
        "1 of 2 signatures; missing deputy-of-it",
    ),
    "nobody of a team": (remove(FAO, f"{FAO}.sig"), "signoffs/fao.", "0 of 1 signatures"),
    "a no-go beside enough go": (
        lambda c: c.sign("deputy-of-it", decision="no-go", reason="Generator broken"),
        "national_it.deputy-of-it.json",
        "says no-go for National IT: Generator broken",
    ),
    "everybody by a pattern": (
        allow(lambda c: c.line("*", key="stranger")),
        "allowed_signers",
        "one line is for one",
    ),
    "several in one line": (
        allow(lambda c: c.line("head-of-it,project-lead", key="stranger")),
        "allowed_signers",
        "one line is for one",
    ),
    "a certificate authority": (
        allow(lambda c: c.line("observer", "cert-authority", "stranger")),
        "allowed_signers",
        "option cert-authority",
    ),
    # Keys that are no longer valid.
    "revoked key": (revoke(LEAD), "revoked_keys", "is revoked"),
    "revoked by a KRL": (krl, "revoked_keys", "is revoked"),
    "revoked list that is none": (
        lambda c: c.write("revoked_keys", "project-lead is gone\n"),
        "revoked_keys",
        "nothing would be revoked",
    ),
    "revoked list cut short": (
        lambda c: c.write("revoked_keys", c.public(LEAD)[:-9]),
        "revoked_keys",
        "no readable public key",
    ),
    "expired key": (validity(LEAD, 'valid-before="20261122Z"'), FAO, "expired on 2026-11-22"),
    "key of tomorrow": (validity(LEAD, 'valid-after="20261123Z"'), FAO, "is valid only after"),
    "key not valid when signed": (
        validity(LEAD, 'valid-after="202611220530Z"'),
        FAO,
        "is valid only after 2026-11-22 05:30",
    ),
    "validity in local time": (
        allow(lambda c: c.line("observer", 'valid-before="20270101"', "stranger")),
        "allowed_signers",
        "isn't one of UTC",
    ),
    # Replay, time.
    "another country": (replayed_from(country="samoa"), FAO, "country was samoa, now is tonga"),
    "another cutover": (replayed_from(cutover="tonga-0"), FAO, "cutover was tonga-0, now is tonga-1"),
    "signed in the future": (
        lambda c: c.sign(LEAD, signed=NOW + timedelta(minutes=6)),
        FAO,
        "which is in the future",
    ),
    "expired": (lambda c: c.sign(LEAD, expires=NOW - timedelta(minutes=1)), FAO, "expired at"),
    "expires before signed": (
        lambda c: c.sign(LEAD, expires=NOW - timedelta(days=1)),
        FAO,
        "expires before it was signed",
    ),
    "stands for a year": (
        lambda c: c.sign(LEAD, expires=NOW + timedelta(days=365)),
        FAO,
        "30 days are allowed",
    ),
    "a time without zone": (
        lambda c: c.reseal(FAO, LEAD, signed="2026-11-22T05:00:00"),
        FAO,
        "no time with a zone",
    ),
    # Namespaces and formats.
    "wrong namespace": (lambda c: c.sign(LEAD, space="git"), FAO, "was made for 'git'"),
    "a waiver's namespace": (
        lambda c: c.sign(LEAD, space=_sshsig.WAIVER),
        FAO,
        "was made for 'waiver@dfr.golive'",
    ),
    "no signature file": (remove(f"{FAO}.sig"), f"{FAO}.sig", "is missing, though"),
    "a signature without its file": (remove(FAO), FAO, "is missing, though"),
    "empty signature": (lambda c: c.write(f"{FAO}.sig", ""), f"{FAO}.sig", "no signature by ssh-keygen"),
    "signature of noise": (lambda c: c.write(f"{FAO}.sig", os.urandom(400)), f"{FAO}.sig", "no signature by"),
    "signature cut short": (
        lambda c: c.write(f"{FAO}.sig", (c.folder / f"{FAO}.sig").read_text()[:120]),
        f"{FAO}.sig",
        "no signature by",
    ),
    "a key twice in JSON": (
        lambda c: c.seal(FAO, (c.folder / FAO).read_bytes().replace(b"{", b'{"decision":"go",', 1), LEAD),
        FAO,
        "has the key 'decision' twice",
    ),
    "unknown field": (lambda c: c.reseal(FAO, LEAD, also="yes"), FAO, "unknown field also"),
    "field missing": (lambda c: c.reseal(FAO, LEAD, plan=...), FAO, "lacks plan"),
    "field of another type": (lambda c: c.reseal(FAO, LEAD, criteria=[]), FAO, "has criteria as list"),
    "another schema": (lambda c: c.reseal(FAO, LEAD, schema="dfr.golive/signoff/2"), FAO, "is of the schema"),
    "neither go nor no-go": (lambda c: c.reseal(FAO, LEAD, decision="maybe"), FAO, "decides 'maybe'"),
    "no-go without reason": (lambda c: c.sign(LEAD, decision="no-go"), FAO, "without a reason"),
    "the same said otherwise": (
        lambda c: c.seal(FAO, (c.folder / FAO).read_bytes() + b"\n", LEAD),
        FAO,
        "isn't written as",
    ),
    "NaN": (lambda c: c.seal(FAO, b'{"schema":NaN}', LEAD), FAO, "isn't JSON"),
    "deep nesting": (lambda c: c.seal(FAO, b"[" * 60000, LEAD), FAO, "isn't JSON"),
    "not UTF-8": (lambda c: c.seal(FAO, b"\xff\xfe{}", LEAD), FAO, "isn't UTF-8"),
    "a list": (lambda c: c.seal(FAO, b"[]\n", LEAD), FAO, "holds no fields"),
    # Files.
    "manifest is a link": (lambda c: link(c, FAO), FAO, "is a symbolic link"),
    "signature is a link": (lambda c: link(c, f"{FAO}.sig"), f"{FAO}.sig", "is a symbolic link"),
    "keys are a link": (lambda c: link(c, "allowed_signers"), "allowed_signers", "is a symbolic link"),
    "evidence is a link": (lambda c: link(c, "evidence"), "signoffs/evidence", "is a symbolic link"),
    "variables are a link": (
        lambda c: link(c, "../group_vars"),
        "group_vars",
        "is a symbolic link",
    ),
    "huge manifest": (lambda c: c.write(FAO, "x" * (65 << 10)), FAO, "is longer than 65,536 bytes"),
    "huge evidence": (
        lambda c: c.write("evidence/bugs.json", " " * (2 << 20)),
        "evidence/bugs.json",
        "is longer than 1,048,576",
    ),
    "a pipe": (unreadable(FAO), FAO, "is no regular file"),
    "a folder": (lambda c: (c.folder / "fao.x.json").mkdir(), "fao.x.json", "is no regular file"),
    "a stray file": (lambda c: c.write("fao.json.bak", "{}"), "fao.json.bak", "is no sign-off"),
    "too many files": (
        lambda c: [c.write(f"a.b{n}.json", "") for n in range(201)],
        "signoffs",
        "are too many",
    ),
    "no keys": (remove("allowed_signers"), "allowed_signers", "is missing"),
    "keys that are none": (
        lambda c: c.write("allowed_signers", "hello\n"),
        "allowed_signers",
        "isn't a person",
    ),
    "no criteria": (remove("criteria.yml"), "criteria.yml", "is missing"),
    # criteria.yml
    "a key twice in YAML": (
        lambda c: c.write("criteria.yml", (c.folder / "criteria.yml").read_text() + "cutover: tonga-2\n"),
        "criteria.yml",
        "has the key 'cutover' twice",
    ),
    "a team twice in YAML": (
        lambda c: c.write(
            "criteria.yml",
            (c.folder / "criteria.yml")
            .read_text()
            .replace("  fao:", "  fao:\n    title: x\n    signers: [x]\n  fao:"),
        ),
        "criteria.yml",
        "has the key 'fao' twice",
    ),
    "an alias in YAML": (
        lambda c: c.write("criteria.yml", "cutover: &a x\nstart: *a\n"),
        "criteria.yml",
        "an alias",
    ),
    "a Python object in YAML": (
        lambda c: c.write("criteria.yml", "cutover: !!python/object/apply:os.getcwd []\n"),
        "criteria.yml",
        "isn't YAML",
    ),
    "a criterion twice": (
        criteria(lambda c: c["criteria"].append(dict(c["criteria"][0]))),
        "criteria.yml",
        "criterion uat twice",
    ),
    "a criterion of no team": (
        criteria(lambda c: c["criteria"][0].update(team="x")),
        "criteria.yml",
        "is no team",
    ),
    "a criterion without a probe": (
        criteria(lambda c: c["criteria"][2].pop("probe")),
        "criteria.yml",
        "with the probe ''",
    ),
    "a criterion with an unknown field": (
        criteria(lambda c: c["criteria"][0].update(optional=True)),
        "criteria.yml",
        "unknown field optional",
    ),
    "no criterion at all": (criteria(lambda c: c["criteria"].clear()), "criteria.yml", "has no criterion"),
    "a quorum of none": (
        criteria(lambda c: c["teams"]["fao"].update(quorum=0)),
        "criteria.yml",
        "asks for 0",
    ),
    "a quorum beyond the team": (
        criteria(lambda c: c["teams"]["fao"].update(quorum=2)),
        "criteria.yml",
        "which has 1 signers",
    ),
    "an image by its tag": (
        criteria(lambda c: c["images"].update(production="odoo:19")),
        "criteria.yml",
        "image production without its digest",
    ),
    "a report outside": (
        criteria(lambda c: c.update(validation_report="../hosts.yml")),
        "signoffs",
        "leads out of the folder",
    ),
    # Waivers; the bug they are for is open.
    "a failing criterion": (bug, "evidence/bugs.json", "1 open critical of 3 issues (B-3)"),
    "waiver without owner": (
        bug_and(
            lambda c: (
                c.waive("bugs", "delivery-lead"),
                c.reseal(WAIVED, "delivery-lead", _sshsig.WAIVER, owner=""),
            )
        ),
        WAIVED,
        "has a blank owner",
    ),
    "waiver without reason": (
        bug_and(
            lambda c: (
                c.waive("bugs", "delivery-lead"),
                c.reseal(WAIVED, "delivery-lead", _sshsig.WAIVER, reason=...),
            )
        ),
        WAIVED,
        "lacks reason",
    ),
    "waiver by another team": (
        bug_and(lambda c: c.waive("bugs", LEAD)),
        WAIVED,
        "doesn't sign for contractor",
    ),
    "waiver with another's key": (
        bug_and(lambda c: c.waive("bugs", "delivery-lead", key=LEAD)),
        WAIVED,
        "key of project-lead, not of",
    ),
    "waiver expired": (
        bug_and(lambda c: c.waive("bugs", "delivery-lead", expires=NOW)),
        WAIVED,
        "expired at",
    ),
    "waiver of another cutover": (
        bug_and(lambda c: c.waive("bugs", "delivery-lead", cutover="tonga-0")),
        WAIVED,
        "cutover tonga-0",
    ),
    "waiver of another definition": (
        bug_and(lambda c: c.waive("bugs", "delivery-lead", definition="sha256:1")),
        WAIVED,
        "as it was before",
    ),
    "waiver signed as a sign-off": (
        bug_and(lambda c: c.waive("bugs", "delivery-lead", space=_sshsig.SIGNOFF)),
        WAIVED,
        "was made for 'signoff@",
    ),
    "waiver altered": (
        bug_and(lambda c: (c.waive("bugs", "delivery-lead"), c.edit(WAIVED, reason="Other"))),
        WAIVED,
        "was altered",
    ),
    "waiver of nothing": (
        lambda c: c.waive("nothing", "delivery-lead"),
        "waiver.nothing.json",
        "doesn't have under that name",
    ),
}
