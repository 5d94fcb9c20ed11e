# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Does the way back still work? Asked on production's host, which reaches both servers, by the watch on the state host.

The watch has one key, which opens nothing but this question: a forced command that prints the gates of `ready` as JSON.
Nothing here imports Ansible.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._watch_status import Check

NAME = "reverse"
VERDICTS = {"pass": "pass", "waived": "pass", "fail": "fail", "unknown": "unknown"}


def ask(way: Mapping[str, Any], limit: float) -> list[Check]:
    """What production's host says, one check for each gate.

    Args:
        way: ``host``, ``port``, ``user``, ``key`` and ``known_hosts``, as the role wrote them.
        limit: seconds for all of it.

    Raises:
        ProbeError: it says nothing usable.
    """
    command = [
        *("ssh", "-T", "-F", "/dev/null", "-i", str(way["key"]), "-p", str(way["port"])),
        *("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes"),
        *("-o", f"UserKnownHostsFile={way['known_hosts']}", "-o", "HostKeyAlias=dfr-golive-reverse"),
        *("-o", f"ConnectTimeout={max(1, int(limit / 2))}"),
        f"{way['user']}@{way['host']}",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ProbeError(f"Production's host can't be asked for the way back: {one_line(exc, 120)}.") from exc
    if done.returncode != 0:
        raise ProbeError(
            f"Production's host doesn't answer for the way back ({done.returncode}):"
            f" {one_line(done.stderr or done.stdout, 160)}."
        )
    return read(done.stdout)


def read(text: str) -> list[Check]:
    """The answer of `main`.

    Raises:
        ProbeError: it isn't one.
    """
    try:
        return [
            Check(str(gate["name"]), VERDICTS[gate["verdict"]], f"{gate['detail']} {gate['remedy']}".strip())
            for gate in json.loads(text)["gates"]
        ]
    except (ValueError, KeyError, TypeError) as exc:
        raise ProbeError(f"The answer about the way back can't be read: {one_line(text, 120)}.") from exc


def main(arguments: Sequence[str], out: TextIO = sys.stdout) -> int:
    """``<program> <settings file>``: the gates as JSON; 2 when they can't be asked."""
    # Here, so that the watch on the state host needs neither this nor what it imports.
    from ansible_collections.dfr.golive.plugins.module_utils._reverse import Way, ready

    try:
        (path,) = arguments
        gates = ready(Way.from_params(json.loads(Path(path).read_text(encoding="utf-8"))))
    except (GoliveError, OSError, ValueError, KeyError) as exc:
        sys.stderr.write(f"{type(exc).__name__}: {one_line(exc)}\n")
        return 2
    out.write(json.dumps({"gates": [gate.as_dict() for gate in gates]}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
