# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs while the image is built: of Debian's collections, keeps what requirements.yml leads to and no other.

Each collection that stays has a version that requirements.yml admits; otherwise the build fails.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import yaml
from ansible.galaxy.dependency_resolution.versioning import meets_requirements

DEBIAN = Path("/usr/lib/python3/dist-packages/ansible_collections")
KEPT = Path("/usr/share/ansible/collections/ansible_collections")


def main() -> int:
    wanted = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))["collections"]
    todo = [(one["name"], str(one.get("version", "*"))) for one in wanted]
    done: dict[str, str] = {}
    while todo:
        name, needed = todo.pop()
        if name not in done:
            namespace, short = name.split(".")
            manifest = DEBIAN / namespace / short / "MANIFEST.json"
            info = json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]
            (KEPT / namespace).mkdir(parents=True, exist_ok=True)
            shutil.move(DEBIAN / namespace / short, KEPT / namespace / short)
            done[name] = info["version"]
            todo += info["dependencies"].items()
        if not meets_requirements(done[name], needed):
            sys.exit(f"{name} is {done[name]} in Debian; {needed} is asked for")
    shutil.rmtree(DEBIAN)
    print(json.dumps(done))
    return 0


if __name__ == "__main__":
    sys.exit(main())
