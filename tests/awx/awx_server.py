# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for AWX's API, version 2: keeps objects, answers in pages of two, refuses what AWX would refuse.

What it knows of AWX is what awx.awx relies on. It runs nothing.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

TOKEN = "a-token-with-write-scope"
PAGE = 2
# collection -> type, fields that a new object needs, fields that name other objects
KINDS: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    "organizations": ("organization", ("name",), {}),
    "credential_types": ("credential_type", ("name", "kind"), {}),
    "credentials": (
        "credential",
        ("name", "credential_type"),
        {"credential_type": "credential_types", "organization": "organizations"},
    ),
    "execution_environments": ("execution_environment", ("name", "image"), {"organization": "organizations"}),
    "projects": ("project", ("name", "scm_url"), {"organization": "organizations"}),
    "inventories": ("inventory", ("name", "organization"), {"organization": "organizations"}),
    "inventory_sources": (
        "inventory_source",
        ("name", "inventory"),
        {"inventory": "inventories", "source_project": "projects"},
    ),
    "job_templates": (
        "job_template",
        ("name", "project", "playbook", "inventory"),
        {
            "project": "projects",
            "inventory": "inventories",
            "organization": "organizations",
            "execution_environment": "execution_environments",
        },
    ),
    "workflow_job_templates": ("workflow_job_template", ("name",), {"organization": "organizations"}),
    "workflow_job_template_nodes": (
        "workflow_job_template_node",
        ("identifier", "workflow_job_template"),
        {"workflow_job_template": "workflow_job_templates"},
    ),
    "workflow_approval_templates": ("workflow_approval_template", ("name",), {}),
}
# What goes with an object when it is removed: the others' field that names it.
TAKES_ALONG = {
    "inventories": ("inventory_sources", "inventory"),
    "workflow_job_templates": ("workflow_job_template_nodes", "workflow_job_template"),
}
# collection -> lists of other objects below it
LISTS = {
    "job_templates": {"credentials"},
    "workflow_job_template_nodes": {"success_nodes", "failure_nodes", "always_nodes"},
}
UNIFIED = ("job_templates", "projects", "workflow_job_templates")


class RefusedError(Exception):
    """An answer that isn't 2xx."""

    def __init__(self, code: int, said: dict[str, Any]) -> None:
        super().__init__(code, said)
        self.code, self.said = code, said


