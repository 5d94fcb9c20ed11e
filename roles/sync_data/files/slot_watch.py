# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Started by cron: one look at the log that is held back. Everything is in the library beside this file."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))

from ansible_collections.dfr.golive.plugins.module_utils._slot_watch import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
