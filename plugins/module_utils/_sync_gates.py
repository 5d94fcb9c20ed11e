# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gates before the data moves. They read, and change nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dfr.golive.plugins.module_utils import (
    _digest,
    _filestore,
    _sync_dump,
    _sync_replica_gates,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed
from ansible_collections.dfr.golive.plugins.module_utils._locale import read_locale
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import refuse_old_programs
from ansible_collections.dfr.golive.plugins.module_utils._postgres import connect, driver, membership, scalar
from ansible_collections.dfr.golive.plugins.module_utils._postgres_sessions import who_is_in
from ansible_collections.dfr.golive.plugins.module_utils._side import Side
from ansible_collections.dfr.golive.plugins.module_utils._sync_identity import check_identity, read_identity
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import (
    Plan,
    check_source_fence,
    look,
    refuse_other_run,
)
from ansible_collections.dfr.golive.plugins.module_utils._sync_privileges import carry_privileges
from ansible_collections.dfr.golive.plugins.module_utils._sync_swap import raise_fence, try_settings
from ansible_collections.dfr.golive.plugins.module_utils._unfollowed import SEE_ALL, hidden_tables

if TYPE_CHECKING:
    import psycopg

# Dump, restored copy and filestore lie side by side for a while; the rest is for indexes being built and for WAL.
SPACE_FACTOR = 2.5


def readiness(plan: Plan, *, fenced: bool = True) -> list[Gate]:
    """Ask everything, whatever the first answers are.

    Args:
        plan: what is to be brought where.
        fenced: whether staging must be frozen already; preflight asks before that.
    """
    questions: dict[str, Callable[[], Gate]] = {
        "database.production": lambda: _identity(plan.target, "production", plan),
    }
    if plan.method != "none":
        source, _remote, _stores = plan.parts()
        questions["database.staging"] = lambda: _identity(source, "staging", plan)
        if fenced:
            questions["fence.staging"] = lambda: _fence(plan)
        questions["names.production"] = lambda: _names(plan)
    if plan.method != "none" and not _swapped(plan):
        questions |= {
            "rights.production": lambda: _rights(plan),
            "settings.production": lambda: _settings(plan),
            "sessions.production": lambda: _sessions(plan),
            "slots.production": lambda: _slots(plan),
            "versions.postgresql": lambda: _versions(plan),
            "locale.postgresql": lambda: _locale(plan),
            "extensions.postgresql": lambda: _extensions(plan),
            "tables.staging": lambda: _tables(plan),
            "filestore.staging": lambda: _files(plan),
            "disk.production": lambda: _disk(plan),
        }
        if not fenced:
            questions["fence.production"] = lambda: _own_fence(plan)
        if plan.method == "dump" and not fenced:
            questions["definitions.production"] = lambda: _definitions(plan)
        if plan.method == "replication":
            questions |= _sync_replica_gates.before_seeding(plan)
            questions |= _sync_replica_gates.on_the_night(plan, fenced=fenced)
    return ask_all(questions)


def seedable(plan: Plan) -> list[Gate]:
    """What must be true before a copy is begun, on any day."""
    return ask_all(
        {
            "rights.production": lambda: _rights(plan),
            "versions.postgresql": lambda: _versions(plan),
            "locale.postgresql": lambda: _locale(plan),
            "extensions.postgresql": lambda: _extensions(plan),
            "tables.staging": lambda: _tables(plan),
            "disk.production": lambda: _disk(plan),
            "definitions.production": lambda: _definitions(plan),
            **_sync_replica_gates.before_seeding(plan),
        }
    )


def ask_all(questions: Mapping[str, Callable[[], Gate]]) -> list[Gate]:
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(lambda item: ask(item[0], answering(item[1])), questions.items()))


def _swapped(plan: Plan) -> bool:
    """Whether this run has swapped already: then there is nothing left to make room for."""
    try:
        with connect(plan.target.maintenance()) as admin:
            return look(admin, plan).swapped
    except (GoliveError, driver().Error):
        return False  # names.production says what is wrong


