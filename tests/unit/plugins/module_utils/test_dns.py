# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Typed answers, the key's proof, and waiting until all agree; time passes only in the test's own clock."""

from __future__ import annotations

import base64
from typing import Any

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rrset
import dns.tsig
import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _dns
from ansible_collections.dfr.golive.plugins.module_utils._dns import Says
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from fake_dns import NAME, NEW, NS1, NS2, OLD, RESOLVER, ZONE, Clock, Server, network

SECRET = base64.b64encode(b"canary-secret-of-the-key").decode()
KEY = _dns.Key("dfr-golive.", "hmac-sha256", SECRET)


def asker(**servers: Server) -> _dns.Asker:
    return _dns.Asker(timeout=2, transport=network(**servers).transport)


def record(**servers: Server) -> _dns.Answer:
    return asker(**servers).record(NS1, NAME, "A", recurse=False)


# -- answers ---------------------------------------------------------------------------------------


def test_addresses() -> None:
    seen = record(ns1=Server(addresses=[NEW, OLD], ttl=17))
    assert (seen.says, seen.values, seen.ttl, seen.authoritative) == (Says.ADDRESSES, (OLD, NEW), 17, True)
    assert seen.is_exactly([NEW, OLD])
    assert not seen.is_exactly([NEW]), "one right address among others isn't agreement"


@pytest.mark.parametrize(
    ("server", "says", "usable"),
    [
        (Server(addresses=[]), Says.NOTHING, True),
        (Server(exists=False), Says.NO_NAME, True),
        (Server(alias="other.demo.test."), Says.ALIAS, True),
        (Server(rcode=dns.rcode.SERVFAIL), Says.SERVFAIL, False),
        (Server(rcode=dns.rcode.REFUSED), Says.REFUSED, False),
        (Server(rcode=dns.rcode.NOTIMP), Says.BROKEN, False),
        (Server(says=dns.exception.Timeout()), Says.TIMEOUT, False),
        (Server(says=ConnectionRefusedError()), Says.UNREACHABLE, False),
        (Server(says=dns.exception.FormError()), Says.BROKEN, False),
        (Server(says=EOFError()), Says.UNREACHABLE, False),
    ],
)
def test_what_is_no_address_is_told_apart(server: Server, says: Says, usable: bool) -> None:
    seen = record(ns1=server)
    assert seen.says is says
    assert seen.usable is usable
    assert seen.values == () or says is Says.ALIAS
    assert not seen.is_exactly([OLD])
    assert not seen.is_exactly([NEW])
    assert seen.is_exactly([]) is (says in (Says.NOTHING, Says.NO_NAME)), "silence isn't absence"
    assert str(seen)


def test_a_referral_is_no_absence() -> None:
    def refer(message: Any) -> Any:
        response = dns.message.make_response(message)
        response.authority.append(dns.rrset.from_text(ZONE + ".", 60, "IN", "NS", "ns1.demo.test."))
        return response

    assert record(ns1=Server(says=refer)).says is Says.REFERRED


def test_a_lost_datagram_gets_a_second_try_over_tcp() -> None:
    tries = []

    def transport(message: Any, server: str, timeout: float, tcp: bool) -> Any:
        tries.append(tcp)
        if not tcp:
            raise dns.exception.Timeout
        return network().transport(message, server, timeout, tcp)

    assert _dns.Asker(transport=transport).record(NS1, NAME, "A", recurse=False).says is Says.ADDRESSES
    assert tries == [False, True]


def test_authority() -> None:
    seen = asker(ns1=Server(serial=42)).authority(NS1, ZONE)
    assert (seen.serial, seen.negative_ttl, seen.authoritative) == (42, 30, True)


@pytest.mark.parametrize(
    "server",
    [
        Server(rcode=dns.rcode.REFUSED),
        Server(says=dns.exception.Timeout()),
        Server(says=dns.message.make_response),
    ],
)
def test_no_authority_is_no_answer(server: Server) -> None:
    with pytest.raises(ProbeError, match=r"192\.0\.2\.1 gives no SOA of demo\.test"):
        asker(ns1=server).authority(NS1, ZONE)


# -- the key ---------------------------------------------------------------------------------------


def prove(server: Server, key: _dns.Key = KEY, current: tuple[str, ...] = (OLD,)) -> None:
    asker(ns1=server).prove_key(NS1, ZONE, NAME, key, current)


