#!/usr/bin/env python3
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SMTP server that keeps each message it receives as a file: /var/mail/lab/new/<number>.eml."""

from __future__ import annotations

import asyncio
import signal
from itertools import count
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

BOX = Path("/var/mail/lab")


class Keeper:
    """Keeps what arrives, with the envelope on top."""

    def __init__(self) -> None:
        for folder in ("tmp", "new", "cur"):
            (BOX / folder).mkdir(parents=True, exist_ok=True)
        self.numbers = count(1 + sum(1 for _ in (BOX / "new").iterdir()))

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  the library's name
        name = f"{next(self.numbers):06d}.eml"
        head = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n"
        part = BOX / "tmp" / name
        part.write_bytes(head.encode() + envelope.original_content)
        part.replace(BOX / "new" / name)
        return f"250 kept as {name}"


def main() -> None:
    """Serves until it is told to stop."""
    controller = Controller(Keeper(), hostname="0.0.0.0", port=25, server_hostname="mail.demo.test")
    controller.start()
    loop = asyncio.new_event_loop()
    stop = loop.create_future()
    loop.add_signal_handler(signal.SIGTERM, stop.set_result, None)
    loop.run_until_complete(stop)
    controller.stop()


if __name__ == "__main__":
    main()
