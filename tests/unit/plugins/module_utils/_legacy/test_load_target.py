# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes over the wire, and what Odoo's answers mean."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._legacy import load_target
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import (
    OdooTarget,
    PassingError,
    RowRefusedError,
)
from ansible_collections.dfr.golive.plugins.module_utils._odoo import OdooLogin


class Session:
    """Answers what it was given and keeps what it was asked."""

    uid = 2

    def __init__(self, version: str, *answers: Any) -> None:
        self.version = version
        self.answers = list(answers)
        self.calls: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = []

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((model, method, args, kwargs))
        return self.answers.pop(0)


@pytest.fixture
def odoo(monkeypatch):
    def make(*answers: Any, version: str = "19.0") -> tuple[OdooTarget, Session]:
        session = Session(version, *answers)
        monkeypatch.setattr(load_target, "connect", lambda _login: session)
        return OdooTarget(OdooLogin("http://odoo", "registry", "loader", "")), session

    return make


ROWS = [("farmers-1", {"name": "A", "area": 1.5}), ("farmers-2", {"name": False, "area": 0})]


def test_records_come_with_their_names_in_one_call(odoo):
    target, session = odoo({"ids": [7, 8], "messages": []})
    assert target.load("dfr.farmer", "__legacy_old", ROWS) == [7, 8]
    ((model, method, args, kwargs),) = session.calls
    assert (model, method, args[0]) == ("dfr.farmer", "load", ["id", "name", "area"])
    assert args[1] == [["__legacy_old.farmers-1", "A", 1.5], ["__legacy_old.farmers-2", False, 0]]
    # An update of an add-on must not take them for its own.
    assert kwargs["context"]["noupdate"] is True
    assert kwargs["context"]["tracking_disable"] is True


def test_create_names_records_too_in_the_same_call(odoo):
    target, session = odoo([7, 8])
    assert target.create_named("dfr.farmer", "__legacy_old", ROWS) == [7, 8]
    ((model, method, args, kwargs),) = session.calls
    assert (model, method) == ("dfr.farmer", "create")
    assert args[0] == [
        {"name": "A", "area": 1.5, "id": "__legacy_old.farmers-1"},
        {"name": False, "area": 0, "id": "__legacy_old.farmers-2"},
    ]
    assert kwargs["context"]["_import_current_module"] == "__legacy_old"
    assert kwargs["context"]["noupdate"] is True
    assert kwargs["context"]["tracking_disable"] is True


@pytest.mark.parametrize(
    ("messages", "error", "words"),
    [
        ([{"type": "error", "message": "An area is\nnot negative."}], RowRefusedError, "An area is not"),
        (
            [{"type": "warning", "message": "w"}, {"type": "error", "message": "deadlock detected"}],
            PassingError,
            "deadlock",
        ),
        ([], RowRefusedError, "doesn't say why"),
    ],
)
def test_what_odoo_doesnt_load_is_refused_in_its_words(odoo, messages, error, words):
    target, _session = odoo({"ids": False, "messages": messages})
    with pytest.raises(error, match=words):
        target.load("dfr.farmer", "__legacy_old", ROWS)


def test_the_answer_to_a_change_says_when_it_was_written(odoo):
    target, session = odoo(True, [{"id": 3, "write_date": "2026-01-01 10:00:00"}])
    same = {"name": "same"}
    dates = target.write("dfr.farmer", [(1, same), (2, same), (3, {"name": "other"})])
    assert dates == {3: "2026-01-01 10:00:00"}
    assert [call[1] for call in session.calls] == ["write", "web_save_multi"]
    assert session.calls[1][2] == ([3], [{"name": "other"}], {"write_date": {}})


def test_an_older_odoo_writes_one_by_one_and_says_nothing(odoo):
    target, session = odoo(True, True, version="18.0")
    assert target.write("dfr.farmer", [(1, {"name": "a"}), (2, {"name": "b"})]) == {}
    assert [call[1] for call in session.calls] == ["write", "write"]
