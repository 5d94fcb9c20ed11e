#!/usr/bin/env python3
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills an environment's new database from the dump baked into the image; for staging also with its people.

Runs in the Odoo container as its user: ``registry.py seed.json`` with the keys host, port, user, password,
database, kind (staging, production), uuid, passwords {login: password}, default_password, farmers, photos,
photo_every.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import struct
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path
from typing import Any

BAKED = Path("/usr/share/dfrlab")
FILESTORE = Path("/srv/dfr/odoo/data/filestore")
HERE = Path(__file__).resolve().parent


def psql(database: str, *arguments: str, source: bytes | None = None) -> None:
    """Runs psql as the application's role, stopping at the first error."""
    subprocess.run(
        [
            "psql",
            "--quiet",
            "--no-psqlrc",
            "--set=ON_ERROR_STOP=1",
            "--output=/dev/null",
            *arguments,
            database,
        ],
        input=source,
        check=True,
    )


def picture(number: int) -> bytes:
    """A small picture, its own for every number: sixteen by sixteen dots, as PNG."""
    dots = hashlib.shake_256(f"farmer {number}".encode()).digest(16 * 16 * 3)
    rows = b"".join(b"\0" + dots[line * 48 : (line + 1) * 48] for line in range(16))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def take_photos(settings: dict[str, Any]) -> None:
    """Photos of every n-th farmer: the files under their digests, the rows by COPY."""
    store = FILESTORE / settings["database"]
    every = settings["photo_every"]
    count = min(settings["photos"], settings["farmers"] // every)
    for prefix in range(256):
        (store / f"{prefix:02x}").mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(every, every * count + 1, every):
        body = picture(number)
        digest = hashlib.sha1(body).hexdigest()
        (store / digest[:2] / digest).write_bytes(body)
        rows.append(f"F{number:08d}\t{digest[:2]}/{digest}\t{digest}\t{len(body)}\n")
    psql(
        settings["database"],
        source=(
            "CREATE TEMP TABLE photo (code text, store_fname text, checksum text, file_size int);\n"
            "COPY photo FROM STDIN;\n" + "".join(rows) + "\\.\n"
            "INSERT INTO ir_attachment (name, type, mimetype, res_model, res_field, res_id, store_fname, "
            "checksum, file_size, create_uid, write_uid, create_date, write_date)\n"
            "SELECT 'photo', 'binary', 'image/png', 'dfr.farmer', 'photo', f.id, p.store_fname, p.checksum, "
            "p.file_size, 2, 2, f.create_date, f.create_date "
            "FROM photo AS p JOIN dfr_farmer AS f USING (code) ORDER BY f.id;\n"
        ).encode(),
    )


def set_passwords(settings: dict[str, Any]) -> None:
    """The lab's passwords, hashed as Odoo does; one hash serves all accounts without one of their own."""
    from passlib.context import CryptContext

    context = CryptContext(["pbkdf2_sha512"], pbkdf2_sha512__rounds=600_000)
    named = {login: context.hash(password) for login, password in settings["passwords"].items()}
    script = (
        f"\\set hash '{context.hash(settings['default_password'])}'\n"
        "UPDATE res_users SET password = :'hash' "
        "WHERE login ~ '^(administrator|supervisor|enumerator)[0-9]{3}$';\n"
    )
    for login, hashed in named.items():
        script += f"\\set login '{login}'\n\\set hash '{hashed}'\n"
        script += "UPDATE res_users SET password = :'hash' WHERE login = :'login';\n"
    psql(settings["database"], source=script.encode())


def main() -> int:
    """Fills the database."""
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    os.environ.update(
        PGHOST=settings["host"],
        PGPORT=str(settings["port"]),
        PGUSER=settings["user"],
        PGPASSWORD=settings["password"],
        PGSSLMODE="verify-full",
        PGOPTIONS="-c synchronous_commit=off",
        PGCONNECT_TIMEOUT="10",
    )
    database = settings["database"]
    baked = gzip.decompress((BAKED / f"{settings['kind']}.sql.gz").read_bytes())
    # No server before PostgreSQL 17 knows it.
    psql(database, source=baked.replace(b"\nSET transaction_timeout = 0;\n", b"\n", 1))
    store = FILESTORE / database
    store.mkdir(parents=True, exist_ok=True)
    with tarfile.open(BAKED / "filestore.tar.gz") as files:
        files.extractall(store, filter="data")
    psql(
        database,
        f"--set=uuid={settings['uuid']}",
        "--file=-",
        source=(
            b"UPDATE ir_config_parameter SET value = :'uuid' WHERE key = 'database.uuid';\n"
            b"UPDATE ir_config_parameter"
            b" SET value = encode(sha256(convert_to(:'uuid' || ' secret', 'UTF8')), 'hex')"
            b" WHERE key = 'database.secret';\n"
        ),
    )
    set_passwords(settings)
    if settings["kind"] == "staging":
        psql(database, f"--set=farmers={settings['farmers']}", f"--file={HERE / 'staging.sql'}")
        take_photos(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
