# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of those who sign: show what is to be signed in plain words, sign, waive, and prove it years later.

Started by ``roles/preflight/files/signoff.py``; needs Python, PyYAML and ssh-keygen, and no network.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ansible_collections.dfr.golive.plugins.module_utils import (
    _criteria,
    _holds,
    _language,
    _manifest,
    _proof,
    _sshsig,
)
from ansible_collections.dfr.golive.plugins.module_utils._criteria import ATTESTED, Decision
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._language import Language
from ansible_collections.dfr.golive.plugins.module_utils._manifest import Facts, Manifest, Waiver

DAYS = 7


def words(manifest: Manifest, decision: Decision, language: Language) -> list[str]:
    """What a signature says, for the person who is about to give it."""
    say, facts, team = language.say, manifest.facts, decision.teams[manifest.team]
    go = manifest.decision == _manifest.GO
    lines = [
        say(
            "Sign-off of {team} for the go-live of {country}, cutover {cutover}",
            team=team.title,
            country=facts.country,
            cutover=facts.cutover,
        ),
        say("You sign as {person}.", person=manifest.signer),
        say("Your decision is GO: the registry may go live.")
        if go
        else say("Your decision is NO-GO: nothing may begin. Reason: {reason}", reason=manifest.reason),
        say(
            "The night: {start} to {end}",
            start=language.moment(decision.start, decision.zone),
            end=language.moment(decision.end, decision.zone),
        ),
        say(
            "It stands until {expires}, and only as long as nothing below changes.",
            expires=language.moment(manifest.expires, decision.zone),
        ),
    ]
    mine = [one for one in decision.criteria.values() if one.team == manifest.team]
    attested = [one for one in mine if one.kind == ATTESTED]
    if attested:
        lines.append(say("With your name you vouch for this:"))
        lines += [f"  [x] {one.title}" for one in attested if one.name not in manifest.withheld]
    withheld = [one for one in attested if one.name in manifest.withheld]
    if withheld:
        lines.append(say("You do not vouch for this:"))
        lines += [f"  [ ] {one.title}" for one in withheld]
    automatic = [one for one in mine if one.kind != ATTESTED]
    if automatic:
        lines.append(say("The machine checks this for your team before it begins:"))
        lines += [f"  [.] {one.title}" for one in automatic]
    lines.append(say("What your signature is bound to:"))
    lines.append("  " + say("plan {digest}", digest=facts.plan[:19]))
    lines.append(
        "  "
        + say(
            "collection {digest}, commit {commit}",
            digest=facts.collection["digest"][:19],
            commit=facts.collection["commit"][:12] or "-",
        )
    )
    lines.append(
        "  "
        + language.say_many(
            "{number} file of the configuration",
            "{number} files of the configuration",
            len(facts.configuration),
        )
    )
    lines.append(
        "  " + language.say_many("{number} container image", "{number} container images", len(facts.images))
    )
    lines.append(
        "  "
        + (
            say("validation report {digest}", digest=facts.validation_report[:19])
            if facts.validation_report
            else say("no validation report")
        )
    )
    return lines


