# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One side of a measurement of `legacy.py`, in a process of its own: settings on stdin, figures on stdout."""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._legacy.load import Terms
from ansible_collections.dfr.golive.plugins.module_utils._legacy.load_target import FieldMeta, OdooTarget
from ansible_collections.dfr.golive.plugins.module_utils._legacy.mapping import parse
from ansible_collections.dfr.golive.plugins.module_utils._legacy.store import Store
from ansible_collections.dfr.golive.plugins.module_utils._legacy.way import Way
from ansible_collections.dfr.golive.plugins.module_utils._odoo import OdooLogin, fetch, wait_for

# entity -> model, columns (a column that ends with /id points to the entity named like it), rows for each farmer
Shape = dict[str, tuple[str, list[str], int]]
SHAPES: dict[str, Shape] = {
    "res.partner": {"people": ("res.partner", ["name", "phone", "email", "street", "city", "ref"], 1)},
    "dfr.farmer": {
        "farmer": (
            "dfr.farmer",
            ["code", "name", "national_id", "phone", "gender", "birth_date", "province", "village", "status"],
            1,
        ),
        "farm": ("dfr.farm", ["name", "farmer_id/id", "province", "village", "tenure"], 1),
        "plot": ("dfr.plot", ["name", "farm_id/id", "area_ha", "latitude", "longitude", "crop"], 2),
    },
}
FIXED = {
    "gender": "female",
    "birth_date": "1970-02-03",
    "province": "Central",
    "village": "Malotea",
    "status": "validated",
    "tenure": "owned",
    "area_ha": "1.25",
    "latitude": "-21.1",
    "longitude": "-175.2",
    "crop": "taro",
    "city": "Malotea",
}
# What an update changes: another value for each row.
CHANGED = {"people": ("phone", "street"), "farmer": ("phone",), "farm": ("name",), "plot": ("name",)}


def cell(column: str, number: int, each: int, turn: str, prefix: str) -> str:
    if column.endswith("/id"):
        return f"{prefix}{number // each}"
    return FIXED.get(column) or f"{column} {number}{turn}"


def rows_of(entity: str, shape: Shape, farmers: int, turn: str, tag: str, prefix: str) -> Iterator[list[str]]:
    _model, columns, each = shape[entity]
    for number in range(farmers * each):
        later = dict.fromkeys(CHANGED[entity], turn)
        yield [
            f"{tag}{number}",
            *(
                cell(
                    c,
                    number,
                    each,
                    later.get(c, "") if c != "code" else tag,
                    prefix.replace("*", c.split("_id/")[0]),
                )
                + (tag if c in ("code", "national_id") else "")
                for c in columns
            ),
        ]


def write(path: Path, header: Sequence[str], rows: Iterator[list[str]], separator: str) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(separator.join(header) + "\n")
        for row in rows:
            file.write(separator.join(row) + "\n")
            count += 1
    return count


def mapping_text(source: str, shape: Shape, folder: Path, watermark: str) -> str:
    entities = {}
    for entity, (model, columns, _each) in shape.items():
        fields: dict[str, Any] = {}
        for column in columns:
            name = column.removesuffix("/id")
            fields[name] = {"from": name}
            if column.endswith("/id"):
                fields[name]["reference"] = name.removesuffix("_id")
            if name in ("area_ha", "latitude", "longitude"):
                fields[name]["steps"] = ["number"]
        entities[entity] = {
            "from": f"{entity}.csv",
            "key": ["key"],
            "model": model,
            "fields": fields,
            "watermark": {"kind": watermark},
        }
    return json.dumps({"source": source, "kind": "csv", "path": str(folder), "entities": entities})


def server_cpu() -> float:
    """Seconds of processor time that the Odoo and its database have used."""
    total = 0.0
    for container in ("dfrlab-production-odoo", "dfrlab-production-db"):
        script = (
            "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null"
            " || awk '/^usage_usec/ {print $2 * 1000}' /sys/fs/cgroup/cpu.stat"
        )
        command = ["docker", "exec", container, "sh", "-c", script]
        total += int(subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout) / 1e9
    return total


