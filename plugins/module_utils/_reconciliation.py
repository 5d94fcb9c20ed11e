# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a country declares must hold for its registry, and the judgement on what was seen: no database here.

The proof of rows says that two databases hold the same; it says so in digests. These checks say it in the figures that
people know (farmers by province, hectares by crop), and they ask what equality can't: whether the data is sound.

A result holds figures, the values of the columns that figures are grouped by, and keys of records; a key that is no
number is kept as a digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, Verdict

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")

CHECK_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "kind": {
        "type": "str",
        "required": True,
        "choices": ["totals", "orphans", "duplicates", "attachments", "query"],
    },
    "title": {"type": "raw", "required": True},
    "table": {"type": "str"},
    "by": {"type": "list", "elements": "str"},
    "sum": {"type": "list", "elements": "str"},
    "labels": {"type": "dict"},
    "column": {"type": "str"},
    "columns": {"type": "list", "elements": "str"},
    "parent": {"type": "str"},
    "parent_column": {"type": "str"},
    "key": {"type": "str", "no_log": False},
    "normalise": {"type": "bool"},
    "sql": {"type": "str"},
    "at_most": {"type": "int"},
}
"""How one check is declared; which options go with which kind is in `SHAPES`."""

ALWAYS = ("name", "kind", "title")
SHAPES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "totals": (("table",), ("by", "sum", "labels")),
    "orphans": (("table", "column", "parent"), ("parent_column", "key", "at_most")),
    "duplicates": (("table", "columns"), ("normalise", "key", "at_most")),
    "attachments": ((), ("at_most",)),
    "query": (("sql",), ("at_most",)),
}
"""Kind -> the options it needs, and those it may have."""


@dataclass(frozen=True)
class Check:
    """One thing that must hold.

    Attributes:
        name: short and stable.
        kind: a key of `SHAPES`.
        title: language -> what people read.
        at_most: the target may count so many; None when both sides must be equal instead.
        options: the rest of the declaration, defaults filled in.
    """

    name: str
    kind: str
    title: Mapping[str, str]
    at_most: int | None
    options: Mapping[str, Any]

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Check:
        kind, title = str(raw["kind"]), raw["title"]
        defaults = {
            "by": [],
            "sum": [],
            "labels": {},
            "key": "id",
            "parent_column": "id",
            "normalise": True,
            # What is counted is a fault, but for a query, whose number has no meaning of its own.
            "at_most": None if kind in ("totals", "query") else 0,
        }
        options = {name: value for name, value in raw.items() if value is not None and name not in ALWAYS}
        return cls(
            name=str(raw["name"]),
            kind=kind,
            title=dict(title) if isinstance(title, Mapping) else {"": str(title)},
            at_most=options.get("at_most", defaults["at_most"]),
            options={**defaults, **options},
        )