def test_the_proof_is_a_signed_deletion_of_what_is_not_there() -> None:
    server = Server()
    prove(server, current=("192.0.2.1", OLD))
    (message,) = server.updates
    (change,) = message.update
    assert message.prerequisite == []
    assert change.name == dns.name.from_text(NAME)
    assert change.deleting == dns.rdataclass.NONE
    assert [item.address for item in change] == ["192.0.2.2"], "an address the record hasn't got"
    assert message.keyname == dns.name.from_text("dfr-golive.")


@pytest.mark.parametrize(
    ("update", "words"),
    [
        (dns.tsig.PeerBadKey(), r"doesn't know the key dfr-golive\. .*BADKEY"),
        (dns.tsig.PeerBadSignature(), "with another secret: BADSIG"),
        (dns.tsig.PeerBadTime(), r"clocks .* too far apart: BADTIME"),
        (dns.rcode.REFUSED, r"refuses the key .* the right to change .*REFUSED"),
        (dns.rcode.NOTAUTH, r"isn't the primary of the zone demo.test.*NOTAUTH"),
        (dns.rcode.NOTZONE, "NOTZONE"),
        (dns.rcode.NOTIMP, "doesn't take dynamic updates"),
    ],
)
def test_each_refusal_has_its_sentence(update: Any, words: str) -> None:
    with pytest.raises(GoliveError, match=words) as caught:
        prove(Server(update=update))
    assert not isinstance(caught.value, ProbeError), "a clear no, not silence"
    assert caught.value.remedy
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "update", [dns.exception.Timeout(), ConnectionRefusedError(), EOFError(), dns.rcode.SERVFAIL]
)
def test_a_server_that_says_nothing_useful_is_unknown(update: Any) -> None:
    with pytest.raises(ProbeError):
        prove(Server(update=update))


def test_an_unsigned_yes_proves_nothing() -> None:
    with pytest.raises(GoliveError, match="doesn't sign its answer"):
        prove(Server(signs=False))


def test_keys_that_cannot_be_used_name_their_variable() -> None:
    with pytest.raises(GoliveError, match="key_algorithm to one of"):
        prove(Server(), _dns.Key("k.", "hmac-rot13", SECRET))
    with pytest.raises(GoliveError, match="isn't base64") as caught:
        prove(Server(), _dns.Key("k.", "hmac-sha256", "canary-not-base64!"))
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(_dns.Key("k.", "hmac-sha256", "canary-not-base64!"))


# -- waiting ---------------------------------------------------------------------------------------

TARGETS = _dns.targets_of(NS1, [NS2], [RESOLVER])


def wait(net: Any, clock: Clock, limit: float = 100.0) -> _dns.Outcome:
    ask = _dns.Asker(transport=net.transport)
    return _dns.wait_until_all_agree(
        TARGETS,
        [NEW],
        lambda target: ask.record(target.server, NAME, "A", recurse=target.resolves),
        limit=limit,
        clock=clock,
        sleep=clock.sleep,
    )


def by_role(outcome: _dns.Outcome) -> dict[str, _dns.Progress]:
    return {p.target.role: p for p in outcome.progress}


def test_all_agree_at_once() -> None:
    clock = Clock()
    seen = wait(
        network(ns1=Server([NEW]), ns2=Server([NEW]), resolver=Server([NEW], authoritative=False)), clock
    )
    assert (seen.agreed, seen.rounds, seen.seconds, clock.sleeps) == (True, 1, 0.0, [])
    assert all(p.asked == 1 and p.seconds == 0.0 for p in seen.progress)


def test_resolvers_are_not_asked_before_the_authoritative_servers_agree() -> None:
    net, clock = network(ns1=Server([NEW]), resolver=Server([NEW])), Clock()

    def transfer(now: float) -> None:
        assert net[RESOLVER].asked == []
        if now > 1:
            net[NS2].addresses = [NEW]

    clock.on_sleep = transfer
    seen = wait(net, clock)
    assert seen.agreed
    assert by_role(seen)["resolver"].asked == 1
    assert by_role(seen)["secondary"].asked == seen.rounds > 2
    assert clock.sleeps == sorted(clock.sleeps), "the pauses grow"
    assert max(clock.sleeps) <= _dns.LONGEST_SLEEP


