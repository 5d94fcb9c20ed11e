# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people on the call read while a playbook runs: what it is at, how long that usually takes, what is left."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.dfr.golive.plugins.module_utils import _phases
from ansible_collections.dfr.golive.plugins.module_utils._clock import UNKNOWN
from ansible_collections.dfr.golive.plugins.module_utils._language import ENGLISH

# As the playbooks name their plays: "(2/9) FREEZE LEGACY: ...", "PREPARE (1/6): ...", "OPEN THE RUN: ...".
_PLAY = re.compile(
    r"^(?:(?P<title>[A-Z][A-Z ]*[A-Z])(?: (?P<step>\(\d+/\d+\)))?"
    r"|\((?P<undo>UNDO )?(?P<number>\d+)/(?P<total>\d+)\) (?P<phase>[A-Z][A-Z ]*)): (?P<what>.+)$"
)
# Tasks that only lead to others, or keep the run's own books.
QUIET_ACTIONS = frozenset(
    f"{prefix}{name}"
    for prefix in ("", "ansible.builtin.", "ansible.legacy.")
    for name in (
        "include_tasks",
        "import_tasks",
        "include_role",
        "import_role",
        "include_vars",
        "set_fact",
        "meta",
    )
) | {"dfr.golive.journal"}
SAYING_ACTIONS = frozenset(("debug", "ansible.builtin.debug", "ansible.legacy.debug"))
STOPPING_ACTIONS = frozenset(("fail", "ansible.builtin.fail", "ansible.legacy.fail"))
INDENT = " " * 11
DETAIL_LINES = 100


@dataclass(frozen=True)
class Stage:
    """A play of ours, by its name.

    Attributes:
        heading: what stands before the colon.
        what: what stands behind it.
        phase: the phase it works on; empty where it is none.
    """

    heading: str
    what: str
    phase: str = ""


def stage_of(play: str) -> Stage | None:
    """The stage that a play's name tells; None for a play that isn't named as ours are."""
    found = _PLAY.match(play)
    if found is None:
        return None
    heading, what = play.split(": ", 1)
    name = (found["phase"] or "").lower().replace(" ", "_")
    forward = not found["undo"] and name in _phases.BY_NAME
    return Stage(heading, what, name if forward else "")


@dataclass(frozen=True)
class Line:
    """A line for people, with the kind that decides its colour: plain, heading, ok, changed, error or soft."""

    text: str
    kind: str = "plain"


@dataclass
class Course:
    """Where the run stands in time.

    Attributes:
        expected: seconds that each phase took in earlier runs of this country; only those that are known.
        done: phases that were done before this session.
        window_opened: when the freeze window opened, by our clock; None while it is closed.
        planned_door, last_safe: when the plan opens the door, and until when one may turn back; None without a night.
        zone: the country's; the controller's own when None.
    """

    expected: dict[str, float] = field(default_factory=dict)
    done: frozenset[str] = frozenset()
    plan: tuple[str, ...] = _phases.NAMES
    window_opened: float | None = None
    planned_door: datetime | None = None
    last_safe: datetime | None = None
    zone: tzinfo | None = None

    def left(self, phase: str, at_work: float) -> float | None:
        """Seconds until the door opens, from within a phase; None where an earlier run doesn't tell.

        Args:
            phase: the one at work.
            at_work: seconds it has been at work.
        """
        if _phases.WINDOW_CLOSES not in self.plan:
            return None
        first, last = (_phases.BY_NAME[name].number for name in (phase, _phases.WINDOW_CLOSES))
        ahead = [name for name in _phases.NAMES[first - 1 : last] if name not in self.done]
        if not ahead or any(name not in self.expected for name in ahead):
            return None
        total = sum(self.expected[name] for name in ahead)
        return max(total - min(at_work, self.expected[phase]), 0.0) if phase in ahead else total


