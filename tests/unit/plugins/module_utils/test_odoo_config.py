# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _odoo_config as config
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError

TEXT = """; by the contractor
[options]
addons_path = /mnt/a,
    /mnt/b
; list_db = False
List_DB = True
workers: 0

[queue_job]
workers = 9
"""


def test_parse_reads_only_the_options() -> None:
    assert config.parse(TEXT) == {"addons_path": "/mnt/a,\n/mnt/b", "list_db": "True", "workers": "0"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no [options]"),
        ("a = 1\n", "before any section"),
        ("[options]\nnonsense\n", "neither a key nor a comment"),
        ("[options]\na = 1\nA = 2\n", "twice"),
    ],
)
def test_what_is_not_settings_is_no_answer(text: str, says: str) -> None:
    with pytest.raises(ProbeError) as error:
        config.parse(text)
    assert says in str(error.value)


def test_edit_leaves_everything_else_alone() -> None:
    edited = config.edit(TEXT, {"list_db": "False", "addons_path": "/mnt/c", "proxy_mode": "True"})
    assert edited == (
        "; by the contractor\n[options]\naddons_path = /mnt/c\n; list_db = False\nList_DB = False\n"
        "workers: 0\nproxy_mode = True\n\n[queue_job]\nworkers = 9\n"
    )
    assert config.edit(edited, {"list_db": "False", "proxy_mode": "True"}) == edited


def test_edit_refuses_a_value_that_would_write_more_keys() -> None:
    with pytest.raises(GoliveError):
        config.edit(TEXT, {"dbfilter": "^x$\nlist_db = True"})


def test_wanted_options_lock_and_refuse_to_be_loosened() -> None:
    wanted = config.wanted_options("dfr.x", "$h", 3, {"Limit_Time_Cpu": 60, "log_handler": ["a", "b"]})
    assert wanted == {
        "admin_passwd": "$h",
        "db_name": "dfr.x",
        "dbfilter": r"^dfr\.x$",
        "list_db": "False",
        "proxy_mode": "True",
        "workers": "3",
        "limit_time_cpu": "60",
        "log_handler": "a,b",
    }
    with pytest.raises(GoliveError) as error:
        config.wanted_options("d", "$h", 3, {"LIST_DB": True, "data_dir": "/x"})
    assert "data_dir, list_db" in str(error.value)


def test_write_atomically_sets_rights_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "odoo.conf"
    path.write_text("old")
    config.write_atomically(str(path), "new\n", mode=0o440, uid=os.getuid(), gid=os.getgid())
    assert path.read_text() == "new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o440
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_says_so_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "odoo.conf"
    path.write_text("old")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(config.os, "fsync", full)
    with pytest.raises(GoliveError) as error:
        config.write_atomically(str(path), "new", mode=0o440, uid=os.getuid(), gid=os.getgid())
    assert "No space left" in str(error.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_read_file_tells_missing_from_unreadable(tmp_path: Path) -> None:
    with pytest.raises(GoliveError) as missing:
        config.read_file(str(tmp_path / "none"))
    assert not isinstance(missing.value, ProbeError)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProbeError):
        config.read_file(str(tmp_path / "binary"))
    with pytest.raises(GoliveError):
        config.read_file(str(tmp_path))


def test_can_be_replaced_asks_for_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.can_be_replaced(str(tmp_path / "odoo.conf"))
    monkeypatch.setattr(config.os, "access", lambda *_: False)
    with pytest.raises(GoliveError):
        config.can_be_replaced(str(tmp_path / "odoo.conf"))


class _Hash:
    """What passlib does, without its half second."""

    def using(self, rounds: int) -> _Hash:
        assert rounds == config.HASH_ROUNDS
        return self

    def hash(self, password: str) -> str:
        return f"$pbkdf2-sha512$1$salt${password[::-1]}"

    def identify(self, stored: str) -> bool:
        return stored.startswith("$pbkdf2-sha512$")

    def verify(self, password: str, stored: str) -> bool:
        if stored.endswith("broken"):
            raise ValueError
        return stored.endswith(password[::-1])


def test_plain_text_never_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    def passlib(_name: str, _package: str) -> Any:
        return SimpleNamespace(pbkdf2_sha512=_Hash())

    monkeypatch.setattr(config, "require", passlib)
    assert config.verifies("secret", config.hash_password("secret"))
    assert not config.verifies("secret", config.hash_password("other"))
    assert not config.verifies("admin", "admin")
    assert not config.verifies("admin", "")
    assert not config.verifies("admin", "$pbkdf2-sha512$broken")
