# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.filter.failure import SILENT, FilterModule, failure


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ({"msg": "No such host."}, "No such host."),
        ({"msg": "closed:\na table", "brief": "closed: dns.ttl"}, "closed: dns.ttl"),
        ({"msg": "two\nlines"}, "two\nlines"),
        (
            {"msg": "non-zero return code", "stderr": "a\nrsync: no route"},
            "non-zero return code: rsync: no route",
        ),
        (
            {"msg": "MODULE FAILURE: No start of json\nsee", "module_stderr": "Traceback\nKeyError: 'x'"},
            "MODULE FAILURE: No start of json: KeyError: 'x'",
        ),
        ({"stderr": "boom"}, "boom"),
        (
            {
                "msg": "One or more items failed",
                "results": [{"failed": False, "msg": "ok"}, {"failed": True, "msg": "a"}],
            },
            "a",
        ),
        (
            {
                "results": [
                    {"failed": True, "msg": "a", "item": "x"},
                    {"failed": True, "msg": "b", "item": {"k": 1}},
                ]
            },
            "x: a; b",
        ),
        ({"results": []}, SILENT),
        ({}, SILENT),
        (None, SILENT),
        ("text", SILENT),
    ],
)
def test_failure(result: Any, says: str) -> None:
    assert failure(result) == says


def test_its_name() -> None:
    assert list(FilterModule().filters()) == ["failure"]