class Awx:
    """The objects, and what may be done to them.

    Attributes:
        playbooks: what AWX would find in the project; a job template with another is refused.
        writes: every POST, PATCH and DELETE, as method and path.
    """

    def __init__(self, playbooks: set[str]) -> None:
        self.playbooks = playbooks
        self.writes: list[str] = []
        self.objects: dict[str, dict[int, dict[str, Any]]] = {kind: {} for kind in KINDS}
        self.lists: dict[tuple[int, str], list[int]] = {}
        self.surveys: dict[int, dict[str, Any]] = {}
        self.numbers = itertools.count(1)

    def names(self) -> dict[str, list[str]]:
        """What there is, by collection; collections without any are left out."""
        return {
            kind: [one.get("name") or one["identifier"] for one in found.values()]
            for kind, found in self.objects.items()
            if found
        }

    def named(self, kind: str, name: str) -> dict[str, Any]:
        return next(
            one for one in self.objects[kind].values() if name in (one.get("name"), one.get("identifier"))
        )

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        """One request, its path below /api/v2."""
        if method != "GET":
            self.writes.append(f"{method} {path}")
        parts = path.strip("/").split("/")
        if len(parts) == 1:
            return self.collection(method, parts[0], query, body)
        kind, number = parts[0], int(parts[1])
        if kind not in KINDS or number not in self.objects[kind]:
            raise RefusedError(404, {"detail": "Not found."})
        if len(parts) == 2:
            return self.one(method, kind, number, body)
        return self.below(method, kind, number, parts[2], query, body)

    def collection(
        self, method: str, kind: str, query: dict[str, str], body: dict[str, Any]
    ) -> tuple[int, Any]:
        if kind == "unified_job_templates" and method == "GET":
            found = [self.shown(one, each) for one in UNIFIED for each in self.objects[one].values()]
            return 200, page(f"/api/v2/{kind}/", matching(found, query), query)
        if kind not in KINDS or kind == "workflow_approval_templates":
            raise RefusedError(404, {"detail": "Not found."})
        if method == "GET":
            found = [self.shown(kind, each) for each in self.objects[kind].values()]
            return 200, page(f"/api/v2/{kind}/", matching(found, query), query)
        return 201, self.make(kind, body)

    def make(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        missing = {name: ["This field is required."] for name in KINDS[kind][1] if not body.get(name)}
        if missing:
            raise RefusedError(400, missing)
        key = ("name", "organization", "workflow_job_template", "identifier", "inventory")
        for other in self.objects[kind].values():
            if kind != "workflow_approval_templates" and all(
                other.get(name) == body.get(name) for name in key
            ):
                raise RefusedError(400, {"__all__": [f"{KINDS[kind][0]} with this name already exists."]})
        self.check(kind, body)
        number = next(self.numbers)
        made = {**body, "id": number, "type": KINDS[kind][0], "url": f"/api/v2/{kind}/{number}/"}
        self.objects[kind][number] = made
        return self.shown(kind, made)

    def check(self, kind: str, body: dict[str, Any]) -> None:
        for name, other in KINDS[kind][2].items():
            if body.get(name) is not None and body[name] not in self.objects[other]:
                raise RefusedError(400, {name: [f"Invalid pk {body[name]!r} - object does not exist."]})
        if kind == "job_templates" and "playbook" in body and body["playbook"] not in self.playbooks:
            raise RefusedError(400, {"playbook": ["Playbook not found for project."]})
        if kind == "credentials" and "inputs" in body:
            fields = self.objects["credential_types"][body["credential_type"]]["inputs"]["fields"]
            strangers = set(body["inputs"]) - {field["id"] for field in fields}
            if strangers:
                raise RefusedError(
                    400, {"inputs": [f"Additional properties are not allowed: {sorted(strangers)}"]}
                )

    def one(self, method: str, kind: str, number: int, body: dict[str, Any]) -> tuple[int, Any]:
        if method == "PATCH":
            self.check(kind, {**self.objects[kind][number], **body})
            # What an object has no field for is passed over, as AWX does.
            known = body.keys() & (
                self.objects[kind][number].keys() | {"description", "variables", "timeout"}
            )
            self.objects[kind][number].update({name: body[name] for name in known})
        elif method == "DELETE":
            self.remove(kind, number)
            return 204, None
        return 200, self.shown(kind, self.objects[kind][number])

    def remove(self, kind: str, number: int) -> None:
        if kind == "credential_types" and any(
            one["credential_type"] == number for one in self.objects["credentials"].values()
        ):
            raise RefusedError(403, {"detail": "Credential types that are in use cannot be deleted"})
        gone = self.objects[kind].pop(number)
        if kind in TAKES_ALONG:
            other, field = TAKES_ALONG[kind]
            for below in [n for n, one in self.objects[other].items() if one[field] == number]:
                self.remove(other, below)
        if gone["type"] == "workflow_job_template_node":
            self.objects["workflow_approval_templates"].pop(gone.get("unified_job_template", 0), None)

    def below(
        self, method: str, kind: str, number: int, what: str, query: dict[str, str], body: dict[str, Any]
    ) -> tuple[int, Any]:
        if what == "survey_spec" and kind in ("job_templates", "workflow_job_templates"):
            if method == "POST":
                self.surveys[number] = body
            return 200, self.surveys.get(number, {})
        if what == "create_approval_template" and kind == "workflow_job_template_nodes":
            made = self.make("workflow_approval_templates", {"description": "", "timeout": 0, **body})
            self.objects[kind][number]["unified_job_template"] = made["id"]
            return 201, made
        if what not in LISTS.get(kind, ()):
            raise RefusedError(404, {"detail": "Not found."})
        linked = self.lists.setdefault((number, what), [])
        if method == "POST":
            (linked.remove if body.get("disassociate") else linked.append)(body["id"])
            return 204, None
        other = "credentials" if what == "credentials" else kind
        found = [self.shown(other, self.objects[other][each]) for each in linked]
        return 200, page(f"/api/v2/{kind}/{number}/{what}/", found, query)

    def shown(self, kind: str, one: dict[str, Any]) -> dict[str, Any]:
        """As it is given out: with its links, and without its secrets."""
        given = {**one, "related": {}, "summary_fields": {}}
        if kind in ("job_templates", "workflow_job_templates"):
            given["related"]["survey_spec"] = f"{one['url']}survey_spec/"
        if kind == "workflow_job_template_nodes" and one.get("unified_job_template"):
            target = one["unified_job_template"]
            where = next(name for name in KINDS if target in self.objects[name])
            given["related"]["unified_job_template"] = f"/api/v2/{where}/{target}/"
        if kind == "credentials":
            given["inputs"] = dict.fromkeys(one.get("inputs", {}), "$encrypted$")
        if kind == "projects":
            given.setdefault("scm_revision", "0" * 40)
        return given


def matching(found: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
    """Filters as AWX has them: equality, joined by and; those that begin with or__ joined by or."""
    exact = {name: value for name, value in query.items() if not re.match(r"or__|page", name)}
    either = {name.removeprefix("or__"): value for name, value in query.items() if name.startswith("or__")}
    return [
        one
        for one in found
        if all(str(one.get(name)) == value for name, value in exact.items())
        and (not either or any(str(one.get(name)) == value for name, value in either.items()))
    ]


def page(path: str, found: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    at = int(query.get("page", 1))
    more = {**query, "page": str(at + 1)}
    return {
        "count": len(found),
        "next": f"{path}?{urlencode(more)}" if at * PAGE < len(found) else None,
        "previous": None,
        "results": found[(at - 1) * PAGE : at * PAGE],
    }


class Handler(BaseHTTPRequestHandler):
    """HTTP around it."""

    awx: Awx

    def do_any(self) -> None:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        try:
            body = json.loads(self.rfile.read(length) or b"{}")
            self.let_in(url.path)
            code, said = self.awx.answer(
                self.command, url.path.removeprefix("/api/v2"), dict(parse_qsl(url.query)), body
            )
        except RefusedError as refused:
            code, said = refused.code, refused.said
        content = b"" if said is None else json.dumps(said).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-API-Product-Name", "AWX")
        self.send_header("X-API-Product-Version", "24.6.1")
        self.end_headers()
        self.wfile.write(content)

    def let_in(self, path: str) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise RefusedError(401, {"detail": "Authentication credentials were not provided."})
        if not path.startswith("/api/v2/"):
            raise RefusedError(404, {"detail": "Not found."})

    do_GET = do_POST = do_PATCH = do_DELETE = do_any  # noqa: N815

    def log_message(self, *_args: Any) -> None:
        """Says nothing."""


def serve(awx: Awx) -> ThreadingHTTPServer:
    """Serves it on a free port until shutdown()."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"awx": awx}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
