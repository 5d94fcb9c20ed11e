# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pack: every write since the switch, for programs (changes.jsonl) and for people (a CSV per table and a README).

It holds personal data. So it lies in a folder of root's alone on production's host, and only its digests and counts
go into the journal. The digest of its manifest names the digests of all its files: whoever knows that one number can
tell whether anything in the pack was changed.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.dfr.golive.plugins.module_utils._changes import Change, Row
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line

SCHEMA = "dfr.golive/pack/1"
MANIFEST = "manifest.json"
CHANGES = "changes.jsonl"
TABLES = "tables"
FILES = "files"
README = "README.txt"

Name = tuple[str, str]
Key = tuple["str | None", ...]


@dataclass(frozen=True)
class Names:
    """What makes a number readable for people.

    Attributes:
        logins: account by user id.
        external: external id by (table, id).
    """

    logins: Mapping[str, str] = field(default_factory=dict)
    external: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def who(self, change: Change) -> str:
        """Who wrote it: the account's name where there is one, else its number."""
        field_name = "create_uid" if change.op == "insert" else "write_uid"
        uid = change.row.get(field_name) or change.row.get("write_uid") or change.row.get("create_uid") or ""
        return self.logins.get(uid, uid)


@dataclass
class Summary:
    """What a pack holds, without saying anything about anybody.

    Attributes:
        writes: changes, by table and operation.
        touched: the keys of the rows, by table; never leaves this process.
        attachments: files of the filestore that came since.
    """

    writes: dict[str, dict[str, int]] = field(default_factory=dict)
    touched: dict[Name, set[Key]] = field(default_factory=dict)
    attachments: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        return sum(sum(ops.values()) for ops in self.writes.values())

    @property
    def rows(self) -> int:
        return sum(len(keys) for keys in self.touched.values())

    def add(self, change: Change, key: Sequence[str]) -> None:
        label = label_of(change.schema, change.table)
        ops = self.writes.setdefault(label, {"insert": 0, "update": 0, "delete": 0})
        ops[change.op] += 1
        for row in (change.before, change.after):
            if row is not None:
                self.touched.setdefault((change.schema, change.table), set()).add(
                    tuple(row.get(name) for name in key)
                )
        if change.table == "ir_attachment" and change.after and change.after.get("store_fname"):
            self.attachments.add(str(change.after["store_fname"]))


def label_of(schema: str, table: str) -> str:
    return table if schema == "public" else f"{schema}.{table}"


# --- writing -----------------------------------------------------------------------------------------------------


def spool(folder: Path, changes: Iterable[Change], keys: Mapping[Name, Sequence[str]]) -> Summary:
    """Write the changes as they come, so that no number of them fills the memory. The folder is new, root's alone."""
    summary = Summary()
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700, parents=True)
        with _create(folder / CHANGES) as out:
            for number, change in enumerate(changes, 1):
                key = keys.get((change.schema, change.table), ())
                summary.add(change, key or sorted(change.row))
                out.write(json.dumps(_line(number, change, key), ensure_ascii=False) + "\n")
            _flush(out)
    except OSError as exc:
        raise GoliveError(
            f"The pack {folder} can't be written: {one_line(exc)}.",
            remedy="Make room on production's host, then repeat: nothing is lost, the log keeps every write.",
        ) from exc
    return summary


def _line(number: int, change: Change, key: Sequence[str]) -> dict[str, Any]:
    return {
        "n": number,
        "xid": change.xid,
        "at": change.at.isoformat(),
        "op": change.op,
        "schema": change.schema,
        "table": change.table,
        "key": list(key),
        "before": change.before,
        "after": change.after,
    }


def read_lines(folder: Path) -> Iterator[Change]:
    """The changes of a pack, in order.

    Raises:
        GoliveError: it isn't a pack of ours, or lines are missing.
    """
    try:
        with (folder / CHANGES).open(encoding="utf-8") as lines:
            for expected, text in enumerate(lines, 1):
                yield _parse(json.loads(text), expected, folder)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise GoliveError(
            f"The pack {folder} can't be read: {type(exc).__name__} {one_line(exc, 100)}.",
            remedy="Take an untouched copy of it.",
        ) from exc


