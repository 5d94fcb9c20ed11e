# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking name servers one by one: typed answers, the proof of an update key, and waiting until all agree.

Nothing here uses the host's own resolver: every question goes to one named server, so that the answers can be
told apart.
"""

from __future__ import annotations

import binascii
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    GoliveError,
    ProbeError,
    one_line,
    require,
)

ALGORITHMS = ("hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha1")

# A message, a server's address, a timeout in seconds and whether to use TCP: returns the response or raises.
Transport = Callable[[Any, str, float, bool], Any]


class Says(str, Enum):
    """What a server said; a server that failed or kept silent has not said that there is no record."""

    ADDRESSES = "addresses"
    NOTHING = "nothing"  # the name exists, a record of this type doesn't
    NO_NAME = "no_name"  # NXDOMAIN
    ALIAS = "alias"  # a CNAME stands where an address is expected
    REFERRED = "referred"  # it points elsewhere: it doesn't hold the zone, or hasn't the name cached
    SERVFAIL = "servfail"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    BROKEN = "broken"  # an answer that can't be read, or an unusual code


@dataclass(frozen=True)
class Answer:
    """One server's answer to one question.

    Attributes:
        server: the address asked.
        says: see `Says`.
        values: the addresses, sorted; or the alias' target.
        ttl: seconds the answer may still be used; None without one.
        authoritative: the AA bit.
        detail: the reason in words when there is no address.
    """

    server: str
    says: Says
    values: tuple[str, ...] = ()
    ttl: int | None = None
    authoritative: bool = False
    detail: str = ""

    @property
    def usable(self) -> bool:
        """The server did answer the question, be it with "there is none"."""
        return self.says in (Says.ADDRESSES, Says.NOTHING, Says.NO_NAME, Says.ALIAS)

    def is_exactly(self, wanted: Iterable[str]) -> bool:
        """Whether it says these addresses and no other; with none wanted: that there is no record."""
        addresses = frozenset(wanted)
        if not addresses:
            return self.says in (Says.NOTHING, Says.NO_NAME)
        return self.says is Says.ADDRESSES and frozenset(self.values) == addresses

    def __str__(self) -> str:
        if self.says is Says.ADDRESSES:
            return f"{', '.join(self.values)} (ttl {self.ttl} s)"
        if self.says is Says.ALIAS:
            return f"an alias of {', '.join(self.values)}"
        return self.detail or self.says.value


@dataclass(frozen=True)
class Authority:
    """What a server says about a zone: its serial, and for how long "there is no such name" is believed."""

    server: str
    serial: int
    negative_ttl: int
    authoritative: bool


@dataclass(frozen=True)
class Key:
    """A TSIG key; its secret never shows in a repr, a message or a result."""

    name: str
    algorithm: str
    secret: str = field(repr=False)


def dnspython(part: str) -> Any:
    return require(f"dns.{part}", "python3-dnspython")


def over_the_wire(message: Any, server: str, timeout: float, tcp: bool) -> Any:
    query = dnspython("query")
    if tcp:
        return query.tcp(message, server, timeout=timeout)
    return query.udp_with_fallback(message, server, timeout=timeout)[0]


@dataclass(frozen=True)
class Asker:
    """Asks name servers. A lost datagram isn't an answer: each question gets a second try, over TCP.

    Attributes:
        timeout: seconds for each of the two tries.
        transport: replaced in tests.
    """

    timeout: float = 2.0
    transport: Transport = over_the_wire

    def record(self, server: str, name: str, kind: str, *, recurse: bool) -> Answer:
        """What ``server`` says about ``name``; never raises for what a server does or leaves undone."""
        try:
            response = self._exchange(name, kind, server, recurse=recurse)
        except _SilentError as exc:
            return Answer(server, exc.says, detail=exc.detail)
        return _read_answer(response, server, name, kind)

    def authority(self, server: str, zone: str, *, recurse: bool = False) -> Authority:
        """The zone's start of authority as ``server`` has it.

        Raises:
            ProbeError: no usable answer.
        """
        try:
            response = self._exchange(zone, "SOA", server, recurse=recurse)
        except _SilentError as exc:
            raise ProbeError(
                f"{server} gives no SOA of {zone}: {exc.detail}.",
                remedy=f"Check that {server} runs, and that port 53 (UDP and TCP) is open to this host.",
            ) from exc
        rcode = dnspython("rcode")
        soa = [r for r in response.answer if r.rdtype == dnspython("rdatatype").SOA and len(r) == 1]
        if response.rcode() != rcode.NOERROR or not soa:
            raise ProbeError(
                f"{server} gives no SOA of {zone}: it answers {rcode.to_text(response.rcode())}"
                f" with {len(response.answer)} records.",
                remedy="Check golive_dns.zone, and that this server serves or resolves it.",
            )
        return Authority(
            server=server,
            serial=soa[0][0].serial,
            negative_ttl=min(soa[0].ttl, soa[0][0].minimum),
            authoritative=bool(response.flags & dnspython("flags").AA),
        )

    def prove_key(self, server: str, zone: str, name: str, key: Key, current: Iterable[str]) -> None:
        """Prove that ``key`` may change the address of ``name``, without changing anything.

        The proof is a signed update that deletes an address the record hasn't got. A server checks the
        signature and the right to change this very name and type before it looks for what to delete, finds
        nothing, and leaves the zone and its serial as they are. An update with nothing in it would not do: a
        server with a policy per name has nothing to check then, and says yes to any key.

        Raises:
            GoliveError: key or right are not good, each case in its own words.
            ProbeError: the server gave no usable answer.
        """
        tsig, exception = dnspython("tsig"), dnspython("exception")
        message = _noop_update(zone, name, key, current)
        who = f"key {key.name} ({key.algorithm})"
        try:
            response = self.transport(message, server, self.timeout * 2, True)
        except tsig.PeerBadKey as exc:
            raise GoliveError(
                f"The primary {server} doesn't know the {who}: BADKEY.",
                remedy="Check golive_dns.key_name and golive_dns.key_algorithm against the server's key.",
            ) from exc
        except (tsig.PeerBadSignature, tsig.BadSignature) as exc:
            raise GoliveError(
                f"The primary {server} knows the {who} with another secret: BADSIG.",
                remedy="Put the secret of the server's key into golive_dns.key_secret.",
            ) from exc
        except (tsig.PeerBadTime, tsig.BadTime) as exc:
            raise GoliveError(
                f"The clocks of this host and of the primary {server} are too far apart: BADTIME.",
                remedy="Synchronise both clocks (NTP).",
            ) from exc
        except exception.Timeout as exc:
            raise ProbeError(
                f"The primary {server} didn't answer a signed update within {self.timeout * 2:g} s over TCP.",
                remedy="Check that TCP port 53 of the primary is open to this host.",
            ) from exc
        except (OSError, EOFError, exception.DNSException) as exc:
            raise ProbeError(
                f"The primary {server} gave no usable answer to a signed update: {_reason(exc)}.",
                remedy="Check that TCP port 53 of the primary is open to this host.",
            ) from exc
        _judge_update(response, server, zone, name, who)

    def _exchange(self, name: str, kind: str, server: str, *, recurse: bool) -> Any:
        message, flags, exception = dnspython("message"), dnspython("flags"), dnspython("exception")
        question = message.make_query(name, kind)
        if not recurse:
            question.flags &= ~flags.RD
        silent = _SilentError(Says.TIMEOUT, "no answer")
        for tcp in (False, True):
            try:
                return self.transport(question, server, self.timeout, tcp)
            except exception.Timeout:
                silent = _SilentError(Says.TIMEOUT, f"no answer within {self.timeout:g} s, twice")
            except (OSError, EOFError) as exc:
                silent = _SilentError(Says.UNREACHABLE, _reason(exc))
            except exception.DNSException as exc:
                silent = _SilentError(Says.BROKEN, f"an answer that can't be read ({_reason(exc)})")
        raise silent


class _SilentError(Exception):
    """No response at all."""

    def __init__(self, says: Says, detail: str) -> None:
        super().__init__(detail)
        self.says = says
        self.detail = detail


def _reason(exc: BaseException) -> str:
    if isinstance(exc, ConnectionRefusedError):
        return "connection refused"
    return one_line(exc, 120) or type(exc).__name__


def _read_answer(response: Any, server: str, name: str, kind: str) -> Answer:
    rcode, rdatatype = dnspython("rcode"), dnspython("rdatatype")
    code = response.rcode()
    authoritative = bool(response.flags & dnspython("flags").AA)
    plain = {
        rcode.NXDOMAIN: (Says.NO_NAME, "no such name (NXDOMAIN)"),
        rcode.SERVFAIL: (Says.SERVFAIL, "the server failed (SERVFAIL)"),
        rcode.REFUSED: (Says.REFUSED, "the server refuses to answer (REFUSED)"),
    }
    if code in plain:
        says, detail = plain[code]
        return Answer(server, says, authoritative=authoritative, detail=detail)
    if code != rcode.NOERROR:
        return Answer(server, Says.BROKEN, detail=f"an unexpected code ({rcode.to_text(code)})")
    owner, wanted = dnspython("name").from_text(name), rdatatype.from_text(kind)
    aliases = [r for r in response.answer if r.rdtype == rdatatype.CNAME and r.name == owner]
    if aliases:
        return Answer(
            server, Says.ALIAS, tuple(str(v.target) for v in aliases[0]), aliases[0].ttl, authoritative
        )
    found = [r for r in response.answer if r.rdtype == wanted and r.name == owner]
    if found:
        values = tuple(sorted(v.address for v in found[0]))
        return Answer(server, Says.ADDRESSES, values, found[0].ttl, authoritative)
    if any(r.rdtype == rdatatype.NS for r in response.authority) and not authoritative:
        return Answer(server, Says.REFERRED, detail="a referral to other servers")
    return Answer(server, Says.NOTHING, authoritative=authoritative, detail=f"no {kind} record")


def _noop_update(zone: str, name: str, key: Key, current: Iterable[str]) -> Any:
    """Signed: delete an address of the documentation range (RFC 5737) that the record hasn't got."""
    update, keyring = dnspython("update"), dnspython("tsigkeyring")
    taken = frozenset(current)
    absent = next(address for address in (f"192.0.2.{n}" for n in range(1, 255)) if address not in taken)
    if key.algorithm.rstrip(".").lower() not in ALGORITHMS:
        raise GoliveError(
            f"The TSIG algorithm {key.algorithm} isn't known.",
            remedy=f"Set golive_dns.key_algorithm to one of {', '.join(ALGORITHMS)}.",
        )
    try:
        ring = keyring.from_text({key.name: key.secret})
    except (binascii.Error, ValueError) as exc:
        raise GoliveError(
            f"The secret of the TSIG key {key.name} isn't base64.",
            remedy="Copy the secret of the server's key into golive_dns.key_secret unchanged.",
        ) from exc
    message = update.UpdateMessage(zone, keyring=ring, keyname=key.name, keyalgorithm=key.algorithm)
    message.delete(dnspython("name").from_text(name), "A", absent)
    return message