def test_a_cached_old_answer_is_waited_for_and_not_a_second_longer() -> None:
    net, clock = network(ns1=Server([NEW]), ns2=Server([NEW]), resolver=Server([OLD], ttl=9)), Clock()

    def expire(now: float) -> None:
        net[RESOLVER].ttl = max(0, 9 - int(now))
        if now >= 9:
            net[RESOLVER].addresses = [NEW]

    clock.on_sleep = expire
    seen = wait(net, clock)
    assert seen.agreed
    assert 9 <= seen.seconds < 10.1
    assert by_role(seen)["resolver"].seconds == seen.seconds


def test_time_out_names_who_is_behind_and_what_it_says() -> None:
    clock = Clock()
    seen = wait(network(ns1=Server([NEW]), resolver=Server([NEW])), clock, limit=20)
    assert not seen.agreed
    assert clock.now == pytest.approx(20)
    assert [str(p.target) for p in seen.behind] == [f"secondary {NS2}", f"resolver {RESOLVER}"]
    assert by_role(seen)["resolver"].asked == 0
    assert f"{OLD} (ttl 60 s), asked {seen.rounds} times" in str(seen.behind[0])


def test_a_server_that_falls_back_is_not_forgotten() -> None:
    net, clock = network(ns1=Server([NEW]), resolver=Server([NEW])), Clock()

    def flap(now: float) -> None:
        net[NS1].addresses = [OLD] if now < 3 else [NEW]
        net[NS2].addresses = [NEW] if now < 1 or now >= 3 else [OLD]

    clock.on_sleep = flap
    seen = wait(net, clock)
    assert seen.agreed
    assert clock.now >= 3, "all have to agree in the same round"


def test_one_round_asks_everybody_once() -> None:
    net, clock = network(ns1=Server([NEW]), resolver=Server([NEW])), Clock()
    seen = wait(net, clock, limit=0)
    assert not seen.agreed
    assert [p.asked for p in seen.progress] == [1, 1, 1]
    assert clock.sleeps == []


def test_nobody_to_ask_is_no_agreement() -> None:
    with pytest.raises(GoliveError, match="no name server to ask"):
        _dns.wait_until_all_agree([], [NEW], lambda _target: pytest.fail("asked"), limit=1)


# -- what a module returns -------------------------------------------------------------------------


def proof(net: Any, clock: Clock, **changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "name": NAME,
        "wanted": [NEW],
        "targets": TARGETS,
        "asker": _dns.Asker(transport=net.transport),
        "limit": 30,
        "old_ttl": 0,
        "before": [{"server": NS1, "role": "primary", "answer": OLD}],
        "clock": clock,
        "sleep": clock.sleep,
    }
    return _dns.prove(**{**arguments, **changes})


def test_evidence_has_before_and_after_of_each_server() -> None:
    seen = proof(network(ns1=Server([NEW]), ns2=Server([NEW]), resolver=Server([NEW])), Clock())
    assert [s["before"] for s in seen["evidence"]["servers"]] == [OLD, "", ""]
    assert [s["agreed"] for s in seen["evidence"]["servers"]] == [True, True, True]
    assert seen["progress"][0]["answer"] == f"{NEW} (ttl 60 s)"


def test_the_limit_is_never_shorter_than_the_old_ttl() -> None:
    clock = Clock()
    with pytest.raises(
        _dns.NotAgreedError, match=r"isn't 198\.51\.100\.2 everywhere after 130 s: primary"
    ) as caught:
        proof(network(), clock, old_ttl=120)
    returned = caught.value.returned
    assert [p["server"] for p in returned["progress"]] == [NS1, NS2, RESOLVER]
    assert returned["progress"][0]["asked"] == returned["rounds"]
    assert returned["seconds"] == 130


@pytest.mark.parametrize(
    ("record_name", "full"),
    [
        ("dfr", NAME),
        ("@", "demo.test."),
        ("", "demo.test."),
        ("dfr.demo.test.", NAME),
        ("a.b", "a.b.demo.test."),
    ],
)
def test_absolute(record_name: str, full: str) -> None:
    assert _dns.absolute(record_name, "demo.test") == full
    assert _dns.absolute(record_name, "demo.test.") == full
