# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no single value of an inventory can tell: values held against each other, and against the live country."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import uuid
import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _apart, _holds, _phases, _plan
from ansible_collections.dfr.golive.plugins.module_utils._country import (
    PLACEHOLDER,
    Broken,
    Country,
    Problem,
    get,
    home,
    names_of,
    suggestion,
    text,
)
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._language import LANGUAGES
from ansible_collections.dfr.golive.plugins.module_utils._reconciliation import problems as check_declaration

HOST_NAME = re.compile(
    r"^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
)
PROVIDER_NEEDS = {"nsupdate": ("key_name", "key_algorithm", "key_secret")}
"""Keys of golive_dns that only this provider has."""


def check_together(country: Country) -> Iterator[Problem]:
    """What no single value can tell."""
    yield from check_country(country)
    yield from check_hosts(country)
    yield from check_databases(country.values)
    yield from check_applications(country)
    yield from check_dns(country)
    yield from check_mail(country.values)
    yield from check_numbers(country.values)
    yield from check_plan(country.values)
    yield from check_reconciliation(country.values)
    yield from check_holds(country)
    yield from check_mode(country)


def check_mode(country: Country) -> Iterator[Problem]:
    """A live run has an armed inventory; a rehearsal has one that shares nothing with it."""
    mode, other = country.values.get("golive_mode", "rehearsal"), text(country.values, "golive_rehearsal_of")
    if mode == "live" and other:
        yield Problem(
            "golive_mode",
            f"golive_mode is live in an inventory that rehearses {other}.",
            "A rehearsal's inventory is never armed; set golive_mode to rehearsal.",
        )
    if mode != "rehearsal":
        return
    if not other:
        return  # may be read and prepared; opening a run refuses it
    if country.live is None:
        yield Problem(
            "golive_rehearsal_of",
            f"golive_rehearsal_of is {other}, where no inventory can be read, so nothing proves that it is apart.",
            f"Name the live country's folder in {home('golive_rehearsal_of')}.",
        )
        return
    mine = _apart.parts(country.values, _apart.managed(country.groups, country.addresses))
    for here, there in _apart.shared(list(country.live), mine):
        yield Problem(
            here.variable,
            f"{here.variable} is {here.value}, which is {there.variable} of the live country.",
            "A rehearsal has parts of its own: give it another.",
        )


def check_holds(country: Country) -> Iterator[Problem]:
    """A hold has to end before the lease of the freeze does: nobody renews it while a run waits."""
    raw = get(country.values, "golive_holds")
    if not isinstance(raw, Mapping):
        return
    try:
        holds = _holds.declared(raw)
    except GoliveError as exc:
        yield Problem("golive_holds", exc.sentence, f"{exc.remedy} It stands in {home('golive_holds')}.")
        return
    name = "freeze_legacy_lease_seconds"
    spec = country.specs.get("freeze_legacy", {}).get("main", {}).get(name, {})
    lease = country.values.get(name, spec.get("default", 0))
    for phase, hold in holds.items():
        frozen = phase in _phases.WINDOW and phase != _phases.WINDOW_OPENS
        if isinstance(lease, int) and frozen and 0 < lease < 2 * hold.limit.total_seconds():
            yield Problem(
                "golive_holds",
                f"golive_holds.{phase} waits {hold.limit.total_seconds() / 60:.0f} minutes, but the freeze ends by"
                f" itself after {lease / 60:.0f} without a sign of life.",
                f"Let it wait {lease // 120} minutes at the most, or raise freeze_legacy_lease_seconds.",
            )


def check_reconciliation(values: Mapping[str, Any]) -> Iterator[Problem]:
    declared, languages = get(values, "golive_reconciliation"), get(values, "golive_languages")
    if not isinstance(declared, list | tuple):
        return
    spoken = languages if isinstance(languages, list | tuple) else ()
    for where, sentence in check_declaration(declared, [code for code in spoken if code in LANGUAGES]):
        name = f"golive_reconciliation{where}"
        yield Problem(name, f"{name} {sentence}", f"Correct it in {home(name)}.")