def _judge_update(response: Any, server: str, zone: str, name: str, who: str) -> None:
    rcode = dnspython("rcode")
    code, text = response.rcode(), rcode.to_text(response.rcode())
    if code == rcode.REFUSED:
        raise GoliveError(
            f"The primary {server} refuses the {who} the right to change the address of {name}: REFUSED.",
            remedy=f"Let the key update A records of {name} (BIND: allow-update or update-policy).",
        )
    if code in (rcode.NOTAUTH, rcode.NOTZONE):
        raise GoliveError(
            f"{server} isn't the primary of the zone {zone}, or {name} isn't in that zone: {text}.",
            remedy="Check golive_dns.primary, golive_dns.zone and golive_dns.record.",
        )
    if code == rcode.NOTIMP:
        raise GoliveError(
            f"The server {server} doesn't take dynamic updates: NOTIMP.",
            remedy="Name the primary in golive_dns.primary, or use the provider manual.",
        )
    if code != rcode.NOERROR:
        raise ProbeError(f"The primary {server} answers {text} to a signed update of {name}.")
    if not response.had_tsig:
        raise GoliveError(
            f"{server} accepts an update of {name} but doesn't sign its answer: the {who} isn't proven.",
            remedy="Ask the primary itself, with no proxy in between, and require the key for updates.",
        )