def main(arguments: Sequence[str], ask: Callable[[str], str] = input) -> int:
    """Run one command; 0 when it was done, 1 when it was refused, 2 when it was typed wrongly."""
    options = _parser().parse_args(arguments)
    try:
        lines: list[str] = options.run(options, ask)
    except GoliveError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    sys.stdout.write("\n".join([*lines, ""]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="signoff.py", description="Sign a go-live, or prove who signed it.")
    commands = parser.add_subparsers(required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--inventory", type=Path, required=True, help="folder of the country")
    shared.add_argument("--as", dest="person", required=True, help="you, as in allowed_signers")
    shared.add_argument(
        "--key", type=Path, help="your private key's file, or its .pub with the key in ssh-agent"
    )
    shared.add_argument("--days", type=int, default=DAYS, help="how long it stands")
    shared.add_argument(
        "--language", action="append", choices=_language.LANGUAGES, help="of what is shown; all by default"
    )
    shared.add_argument("--yes", action="store_true", help="don't ask: you have read it")
    sign = commands.add_parser("sign", parents=[shared], help="say go or no-go; without --key only show it")
    sign.add_argument("--no-go", metavar="REASON", default="", help="say no-go")
    sign.add_argument(
        "--withhold", metavar="CRITERION", action="append", default=[], help="don't vouch for it"
    )
    sign.set_defaults(run=_sign)
    waive = commands.add_parser(
        "waive", parents=[shared], help="go although one criterion of your team fails"
    )
    waive.add_argument("--criterion", required=True)
    waive.add_argument("--reason", required=True)
    waive.set_defaults(run=_waive)
    hold = commands.add_parser(
        "hold", parents=[shared], help="release the phase that a run holds before, or refuse it"
    )
    hold.add_argument("--run", dest="run_id", required=True, help="as the run shows it")
    hold.add_argument("--phase", required=True, choices=list(_holds.POINTS))
    hold.add_argument("--basis", required=True, help="as the run shows it")
    hold.add_argument("--no-go", metavar="REASON", default="", help="say no-go")
    hold.set_defaults(run=_hold)
    verify = commands.add_parser("verify", help="prove a go-live from the country's folder of the state host")
    verify.add_argument("folder", type=Path)
    verify.set_defaults(run=_verify)
    return parser


def _opened(options: argparse.Namespace) -> tuple[Path, Decision, Facts, str, datetime]:
    folder = options.inventory / "signoffs"
    decision = _criteria.understood(_criteria.read(folder))
    team = decision.team_of(options.person)
    if not team:
        raise _nobody(options.person)
    if not 1 <= options.days <= decision.valid_days:
        raise GoliveError(f"--days is {options.days}.", remedy=f"Give 1 to {decision.valid_days}.")
    return (
        folder,
        decision,
        _manifest.gather(folder, decision),
        team,
        datetime.now(UTC).replace(microsecond=0),
    )


def _sign(options: argparse.Namespace, ask: Callable[[str], str]) -> list[str]:
    folder, decision, facts, team, now = _opened(options)
    mine = [one.name for one in decision.criteria.values() if one.team == team and one.kind == ATTESTED]
    for name in options.withhold:
        if name not in mine:
            raise GoliveError(
                f"{name} is nothing {team} vouches for.", remedy=f"Withhold one of {', '.join(mine)}."
            )
    manifest = Manifest(
        team,
        options.person,
        _manifest.NO_GO if options.no_go else _manifest.GO,
        options.no_go,
        now,
        now + timedelta(days=options.days),
        facts,
        tuple(options.withhold),
    )
    shown = [words(manifest, decision, Language(code)) for code in options.language or _language.LANGUAGES]
    return _written(folder / manifest.name, manifest.raw(), shown, _sshsig.SIGNOFF, options, ask)


def _waive(options: argparse.Namespace, ask: Callable[[str], str]) -> list[str]:
    folder, decision, facts, team, now = _opened(options)
    criterion = decision.criteria.get(options.criterion)
    if criterion is None or criterion.team != team:
        raise GoliveError(
            f"{options.criterion} is no criterion of {team}.",
            remedy=f"Name one of {', '.join(decision.owned(team))}.",
        )
    if not options.reason.strip():
        raise GoliveError("A waiver needs a reason.", remedy="Give it with --reason.")
    waiver = Waiver(
        facts.country, facts.cutover, criterion.name, criterion.digest, options.reason, options.person,
        now, now + timedelta(days=options.days),
    )  # fmt: skip
    shown = []
    for code in options.language or _language.LANGUAGES:
        language = Language(code)
        shown.append(
            [
                language.say(
                    "Waiver for {country}, cutover {cutover}: {title}",
                    country=facts.country,
                    cutover=facts.cutover,
                    title=criterion.title,
                ),
                language.say("You sign as {person}.", person=options.person),
                language.say(
                    "The go-live may begin although this fails, until {expires}. Reason: {reason}",
                    expires=language.moment(waiver.expires, decision.zone),
                    reason=waiver.reason,
                ),
            ]
        )
    return _written(folder / waiver.name, waiver.raw(), shown, _sshsig.WAIVER, options, ask)


def _hold(options: argparse.Namespace, ask: Callable[[str], str]) -> list[str]:
    folder = options.inventory / "signoffs"
    decision = _criteria.understood(_criteria.read(folder))
    team = decision.team_of(options.person)
    if not team:
        raise _nobody(options.person)
    word = _holds.Word(
        folder.resolve().parent.name, options.run_id, options.phase, options.basis, team, options.person,
        _manifest.NO_GO if options.no_go else _manifest.GO, options.no_go,
        datetime.now(UTC).replace(microsecond=0),
    )  # fmt: skip
    path = folder / _holds.FOLDER / word.run_id / word.name
    _holds.read_word(word.raw(), path.name)
    shown = [_hold_words(word, decision, Language(code)) for code in options.language or _language.LANGUAGES]
    if options.key is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    return _written(path, word.raw(), shown, _holds.SPACE, options, ask)


def _hold_words(word: _holds.Word, decision: Decision, language: Language) -> list[str]:
    say = language.say
    return [
        say(
            "{team} at the hold of run {run} before {phase}",
            team=decision.teams[word.team].title,
            run=word.run_id,
            phase=word.phase,
        ),
        say("You sign as {person}.", person=word.signer),
        say("Your decision is NO-GO: the run does not go on. Reason: {reason}", reason=word.reason)
        if word.reason
        else say("Your decision is GO: the run goes on."),
        say(
            "Signed with it is everything that was done and found until here: {digest}",
            digest=word.basis[:19],
        ),
    ]


def _nobody(person: str) -> GoliveError:
    return GoliveError(
        f"{person} signs for no team in {_criteria.SHOWN}.", remedy="Give --as a name that stands there."
    )


def _written(
    path: Path,
    raw: bytes,
    shown: list[list[str]],
    space: str,
    options: argparse.Namespace,
    ask: Callable[[str], str],
) -> list[str]:
    text = ["\n".join(lines) + "\n" for lines in shown]
    if options.key is None:
        return text
    sys.stdout.write("\n".join([*text, ""]))
    sys.stdout.flush()
    if not options.yes and ask(f"{options.person}: ").strip() != options.person:
        raise GoliveError("Nothing was signed.", remedy="Type your name as after --as to sign.")
    path.with_name(f"{path.name}.sig").unlink(missing_ok=True)
    path.write_bytes(raw)
    try:
        signature = _sshsig.sign(path, options.key, space)
    except GoliveError:
        path.unlink()
        raise
    return [f"{path}\n{signature}"]


def _verify(options: argparse.Namespace, _ask: Callable[[str], str]) -> list[str]:
    lines = []
    for proof in _proof.prove(options.folder):
        lines.append(f"{proof.run_id} ({proof.outcome}): all signatures hold.")
        lines += [
            f"  {one['team']}: {one['signer']} said {one['decision']} at {one['signed']}, key {one['key']}"
            for one in proof.judged.signoffs
        ]
        lines += [
            f"  {one['criterion']} waived by {one['owner']}: {one['reason']}" for one in proof.judged.waivers
        ]
        verdicts = [gate for gate in proof.judged.gates if gate.name.startswith("criterion.")]
        lines += [
            f"  {gate.verdict.value:<7} {gate.name.removeprefix('criterion.')}: {gate.detail}"
            for gate in verdicts
        ]
    return lines
