# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the loading asks of Odoo: plain calls of its own interface."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError, one_line
from ansible_collections.dfr.golive.plugins.module_utils._odoo import (
    OdooLogin,
    OdooRefusedError,
    connect,
)

# Nobody is told about a record that comes from the old registry, and no history of it is written.
QUIET = {
    "tracking_disable": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notrack": True,
    "no_reset_password": True,
    "mail_activity_automation_skip": True,
}
# Kinds of fields whose values Odoo's `load` takes as they are; of other kinds it reads what people would type.
PLAIN = frozenset({"char", "text", "html", "date", "integer", "float", "monetary"})
# Odoo's answers that say nothing about the data: the same call may be right a moment later.
_PASSING = ("could not serialize access", "deadlock detected", "LockNotAvailable", "SerializationFailure")


class RowRefusedError(GoliveError):
    """Odoo refused the rows of a call for what is in them; the sentence is Odoo's own."""


class PassingError(GoliveError):
    """Odoo couldn't do it just now (two transactions met); nothing was changed."""


@dataclass(frozen=True)
class FieldMeta:
    """What Odoo says about a field.

    Attributes:
        type: Odoo's name of it (char, many2one, float, ...).
        decimals: digits after the point that Odoo keeps; None when it keeps what it gets.
        readonly: whether it can't be set.
        relation: the model a relation leads to; empty for others.
    """

    type: str
    decimals: int | None = None
    readonly: bool = False
    relation: str = ""


# The second part of its external id, and the values, of each record.
Named = Sequence[tuple[str, dict[str, Any]]]


class Target(Protocol):
    """An Odoo to load into. All methods may be called from several threads at once.

    Raises (all methods):
        RowRefusedError: the rows are at fault.
        PassingError: try again.
        ProbeError: no usable answer; whether it was done is unknown.
    """

    def user(self) -> int: ...

    def fields(self, model: str) -> dict[str, FieldMeta]: ...

    def may(self, model: str, operation: str) -> bool: ...

    def newest(self, model: str) -> int: ...

    def find(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], *, limit: int | None = None
    ) -> list[dict[str, Any]]: ...

    def count(self, model: str, domain: Sequence[Any]) -> int: ...

    def create(self, model: str, rows: Sequence[dict[str, Any]]) -> list[int]: ...

    def load(self, model: str, module: str, rows: Named) -> list[int]: ...

    def create_named(self, model: str, module: str, rows: Named) -> list[int]: ...

    def write(self, model: str, changes: Sequence[tuple[int, dict[str, Any]]]) -> dict[int, str]: ...

    def unlink(self, model: str, ids: Sequence[int]) -> None: ...


