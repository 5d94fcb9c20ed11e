# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading legacy rows into the lab's production Odoo with three workers, side by side with odoo-import-export-client.

Both take the same rows from CSV files with three sessions each: people (res.partner), and farmers with a farm and two
plots each. Each side has some turns and the best one counts; the peer is given its default batch and two large ones.
Each turn is a process of its own, in a virtual environment with the peer and OdooRPC.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import yaml
from figures import ROOT, figure
from window import fresh_lab

NAMES = ("legacy.insert", "legacy.update", "legacy.unchanged", "legacy.memory")
PEER = "odoo-import-export-client==3.0.0"
LIBRARIES = ("OdooRPC==0.10.1", "PyYAML", "jsonschema", "simpleeval", "setuptools<81")
WORKERS = 3
PEER_BATCHES = (10, 500, 1000)
CHILD = Path(__file__).with_name("legacy_child.py")
ODOO = "dfrlab-production-odoo"


def measure(wanted: Callable[[str], bool], _sizes: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    python = environment()
    scale = float(os.environ.get("LEGACY_SCALE", "1"))
    with tempfile.TemporaryDirectory() as folder:
        if wanted("legacy.insert") or wanted("legacy.update"):
            yield from speed(python, Path(folder), scale)
        if wanted("legacy.unchanged"):
            found = child(python, "unchanged", Path(folder), rows=int(200_000 * scale))
            yield figure("legacy.unchanged", found["seconds"], rows=found["rows"])
        if wanted("legacy.memory"):
            found = child(python, "memory", Path(folder), rows=int(1_000_000 * scale))
            yield figure(
                "legacy.memory", found["megabytes"], "MB", rows=found["rows"], seconds=found["seconds"]
            )


def environment() -> Path:
    """The virtual environment that both sides run in."""
    venv = ROOT / ".cache" / "bench-legacy"
    python = venv / "bin" / "python"
    if not (venv / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", PEER, *LIBRARIES], check=True)
        (venv / ".ready").touch()
    return python


def speed(python: Path, folder: Path, scale: float) -> Iterator[dict[str, Any]]:
    """Inserting and updating, ours and the peer's rows one after the other on the same Odoo."""
    if not os.environ.get("LEGACY_KEEP_LAB"):
        fresh_lab()
    three_workers()
    # What the first request costs a worker (the password, its caches) belongs to neither side.
    child(python, "ours", folder, rows=WORKERS * 500, model="res.partner")
    peer = f"{PEER.replace('==', ' ')}, {WORKERS} workers"
    for model, rows in (("res.partner", int(12_000 * scale)), ("dfr.farmer", int(6_000 * scale))):
        # Before the peer and after it: the first farmers after the peer's people have cost the servers twice as much.
        ours = [child(python, "ours", folder, rows=rows, model=model)]
        others = []
        for batch in PEER_BATCHES:
            # The default batch is slow: a part of the rows tells its speed.
            part = rows if batch > 100 else max(rows // 10, 100)
            others.append(
                {**child(python, "peer", folder, rows=part, model=model, batch=batch), "batch": batch}
            )
        ours.append(child(python, "ours", folder, rows=rows, model=model))
        for what in ("insert", "update"):
            best, other = (max(side, key=itemgetter(what)) for side in (ours, others))
            yield figure(
                f"legacy.{what}",
                best[what],
                "rows/s",
                rows=best["rows"][what],
                peer=other[what],
                peer_name=f"{peer}, batches of {other['batch']}",
                model=model,
                cpu_seconds=cpu(best, what),
                peer_cpu_seconds=cpu(other, what),
                peer_rows=other["rows"][what],
            )


def cpu(side: dict[str, Any], what: str) -> dict[str, float]:
    """Processor seconds of a turn: what a busy machine can't blur as it blurs rows per second."""
    return {"servers": side["cpu"][what], "client": side["client_cpu"][what]}


def three_workers() -> None:
    """Production's Odoo as the measurement wants it."""
    conf = "/srv/dfr/odoo/etc/odoo.conf"
    edit = ["docker", "exec", ODOO, "sed", "-i", f"s/^workers *=.*/workers = {WORKERS}/", conf]
    subprocess.run(edit, check=True)
    subprocess.run(["docker", "restart", ODOO], check=True, stdout=subprocess.DEVNULL)


def child(python: Path, what: str, folder: Path, **more: Any) -> dict[str, Any]:
    """One side in a process of its own."""
    secrets = yaml.safe_load(
        (ROOT / "inventories/demo/group_vars/all/secrets.yml").read_text(encoding="utf-8")
    )
    settings = {
        "what": what,
        "folder": str(folder),
        "workers": WORKERS,
        "host": address(ODOO) if what in ("ours", "peer") else "",
        "database": "dfr_production",
        "login": "admin",
        "password": secrets["secret_production_admin"],
        **more,
    }
    done = subprocess.run(
        [str(python), str(CHILD)],
        input=json.dumps(settings),
        env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")},
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def address(container: str) -> str:
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    command = ["docker", "inspect", "-f", template, container]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.split()[0]
