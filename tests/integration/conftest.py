# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's servers, as the tests see them: as their superuser through the container, as anybody over TLS."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.dfr.golive.plugins.module_utils._mariadb import MariadbLogin
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin
from jinja2 import Environment, StrictUndefined
from variants import prepare

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = ROOT / "inventories" / "demo"


@dataclass(frozen=True)
class Server:
    """One database server of the lab.

    Attributes:
        container: where its superuser is let in without a password.
        address, port: where everybody else finds it, from here.
        ca: who signed its certificate, which is for its name and not for the address.
    """

    container: str
    address: str
    port: int
    ca: str

    def mariadb(self, statements: str) -> str:
        """As root."""
        return self._run(
            ["mariadb", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"], statements
        )

    def psql(self, statements: str, database: str = "postgres") -> str:
        """As postgres."""
        return self._run(
            ["su", "postgres", "-c", f"psql -X -q -A -t -v ON_ERROR_STOP=1 -d {database}"], statements
        )

    def _run(self, command: list[str], statements: str) -> str:
        done = subprocess.run(
            ["docker", "exec", "-i", self.container, *command],
            input=statements,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == 0, f"{self.container}: {done.stderr}\n{statements}"
        return done.stdout

    def mariadb_login(self, user: str, password: str, database: str) -> MariadbLogin:
        return MariadbLogin(self.address, self.port, user, password, database, "verify_ca", self.ca)

    def postgres_login(self, user: str, password: str, database: str) -> PostgresLogin:
        return PostgresLogin(
            self.address, self.port, user, password, database, ssl_mode="verify-ca", ca_cert=self.ca
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that bring servers of their own (``box``) need no lab: ``-m sandbox`` chooses them."""
    for item in items:
        if "box" in getattr(item, "fixturenames", ()):
            item.add_marker("sandbox")


def played(config: pytest.Config) -> Path:
    return ROOT / "artifacts" / f"played-{'sandbox' if config.getoption('-m') == 'sandbox' else 'lab'}.log"


def pytest_sessionstart(session: pytest.Session) -> None:
    path = played(session.config)
    path.parent.mkdir(exist_ok=True)
    path.write_text("")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A line for each test as it ends: Molecule shows what pytest says only when all is over."""
    report = yield
    if report.when == "call" or not report.passed:
        with played(item.config).open("a", encoding="utf-8") as lines:
            lines.write(f"{report.outcome} {report.nodeid} ({report.when}, {report.duration:.1f} s)\n")
            if report.failed:
                crash = getattr(report.longrepr, "reprcrash", None)
                lines.write(f"    {crash.message.splitlines()[0] if crash else report.longreprtext}\n")
    return report


@pytest.fixture(scope="session", autouse=True)
def prepared_lab(request: pytest.FixtureRequest) -> None:
    """The lab as a country is days before its night: playbooks/prepare.yml has been run."""
    if not all(item.get_closest_marker("sandbox") for item in request.session.items):
        prepare()


@pytest.fixture(scope="session")
def country() -> dict[str, Any]:
    """The demo inventory's variables, rendered."""
    raw: dict[str, Any] = {}
    for path in sorted((INVENTORY / "group_vars" / "all").glob("*.yml")):
        raw.update(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    environment = Environment(undefined=StrictUndefined, autoescape=False)

    def rendered(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: rendered(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [rendered(inner) for inner in value]
        if isinstance(value, str) and "{{" in value:
            return environment.from_string(value).render(raw)
        return value

    return {key: rendered(value) for key, value in raw.items() if key.startswith(("golive_", "secret_"))}


@pytest.fixture(scope="session")
def legacy_server() -> Server:
    return Server("dfrlab-legacy", "10.28.50.11", 3306, str(INVENTORY / ".lab" / "ca.pem"))


@pytest.fixture(scope="session")
def staging_server() -> Server:
    return Server("dfrlab-staging-db", "10.28.50.31", 5432, str(INVENTORY / ".lab" / "ca.pem"))


@pytest.fixture(scope="session")
def production_server() -> Server:
    return Server("dfrlab-production-db", "10.28.52.31", 5432, str(INVENTORY / ".lab" / "ca.pem"))