def children_cpu() -> float:
    """Seconds of processor time that ended processes of this one have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ours(said: dict[str, Any], target: Any) -> dict[str, Any]:
    shape = SHAPES[said["model"]]
    tag = f"o{time.time_ns() % 10**9}x"
    folder = Path(said["folder"]) / tag
    folder.mkdir()
    found: dict[str, Any] = {"cpu": {}, "client_cpu": {}, "rows": {}}
    store = Store.open(folder / "store.sqlite")
    with closing(store):
        for what, turn in (("insert", ""), ("update", " later")):
            count = 0
            for entity, (_model, columns, _each) in shape.items():
                header = ["key", *(column.removesuffix("/id") for column in columns)]
                rows = rows_of(entity, shape, said["rows"], turn, tag, tag)
                count += write(folder / f"{entity}.csv", header, rows, ",")
            mapping = parse(mapping_text(tag, shape, folder, "none"), "bench.yml")
            way = Way(mapping, {}, store, target, what, Terms(said["workers"]))
            before, mine, begun = server_cpu(), time.process_time(), time.monotonic()
            figures = way.transfer()
            found[what] = count / (time.monotonic() - begun)
            found["cpu"][what] = round(server_cpu() - before, 1)
            found["client_cpu"][what] = round(time.process_time() - mine, 1)
            found["rows"][what] = count
            loaded = sum(entity["loaded"] for entity in figures["entities"].values())
            if loaded != count:
                raise SystemExit(f"{loaded} of {count} rows were loaded")
    return found


def peer(said: dict[str, Any]) -> dict[str, Any]:
    shape = SHAPES[said["model"]]
    tag = f"p{time.time_ns() % 10**9}x"
    folder = Path(said["folder"]) / tag
    folder.mkdir()
    config = folder / "connection.conf"
    config.write_text(
        "[Connection]\nhostname = {host}\ndatabase = {database}\nlogin = {login}\npassword = {password}\n"
        "protocol = jsonrpc\nport = 8069\nuid = 2\n".format(**said),
        encoding="utf-8",
    )
    found: dict[str, Any] = {"cpu": {}, "client_cpu": {}, "rows": {}}
    for what, turn in (("insert", ""), ("update", " later")):
        count, seconds = 0, 0.0
        before, mine = server_cpu(), children_cpu()
        for entity, (model, columns, _each) in shape.items():
            file = folder / f"{entity}.csv"
            prefix = f"__bench_{tag}.*-{tag}"
            rows = (
                [f"__bench_{tag}.{entity}-{row[0]}", *row[1:]]
                for row in rows_of(entity, shape, said["rows"], turn, tag, prefix)
            )
            count += write(file, ["id", *columns], rows, ";")
            begun = time.monotonic()
            subprocess.run(
                [
                    sys.executable,
                    str(Path(sys.executable).with_name("odoo_import_thread.py")),
                    f"--config={config}",
                    f"--file={file}",
                    f"--model={model}",
                    f"--worker={said['workers']}",
                    f"--size={said['batch']}",
                ],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            seconds += time.monotonic() - begun
            failed = sum(1 for _line in (folder / f"{entity}.csv.fail").open(encoding="utf-8")) - 1
            # A batch that it gives up is written to a file: only what came in counts.
            count -= failed
        found[what] = count / seconds
        found["cpu"][what] = round(server_cpu() - before, 1)
        found["client_cpu"][what] = round(children_cpu() - mine, 1)
        found["rows"][what] = count
    return found


class Sink:
    """An Odoo that takes everything and keeps nothing."""

    def __init__(self, model: str) -> None:
        self._fields = {name: FieldMeta("char") for name in SHAPES[model]["people"][1]}
        self._ids = itertools.count(1)

    def user(self) -> int:
        return 2

    def fields(self, _model: str) -> dict[str, FieldMeta]:
        return self._fields

    def may(self, _model: str, _operation: str) -> bool:
        return True

    def newest(self, _model: str) -> int:
        return 0

    def find(
        self, _model: str, domain: Sequence[Any], fields: Sequence[str], *, limit: int | None = None
    ) -> list[dict[str, Any]]:
        return (
            [{"id": i, "write_date": "2026-01-01 00:00:00"} for i in domain[0][2]]
            if fields == ["write_date"]
            else []
        )

    def count(self, _model: str, _domain: Sequence[Any]) -> int:
        return 0

    def create(self, _model: str, rows: Sequence[dict[str, Any]]) -> list[int]:
        return list(itertools.islice(self._ids, len(rows)))

    def load(self, _model: str, _module: str, rows: Sequence[Any]) -> list[int]:
        return list(itertools.islice(self._ids, len(rows)))

    create_named = load

    def write(self, _model: str, changes: Sequence[Any]) -> dict[int, str]:
        return dict.fromkeys((record for record, _values in changes), "2026-01-01 00:00:00")

    def unlink(self, _model: str, _ids: Sequence[int]) -> None:
        return


def through_a_sink(said: dict[str, Any], watermark: str) -> tuple[Callable[[], dict[str, Any]], int]:
    """A source of people that was loaded once; returns what loads it again."""
    folder = Path(said["folder"]) / said["what"]
    folder.mkdir()
    shape = SHAPES["res.partner"]
    count = write(
        folder / "people.csv",
        ["key", *shape["people"][1]],
        rows_of("people", shape, said["rows"], "", "u", ""),
        ",",
    )
    mapping = parse(mapping_text("bench", shape, folder, watermark), "bench.yml")
    store = Store.open(folder / "store.sqlite")
    way = Way(mapping, {}, store, Sink("res.partner"), "first", Terms(said["workers"]))
    return way.transfer, count


def unchanged(said: dict[str, Any]) -> dict[str, Any]:
    """Every row is read and compared by its digest: no watermark tells that the file is the same."""
    again, count = through_a_sink(said, "none")
    again()
    begun = time.monotonic()
    figures = again()
    seconds = time.monotonic() - begun
    if figures["entities"]["people"].get("load", {}).get("inserted"):
        raise SystemExit("rows were loaded again")
    return {"seconds": seconds, "rows": count}


def memory(said: dict[str, Any]) -> dict[str, Any]:
    """The whole way, with an Odoo that takes everything."""
    first, count = through_a_sink(said, "file_digest")
    begun = time.monotonic()
    first()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"megabytes": peak, "rows": count, "seconds": round(time.monotonic() - begun, 1)}


def main() -> None:
    said = json.load(sys.stdin)
    if said["what"] in ("ours", "peer"):
        url = f"http://{said['host']}:8069"
        wait_for("Odoo", lambda: fetch(f"{url}/web/health"), limit=300)
    if said["what"] == "ours":
        login = OdooLogin(url, said["database"], said["login"], said["password"], timeout=600)
        found = ours(said, OdooTarget(login))
    else:
        found = {"peer": peer, "unchanged": unchanged, "memory": memory}[said["what"]](said)
    print(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
