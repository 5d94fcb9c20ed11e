# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The form of a journal's records, and the proof that they are the ones that were written."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line

Record = dict[str, Any]

GENESIS = "0" * 64
_HASH_TAIL = re.compile(rb',"hash":"([0-9a-f]{64})"\}\Z')
_SECRET_KEY = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|secret|token|api_key|private_key)$", re.IGNORECASE
)


class JournalDamageError(GoliveError):
    """The journal isn't what was written: nothing goes on until somebody has looked."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """A moment as the journal writes it: ISO 8601, UTC, microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """The moment a stamp names."""
    return datetime.fromisoformat(text)


def between(start: str, end: str) -> float:
    """Seconds between two stamps, to the millisecond; none where the clock was set back between them."""
    return max(0.0, round((moment(end) - moment(start)).total_seconds(), 3))


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no blanks, ASCII; NaN and what isn't JSON are refused."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as exc:
        raise GoliveError(f"What should be journalled isn't JSON: {one_line(exc)}.") from exc


def seal(record: Record) -> str:
    """The line of a record: its canonical JSON with the hash of that JSON put at its end."""
    body = canonical(record)
    digest = hashlib.sha256(body.encode("ascii")).hexdigest()
    return f'{body[:-1]},"hash":"{digest}"}}'


def without_secrets(value: Any) -> Any:
    """The value with everything blotted out whose key says that it is a secret: a second line of defence."""
    if isinstance(value, dict):
        return {
            str(key): "(not journalled)" if _SECRET_KEY.search(str(key)) else without_secrets(inner)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [without_secrets(inner) for inner in value]
    return value


@dataclass(frozen=True)
class Reading:
    """What a journal holds, verified.

    Attributes:
        records: all of them, in order.
        torn: the bytes after the last complete line: an event that was never acknowledged.
    """

    records: list[Record] = field(default_factory=list)
    torn: bytes = b""

    @property
    def head(self) -> str:
        return str(self.records[-1]["hash"]) if self.records else GENESIS


def verify(raw: bytes, country: str, where: str, last_seq: int = 0, last_hash: str = GENESIS) -> Reading:
    """Read and prove a journal.

    Args:
        raw: the file's bytes.
        country: whose journal it must be.
        where: its path, for messages.
        last_seq, last_hash: the last acknowledged record as `head.json` remembers it.

    Raises:
        JournalDamageError: it isn't what was written; the message names the record.
    """
    complete, newline, torn = raw.rpartition(b"\n")
    lines = complete.split(b"\n") if newline else []
    records: list[Record] = []
    previous = GENESIS
    for number, line in enumerate(lines, start=1):
        record = _verify_line(line, number, country, where, previous)
        previous = record["hash"]
        records.append(record)
    if last_seq > len(records):
        missing = "the last ones were removed" if records else "it is empty or gone"
        raise _damage(
            where, f"ends at record {len(records)}, but {last_seq} records were acknowledged: {missing}"
        )
    if last_seq and records[last_seq - 1]["hash"] != last_hash:
        raise _damage(where, f"has another record {last_seq} than the one that was acknowledged")
    return Reading(records, torn)


def _verify_line(line: bytes, number: int, country: str, where: str, previous: str) -> Record:
    tail = _HASH_TAIL.search(line)
    if tail is None:
        raise _damage(where, f"has no readable record {number}")
    digest = hashlib.sha256(line[: tail.start()] + b"}").hexdigest()
    if digest.encode("ascii") != tail.group(1):
        raise _damage(where, f"was edited: record {number} doesn't match its own hash")
    try:
        record: Record = json.loads(line)
        seq, prev, owner = record["seq"], record["prev"], record["country"]
        complete = record.keys() >= {"time", "event", "run_id", "session", "phase"}
    except (ValueError, KeyError, TypeError) as exc:
        raise _damage(where, f"has a record {number} that isn't one of ours") from exc
    if not complete:
        raise _damage(where, f"has a record {number} that isn't one of ours")
    if owner != country:
        raise JournalDamageError(
            f"Record {number} of {where} belongs to the country {owner!r}, not to {country!r}.",
            remedy="Check golive_country and golive_state_dir: this folder is another country's.",
        )
    if prev != previous or seq != number:
        raise _damage(
            where, f"has a broken chain at record {number}: records were removed, put in or reordered there"
        )
    return record


def _damage(where: str, what: str) -> JournalDamageError:
    return JournalDamageError(
        f"The journal {where} {what}.",
        remedy=(
            f"Restore {where} from a backup of the state host; the reports name the head it had."
            f" Only if this country starts anew: move the folder {where.rpartition('/')[0]} away."
        ),
    )
