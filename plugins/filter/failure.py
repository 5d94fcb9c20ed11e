# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failed task has to say, in one text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

DOCUMENTATION = r"""
name: failure
short_description: What a failed task has to say
version_added: "1.0.0"
author: the dfr.golive contributors (@dfr-golive)
description:
  - Takes C(ansible_failed_result) and returns what went wrong, whichever way the task reports it.
  - That is a module's C(brief) or C(msg), the messages of the failed items of a loop, or the last line that
    a broken module printed.
options:
  _input:
    description: The result of the failed task.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say what failed
  ansible.builtin.debug:
    msg: "{{ ansible_failed_result | dfr.golive.failure }}"
"""

RETURN = r"""
_value:
  description: The reason; never empty.
  type: str
"""

SILENT = "The task failed without a message."


def failure(result: Any) -> str:
    """The reason a task failed with."""
    return "; ".join(dict.fromkeys(_reasons(result))) or SILENT


def _reasons(result: Any) -> Iterator[str]:
    if not isinstance(result, Mapping):
        return
    items = [item for item in result.get("results") or [] if isinstance(item, Mapping) and item.get("failed")]
    if items:
        for item in items:
            label = item.get("_ansible_item_label", item.get("item", ""))
            prefix = f"{label}: " if isinstance(label, str) and label else ""
            yield prefix + "; ".join(_reasons(item))
        return
    message = str(result.get("brief") or result.get("msg") or "").strip()
    if message.startswith("MODULE FAILURE") or message in ("", "non-zero return code"):
        printed = str(result.get("module_stderr") or result.get("stderr") or "").strip().splitlines()
        message = ": ".join(filter(None, [message.partition("\n")[0], *printed[-1:]]))
    if message:
        yield message


class FilterModule:
    """The filter `dfr.golive.failure`."""

    def filters(self) -> dict[str, Any]:
        return {"failure": failure}
