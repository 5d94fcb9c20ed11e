# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of the domain, and the one place where they become a module's failure."""

from __future__ import annotations

import importlib
import re
import traceback
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what runs outside Ansible (the hypercare watch) has no Ansible to import
    from ansible.module_utils.basic import AnsibleModule


class GoliveError(Exception):
    """Something the operator must know about.

    Attributes:
        sentence: what is wrong, one sentence that names the host, variable or object.
        remedy: what to do about it, one sentence; empty when there is nothing to add.
        returned: what the failed module returns beside the sentence, for example how far a wait came.
    """

    returned: Mapping[str, Any] = {}

    def __init__(self, sentence: str, *, remedy: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}".strip()


class ProbeError(GoliveError):
    """A question got no usable answer (unreachable, timed out, unreadable): the verdict is *unknown*."""


class DriftError(GoliveError):
    """The world no longer is what the journal says it is."""


def require(module_name: str, package: str) -> ModuleType:
    """Import a third-party library that has to be on the managed host.

    Args:
        module_name: the Python module, for example ``psycopg``.
        package: the Debian package that brings it, named in the remedy.

    Raises:
        GoliveError: the library is missing.
    """
    try:
        return importlib.import_module(module_name)
    except ImportError as exc:
        raise GoliveError(
            f"The Python library {module_name} is missing on this host ({exc}).",
            remedy=f"Run playbooks/prepare.yml, or install {package}.",
        ) from exc


def one_line(text: object, limit: int = 400) -> str:
    """Fold a driver's message into one readable line of at most ``limit`` characters."""
    folded = re.sub(r"\s+", " ", str(text)).strip()
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"


def run_module(module: AnsibleModule, work: Callable[[AnsibleModule], dict[str, Any]]) -> None:
    """Run ``work`` and exit the module with what it returns, or fail it with one sentence.

    ``work`` returns the result dictionary (with ``changed``). A `GoliveError` becomes ``fail_json`` with
    ``msg`` and ``remedy``; anything else is a defect of ours and says so, with the traceback at ``-vvv``.
    """
    try:
        result = work(module)
    except GoliveError as exc:
        module.fail_json(msg=str(exc), remedy=exc.remedy, kind=type(exc).__name__, **exc.returned)
    except Exception as exc:
        module.fail_json(
            msg=f"Unexpected {type(exc).__name__}: {one_line(exc)}", exception=traceback.format_exc()
        )
    else:
        module.exit_json(**result)
