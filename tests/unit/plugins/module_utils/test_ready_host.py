# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _ready_host
from ansible_collections.dfr.golive.plugins.module_utils._gates import Verdict

SYSTEMS = {"debian": "12", "ubuntu": "24.04"}


def test_what_a_host_needs_is_the_sum_of_its_groups() -> None:
    by_group = {"a": ["psql", "rsync"], "b": ["rsync"], "c": ["never"]}
    assert _ready_host.wanted(by_group, ["a", "b", "unheard_of"]) == ["psql", "rsync"]


@pytest.mark.parametrize(("euid", "verdict"), [(0, Verdict.PASS), (1000, Verdict.FAIL)])
def test_root(euid: int, verdict: Verdict) -> None:
    gate = _ready_host.right("ops", euid)
    assert gate.verdict is verdict
    assert gate.open or "ansible_become" in gate.remedy


@pytest.mark.parametrize(
    ("release", "verdict"),
    [
        ({"ID": "debian", "VERSION_ID": "13"}, Verdict.PASS),
        ({"ID": "ubuntu", "VERSION_ID": "24.04"}, Verdict.PASS),
        ({"ID": "ubuntu", "VERSION_ID": "22.04"}, Verdict.FAIL),
        ({"ID": "debian"}, Verdict.FAIL),
        ({"ID": "other", "VERSION_ID": "99"}, Verdict.FAIL),
        ({}, Verdict.FAIL),
    ],
)
def test_system(release: dict[str, str], verdict: Verdict) -> None:
    assert _ready_host.system("ops", release, SYSTEMS).verdict is verdict


@pytest.mark.parametrize(
    ("version", "verdict"), [((3, 11, 2), Verdict.PASS), ((3, 9, 2), Verdict.FAIL), ((3, 13), Verdict.PASS)]
)
def test_python(version: tuple[int, ...], verdict: Verdict) -> None:
    assert _ready_host.python("ops", version, "3.11").verdict is verdict


def test_what_is_missing_is_named_with_its_package() -> None:
    gate = _ready_host.libraries("ops", ["dns", "psycopg"], {"psycopg": 1}.get)
    assert gate.verdict is Verdict.FAIL
    assert gate.detail == "The Python libraries dns are missing on ops."
    assert "playbooks/prepare.yml" in gate.remedy
    assert "python3-dnspython" in gate.remedy
    gate = _ready_host.programs("ops", ["pg_dump", "rsync"], {}.get)
    assert "pg_dump, rsync" in gate.detail
    assert "postgresql-client, rsync" in gate.remedy
    assert _ready_host.programs("ops", ["rsync"], {"rsync": "/usr/bin/rsync"}.get).open


def host(**other: Any) -> dict[str, Any]:
    params = {
        "name": "ops",
        "groups": [],
        "libraries": {},
        "programs": {},
        "systems": SYSTEMS,
        "python": "3.11",
    }
    moments = iter([101.5, 101.75])
    return _ready_host.probe_host({**params, **other}, clock=lambda: next(moments))


def test_a_host_says_when_it_was_asked_and_when_it_answered() -> None:
    assert host()["facts"] == {"name": "ops", "arrived": 101.5, "left": 101.75}


@pytest.mark.parametrize(
    ("times", "offset", "error"),
    [
        ((100.0, 100.5, 100.75, 101.25), 0.0, 0.5),
        ((100.0, 109.5, 109.75, 101.25), 9.0, 0.5),
        ((100.0, 91.5, 91.75, 101.25), -9.0, 0.5),
        ((100.0, 102.0, 102.0, 102.0), 1.0, 1.0),  # all of the way lay before it, or the clock is ahead
    ],
)
def test_clock_against(times: tuple[float, float, float, float], offset: float, error: float) -> None:
    assert _ready_host.clock_against(*times) == {"clock_offset": offset, "clock_error": error}


def test_a_system_that_does_not_say_what_it_is_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> dict[str, str]:
        raise OSError("no such file")

    monkeypatch.setattr(_ready_host.platform, "freedesktop_os_release", broken)
    verdicts = {gate["name"]: gate["verdict"] for gate in host()["gates"]}
    assert verdicts["system.ops"] == "unknown"


def storage(folder: Path, **other: Any) -> dict[str, Any]:
    params = {
        "name": "staging",
        "vm": "staging",
        "filestore_path": str(folder / "filestore"),
        "config_path": str(folder / "odoo.conf"),
        "owner": f"{os.getuid()}:{os.getgid()}",
    }
    return _ready_host.probe_storage({**params, **other})


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "filestore").mkdir()
    (tmp_path / "odoo.conf").write_text("[options]\n")
    return tmp_path


def test_files_where_the_inventory_says(files: Path) -> None:
    assert [gate["verdict"] for gate in storage(files)["gates"]] == ["pass", "pass"]


def test_files_of_somebody_else(files: Path) -> None:
    gate = storage(files, owner="4711:4711")["gates"][0]
    assert gate["verdict"] == "fail"
    assert "golive_applications.staging.owner" in gate["remedy"]


@pytest.mark.parametrize(
    ("option", "index"), [("filestore_path", 0), ("config_path", 1)], ids=["filestore", "config"]
)
def test_files_that_are_not_there(files: Path, option: str, index: int) -> None:
    gate = storage(files, **{option: "/nowhere/at/all"})["gates"][index]
    assert gate["verdict"] == "fail"
    assert option in gate["remedy"]


def test_files_that_cannot_be_looked_at_are_unknown(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_path: Path) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(_ready_host.Path, "stat", broken)
    assert [gate["verdict"] for gate in storage(files)["gates"]] == ["unknown", "unknown"]


def test_a_folder_is_no_configuration_file(files: Path) -> None:
    assert storage(files, config_path=str(files))["gates"][1]["verdict"] == "fail"