def _parse(raw: Mapping[str, Any], expected: int, folder: Path) -> Change:
    if raw["n"] != expected:
        raise GoliveError(
            f"The pack {folder} has change {raw['n']} where {expected} belongs.",
            remedy="Take an untouched copy.",
        )
    return Change(
        0,
        int(raw["xid"]),
        datetime.fromisoformat(raw["at"]),
        str(raw["op"]),
        str(raw["schema"]),
        str(raw["table"]),
        raw["before"],
        raw["after"],
    )


def finish(
    making: Path, final: Path, names: Names, summary: Summary, facts: Mapping[str, Any], store: Path | None
) -> dict[str, Any]:
    """Make a spooled pack readable and give it its final name. Returns what may be journalled.

    Args:
        making: where it was spooled.
        final: its folder when it is complete.
        names: for people.
        summary: of what was spooled.
        facts: country, run, database and positions.
        store: the filestore that the new attachments are copied from; None to leave them out.
    """
    keys = {}
    with (making / CHANGES).open(encoding="utf-8") as lines:
        for text in lines:
            raw = json.loads(text)
            keys[(raw["schema"], raw["table"])] = tuple(raw["key"])
    _write_tables(making, names, keys)
    missing = _copy_files(making, store, sorted(summary.attachments)) if store is not None else 0
    with _create(making / README) as out:
        out.write(readme(facts, summary))
        _flush(out)
    manifest = {
        "schema": SCHEMA,
        **facts,
        "writes": summary.total,
        "rows": summary.rows,
        "tables": summary.writes,
        "attachments": len(summary.attachments) - missing,
        "digests": {
            str(path.relative_to(making)): sha256(path)
            for path in sorted(making.rglob("*"))
            if path.is_file()
        },
    }
    with _create(making / MANIFEST) as out:
        json.dump(manifest, out, indent=1, sort_keys=True, ensure_ascii=False)
        out.write("\n")
        _flush(out)
    if final.exists():
        shutil.rmtree(final)
    making.rename(final)
    return {
        "folder": str(final),
        "digest": sha256(final / MANIFEST),
        "writes": summary.total,
        "rows": summary.rows,
        "tables": summary.writes,
        "attachments": len(summary.attachments),
    }


def _write_tables(folder: Path, names: Names, keys: Mapping[Name, Sequence[str]]) -> None:
    (folder / TABLES).mkdir(mode=0o700)
    with ExitStack() as stack:
        writers: dict[Name, tuple[Any, list[str]]] = {}
        for number, change in enumerate(read_lines(folder), 1):
            name = (change.schema, change.table)
            if name not in writers:
                path = folder / TABLES / f"{re.sub(r'[^A-Za-z0-9_.]', '_', label_of(*name))}.csv"
                out = stack.enter_context(_create(path))
                columns = sorted(change.row)
                writer = csv.writer(out)
                writer.writerow(
                    ["number", "when", "who", "what", "key", "external id", *columns]
                    + [f"{column} before" for column in columns]
                )
                writers[name] = writer, columns
            writer, columns = writers[name]
            key = [str(change.row.get(column)) for column in keys.get(name, ())]
            external = names.external.get((change.table, key[0]), "") if len(key) == 1 else ""
            after, before = change.after or {}, change.before or {}
            writer.writerow(
                [number, f"{change.at:%Y-%m-%d %H:%M:%S} UTC", names.who(change), change.op]
                + [" ".join(key), external]
                + [harmless(after.get(column)) for column in columns]
                + [harmless(before.get(column)) for column in columns]
            )


def harmless(value: str | None) -> str:
    """A value as a spreadsheet shows it and never as a formula that it would run."""
    if value is None:
        return ""
    if value[:1] in "=@\t\r" or (value[:1] in "+-" and not re.fullmatch(r"[+-][\d .,:-]*", value)):
        return f"'{value}"
    return value


def _copy_files(making: Path, store: Path, names: Sequence[str]) -> int:
    """Copy the attachments; returns how many are no longer there (deleted again since)."""
    missing = 0
    for name in names:
        target = making / FILES / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            shutil.copyfile(store / name, target)
        except FileNotFoundError:
            missing += 1
            continue
        target.chmod(0o600)
    return missing


