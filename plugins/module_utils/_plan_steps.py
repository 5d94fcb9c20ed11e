# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens around a go-live and who does it: the steps every country has, in the words of their runbooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.dfr.golive.plugins.module_utils import _phases
from ansible_collections.dfr.golive.plugins.module_utils._language import mark

PHASE, HOLD, TELL, ACTION = "phase", "hold", "tell", "action"
"""Kinds of steps: one of the nine phases, a wait for people, a message to audiences, something people do."""

ROLES = {
    "national_it": mark("National IT"),
    "fao": mark("FAO project team"),
    "contractor": mark("Contractor"),
    "administrator": mark("Administrator"),
    "enumerator": mark("Enumerator"),
}
"""Who has a runbook."""

START, LIVE = "start", "live"
"""What a step outside the night is counted from: the start of the window, the moment the registry is live."""

Parts = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Step:
    """One line of the plan.

    Attributes:
        name: unique in a plan.
        kind: `PHASE`, `HOLD`, `TELL` or `ACTION`.
        title: what it is, English or (a country's own) a text per language.
        owner: the role that answers for it.
        parts: role -> what that role does, sentence by sentence.
        needs: steps that end before it begins.
        anchor, hours: for a step outside the night, what it is counted from and how far away, negative for before.
        seconds: what a country declares for it; None where rehearsals tell, or nobody.
        moment: for `TELL`, the message's, see `_messages`.
        before: a step of the night that waits for this one.
    """

    name: str
    kind: str
    title: str | Mapping[str, str]
    owner: str
    parts: Mapping[str, tuple[str | Mapping[str, str], ...]] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    anchor: str = ""
    hours: float = 0.0
    seconds: float | None = None
    moment: str = ""
    before: str = ""


TITLES = {
    "preflight": mark("Everything is checked, nothing is changed"),
    "freeze_legacy": mark("No new record in the old registry or in staging; the freeze window opens"),
    "sync_data": mark("The last changes come over, every table is proven"),
    "lock_config": mark("Production's own settings, then locked"),
    "check_health": mark("Application, database, one trial registration taken back"),
    "backup_database": mark("Backup taken, restored elsewhere and compared"),
    "switch_dns": mark("The name points to production"),
    "enable_users": mark("Administrators, then enumerators; the freeze window closes"),
    "start_hypercare": mark("Announcement, watch, daily status"),
}

AT_THE_KEYBOARD: tuple[str, ...] = (
    mark("The command does this. Watch its last line; don't close the session."),
)

PARTS: Mapping[str, Parts] = {
    "preflight": {
        "contractor": (
            mark("Start: ansible-playbook golive.yml -i inventories/<country>"),
            mark("Settle every line that isn't pass, then run the same command again."),
        ),
        "national_it": (mark("Be on the call, and reachable until the announcement."),),
        "fao": (mark("Be on the call, and reachable until the announcement."),),
    },
    "freeze_legacy": {
        "contractor": AT_THE_KEYBOARD,
        "administrator": (mark("Stop all imports and changes in the old registry."),),
        "enumerator": (
            mark("Stop entering records in the old registry: from now on it refuses them."),
            mark(
                "Write a farmer who is before you on paper, and enter the paper when the new registry is open."
            ),
        ),
    },
    "sync_data": {"contractor": AT_THE_KEYBOARD},
    "lock_config": {"contractor": AT_THE_KEYBOARD},
    "check_health": {"contractor": AT_THE_KEYBOARD},
    "backup_database": {"contractor": AT_THE_KEYBOARD},
    "switch_dns": {
        "contractor": AT_THE_KEYBOARD,
        "national_it": (mark("Open the registry's name from a telephone that isn't on the office network."),),
    },
    "enable_users": {
        "contractor": AT_THE_KEYBOARD,
        "administrator": (
            mark("Log in as soon as you are told, and look up three farmers that you know."),
            mark("Report at once what is missing or wrong; change nothing yet."),
        ),
    },
    "start_hypercare": {
        "contractor": AT_THE_KEYBOARD,
        "fao": (mark("Confirm that the announcement arrived in every province."),),
    },
}

