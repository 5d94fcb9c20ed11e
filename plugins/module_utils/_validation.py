# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The validation report: what was compared and whether it holds, for an official to read and sign.

It is one object, ``validation.json``, made of what the comparison itself returned and the journal has by digest; the
page is that object in the country's languages, and carries its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _pages
from ansible_collections.dfr.golive.plugins.module_utils._language import languages, mark
from ansible_collections.dfr.golive.plugins.module_utils._report import RECONCILED_BY

SCHEMA = "dfr.golive/validation/1"
GOOD = ("equal", "declared", "pass")

WORDS = {
    "equal": mark("equal"),
    "declared": mark("as declared"),
    "different": mark("different"),
    "columns": mark("other columns"),
    "missing": mark("missing"),
    "extra": mark("too many"),
    "pass": mark("holds"),
    "fail": mark("does not hold"),
    "unknown": mark("not known"),
    "seen": mark("one side only"),
    "changed": mark("changed"),
    "repeated": mark("repeated"),
    "live": mark("the go-live itself"),
    "rehearsal": mark("a rehearsal"),
    "attachments": mark("attachments"),
    "files": mark("files"),
    "bytes": mark("bytes"),
}
"""What the object says in one word, for people."""

ANNEX = {
    "table": mark("Table"),
    "source_rows": mark("Rows in the source"),
    "target_rows": mark("Rows in production"),
    "digest": mark("Digest, once when both are equal"),
    "verdict": mark("Verdict"),
}
"""Headings of the one table that all languages share."""

OUTCOMES = {
    "valid": (
        mark("Valid"),
        mark("The production registry holds exactly what was frozen, and everything declared for it holds."),
    ),
    "invalid": (mark("Not valid"), mark("Something below differs or does not hold. No user may be let in.")),
    "incomplete": (mark("Not complete"), mark("Not everything has been compared yet.")),
    "withdrawn": (mark("Withdrawn"), mark("This run was undone; its data is not in production.")),
}


def build(info: Mapping[str, Any], title: str, declared: int) -> dict[str, Any]:
    """The object of one run of a go-live.

    Args:
        info: what `journal_info` returned.
        title: the country's name for people.
        declared: how many checks golive_reconciliation has.
    """
    run, evidence = info["run"], info["evidence"]
    phases = {phase["name"]: phase for phase in run["phases"]}
    sync = phases["sync_data"]
    answers = [evidence.get(f"{name}/reconciliation") for name in RECONCILED_BY]
    return conclude(
        {
            "country": info["country"],
            "title": title or info["country"],
            "run_id": run["id"],
            "mode": run["mode"],
            "withdrawn": sync["status"] == "undone",
            "compared": _compared(sync, evidence.get("sync_data/tables") or []),
            "method": sync["result"].get("method", ""),
            "failure": _failure(phases),
            "sources": sync["result"].get("sources") or [],
            "tables": evidence.get("sync_data/tables") or [],
            "differences": evidence.get("sync_data/differences") or [],
            "sequences": (sync["result"].get("sequences") or {}).get("compared"),
            "definitions": sync["result"].get("definitions"),
            "left_out": sync["result"].get("left_out") or {},
            "filestore": sync["result"].get("filestore"),
            "reconciliation": next(filter(None, answers), []),
            "declared": declared,
            "evidence": [
                {"name": f"{phase['name']}/{file['name']}", "sha256": file["sha256"]}
                for phase in run["phases"]
                for file in phase["files"]
            ],
            "journal": {"records": info["journal"]["records"], "head": info["journal"]["head"]},
        }
    )


def _compared(sync: Mapping[str, Any], tables: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """When, where in the log and how much; rows and tables are all there are, ``again`` those of the window."""
    found = sync["result"].get("compared") or {}
    again = {"again": found["rows"]} if found.get("kind") == "touched" else {}
    whole = {"tables": len(tables), "rows": sum(table["target_rows"] for table in tables)} if tables else {}
    facts = {"kind": found.get("kind", ""), "position": found.get("position", "")}
    return {"at": sync["finished"] or "", **facts, **whole, **again}


def of_pair(params: Mapping[str, Any], now: str) -> dict[str, Any]:
    """The object of a move between two databases without a go-live around it.

    Args:
        params: of the module ``validation``.
        now: as a stamp.
    """
    cutover = params["cutover"]
    proof, drain = cutover.get("proof") or {}, cutover.get("drain") or {}
    compared = {"kind": proof.get("kind", ""), "position": drain.get("position", "")}
    if compared["kind"] == "touched":
        compared["again"] = proof["rows"]
    elif proof:
        compared |= {"tables": proof["tables"], "rows": proof["rows"]}
    return conclude(
        {
            "country": "",
            "title": params["title"],
            "run_id": "",
            "mode": "",
            "withdrawn": False,
            "compared": {"at": now if proof else "", **compared},
            "method": "replication",
            "failure": params["failure"],
            "sources": [],
            "tables": [],
            "differences": params["differences"],
            "sequences": proof.get("sequences"),
            "filestore": None,
            "reconciliation": params["reconciliation"],
            "declared": params["declared"],
        }
    )


def _failure(phases: Mapping[str, Any]) -> str:
    """Why the data doesn't hold, where a phase has said so; why something else failed is none of this report's."""
    if phases["sync_data"]["status"] == "failed":
        return str(phases["sync_data"]["reason"] or "")
    gates = phases[RECONCILED_BY[0]]["gates"]
    return " ".join(
        gate["detail"]
        for gate in gates
        if gate["name"].startswith("reconciliation.") and gate["verdict"] not in ("pass", "waived")
    )


def conclude(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The object with its outcome: valid only when all of it is there and all of it is good."""
    verdicts = [table["verdict"] for table in facts["tables"]]
    verdicts += [check["verdict"] for check in facts["reconciliation"]]
    verdicts += [facts["filestore"]["verdict"]] if facts["filestore"] else []
    empty = facts["method"] == "none"
    complete = bool(facts["tables"] or facts["compared"].get("kind") or empty)
    complete = complete and len(facts["reconciliation"]) == facts["declared"]
    if facts["withdrawn"]:
        outcome = "withdrawn"
    elif facts["failure"] or facts["differences"] or any(verdict not in GOOD for verdict in verdicts):
        outcome = "invalid"
    else:
        outcome = "valid" if complete else "incomplete"
    return {"schema": SCHEMA, "outcome": outcome, **facts}


def text(result: Mapping[str, Any]) -> str:
    """``validation.json``, the same for the same result."""
    return json.dumps(result, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def digest(result: Mapping[str, Any]) -> str:
    """The SHA-256 of ``validation.json``, as sha256sum prints it."""
    return hashlib.sha256(text(result).encode()).hexdigest()


def page(result: Mapping[str, Any], codes: Sequence[str], zone_name: str, template: Path) -> str:
    """``validation.html``: all languages in one file, each complete.

    Raises:
        GoliveError: a language without catalogue.
    """
    return _pages.render(
        template,
        result=result,
        digest=digest(result),
        words=ANNEX,
        readings=[Reading(language, _pages.zone(zone_name)) for language in languages(list(codes))],
    )


class Reading(_pages.Reading):
    """What the template needs of one language."""

    def word(self, name: str) -> str:
        return self.say(WORDS[name]) if name in WORDS else name

    def outcome(self, name: str) -> str:
        return self.say(OUTCOMES[name][0])

    def sentence(self, name: str) -> str:
        return self.say(OUTCOMES[name][1])
