# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.dfr.golive.plugins.action.readiness import judge


def line(name: str) -> dict[str, str]:
    return {"name": name, "verdict": "pass", "detail": "fine", "remedy": ""}


def looped(kind: str, facts: dict[str, Any], *names: str) -> dict[str, Any]:
    return {"results": [{"item": name, "gates": [line(f"{kind}.{name}")], "facts": facts} for name in names]}


def answers() -> dict[str, Any]:
    database = {"modules": {"base": "19.0.1.3"}, "known_modules": ["base"]}
    ends = {"staging": "staging", "production": "production"}
    return {
        "hosts": looped("sudo", {"clock_offset": 0, "clock_error": 0}, "ops", "staging", "production"),
        "expected_hosts": ["ops", "staging", "production"],
        "conductor": "ops",
        "databases": looped("database", database, "staging", "production"),
        "expected_databases": ends,
        "applications": looped("application", {"version": "19.0"}, "staging", "production"),
        "storage": looped("storage", {}, "staging", "production"),
        "expected_applications": ends,
        "door": {"gates": [line("door.production")], "facts": {}},
        "runtimes": [{"item": {"key": "proxy"}, "status": {"LoadState": "loaded"}}],
        "expected_runtimes": {"proxy": {"vm": "production", "unit": "nginx", "runtime": "systemd"}},
        "rooms": {"switch_dns": [{"gates": [line("dns.record")]}]},
        "signoffs": {"gates": [line("signoff.fao")], "evidence": {"signoffs": [{"team": "fao"}]}},
        "max_skew_seconds": 2.0,
    }


def test_everything_together() -> None:
    seen = judge(answers())
    assert {gate["verdict"] for gate in seen["gates"]} == {"pass"}
    assert seen["changed"] is False
    assert seen["reachable"] == ["ops", "staging", "production"]
    assert seen["evidence"]["signoffs"] == [{"team": "fao"}]
    assert seen["evidence"]["checks"] == len(seen["gates"]) == len(seen["table"].splitlines())
    assert seen["summary"].startswith("All ")


def test_nothing_registered_is_nothing_passed() -> None:
    empty = {**answers(), "hosts": {}, "databases": {}, "applications": {}, "storage": {}, "door": {}}
    seen = judge({**empty, "runtimes": [], "rooms": {"switch_dns": [{}]}, "signoffs": {}})
    assert {gate["verdict"] for gate in seen["gates"]} == {"unknown"}
    assert seen["evidence"]["signoffs"] == []
