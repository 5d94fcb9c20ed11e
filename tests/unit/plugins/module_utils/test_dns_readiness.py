# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each gate three ways: in order, broken, and with a probe that gets no answer."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dns.exception
import dns.flags
import dns.rcode
import dns.tsig
import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _tls
from ansible_collections.dfr.golive.plugins.module_utils._dns import Asker, Key
from ansible_collections.dfr.golive.plugins.module_utils._dns_readiness import Examiner, Plan, Readiness
from ansible_collections.dfr.golive.plugins.module_utils._errors import ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate
from fake_dns import NEW, NS1, NS2, OLD, RESOLVER, Clock, Network, Server, network

SILENT = dns.exception.Timeout()
PLAN = Plan(
    zone="demo.test",
    record="dfr",
    fqdn="dfr.demo.test",
    primary=NS1,
    secondaries=(NS2,),
    resolvers=(RESOLVER,),
    old=(OLD,),
    new=NEW,
    new_ipv6="",
    max_ttl=300,
    provider="nsupdate",
    providers=("manual", "nsupdate"),
    key=Key("dfr-golive.", "hmac-sha256", "Y2FuYXJ5LXNlY3JldA=="),
    signed=True,
)


def certificate(_address: str, _port: int, name: str, *, ca_path: str) -> _tls.Certificate:
    now = datetime.now(UTC)
    return _tls.Certificate(
        NEW, 443, name, name, "ca", (name,), now, now + timedelta(days=40), 40, f"TLSv1.3{ca_path}"
    )


def examine(net: Network | None = None, plan: Plan = PLAN, **changes: Any) -> Readiness:
    clock = Clock()
    arguments = {"certificate": certificate, "clock": clock, "sleep": clock.sleep, "now": lambda: 1000.0}
    asker = Asker(transport=(net or network()).transport)
    return Examiner(plan, asker, **{**arguments, **changes}).examine()


def gate(seen: Readiness, name: str) -> Gate:
    (found,) = [g for g in seen.gates if g.name == name]
    return found


def verdicts(seen: Readiness) -> dict[str, str]:
    return {g.name: g.verdict.value for g in seen.gates if g.verdict.value != "pass"}


def test_in_order_every_gate_passes() -> None:
    net = network()
    seen = examine(net)
    assert verdicts(seen) == {}
    assert [g.name for g in seen.gates] == [
        "dns.provider",
        "dns.name",
        "dns.primary",
        "dns.record",
        "dns.ttl",
        "dns.ipv6",
        "dns.key",
        f"dns.secondary.{NS2}",
        f"dns.resolver.{RESOLVER}",
        "certificate.dfr.demo.test",
    ]
    assert seen.record == {
        "name": "dfr.demo.test.",
        "zone": "demo.test",
        "type": "A",
        "values": [OLD],
        "ttl": 60,
        "source": "zone",
    }
    assert seen.serial == 7
    assert not seen.switched
    assert seen.servers[0] == {"server": NS1, "role": "primary", "answer": f"{OLD} (ttl 60 s)"}


def test_no_secret_in_what_is_told() -> None:
    assert PLAN.key is not None
    told = repr(examine(network(ns1=Server(update=dns.tsig.PeerBadKey())))) + repr(PLAN)
    assert PLAN.key.secret not in told


@pytest.mark.parametrize(
    ("name", "net", "plan", "words"),
    [
        ("dns.provider", None, {"provider": "route53"}, "There is no way to change DNS called 'route53'"),
        ("dns.name", None, {"fqdn": "dfr.other.test"}, "names the record dfr.demo.test"),
        ("dns.primary", {"ns1": Server(authoritative=False)}, {}, "without authority"),
        ("dns.record", {"ns1": Server(["203.0.113.9"])}, {}, "is 203.0.113.9 .* expected 198.51.100.1"),
        ("dns.record", {"ns1": Server([OLD, "203.0.113.9"])}, {}, "203.0.113.9"),
        ("dns.record", {"ns1": Server(alias="x.demo.test.")}, {}, "an alias of x.demo.test."),
        ("dns.record", {"ns1": Server(exists=False)}, {}, "NXDOMAIN"),
        ("dns.ttl", {"ns1": Server(ttl=3600)}, {}, "for 3600 s; at most 300 s"),
        ("dns.ipv6", {"ns1": Server(ipv6=["2001:db8::1"])}, {}, "2001:db8::1"),
        ("dns.key", {"ns1": Server(update=dns.tsig.PeerBadSignature())}, {}, "BADSIG"),
        ("dns.key", None, {"key": Key("", "hmac-sha256", "")}, "the inventory has none"),
        (f"dns.secondary.{NS2}", {"ns2": Server(serial=6)}, {}, "serial 6 .* primary has 7: out of step"),
        (f"dns.secondary.{NS2}", {"ns2": Server(authoritative=False)}, {}, "without authority"),
        (f"dns.resolver.{RESOLVER}", {"resolver": Server(ttl=86400)}, {}, "keeps .*86400 s"),
        ("dns.resolver", None, {"resolvers": ()}, "names no resolver"),
    ],
)
def test_broken_is_caught(name: str, net: dict[str, Server] | None, plan: dict[str, Any], words: str) -> None:
    found = gate(examine(network(**(net or {})), replace(PLAN, **plan)), name)
    assert found.verdict.value == "fail"
    assert found.remedy
    assert re.search(words, found.detail), found.detail