def readme(facts: Mapping[str, Any], summary: Summary) -> str:
    """What the pack is, for whoever keeps the old register and has never heard of databases."""
    rows = "\n".join(
        f"  {table}: {ops['insert']} new, {ops['update']} changed, {ops['delete']} deleted"
        for table, ops in sorted(summary.writes.items())
    )
    return f"""What was registered in the new registry since it was filled
============================================================

The new registry of {facts["country"]} was switched off again. This folder holds everything that was written in it
between the moment it was filled from the old system and the moment it was closed: {summary.total} changes.
It contains personal data. Keep it as you keep the registry itself, and delete it when it has been dealt with.

How to read it
--------------
The folder "tables" has one file for each kind of record; open it with a spreadsheet program (encoding UTF-8).
Each line is one change, in the order in which they were made:

  when      the moment, in UTC (not local time)
  who       the account that wrote it
  what      insert: a new record; update: a changed one; delete: a deleted one
  key       the record's number in the new registry; the same number is the same record
  external id   its name in other systems, where it has one
  then one column for each field as it became, and one ("... before") as it was

The folder "files", where there is one, holds the photographs and documents that came with them.
A value that begins with ' begins so only to keep the spreadsheet program from calculating with it.

What is in it
-------------
{rows or "  nothing"}

To write all of it into a database of the same kind, an engineer uses the module dfr.golive.pack_replay. It needs
the digest of the pack, as it was returned when the pack was made; with another one it refuses, because then somebody
has changed the pack.
"""


# --- proof -------------------------------------------------------------------------------------------------------


def check(folder: Path, digest: str) -> dict[str, Any]:
    """That a pack is the one of that digest, to the last byte. Returns its manifest.

    Raises:
        GoliveError: it isn't; the first file that differs is named.
        ProbeError: it can't be read.
    """
    try:
        found = sha256(folder / MANIFEST)
        if found != digest.strip().lower():
            raise GoliveError(
                f"The pack {folder} is not the one that was journalled: its manifest has the digest {found[:16]}….",
                remedy="Give the pack_digest of the report, or take an untouched copy of the pack.",
            )
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest.get("schema") != SCHEMA:
            raise GoliveError(f"The pack {folder} has the schema {manifest.get('schema')}, not {SCHEMA}.")
        there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
        wrong = sorted(there ^ set(manifest["digests"]))
        wrong += [
            name
            for name, said in manifest["digests"].items()
            if name in there and sha256(folder / name) != said
        ]
    except (OSError, ValueError, KeyError) as exc:
        raise ProbeError(f"The pack {folder} can't be read: {one_line(exc)}.") from exc
    if wrong:
        raise GoliveError(
            f"{len(wrong)} files of the pack {folder} were changed, added or removed, for example {wrong[0]}.",
            remedy="Take an untouched copy of the pack; nothing of this one is used.",
        )
    return dict(manifest)


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _create(path: Path) -> TextIO:
    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_EXCL, 0o600)

    return open(path, "w", encoding="utf-8", newline="", opener=opener)


def _flush(out: TextIO) -> None:
    out.flush()
    os.fsync(out.fileno())


# --- net effect --------------------------------------------------------------------------------------------------


@dataclass
class Net:
    """What all changes of one row come to: its state before the first and after the last; None is no row."""

    before: Row | None
    after: Row | None


def net_effect(
    changes: Iterable[Change], key_of: Callable[[Change, Row], Key]
) -> dict[tuple[str, str, Key], Net]:
    """The rows' states before and after, by table and key. An update of the key itself is a delete and an insert.

    Raises:
        GoliveError: a change doesn't begin where the one before it ended; then the pack isn't whole.
    """
    found: dict[tuple[str, str, Key], Net] = {}
    for change in changes:
        old = None if change.before is None else key_of(change, change.before)
        new = None if change.after is None else key_of(change, change.after)
        for key in dict.fromkeys(k for k in (old, new) if k is not None):
            before = change.before if key == old else None
            after = change.after if key == new else None
            known = found.get((change.schema, change.table, key))
            if known is None:
                found[(change.schema, change.table, key)] = Net(before, after)
            elif known.after != before:
                raise GoliveError(
                    f"The pack isn't whole: a change of {label_of(change.schema, change.table)} doesn't begin where"
                    " the one before it ended.",
                    remedy="Take an untouched copy of the pack.",
                )
            else:
                known.after = after
    return found
