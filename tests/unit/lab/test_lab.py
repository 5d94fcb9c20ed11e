# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own Python: which images are built, and what a writer's attempt is called."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import urllib.error
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[3]
LAB = CHECKOUT / "molecule" / "default"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"lab_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = load(LAB / "images" / "build.py")
writer = load(LAB / "parts" / "writer.py")


class TestImages:
    def test_tags_follow_from_the_inputs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in build.RECIPES:
            (tmp_path / "images" / name).mkdir(parents=True)
            (tmp_path / "images" / name / "Dockerfile").write_text(f"FROM {name}\n")
        (tmp_path / "addons").mkdir()
        monkeypatch.setattr(build, "IMAGES", tmp_path / "images")
        monkeypatch.setattr(build, "CONTEXT", tmp_path)
        before = build.references({})
        assert build.references({}) == before
        (tmp_path / "addons" / "new.py").write_text("x = 1\n")
        after = build.references({})
        assert {name for name in before if before[name] != after[name]} == {"registry"}
        (tmp_path / "images" / "vm" / "Dockerfile").write_text("FROM other\n")
        last = build.references({})
        assert {name for name in after if after[name] != last[name]} == {"vm", "legacy"}

    def test_a_given_image_is_not_built_but_its_children_are(self) -> None:
        given = {"odoo": "odoo:19", "postgres": "postgres:17"}
        assert build.references(given)["odoo"] == "odoo:19"
        assert build.wanted(given) == set(build.RECIPES) - {"odoo", "postgres"}

    def test_parents_only_a_given_image_would_need_are_left_out(self) -> None:
        everything = dict.fromkeys(("vm", "postgres", "odoo", "legacy", "nginx", "dns", "mail"), "x:1")
        assert build.wanted(everything) == {"registry"}
        assert build.wanted({**everything, "registry": "x:1"}) == set()


class Door:
    """Stands in for a registry: answers, refuses or breaks."""

    def __init__(self, outcome: int | Exception) -> None:
        self.outcome = outcome
        self.forgotten = 0

    def register(self, number: int) -> int:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def forget(self) -> None:
        self.forgotten += 1


class Answer:
    """Stands in for urllib's opener: one canned answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def open(self, request: Any, timeout: float) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return io.BytesIO(json.dumps(self.answer).encode())


class TestWriter:
    def test_acknowledged(self) -> None:
        assert writer.attempt(Door(7), 1) == ("acknowledged", "7")

    def test_refused_logs_in_again(self) -> None:
        door = Door(writer.RefusedError("1045 Access denied"))
        assert writer.attempt(door, 1) == ("refused", "1045 Access denied")
        assert door.forgotten == 1

    def test_anything_else_is_an_error_not_a_refusal(self) -> None:
        door = Door(ConnectionRefusedError("nobody there"))
        assert writer.attempt(door, 1) == ("error", "ConnectionRefusedError nobody there")
        assert door.forgotten == 1

    @pytest.mark.parametrize(
        ("answer", "outcome"),
        [
            ({"result": [12]}, ("acknowledged", "12")),
            (
                {"error": {"message": "x", "data": {"name": "odoo.AccessError"}}},
                ("refused", "odoo.AccessError"),
            ),
            (urllib.error.HTTPError("http://x", 503, "closed", None, None), ("refused", "HTTP 503")),  # type: ignore[arg-type]
            (TimeoutError("slow"), ("error", "TimeoutError slow")),
        ],
    )
    def test_odoo(self, answer: Any, outcome: tuple[str, str]) -> None:
        registry = writer.OdooRegistry({"url": "http://x", "database": "d", "user": "u", "password": "p"})
        registry.opener = Answer(answer)
        assert writer.attempt(registry, 1) == outcome


class TestInventory:
    """The demo inventory says what the lab is."""

    @pytest.fixture
    def lab(self) -> dict[str, Any]:
        return yaml.safe_load((LAB / "vars" / "lab.yml").read_text())

    @pytest.fixture
    def country(self) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for path in (CHECKOUT / "inventories" / "demo" / "group_vars" / "all").glob("*.yml"):
            merged.update(yaml.safe_load(path.read_text()) or {})
        return merged

    def test_addresses(self, lab: dict[str, Any], country: dict[str, Any]) -> None:
        hosts = yaml.safe_load((CHECKOUT / "inventories" / "demo" / "hosts.yml").read_text())
        backbone = lab["lab_networks"]["dfrlab-backbone"]
        at = {
            name: f"{backbone}.{part['nets']['backbone']}"
            for name, part in lab["lab_containers"].items()
            if "backbone" in part["nets"]
        }
        for group in hosts["all"]["children"]["country"]["children"].values():
            for name, variables in group["hosts"].items():
                assert variables["ansible_host"] == at[name]
        dns = country["golive_dns"]
        assert (dns["primary"], dns["secondaries"], dns["resolvers"]) == (
            at["ns1"],
            [at["ns2"]],
            [at["resolver"]],
        )
        assert (dns["old_address"], dns["new_address"]) == (at["legacy"], at["production-proxy"])
        assert country["golive_proxy"]["address"] == at["production-proxy"]
        assert lab["lab_resolver"] == at["resolver"]

    def test_units_are_containers(self, lab: dict[str, Any], country: dict[str, Any]) -> None:
        units = [
            country["golive_proxy"]["unit"],
            *(a["unit"] for a in country["golive_applications"].values()),
        ]
        assert {unit.removeprefix("dfrlab-") for unit in units} <= set(lab["lab_containers"])


class TestLabsSideBySide:
    """The lab, its twin and the rehearsal's clones run at the same time."""

    @pytest.fixture
    def labs(self) -> list[dict[str, Any]]:
        names = ("lab", "twin", "rehearsal")
        return [yaml.safe_load((LAB / "vars" / f"{name}.yml").read_text()) for name in names]

    @pytest.mark.parametrize("name", ["lab_prefix", "lab_country", "lab_found_by", "lab_resolver"])
    def test_each_has_its_own(self, labs: list[dict[str, Any]], name: str) -> None:
        assert len({lab[name] for lab in labs}) == len(labs)

    def test_they_share_no_network(self, labs: list[dict[str, Any]]) -> None:
        networks = [item for lab in labs for pair in lab["lab_networks"].items() for item in pair]
        assert len(set(networks)) == len(networks)
        for lab in labs:
            assert all(name.startswith(lab["lab_prefix"]) for name in lab["lab_networks"])

    def test_the_twins_inventory_names_nothing_of_the_lab(self, labs: list[dict[str, Any]]) -> None:
        """What twin.sh replaces is all that there is to replace."""
        script = (LAB / "twin.sh").read_text()
        first, twin = (lab["lab_networks"][f"{lab['lab_prefix']}backbone"] for lab in labs[:2])
        before, after = (".".join(network.split(".")[:2]) for network in (first, twin))
        escaped = before.replace(".", "\\.")
        assert f"s/\\bdfrlab-/{labs[1]['lab_prefix']}/g; s/\\b{escaped}\\./{after}./g" in script
        for path in sorted((CHECKOUT / "inventories" / "demo").rglob("*.yml")):
            for found in re.findall(r"dfrlab\S*|\b10\.\d+\.\d+\.\d+", path.read_text()):
                assert found.startswith(("dfrlab-", f"{before}."))
