# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages to audiences, each once, whatever is stopped and started again in between.

A journal of its own beside the country's, ``<country>-messages``, says of each message and each way it goes (mail,
webhook) that it is intended, then that it was sent. What was intended and not sent is sent again under the same
identifier, so that receivers know it for what it is: a second copy does less harm than an audience that never hears.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils import _events, _kept, _phases
from ansible_collections.dfr.golive.plugins.module_utils._announce import (
    Audience,
    MailServer,
    Postbox,
    split_text,
)
from ansible_collections.dfr.golive.plugins.module_utils._chain import Record
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError
from ansible_collections.dfr.golive.plugins.module_utils._holder import Owner
from ansible_collections.dfr.golive.plugins.module_utils._journal import Journal, Writer
from ansible_collections.dfr.golive.plugins.module_utils._run import Outcome, RunState, Status, compute

SUFFIX = "-messages"
INTENDED, SENT = "intended", "sent"
MAIL, WEBHOOK = "mail", "webhook"
LIMIT_SECONDS = 120
"""Silence after which a sender counts as gone."""
EVENT_TYPE = f"{_events.TYPE_PREFIX}message"


@dataclass(frozen=True)
class Letter:
    """One message to one audience.

    Attributes:
        scope: the night or the run that it belongs to; another one is told anew.
        text: ``Subject: ...``, an empty line, the body.
    """

    moment: str
    scope: str
    audience: Audience
    text: str

    def key(self, way: str) -> str:
        return f"{self.scope}/{self.moment}/{self.audience.name}/{way}"


def shown(book_: Journal, letters: Sequence[Letter], ways: Sequence[str]) -> list[dict[str, str]]:
    """What the book says of each message, for the dry run."""
    reading, _holder = book_.read()
    return [
        {
            "moment": letter.moment,
            "audience": letter.audience.name,
            "way": way,
            "state": state_of(reading.records, letter, way),
        }
        for letter in letters
        for way in ways
    ]


@dataclass(frozen=True)
class Ways:
    """How messages go.

    Attributes:
        mail: None for no mail.
        webhook: None for none.
        post: replaced in tests.
    """

    mail: Postbox | None
    webhook: _events.Receiver | None
    post: Callable[[_events.Receiver, bytes, dict[str, str]], None] = _events.post

    @property
    def names(self) -> list[str]:
        return [name for name, way in ((MAIL, self.mail), (WEBHOOK, self.webhook)) if way is not None]


def book(state_dir: str | Path, country: str) -> Journal:
    """The journal that keeps what a country's audiences were told."""
    return Journal(state_dir, f"{country}{SUFFIX}")


def scope_of(moment: str, journal: Journal, night: str) -> str:
    """What a message belongs to: the night before it, the run from its beginning on.

    Args:
        journal: the country's.
        night: the start of the window, as a stamp; empty while it isn't set.

    Raises:
        GoliveError: the journal doesn't say that it is so.
    """
    reading, holder = journal.read()
    runs = [run for run in compute(reading.records, holder.session if holder else "") if run.mode == "live"]
    last = runs[-1] if runs else None
    why = _why_not(moment, last)
    if why:
        error = GoliveError(
            f"{moment} isn't sent: {why}.",
            remedy="Choose the moment that is; playbooks/status.yml says where the country stands.",
        )
        error.returned = {"why": why}
        raise error
    if moment in ("week_before", "day_before", "delayed"):
        return night or "night"
    return last.id if last else ""


def _why_not(moment: str, last: RunState | None) -> str:
    """What in the journal speaks against a message; empty when nothing does."""
    live = last is not None and last.outcome is Outcome.LIVE
    if moment in ("week_before", "day_before", "delayed"):
        return "the country is live already" if live else ""
    if last is None:
        return "no go-live has begun"
    if moment == "freeze":
        open_window = last.window.opened is not None and last.window.closed is None
        return "" if open_window else "data entry isn't closed"
    if moment == "rolled_back":
        return "" if last.outcome is Outcome.ROLLED_BACK else "the last run wasn't rolled back"
    if moment == "live":
        opened = last.phase(_phases.WINDOW_CLOSES).status is Status.SUCCEEDED
        return "" if live or opened else "users aren't let in"
    return "" if live else "the country isn't live"


def state_of(records: Sequence[Record], letter: Letter, way: str) -> str:
    """`SENT`, `INTENDED` or empty: what the book says of a message."""
    told = [r["event"] for r in records if r.get("key") == letter.key(way)]
    if SENT in told:
        return SENT
    return INTENDED if told else ""


def send(book_: Journal, letters: Sequence[Letter], ways: Ways) -> list[dict[str, Any]]:
    """Send what hasn't been sent; every message is tried, whatever became of the one before.

    Returns:
        What became of each: ``audience``, ``way``, ``state`` and ``sent_now``.

    Raises:
        GoliveError: somebody else is sending, or not all could be sent.
    """
    session = _take(book_)
    done, failed = [], []
    try:
        for letter in letters:
            for way in ways.names:
                try:
                    done.append(_send_one(book_, session, letter, way, ways))
                except (GoliveError, OSError) as exc:
                    failed.append(f"{letter.audience.name} by {way}: {exc}")
    finally:
        with book_.writing() as writer:
            writer.release(session)
    if failed:
        error = GoliveError(
            f"{len(failed)} of {len(failed) + len(done)} messages could not be sent. {' '.join(failed)}",
            remedy="Mend it and run again; who has been told isn't told twice.",
        )
        error.returned = {"told": done}
        raise error
    return done


