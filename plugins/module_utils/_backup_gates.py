# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a backup can be taken and proven."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.dfr.golive.plugins.module_utils._backup import BackupPlan
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import refuse_old_programs
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect, scalar
from ansible_collections.dfr.golive.plugins.module_utils._sync_gates import (
    answering,
    filestore_bytes,
    free_bytes,
    megabytes,
)
from ansible_collections.dfr.golive.plugins.module_utils._sync_identity import check_identity

# The set itself, and the scratch database that it is restored into.
SPACE_FACTOR = 2.5


def readiness(plan: BackupPlan) -> list[Gate]:
    """Ask everything; read only."""
    questions: dict[str, Callable[[], Gate]] = {
        "database.production": lambda: _identity(plan),
        "backup.target": lambda: _target(plan),
        "backup.disk": lambda: _disk(plan),
        "backup.tools": lambda: _tools(plan),
        "backup.rights": lambda: _rights(plan),
    }
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(lambda item: ask(item[0], answering(item[1])), questions.items()))


def _identity(plan: BackupPlan) -> Gate:
    check_identity(plan.side, "production")
    return passed("database.production", f"{plan.side.name} on {plan.side.login.host} is {plan.side.uuid}")


def _target(plan: BackupPlan) -> Gate:
    try:
        seen = plan.directory.stat()
        facts = os.statvfs(plan.directory)
    except FileNotFoundError:
        return failed(
            "backup.target", f"{plan.directory} doesn't exist", "Run playbooks/prepare.yml, it makes it."
        )
    if not plan.directory.is_dir():
        return failed("backup.target", f"{plan.directory} isn't a directory", "Correct backup_database_dir.")
    if facts.f_flag & os.ST_RDONLY or not os.access(plan.directory, os.W_OK):
        return failed("backup.target", f"{plan.directory} can't be written", "Mount it for writing.")
    if seen.st_mode & 0o077:
        return failed(
            "backup.target",
            f"{plan.directory} is open to others than its owner (mode {seen.st_mode & 0o777:04o})",
            "Run playbooks/prepare.yml, or chmod 0700: backups hold personal data.",
        )
    halves = plan.leftovers()
    detail = f"{plan.directory} can be written"
    if halves:
        detail += f"; {len(halves)} unfinished, for example {halves[0].name}, will be removed"
    return passed("backup.target", detail)


def _disk(plan: BackupPlan) -> Gate:
    with connect(plan.side.login) as conn:
        size = int(scalar(conn, "select pg_catalog.pg_database_size(current_database())"))
    needed = int(SPACE_FACTOR * (size + filestore_bytes(plan.store)))
    free = free_bytes(plan.directory)
    detail = f"{megabytes(needed)} needed in {plan.directory}, {megabytes(free)} free"
    if free < needed:
        return failed("backup.disk", detail, "Free or add space, or point backup_database_dir elsewhere.")
    return passed("backup.disk", detail)


def _tools(plan: BackupPlan) -> Gate:
    with connect(plan.side.login) as conn:
        server = conn.info.server_version // 10000
    return passed("backup.tools", refuse_old_programs(server, server))


def _rights(plan: BackupPlan) -> Gate:
    with connect(plan.side.login) as conn:
        creates = scalar(
            conn, "select rolcreatedb or rolsuper from pg_catalog.pg_roles where rolname = current_user"
        )
        reads = scalar(
            conn,
            "select pg_catalog.pg_has_role(current_user, datdba, 'USAGE')"
            " or pg_catalog.pg_has_role(current_user, 'pg_read_all_data', 'USAGE')"
            " from pg_catalog.pg_database where datname = current_database()",
        )
    if not (creates and reads):
        return failed(
            "backup.rights",
            f"{plan.side.login.user} may {'not ' if not reads else ''}read all data and"
            f" {'not ' if not creates else ''}create the scratch database",
            f"alter role {plan.side.login.user} createdb; grant pg_read_all_data to {plan.side.login.user}.",
        )
    return passed(
        "backup.rights", f"{plan.side.login.user} may read all data and create the scratch database"
    )
