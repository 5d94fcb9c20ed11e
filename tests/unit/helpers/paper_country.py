# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small country whose three teams sign, for tests: real keys, real signatures, a clock that stands."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.dfr.golive.plugins.module_utils import (
    _criteria,
    _manifest,
    _papers,
    _sshsig,
    _strict,
)
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, passed
from ansible_collections.dfr.golive.plugins.module_utils._manifest import Manifest, Waiver

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
PEOPLE = ("head-of-it", "deputy-of-it", "project-lead", "delivery-lead", "stranger")
IMAGE = "sha256:" + "1" * 64
RUNS = {
    "item": {"key": "production", "value": {"unit": "production-odoo"}},
    "exists": True,
    "container": {"Image": IMAGE, "Config": {"Image": "odoo:19"}},
}
CRITERIA: dict[str, Any] = {
    "cutover": "tonga-1",
    "start": "2026-11-22T20:00:00+13:00",
    "end": "2026-11-23T04:00:00+13:00",
    "timezone": "Pacific/Tongatapu",
    "validation_report": "evidence/validation.json",
    "images": {"production": IMAGE},
    "teams": {
        "national_it": {"title": "National IT", "signers": ["head-of-it", "deputy-of-it"], "quorum": 2},
        "fao": {"title": "FAO", "signers": ["project-lead"]},
        "contractor": {"title": "Contractor", "signers": ["delivery-lead"]},
    },
    "criteria": [
        {"name": "uat", "title": "Acceptance tests passed", "team": "national_it", "kind": "attested"},
        {"name": "migration", "title": "Migration validated", "team": "fao", "kind": "attested"},
        {
            "name": "bugs",
            "title": "No critical bug is open",
            "team": "contractor",
            "kind": "automatic",
            "probe": "open_bugs",
            "settings": {"file": "evidence/bugs.json", "maximum": 0},
        },
        {
            "name": "machines",
            "title": "Machines are ready",
            "team": "contractor",
            "kind": "automatic",
            "probe": "gates",
            "settings": {"names": ["host"]},
        },
    ],
}
BUGS = {
    "exported": "2026-11-22T05:00:00+00:00",
    "issues": [
        {"id": "B-1", "severity": "critical", "state": "closed"},
        {"id": "B-2", "severity": "minor", "state": "open"},
    ],
}


class PaperCountry:
    """An inventory with its folder ``signoffs``."""

    def __init__(self, root: Path, keys: Path) -> None:
        self.inventory = root / "inventories" / "tonga"
        self.folder = self.inventory / "signoffs"
        self.keys = keys

    def make(self) -> None:
        (self.folder / "evidence").mkdir(parents=True)
        (self.inventory / "group_vars" / "all").mkdir(parents=True)
        (self.inventory / "hosts.yml").write_text("golive_state:\n  hosts:\n    ops:\n")
        (self.inventory / "group_vars" / "all" / "country.yml").write_text("golive_country: tonga\n")
        self.json("evidence/validation.json", {"checks": 1})
        self.json("evidence/bugs.json", BUGS)
        self.criteria(CRITERIA)
        people = [person for person in PEOPLE if person != "stranger"]
        self.write("allowed_signers", "".join(self.line(person) for person in people))
        for person in people:
            self.sign(person)

    def copy(self, root: Path) -> PaperCountry:
        other = PaperCountry(root, self.keys)
        shutil.copytree(self.inventory, other.inventory)
        return other

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def json(self, name: str, content: Any) -> Path:
        return self.write(name, json.dumps(content))

    def criteria(self, content: Any) -> None:
        self.write("criteria.yml", yaml.safe_dump(content, sort_keys=False))

    def public(self, person: str) -> str:
        return " ".join((self.keys / f"{person}.pub").read_text().split()[:2])

    def line(self, person: str, options: str = "", key: str = "") -> str:
        return " ".join(part for part in (person, options, self.public(key or person)) if part) + "\n"

    def decision(self) -> _criteria.Decision:
        return _criteria.understood(_criteria.read(self.folder))

    def manifest(self, person: str, **changes: Any) -> Manifest:
        decision = self.decision()
        made = Manifest(
            decision.team_of(person) or "fao",
            person,
            "go",
            "",
            NOW - timedelta(hours=1),
            NOW + timedelta(days=2),
            _manifest.gather(self.folder, decision),
        )
        return replace(made, **changes)

    def sign(
        self, person: str, *, key: str = "", space: str = _sshsig.SIGNOFF, name: str = "", **changes: Any
    ) -> Path:
        """Sign as somebody, with whatever is changed; the file keeps the person's name unless given."""
        manifest = self.manifest(person, **changes)
        return self.seal(name or manifest.name, manifest.raw(), key or person, space)

    def waive(
        self, criterion: str, owner: str, *, key: str = "", space: str = _sshsig.WAIVER, **changes: Any
    ) -> Path:
        digest = (
            self.decision().criteria[criterion].digest
            if criterion in self.decision().criteria
            else "sha256:0"
        )
        made = Waiver(
            "tonga",
            "tonga-1",
            criterion,
            digest,
            "Known and harmless",
            owner,
            NOW - timedelta(hours=1),
            NOW + timedelta(days=1),
        )
        waiver = replace(made, **changes)
        return self.seal(f"waiver.{criterion}.json", waiver.raw(), key or owner, space)

    def seal(self, name: str, raw: bytes, key: str, space: str = _sshsig.SIGNOFF) -> Path:
        path = self.write(name, raw)
        _sshsig.sign(path, self.keys / key, space)
        return path

    def edit(self, name: str, **changes: Any) -> None:
        """Change fields of a signed file, leaving the signature as it is."""
        content = json.loads((self.folder / name).read_bytes())
        self.write(name, _strict.canonical({**content, **changes}))

    def reseal(self, name: str, key: str, space: str = _sshsig.SIGNOFF, **changes: Any) -> None:
        """Change fields and sign again: what a signer could do by hand. ``...`` removes a field."""
        content = {**json.loads((self.folder / name).read_bytes()), **changes}
        kept = {field: value for field, value in content.items() if value is not ...}
        self.seal(name, _strict.canonical(kept), key, space)

    def judge(self, **options: Any) -> list[Gate]:
        return self.found(**options).gates

    def found(self, **options: Any) -> _papers.Found:
        asked: dict[str, Any] = {"gates": [passed("host.ops", "It answers.")], **options}
        return _papers.judge(
            _papers.Asked(
                self.folder,
                asked.pop("country", "tonga"),
                asked.pop("now", NOW),
                **{"containers": [RUNS], **asked},
            )
        )


def make_keys(folder: Path) -> Path:
    for person in PEOPLE:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", person, "-f", str(folder / person)],
            check=True,
        )
    return folder
