# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's teams sign what the run then believes."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _papers
from ansible_collections.dfr.golive.plugins.module_utils._gates import passed

SCRIPT = Path(__file__).resolve().parents[3] / "molecule" / "default" / "signoffs.py"


DIGEST = "sha256:" + "1f" * 32
RUNS = {
    "item": {"key": "production", "value": {"unit": "dfrlab-production-odoo"}},
    "exists": True,
    "container": {"Image": DIGEST, "Config": {"Image": "dfr-golive-registry"}},
}


def test_the_lab_signs_and_only_its_open_secrets_are_waived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("lab_signoffs", SCRIPT)
    assert spec
    assert spec.loader
    lab = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lab)
    monkeypatch.setattr(lab, "LAB", tmp_path)
    inventory = lab.lay_out({"production": DIGEST})
    lab.sign()
    assert "Your decision is GO" in capfd.readouterr().err
    gates = [passed(f"{name}.ops", "") for name in ("host", "system", "clock", "hypercare")]
    found = _papers.judge(
        _papers.Asked(
            inventory / "signoffs",
            "demo",
            datetime.now(UTC),
            gates,
            sources=[str(inventory)],
            containers=[RUNS],
        )
    )
    verdicts = {one["name"]: one["verdict"] for one in found.journalled["decided"]["criteria"]}
    assert all(gate.open for gate in found.gates), [gate for gate in found.gates if not gate.open]
    assert [name for name, verdict in verdicts.items() if verdict == "waived"] == ["secrets"]
    assert len(verdicts) == 15
