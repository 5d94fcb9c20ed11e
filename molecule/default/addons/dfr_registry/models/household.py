# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from odoo import fields, models


class Household(models.Model):
    _name = "dfr.household"
    _description = "Household"
    _order = "id"

    name = fields.Char(required=True)
    code = fields.Char(
        string="Household code",
        required=True,
        copy=False,
        default=lambda self: self.env["ir.sequence"].sudo().next_by_code("dfr.household"),
    )
    province = fields.Char(index=True)
    village = fields.Char()
    size = fields.Integer(string="Members")
    farmer_ids = fields.One2many("dfr.farmer", "household_id", string="Farmers")

    _code_unique = models.Constraint("UNIQUE (code)", "This household code is taken.")
