# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of communicate: makes the texts, and the page that shows all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.dfr.golive.plugins.module_utils import _messages, _pages, _plan
from ansible_collections.dfr.golive.plugins.module_utils._chain import stamp
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._messages import Facts, Reader
from ansible_collections.dfr.golive.plugins.module_utils._plan_pages import zone_named

MODULE = "dfr.golive.communicate"
PAGE = "messages.html"


class ActionModule(ActionBase):  # type: ignore[misc]
    """Writes messages on the controller, has them sent from the state host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        args = dict(self._task.args)
        try:
            declared = _plan.understood(args.get("plan"))
            facts = facts_of(args, declared)
            readers = _messages.readers(args.get("audiences") or [])
            letters = written(args, facts, readers)
        except GoliveError as exc:
            return {**result, "failed": True, "msg": str(exc), "remedy": exc.remedy}
        night = stamp(declared.start) if declared.start else ""
        answer: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args={**args, "letters": letters, "night": night}, task_vars=task_vars
        )
        if answer.get("failed") or answer.get("unreachable") or args.get("keep") is not None:
            return answer
        try:
            answer["text"] = told(letters, answer, facts)
            if args.get("dest") and not args.get("moment"):
                page = _pages.render(
                    Path(args["template"]), title=args["title"], letters=paired(letters, answer, facts)
                )
                if not self._task.check_mode:
                    answer["changed"] = _pages.write(Path(args["dest"]), {PAGE: page}) or answer["changed"]
                    answer["text"] += f"\nAll texts: {Path(args['dest']) / PAGE}"
        except GoliveError as exc:
            return {**answer, "failed": True, "msg": str(exc), "remedy": exc.remedy}
        return answer


def facts_of(args: Mapping[str, Any], declared: _plan.Declared) -> Facts:
    """
    Raises:
        GoliveError: there is no such time zone.
    """
    return Facts(
        registry=str(args["title"]),
        url=f"https://{args['fqdn']}/",
        zone=zone_named(str(args["timezone"])),
        days=int(args["hypercare_days"]),
        start=declared.start,
        end=declared.end,
        note=args.get("note") or "",
        contact=str(args.get("contact") or ""),
    )


def written(args: Mapping[str, Any], facts: Facts, readers: Sequence[Reader]) -> list[dict[str, Any]]:
    """The messages of the moment asked for, or of those to be laid ready; of all moments when none is.

    Raises:
        GoliveError: the moment doesn't exist or can't be written, or an own text is wrong.
    """
    moment = str(args.get("moment") or "")
    if moment:
        _messages.moment_named(moment)
        lacking = _messages.missing(moment, facts)
        if lacking:
            raise GoliveError(f"{moment} can't be written: {lacking}.", remedy="Give it, then send.")
    kept = args.get("keep")
    chosen = [moment] if moment else list(_messages.MOMENTS if kept is None else kept)
    own = str(args.get("texts_dir") or "")
    folder = Path(own) if own else None
    if folder and not folder.is_dir():
        raise GoliveError(
            f"golive_communication.texts_dir {folder} is no folder.", remedy="Correct it, or leave it out."
        )
    return [
        {
            "moment": name,
            "kind": reader.kind,
            "audience": {
                "name": reader.audience.name,
                "language": reader.audience.language,
                "to": list(reader.audience.to),
            },
            "text": _messages.text(name, reader, facts, folder),
        }
        for name in chosen
        for reader in readers
    ]


def paired(
    letters: Sequence[Mapping[str, Any]], answer: Mapping[str, Any], facts: Facts
) -> list[dict[str, Any]]:
    """Each message with what became of it and what stands against it now."""
    states: dict[tuple[str, str], list[str]] = {}
    for one in answer["messages"]:
        states.setdefault((one["moment"], one["audience"]), []).append(
            f"{one['way']}: {one['state'] or 'not sent'}"
        )
    return [
        {
            **letter,
            "state": ", ".join(states.get((letter["moment"], letter["audience"]["name"]), [])),
            "against": _messages.missing(letter["moment"], facts)
            or answer["refused"].get(letter["moment"], ""),
        }
        for letter in letters
    ]


def told(letters: Sequence[Mapping[str, Any]], answer: Mapping[str, Any], facts: Facts) -> str:
    """The communication plan for a terminal, a line for each message."""
    lines, shown = [], ""
    for one in paired(letters, answer, facts):
        if one["moment"] != shown:
            shown = one["moment"]
            lines.append(f"{shown}{': not now, ' if one['against'] else ''}{one['against']}")
        subject = one["text"].partition("\n")[0].removeprefix("Subject: ")
        audience = one["audience"]
        lines.append(f"  {audience['name']:<16} {audience['language']}  {one['state']:<16} {subject}")
    return "\n".join(lines)
