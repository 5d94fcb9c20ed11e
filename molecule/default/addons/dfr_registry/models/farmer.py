# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from odoo import fields, models


class Farmer(models.Model):
    _name = "dfr.farmer"
    _description = "Farmer"
    _order = "id"

    name = fields.Char(required=True, index=True)
    code = fields.Char(
        string="Farmer code",
        required=True,
        copy=False,
        default=lambda self: self.env["ir.sequence"].sudo().next_by_code("dfr.farmer"),
    )
    national_id = fields.Char(index=True)
    phone = fields.Char()
    gender = fields.Selection([("female", "Female"), ("male", "Male")])
    birth_date = fields.Date()
    province = fields.Char(index=True)
    village = fields.Char()
    status = fields.Selection(
        [("draft", "Draft"), ("validated", "Validated"), ("rejected", "Rejected")],
        default="draft",
        required=True,
    )
    consent = fields.Boolean(string="Agreed to be registered")
    photo = fields.Binary(attachment=True)
    household_id = fields.Many2one("dfr.household", index=True, ondelete="restrict")
    farm_ids = fields.One2many("dfr.farm", "farmer_id", string="Farms")
    plot_ids = fields.One2many("dfr.plot", "farmer_id", string="Plots")

    _code_unique = models.Constraint("UNIQUE (code)", "This farmer code is taken.")
