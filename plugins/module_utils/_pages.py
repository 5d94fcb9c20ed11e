# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pages for people, on the controller: one file each, that needs nothing beside it and prints on A4."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, require


def render(template: Path, filters: Mapping[str, Callable[..., Any]], **context: Any) -> str:
    """A page: every value escaped; one that is missing stays blank, since no report may fail a go-live.

    Args:
        template: Jinja2; others in its folder may be extended.
        filters: by name.
        context: what the template speaks of.
    """
    jinja2 = require("jinja2", "python3-jinja2")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(filters)
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
