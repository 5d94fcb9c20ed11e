# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pages for people, on the controller: one file each, that needs nothing beside it and prints on A4."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ansible_collections.dfr.golive.plugins.module_utils._chain import moment
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, require
from ansible_collections.dfr.golive.plugins.module_utils._language import Language


def zone(name: str) -> tzinfo:
    """The country's time zone; UTC on a machine that doesn't know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


class Reading:
    """A page in one language, with the moments in one zone: what templates ask for."""

    def __init__(self, language: Language, zone: tzinfo = UTC) -> None:
        self.code = language.code
        self.language = language
        self.say = language.say
        self.zone = zone

    def when(self, stamp: str | None) -> str:
        return self.language.moment(moment(stamp), self.zone) if stamp else ""

    def local(self, stamp: str) -> datetime:
        return moment(stamp).astimezone(self.zone)

    def time(self, stamp: str | None) -> str:
        """A moment without the zone, which is said once at the top: `clock_of`."""
        return self.language.time(self.local(stamp)) if stamp else ""

    @property
    def clock_of(self) -> str:
        return str(getattr(self.zone, "key", "UTC"))

    def number(self, value: Any, digits: int = 4) -> str:
        """An exact number however it was written, with at most so many digits after the point."""
        shown = str(value if value is not None else "")
        if not re.fullmatch(r"-?\d+(\.\d+)?", shown):
            return shown
        return self.language.number(Decimal(shown), min(digits, len(shown.partition(".")[2])))

    def title(self, check: Mapping[str, Any]) -> str:
        """What a reconciliation check is called in this language, else in the first it has."""
        return self._own(check["title"], check["name"])

    def label(self, check: Mapping[str, Any], name: str) -> str:
        """What a column of a check, or a value in it, is called; its own name where nothing was declared."""
        return self._own(check["labels"].get(name, name), name)

    def _own(self, texts: Any, name: str) -> str:
        if not isinstance(texts, Mapping):
            return str(texts)
        return str(texts.get(self.code) or next(iter(texts.values()), name))


def render(template: Path, **context: Any) -> str:
    """A page: every value escaped; one that is missing stays blank, since no report may fail a go-live.

    Args:
        template: Jinja2; others in its folder may be extended.
        context: what the template speaks of.
    """
    jinja2 = require("jinja2", "python3-jinja2")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    html: str = environment.get_template(template.name).render(**context)
    return html


def write(folder: Path, files: Mapping[str, str]) -> bool:
    """Write files, each whole or not at all. Returns whether any has changed.

    Raises:
        GoliveError: the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        changed = [_replace(folder / name, text) for name, text in files.items()]
    except OSError as exc:
        raise GoliveError(
            f"Can't write the report to {folder}: {exc.strerror or exc}.",
            remedy="Choose a folder that you may write on the controller, for a go-live with golive_artifacts_dir.",
        ) from exc
    return any(changed)


def _replace(path: Path, text: str) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
    return True
