# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what runs the applications can be asked and is there, and is of the images that the teams sign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import one_line
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, failed, passed, unknown

REMEDY = "Start it from the image that was tested, or correct images in signoffs/criteria.yml and have it signed again."


def ready(
    parts: Mapping[str, Mapping[str, Any]], asked: Iterable[Mapping[str, Any]], reachable: Sequence[str]
) -> list[Gate]:
    """One gate for each part of the country that the night may have to restart.

    Args:
        parts: name (an application, or proxy) -> its entry in the inventory, with ``vm``, ``unit`` and ``runtime``.
        asked: results of ``community.docker.docker_container_info`` or ``ansible.builtin.systemd_service``, looped over
            the parts (``item.key``).
        reachable: the hosts that answered.
    """
    by_name = {str(result["item"]["key"]): result for result in asked}
    return [
        _ready(name, part, by_name.get(name, {}), part["vm"] in reachable) for name, part in parts.items()
    ]


def _ready(name: str, part: Mapping[str, Any], result: Mapping[str, Any], reachable: bool) -> Gate:
    gate, unit, host = f"runtime.{name}", part["unit"], part["vm"]
    if not reachable:
        return unknown(
            gate, f"{unit} was not asked for: its host {host} gave no answer.", f"Settle host.{host} first."
        )
    there = result.get("exists")
    if "status" in result:
        there = result["status"].get("LoadState") == "loaded"
    if result.get("failed") or result.get("unreachable") or there is None:
        return unknown(
            gate,
            f"{part['runtime']} of {host} could not be asked for {unit}: {one_line(result.get('msg') or 'no answer')}.",
            "Run playbooks/prepare.yml, and see that the service runs.",
        )
    if not there:
        return failed(
            gate,
            f"{host} has no {unit} ({part['runtime']}).",
            f"Correct the unit of {name} in the inventory.",
        )
    return passed(gate, f"{part['runtime']} of {host} has {unit}.")


def images(declared: Mapping[str, str], asked: Iterable[Mapping[str, Any]]) -> list[Gate]:
    """One gate for each image that is declared.

    Args:
        declared: name of a part (an application, or proxy) -> digest, from the criteria.
        asked: results of ``community.docker.docker_container_info``, looped over the parts (``item.key``).
    """
    by_name = {str(result["item"]["key"]): result for result in asked}
    return [_image(name, digest, by_name) for name, digest in declared.items()]


def _image(name: str, digest: str, by_name: Mapping[str, Mapping[str, Any]]) -> Gate:
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