@pytest.mark.parametrize(
    ("net", "unknown"),
    [
        (
            {"ns1": Server(says=SILENT, update=SILENT)},
            {"dns.primary", "dns.record", "dns.ttl", "dns.ipv6", "dns.key", f"dns.secondary.{NS2}"},
        ),
        ({"ns1": Server(update=SILENT)}, {"dns.key"}),
        ({"ns2": Server(says=SILENT)}, {f"dns.secondary.{NS2}"}),
        ({"resolver": Server(says=SILENT)}, {f"dns.resolver.{RESOLVER}"}),
        ({"resolver": Server(rcode=dns.rcode.SERVFAIL)}, {f"dns.resolver.{RESOLVER}"}),
    ],
)
def test_a_broken_probe_is_unknown_and_nothing_else(net: dict[str, Server], unknown: set[str]) -> None:
    assert verdicts(examine(network(**net))) == dict.fromkeys(unknown, "unknown")


def test_the_certificate_three_ways() -> None:
    def broken(*_args: Any, **_kwargs: Any) -> _tls.Certificate:
        raise _tls.CertificateError("expired", "It expired.")

    def silent(*_args: Any, **_kwargs: Any) -> _tls.Certificate:
        raise ProbeError("No answer.")

    name = "certificate.dfr.demo.test"
    assert verdicts(examine(certificate=broken)) == {name: "fail"}
    assert verdicts(examine(certificate=silent)) == {name: "unknown"}
    assert verdicts(examine(plan=replace(PLAN, certificate_days=41))) == {name: "fail"}
    assert name not in [g.name for g in examine(plan=replace(PLAN, with_certificate=False)).gates]


def test_a_provider_that_signs_nothing_has_no_key_gate() -> None:
    net = network()
    seen = examine(net, replace(PLAN, provider="manual", signed=False, key=None))
    assert verdicts(seen) == {}
    assert net[NS1].updates == []


def test_resolvers_are_asked_for_the_zone_and_never_recursively_for_the_record() -> None:
    net, asked = network(), []
    transport = net.transport

    def watching(message: Any, address: str, timeout: float, tcp: bool) -> Any:
        if address == RESOLVER:
            asked.append((str(message.question[0].name), bool(message.flags & dns.flags.RD)))
        return transport(message, address, timeout, tcp)

    net.transport = watching  # type: ignore[method-assign]
    examine(net)
    assert ("demo.test.", True) in asked
    assert ("dfr.demo.test.", True) not in asked


def test_a_secondary_gets_time_to_catch_up() -> None:
    net, clock = network(ns2=Server(serial=6)), Clock()

    def transfer(_now: float) -> None:
        net[NS2].serial = 7

    clock.on_sleep = transfer
    assert verdicts(examine(net, clock=clock, sleep=clock.sleep)) == {}
    assert clock.sleeps == [0.2]


def test_a_record_on_production_already_passes_and_keeps_the_inventory_s_word() -> None:
    seen = examine(network(ns1=Server([NEW]), ns2=Server([NEW])))
    assert verdicts(seen) == {}
    assert seen.switched
    assert (seen.record["values"], seen.record["source"]) == ([OLD], "inventory")


def test_what_was_kept_first_counts() -> None:
    kept = {"name": "dfr.demo.test.", "values": [OLD], "ttl": 600, "kept_at": 100}
    seen = examine(network(ns1=Server([NEW])), replace(PLAN, kept=kept))
    assert seen.record == kept


def test_answers_fetched_before_the_ttl_was_lowered_count() -> None:
    kept = {"values": [OLD], "ttl": 3600, "kept_at": 900}
    seen = gate(examine(network(ns1=Server(ttl=5)), replace(PLAN, kept=kept)), "dns.ttl")
    assert seen.verdict.value == "fail"
    assert "for 3500 s" in seen.detail
    later = examine(network(ns1=Server(ttl=5)), replace(PLAN, kept=kept), now=lambda: 4500.0)
    assert gate(later, "dns.ttl").detail == "Resolvers keep the old answer for at most 5 s."


def test_a_name_that_does_not_exist_yet() -> None:
    seen = examine(network(ns1=Server(exists=False)), replace(PLAN, old=()))
    assert verdicts(seen) == {}
    assert seen.record["values"] == []
    assert gate(seen, "dns.ttl").detail == "Resolvers keep the old answer for at most 30 s."


def test_an_unknown_record_is_not_kept() -> None:
    assert examine(network(ns1=Server(says=SILENT))).record == {}
    assert examine(network(ns1=Server(alias="x.demo.test."))).record == {}


def test_production_s_ipv6_address_is_welcome() -> None:
    net = network(ns1=Server(ipv6=["2001:db8::1"]))
    assert verdicts(examine(net, replace(PLAN, new_ipv6="2001:db8::1"))) == {}
