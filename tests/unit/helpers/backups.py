# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup's plan, and the files of an application, for the tests of backups."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ansible_collections.dfr.golive.plugins.module_utils._backup import BackupPlan
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin
from ansible_collections.dfr.golive.plugins.module_utils._side import Side


def put(folder: Path, content: bytes) -> str:
    digest = hashlib.sha1(content).hexdigest()
    name = f"{digest[:2]}/{digest}"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return name


def planned(folder: Path) -> BackupPlan:
    login = PostgresLogin("db", 5432, "op", "s3cret", "prod")
    return BackupPlan("run-1", Side(login, "odoo", "u-prod"), folder / "store", folder, "zstd:1", 2, 60)