def answering(question: Callable[[], Gate]) -> Callable[[], Gate]:
    """The database's refusal of a question is no answer to it."""

    def asked() -> Gate:
        try:
            return question()
        except driver().Error as exc:
            raise ProbeError(f"The database refused the question: {one_line(exc)}.") from exc
        except OSError as exc:
            raise ProbeError(f"This host refused the question: {one_line(exc)}.") from exc

    return asked


def _both(plan: Plan, read: Callable[[psycopg.Connection[Any]], Any]) -> tuple[Any, Any]:
    source, _remote, _stores = plan.parts()
    with connect(source.login) as left:
        of_source = read(left)
    with connect(plan.target.login) as right:
        return of_source, read(right)


def _identity(side: Side, variable: str, plan: Plan) -> Gate:
    check_identity(side, variable)
    if plan.method != "none":
        missing = [
            key for key in plan.identity_keys if key not in read_identity(side.login, plan.identity_keys)
        ]
        if missing:
            raise GoliveError(
                f"The database {side.name} lacks the parameters {', '.join(missing)} that make its identity.",
                remedy="Start its Odoo once, it makes them; or shorten sync_data_identity_keys.",
            )
    return passed(f"database.{variable}", f"{side.name} on {side.login.host} is {side.uuid}")


def _fence(plan: Plan) -> Gate:
    evidence = check_source_fence(plan)
    return passed(
        "fence.staging", f"fenced by this run; barred roles: {', '.join(evidence.get('roles', [])) or 'none'}"
    )


def _names(plan: Plan) -> Gate:
    with connect(plan.target.maintenance()) as admin:
        world = look(admin, plan)
    refuse_other_run(plan, world)
    if world.swapped:
        return passed("names.production", f"{plan.production} was swapped earlier in this run")
    if world.copy and plan.method == "replication":
        return passed("names.production", f"{plan.incoming} is the copy, {plan.before} is free")
    if plan.incoming in world.databases:
        return passed("names.production", f"a leftover {plan.incoming} of ours will be replaced")
    return passed("names.production", f"{plan.incoming} and {plan.before} are free")


def _rights(plan: Plan) -> Gate:
    role = plan.target.app_role
    with connect(plan.target.maintenance()) as admin:
        version = admin.info.server_version
        facts = {
            "may not create databases": scalar(
                admin, "select rolcreatedb or rolsuper from pg_catalog.pg_roles where rolname = current_user"
            ),
            f"doesn't inherit the rights of {role}": scalar(
                admin, "select pg_catalog.pg_has_role(current_user, %s, 'USAGE')", (role,)
            ),
            "may not make its schema in the maintenance database": scalar(
                admin,
                "select to_regnamespace('dfr_golive') is not null"
                " or has_database_privilege(current_database(), 'CREATE')",
            ),
            f"is not a member of the owner of {plan.production}": scalar(
                admin,
                "select pg_catalog.pg_has_role(current_user, datdba, 'USAGE') from pg_catalog.pg_database"
                " where datname = %s",
                (plan.production,),
            ),
        }
    lacking = [what for what, has in facts.items() if not has]
    if lacking:
        return failed(
            "rights.production",
            f"{plan.target.login.user} on {plan.target.login.host} {'; '.join(lacking)}.",
            f"As a superuser there: {membership(role, plan.target.login.user, version)}"
            f" ALTER ROLE {plan.target.login.user} CREATEDB; GRANT CREATE ON DATABASE"
            f" {plan.target.login.maintenance_database} TO {plan.target.login.user};",
        )
    return passed("rights.production", f"{plan.target.login.user} may create, rename and own for {role}")


def _own_fence(plan: Plan) -> Gate:
    seen = raise_fence(plan, rehearse=True)
    return passed(
        "fence.production",
        f"{plan.production} can be fenced while its data come: {', '.join(seen['roles']) or 'no role'} barred,"
        f" {seen['sessions']} sessions end",
    )


