# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rehearsal and the country it rehearses have no part in common: what each of them reaches, and what both do."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

ADDRESS, UNIT, NAME = "address", "unit", "name"
GROUPS = ("golive_state", "dfr_legacy", "dfr_staging", "dfr_production")


@dataclass(frozen=True)
class Part:
    """Something an inventory names and a run reaches or changes.

    Attributes:
        variable: where it stands.
        kind: `ADDRESS` (an IP address or a name of the public DNS), `UNIT` (a container or service), or `NAME` (what
            users type).
        value: the address, unit or name, in lower case.
        port: of an address, 0 when none is declared.
    """

    variable: str
    kind: str
    value: str
    port: int = 0


def managed(groups: Mapping[str, Sequence[str]], addresses: Mapping[str, str]) -> dict[str, str]:
    """The addresses of the hosts that a run works on; a rehearsal's group golive_record is the live state host."""
    hosts = {host for group in GROUPS for host in groups.get(group, ())}
    return {host: addresses[host] for host in sorted(hosts) if host in addresses}


def parts(values: Mapping[str, Any], addresses: Mapping[str, str]) -> list[Part]:
    """Everything of a country that a run could reach or change.

    A host name without a dot is one that each network resolves for itself, so it names no part.

    Args:
        values: golive_* variables, templated.
        addresses: host of the inventory -> ansible_host.
    """
    found = [Part(f"ansible_host of {host}", ADDRESS, value, 22) for host, value in addresses.items()]
    found += _of_dns(_mapping(values, "golive_dns"))
    proxy, mail = _mapping(values, "golive_proxy"), _mapping(values, "golive_mail")
    found.append(Part("golive_proxy.address", ADDRESS, str(proxy.get("address", "")), _port(proxy, 443)))
    found.append(Part("golive_proxy.unit", UNIT, str(proxy.get("unit", ""))))
    found.append(Part("golive_mail.host", ADDRESS, str(mail.get("host", "")), _port(mail, 25)))
    found.append(Part("golive_fqdn", NAME, str(values.get("golive_fqdn") or "")))
    for group, port in (("golive_databases", 5432), ("golive_legacy", 3306)):
        for name, one in _mapping(values, group).items():
            where = f"{group}.{name}.host"
            found.append(Part(where, ADDRESS, str(_mapping({"": one}, "").get("host", "")), _port(one, port)))
    for name, one in _mapping(values, "golive_applications").items():
        where, content = f"golive_applications.{name}", _mapping({"": one}, "")
        url = urlsplit(str(content.get("url", "")))
        found.append(Part(f"{where}.url", ADDRESS, url.hostname or "", url.port or 443))
        found.append(Part(f"{where}.unit", UNIT, str(content.get("unit", ""))))
    return [Part(p.variable, p.kind, p.value.lower(), p.port) for p in found if _counts(p)]


def _of_dns(dns: Mapping[str, Any]) -> Iterator[Part]:
    for name in ("primary", "old_address", "new_address"):
        port = 53 if name == "primary" else 443
        yield Part(f"golive_dns.{name}", ADDRESS, str(dns.get(name, "")), port)
    for name in ("secondaries", "resolvers"):
        for number, address in enumerate(dns.get(name) or ()):
            yield Part(f"golive_dns.{name}[{number}]", ADDRESS, str(address), 53)


def _mapping(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = values.get(name)
    return value if isinstance(value, Mapping) else {}


def _port(content: Any, usual: int) -> int:
    port = content.get("port", usual) if isinstance(content, Mapping) else usual
    return port if isinstance(port, int) else usual


def _counts(part: Part) -> bool:
    if not part.value or part.kind != ADDRESS:
        return bool(part.value)
    address = _ip(part.value)
    return "." in part.value if address is None else not address.is_loopback


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def shared(live: list[Part], rehearsal: list[Part]) -> list[tuple[Part, Part]]:
    """What both inventories name, each with the live part; the same address or name of another port is the same."""
    known = {(part.kind, part.value): part for part in live}
    return [(part, known[part.kind, part.value]) for part in rehearsal if (part.kind, part.value) in known]


def targets(live: list[Part]) -> list[dict[str, Any]]:
    """What a rehearsal has to be fenced off from: each address of the live country, with one port to try."""
    found: dict[str, dict[str, Any]] = {}
    for part in live:
        if part.kind == ADDRESS:
            entry = {"address": part.value, "port": part.port or 443, "variable": part.variable}
            found.setdefault(part.value, entry)
    return [found[address] for address in sorted(found)]
