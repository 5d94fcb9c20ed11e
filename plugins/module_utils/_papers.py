# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The go/no-go of a run: what lies in the inventory's folder ``signoffs``, judged against what is about to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import (
    _criteria,
    _criteria_probes,
    _go_no_go,
    _manifest,
    _runtimes,
    _sshsig,
    _strict,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import DriftError, GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, failed, passed

SCHEMA = "dfr.golive/signoffs/1"
OPERATIONAL = frozenset(
    {
        "golive_approver",
        "golive_artifacts_dir",
        "golive_lock_limit_seconds",
        "golive_out_of_order",
        "golive_past_last_safe_moment",
        "golive_reason",
        "golive_takeover",
        "golive_until",
    }
)
"""What may be given with -e: it steers the run and changes nothing of what was signed."""


@dataclass(frozen=True)
class Asked:
    """What a run asks.

    Attributes:
        folder: ``signoffs`` of the inventory.
        country: golive_country.
        now: the time.
        gates: what preflight found out already.
        runs: earlier runs: mode, outcome, finished.
        recheck: the night has begun; ages and automatic criteria were for its beginning.
        extra: names given with -e.
        sources: inventories given with -i.
        playbook: folder of the playbook that was started.
        containers: what the engines say of the containers, see `_runtimes.images`; not asked on a recheck.
    """

    folder: Path
    country: str
    now: datetime
    gates: Sequence[Gate] = ()
    runs: Sequence[Mapping[str, Any]] = ()
    recheck: bool = False
    extra: Sequence[str] = ()
    sources: Sequence[str] = ()
    playbook: Path | None = None
    containers: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Found:
    """The answer.

    Attributes:
        gates: those given, then our own.
        journalled: ``signoffs``, ``waivers`` and ``decided`` for the journal.
        kept: what a later proof needs, as evidence: facts, verdicts, and every file as it was read.
    """

    gates: list[Gate]
    journalled: dict[str, Any]
    kept: dict[str, Any]


def judge(asked: Asked) -> Found:
    """Judge it all; on a recheck anything that doesn't hold is drift.

    Raises:
        GoliveError: criteria, keys or configuration can't be read.
        DriftError: on a recheck, a team's go no longer stands.
    """
    content = _criteria.read(asked.folder)
    decision = _criteria.understood(content)
    facts = _manifest.gather(asked.folder, decision)
    if facts.country != asked.country:
        raise GoliveError(
            f"golive_country is {asked.country}, but the signatures are for the inventory {facts.country}.",
            remedy=f"Name the inventory's folder {asked.country}, or correct golive_country.",
        )
    papers = _go_no_go.open_papers(asked.folder)
    world = _criteria_probes.World(asked.folder, decision, asked.now, asked.gates, asked.runs)
    automatic = {} if asked.recheck else _criteria_probes.judge(world)
    if asked.recheck:
        automatic = {
            name: passed(f"criterion.{name}", "It was asked when the night began.")
            for name in decision.criteria
        }
    ended = None if asked.recheck else last_end(asked.runs)
    question = _go_no_go.Question(decision, facts, papers, asked.now, ended, ages=not asked.recheck)
    judged = _go_no_go.judge(question, automatic)
    images = [] if asked.recheck else _runtimes.images(decision.images, asked.containers)
    own = [as_typed(asked), *images, *judged.gates]
    if asked.recheck:
        shut = [gate for gate in own if not gate.open]
        if shut:
            raise DriftError(f"{shut[0].name}: {shut[0].detail}", remedy=shut[0].remedy)
    journalled = {
        "signoffs": judged.signoffs,
        "waivers": judged.waivers,
        "decided": {
            "cutover": facts.cutover,
            "plan": facts.plan,
            "collection": dict(facts.collection),
            "configuration": _strict.sha256(_strict.canonical(dict(facts.configuration))),
            "criteria": [
                {"name": gate.name.removeprefix("criterion."), "verdict": gate.verdict.value}
                for gate in own
                if gate.name.startswith("criterion.")
            ],
        },
    }
    kept = {
        "schema": SCHEMA,
        "time": _strict.stamp(asked.now),
        "not_before": _strict.stamp(ended) if ended else "",
        # As texts: the journal blots out a value whose key sounds like a secret, and a criterion may be called so.
        "facts": _strict.canonical(facts.as_dict()).decode("ascii"),
        "decision": _strict.canonical(content).decode("ascii"),
        "gates": [gate.as_dict() for gate in own],
        "files": {
            **{name: raw.decode("utf-8", "replace") for name, raw in papers.files.items()},
            _sshsig.ALLOWED: papers.keys.allowed_raw.decode("ascii"),
            _sshsig.REVOKED: papers.keys.revoked_raw.hex(),
        },
    }
    return Found([*asked.gates, *own], journalled, kept)


def last_end(runs: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When the last live run before this one ended; what was signed before that was for that one."""
    ends = [
        datetime.fromisoformat(str(run["finished"])).astimezone(UTC)
        for run in runs
        if run.get("mode") == "live" and run.get("finished")
    ]
    return max(ends, default=None)


def as_typed(asked: Asked) -> Gate:
    """Nothing on the command line, nor beside somebody's own playbook, changes what was signed."""
    name = "signed.command"
    more = sorted(set(asked.extra) - OPERATIONAL)
    if more:
        return failed(
            name,
            f"-e gives {', '.join(more)}, which nobody signed.",
            "Leave it out, or put it into the inventory and have the teams sign;"
            f" -e may give {', '.join(sorted(OPERATIONAL))}.",
        )
    inventory = asked.folder.parent.resolve()
    others = [one for one in asked.sources if not _within(one, inventory)]
    if others:
        return failed(
            name,
            f"-i gives {others[0]}, which nobody signed.",
            f"Give {inventory.name} alone, with all that it needs.",
        )
    for folder in ("group_vars", "host_vars"):
        if asked.playbook and not _ours(asked.playbook) and (asked.playbook / folder).exists():
            return failed(
                name,
                f"{asked.playbook / folder} lies beside the playbook, and nobody signed it.",
                "Put those variables into the inventory and have the teams sign.",
            )
    return passed(name, "Nothing on the command line changes what was signed.")


def _ours(folder: Path) -> bool:
    return folder.resolve().is_relative_to(_manifest.COLLECTION)


def _within(source: str, inventory: Path) -> bool:
    path = Path(source).resolve()
    return path == inventory or path == inventory / "hosts.yml"
