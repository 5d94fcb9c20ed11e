# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The name, on real name servers: each gate has been seen closed, a switch waits for caches, an undo restores.

All of it on a record of the test's own; the lab country's name is never touched.
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dfr.golive.plugins.module_utils import _dns, _tls
from ansible_collections.dfr.golive.plugins.module_utils._dns import Asker, Key, Says
from ansible_collections.dfr.golive.plugins.module_utils._dns_readiness import Examiner, Plan
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from edgelab import NEW, OLD, ROOT, Conductor, Record, deaf, docker, on

STRICT = """
options { directory "/tmp"; pid-file "/tmp/pid"; session-keyfile "/tmp/session.key"; recursion no;
          listen-on { any; }; listen-on-v6 { none; }; dnssec-validation no; };
key "dfr-golive." { algorithm hmac-sha256; secret "%s"; };
zone "strict.test" { type primary; file "/tmp/zone"; notify no;
                     update-policy { grant dfr-golive. name other.strict.test. A; }; };
"""
STRICT_ZONE = """$TTL 60
@ IN SOA ns1 hostmaster 1 300 60 86400 5
  IN NS ns1
ns1 IN A 192.0.2.53
dfr IN A 198.51.100.10
"""


@pytest.fixture
def record(country: dict[str, Any]) -> Iterator[Record]:
    """At the old address for a minute, gone afterwards."""
    name = f"it-{uuid.uuid4().hex[:8]}"
    own = Record({**country["golive_dns"], "record": name, "old_address": OLD, "new_address": NEW, "ttl": 6})
    own.set(OLD)
    yield own
    own.set()


def plan_of(record: Record, **changes: Any) -> Plan:
    dns = record.dns
    plan = Plan(
        zone=dns["zone"],
        record=dns["record"],
        fqdn=record.name,
        primary=dns["primary"],
        secondaries=tuple(dns["secondaries"]),
        resolvers=tuple(dns["resolvers"]),
        old=(OLD,),
        new=NEW,
        new_ipv6="",
        max_ttl=300,
        provider="nsupdate",
        providers=("manual", "nsupdate"),
        key=Key(dns["key_name"], dns["key_algorithm"], dns["key_secret"]),
        signed=True,
        with_certificate=False,
    )
    return replace(plan, **changes)


def verdicts(plan: Plan, timeout: float = 2.0) -> dict[str, str]:
    """Gates that are not open, as ``verdict: detail``."""
    gates = Examiner(plan, Asker(timeout=timeout)).examine().gates
    return {g.name: f"{g.verdict.value}: {g.detail}" for g in gates if not g.open}


def prove(record: Record, limit: float, wanted: str = NEW) -> dict[str, Any]:
    dns = record.dns
    return _dns.prove(
        name=record.name + ".",
        wanted=[wanted],
        targets=_dns.targets_of(dns["primary"], dns["secondaries"], dns["resolvers"]),
        asker=Asker(),
        limit=limit,
        old_ttl=0,
        before=(),
    )


# -- gates -----------------------------------------------------------------------------------------


def test_in_order_every_gate_passes_and_nothing_changes(record: Record) -> None:
    serial, before = record.serial(), record.ask(record.dns["primary"])
    assert verdicts(plan_of(record)) == {}
    assert record.serial() == serial, "the key's proof leaves the zone as it is"
    assert record.ask(record.dns["primary"]) == before


def test_the_gate_leaves_the_old_address_out_of_the_resolver_s_cache(record: Record) -> None:
    verdicts(plan_of(record))
    record.set(NEW)
    record.in_step()
    assert record.ask(record.dns["resolvers"][0])[0] == [NEW]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "nobody."}, "doesn't know the key nobody. (hmac-sha256): BADKEY"),
        ({"algorithm": "hmac-sha512"}, "BADKEY"),
        ({"secret": base64.b64encode(b"canary" * 6).decode()}, "with another secret: BADSIG"),
        ({"secret": "canary not base64"}, "isn't base64"),
    ],
)
def test_a_wrong_key(record: Record, change: dict[str, str], words: str) -> None:
    plan = plan_of(record)
    assert plan.key is not None
    (found,) = verdicts(replace(plan, key=replace(plan.key, **change))).items()
    assert found[0] == "dns.key"
    assert found[1].startswith("fail: ")
    assert words in found[1]
    assert "canary" not in found[1]