class OdooTarget:
    """A running Odoo, over RPC. The server does the work; a thread here mostly waits for it."""

    def __init__(self, login: OdooLogin) -> None:
        # One login for all threads: a session is an address and a number, and Odoo takes its time over a password.
        self._session = connect(login)
        major = re.search(r"[0-9]+", self._session.version)
        self._many = major is not None and int(major[0]) >= 19

    def _call(
        self, model: str, method: str, *args: Any, context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        try:
            return self._session.call(model, method, *args, context={**QUIET, **(context or {})}, **kwargs)
        except OdooRefusedError as exc:
            raise judged(exc) from exc

    def user(self) -> int:
        return self._session.uid

    def fields(self, model: str) -> dict[str, FieldMeta]:
        raw = self._call(model, "fields_get", [], ["type", "digits", "readonly", "relation"])
        return {
            name: FieldMeta(
                str(meta["type"]),
                (meta.get("digits") or (None, None))[1],
                bool(meta.get("readonly")),
                str(meta.get("relation") or ""),
            )
            for name, meta in raw.items()
        }

    def may(self, model: str, operation: str) -> bool:
        return self._session.call(model, "has_access", [], operation) is True

    def newest(self, model: str) -> int:
        found = self._call(model, "search", [], limit=1, order="id desc")
        return int(found[0]) if found else 0

    def find(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], *, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Records in the order of their ids, archived ones too."""
        found = self._call(
            model,
            "search_read",
            list(domain),
            fields=list(fields),
            order="id",
            limit=limit,
            load=None,
            context={"active_test": False, "bin_size": True},
        )
        if not isinstance(found, list):
            raise ProbeError(f"search_read of {model} answered {type(found).__name__}, not a list.")
        return found

    def count(self, model: str, domain: Sequence[Any]) -> int:
        return self._session.count(model, domain)

    def create(self, model: str, rows: Sequence[dict[str, Any]]) -> list[int]:
        return _ids(self._call(model, "create", list(rows)))

    def load(self, model: str, module: str, rows: Named) -> list[int]:
        """Make records together with their external ids, in one transaction.

        Args:
            model: of the records.
            module: first part of their external ids.
            rows: the second part and the values of each; all have the same fields, of kinds in `PLAIN`.
        """
        fields = list(rows[0][1])
        data = [[f"{module}.{name}", *(values[field] for field in fields)] for name, values in rows]
        answer = self._call(model, "load", ["id", *fields], data, context={"noupdate": True})
        if answer["ids"]:
            return [int(record) for record in answer["ids"]]
        wrong = [said["message"] for said in answer["messages"] if said["type"] == "error"]
        raise refusal(one_line(wrong[0] if wrong else f"Odoo loads no {model} and doesn't say why"))

    def create_named(self, model: str, module: str, rows: Named) -> list[int]:
        """The same for values of every kind, given as `create` wants them.

        Odoo's import makes the records below those it loads like this: while this context is set, `create` names a
        record by its ``id``. An add-on that hands on other values than it was given loses the name.
        """
        named_rows = [{**values, "id": f"{module}.{name}"} for name, values in rows]
        context = {"_import_current_module": module, "noupdate": True}
        return _ids(self._call(model, "create", named_rows, context=context))

    def write(self, model: str, changes: Sequence[tuple[int, dict[str, Any]]]) -> dict[int, str]:
        """Equal changes go in one call; the others too where Odoo has one for them (from 19 on).

        Returns:
            When Odoo says that it wrote each of them, as far as it said so in its answer.
        """
        single = []
        for ids, values in alike(changes):
            if len(ids) > 1 or not self._many:
                self._call(model, "write", ids, values)
            else:
                single.append((ids[0], values))
        if not single:
            return {}
        ids, values = zip(*single, strict=True)
        saved = self._call(model, "web_save_multi", list(ids), list(values), {"write_date": {}})
        return {int(row["id"]): str(row["write_date"]) for row in saved}

    def unlink(self, model: str, ids: Sequence[int]) -> None:
        self._call(model, "unlink", list(ids))


def _ids(answer: Any) -> list[int]:
    return [answer] if isinstance(answer, int) else [int(item) for item in answer]


def judged(exc: OdooRefusedError) -> GoliveError:
    """Whether a refusal is about the rows, about the moment, or about us (then it stays what it is)."""
    said = exc.__cause__
    info = getattr(said, "info", None)
    data = info.get("data", info) if isinstance(info, Mapping) else {}
    kind = str(data.get("name", "")) if isinstance(data, Mapping) else ""
    text = one_line(said.args[0] if said is not None and said.args else exc.sentence)
    if kind.endswith(("AccessError", "AccessDenied", "SessionExpiredException")):
        return exc
    return refusal(text, kind)


def refusal(text: str, kind: str = "") -> GoliveError:
    """Whether Odoo's words are about the rows or about the moment."""
    passing = any(mark in f"{kind} {text}" for mark in _PASSING)
    return PassingError(text) if passing else RowRefusedError(text)


def alike(changes: Sequence[tuple[int, dict[str, Any]]]) -> list[tuple[list[int], dict[str, Any]]]:
    """Changes with the same values together: one call of Odoo writes them all."""
    groups: dict[str, tuple[list[int], dict[str, Any]]] = {}
    for record, values in changes:
        groups.setdefault(repr(sorted(values.items())), ([], values))[0].append(record)
    return list(groups.values())


def paged(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def space(source: str) -> str:
    """The module part of every external id of a source: no add-on of Odoo is called like this."""
    return f"__legacy_{source}"


def external_name(entity: str, key: str) -> str:
    """The name part: readable, without blanks, and never the same for two keys."""
    return f"{entity}-{quote(key, safe='-_|,:()+')}"


def names_of(source: str, entity: str) -> list[tuple[str, str, str]]:
    """The domain of all external ids of an entity."""
    prefix = entity.replace("_", "\\_")
    return [("module", "=", space(source)), ("name", "=like", f"{prefix}-%")]


def named(target: Target, module: str, names: Sequence[str]) -> dict[str, int]:
    """Which of these external ids there are, and the records they lead to."""
    rows = target.find(
        "ir.model.data", [("module", "=", module), ("name", "in", list(names))], ["name", "res_id"]
    )
    return {str(row["name"]): int(row["res_id"]) for row in rows if row["res_id"]}


def give_names(target: Target, module: str, model: str, pairs: Sequence[tuple[str, int]]) -> None:
    """Give records their external ids."""
    target.create(
        "ir.model.data",
        [
            {"module": module, "name": name, "model": model, "res_id": record, "noupdate": True}
            for name, record in pairs
        ],
    )
