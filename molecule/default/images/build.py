#!/usr/bin/env python3
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the lab's images from Debian packages, and prints their names as one JSON object.

An image's tag is the digest of everything it is made from, its parent's tag included: an image whose tag
exists is up to date. ``--use postgres=postgres:17`` takes an image from elsewhere instead of building it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

IMAGES = Path(__file__).resolve().parent
CONTEXT = IMAGES.parent
LABEL = "dfr.golive.lab=1"
SUITE = "trixie"
# name -> (build argument that names the parent, parent, folders that go into it besides its own)
RECIPES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "base": ("", "", ()),
    "odoo": ("BASE", "base", ()),
    "vm": ("BASE", "base", ()),
    "postgres": ("BASE", "base", ()),
    "registry": ("ODOO", "odoo", ("addons",)),
    "legacy": ("BASE", "vm", ()),
    "dns": ("BASE", "base", ()),
    "nginx": ("BASE", "base", ()),
    "mail": ("BASE", "base", ()),
}


def digest(name: str, parent: str) -> str:
    """The tag of an image: 12 hex digits over its parent's reference and its files' names and contents."""
    total = hashlib.sha256(f"{parent}\n{SUITE}\n".encode())
    for folder in (IMAGES / name, *(CONTEXT / extra for extra in RECIPES[name][2])):
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
            total.update(f"{path.relative_to(CONTEXT)}\n".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:12]


def references(given: dict[str, str]) -> dict[str, str]:
    """Every image's full reference, those given from outside taken as they are."""
    refs: dict[str, str] = {}
    for name, (_argument, parent, _extra) in RECIPES.items():
        refs[name] = given.get(name) or f"dfrlab/{name}:{digest(name, refs.get(parent, ''))}"
    return refs


def wanted(given: dict[str, str]) -> set[str]:
    """The images to build: not those given, nor parents that only a given image would have needed."""
    needed = {name for name in RECIPES if name not in given}
    for name in ("vm", "odoo", "base"):
        children = {child for child, (_a, parent, _e) in RECIPES.items() if parent == name}
        if name != "vm" and not children & needed:
            needed.discard(name)
    return needed


def present(reference: str) -> bool:
    """Whether the engine has this image."""
    seen = subprocess.run(["docker", "image", "inspect", reference], capture_output=True, check=False)
    return seen.returncode == 0


def own_mirror() -> str:
    """The mirror this machine's apt has Debian from; '' where there is none, then mmdebstrap knows one."""
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Label: Debian"],
        capture_output=True,
        text=True,
        check=False,
    )
    return min(asked.stdout.split(), default="")


def bootstrap(reference: str, mirror: str, log: Path) -> None:
    """Makes the base image: a minimal Debian, imported as one layer."""
    packages = ",".join((IMAGES / "base" / "packages").read_text().split())
    make = [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={packages}",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        SUITE,
        "-",
        *filter(None, [mirror or own_mirror()]),
    ]
    keep = ["docker", "import", "--change", f"LABEL {LABEL}", "--change", "ENV LANG=C.UTF-8", "-", reference]
    with log.open("w") as out, subprocess.Popen(make, stdout=subprocess.PIPE, stderr=out) as tree:
        kept = subprocess.run(keep, stdin=tree.stdout, stdout=out, stderr=out, check=False)
        if tree.wait() or kept.returncode:
            raise RuntimeError(f"making the base image failed; its log is {log}")


def build(name: str, refs: dict[str, str], log: Path) -> None:
    """Builds one image from its Dockerfile, the whole scenario folder being the context."""
    argument, parent, _extra = RECIPES[name]
    command = [
        "docker",
        "build",
        "--force-rm",
        "--label",
        LABEL,
        "--tag",
        refs[name],
        "--build-arg",
        f"{argument}={refs[parent]}",
        "--file",
        str(IMAGES / name / "Dockerfile"),
        str(CONTEXT),
    ]
    with log.open("w") as out:
        if subprocess.run(command, stdout=out, stderr=out, check=False).returncode:
            raise RuntimeError(f"building the image {name} failed; its log is {log}")


def make(
    name: str,
    refs: dict[str, str],
    before: dict[str, Future[None]],
    options: argparse.Namespace,
    turn: threading.Semaphore,
) -> None:
    """Builds one image when it isn't there, after its parent."""
    parent = RECIPES[name][1]
    if parent in before:
        before[parent].result()
    if present(refs[name]):
        return
    log = options.logs / f"image-{name}.log"
    with turn:
        start = time.monotonic()
        if name == "base":
            bootstrap(refs[name], options.mirror, log)
        else:
            build(name, refs, log)
            # The stage that only made the dumps is not kept.
            subprocess.run(
                ["docker", "image", "prune", "--force", "--filter", f"label={LABEL}"],
                capture_output=True,
                check=False,
            )
        print(f"image {name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def main() -> int:
    """Builds what is missing and prints the references."""
    parser = argparse.ArgumentParser(description="Build the lab's images.")
    parser.add_argument(
        "--use",
        action="append",
        default=[],
        metavar="NAME=REFERENCE",
        help="take this image from elsewhere instead of building it",
    )
    parser.add_argument(
        "--mirror", default="", help="Debian mirror for the base image; this machine's own when empty"
    )
    parser.add_argument(
        "--logs", type=Path, default=Path("/var/tmp"), help="folder for the logs of the builds"
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many images are built at a time")
    parser.add_argument("--dry-run", action="store_true", help="print the references and build nothing")
    options = parser.parse_args()
    given = dict(item.split("=", 1) for item in options.use)
    unknown = sorted(set(given) - set(RECIPES))
    if unknown:
        parser.error(f"there is no image {', '.join(unknown)}; the images are {', '.join(RECIPES)}")
    given = {name: reference for name, reference in given.items() if reference}
    refs = references(given)
    if not options.dry_run:
        turn = threading.Semaphore(options.jobs)
        todo = [name for name in RECIPES if name in wanted(given)]
        futures: dict[str, Future[None]] = {}
        with ThreadPoolExecutor(max_workers=len(RECIPES)) as pool:
            for name in todo:
                futures[name] = pool.submit(make, name, refs, futures, options, turn)
        failures = [str(future.exception()) for future in futures.values() if future.exception()]
        if failures:
            print("\n".join(dict.fromkeys(failures)), file=sys.stderr)
            return 1
    print(json.dumps(refs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
