# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One source from end to end: read, loaded, proven, judged."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._legacy import verdict
from ansible_collections.dfr.golive.plugins.module_utils._legacy.extract import (
    Reading,
    extract,
    unchanged_since,
)
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load import Tally, Terms, load
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_gone import follow
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import Target, names_of
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_twins import Twins
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Entity, Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.reconcile import Comparison, Pages, compare
from ansible_collections.dfr.golive.plugins.module_utils._legacy.sources import file_digest, open_source
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import Store


@dataclass(frozen=True)
class Way:
    """One source on its way into one Odoo.

    Attributes:
        mapping: what becomes what.
        login: of the source, where it is a database.
        store: what is known of it, open.
        target: the Odoo.
        run: on whose behalf.
        terms: workers and limits.
        agreed: rows that somebody answers for leaving behind.
        limit: rows that may be set aside without anybody answering for them.
    """

    mapping: Mapping
    login: Dict[str, Any]
    store: Store
    target: Target
    run: str
    terms: Terms = field(default_factory=Terms)
    agreed: Dict[tuple[str, str], verdict.Exceptional] = field(default_factory=dict)
    limit: int = 0

    def transfer(self, *, read: bool = True, frozen: bool = False) -> dict[str, Any]:
        """Read what is new, load it, follow deletions; then every key must be accounted for.

        Args:
            read: read the source first; without it only what already waits is loaded.
            frozen: nobody can write to the source any more; prove that nothing came after the reading, and compare
                every row of it that came in since with what the registry has now, field by field.

        Returns:
            Figures. ``done`` is false when the time was up; call again with ``read`` false.

        Raises:
            GoliveError: a key is missing in the sum, the source moved, too many rows were set aside, or the
                registry has something else than the source.
        """
        with closing(open_source(self.mapping, dict(self.login))) as source:
            reading = Reading(self.mapping, source, self.store, self.run) if read else None
            if frozen:
                if reading:
                    reading.finish()
                self.store.keep()
            tallies = self._load(self.mapping, reading)
            if not all(tally.done for tally in tallies.values()):
                return self._figures(tallies, done=False)
            if not frozen:
                self._catch_up(tallies)
            gone = follow(self.mapping.entities, self.store, self.target)
            counts = self.store.counts(self.run)
            verdict.account(self.mapping.name, counts)
            if frozen:
                verdict.unmoved(self.mapping.name, unchanged_since(self.mapping, source, self.store))
            compared = self._compared(self.store.kept) if frozen else {}
        standing = self.standing()
        figures = self._figures(tallies, done=True) | {
            "gone": {name: asdict(found) for name, found in gone.items()},
            "exceptions": asdict(standing),
            "compared": {name: asdict(found) for name, found in compared.items()},
        }
        try:
            verdict.agree(self.mapping.name, compared)
            self.store.commit_marks(str(self.store.noted("run")))
            verdict.accept(self.mapping.name, standing, self.limit)
        except GoliveError as exc:
            exc.returned = figures
            raise
        self.store.note("frozen", {"run": self.run, "figures": figures} if frozen else None)
        return figures

    def standing(self) -> verdict.Standing:
        """Where the rejected rows stand against the exception list."""
        rejects = (reject for name in self.mapping.entities for reject in self.store.rejects(name))
        return verdict.standing(rejects, self.agreed)

    def late(self, path: Path) -> dict[str, Any]:
        """Replay a file of late arrivals, or of corrected rows, through the same mapping; once.

        Raises:
            GoliveError: its form isn't one that is read.
        """
        digest = file_digest(path)
        replayed: dict[str, str] = self.store.noted("replayed") or {}
        if digest in replayed:
            return {"file": path.name, "replayed": False, "before": replayed[digest], "entities": {}}
        kind = path.suffix.lower().lstrip(".")
        if kind not in ("csv", "xlsx", "ods", "json", "sqlite"):
            raise GoliveError(
                f"{path.name} can't be replayed: {kind or 'no ending'} is not a form of late arrivals.",
                remedy="Bring it as csv, xlsx, ods, json (KoboToolbox, ODK) or sqlite.",
            )
        mapping = replace(self.mapping, kind="kobo" if kind == "json" else kind, path=str(path))
        with closing(open_source(mapping, {})) as source:
            mapping = replace(mapping, entities=_among(mapping, source.tables(), path.name))
            extract(mapping, source, self.store, self.run, late=True)
        tallies = self._load(mapping)
        verdict.account(mapping.name, self.store.counts(self.run))
        self.store.note("replayed", {**replayed, digest: self.run})
        return {"file": path.name, "replayed": True, **self._figures(tallies, done=True)}

    def reconcile(self, *, every: int) -> dict[str, Comparison]:
        """Read the whole source anew, beside the store, and compare it with the registry."""
        with tempfile.TemporaryDirectory(dir=self.store.path.parent, prefix="reconcile-") as folder:
            rows = Store.open(Path(folder) / "rows.sqlite")
            with closing(rows), closing(open_source(self.mapping, dict(self.login))) as source:
                extract(self.mapping, source, rows, self.run)
                found = self._compared(rows.staged, every=every)
        for name, one in found.items():
            one.named = self.target.count("ir.model.data", names_of(self.mapping.name, name))
        return found

    def _compared(self, pages: Pages, *, every: int = 1) -> dict[str, Comparison]:
        return {
            name: compare(entity, pages, self.store, self.target, every=every)
            for name, entity in self.mapping.entities.items()
        }

    def _load(self, mapping: Mapping, reading: Reading | None = None) -> dict[str, Tally]:
        with closing(self._twins()) as twins:
            return load(mapping.name, mapping.entities, self.store, self.target, twins, self.terms, reading)

    def _twins(self) -> Twins:
        return Twins(self.store.path.with_suffix(".twins"), self.target)

    def _catch_up(self, tallies: Dict[str, Tally]) -> None:
        """Learn what was written meanwhile, so that the window doesn't begin with all that was loaded before it."""
        with closing(self._twins()) as twins:
            for name, tally in tallies.items():
                entity = self.mapping.entities[name]
                for rule in entity.deduplicate if tally.inserted + tally.updated else ():
                    twins.refresh(entity.model, rule.fields)

    def _figures(self, tallies: Dict[str, Tally], *, done: bool) -> dict[str, Any]:
        counts = self.store.counts(self.run)
        return {
            "done": done,
            "entities": {
                name: {
                    **asdict(found),
                    **({"load": asdict(tallies[name])} if name in tallies else {}),
                }
                for name, found in counts.items()
            },
        }


