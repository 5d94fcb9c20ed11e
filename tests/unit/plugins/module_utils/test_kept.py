# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Before-states in files: the first counts, a torn file is no absence."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _kept
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return _kept.kept_path(str(tmp_path), "demo", "dns")


def test_where(tmp_path: Path, path: Path) -> None:
    assert path == tmp_path / "demo" / "kept" / "dns.json"


def test_nothing_kept(path: Path) -> None:
    assert _kept.recall(path) is None
    assert _kept.forget(path) is False


def test_the_first_state_counts(path: Path) -> None:
    assert _kept.keep(path, {"ttl": 60}) == {"ttl": 60}
    assert _kept.keep(path, {"ttl": 5}) == {"ttl": 60}
    assert _kept.recall(path) == {"ttl": 60}
    assert [p.name for p in path.parent.iterdir()] == ["dns.json"], "nothing is left beside"
    assert path.stat().st_mode & 0o777 == 0o600
    assert _kept.forget(path) is True
    assert _kept.recall(path) is None


def test_replace(path: Path) -> None:
    _kept.replace(path, {"a": 1})
    _kept.replace(path, {"a": "é"})
    assert _kept.recall(path) == {"a": "é"}
    assert [p.name for p in path.parent.iterdir()] == ["dns.json"]


@pytest.mark.parametrize("text", ["", '{"ttl": 6', "[1]"])
def test_a_torn_file_is_not_nothing(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ProbeError, match=r"kept/dns\.json"):
        _kept.recall(path)
    with pytest.raises(ProbeError):
        _kept.keep(path, {"ttl": 5})
    assert path.read_text() == text


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file, no folder")
    with pytest.raises(GoliveError, match="can't be written"):
        _kept.replace(tmp_path / "demo" / "kept" / "dns.json", {})
