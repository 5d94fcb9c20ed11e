# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Name servers made of Python: real messages, no network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset

ZONE, NAME = "demo.test", "dfr.demo.test."
NS1, NS2, RESOLVER = "192.0.2.1", "192.0.2.2", "192.0.2.3"
OLD, NEW = "198.51.100.1", "198.51.100.2"


@dataclass
class Server:
    """What one server says. An exception in ``says`` is raised; a function makes the response itself."""

    addresses: list[str] = field(default_factory=lambda: [OLD])
    ttl: int = 60
    serial: int = 7
    authoritative: bool = True
    ipv6: list[str] = field(default_factory=list)
    alias: str = ""
    rcode: int = dns.rcode.NOERROR
    says: Exception | Callable[[Any], Any] | None = None
    update: int | Exception = dns.rcode.NOERROR
    signs: bool = True
    recursive: bool = False
    exists: bool = True
    asked: list[str] = field(default_factory=list)
    updates: list[Any] = field(default_factory=list)


class Network:
    """All servers by address; an address nobody has keeps silent."""

    def __init__(self, **servers: Server) -> None:
        self.servers = servers

    def __getitem__(self, address: str) -> Server:
        return self.servers[address]

    def transport(self, message: Any, address: str, _timeout: float, _tcp: bool) -> Any:
        server = self.servers.get(address)
        if server is None:
            raise dns.exception.Timeout
        if message.opcode() == dns.opcode.UPDATE:
            return self._update(server, message)
        question = message.question[0]
        server.asked.append(dns.rdatatype.to_text(question.rdtype))
        if isinstance(server.says, Exception):
            raise server.says
        if server.says is not None:
            return server.says(message)
        response = dns.message.make_response(message)
        response.set_rcode(server.rcode)
        if server.authoritative:
            response.flags |= dns.flags.AA
        if server.rcode == dns.rcode.NOERROR:
            self._answer(server, question, response)
        return response

    @staticmethod
    def _answer(server: Server, question: Any, response: Any) -> None:
        kind = dns.rdatatype.to_text(question.rdtype)
        if kind == "SOA":
            text = f"ns1.demo.test. hostmaster.demo.test. {server.serial} 300 60 86400 30"
            response.answer.append(dns.rrset.from_text(question.name, 3600, "IN", "SOA", text))
        elif not server.exists:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif server.alias:
            response.answer.append(
                dns.rrset.from_text(question.name, server.ttl, "IN", "CNAME", server.alias)
            )
        else:
            values = server.addresses if kind == "A" else server.ipv6
            if values:
                response.answer.append(dns.rrset.from_text(question.name, server.ttl, "IN", kind, *values))

    @staticmethod
    def _update(server: Server, message: Any) -> Any:
        server.updates.append(message)
        if isinstance(server.update, Exception):
            raise server.update
        response = dns.message.Message(message.id)
        response.set_rcode(server.update)
        response.flags |= dns.flags.QR
        if server.signs:
            response.tsig = dns.rrset.from_text(".", 0, "IN", "A", "192.0.2.9")
        return response


def network(**changes: Server) -> Network:
    """A zone in order: primary, secondary, resolver."""
    servers = {
        NS1: Server(),
        NS2: Server(),
        RESOLVER: Server(authoritative=False, rcode=dns.rcode.NOERROR, recursive=True),
    }
    names = {"ns1": NS1, "ns2": NS2, "resolver": RESOLVER}
    servers.update({names[name]: server for name, server in changes.items()})
    return Network(**servers)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []
        self.on_sleep: Callable[[float], None] = lambda now: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        self.on_sleep(self.now)
