# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong for each role on the way to a live registry, what one may do about it, and what is right."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.dfr.golive.plugins.module_utils._language import mark


@dataclass(frozen=True)
class Incident:
    """Something that happens to a trainee.

    Attributes:
        name, role: unique, and whose it is.
        step: of the plan, at which it happens.
        seen: what the trainee sees.
        right: the best thing to do.
        wrong: what doesn't help.
        harmful: what does harm; who chooses it hasn't passed, whatever the rest.
        why: what is behind it.
    """

    name: str
    role: str
    step: str
    seen: str
    right: str
    wrong: str
    harmful: str
    why: str


INCIDENTS: tuple[Incident, ...] = (
    Incident(
        "unknown_gate",
        "contractor",
        "preflight",
        mark("One line of the table says unknown: a name server didn't answer in time. All others pass."),
        mark("Find out why it doesn't answer, then run the same command again."),
        mark("Wait for the others to notice it on the call."),
        mark("Begin out of order: unknown isn't a fail."),
        mark("Nobody knows what an unanswered question hides; it is cheapest to ask before the freeze."),
    ),
    Incident(
        "rows_differ",
        "contractor",
        "sync_data",
        mark("The run stops: one table differs in three rows, which it names."),
        mark("Leave the fence up, tell the teams which rows differ, and look for the reason."),
        mark("Run again at once, without looking."),
        mark("Correct the three rows by hand in production."),
        mark("Rows mended by hand can be proven by nobody, and the reason is still there for the next ones."),
    ),
    Incident(
        "network_lost",
        "contractor",
        "backup_database",
        mark("Your laptop loses its network in the middle of the backup."),
        mark("Run the same command again from the same machine, and read where it stands."),
        mark("Turn the night back at once."),
        mark("Remove the lock file on the state host and begin a new run."),
        mark("The journal remembers what was done; the same command goes on from there and proves it again."),
    ),
    Incident(
        "figure_wrong",
        "national_it",
        "sync_data",
        mark("The validation report says Valid, but your province has fewer farmers than you know of."),
        mark("Don't sign; say which figure is wrong and what you expected."),
        mark("Sign now, and look into it tomorrow."),
        mark("Sign: the machine has compared every row."),
        mark(
            "The machine proves that nothing changed on the way. Whether the figures were right, only you can know."
        ),
    ),
    Incident(
        "strange_address",
        "national_it",
        "switch_dns",
        mark("The request to switch the name shows an address that you don't know."),
        mark("Don't confirm; have both addresses read aloud and compare them with the inventory."),
        mark("Ask the contractor whether it is all right, and confirm."),
        mark("Confirm: time is short."),
        mark("Whoever owns that address would receive every login of the country."),
    ),
    Incident(
        "call_from_above",
        "national_it",
        "preflight",
        mark("A senior official asks by telephone to begin although one criterion fails."),
        mark("Say no-go, or have its owner sign a waiver with a reason and an expiry."),
        mark("Sign go and note the call."),
        mark("Remove the criterion from the list."),
        mark("A decision that isn't written down and signed protects neither the registry nor the official."),
    ),
    Incident(
        "behind_the_plan",
        "fao",
        "sync_data",
        mark("The run is forty minutes behind its plan. Audiences expect the registry in the morning."),
        mark("Agree on a new time with the teams, and send the message of a delay with it."),
        mark("Say nothing until it is clear."),
        mark("Announce that the registry is open, so that nobody worries."),
        mark("People who know when to come back wait; people who were told something wrong stop listening."),
    ),
    Incident(
        "asked_to_announce",
        "fao",
        "start_hypercare",
        mark("A province asks for the announcement now. No administrator has logged in yet."),
        mark("Wait until an administrator has logged in and found the farmers, then release it."),
        mark("Ask the contractor to decide."),
        mark("Release it: the technical steps are done."),
        mark("After the announcement thousands log in; what an administrator finds before costs nothing."),
    ),
    Incident(
        "criterion_unsure",
        "fao",
        "train",
        mark("One day is left, and a third of the enumerators haven't been trained."),
        mark("Withhold your word for that criterion, and have the teams decide whether to postpone."),
        mark("Sign, and plan the training for the week after."),
        mark("Enter them as trained: they will learn by doing."),
        mark("Untrained users register wrong data under real names; that is harder to mend than a date."),
    ),
    Incident(
        "import_running",
        "administrator",
        "freeze_legacy",
        mark("An import into the old registry is still running when data entry closes."),
        mark("Stop it, and tell the contractor what was imported and what wasn't."),
        mark("Let it go on quietly: the rest is small."),
        mark("Have its rows written straight into production."),
        mark(
            "What the old registry takes after the freeze is in no comparison, and is lost without a trace."
        ),
    ),
    Incident(
        "farmer_missing",
        "administrator",
        "enable_users",
        mark("One of the three farmers that you look up isn't there."),
        mark("Report it at once with the identifier, and change nothing."),
        mark("Look up another one."),
        mark("Enter the farmer again from your files."),
        mark(
            "One missing farmer may stand for many; entered again, the same farmer is there twice when it is mended."
        ),
    ),
    Incident(
        "cannot_log_in",
        "administrator",
        "first_login",
        mark("An enumerator calls: the password isn't accepted."),
        mark("See whether the account is active, and send that person a new invitation."),
        mark("Tell the person to try again tomorrow."),
        mark("Lend your own account for the morning."),
        mark("Every record carries who entered it; a shared account makes all of them worthless."),
    ),
    Incident(
        "farmer_waiting",
        "enumerator",
        "freeze_legacy",
        mark("A farmer stands before you, and the registry refuses the record."),
        mark("Write everything on paper, and enter it when the new registry is open."),
        mark("Send the farmer home."),
        mark("Try another system or a colleague's account until one takes it."),
        mark("What is entered elsewhere in that night is in no comparison, and may be lost."),
    ),
    Incident(
        "no_network",
        "enumerator",
        "send_pending",
        mark("There is no network, and twelve records are on your tablet."),
        mark(
            "Go where there is a network and send them, or tell your administrator that the tablet isn't empty."
        ),
        mark("Do nothing: they will go by themselves."),
        mark("Reset the tablet so that it is ready for the new registry."),
        mark("What is on the tablet is nowhere else. Sent late it isn't lost; reset, it is."),
    ),
    Incident(
        "entered_twice",
        "enumerator",
        "first_login",
        mark("You aren't sure whether a farmer on your paper was sent before the freeze."),
        mark("Search for the farmer first, and enter only who isn't there."),
        mark("Put the paper aside."),
        mark("Delete who is there and enter the farmer anew."),
        mark("The same farmer twice is mended slowly; a farmer deleted loses plots and history."),
    ),
)