@dataclass(frozen=True)
class Target:
    """A server that has to agree, and what it is: ``primary``, ``secondary`` or ``resolver``."""

    server: str
    role: str

    @property
    def resolves(self) -> bool:
        return self.role == "resolver"

    def __str__(self) -> str:
        return f"{self.role} {self.server}"


@dataclass
class Progress:
    """How far one server has come.

    Attributes:
        target: the server.
        answer: its last answer; None while it hasn't been asked.
        asked: how many times it was asked.
        agreed: whether its last answer is the wanted one.
        seconds: when it first agreed, counted from the start of the wait.
    """

    target: Target
    answer: Answer | None = None
    asked: int = 0
    agreed: bool = False
    seconds: float | None = None

    def __str__(self) -> str:
        last = "not asked, the authoritative servers don't agree yet" if self.answer is None else self.answer
        return f"{self.target}: {last}, asked {self.asked} times"

    def as_dict(self) -> dict[str, Any]:
        return {
            "server": self.target.server,
            "role": self.target.role,
            "answer": "" if self.answer is None else str(self.answer),
            "says": "" if self.answer is None else self.answer.says.value,
            "ttl": None if self.answer is None else self.answer.ttl,
            "asked": self.asked,
            "agreed": self.agreed,
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Outcome:
    """The end of a wait: whether all agreed in one and the same round, after how long, and who said what."""

    agreed: bool
    seconds: float
    rounds: int
    progress: tuple[Progress, ...]

    @property
    def behind(self) -> tuple[Progress, ...]:
        return tuple(p for p in self.progress if not p.agreed)


FIRST_SLEEP, LONGEST_SLEEP, GROWTH = 0.2, 5.0, 1.6


def wait_until_all_agree(
    targets: Sequence[Target],
    wanted: Iterable[str],
    ask: Callable[[Target], Answer],
    *,
    limit: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Ask every server until all say exactly ``wanted`` in the same round, or ``limit`` seconds have passed.

    Resolvers are left alone until the authoritative servers agree: a resolver asked too early may fetch the
    old answer from a secondary that lags, and keep it for a whole TTL. With a limit of 0 all are asked once.

    Raises:
        GoliveError: there is nobody to ask: silence is not agreement.
    """
    if not targets:
        raise GoliveError("There is no name server to ask.", remedy="Name them in golive_dns.")
    addresses = frozenset(wanted)
    progress = {target: Progress(target) for target in targets}
    holders = [t for t in targets if not t.resolves]
    resolvers = [t for t in targets if t.resolves]
    started, pause, rounds = clock(), FIRST_SLEEP, 0

    def one_round(group: Sequence[Target]) -> bool:
        with ThreadPoolExecutor(max_workers=max(1, len(group))) as pool:
            answers = list(pool.map(ask, group))
        for target, answer in zip(group, answers, strict=True):
            state = progress[target]
            state.answer, state.asked, state.agreed = answer, state.asked + 1, answer.is_exactly(addresses)
            if state.agreed and state.seconds is None:
                state.seconds = round(clock() - started, 3)
        return all(progress[t].agreed for t in group)

    while True:
        rounds += 1
        agreed = one_round(holders)
        if agreed or limit <= 0:
            agreed = one_round(resolvers) and agreed
        spent = clock() - started
        if agreed or spent >= limit:
            return Outcome(agreed, round(spent, 3), rounds, tuple(progress.values()))
        sleep(min(pause, limit - spent, _cached_for(progress.values())))
        pause = min(pause * GROWTH, LONGEST_SLEEP)


def _cached_for(progress: Iterable[Progress]) -> float:
    """Seconds until the first cached old answer ends: no sense in sleeping past it."""
    left = [
        p.answer.ttl
        for p in progress
        if p.target.resolves and not p.agreed and p.answer is not None and p.answer.ttl
    ]
    return float(min(left)) + 0.05 if left else LONGEST_SLEEP


def targets_of(primary: str, secondaries: Iterable[str], resolvers: Iterable[str]) -> list[Target]:
    return [
        *([Target(primary, "primary")] if primary else []),
        *(Target(server, "secondary") for server in secondaries),
        *(Target(server, "resolver") for server in resolvers),
    ]


def absolute(record: str, zone: str) -> str:
    """The full name, with its final dot, of a record given relative to its zone (``@``: the zone itself)."""
    root = zone.rstrip(".") + "."
    if record.endswith("."):
        return record
    return root if record in ("", "@") else f"{record}.{root}"


# A resolver's own rounding, and the time of the last question.
SLACK_SECONDS = 10


class NotAgreedError(GoliveError):
    """The time is over and somebody still says something else; how far each came is returned beside."""

    def __init__(self, sentence: str, outcome: Outcome, *, remedy: str) -> None:
        super().__init__(sentence, remedy=remedy)
        self.returned = _told(outcome)


def prove(
    *,
    name: str,
    wanted: Sequence[str],
    targets: Sequence[Target],
    asker: Asker,
    limit: float,
    old_ttl: float,
    before: Sequence[dict[str, Any]],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Wait until all agree and return what a module returns.

    Raises:
        NotAgreedError: they don't; the sentence names each server that doesn't and what it says.
    """
    longest = max(limit, old_ttl + SLACK_SECONDS) if limit > 0 else 0
    outcome = wait_until_all_agree(
        targets,
        wanted,
        lambda target: asker.record(target.server, name, "A", recurse=target.resolves),
        limit=longest,
        clock=clock,
        sleep=sleep,
    )
    goal = ", ".join(wanted) or "no record"
    if not outcome.agreed:
        waited = f" after {outcome.seconds:.0f} s" if longest else ""
        raise NotAgreedError(
            f"{name} isn't {goal} everywhere{waited}: {'; '.join(map(str, outcome.behind))}.",
            outcome,
            remedy="Check that the servers named run and get the zone, and who else changes the record.",
        )
    said = {(str(item.get("server")), str(item.get("role"))): str(item.get("answer", "")) for item in before}
    servers = [
        {**p.as_dict(), "before": said.get((p.target.server, p.target.role), "")} for p in outcome.progress
    ]
    evidence = {
        "name": name,
        "addresses": list(wanted),
        "seconds": outcome.seconds,
        "rounds": outcome.rounds,
        "servers": servers,
    }
    return {**_told(outcome), "evidence": evidence}


def _told(outcome: Outcome) -> dict[str, Any]:
    return {
        "progress": [p.as_dict() for p in outcome.progress],
        "seconds": outcome.seconds,
        "rounds": outcome.rounds,
    }
