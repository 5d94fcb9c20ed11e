# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of the legacy share: which source, which store, and whether only one is at work."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import Mapping, parse
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import Store

LEGACY_OPTIONS: dict[str, Any] = {
    "mapping": {"type": "str", "required": True},
    "mapping_name": {"type": "str", "default": "the mapping"},
    "connection": {
        "type": "dict",
        "default": {},
        "options": {
            "host": {"type": "str"},
            "port": {"type": "int"},
            "user": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "database": {"type": "str"},
            "ssl_mode": {"type": "str"},
            "ca_cert": {"type": "path"},
        },
    },
    "store": {"type": "path", "required": True},
}


def mapping_of(params: dict[str, Any]) -> Mapping:
    """The mapping of a module's parameters."""
    return parse(params["mapping"], params["mapping_name"])


def login_of(params: dict[str, Any]) -> dict[str, Any]:
    """Where the source is, without what nobody said."""
    return {name: value for name, value in params["connection"].items() if value is not None}


@contextmanager
def alone(path: Path) -> Iterator[Store]:
    """The store, open, and nobody else loading from it.

    Raises:
        GoliveError: another process is at it.
    """
    store = Store.open(path)
    lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise GoliveError(
                f"Another process is loading from {path}.", remedy="Wait for it, or end it, then run again."
            ) from exc
        yield store
    finally:
        os.close(lock)
        store.close()
