# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one connection contract for Odoo: its pages over HTTP, its data over RPC.

Nothing here imports Ansible: the hypercare watch runs this file on its own.
"""

from __future__ import annotations

import functools
import http.client
import ipaddress
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from http.cookiejar import CookieJar
from typing import Any, TypeVar

from ansible_collections.dfr.golive.plugins.module_utils._errors import (
    GoliveError,
    ProbeError,
    one_line,
    require,
)

ODOO_OPTIONS: dict[str, Any] = {
    "odoo_url": {"type": "str", "required": True},
    "odoo_database": {"type": "str", "required": True},
    "odoo_login": {"type": "str", "required": True},
    "odoo_password": {"type": "str", "required": True, "no_log": True},
    "odoo_ca_path": {"type": "path"},
    "odoo_timeout": {"type": "float", "default": 10},
}

_T = TypeVar("_T")
_DROPPED = (TimeoutError, OSError, http.client.HTTPException, ValueError)


class OdooRefusedError(GoliveError):
    """Odoo answered, and the answer is no (wrong password, no right, a rule of the data)."""


@dataclass(frozen=True)
class OdooLogin:
    """Where an Odoo is and who we are there.

    Attributes:
        url: scheme, host and port as seen from the host the module runs on; no path.
        database: name of the Odoo database.
        login, password: the Odoo user.
        ca_path: CA bundle; the system's store when empty. Certificates are always verified.
        timeout: seconds for one request.
        address: connect here instead of where the name in ``url`` points to; the name is still verified.
    """

    url: str
    database: str
    login: str
    password: str = field(repr=False)
    ca_path: str | None = None
    timeout: float = 10
    address: str = ""

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> OdooLogin:
        """From a module's parameters, see `ODOO_OPTIONS`."""
        return cls(
            url=params["odoo_url"],
            database=params["odoo_database"],
            login=params["odoo_login"],
            password=params["odoo_password"],
            ca_path=params["odoo_ca_path"] or None,
            timeout=params["odoo_timeout"],
        )

    def as_user(self, login: str, password: str) -> OdooLogin:
        """The same Odoo, another user: what a canary uses."""
        return replace(self, login=login, password=password)

    def at(self, url: str, address: str = "") -> OdooLogin:
        """The same user, reached another way."""
        return replace(self, url=url, address=address)

    @property
    def where(self) -> str:
        return f"{self.login}@{self.url}/{self.database}"


@dataclass(frozen=True)
class Page:
    """What a GET brought.

    Attributes:
        status: HTTP status, 5xx included: a maintenance page is an answer.
        seconds: from the request to the last byte.
        body: the text, at most `PAGE_LIMIT` bytes of it.
    """

    status: int
    seconds: float
    body: str


PAGE_LIMIT = 2_000_000


