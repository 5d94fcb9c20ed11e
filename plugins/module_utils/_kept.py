# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Before-states kept as small files on the state host, for parts that have no database to keep them in.

A state is fsynced before the change it belongs to is tried: a crash at any instant leaves no change,
or a change together with what undoes it.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line


def kept_path(state_dir: str, country: str, name: str) -> Path:
    """Where the state ``name`` of a country is kept: ``<state_dir>/<country>/kept/<name>.json``."""
    return Path(state_dir) / country / "kept" / f"{name}.json"


def recall(path: Path) -> dict[str, Any] | None:
    """What is kept, or None when nothing is.

    Raises:
        ProbeError: a file is there and can't be read; that is never taken for "nothing kept".
    """
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise ProbeError(
            f"The kept state {path} can't be read: {one_line(exc)}.",
            remedy="Mend the file by hand; it holds what an undo has to restore.",
        ) from exc
    if not isinstance(state, dict):
        raise ProbeError(f"The kept state {path} holds a {type(state).__name__}, not an object.")
    return state


def keep(path: Path, state: dict[str, Any]) -> dict[str, Any]:
    """Keep ``state`` unless something is kept already; return the one that counts: the first."""
    kept = recall(path)
    if kept is not None:
        return kept
    temporary = _write_beside(path, state)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass  # somebody was faster: theirs counts
    except OSError as exc:
        raise _cannot_write(path, exc) from exc
    finally:
        temporary.unlink()
    _sync_folder(path.parent)
    kept = recall(path)
    if kept is None:
        raise GoliveError(f"The state {path} was written and isn't there.")
    return kept


def replace(path: Path, state: dict[str, Any]) -> None:
    """Put ``state`` in the place of what was there, in one step."""
    temporary = _write_beside(path, state)
    try:
        temporary.replace(path)
    except OSError as exc:
        temporary.unlink(missing_ok=True)
        raise _cannot_write(path, exc) from exc
    _sync_folder(path.parent)


def forget(path: Path) -> bool:
    """Drop what is kept; tells whether there was anything."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    _sync_folder(path.parent)
    return True


def _write_beside(path: Path, state: dict[str, Any]) -> Path:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(state, out, indent=1, sort_keys=True, ensure_ascii=False)
            out.write("\n")
            out.flush()
            os.fsync(out.fileno())
    except OSError as exc:
        raise _cannot_write(path, exc) from exc
    return Path(name)


def _cannot_write(path: Path, exc: OSError) -> GoliveError:
    return GoliveError(
        f"The state {path} can't be written: {one_line(exc)}.",
        remedy="Check space and rights below golive_state_dir on the state host.",
    )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
