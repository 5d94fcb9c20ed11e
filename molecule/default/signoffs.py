# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's three teams decide: their keys, their criteria, the evidence of tonight, and their signatures.

``signoffs.py lay-out`` writes a copy of the demo inventory into ``.lab/signed/inventories/demo``, with a night,
criteria and evidence of its own, and prints its path; ``signoffs.py sign`` has the teams sign it. ``make demo``
rehearses in between and then goes live with it. What a team reads before it signs goes to the standard error.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "inventories" / "demo"
LAB = DEMO / ".lab"
SIGNOFF = ROOT / "roles" / "preflight" / "files" / "signoff.py"
TEAMS = {
    "national_it": ("National IT of the lab country", "head-of-it"),
    "fao": ("FAO project team of the lab country", "project-lead"),
    "contractor": ("Contractor of the lab country", "delivery-lead"),
}
WAIVED = ("secrets", "The lab's secrets open nothing but the lab")


def automatic(name: str, title: str, team: str, probe: str, **settings: Any) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "team": team,
        "kind": "automatic",
        "probe": probe,
        "settings": settings,
    }


def attested(name: str, title: str, team: str) -> dict[str, Any]:
    return {"name": name, "title": title, "team": team, "kind": "attested"}


def criteria(start: datetime, end: datetime) -> dict[str, Any]:
    """What the lab country decides by; its night begins now."""
    return {
        "cutover": f"lab-{start:%Y%m%d}",
        "start": start.isoformat(),
        "end": end.isoformat(),
        "timezone": "Pacific/Tongatapu",
        "valid_days": 2,
        "validation_report": "evidence/validation.json",
        "teams": {name: {"title": title, "signers": [person]} for name, (title, person) in TEAMS.items()},
        "criteria": [
            attested("uat", "Acceptance tests passed", "national_it"),
            attested("migration", "Migration validated", "fao"),
            attested("roles_trained", "Every role knows its part of the night", "fao"),
            attested("way_back", "The way back was walked through with all three teams", "contractor"),
            automatic(
                "machines", "The machines are ready", "national_it", "gates", names=["host", "system", "clock"]
            ),
            automatic("monitoring", "Monitoring is in place", "national_it", "gates", names=["hypercare"]),
            automatic("blackout", "No holiday", "national_it", "blackout", dates=["2030-12-25"]),
            automatic(
                "on_call", "Somebody is on call", "national_it", "roster", file="evidence/roster.json", duties=["it"]
            ),
            automatic(
                "change", "The change is approved", "national_it", "change_approved", file="evidence/change.json"
            ),
            automatic(
                "training", "Users are trained", "fao", "training", file="evidence/training.csv", minimum_percent=90
            ),
            automatic(
                "reconciled", "Both sides agree", "fao", "reconciliation", file="evidence/validation.json"
            ),
            automatic(
                "bugs", "No critical bug is open", "contractor", "open_bugs", file="evidence/bugs.json", maximum=0
            ),
            automatic(
                "migrations", "Migrations are reviewed", "contractor", "migrations_reviewed", file="evidence/db.json"
            ),
            automatic(
                "backups", "A backup was restored", "contractor", "backup_verified", file="evidence/backup.json",
                max_age_days=7,
            ),
            automatic("secrets", "Secrets are in the vault", "contractor", "secrets_in_vault"),
        ],
    }  # fmt: skip