@pytest.fixture
def strict(country: dict[str, Any]) -> Iterator[str]:
    """A primary that lets the lab's key change another name only; its address."""
    image = docker("inspect", "--format", "{{.Config.Image}}", "dfrlab-ns1").strip()
    config = STRICT % country["golive_dns"]["key_secret"]
    script = (
        f"cat > /tmp/c <<'X'\n{config}\nX\ncat > /tmp/zone <<'X'\n{STRICT_ZONE}\nX\nexec named -g -c /tmp/c"
    )
    name = f"dfrlab-it-{uuid.uuid4().hex[:6]}"
    docker(
        *("run", "-d", "--rm", "--name", name, "--label", "dfr.golive.lab=1"),
        *("--network", "dfrlab-backbone", "--entrypoint", "sh", image, "-c", script),
    )
    try:
        form = '{{(index .NetworkSettings.Networks "dfrlab-backbone").IPAddress}}'
        address = docker("inspect", "--format", form, name).strip()
        deadline = time.monotonic() + 20
        while True:
            try:
                Asker().authority(address, "strict.test")
                break
            except ProbeError:
                assert time.monotonic() < deadline, docker("logs", name)
        yield address
    finally:
        docker("rm", "-f", name, check=False)


def test_a_key_without_the_right_to_this_name(record: Record, strict: str) -> None:
    plan = plan_of(record)
    assert plan.key is not None
    with pytest.raises(
        GoliveError, match=r"refuses the key .* to change .* dfr\.strict\.test\.: REFUSED"
    ) as caught:
        Asker().prove_key(strict, "strict.test", "dfr.strict.test.", plan.key, [OLD])
    assert not isinstance(caught.value, ProbeError)
    Asker().prove_key(strict, "strict.test", "other.strict.test.", plan.key, [])
    with pytest.raises(GoliveError, match=r"isn't the primary of the zone demo\.test"):
        Asker().prove_key(strict, "demo.test", record.name + ".", plan.key, [OLD])


def test_somebody_else_s_change_an_alias_and_an_ipv6_address(record: Record) -> None:
    record.set("203.0.113.9", OLD)
    assert "dns.record" in verdicts(plan_of(record))
    record.set(OLD)
    record.set("2001:db8::9", kind="AAAA")
    try:
        (found,) = verdicts(plan_of(record)).items()
        assert found[0] == "dns.ipv6"
        assert "2001:db8::9" in found[1]
        assert verdicts(plan_of(record, new_ipv6="2001:db8::9")) == {}
    finally:
        record.set(kind="AAAA")


def test_a_long_ttl(record: Record) -> None:
    record.set(OLD, ttl=3600)
    (found,) = verdicts(plan_of(record)).items()
    assert found[0] == "dns.ttl"
    assert found[1].startswith("fail: ")
    assert "for 3600 s; at most 300 s are allowed" in found[1]


def test_servers_that_are_not_what_the_inventory_says(record: Record) -> None:
    ns1, resolver = record.dns["primary"], record.dns["resolvers"][0]
    closed = verdicts(plan_of(record, primary=resolver))
    assert {"dns.primary", "dns.record", "dns.key"} <= set(closed)
    closed = verdicts(plan_of(record, resolvers=(ns1,)))
    assert closed == {}, "an authoritative server knows its zone"
    closed = verdicts(plan_of(record, zone="nowhere.test", fqdn=f"{record.dns['record']}.nowhere.test"))
    assert {closed[name][:7] for name in ("dns.primary", "dns.record")} == {"unknown"}


def test_silent_servers_are_unknown(record: Record) -> None:
    nobody = "10.28.50.250"
    closed = verdicts(plan_of(record, secondaries=(nobody,), resolvers=(nobody,)), timeout=0.3)
    assert set(closed) == {f"dns.secondary.{nobody}", f"dns.resolver.{nobody}"}
    assert {text[:7] for text in closed.values()} == {"unknown"}
    closed = verdicts(plan_of(record, primary=nobody), timeout=0.3)
    assert closed["dns.primary"].startswith("unknown: ")
    assert closed["dns.record"].startswith("unknown: ")
    assert closed["dns.key"].startswith("unknown: ")


