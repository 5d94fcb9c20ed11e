# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the containers on the hosts are of the images that the teams sign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed, unknown

REMEDY = "Start it from the image that was tested, or correct images in signoffs/criteria.yml and have it signed again."


def check(declared: Mapping[str, str], asked: Iterable[Mapping[str, Any]]) -> list[Gate]:
    """One gate for each image that is declared.

    Args:
        declared: name of a part (an application, or proxy) -> digest, from the criteria.
        asked: results of ``community.docker.docker_container_info``, looped over the parts (``item.key``).
    """
    by_name = {str(result["item"]["key"]): result for result in asked}
    return [
        ask(f"image.{name}", lambda name=name, digest=digest: _one(name, digest, by_name))  # type: ignore[misc]
        for name, digest in declared.items()
    ]


def _one(name: str, digest: str, by_name: Mapping[str, Mapping[str, Any]]) -> Gate:
    gate = f"image.{name}"
    result = by_name.get(name)
    if result is None:
        return failed(
            gate,
            f"The criteria declare the image of {name}, but no container of the inventory bears that name"
            f" ({', '.join(sorted(by_name)) or 'there is none'}).",
            "Correct images in signoffs/criteria.yml.",
        )
    if result.get("failed") or result.get("unreachable") or "exists" not in result:
        return unknown(
            gate, f"The engine of {name} could not be asked: {result.get('msg') or 'no answer'}.", REMEDY
        )
    if not result["exists"]:
        return failed(gate, f"There is no container {result['item']['value']['unit']} of {name}.", REMEDY)
    container = result.get("container")
    if not container:
        return unknown(gate, f"The engine of {name} says nothing of its container.", REMEDY)
    # The second is there when the container was started by digest.
    running = [container["Image"], str(container["Config"]["Image"]).partition("@")[2]]
    if digest in running:
        return passed(gate, f"{name} runs {digest[:19]}…, as signed.")
    return failed(gate, f"{name} runs {running[0]}, declared and signed is {digest}.", REMEDY)
