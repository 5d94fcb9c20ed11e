# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gates before a name is switched: read-only, every server asked, everything told at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _tls
from ansible_collections.dfr.golive.plugins.module_utils._dns import (
    FIRST_SLEEP,
    GROWTH,
    Answer,
    Asker,
    Authority,
    Key,
    Says,
    absolute,
    targets_of,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._gates import Gate, ask, failed, passed, unknown

Probe = tuple[str, Callable[[], Gate]]


@dataclass(frozen=True)
class Plan:
    """What is to be switched, and what must be true before.

    Attributes:
        zone, record: the zone, and the record's name relative to it.
        fqdn: the name users type; it must be the record's full name.
        primary, secondaries, resolvers: addresses of the servers.
        old: the addresses the record has before; empty when the name doesn't exist yet.
        new: the address it gets.
        new_ipv6: the one IPv6 address it may have; empty when it may have none.
        max_ttl: seconds anybody may keep the old answer.
        provider, providers: the chosen way to change the record, and those there are.
        key: the TSIG key to prove; None when the provider signs nothing.
        signed: whether the provider needs a key.
        port, ca_path, certificate_days: where and how the certificate of the name is judged.
        kept: the record as kept before its TTL was lowered (with ``kept_at``, seconds since 1970); or None.
        with_certificate: whether the certificate is looked at.
        settle: seconds a secondary gets to catch up with a change made a moment ago.
    """

    zone: str
    record: str
    fqdn: str
    primary: str
    secondaries: tuple[str, ...]
    resolvers: tuple[str, ...]
    old: tuple[str, ...]
    new: str
    new_ipv6: str
    max_ttl: int
    provider: str
    providers: tuple[str, ...]
    key: Key | None
    signed: bool
    port: int = 443
    ca_path: str = ""
    certificate_days: int = 14
    kept: dict[str, Any] | None = None
    with_certificate: bool = True
    settle: float = 6.0

    @property
    def name(self) -> str:
        return absolute(self.record, self.zone)


@dataclass(frozen=True)
class Readiness:
    """The verdicts, what an undo has to restore, and what each server says now.

    Attributes:
        gates: one per question.
        record: the record before the change (name, type, values, ttl, source); empty when it isn't known.
        switched: whether the record is known to have the new address already.
        servers: what each server says now, for the evidence.
        serial: the zone's serial on the primary; None when it isn't known.
    """

    gates: tuple[Gate, ...]
    record: dict[str, Any]
    switched: bool
    servers: tuple[dict[str, Any], ...]
    serial: int | None


CertificateProbe = Callable[..., _tls.Certificate]


class Examiner:
    """Asks what a `Plan` needs. Clock, sleep, servers and the certificate are replaced in tests."""

    def __init__(
        self,
        plan: Plan,
        asker: Asker | None = None,
        *,
        certificate: CertificateProbe = _tls.probe_certificate,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.plan = plan
        self.asker = asker or Asker()
        self.certificate = certificate
        self.clock = clock
        self.sleep = sleep
        self.now = now

    def examine(self) -> Readiness:
        plan = self.plan
        primary = self._authority(plan.primary)
        current = self.asker.record(plan.primary, plan.name, "A", recurse=False)
        probes: list[Probe] = [
            ("dns.provider", self._provider),
            ("dns.name", self._name),
            ("dns.primary", lambda: self._primary(primary)),
            ("dns.record", lambda: self._record(current)),
            ("dns.ttl", lambda: self._ttl(current, primary)),
            ("dns.ipv6", self._ipv6),
            *([("dns.key", lambda: self._key(current))] if plan.signed else []),
            *self._each("dns.secondary", plan.secondaries, self._secondary),
            *self._each("dns.resolver", plan.resolvers, self._resolver),
            *([(f"certificate.{plan.fqdn}", self._certificate)] if plan.with_certificate else []),
        ]
        if not plan.resolvers:
            probes.append(("dns.resolver", _no_resolver))
        with ThreadPoolExecutor(max_workers=len(probes)) as pool:
            gates = tuple(pool.map(lambda probe: ask(*probe), probes))
        return Readiness(
            gates=gates,
            record=self._before(current, primary),
            switched=current.is_exactly([plan.new]),
            servers=tuple(self._state(current)),
            serial=None if isinstance(primary, ProbeError) else primary.serial,
        )

    @staticmethod
    def _each(name: str, servers: tuple[str, ...], probe: Callable[[str], Gate]) -> list[Probe]:
        return [(f"{name}.{server}", lambda server=server: probe(server)) for server in servers]  # type: ignore[misc]

    def _authority(self, server: str) -> Authority | ProbeError:
        try:
            return self.asker.authority(server, self.plan.zone)
        except ProbeError as exc:
            return exc

    def _provider(self) -> Gate:
        plan = self.plan
        if plan.provider not in plan.providers:
            return failed(
                "dns.provider",
                f"There is no way to change DNS called {plan.provider!r}.",
                f"Set golive_dns.provider to one of {', '.join(plan.providers)}.",
            )
        return passed("dns.provider", f"The record is changed by the provider {plan.provider}.")

    def _name(self) -> Gate:
        full = self.plan.name.rstrip(".")
        if full.lower() != self.plan.fqdn.rstrip(".").lower():
            return failed(
                "dns.name",
                f"golive_fqdn is {self.plan.fqdn}, but golive_dns names the record {full}.",
                "Correct golive_fqdn, golive_dns.zone or golive_dns.record.",
            )
        return passed("dns.name", f"The record is {full}.")

    def _primary(self, seen: Authority | ProbeError) -> Gate:
        if isinstance(seen, ProbeError):
            raise seen
        if not seen.authoritative:
            return failed(
                "dns.primary",
                f"{seen.server} answers for the zone {self.plan.zone} without authority (no AA bit).",
                "Name the zone's own primary server in golive_dns.primary, not a resolver.",
            )
        return passed(
            "dns.primary", f"{seen.server} is authoritative for {self.plan.zone}, serial {seen.serial}."
        )

    def _record(self, current: Answer) -> Gate:
        plan = self.plan
        if not current.usable:
            return unknown(
                "dns.record",
                f"The primary {plan.primary} gives no answer for {plan.name}: {current}.",
                "Check golive_dns.primary and golive_dns.zone.",
            )
        if current.is_exactly([plan.new]):
            return passed("dns.record", f"{plan.name} points to production already: {current}.")
        if current.is_exactly(plan.old):
            return passed("dns.record", f"{plan.name} is as expected before the switch: {current}.")
        expected = ", ".join(plan.old) or "no record"
        return failed(
            "dns.record",
            f"{plan.name} is {current} on the primary; expected {expected} (golive_dns.old_address)"
            f" or {plan.new} (golive_dns.new_address).",
            "Find out who changed the record, then correct it or golive_dns.old_address.",
        )

    def _ttl(self, current: Answer, primary: Authority | ProbeError) -> Gate:
        seconds = _lifetime(current, primary)
        if seconds is None:
            return unknown("dns.ttl", f"The lifetime of {self.plan.name} isn't known: {current}.")
        seconds = max(seconds, self._still_cached(current))
        if seconds > self.plan.max_ttl:
            return failed(
                "dns.ttl",
                f"Resolvers may keep the old answer for {self.plan.name} for {seconds} s;"
                f" at most {self.plan.max_ttl} s are allowed.",
                f"Lower the TTL to {self.plan.max_ttl} s or less (playbooks/prepare.yml),"
                f" then wait for {seconds} s.",
            )
        return passed("dns.ttl", f"Resolvers keep the old answer for at most {seconds} s.")

    def _still_cached(self, current: Answer) -> int:
        """Seconds that an answer fetched just before the TTL was lowered may still live."""
        kept = self.plan.kept
        if kept is None or not current.is_exactly(kept["values"]):
            return 0
        return max(0, round(float(kept["kept_at"]) + float(kept["ttl"]) - self.now()))

    def _ipv6(self) -> Gate:
        plan = self.plan
        seen = self.asker.record(plan.primary, plan.name, "AAAA", recurse=False)
        if not seen.usable:
            return unknown("dns.ipv6", f"The primary gives no answer for AAAA {plan.name}: {seen}.")
        if seen.says is Says.ADDRESSES and not seen.is_exactly([plan.new_ipv6]):
            return failed(
                "dns.ipv6",
                f"{plan.name} has an IPv6 address that isn't production's: {seen}.",
                "Delete the AAAA record, or name production's IPv6 address in golive_dns.new_ipv6.",
            )
        return passed(
            "dns.ipv6",
            f"The IPv6 address is production's: {seen}." if seen.values else "There is no IPv6 address.",
        )

    def _key(self, current: Answer) -> Gate:
        plan = self.plan
        if plan.key is None or not plan.key.secret or not plan.key.name:
            return failed(
                "dns.key",
                f"The provider {plan.provider} needs a TSIG key, and the inventory has none.",
                "Set golive_dns.key_name, golive_dns.key_algorithm and golive_dns.key_secret.",
            )
        if not current.usable:
            return unknown("dns.key", f"The key can't be tried while the record isn't known: {current}.")
        self.asker.prove_key(plan.primary, plan.zone, plan.name, plan.key, current.values)
        return passed(
            "dns.key",
            f"The key {plan.key.name} may change {plan.name}: a signed update of nothing was taken.",
        )

    def _secondary(self, server: str) -> Gate:
        """In step: same serial and authoritative; a transfer under way gets `Plan.settle` seconds."""
        name, zone = f"dns.secondary.{server}", self.plan.zone
        started, pause = self.clock(), FIRST_SLEEP
        while True:
            reference = self.asker.authority(self.plan.primary, zone)
            seen = self.asker.authority(server, zone)
            if not seen.authoritative:
                return failed(
                    name,
                    f"The secondary {server} answers for {zone} without authority (no AA bit).",
                    "Check the zone transfer to this server, and golive_dns.secondaries.",
                )
            if seen.serial == reference.serial:
                return passed(name, f"{server} has serial {seen.serial}, as the primary.")
            if self.clock() - started >= self.plan.settle:
                return failed(
                    name,
                    f"The secondary {server} has serial {seen.serial} of {zone}, the primary has"
                    f" {reference.serial}: out of step for {self.plan.settle:g} s.",
                    "Check NOTIFY and zone transfers from the primary to this server.",
                )
            self.sleep(pause)
            pause *= GROWTH

    def _resolver(self, server: str) -> Gate:
        """It resolves the zone. The record itself isn't asked for: that would cache the old answer there."""
        plan, name = self.plan, f"dns.resolver.{server}"
        seen = self.asker.authority(server, plan.zone, recurse=True)
        cached = self.asker.record(server, plan.name, "A", recurse=False)
        if cached.says is Says.ADDRESSES and (cached.ttl or 0) > plan.max_ttl:
            return failed(
                name,
                f"The resolver {server} keeps {cached}, longer than the {plan.max_ttl} s allowed.",
                "Wait until it has expired, or flush the name from its cache.",
            )
        held = f", holds {cached}" if cached.says is Says.ADDRESSES else ""
        return passed(name, f"{server} resolves {plan.zone} (serial {seen.serial}{held}).")

    def _certificate(self) -> Gate:
        plan = self.plan
        seen = self.certificate(plan.new, plan.port, plan.fqdn, ca_path=plan.ca_path)
        _tls.require_days(seen, plan.certificate_days)
        return passed(
            f"certificate.{plan.fqdn}",
            f"{plan.new}:{plan.port} shows a trusted certificate for {plan.fqdn} by {seen.issuer},"
            f" valid for {seen.days_left} more days ({seen.protocol}).",
        )

    def _before(self, current: Answer, primary: Authority | ProbeError) -> dict[str, Any]:
        """What an undo restores: what was kept first, or else what the zone says now.

        A record found on production already with nothing kept was switched by somebody else: then the old
        address is the inventory's word.
        """
        if self.plan.kept is not None:
            return self.plan.kept
        if not current.usable or current.says is Says.ALIAS:
            return {}
        switched = current.is_exactly([self.plan.new]) and tuple(self.plan.old) != (self.plan.new,)
        return {
            "name": self.plan.name,
            "zone": self.plan.zone,
            "type": "A",
            "values": list(self.plan.old if switched else current.values),
            "ttl": _lifetime(current, primary) or 0,
            "source": "inventory" if switched else "zone",
        }

    def _state(self, current: Answer) -> list[dict[str, Any]]:
        plan = self.plan
        state = []
        for target in targets_of(plan.primary, plan.secondaries, plan.resolvers):
            seen = (
                current
                if target.role == "primary"
                else self.asker.record(target.server, plan.name, "A", recurse=False)
            )
            held = "not in its cache" if target.resolves and not seen.usable else str(seen)
            state.append({"server": target.server, "role": target.role, "answer": held})
        return state


def _lifetime(current: Answer, primary: Authority | ProbeError) -> int | None:
    """Seconds a resolver may keep what the primary says now, "there is no such name" included."""
    if current.says in (Says.NOTHING, Says.NO_NAME):
        return None if isinstance(primary, ProbeError) else primary.negative_ttl
    return current.ttl


def _no_resolver() -> Gate:
    raise GoliveError(
        "golive_dns.resolvers names no resolver, so nobody can say what users would get.",
        remedy="Name at least one resolver that users of this country ask.",
    )
