# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A watch over the log that the two servers keep for a copy, between its seeding and the go-live.

A slot that nobody reads keeps the server's log until the disk is full and the registry stands still. A copy can be made
again, a registry that stands still can't be explained: past the limit the slots of that server are dropped, and why is
kept where the gate on the night finds it. When the copy is settled or dropped the watch removes itself.

Started by cron; nothing here imports Ansible.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ansible_collections.dfr.golive.plugins.module_utils import _kept
from ansible_collections.dfr.golive.plugins.module_utils._announce import Audience, MailServer, Postbox
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._postgres import (
    PostgresLogin,
    connect,
    driver,
    keep,
    recall,
)
from ansible_collections.dfr.golive.plugins.module_utils._wal import Slot, drop_slot, read_all_slots

if TYPE_CHECKING:
    import psycopg

COPY = "replication"
DROPPED = "replication.dropped"
# Half of the limit: time to act before the watch has to.
WARN_SHARE = 0.5


@dataclass(frozen=True)
class Settings:
    """What to look at, read from a file that only root may read: it holds both operators' passwords.

    Attributes:
        path: the file itself.
        country: for the mail's subject.
        name: the copy's, as `_replication` remembers it: production's database.
        label: what the slots' names begin with.
        sides: staging and production, each in its maintenance database.
        limit_bytes: log that a slot may hold back.
        mail: who carries the warning; None for the log alone.
        to: who is warned.
        installed: files that go when the watch ends.
    """

    path: Path
    country: str
    name: str
    label: str
    sides: Mapping[str, PostgresLogin]
    limit_bytes: int
    mail: MailServer | None
    to: tuple[str, ...]
    installed: tuple[Path, ...]

    @classmethod
    def read(cls, path: Path) -> Settings:
        """
        Raises:
            GoliveError: the file can't be read or isn't what `prepare` writes.
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                path=path,
                country=str(raw["country"]),
                name=str(raw["name"]),
                label=str(raw["label"]),
                sides={side: PostgresLogin(**raw["sides"][side]) for side in ("staging", "production")},
                limit_bytes=int(raw["limit_bytes"]),
                mail=MailServer.from_dict(raw["mail"], str(raw["mail"].get("ca_path") or ""))
                if raw["to"]
                else None,
                to=tuple(raw["to"]),
                installed=tuple(Path(item) for item in raw["installed"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise GoliveError(
                f"The settings {path} of the watch over the log can't be read: {type(exc).__name__}.",
                remedy="Run playbooks/prepare.yml, it writes them.",
            ) from exc

    @property
    def state(self) -> Path:
        return self.path.with_name("state.json")


def why_dropped(source_admin: psycopg.Connection[Any], label: str) -> str:
    """Why the watch dropped a slot of this copy; empty when it didn't."""
    kept = recall(source_admin, DROPPED, label)
    if kept is None:
        return ""
    return (
        f"the watch dropped its slot on {kept['side']}'s server at {kept['at']}, because it held back"
        f" {kept['bytes']:,} bytes of log and {kept['limit']:,} are allowed"
    )


class Watch:
    """One look at both servers.

    Attributes:
        settings: what to look at.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        connected: Callable[..., AbstractContextManager[Any]] = connect,
        tell: Callable[[Settings, str, str], None] | None = None,
    ) -> None:
        self.settings, self._now, self._connected = settings, now, connected
        self._tell = tell or announce

    def once(self) -> list[str]:
        """Look, warn, drop past the limit, retire when there is nothing to look at any more. Returns what to log."""
        settings = self.settings
        said: list[str] = []
        seen = bool((_kept.recall(settings.state) or {}).get("seen"))
        try:
            with self._connected(settings.sides["production"], autocommit=True) as conn:
                needed = recall(conn, COPY, settings.name) is not None
        except ProbeError as exc:
            said.append(f"Whether the copy is still needed isn't known: {exc}")
            needed = True
        if not needed and seen:
            for path in (*settings.installed, settings.state, settings.path):
                path.unlink(missing_ok=True)
            return [*said, "The copy is settled or dropped: this watch has removed itself."]
        found: dict[str, Any] = {}
        for side, login in settings.sides.items():
            try:
                said += self._look(side, login, found)
            except (GoliveError, driver().Error) as exc:
                said.append(f"The slots on {side}'s server can't be judged: {exc}")
        _kept.replace(
            settings.state,
            {"seen": seen or needed, "at": self._now().isoformat(timespec="seconds"), "slots": found},
        )
        return said

    def _look(self, side: str, login: PostgresLogin, found: dict[str, Any]) -> list[str]:
        settings = self.settings
        with self._connected(login, autocommit=True) as conn:
            slots = read_all_slots(conn, settings.label)
            found[side] = {slot.name: slot.retained_bytes for slot in slots.values()}
            worst = max(slots.values(), key=lambda slot: slot.retained_bytes, default=None)
            if worst is None:
                return []
            if worst.retained_bytes > settings.limit_bytes:
                self._keep_why(side, worst)
                for name in slots:
                    drop_slot(conn, name)
                text = (
                    f"The slot {worst.name} on {side}'s server held back {worst.retained_bytes:,} bytes of log,"
                    f" {settings.limit_bytes:,} are allowed: it was dropped, so that the disk can't fill.\n"
                    "The copy for the go-live must be seeded again: run playbooks/prepare.yml."
                )
            elif worst.retained_bytes > WARN_SHARE * settings.limit_bytes:
                text = (
                    f"The slot {worst.name} on {side}'s server holds back {worst.retained_bytes:,} bytes of log;"
                    f" at {settings.limit_bytes:,} it will be dropped.\n"
                    "Run playbooks/prepare.yml: it proves what was touched and lets the log go."
                )
            else:
                return []
        return [text.replace("\n", " "), *self._told(f"{side}-{worst.name}", text)]

    def _keep_why(self, side: str, slot: Slot) -> None:
        """Before the slot goes; in staging's cluster, where the gate looks."""
        why = {
            "side": side,
            "at": self._now().isoformat(timespec="seconds"),
            "bytes": slot.retained_bytes,
            "limit": self.settings.limit_bytes,
        }
        with self._connected(self.settings.sides["staging"], autocommit=True) as conn:
            keep(conn, DROPPED, self.settings.label, "watch", why)

    def _told(self, what: str, text: str) -> list[str]:
        try:
            self._tell(self.settings, what, text)
        except (GoliveError, OSError) as exc:
            return [f"Nobody could be told by mail: {exc}"]
        return []


def announce(settings: Settings, what: str, text: str) -> None:
    """One mail a day for each slot."""
    if settings.mail is None:
        return
    box = Postbox(settings.mail, settings.path.with_name("mailed.json"), settings.country)
    number = box.message_id("slot-watch", settings.country, what, datetime.now(UTC).strftime("%Y-%m-%d"))
    audience = Audience("operators", "en", settings.to)
    box.announce(audience, f"Subject: {settings.country}: log held back for the go-live\n\n{text}\n", number)


def main(arguments: Sequence[str], out: TextIO = sys.stdout) -> int:
    """``<program> <settings file>``: 0 when it looked, else 2."""

    def say(text: str) -> None:
        out.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}\n")

    if len(arguments) != 1:
        say("Name the settings file of the watch.")
        return 2
    try:
        for line in Watch(Settings.read(Path(arguments[0]))).once():
            say(line)
    except (GoliveError, OSError) as exc:
        say(str(exc))
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