def check_plan(values: Mapping[str, Any]) -> Iterator[Problem]:
    declared, holds = get(values, "golive_plan"), get(values, "golive_holds")
    if isinstance(declared, Mapping) and declared:
        try:
            _plan.understood(declared, holds if isinstance(holds, Mapping) else ())
        except GoliveError as exc:
            yield Problem("golive_plan", exc.sentence, exc.remedy)


def check_country(country: Country) -> Iterator[Problem]:
    values = country.values
    code = text(values, "golive_country")
    if code and not re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", code):
        yield Problem(
            "golive_country",
            f"golive_country has to be a short code of small letters, not {code!r}.",
            "Correct it in group_vars/all/country.yml.",
        )
    elif code and country.folder and code != country.folder:
        yield Problem(
            "golive_country",
            f"golive_country is {code}, but the inventory is inventories/{country.folder}:"
            " one of them is of the wrong country.",
            "Choose the right inventory with -i, or correct golive_country in group_vars/all/country.yml.",
        )
    declared = get(values, "golive_languages")
    for language in declared if isinstance(declared, list | tuple) else ():
        if isinstance(language, str) and PLACEHOLDER not in language and language not in LANGUAGES:
            yield Problem(
                "golive_languages",
                f"golive_languages names {language}, and there is no catalogue for it; there is"
                f" {', '.join(LANGUAGES)}.",
                "Correct it in group_vars/all/country.yml, or add plugins/module_utils/_languages/<code>.po.",
            )
    zone = text(values, "golive_timezone")
    if zone and not known_timezone(zone):
        yield Problem(
            "golive_timezone",
            f"golive_timezone {zone!r} is not a time zone.",
            "Use a name of the tz database, for example Pacific/Tongatapu.",
        )
    fqdn = text(values, "golive_fqdn")
    if fqdn and not (HOST_NAME.match(fqdn) and "." in fqdn):
        yield Problem(
            "golive_fqdn",
            f"golive_fqdn {fqdn!r} is not a full host name in small letters.",
            "Write the name users type, without https:// and without a slash.",
        )


def known_timezone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # A controller without any time zone data can't judge.
        return not zoneinfo.available_timezones()
    return True


def check_hosts(country: Country) -> Iterator[Problem]:
    groups = country.groups
    state = list(groups.get("golive_state", ()))
    if len(state) != 1:
        yield Problem(
            "golive_state",
            f"The group golive_state has to hold exactly one host, it holds {', '.join(state) or 'none'}.",
            "Correct it in hosts.yml.",
        )
    for group, variable in (("dfr_legacy", "golive_legacy"), ("dfr_staging", ""), ("dfr_production", "")):
        if not groups.get(group) and (not variable or names_of(country.values, variable)):
            yield Problem(group, f"The group {group} holds no host.", "Add the host to hosts.yml.")
    hosts = sorted({host for members in groups.values() for host in members})
    for host, address in sorted(country.addresses.items()):
        if PLACEHOLDER in address:
            yield Problem(
                host,
                f"The host {host} still has the ansible_host {PLACEHOLDER}.",
                "Write its address in hosts.yml.",
            )
    places = [f"golive_legacy.{name}" for name in names_of(country.values, "golive_legacy")]
    places += [f"golive_databases.{name}" for name in names_of(country.values, "golive_databases")]
    places += [f"golive_applications.{name}" for name in names_of(country.values, "golive_applications")]
    for place in [*places, "golive_proxy", "golive_dns"]:
        vm = text(country.values, f"{place}.vm")
        if vm and vm not in hosts:
            yield Problem(
                f"{place}.vm",
                f"{place}.vm names {vm}, which is not a host of the inventory" + suggestion(vm, hosts),
                "Correct it, or add the host to hosts.yml.",
            )


