# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The execution environment as an image, and a job as AWX starts one: a container that is thrown away."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
INVENTORY = ROOT / "inventories" / "demo"
BIN = Path(sys.executable).parent
LABEL = "dfr.golive.lab=1"
UID = "274731"
"""An account that no image knows."""


def run(*argv: str | Path, cwd: Path = ROOT, check: bool = True, timeout: float = 600) -> str:
    """Runs a command; what it said, both streams."""
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert not check or done.returncode == 0, f"{' '.join(map(str, argv[:6]))}: {done.stdout[-3000:]}"
    return done.stdout


def context(folder: Path) -> Path:
    """What ansible-builder makes of execution-environment.yml."""
    definition = ROOT / "execution-environment.yml"
    run(BIN / "ansible-builder", "create", "--file", definition, "--context", folder, cwd=folder.parent)
    return folder


@functools.cache
def image() -> str:
    """The image, made anew when anything of its context or its base has changed."""
    lab = json.loads(run(sys.executable, ROOT / "molecule/default/images/build.py", "--dry-run"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = context(Path(scratch) / "context")
        for name in ("Dockerfile", "keep_collections.py"):
            shutil.copy(HERE / name, folder / name)
        packages = run(BIN / "bindep", "--brief", "--list_all", "newline", "--file", ROOT / "bindep.txt")
        total = hashlib.sha256(f"{lab['base']}\n{packages}".encode())
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            total.update(path.read_bytes())
        reference = f"dfrlab/ee:{total.hexdigest()[:12]}"
        if not run("docker", "images", "--quiet", reference).strip():
            given = [f"BASE={lab['base']}", f"PACKAGES={' '.join(packages.split())}"]
            arguments = [word for one in given for word in ("--build-arg", one)]
            run(
                "docker", "build", "--force-rm", "--label", LABEL, "--tag", reference, *arguments, str(folder)
            )  # fmt: skip
    return reference


def inside(*argv: str) -> str:
    """Runs a command in the environment, the checkout mounted read-only, as the account that no image knows."""
    return run(
        "docker", "run", "--rm", "--label", LABEL, "--user", f"{UID}:0", "--volume", f"{ROOT}:/runner/project:ro",
        "--workdir", "/runner/project", "--env", f"ANSIBLE_COLLECTIONS_PATH={PATHS}", image(), *argv,
    )  # fmt: skip


PATHS = "/runner/requirements_collections:.collections:/usr/share/ansible/collections"
"""As AWX puts it together from the project's ansible.cfg."""


@dataclass
class Job:
    """A private data directory, and the containers that played it.

    Attributes:
        folder: the private data directory.
        number: the newest container's own part of its name.
    """

    folder: Path
    number: str = field(default="")

    def write(self, survey: dict[str, Any]) -> None:
        """Inventory, key, settings, secrets and the survey's answers, as AWX lays them out."""
        for name in ("inventory", "env", "artifacts", "reports"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        script = self.folder / "inventory" / "hosts"
        script.write_text(f"#!/usr/bin/env python3\nprint({json.dumps(imported())!r})\n", encoding="utf-8")
        script.chmod(0o755)
        shutil.copy(INVENTORY / ".lab" / "known_hosts", self.folder / "env" / "known_hosts")
        shutil.copy(INVENTORY / ".lab" / "id_ed25519", self.folder / "env" / "ssh_key")
        settings = {"ANSIBLE_COLLECTIONS_PATH": PATHS, "ANSIBLE_RETRY_FILES_ENABLED": "False"}
        (self.folder / "env" / "envvars").write_text(yaml.safe_dump(settings), encoding="utf-8")
        (self.folder / "env" / "extravars").write_text(
            yaml.safe_dump({**secrets(), **survey}), encoding="utf-8"
        )
        run("chown", "-R", f"{UID}:0", self.folder)
        (self.folder / "env" / "ssh_key").chmod(0o600)

    def start(self, ident: str, playbook: str = "golive.yml") -> subprocess.Popen[str]:
        """Starts a new container; nothing of the one before is in it but the artifacts it left."""
        self.number = f"dfrlab-runner-{uuid.uuid4().hex[:8]}"
        reached = ["--network", "dfrlab-backbone"]
        mounts = ["--volume", f"{self.folder}:/runner", "--volume", f"{ROOT}:/runner/project:ro"]
        command = [
            "ansible-runner",
            "run",
            "/runner",
            "--ident",
            ident,
            "--playbook",
            playbook,
            "--inventory",
            "/runner/inventory/hosts",
        ]
        return subprocess.Popen(
            [
                "docker", "run", "--rm", "--name", self.number, "--label", LABEL, "--user", f"{UID}:0",
                *reached, *mounts, "--workdir", "/runner/project", "--env", "HOME=", image(), *command,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip

    def kill(self) -> None:
        """What a node's death does to a job."""
        run("docker", "kill", "--signal", "KILL", self.number)

    def handed_on(self, ident: str) -> dict[str, Any]:
        """What set_stats left for the workflow's next job, from the event in which AWX looks for it."""
        for path in (self.folder / "artifacts" / ident / "job_events").glob("*.json"):
            event = json.loads(path.read_text(encoding="utf-8"))
            if event["event"] == "playbook_on_stats":
                left: dict[str, Any] = event["event_data"]["artifact_data"]
                return left
        return {}


def secrets() -> dict[str, Any]:
    """What the two custom credential types put into a job's variables."""
    path = INVENTORY / "group_vars" / "all" / "secrets.yml"
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def imported() -> dict[str, Any]:
    """The country as AWX has it after an inventory source read it from the project, and as it hands it to a job.

    Key and secrets come from credentials, so the inventory has neither.
    """
    listed = run(BIN / "ansible-inventory", "--inventory", INVENTORY, "--list", "--export")
    country: dict[str, Any] = json.loads(listed[listed.index("{") :])
    hosts = country["_meta"]["hostvars"].values()
    for variables in (*hosts, *(group.get("vars", {}) for group in country.values() if group)):
        for name in {"ansible_ssh_private_key_file", *secrets()} & variables.keys():
            del variables[name]
    country["all"].setdefault("vars", {}).update(
        ansible_ssh_common_args="-o UserKnownHostsFile=/runner/env/known_hosts -o StrictHostKeyChecking=yes",
        preflight_signoff_path="/runner/project/inventories/demo/signoffs",
        load_legacy_folder="/runner/project/inventories/demo",
        golive_artifacts_dir="/runner/reports",
        # The lab's hosts share one machine: these would only tell how busy it is, and that is another test's business.
        preflight_max_skew_seconds=30.0,
        check_health_api_p95_seconds=10.0,
        start_hypercare_api_seconds=10.0,
        start_hypercare_page_seconds=30.0,
    )
    return country
