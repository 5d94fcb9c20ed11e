# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that came with the writes go back to staging's filestore, and are proven there by their bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _filestore
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._filestore import Remote
from ansible_collections.dfr.golive.plugins.module_utils._pgtools import Crew


def push(crew: Crew, store: Path, remote: Remote, owner: str, names: Iterable[str]) -> dict[str, Any]:
    """Send the named files and compare every byte of them on the other side.

    Args:
        crew: runs rsync within its limit.
        store: production's filestore.
        remote: staging's, behind a key that may only write there.
        owner: numeric ``uid:gid`` of staging's application.
        names: what came since; a file that is gone again was deleted with its attachment.

    Raises:
        GoliveError: a file here isn't what its name says, or isn't the same over there.
    """
    here = sorted(set(names) - set(_filestore.absent(store, names)))
    proof = _filestore.prove(store, here)
    proof.refuse(str(store))
    if here:
        _rsync(crew, store, remote, here, ["--ignore-existing", f"--chown={owner}", "--chmod=D0750,F0640"])
        odd = [
            line
            for line in _rsync(crew, store, remote, here, ["--dry-run", "--checksum", "--itemize-changes"])
            if line.startswith("<f")
        ]
        if odd:
            raise GoliveError(
                f"{len(odd)} of {len(here)} files aren't the same in {remote.where}.",
                remedy="Remove those files there (they carry a digest as name that they don't have), then repeat.",
            )
    return {"files": proof.files, "bytes": proof.bytes, "verdict": "equal"}


def _rsync(crew: Crew, store: Path, remote: Remote, names: Sequence[str], how: Sequence[str]) -> list[str]:
    out, _warnings = crew.run(
        [
            *("rsync", "--recursive", "--times", "--perms", "--owner", "--group", "--whole-file", "--from0"),
            *how,
            "--files-from=-",
            f"--rsh={remote.ssh()}",
            f"{store}/",
            f"{remote.user}@{remote.host}:{remote.database}/",
        ],
        what=f"rsync of the new files to {remote.where}",
        env={},
        stdin="\0".join(names).encode(),
    )
    return list(out.splitlines())
