# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an outsider sees of the lab country: its databases as their own superusers, its name as its users."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rdatatype
import testinfra

ROOT = Path(__file__).resolve().parents[2]
# The lab's own, or that of its twin; see molecule/default/twin.sh.
HOME = ROOT / os.environ.get("STORY_HOME", ".")
INVENTORY = HOME / "inventories" / "demo"
ARTIFACTS = HOME / "artifacts"
PREFIX, BACKBONE = ("dfrlab-", "10.28.50") if HOME == ROOT else ("dfrtwin-", "10.30.50")
# Molecule's own settings, under which the judge runs in a story, aren't an operator's.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name == "ANSIBLE_SSH_CONTROL_PATH_DIR" or not name.startswith(("ANSIBLE_", "MOLECULE_"))
} | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
FQDN = "dfr.demo.test"
PROXY = f"{BACKBONE}.40"
LEGACY = f"{BACKBONE}.11"
NAME_SERVERS = {
    "primary": f"{BACKBONE}.21",
    "secondary": f"{BACKBONE}.22",
    "resolver": f"{BACKBONE}.23",
}
PHASES = (
    "preflight",
    "freeze_legacy",
    "sync_data",
    "lock_config",
    "check_health",
    "backup_database",
    "switch_dns",
    "enable_users",
    "start_hypercare",
)


def container(name: str) -> Any:
    return testinfra.get_host(f"docker://{PREFIX}{name}")


def psql(environment: str, database: str, query: str) -> list[str]:
    """Rows of a query, asked as the cluster's superuser inside its own container."""
    result = container(f"{environment}-db").run(
        "su postgres -c %s", f'psql -X -A -t -v ON_ERROR_STOP=1 -d {database} -c "{query}"'
    )
    assert result.rc == 0, result.stderr
    return result.stdout.split("\n")[:-1]


def mariadb(query: str) -> list[str]:
    result = container("legacy").run("mariadb --batch --skip-column-names -e %s", query)
    assert result.rc == 0, result.stderr
    return result.stdout.split("\n")[:-1]


def addresses(server: str) -> list[str]:
    """What one name server answers for the name, or the error it gives."""
    query = dns.message.make_query(FQDN, dns.rdatatype.A)
    answer = dns.query.udp(query, NAME_SERVERS[server], timeout=5)
    return [str(item) for rrset in answer.answer for item in rrset if rrset.rdtype == dns.rdatatype.A]


def tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(INVENTORY / ".lab/ca.pem"))


class Browser:
    """A user's way in: the name asked from the resolver, the certificate verified for that name."""

    def __init__(self, address: str | None = None) -> None:
        self.address = address or addresses("resolver")[0]
        self.cookie = ""

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        connection = http.client.HTTPSConnection(FQDN, context=tls(), timeout=30)
        raw = socket.create_connection((self.address, 443), timeout=30)
        connection.sock = tls().wrap_socket(raw, server_hostname=FQDN)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self.cookie:
            headers["Cookie"] = self.cookie
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
        for value in response.headers.get_all("Set-Cookie") or []:
            if value.startswith("session_id="):
                self.cookie = value.split(";")[0]
        connection.close()
        return response.status, text

    def call(self, path: str, params: dict[str, Any]) -> Any:
        status, text = self.request("POST", path, {"jsonrpc": "2.0", "method": "call", "params": params})
        assert status == 200, (status, text[:200])
        answer = json.loads(text)
        assert "error" not in answer, answer["error"]["data"]["message"]
        return answer["result"]

    def login(self, database: str, login: str, password: str) -> int:
        result = self.call(
            "/web/session/authenticate", {"db": database, "login": login, "password": password}
        )
        return int(result["uid"])


def acknowledged(host: str) -> list[int]:
    """The ids that a writer was told are safe, from the writer's own log."""
    log = container(host).file("/var/log/dfrlab/writer.log").content_string
    return [int(line.split()[2]) for line in log.splitlines() if " acknowledged " in line]


def eventually(question: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    limit = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < limit, f"after {seconds:.0f} s still not: {what}"
        time.sleep(1)


def play(playbook: str, *arguments: str) -> tuple[int, str]:
    """A playbook as an operator runs it: its exit code, and what it said on one line."""
    done = subprocess.run(
        ["ansible-playbook", f"playbooks/{playbook}.yml", "-i", str(INVENTORY), *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def report(country: str = "demo") -> dict[str, Any]:
    path = ARTIFACTS / country / "latest/report.json"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
