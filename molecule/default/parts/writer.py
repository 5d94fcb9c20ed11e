#!/usr/bin/env python3
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registers farmers for as long as it is let, and writes down what became of each.

One line per attempt: ``<time> acknowledged <id>``, ``<time> refused <why>`` or ``<time> error <why>``. An
acknowledged row was committed: it must be found wherever the registry goes. After a refusal or an error it
tries again more slowly, so that it resumes when the fence is lifted.
"""

from __future__ import annotations

import json
import signal
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

PAUSE_AFTER_REFUSAL = 1.0
TIMEOUT = 10


class RefusedError(Exception):
    """The registry does not let us write."""


class Registry(Protocol):
    """Where farmers are registered."""

    def register(self, number: int) -> int:
        """Registers one farmer and returns its id; raises RefusedError where it may not."""

    def forget(self) -> None:
        """Drops the connection, so that the next attempt logs in again."""


class OldRegistry:
    """The legacy database, as its application uses it."""

    # access denied to the server, database, table, column or command; locked, expired; killed; read-only
    REFUSALS = (1044, 1045, 1142, 1143, 1227, 1290, 1370, 1820, 1862, 1927, 1053, 4151)

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.connection: Any = None

    def register(self, number: int) -> int:
        import pymysql

        try:
            if self.connection is None:
                self.connection = pymysql.connect(
                    host=self.settings["host"],
                    port=self.settings["port"],
                    user=self.settings["user"],
                    password=self.settings["password"],
                    database=self.settings["database"],
                    charset="latin1",
                    ssl={"ca": self.settings["ca"]},
                    connect_timeout=TIMEOUT,
                    read_timeout=TIMEOUT,
                    autocommit=True,
                )
            with self.connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO farmers (surname, given, sex, dob, natid, vid, hh_no) "
                    "VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    ("LATE", f"Comer {number}", "F", "01/01/1990", f"L{number:09d}", 1 + number % 40, 1),
                )
                return int(cursor.lastrowid)
        except pymysql.err.MySQLError as error:
            code = error.args[0] if error.args else 0
            if code in self.REFUSALS:
                raise RefusedError(f"{code} {error.args[-1]}") from error
            raise

    def forget(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            try:
                connection.close()
            except Exception:  # noqa: BLE001  closing what is broken already
                return


class OdooRegistry:
    """Odoo, as an enumerator's device uses it: a session and JSON-RPC."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.opener: urllib.request.OpenerDirector | None = None

    def call(self, path: str, params: dict[str, Any]) -> Any:
        assert self.opener is not None
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": params}).encode()
        request = urllib.request.Request(
            self.settings["url"] + path,
            data=body,
            headers={"Content-Type": "application/json"},
        )
        try:
            with self.opener.open(request, timeout=TIMEOUT) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise RefusedError(f"HTTP {error.code}") from error
        if "error" in answer:
            data = answer["error"].get("data") or {}
            raise RefusedError(f"{data.get('name') or answer['error'].get('message')}")
        return answer["result"]

    def register(self, number: int) -> int:
        if self.opener is None:
            self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            self.call(
                "/web/session/authenticate",
                {
                    "db": self.settings["database"],
                    "login": self.settings["user"],
                    "password": self.settings["password"],
                },
            )
        made = self.call(
            "/web/dataset/call_kw/dfr.farmer/create",
            {
                "model": "dfr.farmer",
                "method": "create",
                "kwargs": {},
                "args": [
                    [
                        {
                            "name": f"Latecomer {number}",
                            "national_id": f"W{number:09d}",
                            "province": "Northern",
                            "village": "Malotea",
                            "gender": "female",
                        }
                    ]
                ],
            },
        )
        return int(made[0])

    def forget(self) -> None:
        self.opener = None


KINDS = {"mariadb": OldRegistry, "odoo": OdooRegistry}


def attempt(registry: Registry, number: int) -> tuple[str, str]:
    """One registration and what became of it."""
    try:
        return "acknowledged", str(registry.register(number))
    except RefusedError as error:
        registry.forget()
        return "refused", str(error)
    except Exception as error:  # noqa: BLE001  whatever it was, it goes into the log and the next attempt follows
        registry.forget()
        return "error", f"{type(error).__name__} {error}"


def main() -> int:
    """Writes until it is told to stop."""
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    registry = KINDS[settings["kind"]](settings)
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    # Tenths of a second: a writer that is started again never reuses a number, as it makes fewer than ten a second.
    number = int(time.time() * 10)
    with Path(sys.argv[2]).open("a", encoding="utf-8", buffering=1) as log:
        while not stopping:
            number += 1
            outcome, detail = attempt(registry, number)
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            log.write(f"{now} {outcome} {' '.join(detail.split())}\n")
            time.sleep(settings["pause"] if outcome == "acknowledged" else PAUSE_AFTER_REFUSAL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