def check_databases(values: Mapping[str, Any]) -> Iterator[Problem]:
    ends = ("golive_databases.staging", "golive_databases.production")
    for end in ends:
        identity = text(values, f"{end}.uuid")
        if identity and not is_uuid(identity):
            yield Problem(
                f"{end}.uuid",
                f"{end}.uuid {identity!r} is not a uuid.",
                "Read it from Odoo's system parameter database.uuid of that database.",
            )
    addresses = [
        tuple(text(values, f"{end}.{key}").lower() for key in ("host", "port", "database")) for end in ends
    ]
    vms = [text(values, f"{end}.vm") for end in ends]
    local = all(address[0] in ("localhost", "127.0.0.1", "::1") for address in addresses)
    if all(addresses[0]) and addresses[0] == addresses[1] and not (local and vms[0] != vms[1]):
        yield Problem(
            "golive_databases",
            "golive_databases.staging and golive_databases.production are the same database.",
            "Correct host, port or database of one of them.",
        )
    uuids = [text(values, f"{end}.uuid") for end in ends]
    if all(uuids) and uuids[0] == uuids[1]:
        yield Problem(
            "golive_databases.production.uuid",
            "golive_databases.staging.uuid and golive_databases.production.uuid are the same.",
            "Read each one from its own database; two environments never share an identity.",
        )