BEFORE: tuple[Step, ...] = (
    Step(
        "tell_week",
        TELL,
        mark("One week before: all audiences are told"),
        "fao",
        anchor=START,
        hours=-168,
        moment="week_before",
        parts={"fao": (mark("See what would be sent, then send it: playbooks/communicate.yml"),)},
    ),
    Step(
        "rehearse",
        ACTION,
        mark("The whole plan is rehearsed"),
        "contractor",
        anchor=START,
        hours=-144,
        parts={
            "contractor": (
                mark("Rehearse: ansible-playbook playbooks/rehearse.yml -i inventories/<country>"),
                mark("Write the plan again afterwards: its times come from the rehearsals."),
            ),
            "national_it": (mark("Read the rehearsal's validation report as if it were the night's."),),
        },
    ),
    Step(
        "train",
        ACTION,
        mark("Each role goes through its training"),
        "fao",
        anchor=START,
        hours=-120,
        parts={
            "fao": (
                mark("Let each role decide the incidents of its training: playbooks/training.yml"),
                mark("Enter who has passed in signoffs/evidence/training.csv."),
            ),
            "national_it": (mark("Go through your training and keep the page with the result."),),
            "contractor": (mark("Go through your training and keep the page with the result."),),
            "administrator": (mark("Go through your training and keep the page with the result."),),
            "enumerator": (mark("Go through your training and keep the page with the result."),),
        },
    ),
    Step(
        "prepare",
        ACTION,
        mark("All that can be done before the freeze is done"),
        "contractor",
        anchor=START,
        hours=-72,
        parts={
            "contractor": (
                mark("Run: ansible-playbook playbooks/prepare.yml -i inventories/<country>"),
                mark("Run: ansible-playbook golive.yml -i inventories/<country> --tags preflight"),
            ),
            "national_it": (mark("Confirm that last night's backup was restored on another machine."),),
        },
    ),
    Step(
        "send_pending",
        ACTION,
        mark("Tablets are emptied"),
        "enumerator",
        anchor=START,
        hours=-30,
        parts={
            "enumerator": (
                mark("Send every record that is still on your tablet while you have a network."),
                mark("What isn't sent before the freeze waits on the tablet until the new registry is open."),
            ),
            "administrator": (mark("Ask each enumerator by name whether the tablet is empty."),),
        },
    ),
    Step(
        "tell_day",
        TELL,
        mark("One day before: all audiences are told"),
        "fao",
        anchor=START,
        hours=-24,
        moment="day_before",
        parts={"fao": (mark("See what would be sent, then send it: playbooks/communicate.yml"),)},
    ),
)

HOLDS: tuple[Step, ...] = (
    Step(
        "before_freeze",
        HOLD,
        mark("Hold: go or no-go"),
        "national_it",
        parts={
            "national_it": (mark("Decide go or no-go with your team, and sign it."),),
            "fao": (mark("Decide go or no-go with your team, and sign it."),),
            "contractor": (mark("Decide go or no-go with your team, and sign it."),),
        },
    ),
    Step(
        "after_sync",
        HOLD,
        mark("Hold: the data is validated"),
        "national_it",
        parts={
            "national_it": (
                mark(
                    "Read validation.html: every figure that you know has to be right, and the verdict has to be Valid."
                ),
                mark("Sign it; or refuse it and say which figure is wrong."),
            )
        },
    ),
    Step(
        "before_dns",
        HOLD,
        mark("Hold: the name may be switched"),
        "national_it",
        parts={
            "contractor": (mark("Ask for the switch of the name, with record, old and new address."),),
            "national_it": (mark("Confirm the request after reading both addresses aloud."),),
        },
    ),
    Step(
        "before_announcement",
        HOLD,
        mark("Hold: the announcement may go out"),
        "fao",
        parts={
            "fao": (
                mark("Release the announcement when an administrator has logged in and found the farmers."),
            )
        },
    ),
)
"""Where people decide; a country's plan has those that golive_holds names by their phase."""

