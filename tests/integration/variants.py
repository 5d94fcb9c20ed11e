# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab country with something wrong in its inventory, and the go-live run against it."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from edgelab import on

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "inventories" / "demo"
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Run:
    """What one ansible-playbook said.

    Attributes:
        said: the output with line breaks of wrapped messages folded, so that a sentence can be looked for.
    """

    code: int
    output: str

    @property
    def said(self) -> str:
        return " ".join(self.output.split())


class Variant:
    """A copy of the demo inventory with a state folder of its own on the conductor."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "inventories" / "demo"
        shutil.copytree(DEMO, self.path, ignore=shutil.ignore_patterns(".lab"))
        (self.path / ".lab").symlink_to(DEMO / ".lab")
        self.state_dir = f"/var/lib/dfr-golive-test-{uuid.uuid4().hex[:8]}"
        self.home = folder / "ansible"
        self.artifacts = folder / "artifacts"
        self.set("country.yml", "golive_state_dir", self.state_dir)
        # The timers that prepare.yml put on the lab's hosts look into the lab's own folder.
        self.set("country.yml", "freeze_legacy_lease_seconds", 0)
        self.set("country.yml", "golive_artifacts_dir", str(self.artifacts))

    def file(self, name: str) -> Path:
        return self.path / name if name == "hosts.yml" else self.path / "group_vars" / "all" / name

    def set(self, name: str, path: str, value: Any) -> None:
        """Replace the value at a dotted path of one file; ``...`` removes it."""
        content = yaml.safe_load(self.file(name).read_text())
        *parents, last = path.split(".")
        target = content
        for key in parents:
            target = target[key]
        if value is ...:
            del target[last]
        else:
            target[last] = value
        self.file(name).write_text(yaml.safe_dump(content, sort_keys=False))

    def rename(self, name: str, old: str, new: str) -> None:
        self.file(name).write_text(self.file(name).read_text().replace(old, new))

    def preflight(self, *arguments: str, playbook: str = "golive.yml") -> Run:
        """Open the run and do phase 1, as an operator would type it."""
        command = [BIN / "ansible-playbook", playbook, "-i", self.path, "--tags", "preflight", *arguments]
        result = subprocess.run(
            command,
            cwd=ROOT,
            env={
                **os.environ,
                "PATH": f"{BIN}:{os.environ['PATH']}",
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_HOME": str(self.home),
                "ANSIBLE_TIMEOUT": "5",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Run(result.returncode, result.stdout + result.stderr)

    def journal(self) -> list[dict[str, Any]]:
        """The records on the conductor; none when there is no journal."""
        text = on("ops", f"cat {self.state_dir}/*/journal.jsonl {self.state_dir}/journal.jsonl", check=False)
        return [json.loads(line) for line in text.splitlines() if line.strip()]

    def everything_kept(self) -> str:
        """All that the run left on the conductor and on the controller, as one text."""
        state = on("ops", f"find {self.state_dir} -type f -exec cat {{}} +", check=False)
        here = [path.read_text(errors="replace") for path in self.artifacts.rglob("*") if path.is_file()]
        return "\n".join([state, *here])

    def remove(self) -> None:
        on("ops", f"rm -rf {self.state_dir}")


@functools.cache
def prepare() -> None:
    """What an operator does days before: playbooks/prepare.yml, once for all tests."""
    result = subprocess.run(
        [BIN / "ansible-playbook", "playbooks/prepare.yml", "-i", DEMO],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def psql(environment: str, query: str, database: str = "postgres") -> str:
    return on(
        f"{environment}-db",
        f"su postgres -c \"psql -XAt -v ON_ERROR_STOP=1 -d {database}\" <<'SQL'\n{query}\nSQL\n",
    )


def world() -> dict[str, str]:
    """What a go-live changes first, as the servers' own superusers see it; other tests' objects don't count."""
    accounts = (
        "select user, host, json_value(priv, '$.account_locked') from mysql.global_priv"
        " where user in ('registry_app', 'dfr_golive') order by 1, 2;"
        " select user, insert_priv, update_priv from mysql.db"
        " where db = 'old_registry' and user in ('registry_app', 'dfr_golive') order by 1;"
    )
    roles = (
        "select rolname, rolcanlogin, rolconnlimit, rolsuper, rolcreatedb, rolcreaterole from pg_roles"
        " where rolname in ('odoo', 'dfr_golive') order by 1"
    )
    databases = (
        "select datname, datallowconn, datconnlimit, datacl::text, datdba::regrole from pg_database"
        " where datname in ('postgres', 'dfr_staging', 'dfr_production', 'dfr_production_incoming',"
        " 'dfr_production_before') order by 1"
    )
    seen = {"legacy": on("legacy", f'mariadb --batch --skip-column-names -e "{accounts}"')}
    for end in ("staging", "production"):
        seen[end] = psql(end, f"{roles};\n{databases};")
    seen["door"] = on("production", "cat /srv/dfr/proxy/door.conf")
    seen["name"] = on("ops", "dig +short dfr.demo.test @10.28.50.21")
    return seen


def ask(host: str, module: str, arguments: dict[str, Any], home: Path) -> dict[str, Any]:
    """Run one module on one machine of the lab, as a task would."""
    result = subprocess.run(
        [BIN / "ansible", host, "-i", DEMO, "-m", f"dfr.golive.{module}", "-a", json.dumps(arguments)],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_HOME": str(home),
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    answer = json.loads(result.stdout[result.stdout.index("{") :])
    seen: dict[str, Any] = answer["plays"][0]["tasks"][0]["hosts"][host]
    return seen


def verdicts(answer: dict[str, Any]) -> dict[str, str]:
    return {gate["name"]: gate["verdict"] for gate in answer["gates"]}


@contextlib.contextmanager
def tls_server(port: int, days: int) -> Iterator[None]:
    """A TLS server on the production machine that answers 200 to everything.

    Its certificate for the final name is of the lab's CA and ends in ``days`` days, in the past when negative.
    """
    authority = DEMO / ".lab"
    ca = x509.load_pem_x509_certificate((authority / "ca.pem").read_bytes())
    ca_key = serialization.load_pem_private_key((authority / "ca.key").read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dfr.demo.test")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=30))
        .not_valid_after(today + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("dfr.demo.test")]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())  # type: ignore[arg-type]
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    folder = f"/tmp/dfr-golive-test-{port}"
    on(
        "production",
        f"mkdir -p {folder} && cat > {folder}/server.pem <<'PEM'\n{pem.decode()}PEM\n"
        f"openssl s_server -accept {port} -cert {folder}/server.pem -key {folder}/server.pem -www"
        f" >/dev/null 2>&1 & echo $! > {folder}/pid; sleep 0.5",
    )
    try:
        yield
    finally:
        on("production", f"kill $(cat {folder}/pid); rm -rf {folder}", check=False)
