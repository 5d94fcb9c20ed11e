# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
{  # noqa: B018  Odoo evaluates this file
    "name": "Digital Farmer Registry (lab)",
    "summary": "Farmers, households, farms and plots: a small registry to rehearse a go-live with",
    "version": "19.0.1.0.0",
    "author": "the dfr.golive contributors",
    "license": "GPL-3",
    "category": "Agriculture",
    "depends": ["mail", "auth_signup"],
    "data": [
        "security/groups.xml",
        "security/ir.model.access.csv",
        "data/sequences.xml",
        "views/registry.xml",
    ],
    "application": True,
}