def is_uuid(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return len(value) == 36


def check_applications(country: Country) -> Iterator[Problem]:
    values = country.values
    known = names_of(values, "golive_databases")
    for name in names_of(values, "golive_applications"):
        place = f"golive_applications.{name}"
        database = text(values, f"{place}.database")
        if database and known and database not in known:
            yield Problem(
                f"{place}.database",
                f"{place}.database names {database}, which is not a key of golive_databases"
                f" ({', '.join(known)}).",
                "Write staging or production there; the database's own name belongs in golive_databases.",
            )
        owner = text(values, f"{place}.owner")
        if owner and not re.fullmatch(r"\d+:\d+", owner):
            yield Problem(
                f"{place}.owner",
                f"{place}.owner has to be '<uid>:<gid>' in figures, not {owner!r}.",
                "Use the numeric ids of the application's user, quoted.",
            )
        url = text(values, f"{place}.url")
        if url and not re.match(r"^https?://[^/@\s]+", url):
            yield Problem(
                f"{place}.url",
                f"{place}.url has to start with http:// or https:// and a host name.",
                f"Correct it in {home(place)}.",
            )
        yield from check_runtime(country, place)
    yield from check_runtime(country, "golive_proxy")


def check_runtime(country: Country, place: str) -> Iterator[Problem]:
    runtime = text(country.values, f"{place}.runtime")
    if runtime and country.runtimes and runtime not in country.runtimes:
        yield Problem(
            f"{place}.runtime",
            f"{place}.runtime {runtime!r} is unknown; known are {', '.join(sorted(country.runtimes))}.",
            "Choose one of them, or add a folder to roles/golive/tasks/runtime.",
        )


def check_dns(country: Country) -> Iterator[Problem]:
    values = country.values
    provider = text(values, "golive_dns.provider")
    if provider and country.providers and provider not in country.providers:
        yield Problem(
            "golive_dns.provider",
            f"golive_dns.provider {provider!r} is unknown; known are {', '.join(sorted(country.providers))}.",
            "Choose one of them, or add a file to roles/switch_dns/tasks/providers.",
        )
    if provider in PROVIDER_NEEDS:
        for key in PROVIDER_NEEDS.get(provider, ()):
            if get(values, f"golive_dns.{key}") in (None, "") and not unread(values, f"golive_dns.{key}"):
                yield Problem(
                    f"golive_dns.{key}",
                    f"golive_dns.{key} is not set, and the provider {provider} needs it.",
                    "Add it to group_vars/all/edge.yml.",
                )
    secret = text(values, "golive_dns.key_secret")
    if secret and not is_base64(secret):
        yield Problem(
            "golive_dns.key_secret",
            "golive_dns.key_secret is not base64, so it can't be a TSIG key.",
            "Copy the secret of the key again, as tsig-keygen printed it.",
        )
    yield from check_name(values)
    yield from check_addresses(values)


def unread(values: Mapping[str, Any], path: str) -> bool:
    parent, _dot, key = path.rpartition(".")
    found = get(values, parent)
    return isinstance(found, Mapping) and isinstance(found.get(key), Broken)


def is_base64(value: str) -> bool:
    try:
        return bool(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return False


def check_name(values: Mapping[str, Any]) -> Iterator[Problem]:
    fqdn = text(values, "golive_fqdn").rstrip(".")
    zone = text(values, "golive_dns.zone").rstrip(".")
    record = text(values, "golive_dns.record")
    if not (zone and HOST_NAME.match(fqdn)):
        return
    if fqdn != zone and not fqdn.endswith(f".{zone}"):
        yield Problem(
            "golive_fqdn",
            f"golive_fqdn {fqdn} is not inside golive_dns.zone {zone}.",
            "Correct golive_fqdn in country.yml or golive_dns.zone in edge.yml.",
        )
    elif record and fqdn != (zone if record == "@" else f"{record}.{zone}"):
        yield Problem(
            "golive_dns.record",
            f"golive_dns.record {record!r} in {zone} does not make golive_fqdn {fqdn}.",
            "Write the record relative to the zone, @ for the zone itself.",
        )


def check_addresses(values: Mapping[str, Any]) -> Iterator[Problem]:
    singles = (
        "golive_dns.primary",
        "golive_dns.old_address",
        "golive_dns.new_ipv6",
        "golive_dns.new_address",
        "golive_proxy.address",
    )
    found = [(path, text(values, path)) for path in singles]
    for path in ("golive_dns.secondaries", "golive_dns.resolvers"):
        items = get(values, path)
        if isinstance(items, list | tuple):
            found += [(f"{path}[{index}]", str(item)) for index, item in enumerate(items)]
    for path, address in found:
        if address and PLACEHOLDER not in address and not is_address(address):
            yield Problem(
                path,
                f"{path} {address!r} is not an IP address.",
                "Write an IPv4 or IPv6 address; names may not resolve on the night.",
            )
    old, new = text(values, "golive_dns.old_address"), text(values, "golive_dns.new_address")
    if old and old == new:
        yield Problem(
            "golive_dns.new_address",
            f"golive_dns.old_address and golive_dns.new_address are both {old}.",
            "The old one is the legacy system's, the new one production's.",
        )


def is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def check_mail(values: Mapping[str, Any]) -> Iterator[Problem]:
    mail = get(values, "golive_mail")
    if isinstance(mail, Mapping):
        for key in ("user", "password"):
            if mail.get(key) is None:
                yield Problem(
                    f"golive_mail.{key}",
                    f"golive_mail.{key} is not set.",
                    "Add it to group_vars/all/edge.yml; write '' when the server asks for none.",
                )


def check_numbers(values: Mapping[str, Any]) -> Iterator[Problem]:
    ports = [f"golive_legacy.{name}.port" for name in names_of(values, "golive_legacy")]
    ports += [f"golive_databases.{name}.port" for name in names_of(values, "golive_databases")]
    limits = [(path, 1, 65535, "a port number") for path in [*ports, "golive_proxy.port", "golive_mail.port"]]
    limits.append(("golive_dns.ttl", 1, 86400, "a time to live in seconds"))
    for path, low, high, what in limits:
        number = text(values, path)
        if re.fullmatch(r"-?\d+", number) and not low <= int(number) <= high:
            yield Problem(
                path,
                f"{path} {number} is not {what} ({low} to {high}).",
                f"Correct it in {home(path)}.",
            )
