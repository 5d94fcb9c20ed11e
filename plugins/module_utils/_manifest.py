# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a team signs: the facts of the go-live it decides about, and the decision.

The facts are computed the same way when a team signs and when the run asks, from files alone. Where they differ, the
signature is void, and the field that differs is named.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _strict
from ansible_collections.dfr.golive.plugins.module_utils._criteria import FILE, Decision
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._sshsig import ALLOWED

SCHEMA = "dfr.golive/signoff/1"
WAIVER_SCHEMA = "dfr.golive/waiver/1"
GO, NO_GO = "go", "no-go"
SKEW = timedelta(minutes=5)
LIMIT_BYTES = 64 << 10
FILE_LIMIT_BYTES = 64 << 20
"""Of one file beside the inventory: a mapping or a workbook of corrections is longer than a manifest."""
COLLECTION = Path(__file__).resolve().parents[2]
"""Where this collection lies."""
SHIPPED = ("group_vars", "host_vars", "meta", "playbooks", "plugins", "roles")
"""What runs; variables beside a playbook count, though the collection brings none."""
SIGNED_HERE = (FILE, ALLOWED)
"""Of the folder signoffs, what belongs to the configuration; signatures and evidence don't."""


@dataclass(frozen=True)
class Facts:
    """What a go-live is, as far as files tell.

    Attributes:
        country: its short code, the name of the inventory's folder.
        cutover: name of this attempt.
        plan: digest of phases, night, teams and criteria.
        collection: version, commit (empty outside a checkout) and digest of what runs.
        images: name -> digest.
        configuration: file of the inventory -> digest.
        validation_report: digest; empty when none is declared.
        criteria: team -> criterion -> digest of its definition.
    """

    country: str
    cutover: str
    plan: str
    collection: Mapping[str, str]
    images: Mapping[str, str]
    configuration: Mapping[str, str]
    validation_report: str
    criteria: Mapping[str, Mapping[str, str]]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Facts:
        return cls(**{name: raw[name] for name in cls.__dataclass_fields__})


def gather(folder: Path, decision: Decision) -> Facts:
    """The facts as they are now.

    Args:
        folder: ``signoffs`` of the inventory.

    Raises:
        GoliveError: a file can't be read, or is none that can be signed.
    """
    report = decision.validation_report
    return Facts(
        country=folder.resolve().parent.name,
        cutover=decision.cutover,
        plan=_strict.sha256(_strict.canonical(decision.plan())),
        collection=collection_facts(COLLECTION),
        images=dict(decision.images),
        configuration=configuration(folder),
        validation_report=_strict.sha256(_strict.read(folder, report)) if report else "",
        criteria={team: decision.owned(team) for team in decision.teams},
    )


def configuration(folder: Path) -> dict[str, str]:
    """Each file of the inventory that Ansible may read, with its digest.

    Raises:
        GoliveError: one can't be read, or is a link.
    """
    inventory = folder.parent
    found = {
        name: _strict.sha256(_strict.read(inventory, name, limit=FILE_LIMIT_BYTES))
        for name in _files(inventory, inventory)
    }
    for name in SIGNED_HERE:
        found[f"{folder.name}/{name}"] = _strict.sha256(_strict.read(folder, name))
    return found


def _files(folder: Path, inventory: Path) -> Iterator[str]:
    """What Ansible passes over (hidden files, editors' copies) is passed over; a link is for `_strict` to refuse."""
    for path in sorted(folder.iterdir()):
        name = path.relative_to(inventory).as_posix()
        if path.name.startswith(".") or path.name.endswith(("~", ".pyc")) or name == "signoffs":
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path, inventory)
        else:
            yield name


def collection_facts(root: Path) -> dict[str, str]:
    """Which collection this is: one digest over every file that runs."""
    total = hashlib.sha256()
    paths = [path for part in SHIPPED for path in sorted((root / part).rglob("*"))]
    for path in [root / "golive.yml", *paths]:
        if path.is_file() and path.suffix != ".pyc":
            name = path.relative_to(root).as_posix()
            total.update(_strict.canonical([name, hashlib.sha256(path.read_bytes()).hexdigest()]))
    return {"commit": _commit(root), "digest": f"sha256:{total.hexdigest()}"}


