# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _chain
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError


def test_a_long_journal_is_proven() -> None:
    previous, lines = _chain.GENESIS, []
    for seq in range(1, 1_001):
        line = _chain.seal(
            {
                "seq": seq,
                "time": "2026-11-22T00:30:00.000000Z",
                "run_id": "demo-1",
                "session": "s",
                "country": "demo",
                "event": "note",
                "phase": "",
                "prev": previous,
                "reason": "x" * 200,
            }
        )
        previous = json.loads(line)["hash"]
        lines.append(line)
    raw = ("\n".join(lines) + "\n").encode()
    assert len(_chain.verify(raw, "demo", "journal").records) == 1_000


def test_canonical_json_is_one_form_only() -> None:
    assert _chain.canonical({"b": [1, 2.5], "a": "é"}) == '{"a":"\\u00e9","b":[1,2.5]}'
    with pytest.raises(GoliveError, match="isn't JSON"):
        _chain.canonical({"a": float("nan")})


def test_stamps_are_in_utc_and_told_apart() -> None:
    tonga, later = "2026-11-22T13:30:00+13:00", "2026-11-22T00:30:01.250000Z"
    assert _chain.stamp(_chain.moment(tonga)) == "2026-11-22T00:30:00.000000Z"
    assert _chain.between(tonga, later) == 1.25


def test_only_secrets_are_blotted_out() -> None:
    said = _chain.without_secrets({"login": [{"db_password": "x", "secretary": "y"}], "rows": (1, 2)})
    assert said == {"login": [{"db_password": "(not journalled)", "secretary": "y"}], "rows": [1, 2]}
