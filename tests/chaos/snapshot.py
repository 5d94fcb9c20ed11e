# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of the whole lab, taken at rest and brought back in seconds.

A picture is a copy of every volume and of every container's own layer, kept in a volume of the lab. The copying is done
by a container of the lab's own image, so that nobody needs to be root on the machine of the engine.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

LABEL = "label=dfr.golive.lab=1"
# Images carry the label too, so containers that others make of them would count.
FILTERS = ("--filter", LABEL, "--filter", "name=^dfrlab-")
KEPT = "dfrlab-pictures"
OF_THE_LAB = ("--label=dfr.golive.lab=1", "--label=dfr.golive.country=demo")

_COPY = """set -e
while read -r from to; do
  mkdir -p "$to"
  rsync -aHX --numeric-ids --delete --inplace --modify-window=-1 "$from/" "$to/"
done
"""


def docker(*arguments: str, stdin: str | None = None, limit: float = 600, check: bool = True) -> str:
    done = subprocess.run(
        ["docker", *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=limit
    )
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments[:4])}: {done.stderr.strip()[-600:]}")
    return done.stdout


class Lab:
    """The containers and volumes that carry the lab's label, as they are now."""

    def __init__(self) -> None:
        names = docker("ps", "--all", *FILTERS, "--format", "{{.Names}}").split()
        if not names:
            raise RuntimeError("There is no lab: make lab first.")
        self.parts: list[dict[str, Any]] = json.loads(docker("inspect", *names))
        self.root = PurePosixPath(docker("info", "--format", "{{.DockerRootDir}}").strip())

    @property
    def names(self) -> list[str]:
        return sorted(str(part["Name"]).lstrip("/") for part in self.parts)

    @property
    def identity(self) -> str:
        """Changes when the lab is made anew: pictures of another lab are of no use, and are kept apart."""
        return min(str(part["Id"])[:12] for part in self.parts)

    def take(self, picture: str) -> None:
        """Stop everything in good order, copy it, start it again. Pictures of other labs are thrown away."""
        self._helper(f"find /pictures -mindepth 1 -maxdepth 1 ! -name {self.identity} -exec rm -rf {{}} +")
        docker("stop", "--time", "30", *self.names)
        self._copy((live, kept) for live, kept in self._places(picture))
        self._start()

    def restore(self, picture: str) -> None:
        """Drop what is, and start the lab as it was in the picture."""
        self._mend_networks()
        docker("kill", *self._running(), check=False)
        self._copy((kept, live) for live, kept in self._places(picture))
        self._start()

    def drop(self, *pictures: str) -> None:
        self._helper("rm -rf " + " ".join(f"/pictures/{self.identity}/{picture}" for picture in pictures))

    def has(self, picture: str) -> bool:
        return "there" in self._helper(f"test ! -e /pictures/{self.identity}/{picture} || echo there")

    def _places(self, picture: str) -> list[tuple[str, str]]:
        """Every folder of the lab that holds state, and where the picture keeps it."""
        base = f"/pictures/{self.identity}/{picture}"
        places = []
        for part in self.parts:
            name = str(part["Name"]).lstrip("/")
            places.append((self._seen(part["GraphDriver"]["Data"]["UpperDir"]), f"{base}/layer/{name}"))
            places += [
                (self._seen(mount["Source"]), f"{base}/volume/{mount['Name']}")
                for mount in part["Mounts"]
                if mount["Type"] == "volume"
            ]
        return sorted(set(places))

    def _seen(self, path: str) -> str:
        return f"/engine/{PurePosixPath(path).relative_to(self.root)}"

    def _copy(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._helper(_COPY, "".join(f"{source} {target}\n" for source, target in pairs))

    def _helper(self, script: str, stdin: str = "") -> str:
        image = next(str(p["Image"]) for p in self.parts if p["Name"] == "/dfrlab-ops")
        docker("volume", "create", *OF_THE_LAB, KEPT)
        return docker(
            "run", "--rm", "--interactive", "--cap-add=SYS_ADMIN", "--cap-add=MKNOD", "--network=none",
            f"--volume={self.root}:/engine", f"--volume={KEPT}:/pictures", "--entrypoint=sh", image, "-c", script,
            stdin=stdin,
        )  # fmt: skip

    def _running(self) -> list[str]:
        return docker("ps", *FILTERS, "--format", "{{.Names}}").split()

    def _mend_networks(self) -> None:
        """A container that a fault took off a network goes back to it, at its own address."""
        for part in self.parts:
            name = str(part["Name"]).lstrip("/")
            now = json.loads(docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", name))
            for network, settings in part["NetworkSettings"]["Networks"].items():
                if network not in now:
                    wanted = (settings.get("IPAMConfig") or {}).get("IPv4Address") or settings["IPAddress"]
                    docker("network", "connect", "--ip", wanted, network, name)

    def _start(self) -> None:
        jobs = [subprocess.Popen(["docker", "start", name], stdout=subprocess.DEVNULL) for name in self.names]
        if any(job.wait(timeout=180) for job in jobs):
            raise RuntimeError("Not all containers of the lab started.")