class Narrator:
    """Turns what happens into lines.

    Args:
        clock: seconds, only ever growing.
        now: seconds since the epoch, for the time of day.
        width: columns there are.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        width: int = 110,
    ) -> None:
        self._clock = clock
        self._now = now
        self._width = max(width, 60)
        self.course = Course()
        self._stage: Stage | None = None
        self._heading: list[Line] = []
        self._stage_began = 0.0
        self._task = ""
        self._task_began = 0.0
        self._tries = ""
        self._hosts: set[str] = set()

    # --- what happens ---------------------------------------------------------------------------------------------

    def play(self, name: str) -> None:
        """A play begins; its heading is said with its first line, since many a play has nothing to do."""
        stage = stage_of(name)
        self._stage = stage
        self._stage_began = self._clock()
        self._task = ""
        self._hosts.clear()
        if stage is None:
            self._heading = [Line(""), Line(name, "heading")]
            return
        usual = self.course.expected.get(stage.phase)
        tail = ""
        if stage.phase in self.course.done:
            tail = "  done before; looked at again"
        elif usual is not None:
            tail = f"  usually {ENGLISH.duration(usual)}"
        self._heading = [Line(""), Line(f"{stage.heading}  {stage.what}{tail}", "heading")]

    def task(self, name: str) -> None:
        """A task begins."""
        self._task, self._task_began, self._tries = name, self._clock(), ""
        self._hosts.clear()

    def host(self, name: str) -> None:
        """The task begins on a host."""
        self._hosts.add(name)

    def retry(self, attempts: int, retries: int) -> None:
        """A task waits for something and will look again."""
        self._tries = f"look {attempts} of {retries}"

    def ok(self, action: str, host: str, result: dict[str, Any]) -> list[Line]:
        """A task has ended well."""
        self._learn(action, result)
        if action in SAYING_ACTIONS:
            return self._headed([Line(INDENT + line) for line in _told(result.get("msg", ""))])
        if action in QUIET_ACTIONS:
            return self._headed(self._end_of_phase(action, result))
        gates = list(_gates_in(result))
        passed = sum(gate["verdict"] == "pass" for gate in gates)
        extra = f": {passed} of {len(gates)} pass" if gates else ""
        step = self._step("changed" if result.get("changed") else "ok", host, extra=extra)
        return self._headed([step, *self._table(gate for gate in gates if gate["verdict"] != "pass")])

    def failed(self, action: str, host: str, reason: str) -> list[Line]:
        """A task has failed; whether that ends the run is for the run to say."""
        if action in STOPPING_ACTIONS:
            return self._headed([Line(""), *self._indented(reason, "error", indent="")])
        lines = reason.strip().splitlines() or ["no reason was given; run again with -v"]
        shown = lines[:DETAIL_LINES]
        if len(lines) > DETAIL_LINES:
            shown.append(f"... ({len(lines) - DETAIL_LINES} more lines with -v)")
        return self._headed([self._step("FAILED", host, "error"), *self._indented("\n".join(shown), "error")])

    def unreachable(self, host: str, reason: str) -> list[Line]:
        """A host can't be reached."""
        return self._headed([self._step("UNREACHABLE", host, "error"), *self._indented(reason, "error")])

    def waiting(self) -> str:
        """What is being waited for right now, in one line; empty before the first task of a play."""
        if not self._task:
            return ""
        parts = [f"{self._task}, {ENGLISH.duration(self._clock() - self._task_began)}"]
        if self._tries:
            parts.append(self._tries)
        stage = self._stage
        if stage is not None and stage.phase:
            at_work = self._clock() - self._stage_began
            usual = self.course.expected.get(stage.phase)
            if usual is not None:
                parts.append(f"phase {ENGLISH.duration(at_work)}, usually {ENGLISH.duration(usual)}")
            parts += self._clocks(stage.phase, at_work)
        return "; ".join(parts)

    # --- how it is said -------------------------------------------------------------------------------------------

    def _headed(self, lines: list[Line]) -> list[Line]:
        if not lines:
            return []
        heading, self._heading = self._heading, []
        return heading + lines

    def _step(self, word: str, host: str, kind: str = "", extra: str = "") -> Line:
        seconds = ENGLISH.duration(self._clock() - self._task_began)
        where = f" [{host}]" if len(self._hosts) > 1 else ""
        room = self._width - len(seconds) - 1
        text = f"  {word:<8} {self._task}{where}{extra}"
        return Line(f"{text:<{room}} {seconds}", kind or word)

    def _indented(self, text: str, kind: str, indent: str = INDENT) -> list[Line]:
        lines: list[Line] = []
        for line in text.rstrip().splitlines():
            wrapped = _wrap(line, self._width, indent, indent)
            lines += [Line(part, kind) for part in wrapped or [""]]
        return lines

    def _learn(self, action: str, result: dict[str, Any]) -> None:
        """Take from a result what the clocks need."""
        run = result.get("run")
        if action == "dfr.golive.run_open" and isinstance(run, dict):
            self.course = Course(
                expected={name: float(value) for name, value in run.get("expected", {}).items()},
                done=frozenset(run.get("done", [])),
                plan=tuple(run.get("plan", [])),
                window_opened=self._ago(run.get("window_open_seconds")),
                **_night(run.get("clock") or {}),
            )
        if action == "dfr.golive.journal" and result.get("phase"):
            event, phase = result.get("event"), result["phase"]
            if event == "begin" and phase == _phases.WINDOW_OPENS and self.course.window_opened is None:
                self.course.window_opened = self._clock()

    def _ago(self, seconds: Any) -> float | None:
        return None if seconds is None else self._clock() - float(seconds)

    def _end_of_phase(self, action: str, result: dict[str, Any]) -> list[Line]:
        if action != "dfr.golive.journal" or result.get("event") not in ("finish", "undo_finish"):
            return []
        phase = str(result.get("phase", ""))
        took = self._clock() - self._stage_began
        usual = self.course.expected.get(phase)
        parts = [f"{phase} {'done' if result['event'] == 'finish' else 'undone'} in {ENGLISH.duration(took)}"]
        if result["event"] == "finish":
            if usual is not None:
                parts[0] += f" (usually {ENGLISH.duration(usual)})"
            self.course.done |= {phase}
            if phase == _phases.WINDOW_CLOSES and self.course.window_opened is not None:
                open_for = ENGLISH.duration(self._clock() - self.course.window_opened)
                parts.append(f"the door is open; the freeze window was {open_for}")
                self.course.window_opened = None
            else:
                parts += self._clocks(phase, 0.0)
        return [Line("  " + "; ".join(parts), "soft")]

    def _clocks(self, phase: str, at_work: float) -> list[str]:
        parts = []
        if self.course.window_opened is not None:
            parts.append(f"freeze window {ENGLISH.duration(self._clock() - self.course.window_opened)}")
        if _phases.WINDOW_CLOSES not in self.course.done:
            left = self.course.left(phase, at_work)
            if left is not None:
                parts.append(
                    f"door opens at about {self._time(self._now() + left, '%H:%M:%S')}{self._late(left)}"
                )
            parts += self._turn_back()
        return parts

    def _time(self, moment: float | datetime, shown: str = "%H:%M") -> str:
        """The time of day in the country."""
        if isinstance(moment, datetime):
            return moment.astimezone(self.course.zone).strftime(shown)
        return datetime.fromtimestamp(moment, UTC).astimezone(self.course.zone).strftime(shown)

    def _late(self, left: float) -> str:
        """The projected end against the plan's."""
        planned = self.course.planned_door
        if planned is None:
            return ""
        late = self._now() + left - planned.timestamp()
        by = (
            f"{ENGLISH.duration(abs(late))} {'later' if late > 0 else 'earlier'}"
            if abs(late) >= 60
            else "as planned"
        )
        return f" (planned {self._time(planned)}, {by})"

    def _turn_back(self) -> list[str]:
        """Until when one may turn back, or since when one may not."""
        safe = self.course.last_safe
        if safe is None:
            return []
        if self._now() > safe.timestamp():
            return [f"the last safe moment to turn back was {self._time(safe)}"]
        return [f"turn back by {self._time(safe)}"]

    def _table(self, gates: Iterable[dict[str, Any]]) -> list[Line]:
        shown = list(gates)
        widest = max((len(str(gate["name"])) for gate in shown), default=0)
        lines = []
        for gate in shown:
            verdict = str(gate["verdict"])
            first = f"{INDENT}{verdict:<8} {gate['name']:<{widest}}  "
            kind = "changed" if verdict == "waived" else "error"
            parts = _wrap(str(gate.get("detail", "")), self._width, first, " " * len(first))
            lines += [Line(part, kind) for part in parts or [first]]
        return lines