def _sessions(plan: Plan) -> Gate:
    with connect(plan.target.maintenance()) as admin:
        staying = [session for session, may_end in who_is_in(admin, [plan.production]) if not may_end]
    if staying:
        return failed(
            "sessions.production",
            f"{plan.production} can't be renamed while these sessions last, which {plan.target.login.user} may not end:"
            f" {', '.join(str(session) for session in staying[:5])}",
            "Have them ended. Whoever watches that server connects to another database, or as no superuser.",
        )
    return passed("sessions.production", f"nobody is in {plan.production} whom the operator couldn't end")


def _slots(plan: Plan) -> Gate:
    """A logical slot belongs to the database that is replaced, and its reader would find nothing under the name."""
    with connect(plan.target.maintenance()) as admin:
        found = [
            str(name)
            for (name,) in admin.execute(
                "select slot_name from pg_catalog.pg_replication_slots"
                " where database = %s and not starts_with(slot_name::text, 'dfr_golive') order by 1",
                (plan.production,),
            ).fetchall()
        ]
    if found:
        return failed(
            "slots.production",
            f"{', '.join(found[:5])} would stay with the data that {plan.production} has now",
            "Stop what reads them, select pg_drop_replication_slot('<name>'); make them again after the go-live.",
        )
    return passed("slots.production", f"nobody follows {plan.production}")


def _settings(plan: Plan) -> Gate:
    with connect(plan.target.maintenance(), autocommit=True) as admin:
        detail = f"{try_settings(admin, plan)} settings"
        copied = bool(look(admin, plan).copy)
    if copied:
        copy = plan.target.login.to(plan.incoming)
        privileges = carry_privileges(plan.target.login, copy, keep=False)
        detail += f" and {privileges['granted']} privileges"
        if privileges["without"]:
            detail += f" (not those on {', '.join(privileges['without'][:5])}, which staging hasn't got)"
    return passed("settings.production", f"{detail} of {plan.production} can be taken over")


def _definitions(plan: Plan) -> Gate:
    try:
        seconds = _sync_dump.try_definitions(plan)
    except ProbeError:
        raise
    except GoliveError as exc:
        return failed(
            "definitions.production",
            exc.sentence,
            "Drop from staging what production's server doesn't take, or change that server.",
        )
    return passed(
        "definitions.production", f"production's server takes staging's definitions, {seconds:.1f} s"
    )