def evidence(now: datetime, end: datetime) -> dict[str, str]:
    """What the lab's trackers, rosters and trainers would export."""
    time = now.isoformat()
    later = (end + timedelta(hours=1)).isoformat()
    issue = {"id": "LAB-1", "severity": "critical", "state": "closed"}
    content: dict[str, Any] = {
        "bugs.json": {"exported": time, "issues": [issue]},
        "validation.json": {
            "schema": "dfr.golive/validation/1",
            "country": "demo",
            "outcome": "valid",
            "compared": {"at": time},
            "tables": [],
            "reconciliation": [{"name": "farmers", "verdict": "pass"}],
        },
        "roster.json": {"shifts": [{"duty": "it", "start": time, "end": later}]},
        "change.json": {"change": "LAB-7", "state": "approved", "approved": time, "until": later},
        "db.json": {"migrations": [{"name": "dfr_registry 19.0.1", "reviewed": True}]},
        "backup.json": {"restored": time, "verdict": "pass"},
    }
    texts = {name: json.dumps(value) for name, value in content.items()}
    return {**texts, "training.csv": "role,trained,required\nenumerator,228,228\nadministrator,3,3\n"}


def key(person: str) -> Path:
    """The person's key, made once."""
    path = LAB / "signers" / person
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", person, "-f", path], check=True)
    return path


def place() -> Path:
    return LAB / "signed" / "inventories" / "demo"


def copied(start: datetime, end: datetime) -> Path:
    """The demo inventory once more, with a night set, and a rehearsal and signatures asked for."""
    target = place()
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(DEMO, target, ignore=shutil.ignore_patterns(".lab", "signoffs"))
    (target / ".lab").symlink_to(LAB)
    country = target / "group_vars" / "all" / "country.yml"
    content = yaml.safe_load(country.read_text(encoding="utf-8"))
    content |= {
        "preflight_signoffs": "signed",
        "preflight_rehearsal_days": 1,
        "golive_plan": {"start": start.isoformat(), "end": end.isoformat(), "rollback_minutes": 5},
    }
    country.write_text(yaml.safe_dump(content), encoding="utf-8")
    return target


def signed(command: str, person: str, inventory: Path, *more: str) -> None:
    words = [sys.executable, SIGNOFF, command, "--inventory", inventory, "--as", person]
    words += ["--key", key(person), "--days", "1", "--yes", *more]
    subprocess.run(words, check=True, stdout=sys.stderr)


def images() -> dict[str, str]:
    """The images that the lab runs, by the part of the country."""
    units = {"staging": "staging-odoo", "production": "production-odoo", "proxy": "production-proxy"}
    inspect = ["docker", "inspect", "--format", "{{.Image}}", *(f"dfrlab-{unit}" for unit in units.values())]
    found = subprocess.run(inspect, check=True, capture_output=True, text=True).stdout.split()
    return dict(zip(units, found, strict=True))


def lay_out(images: dict[str, str]) -> Path:
    """The inventory with all that is decided by, and nobody's decision yet.

    Args:
        images: name -> digest, as `images` gives it.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    end = now + timedelta(hours=4)
    inventory = copied(now, end)
    folder = inventory / "signoffs"
    (folder / "evidence").mkdir(parents=True)
    for name, text in evidence(now, end).items():
        (folder / "evidence" / name).write_text(text, encoding="utf-8")
    (folder / "criteria.yml").write_text(
        yaml.safe_dump({**criteria(now, end), "images": images}, sort_keys=False), encoding="utf-8"
    )
    people = [person for _title, person in TEAMS.values()]
    keys = {
        person: key(person).with_suffix(".pub").read_text(encoding="ascii").split()[:2] for person in people
    }
    lines = [" ".join([person, *keys[person]]) for person in people]
    (folder / "allowed_signers").write_text("\n".join([*lines, ""]), encoding="ascii")
    return inventory


def sign() -> None:
    """Each team's decision, and the one waiver."""
    inventory = place()
    signed("waive", "delivery-lead", inventory, "--criterion", WAIVED[0], "--reason", WAIVED[1])
    for _title, person in TEAMS.values():
        signed("sign", person, inventory)


def main() -> None:
    parser = argparse.ArgumentParser(description="The lab's three teams decide.")
    parser.add_argument("command", choices=["lay-out", "sign"])
    if parser.parse_args().command == "sign":
        sign()
    else:
        print(lay_out(images()))


if __name__ == "__main__":
    main()
