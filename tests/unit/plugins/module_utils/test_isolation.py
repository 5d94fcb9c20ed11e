# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import json
import socket

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _isolation
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Verdict
from ansible_collections.dfr.golive.plugins.module_utils._isolation import Target

TARGETS = [
    Target("192.0.2.21", 53, "golive_dns.primary"),
    Target("192.0.2.13", 22, "ansible_host of production"),
]


class Shell:
    """Answers commands by their first words, and remembers them."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.typed: list[str] = []

    def __call__(self, command: list[str]) -> str:
        self.typed.append(" ".join(command))
        return next((text for key, text in self.answers.items() if key in self.typed[-1].split()), "")


def test_the_kernel_is_told_once() -> None:
    shell = Shell()
    assert _isolation.raise_fence(["192.0.2.13", "2001:db8::1"], shell) == ["192.0.2.13", "2001:db8::1"]
    assert shell.typed[2:] == [
        "ip -4 route replace prohibit 192.0.2.13",
        "ip -6 route replace prohibit 2001:db8::1",
    ]
    again = Shell(show="prohibit 192.0.2.13 \nprohibit 2001:db8::1 dev lo")
    assert _isolation.raise_fence(["192.0.2.13", "2001:db8::1"], again) == []


def test_only_the_kernels_own_refusal_is_a_proof() -> None:
    gate = _isolation.prove(TARGETS, lambda _address, _port: errno.EACCES)
    assert gate.verdict is Verdict.PASS
    assert "all 2 addresses" in gate.detail


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (0, "answers"),
        (errno.ECONNREFUSED, "connection refused"),
        (errno.ETIMEDOUT, "timed out"),
        (errno.EHOSTUNREACH, "no route to host"),
        (errno.ENETUNREACH, "network is unreachable"),
    ],
)
def test_anything_else_says_that_packets_could_leave(found: int, said: str) -> None:
    gate = _isolation.prove(
        TARGETS, lambda address, _port: found if address == "192.0.2.13" else errno.EACCES
    )
    assert gate.verdict is Verdict.FAIL
    assert "192.0.2.13 (ansible_host of production) is live and isn't fenced off" in gate.detail
    assert said in gate.detail


def test_nothing_to_be_fenced_off_is_no_proof() -> None:
    assert _isolation.prove([], lambda _address, _port: errno.EACCES).verdict is Verdict.UNKNOWN


def test_a_real_socket_that_answers_is_not_fenced_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert _isolation.knock("127.0.0.1", port) == 0
    assert _isolation.knock("127.0.0.1", port) == errno.ECONNREFUSED


def test_a_name_that_nobody_knows_here_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_args: object, **_more: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    assert _isolation.numbers(Target("mail.gov.test", 25, "golive_mail.host")) == []
    assert _isolation.numbers(TARGETS[0]) == ["192.0.2.21"]


def containers(internal: bool, count: int = 1) -> Shell:
    unit = [{"NetworkSettings": {"Networks": {"trial": {}}}}] * count
    return Shell(network=json.dumps([{"Name": "trial", "Internal": internal}]), inspect=json.dumps(unit))


def test_a_container_on_a_network_that_leads_nowhere() -> None:
    assert _isolation.prove_units(["odoo"], containers(internal=True)).verdict is Verdict.PASS
    assert _isolation.prove_units([], containers(internal=False)).verdict is Verdict.PASS


def test_a_container_on_a_network_that_leads_out() -> None:
    gate = _isolation.prove_units(["odoo"], containers(internal=False))
    assert gate.verdict is Verdict.FAIL
    assert "odoo hang on trial, which leads out" in gate.detail


def test_a_container_that_the_engine_does_not_know_is_no_proof() -> None:
    with pytest.raises(ProbeError, match="knows 1 of 2"):
        _isolation.prove_units(["odoo", "proxy"], containers(internal=True))


def test_a_command_that_fails_is_no_answer() -> None:
    with pytest.raises(ProbeError, match="false failed"):
        _isolation.run_command(["false"])
    with pytest.raises(ProbeError, match="gave no answer"):
        _isolation.run_command(["/no/such/command"])


def test_one_live_address_in_reach_stops_the_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_isolation, "raise_fence", lambda addresses: addresses)
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = Target("127.0.0.1", server.getsockname()[1], "golive_proxy.address")
        with pytest.raises(GoliveError, match="isn't fenced off from this host: answers"):
            _isolation.isolate([target], [], dry=False)
        changed, gates = _isolation.isolate([target], [], dry=True)
    assert (changed, [gate.verdict for gate in gates]) == (False, [Verdict.FAIL, Verdict.PASS])