HOLD_BEFORE = {
    "freeze_legacy": "before_freeze",
    "lock_config": "after_sync",
    "switch_dns": "before_dns",
    "start_hypercare": "before_announcement",
}
"""Phase -> the hold point before it."""

NIGHT_TELL: tuple[Step, ...] = (
    Step(
        "tell_freeze", TELL, mark("The freeze is announced"), "fao", needs=("freeze_legacy",), moment="freeze"
    ),
    Step(
        "tell_live",
        TELL,
        mark("The open registry is announced"),
        "fao",
        needs=("start_hypercare",),
        moment="live",
    ),
)

AFTER: tuple[Step, ...] = (
    Step(
        "first_login",
        ACTION,
        mark("The first morning"),
        "administrator",
        anchor=LIVE,
        hours=8,
        parts={
            "enumerator": (
                mark(
                    "Log in with your own account; enter first what you wrote on paper, then send your tablet."
                ),
                mark("Tell your administrator at once what doesn't work, with the time and what you saw."),
            ),
            "administrator": (
                mark("Be there before the first enumerator; help with logins, and note every question."),
            ),
            "contractor": (mark("Be on call for the first morning; look at the status every hour."),),
        },
    ),
    Step(
        "daily_status",
        ACTION,
        mark("The status is read every day"),
        "national_it",
        anchor=LIVE,
        hours=24,
        parts={
            "national_it": (mark("Read the daily status mail; call the contractor when it names an alarm."),),
            "contractor": (mark("Answer each alarm within the agreed time, in writing."),),
        },
    ),
    Step(
        "tell_end",
        TELL,
        mark("The end of the close watch is announced"),
        "fao",
        anchor=LIVE,
        moment="hypercare_end",
        parts={"fao": (mark("See what would be sent, then send it: playbooks/communicate.yml"),)},
    ),
)

TURNED_BACK: Parts = {
    "contractor": (
        mark("Run: ansible-playbook playbooks/rollback.yml -i inventories/<country>"),
        mark("Run it again until it says that the country is rolled back."),
    ),
    "national_it": (
        mark(
            "Before the last safe moment, decide with the other teams; after it, nobody goes on without a decision."
        ),
    ),
    "fao": (mark("Tell all audiences that the old registry is open again: playbooks/communicate.yml"),),
    "administrator": (mark("Work in the old registry again as soon as you are told."),),
    "enumerator": (
        mark("Enter records in the old registry again as soon as you are told, your paper first."),
    ),
}
"""What each role does when the night is turned back."""


def phase_steps(owners: Mapping[str, str], holds: Mapping[str, float]) -> list[Step]:
    """The nine phases in their order, each with what it waits for.

    Args:
        owners: phase -> role, for those that aren't the contractor's.
        holds: phase -> seconds that people are given before it.
    """
    steps: list[Step] = []
    before: tuple[str, ...] = ()
    for name in _phases.NAMES:
        if name in holds:
            hold = next(one for one in HOLDS if one.name == HOLD_BEFORE[name])
            steps.append(replace(hold, needs=before, seconds=holds[name]))
            before = (hold.name,)
        owner = owners.get(name, "contractor")
        steps.append(Step(name, PHASE, TITLES[name], owner, parts=_parts(name, owner), needs=before))
        before = (name,)
    return steps


def _parts(phase: str, owner: str) -> Mapping[str, tuple[str | Mapping[str, str], ...]]:
    """Who owns a phase sits at the keyboard."""
    parts = dict(PARTS[phase])
    if owner != "contractor":
        parts[owner] = parts.pop("contractor") + parts.get(owner, ())
    return parts
