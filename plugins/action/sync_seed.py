# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of sync_seed: as replica's, the copy is made in the background and its progress shown."""

from __future__ import annotations

from typing import Any

from ansible_collections.dfr.golive.plugins.action import replica


class ActionModule(replica.ActionModule):
    """The same, in the words of the go-live."""

    module_name = "dfr.golive.sync_seed"

    def quiet(self, args: dict[str, Any]) -> bool:
        return bool(args.get("method", "replication") != "replication")

    def about(self, args: dict[str, Any]) -> dict[str, Any]:
        source, target = (
            {name: value for name, value in args[side].items() if name not in ("app_role", "uuid")}
            for side in ("source", "target")
        )
        return {
            "name": target["database"],
            "source": source,
            "target": {**target, "database": f"{target['database']}_incoming"},
            "owner": args["target"]["app_role"],
            "reach": args["replication"]["reach"],
            **({"work_dir": args["work_dir"]} if "work_dir" in args else {}),
        }
