# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every journal record as an event for whoever follows the night: a wallboard, a chat, a ministry's operations room.

An event is a CloudEvent (specification 1.0, structured JSON), signed as Standard Webhooks has it: HMAC-SHA256 over
identifier, moment and body. The journal is the outbox: a cursor beside it says what was delivered, so that events come
in order and at least once, and a receiver that was away gets what it missed with the next one.

A go-live never waits for a receiver: a process of its own delivers, and what it can't deliver stays where it is.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.dfr.golive.plugins.module_utils import _kept
from ansible_collections.dfr.golive.plugins.module_utils._chain import Record
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal
from ansible_collections.dfr.golive.plugins.module_utils._run import first_line
from ansible_collections.dfr.golive.plugins.module_utils._tls import trust

TYPE_PREFIX = "dfr.golive."
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
TOLD = ("outcome", "mode", "intent", "recheck")


@dataclass(frozen=True)
class Receiver:
    """Where events go.

    Attributes:
        url: http or https.
        secret: what sender and receiver share; events aren't signed without one.
        ca_path: CA bundle for its certificate; the system's store when empty.
        timeout: seconds for one delivery.
    """

    url: str
    secret: str = field(default="", repr=False)
    ca_path: str = ""
    timeout: float = 5.0

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Receiver:
        """
        Raises:
            GoliveError: the address isn't one of the web.
        """
        url = str(raw["url"])
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise GoliveError(
                "golive_observers.events_url isn't a web address.",
                remedy="Write it as https://host/path, or leave it empty.",
            )
        return cls(
            url,
            str(raw.get("secret") or ""),
            str(raw.get("ca_path") or ""),
            float(raw.get("timeout") or cls.timeout),
        )


def event_of(country: str, record: Record) -> dict[str, Any]:
    """A journal record as a CloudEvent. Results and evidence stay in the journal; their place in it is told."""
    data: dict[str, Any] = {
        "country": country,
        "run_id": record["run_id"],
        "event": record["event"],
        "phase": record["phase"],
        "seq": record["seq"],
        "hash": record["hash"],
    }
    data.update({name: record[name] for name in TOLD if name in record})
    if record.get("reason"):
        data["reason"] = first_line(str(record["reason"]))
    return {
        "specversion": "1.0",
        "id": f"{country}/{record['seq']}",
        "source": f"/dfr-golive/{country}",
        "type": TYPE_PREFIX + str(record["event"]),
        "subject": record["phase"] or "run",
        "time": record["time"],
        "datacontenttype": "application/json",
        "data": data,
    }


def signed(event: dict[str, Any], secret: str, now: float) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a delivery (Standard Webhooks 1.0, the symmetric scheme).

    Args:
        secret: shared; no signature without one.
        now: seconds since the epoch.
    """
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    identifier, moment = str(event["id"]), str(int(now))
    headers = {"Content-Type": CONTENT_TYPE, "webhook-id": identifier, "webhook-timestamp": moment}
    if secret:
        message = b".".join((identifier.encode(), moment.encode(), body))
        digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return body, headers


def post(receiver: Receiver, body: bytes, headers: dict[str, str]) -> None:
    """Hand over one event.

    Raises:
        OSError: it wasn't taken.
    """
    # Here and not above: each call of the journal would load it, and only what goes out needs it.
    from ansible.module_utils.urls import open_url

    open_url(
        receiver.url,
        data=body,
        headers=headers,
        method="POST",
        timeout=receiver.timeout,
        ca_path=receiver.ca_path or None,
        follow_redirects="none",
    ).close()


def deliver(
    journal: Journal,
    receiver: Receiver,
    send: Callable[[Receiver, bytes, dict[str, str]], None] = post,
    clock: Callable[[], float] = time.time,
) -> int:
    """Send what the receiver hasn't got, in order; stop at the first that it doesn't take.

    Returns:
        How many were taken. None where another process is delivering: that one sends these too, or the next does.
    """
    taken = 0
    while _waiting(journal):
        with _alone(journal) as alone:
            if not alone:
                break
            for record in _waiting(journal):
                body, headers = signed(event_of(journal.country, record), receiver.secret, clock())
                try:
                    send(receiver, body, headers)
                except OSError:
                    return taken
                _kept.replace(_cursor(journal), {"delivered": record["seq"]})
                taken += 1
    return taken


@contextmanager
def _alone(journal: Journal) -> Iterator[bool]:
    """Whether nobody else is delivering; who finds somebody there leaves: that one looks again before it ends."""
    handle = os.open(journal.folder / "events.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(handle)


def _cursor(journal: Journal) -> Path:
    return journal.folder / "events.json"


def _waiting(journal: Journal) -> list[Record]:
    delivered = int((_kept.recall(_cursor(journal)) or {}).get("delivered", 0))
    reading, _holder = journal.read()
    return [record for record in reading.records if record["seq"] > delivered]


def deliver_apart(journal: Journal, receiver: Receiver) -> None:
    """`deliver` in a process of its own."""
    if receiver.url.startswith("https:"):
        trust(receiver.ca_path)
    apart(lambda: deliver(journal, receiver))


def apart(work: Callable[[], Any]) -> None:
    """Send something from a process of its own, which nobody waits for and which holds on to nothing of ours."""
    # Before the fork: Ansible removes the archive a module is loaded from as soon as the module has ended.
    import ansible.module_utils.urls  # noqa: F401

    first = os.fork()
    if first:
        os.waitpid(first, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            null = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):
                os.dup2(null, stream)
            os.closerange(3, 1024)
            work()
    finally:
        os._exit(0)