def ended(mapping: Mapping, login: Dict[str, Any], store: Store, run: str) -> dict[str, Any] | None:
    """The figures of a frozen transfer that this run has behind it, if the source is still as it was then.

    The registry isn't asked: once the last rows are in, its own fence may be up.
    """
    frozen: dict[str, Any] = store.noted("frozen") or {}
    if frozen.get("run") != run or store.noted("fingerprint") != mapping.fingerprint:
        return None
    with closing(open_source(mapping, dict(login))) as source:
        moved = unchanged_since(mapping, source, store)
    figures: dict[str, Any] = frozen["figures"]
    return None if moved else figures


def replay(way: Way, folder: Path) -> list[dict[str, Any]]:
    """Replay every file of a quarantine, oldest first; each then lies in ``done`` beside it.

    A file is moved only after all of its rows are accounted for, so a run that was killed takes it up again.
    """
    done = folder / "done"
    done.mkdir(mode=0o700, exist_ok=True)
    results = []
    for path in waiting(folder):
        results.append(way.late(path))
        shutil.move(path, done / f"{file_digest(path)[:12]}-{path.name}")
    return results


def _among(mapping: Mapping, tables: Sequence[str], name: str) -> dict[str, Entity]:
    """The entities a file has rows of: its tables are called as in the source, or begin like that."""
    titles = {
        title.casefold(): entity.name
        for entity in mapping.entities.values()
        for title in (entity.name, Path(entity.origin).stem)
    }
    chosen = set()
    for table in tables:
        fitting = [title for title in titles if Path(table).stem.casefold().startswith(title)]
        if fitting:
            chosen.add(titles[max(fitting, key=len)])
    if not chosen:
        raise GoliveError(
            f"{name} has nothing that the mapping of {mapping.name} knows: {', '.join(tables)}.",
            remedy=f"Call the file or its sheets like the source does: {', '.join(sorted(titles))}.",
        )
    return {entity: said for entity, said in mapping.entities.items() if entity in chosen}


def waiting(folder: Path) -> Sequence[Path]:
    """The files of a quarantine that weren't replayed yet, oldest first."""
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    return sorted(files, key=lambda path: (path.stat().st_mtime, path.name))
