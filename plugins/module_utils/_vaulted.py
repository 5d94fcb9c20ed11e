# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an inventory's secrets are encrypted where they lie; no value is ever decrypted or returned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _strict
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line, require

_SECRET = re.compile(
    r"(?:^secret_)|(?:^|_)(?:password|passwd|passphrase|secret|token|api_key|private_key)$", re.IGNORECASE
)
_VAULT = b"$ANSIBLE_VAULT;"


def plain_secrets(inventory: Path) -> tuple[list[str], int]:
    """Secrets that lie open, each as ``file: key``, and how many were looked at (an encrypted file counts as one).

    Raises:
        GoliveError: a file can't be read, so nobody knows what it holds.
    """
    found, looked = [], 0
    for path in sorted(inventory.rglob("*.yml")) + sorted(inventory.rglob("*.yaml")):
        name = path.relative_to(inventory).as_posix()
        if any(part.startswith(".") for part in path.relative_to(inventory).parts) or name.startswith(
            "signoffs/"
        ):
            continue
        raw = _strict.read(inventory, name)
        if raw.startswith(_VAULT):
            looked += 1
            continue
        for key, value in _leaves(_loaded(raw, name), ""):
            if _SECRET.search(key.rpartition(".")[2]):
                looked += 1
                if isinstance(value, str) and value and "{{" not in value:
                    found.append(f"{name}: {key}")
    return found, looked


class _Encrypted:
    """A value under ``!vault``."""


def _loaded(raw: bytes, name: str) -> Any:
    yaml = require("yaml", "python3-yaml")

    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        pass

    Loader.add_constructor("!vault", lambda _loader, _node: _Encrypted())
    Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
    try:
        return yaml.load(raw, Loader)
    except yaml.YAMLError as exc:
        raise GoliveError(f"{name} isn't YAML: {one_line(exc, 120)}.", remedy=f"Correct {name}.") from exc


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{key}.{number}" if key else str(number))
    else:
        yield key, value
