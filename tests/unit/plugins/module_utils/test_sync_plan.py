# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _sync_plan
from ansible_collections.dfr.golive.plugins.module_utils._errors import DriftError, GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._sync_plan import World
from sync_plans import SIDE, plan


def test_names_beside_production() -> None:
    found = plan()
    assert (found.incoming, found.before) == ("prod_incoming", "prod_before")
    _source, remote, stores = found.parts()
    assert remote.database == "stg"
    assert str(stores.incoming) == "/files/prod.incoming"


def test_a_name_that_would_be_cut_off_is_refused() -> None:
    with pytest.raises(GoliveError, match="too long"):
        plan(target={**SIDE, "database": "p" * 60})


def test_method_none_has_no_parts() -> None:
    with pytest.raises(GoliveError, match="no source"):
        plan(method="none", source=None, filestore=None).parts()


class Cluster:
    """Answers `look`: which databases exist, and what is kept."""

    def __init__(self, *databases: str) -> None:
        self.databases = databases

    def execute(self, _query: str, params: Any) -> Cluster:
        self.asked = params[0]
        return self

    def fetchall(self) -> list[tuple[str]]:
        return [(name,) for name in self.databases if name in self.asked]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    monkeypatch.setattr(_sync_plan, "recall", lambda _conn, kind, _name: rows.get(kind))
    return rows


def look(*databases: str) -> World:
    cluster: Any = Cluster(*databases)
    return _sync_plan.look(cluster, plan())


def test_look_recognises_what_our_steps_leave(kept: dict[str, Any]) -> None:
    assert not look("prod").swapped
    kept["sync.incoming"] = {"database": "prod_incoming"}
    world = look("prod", "prod_incoming")
    assert not world.swapped
    assert world.making
    kept.clear()
    kept["sync"] = {"run_id": "run-1"}
    world = look("prod", "prod_before")
    assert world.swapped
    assert world.kept_run == "run-1"


@pytest.mark.parametrize(
    ("databases", "rows", "sentence"),
    [
        ((), {}, "doesn't exist"),
        (("prod", "prod_before"), {}, "no run of ours swapped"),
        (("prod",), {"sync": {"run_id": "run-1"}}, "no longer there to go back to"),
        (("prod", "prod_incoming"), {}, "no run of ours made"),
    ],
)
def test_look_refuses_what_somebody_else_did(
    kept: dict[str, Any], databases: tuple[str, ...], rows: dict[str, Any], sentence: str
) -> None:
    kept.update(rows)
    with pytest.raises(DriftError, match=sentence):
        look(*databases)


def test_another_run_s_swap_is_left_alone() -> None:
    world = World(
        frozenset({"prod", "prod_before"}), making=False, kept={"run_id": "run-0"}, kept_run="run-0"
    )
    with pytest.raises(GoliveError, match="another run"):
        _sync_plan.refuse_other_run(plan(), world)
    _sync_plan.refuse_other_run(plan(), replace(world, kept_run="run-1"))
