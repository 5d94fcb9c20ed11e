# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who holds the lock of a country's one live cutover."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._chain import moment, stamp
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError


@dataclass(frozen=True)
class Owner:
    """The process on the controller on whose behalf we act; it can be told from every other one.

    Attributes:
        user, host: who sits where.
        pid, started: the ``ansible-playbook`` process; its start time tells it from a later namesake.
        boot_id, pid_namespace: the machine's boot and the process table the number belongs to.
        command: digest of its command line.
    """

    user: str = ""
    host: str = ""
    pid: int = 0
    started: str = ""
    boot_id: str = ""
    pid_namespace: str = ""
    command: str = ""

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Owner:
        return cls(**{name: raw[name] for name in cls.__dataclass_fields__ if name in raw})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def where(self) -> str:
        return f"{self.user or 'somebody'}@{self.host or 'unknown host'} (process {self.pid or 'unknown'})"

    def same_machine(self, other: Owner) -> bool:
        """Both process numbers belong to one process table, so one can be looked up for the other."""
        return bool(self.boot_id and self.pid_namespace) and (
            (self.host, self.boot_id, self.pid_namespace) == (other.host, other.boot_id, other.pid_namespace)
        )

    def same_process(self, other: Owner) -> bool:
        return (
            self.same_machine(other)
            and bool(self.started)
            and ((self.pid, self.started) == (other.pid, other.started))
        )


@dataclass(frozen=True)
class Holder:
    """Who holds the lock of a country.

    Attributes:
        session: random; every append proves itself with it.
        run_id, intent: what the holder is doing.
        owner: the process on the controller.
        since, heartbeat: stamps; the heartbeat moves with each record.
        limit_seconds: how long it may be silent between two records, unless a phase has a limit of its own.
        renew_before: stamp; who hasn't journalled anything by then counts as gone.
    """

    session: str
    run_id: str
    intent: str
    owner: Owner
    since: str
    heartbeat: str
    limit_seconds: int
    renew_before: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Holder:
        return cls(
            session=str(raw["session"]),
            run_id=str(raw["run_id"]),
            intent=str(raw["intent"]),
            owner=Owner.from_dict(raw["owner"]),
            since=str(raw["since"]),
            heartbeat=str(raw["heartbeat"]),
            limit_seconds=int(raw["limit_seconds"]),
            renew_before=str(raw["renew_before"]),
        )

    def renewed(self, now: str, limit_seconds: int = 0) -> Holder:
        """The same with a sign of life, good for the limit from now on."""
        limit = timedelta(seconds=limit_seconds or self.limit_seconds)
        return replace(self, heartbeat=now, renew_before=stamp(moment(now) + limit))

    def stale(self, now: datetime) -> bool:
        """The time it had for its next sign of life is over."""
        return now > moment(self.renew_before)

    def silent_seconds(self, now: datetime) -> float:
        """Seconds since the last sign of life; a heartbeat in the future counts as one of now."""
        return max(0.0, (now - moment(self.heartbeat)).total_seconds())


class LockHeldError(GoliveError):
    """Somebody else holds the lock; the failed module returns who."""

    def __init__(self, sentence: str, *, remedy: str, holder: Holder) -> None:
        super().__init__(sentence, remedy=remedy)
        self.holder = holder
        self.returned = {"holder": holder.as_dict()}


class LockLostError(GoliveError):
    """The session that wants to write no longer holds the lock."""