def _versions(plan: Plan) -> Gate:
    left, right = _both(plan, lambda conn: conn.info.server_version // 10000)
    return passed("versions.postgresql", refuse_old_programs(left, right))


def _locale(plan: Plan) -> Gate:
    left, right = _both(plan, read_locale)
    if left.encoding != right.encoding:
        return failed(
            "locale.postgresql",
            f"staging is encoded in {left.encoding}, production in {right.encoding}",
            "Make the production database anew with staging's encoding.",
        )
    detail = f"{left.encoding}, {left.locale or left.collate}"
    if left != right:
        detail += f" from staging (production now has {right.locale or right.collate})"
    return passed("locale.postgresql", detail)


def _extensions(plan: Plan) -> Gate:
    source, _remote, _stores = plan.parts()
    with connect(source.login) as conn:
        needed = {
            str(name): str(version)
            for name, version in conn.execute(
                "select extname, extversion from pg_catalog.pg_extension where extname <> 'plpgsql'"
            ).fetchall()
        }
    with connect(plan.target.login) as conn:
        # What is in template0's successor already (nothing, as a rule) doesn't help: the copy starts from template0.
        offered = {
            str(name): (str(version), bool(trusted))
            for name, version, trusted in conn.execute(
                "select a.name, a.default_version, coalesce(v.trusted, false)"
                " from pg_catalog.pg_available_extensions a left join pg_catalog.pg_available_extension_versions v"
                " on v.name = a.name and v.version = a.default_version"
            ).fetchall()
        }
        superuser = bool(
            scalar(conn, "select rolsuper from pg_catalog.pg_roles where rolname = current_user")
        )
    wrong = []
    for name, version in sorted(needed.items()):
        if name not in offered:
            wrong.append(f"{name} isn't installed on production's server")
        elif not (offered[name][1] or superuser):
            wrong.append(f"{name} isn't trusted: only a superuser can create it")
        elif offered[name][0] != version:
            wrong.append(f"{name} is {version} in staging, {offered[name][0]} in production")
    if wrong:
        return failed(
            "extensions.postgresql",
            "; ".join(wrong),
            "Install the same packages on both servers; drop an extension that nothing uses.",
        )
    return passed("extensions.postgresql", ", ".join(sorted(needed)) or "none needed")


def _tables(plan: Plan) -> Gate:
    source, _remote, _stores = plan.parts()
    with _digest.reading(source.login) as conn:
        layout = _digest.read_layout(conn)
        hidden = hidden_tables(conn)
        invalid = conn.execute(
            "select indexrelid::regclass::text from pg_catalog.pg_index where not indisvalid order by 1"
        ).fetchall()
    if not layout.tables:
        raise ProbeError(f"No table was found in {source.name}.")
    if hidden:
        return failed(
            "tables.staging",
            f"row security hides rows of {', '.join(hidden[:5])} from {source.login.user}",
            SEE_ALL,
        )
    if invalid:
        return failed(
            "tables.staging",
            f"invalid indexes: {', '.join(row[0] for row in invalid[:5])}",
            "Rebuild them: reindex index concurrently <name>.",
        )
    detail = f"{len(layout.tables)} tables can be read"
    if layout.large_objects:
        detail += f", {layout.large_objects} large objects"
    if layout.left_out:
        detail += f"; not compared: {', '.join(sorted(layout.left_out)[:5])}"
    return passed("tables.staging", detail)


def _files(plan: Plan) -> Gate:
    source, remote, stores = plan.parts()
    stores.numeric_owner()
    with _digest.reading(source.login) as conn:
        names = _filestore.wanted(conn)
    there = _filestore.answers(remote)
    if names and not there:
        return failed(
            "filestore.staging",
            f"{remote.where} isn't there, but staging has {len(names)} attachments with files",
            "Check filestore_path and database of golive_applications.staging.",
        )
    todo = _filestore.absent(stores.incoming, names)
    return passed("filestore.staging", f"{len(names)} files, {len(todo)} of them still to come")


def _disk(plan: Plan) -> Gate:
    source, _remote, stores = plan.parts()
    with connect(source.login) as conn:
        database = int(scalar(conn, "select pg_catalog.pg_database_size(current_database())"))
        files = int(
            scalar(
                conn,
                "select coalesce(sum(file_size), 0)::int8 from public.ir_attachment where store_fname is not null",
            )
        )
    if plan.method == "replication":
        with connect(plan.target.maintenance()) as admin:
            database = 0 if plan.incoming in look(admin, plan).databases else database
    have = filestore_bytes(stores.incoming)
    needed = int(SPACE_FACTOR * (database + max(0, files - have)))
    short = []
    for path in (stores.root, plan.work_dir):
        free = free_bytes(path)
        if free < needed:
            short.append(f"{path} has {megabytes(free)} free")
    detail = f"{megabytes(needed)} needed ({SPACE_FACTOR:g} times what is to come)"
    if short:
        return failed(
            "disk.production", f"{detail}; {'; '.join(short)}", "Free or add space before the freeze."
        )
    return passed(
        "disk.production",
        f"{detail}, {megabytes(min(free_bytes(stores.root), free_bytes(plan.work_dir)))} free",
    )


def filestore_bytes(path: Path) -> int:
    return sum(entry.stat().st_size for entry in path.glob("[0-9a-f][0-9a-f]/*")) if path.is_dir() else 0


def free_bytes(path: Path) -> int:
    """
    Raises:
        ProbeError: the path isn't there.
    """
    try:
        facts = os.statvfs(path)
    except OSError as exc:
        raise ProbeError(
            f"The free space of {path} can't be read: {one_line(exc)}.", remedy="Run playbooks/prepare.yml."
        ) from exc
    return facts.f_bavail * facts.f_frsize


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