def test_a_secondary_out_of_step_is_found_and_the_wait_names_it(record: Record) -> None:
    ns1, ns2 = record.dns["primary"], record.dns["secondaries"][0]
    with deaf("ns2", ns1):
        record.set(NEW)
        (found,) = verdicts(replace(plan_of(record), settle=1.0)).items()
        assert found[0] == f"dns.secondary.{ns2}"
        assert "out of step" in found[1]
        with pytest.raises(_dns.NotAgreedError) as caught:
            prove(record, limit=3)
        behind = {p["server"]: p for p in caught.value.returned["progress"] if not p["agreed"]}
        assert f"secondary {ns2}: {OLD} (ttl 60 s)" in str(caught.value)
        assert behind[ns2]["asked"] >= 4
        resolver = behind[record.dns["resolvers"][0]]
        assert resolver["asked"] == 0, "it would have fetched the old address from the secondary"
    record.set(NEW, ttl=30)
    assert prove(record, limit=10)["seconds"] < 10


def test_a_cache_is_waited_for(record: Record) -> None:
    resolver = record.dns["resolvers"][0]
    record.set(OLD, ttl=5)
    record.in_step()
    assert record.ask(resolver)[0] == [OLD]
    record.set(NEW, ttl=5)
    seen = prove(record, limit=20)
    by_role = {p["role"]: p for p in seen["progress"]}
    assert by_role["primary"]["seconds"] < 1
    assert 2 <= by_role["resolver"]["seconds"] <= 8
    assert by_role["resolver"]["asked"] > 1


def test_answers_are_told_apart(record: Record) -> None:
    ns1 = record.dns["primary"]
    asked = Asker(timeout=0.5)
    assert asked.record(ns1, f"no-such.{record.dns['zone']}.", "A", recurse=False).says is Says.NO_NAME
    assert asked.record(ns1, record.name, "AAAA", recurse=False).says is Says.NOTHING
    assert asked.record(ns1, "elsewhere.test.", "A", recurse=False).says is Says.REFUSED
    assert asked.record("10.28.50.250", record.name, "A", recurse=False).says in (
        Says.TIMEOUT,
        Says.UNREACHABLE,
    )
    closed_port = asked.record("10.28.50.24", record.name, "A", recurse=False)
    assert closed_port.says is Says.UNREACHABLE


# -- the certificate -------------------------------------------------------------------------------


def test_the_lab_s_certificate(country: dict[str, Any]) -> None:
    address, ca = country["golive_dns"]["new_address"], str(ROOT / "inventories" / "demo" / ".lab" / "ca.pem")
    seen = _tls.probe_certificate(address, 443, country["golive_fqdn"], ca_path=ca)
    assert country["golive_fqdn"] in seen.names
    assert seen.days_left > 14
    with pytest.raises(_tls.CertificateError) as wrong:
        _tls.probe_certificate(address, 443, "staging.demo.test", ca_path=ca)
    assert wrong.value.reason == "wrong_name"
    with pytest.raises(_tls.CertificateError) as untrusted:
        _tls.probe_certificate(address, 443, country["golive_fqdn"])
    assert untrusted.value.reason == "unknown_ca"


# -- the role --------------------------------------------------------------------------------------


@pytest.fixture
def conductor(record: Record, tmp_path: Path) -> Iterator[Conductor]:
    own = Conductor(
        tmp_path,
        {"golive_fqdn": record.name, "golive_dns": record.dns, "__switch_dns_with_certificate": False},
    )
    yield own
    own.remove()


def everywhere(record: Record) -> Callable[[], set[tuple[str, ...]]]:
    servers = [record.dns["primary"], *record.dns["secondaries"]]
    return lambda: {tuple(record.ask(server)[0]) for server in servers}


def test_prepare_switch_settle_and_undo(record: Record, conductor: Conductor) -> None:
    ns1, now = record.dns["primary"], everywhere(record)
    prepared = conductor.run("switch_dns", "prepare")
    assert prepared.code == 0, prepared.out
    assert record.ask(ns1) == ([OLD], 5)
    kept = conductor.kept("dns")
    assert kept is not None
    assert (kept["values"], kept["ttl"], kept["source"]) == ([OLD], 60, "zone")
    assert conductor.run("switch_dns", "prepare").changed == [], "a second preparation changes nothing"

    switched = conductor.run("switch_dns", "gate", "apply", "verify")
    assert switched.code == 0, switched.out
    assert now() == {(NEW,)}
    evidence = switched.of("Prove that every server")["evidence"]
    assert {s["role"]: s["agreed"] for s in evidence["servers"]} == dict.fromkeys(
        ("primary", "secondary", "resolver"), True
    )
    assert evidence["servers"][0]["before"] == f"{OLD} (ttl 5 s)"
    assert evidence["seconds"] < 8

    again = conductor.run("switch_dns", "prepare", "gate", "apply", "verify")
    assert again.code == 0, again.out
    assert again.changed == []
    assert conductor.run("switch_dns", "verify", golive_recheck=True).code == 0

    assert conductor.run("switch_dns", "settle").code == 0
    assert record.ask(ns1) == ([NEW], 6)

    undone = conductor.run("switch_dns", "undo")
    assert undone.code == 0, undone.out
    assert record.ask(ns1) == ([OLD], 60)
    assert conductor.kept("dns") is None
    assert conductor.run("switch_dns", "undo").changed == []