def _take(book_: Journal) -> str:
    """
    Raises:
        GoliveError: somebody else is sending.
    """
    with book_.writing() as writer:
        holder = writer.holder
        if holder is not None and not holder.stale(book_.clock()):
            raise GoliveError(
                "Messages are being sent by another process.",
                remedy=f"Wait for it to end; if it is gone, until {holder.renew_before}.",
            )
        taken = writer.take("messages", "tell", Owner(), LIMIT_SECONDS)
        return taken.session


def _send_one(book_: Journal, session: str, letter: Letter, way: str, ways: Ways) -> dict[str, Any]:
    with book_.writing() as writer:
        if state_of(writer.records, letter, way) == SENT:
            return {"audience": letter.audience.name, "way": way, "state": SENT, "sent_now": False}
        _note(writer, session, INTENDED, letter, way)
    details = _by_mail(ways, letter) if way == MAIL else _by_webhook(ways, letter)
    with book_.writing() as writer:
        _note(writer, session, SENT, letter, way, **details)
    return {"audience": letter.audience.name, "way": way, "state": SENT, "sent_now": True}


def _note(writer: Writer, session: str, event: str, letter: Letter, way: str, **details: Any) -> None:
    writer.append(
        session,
        event,
        key=letter.key(way),
        moment=letter.moment,
        audience=letter.audience.name,
        way=way,
        text_sha256=hashlib.sha256(letter.text.encode()).hexdigest(),
        **details,
    )


def _by_mail(ways: Ways, letter: Letter) -> Mapping[str, Any]:
    postbox = ways.mail
    if postbox is None:
        return {}
    # What start_hypercare announces is the message of that moment: whoever has that one isn't told twice.
    name = "announcement" if letter.moment == "live" else letter.moment
    message_id = postbox.message_id(name, letter.scope, letter.audience.name)
    told = postbox.announce(letter.audience, letter.text, message_id)
    return {"message_id": message_id, "accepted": told.accepted}


def _by_webhook(ways: Ways, letter: Letter) -> Mapping[str, Any]:
    receiver = ways.webhook
    if receiver is None:
        return {}
    subject, body = split_text(letter.text)
    event = {
        "specversion": "1.0",
        "id": letter.key(WEBHOOK),
        "source": "/dfr-golive/messages",
        "type": EVENT_TYPE,
        "subject": letter.moment,
        "datacontenttype": "application/json",
        "data": {
            "scope": letter.scope,
            "moment": letter.moment,
            "audience": letter.audience.name,
            "language": letter.audience.language,
            "subject": subject,
            "text": body,
        },
    }
    raw, headers = _events.signed(event, receiver.secret, time.time())
    ways.post(receiver, raw, headers)
    return {"event_id": event["id"]}


# --- what the run sends by itself -------------------------------------------------------------------------------------


def outbox(book_: Journal) -> Path:
    """Where messages lie ready for a run that sends them by itself."""
    return book_.folder / "outbox.json"


def keep(book_: Journal, letters: Sequence[Mapping[str, Any]], post: Mapping[str, Any]) -> bool:
    """Lay messages ready, or take them away when there are none; whether anything changed.

    Args:
        letters: ``moment``, ``audience`` and ``text`` of each.
        post: what `ways_of` makes the ways of.
    """
    path = outbox(book_)
    if not letters:
        there = path.exists()
        path.unlink(missing_ok=True)
        return there
    content = {"letters": list(letters), "post": dict(post)}
    if _kept.recall(path) == content:
        return False
    _kept.replace(path, content)
    return True


def ways_of(post: Mapping[str, Any], kept: Path) -> Ways:
    """
    Args:
        post: ``title``, ``mail`` (see `MailServer`), ``ca_path`` and ``webhook`` (``url``, ``secret``).
        kept: the file of `Postbox`.

    Raises:
        GoliveError: the webhook isn't an address of the web.
    """
    hook, ca_path = post.get("webhook") or {}, str(post.get("ca_path") or "")
    receiver = _events.Receiver.from_dict({**hook, "ca_path": ca_path}) if hook.get("url") else None
    return Ways(Postbox(MailServer.from_dict(post["mail"], ca_path), kept, str(post["title"])), receiver)


def moment_of(record: Record) -> str:
    """The message that a record of the country's journal calls for; empty for none."""
    if record["event"] == "begin" and record["phase"] == _phases.WINDOW_OPENS:
        return "freeze"
    rolled_back = record["event"] == "close" and record.get("outcome") == Outcome.ROLLED_BACK.value
    return "rolled_back" if rolled_back else ""


def tell_apart(journal: Journal) -> None:
    """Send what the last record calls for and lies ready, in a process of its own: a run waits for no mail server.

    What couldn't be sent stays intended; playbooks/communicate.yml shows it, and sends it.
    """
    book_ = book(journal.folder.parent, journal.country)
    if not outbox(book_).exists():
        return
    reading, _holder = journal.read()
    moment = moment_of(reading.records[-1]) if reading.records else ""
    if moment:
        _events.apart(lambda: send_kept(journal, book_, moment))


def send_kept(
    journal: Journal, book_: Journal, moment: str, post: Callable[..., None] = _events.post
) -> None:
    """Send the messages of a moment that lie ready.

    Raises:
        GoliveError: the journal doesn't say that it is so, or not all could be sent.
    """
    content = _kept.recall(outbox(book_)) or {"letters": []}
    scope = scope_of(moment, journal, "")
    letters = [
        Letter(moment, scope, Audience.from_dict(raw["audience"]), raw["text"])
        for raw in content["letters"]
        if raw["moment"] == moment
    ]
    if letters:
        kept = _kept.kept_path(str(journal.folder.parent), journal.country, "announcements")
        ways = ways_of(content["post"], kept)
        send(book_, letters, replace(ways, post=post))