def problems(raw: Sequence[Any], languages: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Everything wrong with a declaration whose types are right: where, and a sentence.

    Args:
        raw: the list as declared.
        languages: those each title must be in, unless it is one text for all.
    """
    names = [str(item.get("name")) for item in raw if isinstance(item, Mapping)]
    for number, item in enumerate(raw):
        if not isinstance(item, Mapping) or item.get("kind") not in SHAPES:
            continue  # the argument spec has said so
        where, name, kind = f"[{number}]", str(item.get("name")), str(item["kind"])
        if not NAME.fullmatch(name):
            yield f"{where}.name", f"is {name!r}; use small letters, digits and _."
        elif names.index(name) < number and names.count(name) > 1:
            yield f"{where}.name", f"is {name}, which another check is called too."
        required, optional = SHAPES[kind]
        for option in required:
            if item.get(option) in (None, "", []):
                yield f"{where}.{option}", f"is not set, and a check of the kind {kind} needs it."
        for option, value in item.items():
            if (
                value is not None
                and option not in (*ALWAYS, *required, *optional)
                and option in CHECK_OPTIONS
            ):
                yield f"{where}.{option}", f"means nothing to a check of the kind {kind}."
        yield from _in_detail(where, item, languages)


def _in_detail(where: str, item: Mapping[str, Any], languages: Sequence[str]) -> Iterator[tuple[str, str]]:
    title = item.get("title")
    if isinstance(title, Mapping):
        for language in languages:
            if not title.get(language):
                yield f"{where}.title", f"has no text in {language}, which golive_languages declares."
    elif not isinstance(title, str):
        yield f"{where}.title", "has to be a text, or one for each language."
    statement = item.get("sql")
    if isinstance(statement, str) and not re.match(r"\s*(select|with)\b", statement, re.IGNORECASE):
        yield f"{where}.sql", "has to be one statement that begins with select or with."
    if isinstance(statement, str) and ";" in statement:
        yield f"{where}.sql", "has to be one statement without a semicolon."
    limit = item.get("at_most")
    if isinstance(limit, int) and limit < 0:
        yield f"{where}.at_most", "can't be less than 0."


def parse(raw: Sequence[Mapping[str, Any]]) -> list[Check]:
    """The checks of a declaration.

    Raises:
        GoliveError: something is wrong with it.
    """
    found = [f"golive_reconciliation{where} {sentence}" for where, sentence in problems(raw)]
    if found:
        raise GoliveError(" ".join(found), remedy="Correct group_vars/all/reconciliation.yml.")
    return [Check.from_dict(item) for item in raw]


# --- what was seen -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """The figures of the rows that have the same values in the columns they are grouped by."""

    labels: tuple[str | None, ...]
    count: int
    sums: tuple[str, ...] = ()

    def figures(self) -> dict[str, Any]:
        return {"count": self.count, "sums": list(self.sums)}


@dataclass(frozen=True)
class Seen:
    """What one side answered.

    Attributes:
        number: rows of totals, the number of a query, otherwise how many faults there are.
        groups: of totals.
        figures: what else was counted and must be equal on both sides.
        keys: of the first few faulty records; see the head of this module.
    """

    number: str
    groups: tuple[Group, ...] = ()
    figures: Mapping[str, int] = field(default_factory=dict)
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unknown:
    """One side gave no usable answer."""

    reason: str


Answer: TypeAlias = "Seen | Unknown | None"
"""None: this side wasn't asked."""


@dataclass(frozen=True)
class Result:
    """One check and its verdict.

    Attributes:
        verdict: ``pass``, ``fail`` or ``unknown``.
        detail: one sentence in English with the figures.
        rows: totals, group by group, with both sides' figures and whether they are equal.
    """

    check: Check
    verdict: Verdict
    detail: str
    source: Answer
    target: Answer
    rows: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        def side(answer: Answer) -> dict[str, Any] | None:
            if not isinstance(answer, Seen):
                return None
            return {"number": answer.number, "figures": dict(answer.figures), "keys": list(answer.keys)}

        return {
            "name": self.check.name,
            "kind": self.check.kind,
            "title": dict(self.check.title),
            "at_most": self.check.at_most,
            "by": list(self.check.options["by"]),
            "sum": list(self.check.options["sum"]),
            "labels": dict(self.check.options["labels"]),
            "verdict": self.verdict.value,
            "detail": self.detail,
            "source": side(self.source),
            "target": side(self.target),
            "rows": list(self.rows),
            "seconds": round(self.seconds, 3),
        }

    def gate(self) -> Gate:
        remedy = {
            Verdict.FAIL: "Correct the data on staging, or what golive_reconciliation allows, and ask again.",
            Verdict.UNKNOWN: "Correct the check in golive_reconciliation, or the operator's rights, and ask again.",
        }.get(self.verdict, "")
        return Gate(f"reconciliation.{self.check.name}", self.verdict, self.detail, remedy)


def judge(check: Check, source: Answer, target: Answer, seconds: float = 0.0) -> Result:
    """The verdict on what both sides said; with one side, on whether it can be asked and its own rule holds."""
    rows = _rows(source, target) if check.kind == "totals" else ()
    verdict, detail = _verdict(check, source, target, rows)
    return Result(check, verdict, detail, source, target, rows, seconds)


def _verdict(
    check: Check, source: Answer, target: Answer, rows: Sequence[Mapping[str, Any]]
) -> tuple[Verdict, str]:
    sides = {"the source": source, "the target": target}
    dumb = [f"{name}: {answer.reason}" for name, answer in sides.items() if isinstance(answer, Unknown)]
    if dumb:
        return Verdict.UNKNOWN, "; ".join(dumb)
    seen = {name: answer for name, answer in sides.items() if isinstance(answer, Seen)}
    if not seen:
        return Verdict.UNKNOWN, "Nobody was asked."
    counted = ", ".join(f"{answer.number} in {name}" for name, answer in seen.items())
    wrong = []
    if check.at_most is not None:
        # What moves is the source; before it has moved there is nothing else to judge by.
        judged = target if isinstance(target, Seen) else source
        if isinstance(judged, Seen) and int(judged.number) > check.at_most:
            shown = f" (records {', '.join(judged.keys)})" if judged.keys else ""
            wrong.append(f"{judged.number} found{shown}, at most {check.at_most} allowed")
    elif isinstance(source, Seen) and isinstance(target, Seen) and source.number != target.number:
        wrong.append(f"not equal: {counted}")
    different = [row for row in rows if row["verdict"] == "different"]
    if different:
        wrong.append(f"{len(different)} of {len(rows)} groups differ")
    if isinstance(source, Seen) and isinstance(target, Seen) and source.figures != target.figures:
        wrong.append(f"figures differ: {dict(source.figures)} and {dict(target.figures)}")
    if wrong:
        return Verdict.FAIL, f"{'; '.join(wrong)}."
    return Verdict.PASS, f"{counted}{f', {len(rows)} groups' if rows else ''}."


def _rows(source: Answer, target: Answer) -> tuple[dict[str, Any], ...]:
    """Both sides' groups beside each other; a group that one side lacks counts nothing there."""
    left = {group.labels: group for group in source.groups} if isinstance(source, Seen) else None
    right = {group.labels: group for group in target.groups} if isinstance(target, Seen) else None
    rows = []
    for labels in sorted(
        {*(left or {}), *(right or {})}, key=lambda found: [(x is None, x or "") for x in found]
    ):
        sides = {
            name: groups[labels].figures() if labels in groups else {"count": 0, "sums": []}
            for name, groups in (("source", left), ("target", right))
            if groups is not None
        }
        both = len(sides) == 2
        verdict = ("equal" if sides["source"] == sides["target"] else "different") if both else "seen"
        rows.append({"group": list(labels), **sides, "verdict": verdict})
    return tuple(rows)


def refuse(results: Sequence[Result]) -> None:
    """Raise unless every check passed.

    Raises:
        GoliveError: with the results in what the module returns.
    """
    bad = [result for result in results if result.verdict is not Verdict.PASS]
    if not bad:
        return
    said = "; ".join(
        f"{result.check.name} ({result.verdict.value}): {result.detail.rstrip('.')}" for result in bad
    )
    error = GoliveError(
        f"{len(bad)} of {len(results)} reconciliation checks didn't pass: {said}.",
        remedy="See golive_reconciliation in the inventory; what it says must hold before users are let in.",
    )
    error.returned = {"reconciliation": [result.as_dict() for result in results]}
    raise error