def _night(clock: dict[str, Any]) -> dict[str, Any]:
    """What `Course` keeps of the clock that run_open returned."""
    try:
        zone: tzinfo | None = ZoneInfo(str(clock["timezone"]))
    except (KeyError, ValueError, OSError):  # a controller without time zones shows its own time
        zone = None
    moments = {"planned_door": clock.get("door"), "last_safe": clock.get("last_safe")}
    return {
        "zone": zone,
        **{name: datetime.fromisoformat(at) for name, at in moments.items() if at and at != UNKNOWN},
    }


def _told(message: Any) -> list[str]:
    """What a playbook says, in lines; of a dictionary each entry that says anything."""
    if isinstance(message, dict):
        return [f"{name}: {value}" for name, value in message.items() if value not in ("", None, {}, [])]
    return [str(line) for line in message] if isinstance(message, list) else str(message).splitlines()


def _wrap(text: str, width: int, first: str, then: str) -> list[str]:
    """Lines of at most this width; a name or an address that is longer stays whole, to be copied."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _gates_in(result: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """The gates a result brings, also those of a loop's items."""
    found = result.get("gates")
    if isinstance(found, list):
        yield from (gate for gate in found if isinstance(gate, dict) and "name" in gate and "verdict" in gate)
    for item in result.get("results") or []:
        if isinstance(item, dict):
            yield from _gates_in(item)