def _commit(root: Path) -> str:
    """Empty where there is no checkout: the digest says the same of what runs."""
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@dataclass(frozen=True)
class Manifest:
    """One person's decision for a team, as it was signed.

    Attributes:
        withheld: attested criteria of the team that this person doesn't vouch for.
    """

    team: str
    signer: str
    decision: str
    reason: str
    signed: datetime
    expires: datetime
    facts: Facts
    withheld: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.team}.{self.signer}.json"

    def raw(self) -> bytes:
        facts = self.facts.as_dict()
        owned = self.facts.criteria.get(self.team, {})
        return _strict.canonical(
            {
                **facts,
                "criteria": {name: digest for name, digest in owned.items() if name not in self.withheld},
                "withheld": {name: digest for name, digest in owned.items() if name in self.withheld},
                "schema": SCHEMA,
                "team": self.team,
                "signer": self.signer,
                "decision": self.decision,
                "reason": self.reason,
                "signed": _strict.stamp(self.signed),
                "expires": _strict.stamp(self.expires),
            }
        )


_FIELDS: dict[str, type] = {
    "schema": str,
    "country": str,
    "cutover": str,
    "team": str,
    "signer": str,
    "decision": str,
    "reason": str,
    "signed": str,
    "expires": str,
    "plan": str,
    "collection": dict,
    "images": dict,
    "configuration": dict,
    "validation_report": str,
    "criteria": dict,
    "withheld": dict,
}
_BLANK = ("reason", "validation_report")


def read_manifest(raw: bytes, shown: str) -> Manifest:
    """
    Raises:
        GoliveError: it isn't a manifest as the signing command writes it.
    """
    again = f"Make {shown} again with roles/preflight/files/signoff.py."
    content = _canonical(
        raw, shown, SCHEMA, again, {name: kind for name, kind in _FIELDS.items() if name not in _BLANK}
    )
    if content["decision"] not in (GO, NO_GO):
        raise GoliveError(f"{shown} decides {content['decision']!r}; it has to be go or no-go.", remedy=again)
    if content["decision"] == NO_GO and not content["reason"].strip():
        raise GoliveError(f"{shown} says no-go without a reason.", remedy=again)
    _strict.shaped(content["collection"], f"{shown}: collection", {"digest": str}, {"commit": str})
    for name in ("images", "configuration", "criteria", "withheld"):
        _strict.shaped(content[name], f"{shown}: {name}", dict.fromkeys(content[name], str))
    owned = {**content["criteria"], **content["withheld"]}
    facts = Facts.from_dict({**content, "criteria": {content["team"]: owned}})
    return Manifest(
        content["team"],
        content["signer"],
        content["decision"],
        content["reason"],
        _strict.moment(content["signed"], shown, "signed"),
        _strict.moment(content["expires"], shown, "expires"),
        facts,
        tuple(content["withheld"]),
    )


def _canonical(raw: bytes, shown: str, schema: str, again: str, needed: Mapping[str, type]) -> dict[str, Any]:
    content = _strict.parse(raw, shown)
    if isinstance(content, dict) and content.get("schema") != schema:
        raise GoliveError(
            f"{shown} is of the schema {content.get('schema')!r}, not {schema!r}.", remedy=again
        )
    optional = {"reason": str, "validation_report": str} if schema == SCHEMA else {}
    _strict.shaped(content, shown, needed, optional)
    missing = [name for name in optional if name not in content]
    if missing:
        raise GoliveError(f"{shown} lacks {', '.join(missing)}.", remedy=again)
    if _strict.canonical(content) != raw:
        raise GoliveError(f"{shown} isn't written as the signing command writes it.", remedy=again)
    found: dict[str, Any] = content
    return found


