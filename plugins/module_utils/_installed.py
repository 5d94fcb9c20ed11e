# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs on a managed host without Ansible is made of what its installer has loaded."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def install(folder: Path, program: ModuleType) -> bool:
    """Put all of ours that is loaded where cron, or a forced command, can start it without Ansible.

    Args:
        folder: gets a folder ``lib``.
        program: what will be started; whoever names it has loaded it.

    Returns:
        Whether anything was written.
    """
    package = program.__name__.rpartition(".")[0]
    changed = False
    place = folder.joinpath("lib", *package.split("."))
    for name in sorted(sys.modules):
        if not name.startswith(f"{package}._"):
            continue
        loader: Any = sys.modules[name].__loader__
        text = str(loader.get_source(name))
        path = place / f"{name.rpartition('.')[2]}.py"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed = True
    return changed
