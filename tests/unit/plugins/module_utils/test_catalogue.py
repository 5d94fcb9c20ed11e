# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a database is made of, and what changed in it."""

from __future__ import annotations

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _catalogue
from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Column, Relation
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._replication import choose_identities


def relation(
    name: str, *columns: str, key: tuple[str, ...] = (), identity: str = "d", index: str = ""
) -> Relation:
    made = tuple(Column(c, i, "int4", "pg_catalog.int4") for i, c in enumerate(columns, 1))
    return Relation("public", name, 1, made, key, identity, index, "odoo", "p", 10, 8192)


def test_modules_are_named_before_what_they_brought() -> None:
    wrong = _catalogue.changed_definitions(
        {"column public.t.a": "1", "module sale": "1", "index public.i": "1"},
        {"column public.t.a": "2", "module sale": "2", "table public.n": "1"},
    )
    assert wrong == [
        "module sale was changed",
        "column public.t.a was changed",
        "index public.i is gone",
        "table public.n is new",
    ]


def test_unchanged_definitions_are_no_error() -> None:
    _catalogue.refuse_changed_definitions({"a": "1"}, {"a": "1"}, "db")


def test_changed_definitions_stop_by_name() -> None:
    with pytest.raises(GoliveError, match="module sale was changed"):
        _catalogue.refuse_changed_definitions({"module sale": "1"}, {"module sale": "2"}, "db")


def test_tables_are_put_side_by_side() -> None:
    both = _catalogue.shared(
        [relation("b", "x"), relation("a", "y")], [relation("a", "y"), relation("b", "x")]
    )
    assert [(left.name, right.name) for left, right in both] == [("a", "a"), ("b", "b")]


@pytest.mark.parametrize(
    ("source", "target", "named"),
    [
        ([relation("a", "x")], [], "a is missing in the target"),
        ([], [relation("a", "x")], "a is only in the target"),
        ([relation("a", "x", "y")], [relation("a", "x")], "columns y of a"),
    ],
)
def test_tables_that_cannot_be_compared_are_named(
    source: list[Relation], target: list[Relation], named: str
) -> None:
    with pytest.raises(GoliveError, match=named):
        _catalogue.shared(source, target)


@pytest.mark.parametrize(
    ("made", "clause"),
    [
        (relation("t", "id", key=("id",)), None),
        (relation("t", "id", key=("id",), index="t_key"), "using index t_key"),
        (relation("t", "id"), "full"),
        (relation("t", "id", identity="f"), None),
        (relation("t", "id", key=("id",), identity="n"), "default"),
        (relation("t", "id", identity="n"), "full"),
    ],
)
def test_a_replica_identity_is_only_given_where_none_would_do(made: Relation, clause: str | None) -> None:
    chosen = choose_identities((made,))
    assert (chosen["t"][1] if chosen else None) == clause