def differences(manifest: Manifest, facts: Facts) -> list[str]:
    """Which signed fields are no longer so, one clause each."""
    signed, team = manifest.facts, manifest.team
    found = [
        f"{name} was {getattr(signed, name) or 'none'}, now is {getattr(facts, name) or 'none'}"
        for name in ("country", "cutover")
        if getattr(signed, name) != getattr(facts, name)
    ]
    found += _apart("criterion", signed.criteria.get(team, {}), facts.criteria.get(team, {}))
    found += _apart("configuration", signed.configuration, facts.configuration)
    found += _apart("image", signed.images, facts.images)
    if signed.plan != facts.plan:
        found.append("plan: the phases, the night, the teams or the criteria")
    if signed.validation_report != facts.validation_report:
        found.append("validation_report: another report, or none")
    if signed.collection.get("digest") != facts.collection.get("digest"):
        found.append(
            f"collection.digest: other files run than at commit {signed.collection.get('commit') or 'unknown'}"
        )
    commits = [one.get("commit", "") for one in (signed.collection, facts.collection)]
    if all(commits) and commits[0] != commits[1]:
        found.append(f"collection.commit was {commits[0][:12]}, now is {commits[1][:12]}")
    return found


def _apart(what: str, signed: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    found = [f"{what} {name} is gone" for name in sorted(set(signed) - set(now))]
    found += [f"{what} {name} is new" for name in sorted(set(now) - set(signed))]
    return found + [
        f"{what} {name} was changed" for name in sorted(signed) if name in now and signed[name] != now[name]
    ]


def check_times(
    signed: datetime,
    expires: datetime,
    now: datetime,
    valid_days: int,
    not_before: datetime | None,
    shown: str,
) -> None:
    """
    Raises:
        GoliveError: signed in the future, before the last run ended, for too long, or expired.
    """
    again = f"Sign again and put the new {shown} there."
    if signed > now + SKEW:
        raise GoliveError(
            f"{shown} was signed at {_strict.stamp(signed)}, which is in the future.",
            remedy=f"Correct the clock where {shown} was signed, or that of the controller, and sign again.",
        )
    if expires <= signed:
        raise GoliveError(f"{shown} expires before it was signed.", remedy=again)
    if expires - signed > timedelta(days=valid_days):
        raise GoliveError(
            f"{shown} is to stand until {_strict.stamp(expires)}; {valid_days} days are allowed.",
            remedy=again,
        )
    if now >= expires:
        raise GoliveError(f"{shown} expired at {_strict.stamp(expires)}.", remedy=again)
    if not_before and signed <= not_before:
        raise GoliveError(
            f"{shown} was signed at {_strict.stamp(signed)}, for the run that ended at {_strict.stamp(not_before)}.",
            remedy=f"Decide anew: {again[0].lower()}{again[1:]}",
        )


@dataclass(frozen=True)
class Waiver:
    """An owner's decision to go although one criterion fails."""

    country: str
    cutover: str
    criterion: str
    definition: str
    reason: str
    owner: str
    signed: datetime
    expires: datetime

    @property
    def name(self) -> str:
        return f"waiver.{self.criterion}.json"

    def raw(self) -> bytes:
        return _strict.canonical(
            {
                **asdict(self),
                "schema": WAIVER_SCHEMA,
                "signed": _strict.stamp(self.signed),
                "expires": _strict.stamp(self.expires),
            }
        )


def read_waiver(raw: bytes, shown: str) -> Waiver:
    """
    Raises:
        GoliveError: it isn't a waiver with reason, owner and expiry.
    """
    again = f"Make {shown} again with roles/preflight/files/signoff.py waive."
    names = ("schema", *Waiver.__dataclass_fields__)
    content = _canonical(raw, shown, WAIVER_SCHEMA, again, dict.fromkeys(names, str))
    del content["schema"]
    times = {name: _strict.moment(content[name], shown, name) for name in ("signed", "expires")}
    return Waiver(**{**content, **times})