def test_drift_is_found_on_a_later_run(record: Record, conductor: Conductor) -> None:
    assert conductor.run("switch_dns", "gate", "apply", "verify").code == 0
    record.set("203.0.113.9", ttl=1)
    time.sleep(5)
    stopped = conductor.run("switch_dns", "verify", golive_recheck=True)
    assert f"isn't {NEW} everywhere: primary {record.dns['primary']}: 203.0.113.9" in stopped.failure
    assert [p["agreed"] for p in stopped.of("Prove that every server")["progress"]] == [False] * 3


def test_a_crash_between_keeping_and_changing_leaves_an_undo(record: Record, conductor: Conductor) -> None:
    broken = {**record.dns, "key_secret": base64.b64encode(b"another" * 5).decode()}
    stopped = conductor.run("switch_dns", "gate", "apply", golive_dns=broken)
    assert stopped.code != 0
    assert conductor.kept("dns") is not None
    assert record.ask(record.dns["primary"]) == ([OLD], 60)
    # The same death, the change done but not noted by anybody.
    record.set(NEW, ttl=5)
    resumed = conductor.run("switch_dns", "gate", "apply", "verify")
    assert resumed.code == 0, resumed.out
    assert conductor.run("switch_dns", "undo").code == 0
    assert record.ask(record.dns["primary"]) == ([OLD], 60)


def test_undo_before_apply_changes_nothing(record: Record, conductor: Conductor) -> None:
    assert conductor.run("switch_dns", "undo").changed == []
    assert record.ask(record.dns["primary"]) == ([OLD], 60)


def test_check_mode_changes_nothing(record: Record, conductor: Conductor) -> None:
    serial = record.serial()
    looked = conductor.run("switch_dns", "gate", "apply", "verify", arguments=["--check", "--diff"])
    assert looked.code == 0, looked.out
    assert looked.changed
    assert record.serial() == serial
    assert conductor.kept("dns") is None


def test_a_name_that_does_not_exist_before(record: Record, conductor: Conductor) -> None:
    record.set()
    fresh = {**record.dns, "old_address": ""}
    switched = conductor.run("switch_dns", "gate", "apply", "verify", golive_dns=fresh)
    assert switched.code == 0, switched.out
    assert record.ask(record.dns["primary"])[0] == [NEW]
    assert conductor.run("switch_dns", "undo", golive_dns=fresh).code == 0
    assert record.ask(record.dns["primary"])[0] == []


def test_by_hand_it_shows_and_waits(record: Record, conductor: Conductor) -> None:
    manual = {k: v for k, v in record.dns.items() if not k.startswith("key_")} | {"provider": "manual"}
    stopped = conductor.run(
        "switch_dns", "gate", "apply", golive_dns=manual, switch_dns_manual_limit_seconds=2
    )
    assert f"isn't {NEW} everywhere after" in stopped.failure
    shown = "\n".join(stopped.of("Show what is to be changed")["msg"])
    assert record.dns["record"] in shown
    assert NEW in shown
    record.set(NEW)
    done = conductor.run("switch_dns", "gate", "apply", "verify", golive_dns=manual)
    assert done.code == 0, done.out


def test_an_unknown_provider_is_refused_with_the_list(record: Record, conductor: Conductor) -> None:
    looked = conductor.run("switch_dns", "gate", golive_dns={**record.dns, "provider": "route53"})
    (gate,) = [g for g in looked.of("May the name be switched")["gates"] if g["verdict"] != "pass"]
    assert gate["name"] == "dns.provider"
    assert "manual, nsupdate" in gate["remedy"]


def test_no_secret_is_shown(record: Record, conductor: Conductor) -> None:
    told = conductor.run("switch_dns", "prepare", "gate", "apply", "verify", arguments=["-vvv"])
    assert told.code == 0
    assert record.dns["key_secret"] not in told.out + told.err
    assert record.dns["key_secret"] not in on("ops", f"cat {conductor.state_dir}/itedge/kept/*")
