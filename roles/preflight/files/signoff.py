# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sign a go-live offline, or prove years later who signed it: ``python3 signoff.py --help``."""

import importlib.machinery
import sys
import types
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[3]


def as_collection(root: Path) -> None:
    """Make this checkout or installed collection importable by its name, wherever it lies and without Ansible."""
    parents = ("ansible_collections", "ansible_collections.dfr")
    for name, path in (*((name, []) for name in parents), ("ansible_collections.dfr.golive", [str(root)])):
        package = types.ModuleType(name)
        package.__path__ = path
        package.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
        sys.modules[name] = package


if __name__ == "__main__":
    as_collection(ROOT)
    from ansible_collections.dfr.golive.plugins.module_utils._signer import main

    sys.exit(main(sys.argv[1:]))