@functools.lru_cache(maxsize=8)
def tls_context(ca_path: str | None) -> ssl.SSLContext:
    """Certificates are verified against ``ca_path``, or the system's store."""
    try:
        context = ssl.create_default_context(cafile=ca_path or None)
    except OSError as exc:
        raise GoliveError(
            f"The CA bundle {ca_path} can't be read: {one_line(exc)}.", remedy="Check golive_ca_path."
        ) from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Elsewhere(http.client.HTTPConnection):
    """An HTTP connection to a given address, whatever the name says."""

    def __init__(self, *args: Any, address: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._address = address

    def connect(self) -> None:
        self.sock = _socket_to(self._address or self.host, self.port, self.timeout)


class _ElsewhereTLS(http.client.HTTPSConnection):
    """The same over TLS; the certificate must still be the name's."""

    def __init__(self, *args: Any, address: str, tls: ssl.SSLContext, **kwargs: Any) -> None:
        super().__init__(*args, context=tls, **kwargs)
        self._address = address
        self._tls = tls

    def connect(self) -> None:
        raw = _socket_to(self._address or self.host, self.port, self.timeout)
        try:
            self.sock = self._tls.wrap_socket(raw, server_hostname=self.host)
        except BaseException:
            raw.close()
            raise


def _socket_to(host: str, port: int, timeout: float | None) -> socket.socket:
    sock = socket.create_connection((host, port), timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens http and https through the two connections above."""

    def __init__(self, address: str, ca_path: str | None) -> None:
        urllib.request.HTTPHandler.__init__(self)
        self._address = address
        self._ca_path = ca_path

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_Elsewhere, address=self._address), req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        tls = tls_context(self._ca_path)
        return self.do_open(functools.partial(_ElsewhereTLS, address=self._address, tls=tls), req)


class _StayHere(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer, not an order: what it points to may be another place."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def opener(ca_path: str | None, address: str = "", *, follow: bool = True) -> urllib.request.OpenerDirector:
    """An opener that verifies TLS, can be sent to one address, and never asks a proxy of the environment."""
    handlers: list[Any] = [
        urllib.request.ProxyHandler({}),
        _Handler(address, ca_path),
        urllib.request.HTTPCookieProcessor(CookieJar()),
    ]
    if not follow:
        handlers.append(_StayHere())
    return urllib.request.build_opener(*handlers)


def fetch(
    url: str,
    *,
    ca_path: str | None = None,
    timeout: float = 10,
    address: str = "",
    follow: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Page:
    """GET a page. Any status is an answer; no answer is a `ProbeError`, a wrong certificate a clear no."""
    request = urllib.request.Request(url, headers={"User-Agent": "dfr.golive"})  # noqa: S310
    start = clock()
    try:
        try:
            response = opener(ca_path, address, follow=follow).open(request, timeout=timeout)
        except urllib.error.HTTPError as exc:
            response = exc
        with response:
            body = response.read(PAGE_LIMIT).decode("utf-8", "replace")
            return Page(status=int(response.status), seconds=clock() - start, body=body)
    except _DROPPED as exc:
        _refuse_certificate(exc, url)
        raise ProbeError(
            f"No answer from {url}{f' at {address}' if address else ''} within {timeout:g} s: {reason(exc)}.",
            remedy="Check that the application or proxy runs there, and the name, port and CA bundle.",
        ) from exc


def _refuse_certificate(exc: BaseException, where: str) -> None:
    """A certificate that doesn't hold is no silence: somebody answered, and must not be trusted."""
    inner = getattr(exc, "reason", exc)
    if isinstance(inner, ssl.SSLCertVerificationError):
        raise GoliveError(
            f"The certificate of {where} is not valid: {one_line(inner.verify_message)}.",
            remedy="Renew or replace it, or correct the name or golive_ca_path.",
        ) from exc


def reason(exc: BaseException) -> str:
    """The innermost reason of a connection error, in one line."""
    inner = getattr(exc, "reason", None)
    if isinstance(inner, BaseException):
        return reason(inner)
    if isinstance(exc, TimeoutError):
        return "timed out"
    return one_line(inner or exc) or type(exc).__name__


class Odoo:
    """A logged-in RPC session. Every method answers with a typed value or raises.

    Raises (all methods):
        OdooRefusedError: the server says no.
        ProbeError: no usable answer within the time limit.
    """

    def __init__(self, login: OdooLogin, client: Any, errors: Any) -> None:
        self.login = login
        self._client = client
        self._errors = errors

    @property
    def uid(self) -> int:
        return int(self._client.env.uid)

    @property
    def version(self) -> str:
        return str(self._client.version)

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of a model."""
        return _translated(
            self._errors,
            f"{model}.{method} as {self.login.where}",
            self.login.timeout,
            lambda: self._client.execute_kw(model, method, list(args), kwargs),
        )

    def count(self, model: str, domain: Sequence[Any], *, archived: bool = True) -> int:
        answer = self.call(model, "search_count", list(domain), context={"active_test": not archived})
        if isinstance(answer, bool) or not isinstance(answer, int):
            raise ProbeError(f"search_count of {model} answered {type(answer).__name__}, not a number.")
        return answer

    def rows(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Iterable[str],
        *,
        archived: bool = True,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        answer = self.call(
            model,
            "search_read",
            list(domain),
            fields=list(fields),
            order="id",
            limit=limit,
            context={"active_test": not archived},
        )
        if not isinstance(answer, list):
            raise ProbeError(f"search_read of {model} answered {type(answer).__name__}, not a list.")
        return answer

    def list_databases(self) -> list[str]:
        """The names of all databases: what a locked Odoo refuses to tell."""
        answer = _translated(
            self._errors, f"db.list at {self.login.url}", self.login.timeout, self._client.db.list
        )
        return [str(name) for name in answer]


def connect(login: OdooLogin) -> Odoo:
    """Log in over JSON-RPC.

    Every request names the database in its header. Without that Odoo 19 asks its server for the list of databases each
    time, over a new connection, which is more work than most questions; an older one ignores it.

    Raises:
        OdooRefusedError: user or password is wrong, or the database isn't served there.
        ProbeError: nobody answered.
    """
    odoorpc = require("odoorpc", "python3-odoorpc")
    parts = urllib.parse.urlsplit(login.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise GoliveError(
            f"{login.url!r} isn't the address of an Odoo.",
            remedy="Write it as http(s)://host:port, without a path.",
        )
    secure = parts.scheme == "https"

    def log_in() -> Any:
        sender = opener(login.ca_path, login.address)
        sender.addheaders.append(("X-Odoo-Database", login.database))
        client = odoorpc.ODOO(
            host=f"[{parts.hostname}]" if _is_ipv6(parts.hostname) else parts.hostname,
            protocol="jsonrpc+ssl" if secure else "jsonrpc",
            port=parts.port or (443 if secure else 80),
            timeout=login.timeout,
            opener=sender,
        )
        client.login(login.database, login.login, login.password)
        return client

    client = _translated(odoorpc.error, f"login as {login.where}", login.timeout, log_in)
    return Odoo(login, client, odoorpc.error)


def _is_ipv6(host: str | None) -> bool:
    try:
        return isinstance(ipaddress.ip_address(host or ""), ipaddress.IPv6Address)
    except ValueError:
        return False


def _translated(errors: Any, what: str, timeout: float, work: Callable[[], _T]) -> _T:
    """Run ``work`` and turn the driver's errors into ours. Only the server's own sentence is repeated."""
    try:
        return work()
    except errors.RPCError as exc:
        raise OdooRefusedError(f"Odoo refused {what}: {one_line(exc.args[0] if exc.args else exc)}.") from exc
    except errors.Error as exc:
        raise ProbeError(f"No usable answer to {what}: {one_line(exc)}.") from exc
    except urllib.error.HTTPError as exc:
        raise ProbeError(f"No usable answer to {what}: HTTP status {exc.code}.") from exc
    except (*_DROPPED, KeyError, TypeError) as exc:
        _refuse_certificate(exc, what)
        raise ProbeError(
            f"No usable answer to {what} within {timeout:g} s: {reason(exc)}.",
            remedy="Check that the application runs, and its address in golive_applications.",
        ) from exc


def wait_for(
    what: str,
    probe: Callable[[], _T],
    *,
    limit: float,
    pause: float = 0.2,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[_T, float]:
    """Repeat ``probe`` until it no longer raises `ProbeError`; a clear no is passed on at once.

    Returns:
        What the probe returned, and the seconds it took.

    Raises:
        ProbeError: ``limit`` seconds passed; it says what was missing at the last try.
    """
    start = clock()
    while True:
        try:
            return probe(), clock() - start
        except ProbeError as exc:
            waited = clock() - start
            if waited + pause > limit:
                raise ProbeError(
                    f"Waited {waited:.0f} s (limit {limit:g} s) for {what}: {exc.sentence}", remedy=exc.remedy
                ) from exc
        sleep(pause)
        pause = min(pause * 1.3, 2.0)
