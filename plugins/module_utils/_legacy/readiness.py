# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""May the night begin, as far as a legacy source is concerned? Asked before the freeze; changes nothing."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import Target
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Mapping
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import Store
from ansible_collections.dfr.golive.plugins.module_utils._legacy.verdict import Standing

_PREPARE = "Run playbooks/prepare.yml; it goes on where it stopped."


def gates(
    mapping: Mapping,
    store: Store,
    standing: Callable[[], Standing],
    target: Callable[[], Target],
    limit: int,
    run: str = "",
) -> list[Gate]:
    """Everything that can be known before the freeze.

    Args:
        mapping: of the source.
        store: what is known of it.
        standing: tells where its rejected rows stand.
        target: logs in to the Odoo that is loaded into.
        limit: rows that may be set aside without anybody answering for them.
        run: who asks; a run that was interrupted between the fences may go on with what it began.
    """
    name = f"legacy.{mapping.name}"
    return [
        ask(f"{name}.loaded", lambda: loaded(f"{name}.loaded", mapping, store, run)),
        ask(f"{name}.rejects", lambda: rejects(f"{name}.rejects", standing(), limit)),
        ask(f"{name}.watermark", lambda: watermark(f"{name}.watermark", mapping)),
        ask(f"{name}.odoo", lambda: odoo(f"{name}.odoo", mapping, store, target, run)),
    ]


def loaded(name: str, mapping: Mapping, store: Store, run: str) -> Gate:
    """The first full load is over, so that only the last rows are left for the window."""
    marks = store.noted("marks")
    if not marks or store.noted("fingerprint") != mapping.fingerprint:
        return failed(name, "The source was never loaded whole under this mapping.", _PREPARE)
    counts = store.counts(str(store.noted("run")))
    waiting = {entity: counted.staged for entity, counted in counts.items() if counted.staged}
    if waiting and store.noted("run") != run:
        said = ", ".join(f"{rows} of {entity}" for entity, rows in waiting.items())
        return failed(name, f"Rows still wait to be loaded: {said}.", _PREPARE)
    return passed(name, ", ".join(f"{counted.source} {entity}" for entity, counted in counts.items()))


def rejects(name: str, found: Standing, limit: int) -> Gate:
    """Nobody is left behind without somebody answering for it."""
    detail = f"{found.open} rows set aside ({limit} agreed), {found.excepted} more that somebody answers for"
    if found.open > limit:
        return failed(
            name,
            detail,
            "Have them corrected and loaded again, put them into the exception list,"
            " or agree on another load_legacy_max_rejects.",
        )
    return passed(name, detail)


def watermark(name: str, mapping: Mapping) -> Gate:
    """After the fence it must be provable that nothing was added."""
    without = [entity.name for entity in mapping.entities.values() if entity.watermark.kind == "none"]
    if without:
        return failed(
            name,
            f"Nothing would tell whether rows were added to {', '.join(without)}.",
            "Give them a watermark; file_digest serves every file, increasing_id or updated_at most tables.",
        )
    kinds = sorted({entity.watermark.kind for entity in mapping.entities.values()})
    return passed(name, ", ".join(kinds))


def odoo(name: str, mapping: Mapping, store: Store, log_in: Callable[[], Target], run: str) -> Gate:
    """Odoo has every model and field of the mapping, and the login may write them and their external ids."""
    if run and (store.noted("frozen") or {}).get("run") == run:
        # Staging's own fence may be up by now, and nothing is left to be loaded.
        return passed(name, "this run's last rows are in")
    target = log_in()
    models: dict[str, set[str]] = {"ir.model.data": set()}
    for entity in mapping.entities.values():
        models.setdefault(entity.model, set()).update(entity.fields)
    for model, fields in models.items():
        known = target.fields(model)
        missing = sorted(fields - known.keys())
        if missing:
            raise GoliveError(
                f"{model} has no field {missing[0]}.",
                remedy="Correct the mapping, or install the add-on that brings the field.",
            )
        fixed = sorted(name for name in fields if known[name].readonly)
        if fixed:
            raise GoliveError(
                f"{model}.{fixed[0]} can't be written: Odoo computes it.",
                remedy="Take it out of the mapping.",
            )
        refused = [operation for operation in ("create", "write") if not target.may(model, operation)]
        if refused:
            raise GoliveError(
                f"The operator's login may not {refused[0]} {model}.", remedy="Give it the right in Odoo."
            )
    return passed(name, f"{len(models) - 1} models")
