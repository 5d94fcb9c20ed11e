# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people look at: the report of a large night made and opened, and what the progress on the call costs the run.

The report is of 400 tables, 2,000 steps and 100,000 answers that were timed, in two languages. It may take 2 s and
1.5 MB, and a browser 1 s to open it. The callback's cost is the time spent in it as a share of the whole play's.
"""

from __future__ import annotations

import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from figures import ROOT, figure

sys.path[:0] = [str(ROOT / ".collections"), str(ROOT / "tests/unit/helpers"), str(ROOT / "tests/pages")]

NAMES = ("report.build", "report.opens", "callback.cost")
SIZE = {"tables": 400, "steps": 2000, "samples": 100_000}
TEMPLATE = ROOT / "roles/golive/templates/report.html.j2"
REPEATS = 5
TASKS = 60
BOOK = """
- name: "(1/9) PREFLIGHT: everything is checked"
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Look
      ansible.builtin.command: /bin/true
      changed_when: false
"""


def measure(wanted: Callable[[str], bool], _sizes: Any) -> Iterator[dict[str, Any]]:
    if wanted("report.build") or wanted("report.opens"):
        built, html = build()
        if wanted("report.build"):
            yield figure("report.build", built, size_bytes=len(html.encode()), limit_seconds=2, **SIZE)
        if wanted("report.opens"):
            yield figure("report.opens", opens(html), size_bytes=len(html.encode()), limit_seconds=1)
    if wanted("callback.cost"):
        callback, whole = cost()
        yield figure("callback.cost", callback, peer=whole, peer_name="the whole play", tasks=TASKS)


def build() -> tuple[list[float], str]:
    """Seconds for the page, and the page."""
    from ansible_collections.dfr.golive.plugins.plugin_utils import _report_page
    from sample_report import sample

    report, html, seconds = sample(**SIZE), "", []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        html = _report_page.page(report, ["fr"], "Pacific/Noumea", TEMPLATE)
        seconds.append(time.perf_counter() - begun)
    return seconds, html


def opens(html: str) -> list[float]:
    """Seconds from the address to the page laid out and drawn, in a browser that is there already."""
    environment = {**os.environ, "VIRTUAL_ENV": sys.prefix}
    subprocess.run([ROOT / "tests/pages/setup.sh"], check=True, env=environment)
    from browser import launched

    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        path = Path(folder) / "report.html"
        path.write_text(html, encoding="utf-8")
        seconds = []
        for _ in range(REPEATS + 1):
            page = browser.new_page()
            begun = time.perf_counter()
            page.goto(path.as_uri())
            page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
            seconds.append(time.perf_counter() - begun)
            page.close()
    return seconds[1:]  # the first warms the browser up


def cost() -> tuple[float, float]:
    """Seconds spent in the callback, and in the whole play."""
    with tempfile.TemporaryDirectory() as folder:
        book, profile = Path(folder) / "book.yml", Path(folder) / "profile"
        task = BOOK.partition("  tasks:\n")
        book.write_text(task[0] + task[1] + task[2] * TASKS, encoding="utf-8")
        ansible = Path(sys.prefix) / "bin/ansible-playbook"
        subprocess.run(
            [sys.executable, "-m", "cProfile", "-o", profile, ansible, "-i", "localhost,", book],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "LC_ALL": "C.UTF-8"},
        )
        stats = pstats.Stats(str(profile))
    ours = [
        caller[3]
        for (path, _line, name), (*_figures, callers) in stats.stats.items()  # type: ignore[attr-defined]
        if path.endswith("callback/progress.py") and name.startswith("v2_")
        for (_path, _number, calling), caller in callers.items()
        if calling == "send_callback"
    ]
    if not statistics.fsum(ours):
        raise RuntimeError("the callback was never called")
    return statistics.fsum(ours), stats.total_tt  # type: ignore[attr-defined]
